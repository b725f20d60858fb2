package system

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/kallsyms"
)

// Addresses of amd64 (arch/x86/include/asm/page_64_types.h).
const (
	startKernelMap = 0xffffffff80000000 // __START_KERNEL_map: where the image is mapped
	imageAlign     = 2 << 20            // CONFIG_PHYSICAL_ALIGN, and the size of its pages
	maxImage       = 1 << 30            // KERNEL_IMAGE_SIZE, and the reach of startKernelMap
	userTableBit   = 1 << 12            // of CR3: the user's half of a pair of tables (KPTI)
	// searched is how far into an image its symbols are looked for.
	searched = 128 << 20
)

// linuxImage is a Linux kernel's image as it was found in memory.
type linuxImage struct {
	how      string // "VMCOREINFO", "a CPU's tables": for messages
	sure     bool   // it is what runs: the machine itself leads to it, not a search of memory
	physBase uint64 // VA - startKernelMap + physBase is the physical address, mod 2^64
	root     uint64 // physical address of the top page table
	mode     paging.Mode
	info     *VMCoreInfoText // nil if none was given or found
	symbols  *sym.Table
}

var errNoLinux = fmt.Errorf("%w of Linux for amd64", ErrNoKernel)

// linuxFinder looks for the image of a kernel.
type linuxFinder struct {
	ctx  context.Context
	mem  KernelMemory
	phys mem.Space // of mem; of a machine that has none the image's map of it, once it is found
	why  []error   // what was tried
}

func newLinuxFinder(ctx context.Context, m KernelMemory) *linuxFinder {
	return &linuxFinder{ctx: ctx, mem: m, phys: m.Physical()}
}

// find tries, the cheapest first: VMCOREINFO that came with the memory; the page table
// and the interrupt table of a CPU, which lead to the image; images at every place
// that one may be loaded at; VMCOREINFO anywhere in memory.
func (f *linuxFinder) find() (*linuxImage, error) {
	if onlyVirtual(f.mem) != nil {
		return f.try(f.byAddress)
	}
	return f.try(f.byNote, f.byProcessor, f.byPlace, f.byScan)
}

// try gives what the first way leads to that leads anywhere.
func (f *linuxFinder) try(ways ...func() (*linuxImage, error)) (*linuxImage, error) {
	for _, way := range ways {
		im, err := way()
		if err == nil {
			return im, nil
		}
		f.why = append(f.why, err)
		if err := f.ctx.Err(); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: %w", errNoLinux, errors.Join(f.why...))
}

func (f *linuxFinder) byNote() (*linuxImage, error) {
	src, ok := f.mem.(VMCoreInfo)
	if !ok {
		return nil, errors.New("no VMCOREINFO was given")
	}
	text := src.VMCoreInfo()
	if len(text) == 0 {
		return nil, errors.New("no VMCOREINFO was given")
	}
	im, err := f.byInfo(text)
	if err != nil {
		return nil, fmt.Errorf("VMCOREINFO: %w", err)
	}
	im.how, im.sure = "VMCOREINFO", true
	return im, nil
}

// byInfo takes the text of VMCOREINFO: it has to agree with memory.
func (f *linuxFinder) byInfo(text []byte) (*linuxImage, error) {
	info, ok := ParseVMCoreInfo(text)
	if !ok {
		return nil, errors.New("text is damaged")
	}
	stext, ok := info.Symbols["_stext"]
	base, hasBase := info.Numbers["phys_base"]
	if !ok || !hasBase || stext < startKernelMap {
		return nil, errors.New("_stext or phys_base is missing")
	}
	im := &linuxImage{info: info, physBase: uint64(base), mode: paging.Long4}
	if info.Numbers["pgtable_l5_enabled"] == 1 {
		im.mode = paging.Long5
	}
	for _, name := range []string{"init_top_pgt", "swapper_pg_dir"} {
		if va, ok := info.Symbols[name]; ok && va >= startKernelMap {
			im.root = im.phys(va)
			break
		}
	}
	if err := f.readSymbols(im, im.phys(stext)&^(imageAlign-1)); err != nil {
		return nil, err
	}
	return im, nil
}

// phys is the physical address of one in the image.
func (im *linuxImage) phys(va uint64) uint64 { return va - startKernelMap + im.physBase }

// imageSpace is the image by VA, as far as it is one piece: read without page tables.
type imageSpace struct {
	phys mem.Space
	base uint64
}

// ReadAt implements mem.Space.
func (s imageSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	if uint64(a) < startKernelMap {
		return 0, mem.Fault(a, mem.ErrUnmapped)
	}
	n, err := s.phys.ReadAt(p, a-startKernelMap+mem.Addr(s.base))
	if n < len(p) {
		err = mem.Fault(a+mem.Addr(n), reason(err))
	}
	return n, err
}

// readSymbols reads the symbols of an image that begins at a physical address: by
// VMCOREINFO, else where they look like symbols. It checks them.
func (f *linuxFinder) readSymbols(im *linuxImage, at uint64) error {
	var first error
	if t := im.info.kallsyms(); t.Whole() {
		table, err := kallsyms.Read(imageSpace{f.phys, im.physBase}, t)
		if err == nil {
			im.symbols = table
			return im.check(f.phys)
		}
		first = err
	}
	sp := imageSpace{f.phys, im.physBase}
	t, err := kallsyms.Locate(sp, at-im.physBase+startKernelMap, searched)
	if err == nil {
		if im.symbols, err = kallsyms.Read(sp, t); err == nil {
			return im.check(f.phys)
		}
	}
	return errors.Join(first, err)
}

// kallsyms are the symbol tables that VMCOREINFO names, since 6.0.
func (v *VMCoreInfoText) kallsyms() (t kallsyms.Tables) {
	if v == nil {
		return t
	}
	at := func(name string) uint64 { return v.Symbols["kallsyms_"+name] }
	return kallsyms.Tables{NumSyms: at("num_syms"), Names: at("names"), TokenTable: at("token_table"),
		TokenIndex: at("token_index"), Offsets: at("offsets"), RelativeBase: at("relative_base"), Addresses: at("addresses")}
}

// check tells whether the symbols are those of what lies at physBase, and completes
// the image by them.
func (im *linuxImage) check(phys mem.Space) error {
	banner, ok := im.symbols.ByName("linux_banner")
	if !ok {
		return errors.New("symbols have no linux_banner")
	}
	text, err := mem.ReadString(phys, mem.Addr(im.phys(banner.Value)), 32)
	if err != nil {
		return fmt.Errorf("read banner: %w", err)
	}
	if len(text) < 14 || text[:14] != "Linux version " {
		return fmt.Errorf("no banner at %#x", banner.Value)
	}
	if im.root != 0 {
		return nil
	}
	im.mode = paging.Long4
	if l5, ok := im.symbols.ByName("__pgtable_l5_enabled"); ok {
		if v, err := mem.ReadUint(phys, mem.Addr(im.phys(l5.Value)), 4, binary.LittleEndian); err == nil && v == 1 {
			im.mode = paging.Long5
		}
	}
	for _, name := range []string{"init_top_pgt", "swapper_pg_dir", "init_level4_pgt"} {
		if s, ok := im.symbols.ByName(name); ok {
			im.root = im.phys(s.Value)
			return nil
		}
	}
	return errors.New("symbols have no page table")
}
