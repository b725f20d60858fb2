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
	var stacks []stackOwner
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

// stackOwner is who a stack in the heap belongs to.
type stackOwner struct {
	*goroutine
	thread *thread // of a system or signal stack
	what   string
}

// stacks gives the stacks of the goroutines, and those on which the runtime's
// threads run the scheduler and handle signals.
func (r *goRuntime) stacks(c *core.Ctx) ([]stackOwner, error) {
	list := []stackOwner{}
	add := func(g *goroutine, m *thread, what string) {
		if g.Lo != 0 && g.Lo < g.Hi {
			list = append(list, stackOwner{g, m, what})
		}
	}
	err := r.goroutines(c, func(g *goroutine, err error) bool {
		if err == nil {
			add(g, nil, "stack")
		}
		return true
	})
	ms, _ := r.threads() // what is wrong with the list is said by who lists it
	for _, m := range ms {
		if g, err := r.goroutineAt(m.G0); err == nil {
			add(g, m, "system stack")
		}
		if g, err := r.goroutineAt(m.GSignal); err == nil {
			add(g, m, "signal stack")
		}
	}
	return list, err
}

func reportStack(w *core.Whatis, stacks []stackOwner, s *span, addr uint64) {
	at := mem.Addr(addr)
	for _, o := range stacks {
		switch {
		case !o.owns(addr):
			continue
		case o.thread != nil:
			w.ReportObject(at, mem.Addr(o.Lo), "%s of thread %d of the Go runtime (%p), LWP %d\n", o.what, o.thread.ID, o.thread.Addr, o.thread.Proc)
		default:
			w.ReportObject(at, mem.Addr(o.Lo), "stack of goroutine %d (%p), %s\n", o.ID, o.Addr, o.state())
		}
		return
	}
	w.ReportObject(at, mem.Addr(s.Start), "memory for stacks, in the Go heap (span %p)\n", s.Addr)
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
