package lua

import (
	"iter"
	"runtime"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/value"
)

// walker is mdb.walker{...}: a walker whose function yields the elements, or gives
// a function that does.
func (st *state) walker(L *glua.LState) int {
	t := L.CheckTable(1)
	name := stringField(L, t, "name")
	if name == "" {
		L.RaiseError("a walker needs a name")
	}
	fn := st.hook(functionField(L, t, "walk", true))
	w := &core.Walker{Name: name, Descr: stringField(L, t, "descr"), Addr: addrField(L, t), Type: stringField(L, t, "type")}
	if w.Descr == "" {
		w.Descr = "walker of " + st.file
	}
	w.Walk = func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		return func(yield func(core.Elem, error) bool) { st.walk(c, w, fn, start, has, yield) }
	}
	if st.loaded {
		check(L, st.s.Reg.AddWalker(st.m, w, false))
		return 0
	}
	st.m.Walkers = append(st.m.Walkers, w)
	return 0
}

// walk runs a walker's function and passes on what it yields.
func (st *state) walk(c *core.Ctx, w *core.Walker, fn *hook, start mem.Addr, has bool, out func(core.Elem, error) bool) {
	if err := st.begin(); err != nil {
		out(core.Elem{}, err)
		return
	}
	defer st.finish()
	t := st.thread(c, c)
	var typ *ctype.Type
	if w.Type != "" {
		typ, _ = st.lookupType(w.Type)
	}
	emit := func(L *glua.LState, v, obj glua.LValue) {
		n, _, err := asInteger(v)
		if err != nil {
			L.RaiseError("walker yields no address: %s", err.Error())
		}
		e := core.Elem{Val: n.v, Type: typ}
		if e.Type == nil {
			e.Type = objectType(v)
		}
		switch o := objectOf(obj); {
		case o != nil:
			e.Obj = o.Value
		case obj != glua.LNil:
			e.Obj = &walked{st, obj}
		}
		st.entries-- // while the consumer has the element, this is no nesting
		more := out(e, nil)
		st.entries++
		if !more {
			t.end(errStopped)
			t.raise(L)
		}
	}
	t.yield = func(L *glua.LState) int {
		emit(L, L.Get(1), L.Get(2))
		return 0
	}
	var arg glua.LValue = glua.LNil
	if has {
		arg = st.unsigned(uint64(start))
	}
	drive := st.L.NewFunction(func(L *glua.LState) int { return drain(L, fn.fn, arg, emit) })
	err := t.run(drive, 0)
	st.done(t, err == nil && t.why == nil)
	if err != nil {
		out(core.Elem{}, err)
	}
}

// drain calls a walker's function; if that gives a function, it is an iterator.
func drain(L *glua.LState, fn *glua.LFunction, arg glua.LValue, emit func(L *glua.LState, v, obj glua.LValue)) int {
	L.SetTop(0)
	L.Push(fn)
	L.Push(arg)
	L.Call(1, 3)
	next, ok := L.Get(1).(*glua.LFunction)
	if !ok {
		return 0
	}
	inv, ctl := L.Get(2), L.Get(3)
	for {
		L.SetTop(0)
		L.Push(next)
		L.Push(inv)
		L.Push(ctl)
		L.Call(2, 2)
		if ctl = L.Get(1); ctl == glua.LNil {
			return 0
		}
		emit(L, ctl, L.Get(2))
	}
}

// walked is the object that a Lua walker yields beside an address, for walkers of
// the same module layered above.
type walked struct {
	st  *state
	obj glua.LValue
}

// findWalker finds a walker by its name, which may be "module`name".
func findWalker(s *core.Session, name string) *core.Walker {
	module, base, scoped := strings.Cut(name, "`")
	if !scoped {
		base = name
	}
	for _, w := range s.Reg.Walkers(base) {
		if !scoped || w.Module != nil && w.Module.Name == module {
			return w
		}
	}
	return nil
}

// mdbWalk is mdb.walk(name [, addr [, f]]): an iterator over address and object,
// or with f a loop that f ends by returning false.
func (st *state) mdbWalk(L *glua.LState) int {
	t := threadOf(L)
	name := L.CheckString(1)
	w := findWalker(t.c.Session, name)
	if w == nil {
		L.RaiseError("failed to walk %s: %s", name, core.ErrNoWalk)
	}
	start, has := uint64(0), L.Get(2) != glua.LNil
	if has {
		start = checkInteger(L, 2).v
	}
	switch {
	case has && w.Addr == core.AddrNone:
		L.RaiseError("walk %s takes no address", name)
	case !has && w.Addr == core.AddrRequired:
		L.RaiseError("walk %s requires an address", name)
	}
	c := *t.c
	c.Addr, c.HasAddr = start, has
	seq := w.Walk(&c, mem.Addr(start), has)
	if f, ok := L.Get(3).(*glua.LFunction); ok {
		return st.walkEach(L, seq, w, f)
	}
	st.walkPull(L, seq, w)
	return 1
}

// elem gives an element of a walk as Lua sees it.
func (st *state) elem(w *core.Walker, e core.Elem) (addr, obj glua.LValue) {
	addr, obj = st.unsigned(e.Val), glua.LNil
	if o, ok := e.Obj.(*walked); ok && o.st == st {
		return addr, o.obj
	}
	if v, ok := e.Obj.(value.Value); ok {
		return addr, st.object(v)
	}
	t := e.Type
	if t == nil && w.Type != "" {
		t, _ = st.lookupType(w.Type)
	}
	if t != nil {
		obj = st.object(st.view().w.At(t, mem.Addr(e.Val)))
	}
	return addr, obj
}

func (st *state) walkEach(L *glua.LState, seq iter.Seq2[core.Elem, error], w *core.Walker, f *glua.LFunction) int {
	t := threadOf(L)
	for e, err := range seq {
		if err != nil {
			walkFailed(L, w, err)
		}
		t.work(L, 64)
		addr, obj := st.elem(w, e)
		L.Push(f)
		L.Push(addr)
		L.Push(obj)
		L.Call(2, 1)
		stop := L.Get(-1) == glua.LFalse
		L.Pop(1)
		if stop {
			break
		}
	}
	return 0
}

func walkFailed(L *glua.LState, w *core.Walker, err error) {
	t := threadOf(L)
	if err == core.ErrIntr || err == core.ErrQuit {
		t.end(err)
		t.raise(L)
	}
	L.RaiseError("walk %s: %s", w.Name, err.Error())
}

// pulled is a walk that Lua takes elements from one by one.
type pulled struct{ co *coroutine }

// walkPull pushes an iterator over a walk. Like a coroutine it runs on a goroutine
// of its own, and is stopped when Lua loses it.
func (st *state) walkPull(L *glua.LState, seq iter.Seq2[core.Elem, error], w *core.Walker) {
	st.room(L)
	next, stop := iter.Pull2(seq)
	co := &coroutine{st: st, status: "suspended", cancel: stop}
	st.live = append(st.live, co)
	p := &pulled{co}
	runtime.AddCleanup(p, func(co *coroutine) { st.reaper.add(co.stop) }, co)
	L.Push(L.NewFunction(func(L *glua.LState) int {
		threadOf(L).work(L, 64)
		if p.co.status == "dead" {
			L.Push(glua.LNil)
			return 1
		}
		e, err, ok := next()
		if !ok || err != nil {
			p.co.stop()
			if err != nil {
				walkFailed(L, w, err)
			}
			L.Push(glua.LNil)
			return 1
		}
		addr, obj := st.elem(w, e)
		L.Push(addr)
		L.Push(obj)
		return 2
	}))
}
