package core

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
)

// Live is a process under control, or one that is looked at.
type Live interface {
	Target
	// Control is what an engine runs; nil where the process is only looked at.
	Control() control.Machine
	// Last is why the process is halted.
	Last() control.Stop
	// FollowFork decides whom to follow at the fork that was just reported.
	FollowFork(child bool)
	// Release lets the process go: hang leaves it stopped, keep leaves one alive
	// that the debugger started.
	Release(hang, keep bool)
	Kill()
	// Refresh reads again what runs in the process: mappings, the program.
	Refresh()
}

// RegisterWriter can change the registers of a halted thread.
type RegisterWriter interface {
	SetRegisters(thread uint64, r *arch.Regs) error
}

// CoreDumper can write a core of itself: to a file whose name begins with prefix,
// with the kinds of mappings that content names (coreadm(8)'s words). It gives the
// file's name.
type CoreDumper interface {
	DumpCore(ctx context.Context, prefix, content string) (name string, err error)
}

// Execution is a session's control of a process: its events, and the ways to get
// one.
type Execution struct {
	// Start makes a process of the program that the session looks at, halted before
	// its first instruction; Grab attaches to one. nil where that cannot be.
	Start func(ctx context.Context, args []string) (Live, error)
	Grab  func(ctx context.Context, pid int) (Live, error)
	// Ask asks the user to choose between two letters; nil where nobody is there to.
	Ask func(question, letters string) byte

	s       *Session
	engine  *control.Engine
	live    Live    // nil: no process
	idle    Context // the program before it ran
	env     map[string]string
	envKeys []string
	signal  int  // posted for the next continue
	signals bool // the events that every process has are there
	linked  bool // the run-time linker has done its first work
	news    bool // objects came since, which the user has not been told
	outside bool // the process was attached to
}

// Execution gives the session's control of processes.
func (s *Session) Execution() *Execution {
	if s.exec == nil {
		s.exec = &Execution{s: s}
		s.exec.engine = control.New(s.exec)
	}
	return s.exec
}

// Engine has the events.
func (x *Execution) Engine() *control.Engine { return x.engine }

// Live is the process; nil if there is none.
func (x *Execution) Live() Live { return x.live }

// State is the state of execution of the session's target.
func (x *Execution) State() State {
	if t, ok := As[Stater](x.s.Context()); ok {
		return t.State()
	}
	return StateIdle
}

// Run starts the program anew.
func (x *Execution) Run(ctx context.Context, args []string) error {
	if x.Start == nil {
		return ErrNotSup
	}
	l, err := x.Start(ctx, args)
	if err != nil {
		return err
	}
	x.drop(false)
	x.outside = false
	return x.Adopt(ctx, l)
}

// Adopt makes a process the session's target.
func (x *Execution) Adopt(ctx context.Context, l Live) error {
	cx := x.s.Context()
	if x.live == nil {
		x.idle = *cx
	}
	x.live = l
	err := x.s.Attach(ctx, l)
	if l.Control() == nil {
		return err
	}
	last := l.Last()
	if x.machine() {
		x.engine.Attach(l.Control(), last)
		return err
	}
	x.linked = x.outside
	x.defaultSignals()
	x.engine.Attach(l.Control(), last)
	x.own()
	x.s.Frame.Dot = last.PC
	return err
}

// SetOutside says that the process to be adopted was not started here: it lives on
// when it is let go.
func (x *Execution) SetOutside() { x.outside = true }

// Release lets the process go and goes back to the program's file.
func (x *Execution) Release(hang bool) { x.leave(func() { x.live.Release(hang, hang || x.outside) }) }

// Kill ends the process.
func (x *Execution) Kill() { x.leave(x.live.Kill) }

func (x *Execution) leave(end func()) {
	x.engine.Detach()
	end()
	x.drop(true)
}

// drop forgets the process. What the session looked at before is its target again.
func (x *Execution) drop(back bool) {
	if x.live == nil {
		return
	}
	x.engine.Detach()
	x.engine.Delete(func(e *control.Event) bool { return e.Flags&control.Hidden != 0 })
	x.live.Close()
	x.live = nil
	cx := x.s.Context()
	*cx = x.idle
	if back {
		x.s.Changed()
	}
}

// Close ends what is under control: as Release does.
func (x *Execution) Close() {
	if x.live != nil {
		x.engine.Disarm()
		x.live.Close()
		x.live = nil
	}
}

// Post makes a signal the one that the process gets when it goes on.
func (x *Execution) Post(sig int) { x.signal = sig }

