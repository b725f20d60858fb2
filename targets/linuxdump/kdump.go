package linuxdump

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/mem"
)

const (
	descriptorSize = 24 // offset 8, size 4, flags 4, page flags 8
	levelZero      = 1  // makedumpfile -d 1: pages of zeros are left out
	levelMask      = 0x1f
	pageCacheSize  = 16 << 20 // bytes of decompressed pages
)

// kdump is memory by physical address in one or several kdump files. It is a
// mem.Viewer.
type kdump struct {
	files  []*kdumpFile // by the pages that they have
	shift  uint
	size   uint64
	frames uint64 // page frames, by the headers
	cache  *pageCache
	zeros  []byte // a page
	split  bool
}

// kdumpFile is one file.
type kdumpFile struct {
	*kdumpHeader
	name        string
	size        uint64
	r           io.ReaderAt
	file        *mem.Cache
	ram, dumped bitmap
	first       uint64        // rank of the first page that the file has
	zero        atomic.Uint64 // offset of the page of zeros that pages share; 0 while it is not known
	runs        []run
}

// openKdump takes the memory of a dump in parts, the first of which has been looked at.
func (t *Target) openKdump(ctx context.Context, parts []part) error {
	k := &kdump{}
	for _, p := range parts {
		f, err := t.openKdumpFile(ctx, p, max(fileCache/len(parts), fileCache/8))
		if err != nil {
			if len(parts) > 1 && ctx.Err() == nil {
				err = fmt.Errorf("%s: %w", p.name, err)
			}
			return err
		}
		k.files = append(k.files, f)
	}
	first := k.files[0]
	if err := t.setMachine(first.machine); err != nil {
		return err
	}
	k.shift, k.size, k.frames, k.split = first.blockShift, first.blockSize, first.pages, first.split
	k.zeros = make([]byte, k.size)
	k.cache = newPageCache(pageCacheSize >> k.shift)
	if err := k.sortFiles(); err != nil {
		return err
	}
	t.physical = k
	t.ranges = k.ranges()
	t.warnXen()
	return t.describeKdump(ctx, k)
}

// sortFiles checks that files belong together.
func (k *kdump) sortFiles() error {
	first := k.files[0]
	for _, f := range k.files[1:] {
		switch {
		case !f.split || !first.split:
			return fmt.Errorf("%s and %s are not parts of one dump", first.name, f.name)
		case f.head != first.head || f.blockSize != first.blockSize || f.pages != first.pages:
			return fmt.Errorf("%s and %s are of different dumps", first.name, f.name)
		}
	}
	slices.SortFunc(k.files, func(a, b *kdumpFile) int { return cmp.Compare(a.start, b.start) })
	for i, f := range k.files[1:] {
		if f.start < k.files[i].end {
			return fmt.Errorf("%s and %s have the same pages", k.files[i].name, f.name)
		}
	}
	return nil
}

func (t *Target) openKdumpFile(ctx context.Context, p part, cache int) (*kdumpFile, error) {
	h, err := readKdumpHeader(p.r)
	if err != nil {
		return nil, err
	}
	f := &kdumpFile{kdumpHeader: h, name: p.name, size: p.size, r: p.r, file: mem.NewCache(p.r, int64(p.size), cache)}
	ram, dumped := h.bitmaps()
	f.ram = bitmap{file: f.file, off: ram}
	f.dumped = bitmap{file: f.file, off: dumped}
	if _, err := f.ram.count(ctx, h.pages); err != nil {
		return nil, err
	}
	if f.runs, err = f.dumped.count(ctx, h.pages); err != nil {
		return nil, err
	}
	f.first, _ = f.dumped.rank(h.start)
	t.kdumpNotes(f, p)
	return f, nil
}

// kdumpNotes reads the notes and VMCOREINFO of a file.
func (t *Target) kdumpNotes(f *kdumpFile, p part) {
	read := func(what string, r fileRange) []byte {
		if r.n == 0 || r.off == 0 {
			return nil
		}
		if r.n > maxNotes {
			t.warn("%s not read: it would be %d bytes", what, r.n)
			return nil
		}
		b := make([]byte, min(r.n, p.size-min(p.size, r.off)))
		n, _ := p.r.ReadAt(b, int64(min(r.off, 1<<62)))
		if uint64(n) < r.n {
			t.warn("%s cut off: the file has %d of %d bytes", what, n, r.n)
		}
		return b[:n]
	}
	if len(t.notes.prstatus)+len(t.notes.qemu) == 0 { // of a split dump, all files have them
		if err := t.notes.parse(read("notes are", f.note)); err != nil {
			t.warn("%v", err)
		}
	}
	if t.notes.vmcoreinfo == nil {
		if b := read("VMCOREINFO is", f.info); len(b) > 0 {
			t.notes.vmcoreinfo = trimNUL(b)
		}
	}
}

// holder gives the file that a page is in; nil if none is.
func (k *kdump) holder(pfn uint64) *kdumpFile {
	for _, f := range k.files {
		if pfn >= f.start && pfn < f.end {
			return f
		}
	}
	return nil
}

