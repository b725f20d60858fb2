package vm

import (
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

type objectLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Type  kernel.Field `ctf:"vmo_type"`
	Bytes kernel.Field `ctf:"vmo_size"`
	Data  kernel.Field `ctf:"vmo_data"`
	// Pager is a function of the object up to 2022: before there was a reservoir (2021)
	// an object's data is the kernel's address of its memory.
	Pager kernel.Field `ctf:"vmo_pager,optional"`
}

// Types of objects: since 2021 (enum vm_object_type of vmm_vm.c), and before
// (vm/vm_object.h), when an object had a pager.
const (
	objMem  = 1
	objMMIO = 2

	objDefault = 0
)

// object finds where the host has a region that is the piece at off of a vm_object.
//
// Memory of kvmm_arena is mapped in the kernel (segkvmm): there the region is read at
// the address, through the kernel's page tables. Memory of the reservoir is that of a
// vmmr_region, that of a device the host's physical memory; of other memory only what
// the guest has touched is found, by the nested page tables.
func (g *bhyveVM) object(r *Region, off uint64) error {
	l, b, err := read(g.v, "struct vm_object", r.Object, func(l *objectLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	if size := l.Bytes.Of(b); off > size || r.Len > size-off {
		return fmt.Errorf("vm_object %x: %#x bytes at %#x are more than its %#x", r.Object, r.Len, off, size)
	}
	data := l.Data.Of(b)
	kind, old := l.Type.Of(b), l.Pager.OK()
	switch {
	case old && kind == objDefault && g.pager(l, b, "vm_object_pager_heap"):
		r.Host, r.Src = data+off, g.v.Space()
		return nil
	case !old && kind == objMMIO:
		r.Flags = flagged(r.Flags, "mmio")
		if r.Src, err = g.hostPhysical(); err == nil {
			r.Host = data + off
		}
		return err
	}
	t, err := g.nested()
	if err != nil {
		return err
	}
	pages := &guestPages{nested: t, gpa: r.GPA, off: off}
	r.Host, r.Src = r.GPA, pages
	if !old && kind == objMem || old && g.pager(l, b, "vm_object_pager_reservoir") {
		if pages.resv, err = g.reserved(data); err != nil {
			return fmt.Errorf("what the guest has not touched is not found: %w", err)
		}
		r.Flags = flagged(r.Flags, pick(pages.resv.transient, "transient", "reservoir"))
	}
	return nil
}

type mappingLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Object kernel.Field `ctf:"vmsm_object"`
	Addr   kernel.Field `ctf:"vmsm_addr"`
	Len    kernel.Field `ctf:"vmsm_len"`
	Off    kernel.Field `ctf:"vmsm_offset"`
	Prot   kernel.Field `ctf:"vmsm_prot"`
}

// passthru are the pieces that the machine's vmspace has mapped beside its memory maps:
// memory of the host's devices that are given to it.
func (g *bhyveVM) passthru(maps []Region) (list []Region, err error) {
	f, err := g.v.Member("struct vmspace", "vms_maplist")
	if err != nil {
		return nil, err
	}
	for a, err := range g.v.List("struct vmspace_mapping", g.l.Space.Of(g.b)+f.Off) {
		if err != nil {
			return list, err
		}
		l, b, err := read(g.v, "struct vmspace_mapping", a, func(l *mappingLayout) uint64 { return l.Size })
		if err != nil {
			return list, err
		}
		r := Region{Addr: a, Type: "struct vmspace_mapping", GPA: l.Addr.Of(b), Len: l.Len.Of(b), Name: "passthru", Prot: mem.Prot(l.Prot.Of(b) & 7),
			Object: l.Object.Of(b), Beside: true, Err: mem.ErrUnmapped}
		if slices.ContainsFunc(maps, func(m Region) bool { return m.Object == r.Object || m.GPA == r.GPA }) {
			continue
		}
		if r.GPA+r.Len < r.GPA {
			return list, fmt.Errorf("struct vmspace_mapping %x: %#x bytes at %#x are more than memory", a, r.Len, r.GPA)
		}
		if err := g.object(&r, l.Off.Of(b)); err != nil {
			return list, err
		}
		list = append(list, r)
	}
	return list, nil
}

// flagged adds a word to those of a region.
func flagged(flags, word string) string {
	if flags == "" {
		return word
	}
	return flags + "," + word
}

// pager tells whether the pager of an object is the function of a name.
func (g *bhyveVM) pager(l *objectLayout, b []byte, name string) bool {
	m, err := g.v.Symbol("vmm", name)
	return err == nil && m.Value == l.Pager.Of(b)
}

type devmemLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Segid kernel.Field `ctf:"vde_segid"`
	Name  kernel.Field `ctf:"vde_name"`
}

// devmem is the name of a memory segment that is a device's: "bootrom".
func (g *bhyveVM) devmem(seg int32) string {
	head := g.at + g.softc.Devs.Off
	for a, err := range g.v.List("vmm_devmem_entry_t", head) {
		if err != nil {
			break
		}
		l, b, err := read(g.v, "struct vmm_devmem_entry", a, func(l *devmemLayout) uint64 { return l.Size })
		if err != nil {
			break
		}
		if int32(l.Segid.Of(b)) == seg {
			return safe(l.Name.Text(b))
		}
	}
	return "devmem"
}