// Continue resumes the process until an event concerns the user, which is told.
func (x *Execution) Continue(ctx context.Context, mode control.Mode) error {
	o := control.Order{Mode: mode, Thread: x.controlled(), Signal: x.signal}
	// A traced SIGINT has done what it was for.
	if last := x.engine.Last(); last.Why == control.Signal && last.Signal == sigINT && x.signal == 0 {
		o.Drop = true
	}
	x.signal = 0
	return x.resume(ctx, o)
}

// Until resumes with a breakpoint of the debugger's own, for the thread alone; only
// narrows it further, if it is not nil.
func (x *Execution) Until(ctx context.Context, addr uint64, only func(*control.Stop) bool) error {
	e := &control.Event{Kind: control.AtAddress, Addr: addr, Thread: x.controlled(),
		Flags: control.Hidden | control.Temporary | control.Silent}
	if err := x.engine.Add(e.Only(only)); err != nil {
		return err
	}
	if e.State == control.Idle {
		x.engine.Delete(func(o *control.Event) bool { return o == e })
		return e.Err
	}
	return x.Continue(ctx, control.Continue)
}

func (x *Execution) resume(ctx context.Context, o control.Order) error {
	busy := x.engine.Busy()
	if err := x.engine.Resume(ctx, o); err != nil || busy {
		return err
	}
	for _, e := range x.engine.Matched() {
		if e.Flags&control.Silent == 0 {
			x.s.Notef("%s", x.s.EventText(e))
		}
	}
	return nil
}

const sigINT = 2

// defaultSignals adds the events that every process has: SIGINT and the signals
// that end a process with a core.
func (x *Execution) defaultSignals() {
	if x.signals {
		return
	}
	x.signals = true
	for _, sig := range []int{2, 3, 4, 5, 6, 8, 7, 11, 31, 24, 25} {
		x.engine.Add(&control.Event{Kind: control.OnSignal, Number: sig, Flags: control.Sticky})
	}
}

// own adds the debugger's own events.
func (x *Execution) own() {
	hidden := control.Hidden | control.Silent
	add := func(e *control.Event, call func(*control.Stop) bool) {
		e.Flags, e.Call = hidden, call
		x.engine.Add(e)
	}
	add(&control.Event{Kind: control.OnWhy, Number: int(control.Fork)}, x.forked)
	add(&control.Event{Kind: control.OnWhy, Number: int(control.Exec)}, x.execed)
	x.linker()
}

// linkerHook is the function that the run-time linker calls when its list of
// objects changes (glibc and musl): a debugger's place for a breakpoint.
const linkerHook = "_dl_debug_state"

// linker adds the events that follow the run-time linker.
func (x *Execution) linker() {
	if m, err := x.s.Namespace().LookupName("", linkerHook); err == nil && m.Value != 0 {
		x.engine.Add(&control.Event{Kind: control.AtAddress, Addr: m.Value, Flags: control.Hidden | control.Silent, Call: x.loaded})
	}
}

// loaded is called when the run-time linker's list changes. In glibc the hook is
// called before and after; reading a list that is half made does no harm.
func (x *Execution) loaded(*control.Stop) bool {
	before := len(x.s.Namespace().Objects())
	x.refresh()
	if x.linked && len(x.s.Namespace().Objects()) > before {
		x.news = true
	}
	x.linked = true
	x.engine.Revise()
	x.engine.Activate()
	return true
}

// refresh recognises anew what is in the process.
func (x *Execution) refresh() {
	x.live.Refresh()
	cx := x.s.Context()
	if sys, err := system.Recognise(context.Background(), x.live); sys != nil || err == nil {
		cx.System = sys
	}
	x.s.Changed()
}

// News tells, once, whether objects were loaded since the user was last told.
func (x *Execution) News() bool {
	news := x.news
	x.news = false
	return news
}

// forked decides which process to follow.
func (x *Execution) forked(s *control.Stop) bool {
	child := x.s.Opts.FollowFork == "child"
	name := "fork"
	if s.VFork {
		name = "vfork"
	}
	if x.s.Opts.FollowFork == "ask" && x.Ask != nil {
		child = x.Ask(fmt.Sprintf("%s: %s detected: follow (p)arent or (c)hild? ", x.s.Prog, name), "pc") == 'c'
	}
	who := "parent"
	if child {
		who = "child"
	}
	x.s.Notef("target forked child process %d (debugger following %s)", s.Child, who)
	x.live.FollowFork(child)
	return true
}

