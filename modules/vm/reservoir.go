package vm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Since 2021 guests' memory comes of a reservoir (vmm_reservoir.c). A vm_object's memory
// is a vmmr_region: spans of the reservoir's own addresses, which are offsets in a vnode
// of the kernel's, kvps[KV_VVP], whose pages the table of all pages finds. The kernel has
// them mapped nowhere but in segkpm, so a page that the guest has not touched, and that no
// nested page table has, is found this way only.

type regionLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Bytes     kernel.Field `ctf:"vr_size"`
	Spans     kernel.Field `ctf:"vr_spans"` // by vs_region_addr
	Transient kernel.Field `ctf:"vr_transient,optional"`
}

type spanLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Addr   kernel.Field `ctf:"vs_addr"`
	Bytes  kernel.Field `ctf:"vs_size"`
	Region kernel.Field `ctf:"vs_region_addr"`
}

// span is a piece of a region: where it begins in the region, its address in the
// reservoir, bytes.
type span struct{ at, addr, len uint64 }

// reserved is the memory of a vmmr_region. Its addresses are offsets in the region.
type reserved struct {
	spans     []span // ascending
	transient bool   // made for this machine, and not out of what was set aside
	hash      *kernel.PageHash
	vnode     uint64
}

// reserved reads the region at an address.
func (g *bhyveVM) reserved(at uint64) (*reserved, error) {
	l, b, err := read(g.v, "struct vmmr_region", at, func(l *regionLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	sl, err := kernel.Lay[spanLayout](g.v, "struct vmmr_span")
	if err != nil {
		return nil, err
	}
	r := &reserved{transient: l.Transient.Of(b) != 0}
	if r.vnode, err = reservoirVnode(g.v); err != nil {
		return nil, err
	}
	if r.hash, err = kernel.OpenPageHash(g.v); err != nil {
		return nil, err
	}
	end := uint64(0)
	for a, err := range g.v.Tree("vmmr_span", at+l.Spans.Off) {
		if err != nil {
			return nil, err
		}
		_, sb, err := read(g.v, "struct vmmr_span", a, func(l *spanLayout) uint64 { return l.Size })
		if err != nil {
			return nil, err
		}
		s := span{sl.Region.Of(sb), sl.Addr.Of(sb), sl.Bytes.Of(sb)}
		if s.at != end || s.len == 0 || s.at+s.len < s.at || (s.at|s.addr|s.len)%pageSize != 0 {
			return nil, fmt.Errorf("vmmr_span %x: it has %#x bytes at %#x, where %#x would be", a, s.len, s.at, end)
		}
		end = s.at + s.len
		r.spans = append(r.spans, s)
	}
	if n := l.Bytes.Of(b); end != n {
		return nil, fmt.Errorf("vmmr_region %x: its spans have %#x bytes of %#x", at, end, n)
	}
	return r, nil
}

// reservoirVnode is the address of kvps[KV_VVP], the vnode of the reservoir's pages.
func reservoirVnode(v *kernel.View) (uint64, error) {
	kvps, err := v.Symbol("unix", "kvps")
	if err != nil {
		return 0, kernel.Failed(err, "failed to find kvps")
	}
	size, err := v.Size("vnode_t")
	if err != nil {
		return 0, err
	}
	const vvp = 2 // KV_VVP of enum kvps_index (sys/vnode.h)
	return kvps.Value + vvp*size, nil
}

// Translate gives the host's physical address of an offset in the region, and how many
// bytes from it on lie on the same page.
func (r *reserved) Translate(off uint64) (pa, n uint64, err error) {
	i, exact := slices.BinarySearchFunc(r.spans, off, func(s span, off uint64) int {
		switch {
		case s.at > off:
			return 1
		case s.at < off:
			return -1
		}
		return 0
	})
	if !exact {
		i--
	}
	if i < 0 || off-r.spans[i].at >= r.spans[i].len {
		return 0, 0, mem.ErrUnmapped
	}
	in := off % pageSize
	page, pfn, err := r.hash.Lookup(r.vnode, r.spans[i].addr+off-r.spans[i].at-in)
	switch {
	case err != nil:
		return 0, 0, err
	case page == 0:
		return 0, 0, errNoPage
	}
	return pfn<<pageShift + in, pageSize - in, nil
}

// errNoPage is why an offset of a region has no memory, which it always should.
var errNoPage = errors.New("the reservoir has no page there")

// guestPages is the memory of a region of guest-physical addresses: by the nested page
// tables what the guest has touched, by the reservoir the rest.
type guestPages struct {
	nested *nestedSpace
	gpa    uint64 // of the region
	off    uint64 // of the region in its object
	resv   *reserved
}

// Translate gives the host's physical address of a guest-physical one, and how many
// bytes from it on lie on the same page. Its errors are reasons.
func (s *guestPages) Translate(gpa uint64) (pa, n uint64, err error) {
	pa, n, err = s.nested.Translate(gpa)
	if err == nil || s.resv == nil {
		return pa, n, err
	}
	rpa, rn, rerr := s.resv.Translate(gpa - s.gpa + s.off)
	if rerr == nil {
		return rpa, rn, nil
	}
	if errors.Is(err, errNotTouched) {
		err = rerr
	}
	return 0, 0, err
}

// ReadAt implements mem.Space.
func (s *guestPages) ReadAt(p []byte, a mem.Addr) (int, error) {
	return readPages(s.nested.phys, s.Translate, p, a)
}

// hostPhysical is the host's physical memory.
func (g *bhyveVM) hostPhysical() (mem.Space, error) {
	ph, ok := core.As[core.Physical](g.v.Session().Context())
	if !ok {
		return nil, errors.New("the target has no physical memory")
	}
	return ph.Physical(), nil
}
