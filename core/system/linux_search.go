package system

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sort"
	"sync"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/sym/kallsyms"
)

// PresentMemory is an ability of a KernelMemory most of which was never written, as a
// sparse file: PresentRanges are the physical ranges that may hold anything but zeros,
// ascending; nil if that is not known. A search need not read the rest.
type PresentMemory interface {
	PresentRanges() []mem.Mapping
}

// maxGuess bounds the physical memory of a container that does not tell what it has.
const maxGuess = 1 << 36

// ranges are the physical ranges that a search reads.
func (f *linuxFinder) ranges() []mem.Mapping {
	if p, ok := f.mem.(PresentMemory); ok {
		if r := p.PresentRanges(); r != nil {
			return r
		}
	}
	if p, ok := f.mem.(PhysicalRanges); ok {
		return p.PhysicalRanges()
	}
	if m, ok := f.phys.(mem.Mapper); ok {
		return m.Mappings()
	}
	return []mem.Mapping{{Size: maxGuess}}
}

// byProcessor follows a CPU's page table: to the handlers in its interrupt table, which
// are in the image, or where that is not known to what is mapped where images are.
func (f *linuxFinder) byProcessor() (*linuxImage, error) {
	src, ok := f.mem.(Processors)
	if !ok {
		return nil, errors.New("no registers were given")
	}
	list, err := src.Processors()
	if err != nil {
		return nil, fmt.Errorf("processors: %w", err)
	}
	err = errors.New("registers do not tell of page tables")
	for _, p := range list {
		if !p.System.Has(HasCR3) {
			continue
		}
		var im *linuxImage
		if im, err = f.fromProcessor(&p.System); err == nil {
			im.how, im.sure = "a CPU's tables", true
			return im, nil
		}
	}
	return nil, err
}

func (f *linuxFinder) fromProcessor(r *SystemRegs) (*linuxImage, error) {
	mode := paging.Long4
	if r.Has(HasCR4) && r.CR4&paging.CR4LA57 != 0 {
		mode = paging.Long5
	}
	// The kernel's half of a pair first; without KPTI the bit is the table's own.
	for _, root := range []uint64{r.CR3 &^ (userTableBit | 0xfff), r.CR3 &^ 0xfff} {
		t := paging.New(f.phys, mode, root, paging.Options{})
		va, pa, ok := inImage(t, r)
		if !ok {
			continue
		}
		im := &linuxImage{physBase: pa - (va - startKernelMap)}
		start := imageStart(t, va, pa)
		if data, ok := dataStart(t, start-im.physBase+startKernelMap); ok && f.readSymbols(im, im.phys(data)) == nil {
			return im, nil
		}
		if err := f.readSymbols(im, start); err != nil {
			return nil, err
		}
		return im, nil
	}
	return nil, errors.New("the page tables do not lead to a Linux kernel")
}

// inImage gives an address in the image, which is mapped by large pages, and where it
// is.
func inImage(t *paging.Table, r *SystemRegs) (va, pa uint64, ok bool) {
	if r.Has(HasIDTBase) {
		va, err := gate(t.Space(16), r.IDTBase)
		if err == nil && va >= startKernelMap {
			if pa, size, err := t.Translate(va); err == nil && size >= imageAlign {
				return va, pa, true
			}
		}
	}
	for p, err := range t.Pages(startKernelMap, startKernelMap+maxImage-1) {
		if err == nil && p.PageSize == imageAlign && p.VA >= startKernelMap {
			return p.VA, p.PA, true
		}
	}
	return 0, 0, false
}

// gate is the handler of the first entry of an interrupt table (Intel SDM volume 3A,
// 6.14.1).
func gate(sp mem.Space, idt uint64) (uint64, error) {
	var g [16]byte
	if err := mem.ReadFull(sp, g[:], mem.Addr(idt)); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	return uint64(le.Uint16(g[:])) | uint64(le.Uint16(g[6:]))<<16 | uint64(le.Uint32(g[8:]))<<32, nil
}