// execed starts over with another program.
func (x *Execution) execed(*control.Stop) bool {
	follow := x.s.Opts.FollowExec == "follow"
	if x.s.Opts.FollowExec == "ask" && x.Ask != nil {
		follow = x.Ask(x.s.Prog+": execve detected: (f)ollow new program or (s)top? ", "fs") == 'f'
	}
	x.engine.Forget()
	x.engine.Delete(func(e *control.Event) bool { return e.Flags&control.Hidden != 0 })
	x.refresh()
	x.linked = false
	name := "?"
	if p, ok := x.live.(interface{ ProgramPath() string }); ok {
		name = p.ProgramPath()
	}
	x.s.Notef("target performed exec of %s", name)
	x.engine.Activate()
	x.own()
	return follow
}

// The engine's host.

// Resolve implements control.Host.
func (x *Execution) Resolve(symbol string) (uint64, error) {
	object, name := "", symbol
	if i := strings.LastIndexByte(symbol, '`'); i >= 0 {
		object, name = symbol[:i], symbol[i+1:]
	}
	m, err := x.s.Namespace().LookupName(object, name)
	if err != nil {
		return 0, err
	}
	return m.Value, nil
}

// Mapped implements control.Host.
func (x *Execution) Mapped(addr uint64) error {
	var b [1]byte
	if _, err := x.s.Space().ReadAt(b[:], mem.Addr(addr)); err != nil {
		return mem.ErrUnmapped
	}
	return nil
}

// Compile implements control.Host.
func (x *Execution) Compile(text string) (func(*control.Stop) bool, error) {
	s := x.s
	if _, err := s.Eval.Expr(s, text); err != nil && errors.Is(err, ErrParse) {
		return nil, err
	}
	return func(stop *control.Stop) bool {
		cx, dot := s.Context(), s.Frame.Dot
		thread, cpu := cx.Thread, cx.CPU
		x.choose(cx, stop)
		s.Frame.Dot = stop.PC
		defer func() { cx.Thread, cx.CPU, s.Frame.Dot = thread, cpu, dot }()
		v, err := s.Eval.Expr(s, text)
		return err != nil || v != 0 // what cannot be told apart is shown
	}, nil
}

// Stopped implements control.Host.
func (x *Execution) Stopped(stop *control.Stop) {
	cx := x.s.Context()
	if x.machine() {
		x.s.refresh(cx)
	}
	if !stop.Why.Gone() {
		x.choose(cx, stop)
	}
	cx.Chosen = FrameRef{}
	x.s.Frame.Dot = stop.PC
	x.s.Changed()
}

// Act implements control.Host.
func (x *Execution) Act(ctx context.Context, e *control.Event, stop *control.Stop) {
	x.s.Frame.Dot = stop.PC
	if v := x.s.Vars.Lookup("hits"); v != nil {
		v.Force(e.Hits)
	}
	x.s.Eval.Eval(ctx, x.s, e.Action) // what fails has told why
}

// EventText is what an event waits for, in MDB's words.
func (s *Session) EventText(e *control.Event) string {
	switch e.Kind {
	case control.AtAddress:
		return s.Out.Sprintf("stop at %a", e.Addr)
	case control.AtSymbol:
		return "stop at " + e.Symbol
	case control.OnAccess:
		return s.Out.Sprintf("stop on %s of [%la, %la)", accessText(e.Access), e.Addr, e.Addr+e.Size)
	case control.OnSignal:
		name, _ := system.SignalName(e.Number)
		return "stop on " + name
	case control.OnFault:
		return "stop on " + control.FaultName(e.Number)
	case control.OnSysEntry:
		return "stop on entry to " + s.callName(e.Number)
	case control.OnSysExit:
		return "stop on exit from " + s.callName(e.Number)
	}
	return map[control.Why]string{control.Fork: "follow forks", control.Exec: "follow execs"}[control.Why(e.Number)]
}

func (s *Session) callName(nr int) string {
	if n := system.LinuxCall(s.Arch(), nr); n != "" {
		return n
	}
	return fmt.Sprintf("SYS#%d", nr)
}

// accessText names ways to use memory: one by its word, several by letters.
func accessText(a control.Access) string {
	switch a {
	case control.Read:
		return "read"
	case control.Write:
		return "write"
	case control.Execute:
		return "exec"
	}
	var letters []string
	for _, l := range []struct {
		a control.Access
		s string
	}{{control.Read, "r"}, {control.Write, "w"}, {control.Execute, "x"}} {
		if a&l.a != 0 {
			letters = append(letters, l.s)
		}
	}
	return strings.Join(letters, "/")
}
