package lua

import (
	"context"
	"errors"
	"iter"
	"runtime"

	glua "github.com/yuin/gopher-lua"
)

// noContext is the context of code that nothing cancels.
var noContext = context.Background()

// coroutine is a function on a stack of its own, and a goroutine of its own that
// never runs at the same time as the session's: what is done between two resumes
// is a yield of an iterator. So a coroutine may yield from anywhere, inside pcall,
// a metamethod or an iterator.
type coroutine struct {
	st     *state
	next   func() ([]glua.LValue, bool)
	cancel func()
	status string // suspended, running, normal, dead
	in     []glua.LValue
	by     *thread        // that resumed it
	err    *glua.ApiError // what ended it
	why    error          // and the reason, if it is one that ends all
	halted bool
}

var errHalted = errors.New("coroutine has been stopped")

// newCoroutine makes a coroutine of fn, to run for the command of t.
func (st *state) newCoroutine(L *glua.LState, fn *glua.LFunction) *coroutine {
	t := threadOf(L)
	st.room(L)
	t.charge(L, 64<<10)
	co := &coroutine{st: st, status: "suspended"}
	co.next, co.cancel = iter.Pull(func(yield func([]glua.LValue) bool) { co.body(fn, yield) })
	st.live = append(st.live, co)
	return co
}

// body runs the coroutine, on its own goroutine.
func (co *coroutine) body(fn *glua.LFunction, out func([]glua.LValue) bool) {
	st := co.st
	in := st.newThread(coroutineDepth).start(co.by.parent, co.by.c)
	in.yield = func(L *glua.LState) int {
		if co.halted || !out(pop(L)) {
			co.halted = true
			in.end(errHalted)
			in.raise(L)
		}
		in.c, in.parent = co.by.c, co.by.parent
		return pushAll(L, co.in)
	}
	in.L.Push(fn)
	err := in.L.PCall(pushAll(in.L, co.in), glua.MultRet, nil)
	if err != nil {
		if !errors.As(err, &co.err) {
			co.err = &glua.ApiError{Object: glua.LString(err.Error())}
		}
		if !co.halted {
			co.why = in.why
		}
		return
	}
	res := pop(in.L)
	co.status = "dead"
	out(res)
}

// room makes sure that another coroutine may live.
func (st *state) room(L *glua.LState) {
	if len(st.live) < maxThreads {
		return
	}
	runtime.GC()
	st.reaper.drain()
	if len(st.live) >= maxThreads {
		L.RaiseError("too many coroutines and unfinished walks")
	}
}

// stop ends a coroutine for good: it is unwound where it waits.
func (co *coroutine) stop() {
	l := co.st.live
	for i := range l {
		if l[i] == co {
			co.st.live = append(l[:i:i], l[i+1:]...)
			break
		}
	}
	co.status = "dead"
	co.cancel()
}

// pop takes everything off the stack of the running function.
func pop(L *glua.LState) []glua.LValue {
	vals := make([]glua.LValue, L.GetTop())
	for i := range vals {
		vals[i] = L.Get(i + 1)
	}
	return vals
}

// resume runs a coroutine to its next yield or its end. by is the thread that
// waits for it.
func (co *coroutine) resume(by *thread, args []glua.LValue) ([]glua.LValue, *glua.ApiError) {
	if co.status != "suspended" {
		return nil, &glua.ApiError{Object: glua.LString("cannot resume " + co.status + " coroutine")}
	}
	co.in, co.by, co.status = args, by, "running"
	vals, ok := co.next()
	switch {
	case !ok || co.status == "dead":
		co.stop()
	default:
		co.status = "suspended"
	}
	by.end(co.why)
	err := co.err
	co.err, co.by = nil, nil
	return vals, err
}

// handle is the value by which Lua holds a coroutine. When it is lost, the
// coroutine is unwound.
func (st *state) handle(co *coroutine) *glua.LUserData {
	u := &glua.LUserData{Value: co, Metatable: st.meta.coroutine}
	runtime.AddCleanup(u, func(co *coroutine) { st.reaper.add(co.stop) }, co)
	return u
}

func checkCoroutine(L *glua.LState, i int) *coroutine {
	if u, ok := L.Get(i).(*glua.LUserData); ok {
		if co, ok := u.Value.(*coroutine); ok {
			return co
		}
	}
	L.ArgError(i, "coroutine expected")
	return nil
}

func (st *state) openCoroutines(L *glua.LState, g *glua.LTable) {
	st.meta.coroutine = L.NewTable()
	st.meta.coroutine.RawSetString("__metatable", glua.LFalse)
	st.meta.coroutine.RawSetString("__tostring", L.NewFunction(func(L *glua.LState) int {
		L.Push(glua.LString("thread"))
		return 1
	}))
	lib := L.NewTable()
	for name, f := range map[string]glua.LGFunction{
		"create": st.coCreate, "resume": coResume, "yield": yield, "wrap": st.coWrap,
		"status": func(L *glua.LState) int {
			L.Push(glua.LString(checkCoroutine(L, 1).status))
			return 1
		},
	} {
		lib.RawSetString(name, L.NewFunction(f))
	}
	g.RawSetString("coroutine", lib)
}

func (st *state) coCreate(L *glua.LState) int {
	L.Push(st.handle(st.newCoroutine(L, L.CheckFunction(1))))
	return 1
}

func coResume(L *glua.LState) int {
	co := checkCoroutine(L, 1)
	vals, err := co.resume(threadOf(L), pop(L)[1:])
	if err != nil {
		L.Push(glua.LFalse)
		L.Push(err.Object)
		return 2
	}
	L.Push(glua.LTrue)
	return 1 + pushAll(L, vals)
}

func pushAll(L *glua.LState, vals []glua.LValue) int {
	for _, v := range vals {
		L.Push(v)
	}
	return len(vals)
}

func (st *state) coWrap(L *glua.LState) int {
	h := st.handle(st.newCoroutine(L, L.CheckFunction(1)))
	L.Push(L.NewFunction(func(L *glua.LState) int {
		vals, err := h.Value.(*coroutine).resume(threadOf(L), pop(L))
		if err != nil {
			L.Error(err.Object, 0)
		}
		return pushAll(L, vals)
	}))
	return 1
}

// yield is coroutine.yield and mdb.yield.
func yield(L *glua.LState) int {
	t := threadOf(L)
	if t.yield == nil {
		L.RaiseError("attempt to yield from outside a coroutine or walker")
	}
	return t.yield(L)
}