// imageStart goes down from an address in the image to where it begins: as long as the
// memory below is mapped, in one piece.
func imageStart(t *paging.Table, va, pa uint64) uint64 {
	va, pa = va&^(imageAlign-1), pa&^(imageAlign-1)
	for range searched / imageAlign {
		below, _, err := t.Translate(va - imageAlign)
		if err != nil || below != pa-imageAlign || va <= startKernelMap {
			break
		}
		va, pa = va-imageAlign, below
	}
	return pa
}

// dataStart is where the code of an image that begins at va ends, by what may not be
// executed: the symbols are behind it. ok is false where a kernel does not tell code from
// data.
func dataStart(t *paging.Table, va uint64) (at uint64, ok bool) {
	for p, err := range t.Pages(va, min(va+searched-1, startKernelMap+maxImage-1)) {
		if err == nil && p.Prot&mem.ProtExec == 0 {
			return p.VA, true
		}
	}
	return 0, false
}

// entryCode are the first bytes of an image: of startup_64 up to 6.6 (lea stack(%rip),
// %rsp), since then (mov %rsi, %r15 and the same), before 4.14 (lea _text(%rip), %rbp);
// and what may come first: the padding before a function, where calls are patched (6.12),
// a barrier and a jump (7.3).
var entryCode = [][]byte{
	{0x48, 0x8d, 0x25}, {0x49, 0x89, 0xf7, 0x48, 0x8d, 0x25}, {0x48, 0x8d, 0x2d}, {0xe8, 0, 0, 0, 0, 0x5d},
	{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90},
	{0x66, 0x90, 0x0f, 0xae, 0xe8, 0xe9},
}

// byPlace looks at each place an image may begin at.
func (f *linuxFinder) byPlace() (*linuxImage, error) {
	var code [8]byte
	tried := 0
	ranges := f.ranges()
	limit := newSearchLimit(f.ctx, f.mem, ranges)
	limit.least *= placesWorth
	defer limit.end()
	for _, r := range ranges {
		for at := (uint64(r.Base) + imageAlign - 1) &^ (imageAlign - 1); r.Contains(mem.Addr(at)); at += imageAlign {
			if !limit.more(imageAlign) {
				return nil, cmp.Or(f.ctx.Err(), errors.New("no image begins where one may be loaded"+limit.end()))
			}
			if n, _ := f.phys.ReadAt(code[:], mem.Addr(at)); n < len(code) || !isEntry(code[:]) {
				continue
			}
			if tried++; tried > maxTried {
				return nil, errors.New("too much looks like an image and is none")
			}
			if im, err := f.imageAt(at); err == nil {
				im.how = "its image"
				return im, nil
			}
		}
	}
	return nil, errors.New("no image begins where one may be loaded")
}

// placesWorth is how many times as much memory is gone through by the places alone, of
// which no more than a few bytes are read, as where all of it is read.
const placesWorth = 32

// maxTried bounds how often an image is looked into that is none: it costs a search of
// all that one may take.
const maxTried = 16

func isEntry(code []byte) bool {
	for _, c := range entryCode {
		if bytes.HasPrefix(code, c) {
			return true
		}
	}
	return false
}

// imageAt reads the symbols of what may be an image; _text tells where it is mapped.
func (f *linuxFinder) imageAt(at uint64) (*linuxImage, error) {
	t, err := kallsyms.Locate(f.phys, at, searched)
	if err != nil {
		return nil, err
	}
	im := &linuxImage{}
	if im.symbols, err = kallsyms.Read(f.phys, t); err != nil {
		return nil, err
	}
	if t.ByPlace() {
		return im, f.fromPlace(im, t)
	}
	text, ok := im.symbols.ByName("_text")
	if !ok {
		return nil, errors.New("symbols have no _text")
	}
	im.physBase = at - (text.Value - startKernelMap)
	return im, im.check(f.phys)
}

