package vm

import (
	"cmp"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
)

// Region is a piece of guest-physical memory.
type Region struct {
	Addr   uint64 // of the structure that describes it
	Type   string // of that: "struct mem_map", "struct kvm_memory_slot"
	GPA    uint64 // first guest-physical address
	Len    uint64 // bytes
	Name   string // "sysmem", "bootrom"; "slot 3"
	Prot   mem.Prot
	Flags  string    // in words: "wired"
	Beside bool      // it is none of the machine's own memory: a part of another region, a device's
	Object uint64    // what backs it: struct vm_object; 0 if nothing of the kind
	Host   uint64    // where the host has it mapped; meaningless if Src is nil
	Src    mem.Space // the host's address space that Host is an address of; nil: not mapped
	Err    error     // why Src is nil
}

// End is the first address behind the region.
func (r Region) End() uint64 { return r.GPA + r.Len }

// Regions gives guest-physical memory by ascending address. Those that come with an
// error are good.
func (m *Machine) Regions() ([]Region, error) {
	list, err := m.back.regions(m)
	slices.SortStableFunc(list, func(a, b Region) int { return cmp.Compare(a.GPA, b.GPA) })
	return list, err
}

// MemBytes is how much memory the regions make.
func MemBytes(list []Region) (n uint64) {
	for _, r := range list {
		if !r.Beside {
			n += r.Len
		}
	}
	return n
}

// Physical is guest-physical memory, read through the host's. It is a mem.Mapper and,
// where the host's memory is one, a mem.Viewer. An address that no region has is
// mem.ErrUnmapped; one whose page the dump does not have is what reading the host's
// memory says.
func (m *Machine) Physical() mem.Space {
	if m.phys == nil {
		list, _ := m.Regions() // what cannot be read is not mapped
		segs := make([]mem.Segment, 0, len(list))
		for _, r := range list {
			segs = append(segs, mem.Segment{Base: mem.Addr(r.GPA), Size: r.Len, Src: r.Src, Off: mem.Addr(r.Host), Err: r.Err, Name: r.Name, Prot: r.Prot})
		}
		m.phys = mem.NewSegments(segs)
	}
	return m.phys
}
