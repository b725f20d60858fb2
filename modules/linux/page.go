package linux

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// pageShift is that of amd64.
const (
	pageShift = 12
	pageSize  = 1 << pageShift
)

// pages knows where the structs page of memory lie: one array by page frame number, the
// virtual memory map.
type pages struct {
	v        *kernel.View
	vmemmap  uint64 // VA of the struct page of frame 0
	direct   uint64 // VA of physical address 0
	size     uint64 // of a struct page
	head     kernel.Field
	typed    bool // slabs are told by page_type (since 6.10), not by a flag
	slabFlag uint64
	pageType kernel.Field
}

// pagesOf gives the session's.
func pagesOf(v *kernel.View) (*pages, error) {
	type memoKey struct{}
	return core.Memo(v.Session(), memoKey{}, func() (*pages, error) { return newPages(v) })
}

// slabType is PGTY_slab, in the highest byte of page_type, since 6.12; before it was a bit
// that is clear where the type is set.
const slabType = 0xf5

func newPages(v *kernel.View) (*pages, error) {
	k, err := kernelOf(v.Session())
	if err != nil {
		return nil, err
	}
	p := &pages{v: v, vmemmap: k.VirtualMemoryMap(), direct: k.DirectMap()}
	if p.vmemmap == 0 || p.direct == 0 {
		return nil, errors.New("where the kernel has memory and its struct pages is not known")
	}
	if p.size, err = v.Size("struct page"); err != nil {
		return nil, err
	}
	if p.size == 0 || p.size > 256 {
		return nil, fmt.Errorf("struct page: a size of %d cannot be", p.size)
	}
	if p.head, err = v.Member("struct page", "compound_head"); err != nil {
		return nil, err
	}
	if p.pageType, err = v.Member("struct page", "page_type"); err != nil {
		return nil, err
	}
	if bit, ok := v.Enumerator("enum pageflags", "PG_slab"); ok {
		p.slabFlag = 1 << uint(bit)
	} else {
		p.typed = true
	}
	return p, nil
}

// pfn is the frame that a struct page is of.
func (p *pages) pfn(page uint64) uint64 { return (page - p.vmemmap) / p.size }

// page is the struct page of a frame.
func (p *pages) page(pfn uint64) uint64 { return p.vmemmap + pfn*p.size }

// address is where the kernel sees the frame of a struct page.
func (p *pages) address(page uint64) uint64 { return p.direct + p.pfn(page)<<pageShift }

// headOf is the first struct page of the compound page that one belongs to.
func (p *pages) headOf(page uint64) (uint64, error) {
	h, err := p.v.Pointer(page + p.head.Off)
	if err != nil {
		return 0, kernel.BadRead("struct page", page, err)
	}
	if h&1 != 0 {
		return h &^ 1, nil
	}
	return page, nil
}

// inDirectMap tells whether an address lies where the kernel sees all memory, and of which
// frame it is.
func (p *pages) inDirectMap(addr uint64) (pfn uint64, ok bool) {
	if addr < p.direct || addr >= p.vmemmap {
		return 0, false
	}
	return (addr - p.direct) >> pageShift, bits.Len64(addr-p.direct) <= 52
}
