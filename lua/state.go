package lua

import (
	"context"
	"fmt"
	"sync"
	"time"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/value"
)

func init() {
	// Beyond this index a table's elements are in its hash part: an assignment to
	// a large index must not fill an array up to it. The default is 67 million.
	glua.MaxArrayIndex = maxArrayIndex
}

const maxArrayIndex = 1 << 20

// How deeply calls nest, on the stack of a command and on that of a coroutine,
// which there may be many of.
const (
	callDepth      = 2000
	coroutineDepth = 200
)

// state is a loaded module: its own Lua world, with the tables its code fills.
type state struct {
	s    *core.Session
	m    *core.Module
	file string // what messages call it
	L    *glua.LState

	loaded bool
	atInit []func() // hooks to set when the module is registered
	broken error    // why it is not run any more

	// The outermost call: heap is what the process held when it began, charged
	// what Go functions have accounted for since the last look.
	entries int
	heap    uint64
	charged int

	idle    []*thread // to be used again
	hooks   []*hook
	live    []*coroutine
	reaper  reaper
	keys    map[uint64]*glua.LUserData // integers beyond 2^53 used as keys of tables
	hidden  []glua.LValue
	strings *glua.LTable // the string library
	meta    metatables
	views   *views // of the target; nil when it has changed
	members map[memberKey]*member
}

type metatables struct {
	integer, object, typ, ctx, whatis, coroutine *glua.LTable
}

// views is what typed reads need of the target as it is now.
type views struct {
	cx    *core.Context
	gen   uint64
	w     *value.World
	types *ctype.Composite
	names map[string]*ctype.Type

	globals map[string]global
}

// global is the place and the type of a symbol's data.
type global struct {
	addr uint64
	typ  *ctype.Type
}

func newState(s *core.Session, file string) *state {
	st := &state{s: s, file: file, keys: map[uint64]*glua.LUserData{}, members: map[memberKey]*member{}}
	st.L = glua.NewState(glua.Options{
		CallStackSize: callDepth, RegistrySize: 1024, RegistryMaxSize: 128 << 10, RegistryGrowStep: 2048,
		SkipOpenLibs: true,
	})
	st.openLibs()
	return st
}

// close ends the module: its coroutines are unwound and its memory let go.
func (st *state) close() {
	for len(st.live) > 0 {
		st.live[len(st.live)-1].stop()
	}
	st.reaper.drain()
	st.idle = nil
	if st.broken == nil {
		st.broken = fmt.Errorf("%s: has been unloaded", st.file)
	}
}

// hook is a function of the module that something outside it calls.
type hook struct{ fn *glua.LFunction }

// hook keeps a function until the module is let go; nil stays nil.
func (st *state) hook(fn *glua.LFunction) *hook {
	if fn == nil {
		return nil
	}
	h := &hook{fn}
	st.hooks = append(st.hooks, h)
	return h
}

// release lets the memory of a broken module go.
func (st *state) release() {
	st.close()
	for _, h := range st.hooks {
		h.fn = nil
	}
	st.hooks = nil
	st.keys, st.members, st.views = nil, nil, nil
	st.L, st.hidden, st.strings, st.meta = nil, nil, nil, metatables{}
}

// thread takes a Lua stack to run code on.
func (st *state) thread(ctx context.Context, c *core.Ctx) *thread {
	var t *thread
	if n := len(st.idle); n > 0 {
		t, st.idle = st.idle[n-1], st.idle[:n-1]
	} else {
		t = st.newThread(callDepth)
	}
	return t.start(ctx, c)
}

// newThread makes a Lua stack.
func (st *state) newThread(depth int) *thread {
	t := &thread{st: st}
	st.L.Options.CallStackSize = depth // what NewThread goes by
	t.L, _ = st.L.NewThread()
	t.L.SetContext(t)
	return t
}

// start makes a thread ready to run for a command.
func (t *thread) start(ctx context.Context, c *core.Ctx) *thread {
	t.c, t.parent, t.left, t.checks, t.why, t.yield = c, ctx, checkEvery, 0, nil, nil
	t.busyFrom = time.Now()
	return t
}