// fromPlace reads symbols again whose values count from where they are: by physical
// memory they are physical addresses. The image's own variable phys_base tells what they
// are by.
func (f *linuxFinder) fromPlace(im *linuxImage, t kallsyms.Tables) error {
	at, ok := im.symbols.ByName("phys_base")
	if !ok {
		return errors.New("symbols have no phys_base")
	}
	var err error
	if im.physBase, err = mem.ReadUint(f.phys, mem.Addr(at.Value), 8, binary.LittleEndian); err != nil {
		return fmt.Errorf("read phys_base: %w", err)
	}
	if im.symbols, err = kallsyms.Read(imageSpace{f.phys, im.physBase}, t.Moved(startKernelMap-im.physBase)); err != nil {
		return err
	}
	return im.check(f.phys)
}

// Marks of VMCOREINFO: its first line, and one of its last.
var (
	infoStart = []byte("OSRELEASE=")
	infoMark  = []byte("\nKERNELOFFSET=")
)

// scanChunk is what a worker of byScan takes at once.
const scanChunk = 4 << 20

// byScan searches memory for VMCOREINFO. A text that does not agree with memory is another
// machine's: a nested guest's, a file's.
func (f *linuxFinder) byScan() (*linuxImage, error) {
	ranges := f.ranges()
	limit := newSearchLimit(f.ctx, f.mem, ranges)
	next, stop := iter.Pull(pieces(likeliest(ranges), scanChunk))
	defer stop()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		found *linuxImage
	)
	take := func() (mem.Mapping, bool) {
		mu.Lock()
		defer mu.Unlock()
		if found != nil {
			return mem.Mapping{}, false
		}
		chunk, ok := next()
		return chunk, ok && limit.more(chunk.Size)
	}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			buf := make([]byte, scanChunk+maxVMCoreInfo)
			for chunk, ok := take(); ok; chunk, ok = take() {
				f.scan(buf, withMore(chunk, ranges), func(text []byte) bool {
					mu.Lock()
					defer mu.Unlock()
					if found == nil {
						if im, err := f.byInfo(text); err == nil {
							found = im
						}
					}
					return found == nil
				})
			}
		})
	}
	wg.Wait()
	left := limit.end()
	if found == nil {
		return nil, errors.New("no VMCOREINFO in memory that agrees with it" + left)
	}
	found.how = "VMCOREINFO in memory"
	return found, nil
}

// withMore is a chunk with what may be the end of a text that begins in it; ranges are
// ascending.
func withMore(c mem.Mapping, ranges []mem.Mapping) mem.Mapping {
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i].End() > c.Base })
	if i < len(ranges) && ranges[i].Contains(c.Base) {
		c.Size = min(c.Size+maxVMCoreInfo, uint64(ranges[i].End()-c.Base))
	}
	return c
}

// scan yields the texts that begin in the first scanChunk bytes of a range.
func (f *linuxFinder) scan(buf []byte, r mem.Mapping, yield func([]byte) bool) {
	b := buf[:r.Size]
	if v, ok := f.phys.(mem.Viewer); ok {
		if view := v.View(r.Base, int(r.Size)); view != nil {
			b = view
		} else {
			ok = false
		}
		if ok {
			yieldInfos(b, yield)
			return
		}
	}
	for done := 0; done < len(b); {
		n, err := f.phys.ReadAt(b[done:], r.Base+mem.Addr(done))
		if done += n; err == nil || done >= len(b) {
			break
		}
		hole := min(len(b)-done, pageSize-(int(r.Base)+done)%pageSize)
		clear(b[done : done+hole])
		done += hole
	}
	yieldInfos(b, yield)
}

func yieldInfos(b []byte, yield func([]byte) bool) {
	for off := 0; ; {
		i := bytes.Index(b[off:], infoStart)
		if i < 0 || off+i >= scanChunk {
			return
		}
		off += i
		text, _, _ := bytes.Cut(b[off:min(len(b), off+maxVMCoreInfo)], []byte{0})
		if bytes.Contains(text, infoMark) && !yield(text) {
			return
		}
		off += len(infoStart)
	}
}
