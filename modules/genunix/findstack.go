package genunix

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/value"
	"github.com/xmdb/xmdb/modules/kernel/stacks"
)

// stackDcmds are the commands about stacks of threads.
func stackDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "findstack", Usage: ":[-v]", Descr: "find kernel thread stack", Type: "kthread_t", Run: runFindstack,
			Help: "Prints the stack of the thread: from where it was switched out if the frames lead from\n" +
				"there to the top of its stack, else from the first place on the stack from which they\n" +
				"do. If there is none, places from which some frames can be followed are listed with\n" +
				"how many. A string is the command to run on the frame pointer instead of $C.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with arguments where they are known"}}},
		{Name: "findstack_debug", Descr: "toggle findstack debugging", Run: runFindstackDebug},
		{Name: "stacks", Usage: "?[-afiv] [-c func] [-C func] [-m module] [-M module] [-s sobj | -S sobj] [-t tstate | -T tstate]",
			Descr: "print unique kernel thread stacks", Type: "kthread_t", Help: stacksHelp, Opts: stacks.Opts, Run: runStacks},
		{Name: "whatthread", Usage: ":[-v]", Descr: "print threads whose stack contains the given address", Type: "kthread_t", Run: runWhatthread,
			Opts: []core.Opt{{Letter: 'v', Help: "tell whether it is in the part of the stack in use"}}},
	}
}

// Why a thread's stack is not to be had.
var (
	errNotLoaded = errors.New("thread not in memory")
	errBadStack  = errors.New("thread structure stack info corrupt")
	errNoStack   = errors.New("no consistent stack found")
	errBadThread = errors.New("thread cannot be read")
)

// stack is what findstack makes of a thread.
type stack struct {
	sp, pc   uint64   // where the frames begin; pc is 0 if that was searched for
	frames   []uint64 // return addresses, innermost first
	overflow bool     // there are more than fit
	err      error    // one of the above

	state, sobj uint64
	panicked    bool

	possible []possibleSP // with errNoStack
	detail   error        // the message that goes with err
}

// possibleSP is a place from which some frames can be followed.
type possibleSP struct {
	fp     uint64
	levels int
}

// Of frames on a stack: saved frame pointer and return address.
const (
	stackAlign = 16
	frameSize  = 16
)

// finder finds the stacks of threads. It keeps its buffer from one to the next.
type finder struct {
	v                     *view
	state, sobj, flag     *value.Access
	sched, stk, base      *value.Access
	pc, sp                *value.Access
	buf                   []byte
	maxDepth              int
	frames                []uint64
	overflow              bool
	kbase, ktop, stackEnd uint64
}

func newFinder(v *view, maxDepth int) (*finder, error) {
	f := &finder{v: v, maxDepth: maxDepth}
	for _, p := range []struct {
		to   **value.Access
		name string
	}{
		{&f.state, "t_state"}, {&f.sobj, "t_sobj_ops"}, {&f.flag, "t_flag"}, {&f.sched, "t_schedflag"},
		{&f.stk, "t_stk"}, {&f.base, "t_stkbase"}, {&f.pc, "t_pcb.val[0]"}, {&f.sp, "t_pcb.val[1]"},
	} {
		var err error
		if *p.to, err = v.access("kthread_t", p.name); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// find finds the stack of a thread as MDB does: it tries the stack pointer of the
// thread's label, then every word of the stack.
func (f *finder) find(addr uint64) stack {
	var s stack
	vals := [8]uint64{}
	for i, p := range []*value.Access{f.state, f.sobj, f.flag, f.sched, f.stk, f.base, f.pc, f.sp} {
		var err error
		if vals[i], err = f.v.follow(p, addr); err != nil {
			return stack{err: errBadThread, detail: badRead("thread", addr, err)}
		}
	}
	s.state, s.sobj, s.panicked = vals[0], vals[1], vals[2]&threadPanic != 0
	stk, base, pc, sp := vals[4], vals[5], vals[6], vals[7]
	size := stk - base
	switch {
	case vals[3]&schedLoaded == 0:
		s.err, s.detail = errNotLoaded, fmt.Errorf("thread %x isn't in memory", addr)
	case stk < base:
		s.err, s.detail = errBadStack, fmt.Errorf("stack base or stack top corrupt for thread %x", addr)
	case size > maxStackSize:
		s.err, s.detail = errBadStack, fmt.Errorf("stack size for thread %x is too big to be reasonable", addr)
	case !f.read(base, size):
		s.err, s.detail = errBadStack, fmt.Errorf("couldn't read entire stack for thread %x", addr)
	}
	if s.err != nil {
		return s
	}
	f.kbase, f.ktop, f.stackEnd = base, stk, stk
	if f.ktop%stackAlign != 0 {
		f.ktop -= 8 // the half frame that aligns the stack
	}
	if sp >= base && sp <= stk && f.crawl(sp, false) == foundAll {
		s.sp, s.pc = sp, pc
	} else if at, ok := f.search(); ok {
		s.sp = at
	} else {
		s.err, s.detail = errNoStack, errNoStack
		f.read(base, size) // search has cut the chains
		s.possible = f.possible()
		return s
	}
	s.frames, s.overflow = append([]uint64(nil), f.frames...), f.overflow
	return s
}

// read reads a stack.
func (f *finder) read(base, size uint64) bool {
	if uint64(cap(f.buf)) < size {
		f.buf = make([]byte, size)
	}
	f.buf = f.buf[:size]
	return mem.ReadFull(f.v.w.Space, f.buf, mem.Addr(base)) == nil
}

// word is the word of the stack at an address.
func (f *finder) word(a uint64) (uint64, bool) {
	off := a - f.kbase
	if off > uint64(len(f.buf)) || uint64(len(f.buf))-off < 8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(f.buf[off:]), true
}

// foundAll is crawl's answer for frames that lead to the top of the stack.
const foundAll = -1

// crawl follows frames from the one at an address on the stack: how many there are,
// or foundAll. With kill it cuts the chain behind it, so that it is followed once.
func (f *finder) crawl(frame uint64, kill bool) int {
	f.frames, f.overflow = f.frames[:0], false
	for levels := 0; ; levels++ {
		if frame%stackAlign != 0 {
			return levels
		}
		fp, ok := f.word(frame)
		ret, ok2 := f.word(frame + 8)
		if !ok || !ok2 {
			return levels
		}
		if len(f.frames) < f.maxDepth {
			f.frames = append(f.frames, ret)
		} else {
			f.overflow = true
		}
		if fp == f.ktop || f.ktop-fp == frameSize {
			return foundAll
		}
		if fp < f.kbase || fp >= f.ktop-frameSize {
			return levels
		}
		if kill {
			binary.LittleEndian.PutUint64(f.buf[frame-f.kbase:], 0)
		} else if levels > len(f.buf)/frameSize {
			return levels // the frames go in a circle
		}
		frame = fp
	}
}

// search tries every word of the stack.
func (f *finder) search() (uint64, bool) {
	for at := f.kbase; at+frameSize <= f.stackEnd; at += 8 {
		if f.crawl(at, true) == foundAll {
			return at, true
		}
	}
	return 0, false
}

// possible are the places from which more than one frame can be followed.
func (f *finder) possible() []possibleSP {
	var list []possibleSP
	for at := f.kbase; at+frameSize <= f.stackEnd; at += 8 {
		fp, _ := f.word(at)
		if n := f.crawl(at, true); n > 1 {
			list = append(list, possibleSP{fp, n})
		}
	}
	return list
}

func runFindstack(c *core.Ctx) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].IsImm {
		return core.ErrUsage
	}
	v := viewOf(c)
	if c.Opts.JSON || c.PipeOut {
		return recordStack(c, v, c.Addr)
	}
	return printFoundStack(c, v, c.Addr, func(sp uint64) error {
		switch {
		case len(c.Args) == 1:
			c.SetDot(sp)
			return c.Session.Eval.Eval(c, c.Session, c.Args[0].Str)
		case c.Opt('v'):
			return c.Session.Eval.Call(c, "$C", sp, true)
		}
		return c.Session.Eval.Call(c, "$C", sp, true, core.Arg{IsImm: true})
	})
}

