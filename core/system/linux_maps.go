package system

import (
	"cmp"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
)

// kernelRegion is a part of the kernel's half of the address space.
type kernelRegion struct {
	name   string
	lo, hi uint64 // first and last address
}

// Fixed parts (Documentation/arch/x86/x86_64/mm.rst). What lies between the CPU entry
// areas and the image (the ESPFIX stacks: one page, 65536 times) is left out.
const (
	entryAreas    = 0xfffffe0000000000
	entryAreasEnd = 0xfffffe7fffffffff
)

// regions are the parts, ascending. Those that KASLR moves begin where the kernel says,
// and end where the next begins.
func (k *LinuxKernel) regions() []kernelRegion {
	list := []kernelRegion{
		{"[cpu entry areas]", entryAreas, entryAreasEnd},
		{LinuxObject, startKernelMap, k.main.Base + k.main.Size - 1},
		{"[modules]", k.main.Base + k.main.Size, ^uint64(0)},
	}
	vmalloc, _ := k.Uint("vmalloc_base", 8)
	for name, at := range map[string]uint64{"[direct map]": k.directMap, "[vmalloc]": vmalloc, "[vmemmap]": k.VirtualMemoryMap()} {
		if int64(at) < 0 && at < entryAreas {
			list = append(list, kernelRegion{name: name, lo: at})
		}
	}
	slices.SortFunc(list, func(a, b kernelRegion) int { return cmp.Compare(a.lo, b.lo) })
	for i := range list {
		if list[i].hi == 0 && i+1 < len(list) {
			list[i].hi = list[i+1].lo - 1
		}
	}
	return list
}

// maxKernelMaps bounds the ranges that are told.
const maxKernelMaps = 1 << 18

// Mappings implements core.Mapped: what the kernel's page tables map, by the part of the
// address space; ranges of modules have the module's name. A machine's memory is there
// more than once: in the map of all memory, and where it is used.
func (k *LinuxKernel) Mappings() []mem.Mapping {
	var out []mem.Mapping
	for _, r := range k.regions() {
		for tr, err := range k.table.Pages(r.lo, r.hi) {
			if err != nil {
				k.warn("mappings of the kernel: %v", err)
				continue
			}
			// A page may begin before the part, or end behind it.
			lo, hi := max(tr.VA, r.lo), min(tr.VA+(tr.PageSize-1), r.hi)
			m := mem.Mapping{Base: mem.Addr(lo), Size: hi - lo + 1, Name: r.name, Prot: tr.Prot}
			if mod := k.ModuleAt(lo); mod != nil {
				m.Name = mod.Name
			}
			if n := len(out); n > 0 && out[n-1].End() == m.Base && out[n-1].Prot == m.Prot && out[n-1].Name == m.Name {
				out[n-1].Size += m.Size
				continue
			}
			if len(out) >= maxKernelMaps {
				return out
			}
			out = append(out, m)
		}
	}
	return out
}
