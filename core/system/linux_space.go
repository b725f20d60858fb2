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