// errOtherFile is a page in a file of a split dump that was not given.
var errOtherFile = fmt.Errorf("%w: in another file of the split dump", mem.ErrNotDumped)

// lookup finds where a page is; err is why it is nowhere. zero tells that it is all
// zeros by the dump's word.
func (k *kdump) lookup(pfn uint64) (f *kdumpFile, index uint64, zero bool, err error) {
	if pfn >= k.frames {
		return nil, 0, false, mem.ErrUnmapped
	}
	if f = k.holder(pfn); f == nil {
		if set, ok := k.files[0].ram.set(pfn); ok && !set {
			return nil, 0, false, mem.ErrUnmapped
		}
		return nil, 0, false, errOtherFile
	}
	set, ok := f.dumped.set(pfn)
	switch ram, ramOK := f.ram.set(pfn); {
	case ramOK && !ram:
		return nil, 0, false, mem.ErrUnmapped
	case !ok || !ramOK:
		return nil, 0, false, mem.ErrTruncated
	case !set && f.hasLevel && f.level&levelMask == levelZero:
		return f, 0, true, nil
	case !set:
		return nil, 0, false, mem.ErrFiltered
	}
	rank, ok := f.dumped.rank(pfn)
	if !ok || rank < f.first {
		return nil, 0, false, mem.ErrTruncated
	}
	return f, rank - f.first, false, nil
}

// page gives all bytes of a page, which are never changed; the error is a reason of
// package mem or errDamaged.
func (k *kdump) page(pfn uint64) ([]byte, error) {
	if b := k.cache.get(pfn); b != nil {
		return b, nil
	}
	f, i, zero, err := k.lookup(pfn)
	if err != nil {
		return nil, err
	}
	b := k.zeros
	if !zero {
		if b, err = f.read(k, i, nil); err != nil {
			return nil, err
		}
	}
	k.cache.put(pfn, b)
	return b, nil
}

// read gives the page of a descriptor, in dst if it is not nil, else in new memory or
// as the page of zeros.
func (f *kdumpFile) read(k *kdump, i uint64, dst []byte) ([]byte, error) {
	var d [descriptorSize]byte
	if err := mem.ReadFull(f.file, d[:], mem.Addr(f.descriptors+i*descriptorSize)); err != nil {
		return nil, f.missing(err)
	}
	off, size, flags := le.Uint64(d[:]), uint64(le.Uint32(d[8:])), le.Uint32(d[12:])
	switch {
	case off == 0:
		return nil, f.unwritten()
	case size == 0 || size > k.size:
		return nil, damaged("a page of %d bytes", size)
	case off == f.zero.Load() && size == k.size && flags&pageCompressed == 0:
		if dst == nil {
			return k.zeros, nil
		}
		clear(dst)
		return dst, nil
	case off >= f.size || size > f.size-off:
		return nil, mem.ErrTruncated
	}
	src := f.file.View(mem.Addr(off), int(size))
	if src == nil {
		src = make([]byte, size)
		if err := mem.ReadFull(f.file, src, mem.Addr(off)); err != nil {
			return nil, f.missing(err)
		}
	}
	shared := dst == nil
	if shared {
		dst = make([]byte, k.size)
	}
	if err := decompress(dst, src, flags); err != nil {
		return nil, err
	}
	if flags&pageCompressed == 0 && allZero(dst) {
		f.zero.Store(off)
		if shared {
			return k.zeros, nil
		}
	}
	return dst, nil
}

// unwritten is why a descriptor leads nowhere: whoever wrote the dump came to an end.
func (f *kdumpFile) unwritten() error {
	if f.status&statusPartial != 0 {
		return mem.ErrNotDumped
	}
	return mem.ErrTruncated
}

// missing is why a part of the file cannot be read.
func (f *kdumpFile) missing(err error) error {
	err = mem.Reason(err)
	if errors.Is(err, mem.ErrEOF) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return mem.ErrTruncated
	}
	return err
}

func allZero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if le.Uint64(b) != 0 {
			return false
		}
	}
	return true
}

// View implements mem.Viewer.
func (k *kdump) View(a mem.Addr, n int) []byte {
	off := uint64(a) & (k.size - 1)
	if n < 0 || off+uint64(n) > k.size {
		return nil
	}
	p, err := k.page(uint64(a) >> k.shift)
	if err != nil {
		return nil
	}
	return p[off : off+uint64(n) : off+uint64(n)]
}

// ReadAt implements mem.Space.
func (k *kdump) ReadAt(b []byte, a mem.Addr) (int, error) {
	if uint64(len(b)) >= manyPages*k.size {
		return k.readMany(b, a)
	}
	return k.readFew(b, a)
}

func (k *kdump) readFew(b []byte, a mem.Addr) (int, error) {
	done := 0
	for done < len(b) {
		at := a + mem.Addr(done)
		if at < a {
			return done, mem.Fault(at, mem.ErrUnmapped)
		}
		p, err := k.page(uint64(at) >> k.shift)
		if err != nil {
			return done, mem.Fault(at, err)
		}
		done += copy(b[done:], p[uint64(at)&(k.size-1):])
	}
	return done, nil
}
