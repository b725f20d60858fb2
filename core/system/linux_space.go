package system

import (
	"errors"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
)

// linuxSpace is a virtual address space: that of page tables, and for the kernel's
// what stands in where tables cannot be read (a dump may lack them): the map of all
// physical memory, by arithmetic, and what the container gives by virtual address.
type linuxSpace struct {
	*paging.Space
	phys      mem.Space
	directMap uint64
	also      mem.Space
}

func (k *LinuxKernel) newSpace(t *paging.Table, pages int) *linuxSpace {
	return &linuxSpace{Space: t.Space(pages), phys: k.phys}
}

// directSize bounds the map of physical memory: 64 TB with four levels of page tables.
const directSize = 1 << 46

// ReadAt implements mem.Space.
func (s *linuxSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	n, err := s.Space.ReadAt(p, a)
	for n < len(p) {
		at := a + mem.Addr(n)
		if at < a {
			return n, err
		}
		got := s.standIn(p[n:], at, err)
		if got == 0 {
			return n, err
		}
		n += got
		if n < len(p) {
			var more int
			more, err = s.Space.ReadAt(p[n:], a+mem.Addr(n))
			n += more
		}
	}
	return n, nil
}

// standIn reads up to the end of a page what the tables did not give, because of err.
func (s *linuxSpace) standIn(p []byte, at mem.Addr, err error) int {
	p = p[:min(len(p), int(pageSize-at%pageSize))]
	if s.also != nil {
		if n, _ := s.also.ReadAt(p, at); n > 0 {
			return n
		}
	}
	// A page that is not mapped is not in the map of physical memory either: that is
	// for tables that cannot be read.
	if s.directMap == 0 || errors.Is(err, mem.ErrUnmapped) || uint64(at)-s.directMap >= directSize {
		return 0
	}
	n, _ := s.phys.ReadAt(p, at-mem.Addr(s.directMap))
	return n
}

// WriteAt implements mem.Writer where the memory does.
func (s *linuxSpace) WriteAt(p []byte, a mem.Addr) (int, error) { return s.Space.WriteAt(p, a) }

// Translate implements core.Translator, for the kernel's address space.
func (k *LinuxKernel) Translate(va uint64) (uint64, error) {
	pa, _, err := k.table.Translate(va)
	return pa, err
}

// PageTable is the kernel's page table.
func (k *LinuxKernel) PageTable() *paging.Table { return k.table }

// fixedMaps are where kernels have the map of all memory, and that of its struct pages,
// which do not move them (CONFIG_DYNAMIC_MEMORY_LAYOUT is not set): four and five levels of
// page tables, since 4.20 and before (Documentation/arch/x86/x86_64/mm.rst).
var fixedMaps = []struct{ direct, vmemmap uint64 }{
	{0xffff888000000000, 0xffffea0000000000}, {0xff11000000000000, 0xffd4000000000000},
	{0xffff880000000000, 0xffffea0000000000}, {0xff10000000000000, 0xffd4000000000000},
}

// findDirectMap gives the VA of the map of all memory; 0 if it is not known. Where no
// variable has it, it is where the page tables have the image a second time.
func (k *LinuxKernel) findDirectMap() uint64 {
	if at, err := k.Uint("page_offset_base", 8); err == nil {
		return at
	}
	banner, _ := k.Symbol("linux_banner")
	for _, m := range fixedMaps {
		want := k.image.phys(banner)
		if pa, _, err := k.table.Translate(m.direct + want); err == nil && pa == want {
			return m.direct
		}
	}
	return 0
}

// VirtualMemoryMap is the VA of the struct page of the first page of memory, the first of
// an array of all; 0 if it is not known.
func (k *LinuxKernel) VirtualMemoryMap() uint64 {
	if at, err := k.Uint("vmemmap_base", 8); err == nil {
		return at
	}
	for _, m := range fixedMaps {
		if m.direct == k.directMap {
			return m.vmemmap
		}
	}
	return 0
}

// DirectMap is the VA at which all physical memory is mapped; 0 if it is not known.
func (k *LinuxKernel) DirectMap() uint64 { return k.directMap }

// VirtualAddresses implements core.Inverse: where a physical address is mapped in the
// map of physical memory and in the image.
func (k *LinuxKernel) VirtualAddresses(pa uint64, yield func(as, va uint64) bool) {
	mm, _ := k.Symbol("init_mm")
	for _, va := range []uint64{k.directMap + pa, pa - k.image.physBase + startKernelMap} {
		if back, err := k.Translate(va); err == nil && back == pa && !yield(mm, va) {
			return
		}
	}
}

// CurrentTable implements core.Paged: the kernel's page table.
func (k *LinuxKernel) CurrentTable() (*paging.Table, error) { return k.table, nil }
