package vm

import (
	"fmt"

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

// Types of objects (vm/vm_object.h), up to 2022.
const (
	objDefault = 0
	objSG      = 1
)

// object finds where the host has a region that is the piece at off of a vm_object.
//
// Memory of kvmm_arena is mapped in the kernel (segkvmm): there the region is read at
// the address, through the kernel's page tables. Of other memory (a reservoir's, a
// device's) only what the guest has touched is found, by the nested page tables.
func (g *bhyveVM) object(r *Region, off uint64) error {
	l, b, err := read(g.v, "struct vm_object", r.Object, func(l *objectLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	if size := l.Bytes.Of(b); off > size || r.Len > size-off {
		return fmt.Errorf("vm_object %x: %#x bytes at %#x are more than its %#x", r.Object, r.Len, off, size)
	}
	if l.Type.Of(b) == objDefault && l.Pager.OK() && g.inKernel(l.Pager.Of(b)) {
		r.Host, r.Src = l.Data.Of(b)+off, g.v.Space()
		return nil
	}
	t, err := g.nested()
	if err != nil {
		return err
	}
	r.Host, r.Src = r.GPA, t
	return nil
}

// inKernel tells whether the pager of an object is that of memory which the kernel has
// mapped.
func (g *bhyveVM) inKernel(pager uint64) bool {
	m, err := g.v.Symbol("vmm", "vm_object_pager_heap")
	return err == nil && m.Value == pager
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
