package linux

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// whatisSources answer what an address in the kernel is, the most telling first.
func whatisSources() []*core.WhatisSource {
	return []*core.WhatisSource{
		{Name: "threads", Prio: core.WhatisEarly, NoIDs: true, Run: whatisStack},
		{Name: "modules", Prio: core.WhatisEarly, NoIDs: true, Run: whatisModule},
		{Name: "percpu", Prio: core.WhatisEarly, NoIDs: true, Run: whatisPerCPU},
		{Name: "slab", Prio: core.WhatisAllocator, NoIDs: true, Run: whatisSlab},
		{Name: "pages", Prio: core.WhatisLate, NoIDs: true, Run: whatisPage},
	}
}

// whatisStack answers for addresses in threads' kernel stacks.
func whatisStack(c *core.Ctx, w *core.Whatis) error {
	v := kernel.Of(c.Session)
	k, err := kernelOf(c.Session)
	if err != nil {
		return err
	}
	size := k.StackSize()
	for a, err := range threads(v) {
		if err != nil {
			return err
		}
		if w.Done() || c.Err() != nil {
			break
		}
		t, err := readTask(v, a)
		if err != nil {
			continue
		}
		base := t.l.Stack.Of(t.b)
		for at := range w.Match(mem.Addr(base), size) {
			w.ReportObject(at, mem.Addr(base), "in thread %p's stack (%s)\n", a, describe(t))
		}
	}
	return c.Err()
}

// whatisModule answers for addresses in modules, and in the image of the kernel.
func whatisModule(c *core.Ctx, w *core.Whatis) error {
	k, err := kernelOf(c.Session)
	if err != nil {
		return err
	}
	for _, m := range k.Modules() {
		for _, r := range m.Ranges {
			for at := range w.Match(mem.Addr(r.Base), r.Size) {
				report(c, w, at, r.Base, "module "+m.Name)
			}
		}
	}
	for _, r := range k.Main().Ranges {
		for at := range w.Match(mem.Addr(r.Base), r.Size) {
			report(c, w, at, r.Base, system.LinuxObject)
		}
	}
	return nil
}

// report names the symbol that an address is in beside the object.
func report(c *core.Ctx, w *core.Whatis, at mem.Addr, base uint64, where string) {
	if _, err := c.Namespace().LookupAddr(uint64(at), 0); err == nil {
		w.ReportAddress(at, "%a, in %s\n", uint64(at), where)
		return
	}
	w.ReportObject(at, mem.Addr(base), "in %s\n", where)
}

// whatisPerCPU answers for addresses in the areas of CPUs: they are those of the per-CPU
// variables of the image or of a module, or of what was allocated for each CPU.
func whatisPerCPU(c *core.Ctx, w *core.Whatis) error {
	v := kernel.Of(c.Session)
	k, err := kernelOf(c.Session)
	if err != nil {
		return err
	}
	cpus, err := k.CPUs()
	if err != nil {
		return err
	}
	start, err1 := address(v, "__per_cpu_start")
	end, err2 := address(v, "__per_cpu_end")
	if err1 != nil || err2 != nil {
		return nil
	}
	for _, cpu := range cpus {
		base := start + cpu.Offset
		for at := range w.Match(mem.Addr(base), end-start) {
			name := perCPUName(k, uint64(at)-cpu.Offset)
			w.ReportAddress(at, "CPU %d's copy of %s\n", cpu.ID, name)
		}
		for _, m := range k.Modules() {
			if m.PerCPUSize == 0 {
				continue
			}
			for at := range w.Match(mem.Addr(m.PerCPU+cpu.Offset), m.PerCPUSize) {
				w.ReportAddress(at, "CPU %d's per-CPU data of module %s\n", cpu.ID, m.Name)
			}
		}
	}
	return nil
}

// perCPUName is the name of a per-CPU variable and an offset in it, or its address among
// those: such symbols lie in no load object.
func perCPUName(k *system.LinuxKernel, addr uint64) string {
	s, ok := k.Main().Table(sym.Symtab).ByAddr(addr, 0)
	switch {
	case !ok:
		return fmt.Sprintf("%#x", addr)
	case s.Value == addr:
		return s.Name
	}
	return fmt.Sprintf("%s+%#x", s.Name, addr-s.Value)
}

// whatisSlab answers for objects of the slab allocator, by the struct page of the address.
func whatisSlab(c *core.Ctx, w *core.Whatis) error {
	v := kernel.Of(c.Session)
	p, err := pagesOf(v)
	if err != nil {
		return err
	}
	ranges, err := frames(v)
	if err != nil {
		return err
	}
	for _, a := range w.Unknown() {
		if c.Err() != nil {
			return c.Err()
		}
		s, ok := p.slabAt(v, ranges, a)
		if !ok {
			continue
		}
		k, err := readCache(v, s.cache)
		if err != nil || k.step() == 0 || a < s.base+k.red() {
			continue
		}
		i := (a - s.base - k.red()) / k.step()
		if i >= s.objects {
			continue
		}
		name, err := v.Text(k.l.Name.Of(k.b), 256)
		if err != nil {
			name = "?"
		}
		state := "allocated from"
		lists, lerr := k.cpuLists(v)
		marks, err := k.marks(v, &s, lists)
		switch {
		case err != nil || lerr != nil:
			state = "allocated or free, from"
		case marks[i]:
			state = "freed to"
		}
		w.ReportObject(mem.Addr(a), mem.Addr(s.base+k.red()+i*k.step()), "%s %s\n", state, name)
	}
	return nil
}

// slabAt finds the slab that an address of the direct map is in.
func (p *pages) slabAt(v *kernel.View, ranges []frameRange, addr uint64) (s slab, ok bool) {
	pfn, ok := p.inDirectMap(addr)
	if !ok || !isFrame(ranges, pfn) {
		return s, false
	}
	head, err := p.headOf(p.page(pfn))
	if err != nil {
		return s, false
	}
	b, err := v.Bytes(head, p.size, nil)
	if err != nil || !p.slabHead(b) {
		return s, false
	}
	s, err = readSlab(v, p, head)
	return s, err == nil
}

func isFrame(ranges []frameRange, pfn uint64) bool {
	for _, r := range ranges {
		if pfn >= r.first && pfn < r.end {
			return true
		}
	}
	return false
}

// whatisPage answers for the other pages of the direct map, and for structs page.
func whatisPage(c *core.Ctx, w *core.Whatis) error {
	v := kernel.Of(c.Session)
	p, err := pagesOf(v)
	if err != nil {
		return err
	}
	ranges, err := frames(v)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		base := p.page(r.first)
		for at := range w.Match(mem.Addr(base), (r.end-r.first)*p.size) {
			pfn := p.pfn(uint64(at))
			w.ReportObject(at, mem.Addr(p.page(pfn)), "struct page of frame %x\n", pfn)
		}
		for at := range w.Match(mem.Addr(p.direct+r.first<<pageShift), (r.end-r.first)<<pageShift) {
			pfn := (uint64(at) - p.direct) >> pageShift
			w.ReportAddress(at, "physical address %x, frame %x, struct page %p\n", uint64(at)-p.direct, pfn, p.page(pfn))
		}
	}
	return nil
}
