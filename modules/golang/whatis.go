package golang

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

func whatisSources() []*core.WhatisSource {
	return []*core.WhatisSource{
		{Name: "go heap", Prio: core.WhatisAllocator, NoIDs: true, Run: whatisHeap},
		{Name: "go module data", Prio: core.WhatisLate + 5, NoIDs: true, Run: whatisModules},
	}
}

// whatisHeap answers what heap object or goroutine stack an address is in.
func whatisHeap(c *core.Ctx, w *core.Whatis) error {
	r, err := runtimeOf(c.Session)
	if err != nil {
		return err
	}
	if _, err := r.typeNamed("runtime.mspan"); err != nil {
		return nil // no debug data: nothing is known of the heap
	}
	var stacks []*goroutine
	for _, addr := range wanted(w) {
		s, err := r.spanOf(addr)
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		if s.State == spanManual {
			if stacks == nil {
				if stacks, err = r.stacks(c); err != nil {
					return err
				}
			}
			reportStack(w, stacks, s, addr)
			continue
		}
		reportObject(r, w, s, addr)
	}
	return nil
}

// wanted gives the addresses still to be answered; with -a all of them.
func wanted(w *core.Whatis) []uint64 {
	var l []uint64
	for a := range w.Match(0, ^uint64(0)) {
		l = append(l, uint64(a))
	}
	return l
}

// stacks gives the goroutines that have a stack.
func (r *goRuntime) stacks(c *core.Ctx) ([]*goroutine, error) {
	list := []*goroutine{}
	err := r.goroutines(c, func(g *goroutine, err error) bool {
		if err == nil && g.Lo != 0 && g.Lo < g.Hi {
			list = append(list, g)
		}
		return true
	})
	return list, err
}

func reportStack(w *core.Whatis, stacks []*goroutine, s *span, addr uint64) {
	for _, g := range stacks {
		if g.owns(addr) {
			w.ReportObject(mem.Addr(addr), mem.Addr(g.Lo), "stack of goroutine %d (%p), %s\n", g.ID, g.Addr, g.state())
			return
		}
	}
	w.ReportObject(mem.Addr(addr), mem.Addr(s.Start), "memory for stacks, in the Go heap (span %p)\n", s.Addr)
}

func reportObject(r *goRuntime, w *core.Whatis, s *span, addr uint64) {
	i, base, ok := s.object(addr)
	if !ok {
		w.ReportObject(mem.Addr(addr), mem.Addr(s.Start), "past the last object of the Go heap span %p (class %d)\n", s.Addr, s.sizeClass())
		return
	}
	state := "allocated"
	if used, err := r.allocated(s, i); err != nil {
		state = "state unknown: " + err.Error()
	} else if !used {
		state = "free"
	}
	if s.sizeClass() == 0 {
		w.ReportObject(mem.Addr(addr), mem.Addr(base), "%s from the Go heap, large object of %d bytes (span %p, %s)%s\n",
			state, s.ElemSize, s.Addr, scanWord(s), r.largeType(s))
		return
	}
	w.ReportObject(mem.Addr(addr), mem.Addr(base), "%s from the Go heap, object %d of %d, %d bytes (span %p, class %d, %s)\n",
		state, i, s.N, s.ElemSize, s.Addr, s.sizeClass(), scanWord(s))
}

// largeType names the type that a large object was allocated as, where the
// runtime keeps it for the collector.
func (r *goRuntime) largeType(s *span) string {
	if s.LargeType == 0 || s.noscan() {
		return ""
	}
	t, err := r.types.fromRuntime(s.LargeType)
	if err != nil {
		return ""
	}
	return " of " + t.name
}

// whatisModules answers in what part of the program's own data an address is, which
// the symbols leave open: stripped of them, or between two.
func whatisModules(c *core.Ctx, w *core.Whatis) error {
	r, err := runtimeOf(c.Session)
	if err != nil {
		return err
	}
	if _, err := r.typeNamed("runtime.moduledata"); err != nil {
		return nil
	}
	ms, err := r.moduleList()
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	for _, addr := range wanted(w) {
		for i := range ms {
			if name, base, ok := ms[i].section(addr); ok {
				if t, err := r.types.fromRuntime(addr); err == nil && name == "type data" {
					w.ReportAddress(mem.Addr(addr), "the run-time type %s\n", t.name)
				} else {
					w.ReportObject(mem.Addr(addr), mem.Addr(base), "%s of a Go module (%p)\n", name, ms[i].Addr)
				}
				break
			}
		}
	}
	return nil
}