// printFoundStack prints where a thread's stack is and, two columns in, what show
// prints of it.
func printFoundStack(c *core.Ctx, v *view, addr uint64, show func(sp uint64) error) error {
	s, err := findStack(c, v, addr)
	if err != nil {
		return err
	}
	t, err := v.thread(addr)
	if err != nil {
		return c.Warn(err, "failed to read kthread_t at %p", addr)
	}
	descr, err := v.describe(c, t)
	if err != nil {
		c.Fail(err)
	}
	free := ""
	if s.state == stateFree {
		free = " (TS_FREE)"
	}
	c.Printf("stack pointer for thread %p%s (%s): %p\n", addr, free, descr, s.sp)
	if s.pc != 0 {
		c.Printf("[ %0?lr %a() ]\n", s.sp, s.pc)
	}
	old := c.P.IncIndent(2)
	defer func() { c.P.EndLine(); c.P.SetMargin(old) }()
	c.SetDot(s.sp)
	return show(s.sp)
}

// findStack is finder.find for one thread, with its messages.
func findStack(c *core.Ctx, v *view, addr uint64) (stack, error) {
	f, err := newFinder(v, stacks.Depth)
	if err != nil {
		return stack{}, err
	}
	s := f.find(addr)
	if s.err != nil && !errors.Is(s.err, errNoStack) {
		return s, s.detail
	}
	if s.err != nil {
		if !c.Opts.JSON {
			c.Printf("Possible stack pointers for thread %p:\n", addr)
			for _, p := range s.possible {
				c.Printf("  %p (%d)\n", p.fp, p.levels)
			}
		}
		return s, core.ErrFailed
	}
	return s, nil
}

// recordStack is ::findstack in JSON, and into a pipe the stack pointer.
func recordStack(c *core.Ctx, v *view, addr uint64) error {
	s, err := findStack(c, v, addr)
	if err != nil {
		return err
	}
	if c.PipeOut {
		c.Emit(s.sp, nil)
		return nil
	}
	c.Record(nil, out.Field{Name: "thread", Value: out.Addr(addr)}, out.Field{Name: "sp", Value: out.Addr(s.sp)},
		out.Field{Name: "pc", Value: out.Addr(s.pc)}, out.Field{Name: "frames", Value: stacks.Frames(c, s.frames)})
	return nil
}

type findstackDebug struct{ on bool }

// runFindstackDebug keeps MDB's switch; the search has nothing to say of itself that
// ::findstack does not.
func runFindstackDebug(c *core.Ctx) error {
	d := core.Keep(c.Session, findstackDebug{}, func() *findstackDebug { return &findstackDebug{} })
	d.on = !d.on
	state := "off"
	if d.on {
		state = "on"
	}
	c.Printf("findstack: debugging is now %s\n", state)
	return nil
}
