package golang

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

func walkers() []*core.Walker {
	return []*core.Walker{
		{Name: "goroutine", Descr: "walk the goroutines of a Go program, those that have ended left out", Type: "runtime.g",
			Walk: func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] { return walkGoroutines(c, false) }},
		{Name: "goroutine_all", Descr: "walk the goroutines of a Go program, those that have ended included", Type: "runtime.g",
			Walk: func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] { return walkGoroutines(c, true) }},
		{Name: "m", Descr: "walk the threads of the Go runtime", Type: "runtime.m", Walk: walkThreads},
		{Name: "p", Descr: "walk the processors of the Go scheduler", Type: "runtime.p", Walk: walkProcessors},
		{Name: "gospan", Descr: "walk the spans of the Go heap", Type: "runtime.mspan", Walk: walkSpans},
	}
}

func walkGoroutines(c *core.Ctx, dead bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		r, err := runtimeOf(c.Session)
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		t, err := r.typeNamed("runtime.g")
		if err == nil {
			var bad error // the first; those that can be read are walked all the same
			stopped := false
			err = r.goroutines(c, func(g *goroutine, err error) bool {
				if err != nil {
					if bad == nil {
						bad = err
					}
					return true
				}
				stopped = (!g.dead() || dead) && !yield(core.Elem{Val: g.Addr, Type: t, Obj: g}, nil)
				return !stopped
			})
			if stopped {
				return
			}
			if err == nil {
				err = bad
			}
		}
		if err != nil {
			yield(core.Elem{}, err)
		}
	}
}

func walkThreads(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		r, err := runtimeOf(c.Session)
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		t, err := r.typeNamed("runtime.m")
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		ms, err := r.threads()
		for _, m := range ms {
			if !yield(core.Elem{Val: m.Addr, Type: t, Obj: m}, nil) {
				return
			}
		}
		if err != nil {
			yield(core.Elem{}, err)
		}
	}
}

func walkProcessors(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return walkPointers(c, "runtime.p", (*goRuntime).processors)
}

func walkSpans(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return walkPointers(c, "runtime.mspan", (*goRuntime).spanAddrs)
}

// walkPointers walks a list of addresses that the runtime keeps.
func walkPointers(c *core.Ctx, typ string, list func(*goRuntime) ([]uint64, error)) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		r, err := runtimeOf(c.Session)
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		t, err := r.typeNamed(typ)
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		addrs, err := list(r)
		for _, a := range addrs {
			if !yield(core.Elem{Val: a, Type: t}, nil) {
				return
			}
		}
		if err != nil {
			yield(core.Elem{}, fmt.Errorf("walk %s: %w", typ, err))
		}
	}
}