// done gives a thread back. One that ended in the middle is not used again.
func (st *state) done(t *thread, clean bool) {
	t.c, t.parent, t.yield = nil, context.Background(), nil
	if clean && len(st.idle) < 8 && st.broken == nil {
		t.L.SetTop(0)
		st.idle = append(st.idle, t)
	}
}

// begin counts a call into the module from outside.
func (st *state) begin() error {
	if st.broken != nil {
		return st.broken
	}
	if st.entries >= maxEntries {
		return fmt.Errorf("%s: calls are nested too deeply", st.file)
	}
	if st.entries == 0 {
		st.heap, st.charged = settle(), 0
		st.reaper.drain()
	}
	st.entries++
	return nil
}

func (st *state) finish() {
	st.entries--
	if st.entries == 0 && st.broken != nil {
		st.release()
	}
}

// call runs a function of the module for a command and gives its results, nret of
// them.
func (st *state) call(ctx context.Context, c *core.Ctx, fn *glua.LFunction, nret int, args ...glua.LValue) (res []glua.LValue, err error) {
	if err := st.begin(); err != nil {
		return nil, err
	}
	defer st.finish()
	t := st.thread(ctx, c)
	err = t.run(fn, nret, args...)
	if err == nil {
		for i := range nret {
			res = append(res, t.L.Get(i-nret))
		}
	}
	st.done(t, err == nil)
	return res, err
}

// run calls a function on the thread's stack, results on top, and turns whatever
// goes wrong into an error.
func (t *thread) run(fn *glua.LFunction, nret int, args ...glua.LValue) error {
	t.L.Push(fn)
	for _, a := range args {
		t.L.Push(a)
	}
	err := t.L.PCall(len(args), nret, nil)
	return t.outcome(err)
}

// callback runs a hook that has to be short.
func (st *state) callback(h *hook, nret int, args ...glua.LValue) ([]glua.LValue, error) {
	if st.broken != nil {
		return nil, st.broken
	}
	return st.limited(hookTime, h.fn, nret, args...)
}

// limited runs a function that has to end within a time.
func (st *state) limited(d time.Duration, fn *glua.LFunction, nret int, args ...glua.LValue) ([]glua.LValue, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return st.call(ctx, st.background(ctx), fn, nret, args...)
}

// background is the Ctx of code that runs for no command.
func (st *state) background(ctx context.Context) *core.Ctx {
	return &core.Ctx{Context: ctx, Session: st.s, P: st.s.Out, Dcmd: &core.Dcmd{Name: st.file}, Stage: &core.Stage{}}
}

// reaper collects what has to be stopped of things that Lua has lost; the garbage
// collector adds to it, the session's goroutine empties it.
type reaper struct {
	mu   sync.Mutex
	list []func()
}

func (r *reaper) add(f func()) {
	r.mu.Lock()
	r.list = append(r.list, f)
	r.mu.Unlock()
}

func (r *reaper) drain() {
	r.mu.Lock()
	l := r.list
	r.list = nil
	r.mu.Unlock()
	for _, f := range l {
		f()
	}
}

// runChunk runs a chunk: its top level registers what the module has.
func (st *state) runChunk(src []byte) error {
	ch, err := compile(st.file, src)
	if err != nil {
		return err
	}
	fn, err := st.instantiate(ch)
	if err != nil {
		return err
	}
	_, err = st.limited(loadTime, fn, 0)
	return err
}

// instantiate gives the function of a compiled chunk, bound to the operators.
func (st *state) instantiate(ch *compiled) (*glua.LFunction, error) {
	consts := st.L.NewTable()
	for i, v := range ch.consts {
		consts.RawSetInt(i+1, st.unsigned(v))
	}
	outer := st.L.NewFunctionFromProto(ch.proto)
	args := append(append([]glua.LValue(nil), st.hidden...), consts)
	res, err := st.limited(loadTime, outer, 1, args...)
	if err != nil {
		return nil, err
	}
	fn, ok := res[0].(*glua.LFunction)
	if !ok {
		return nil, fmt.Errorf("%s: no function in chunk", st.file)
	}
	return fn, nil
}
