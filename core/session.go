package core

import (
	"context"
	"io"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/ctype/cdecl"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/value"
)

// Session is one conversation with the debugger. It is used by one goroutine.
type Session struct {
	Prog   string // prefix of messages: the name the program was called by
	Out    *out.Printer
	Stderr io.Writer
	In     io.Reader // of shell commands
	Opts   Options
	Reg    *Registry
	Vars   *Vars
	Eval   Evaluator
	Frame  *Frame // of the command being executed

	// Finder looks for a module that is not loaded, by name or path, for
	// ::load; it returns every module it can name for completion when name
	// is "".
	Finder func(name string) (*Module, error)

	// Interruptible derives the context of one statement, which Ctrl-C
	// cancels; done gives the signal back. nil when there is no terminal to
	// press it at.
	Interruptible func(context.Context) (ctx context.Context, done func())

	// Paint colours a warning for the terminal that the error stream is; nil
	// leaves warnings as they are.
	Paint func(msg string) string

	// Recognised is told of the system that was found in a machine after it was reset: what
	// the user gave for the one before is for this one, too. nil if nobody wants to know.
	Recognised func(system any)

	// Progress draws how far something has come that takes long; nil, and what it gives
	// may be, where nobody sees it.
	Progress func(what string) func(done, total int64)

	// Complained tells that the command of the outermost input that ran last wrote a
	// warning: its answer is not all that it was asked for, even where MDB takes it for
	// done. The evaluator clears it before each such command.
	Complained bool

	// Contain makes a fault in a command's code an error of that command. Tests
	// leave it off, so that faults are seen.
	Contain bool

	// Available are modules that are compiled in and load when the target
	// holds what they are for, or by ::load.
	Available []*Module

	// Private holds the symbols of ::nmadd; used when the context has no
	// namespace of its own.
	Private *sym.Namespace

	ctxs     []*Context
	gen      uint64
	onChange []*func()
	onPrompt []*func()
	memo     map[any]any
	showers  []*value.Shower
	log      log
	kept     map[any]any
	writes   []Write
	synth    *cdecl.Types
	exec     *Execution
}

// Frame is the state of an execution frame: what the language calls dot, the
// increment, the most recent address and count.
type Frame struct {
	Dot   uint64
	Incr  uint64
	Addr  uint64 // `&`: dot as given to the last command
	Count uint64
}

// Context is what commands work on.
type Context struct {
	Target Target
	System any       // recognised in the target; nil if none
	Space  mem.Space // current virtual address space; nil if there is none
	Thread uint64    // representative thread
	Chosen FrameRef  // the frame that ::frame made current
	CPU    int
	Name   string // of a guest, shown in the prompt

	leave func() // of a guest: gives the session back the host's modules

	moment uint64 // of a Changing target: when the last command began
}

// FrameRef names a frame of a thread: 0 is the innermost.
type FrameRef struct {
	Thread uint64
	Level  int
}

// FrameLevel is the current frame of a thread: the chosen one if it is the
// thread's, else the innermost.
func (cx *Context) FrameLevel(thread uint64) int {
	if cx.Chosen.Thread == thread {
		return cx.Chosen.Level
	}
	return 0
}

// Evaluator runs text of the command language in a session. core/interp
// implements it.
type Evaluator interface {
	// Eval runs a string of commands in a new frame. The error is the last
	// command's, or ErrAbort for a parse error, which has been reported.
	Eval(ctx context.Context, s *Session, src string) error
	// Source runs commands from r until its end, called name in messages.
	Source(ctx context.Context, s *Session, r io.Reader, name string) error
	// Expr gives the value of an expression, in which dot is the frame's.
	Expr(s *Session, src string) (uint64, error)
	// Call runs a dcmd by its name, possibly scoped, once on an address.
	Call(c *Ctx, name string, addr uint64, has bool, args ...Arg) error
}

// NewSession makes a session without a target, writing to w and errw.
func NewSession(prog string, w, errw io.Writer) *Session {
	s := &Session{
		Prog: prog, Stderr: errw, Opts: DefaultOptions(), Reg: NewRegistry(),
		Vars: NewVars(), Frame: &Frame{}, Private: sym.NewNamespace(),
	}
	s.Opts.MDB = prog == "mdb"
	s.Out = out.New(w, s.OutEnv())
	s.ctxs = []*Context{{}}
	return s
}

// Context is the current context. It is never nil, but its Target may be.
func (s *Session) Context() *Context { return s.ctxs[len(s.ctxs)-1] }

// Push makes cx the current context: a guest opened inside a target.
func (s *Session) Push(cx *Context) { s.ctxs = append(s.ctxs, cx); s.Changed() }

// Pop goes back to the context below; false at the bottom.
func (s *Session) Pop() bool {
	if len(s.ctxs) == 1 {
		return false
	}
	s.ctxs = s.ctxs[:len(s.ctxs)-1]
	s.Changed()
	return true
}

// Generation rises whenever what was read of the target may have changed: on
// run, write and change of context.
func (s *Session) Generation() uint64 { return s.gen }

// Changed raises the generation and tells those who asked.
func (s *Session) Changed() {
	s.gen++
	s.memo = nil
	s.Reg.SetAside(s.Context())
	for _, f := range s.onChange {
		(*f)()
	}
}

// Memo keeps a module's result until the target changes. key should be of a type
// of the module's own.
func Memo[T any](s *Session, key any, make func() (T, error)) (T, error) {
	if v, ok := s.memo[key]; ok {
		return v.(T), nil
	}
	v, err := make()
	if err != nil {
		return v, err
	}
	if s.memo == nil {
		s.memo = map[any]any{}
	}
	s.memo[key] = v
	return v, nil
}

// Keep keeps a command's state for the life of the session, whatever becomes of
// the target. key should be of a type of the command's own.
func Keep[T any](s *Session, key any, make func() T) T {
	if v, ok := s.kept[key]; ok {
		return v.(T)
	}
	v := make()
	if s.kept == nil {
		s.kept = map[any]any{}
	}
	s.kept[key] = v
	return v
}

// OnChange calls f whenever the target changes or stops, until the returned
// function is called.
func (s *Session) OnChange(f func()) (remove func()) { return addHook(&s.onChange, f) }

// OnPrompt calls f before each prompt.
func (s *Session) OnPrompt(f func()) (remove func()) { return addHook(&s.onPrompt, f) }

// Prompting runs the prompt callbacks.
func (s *Session) Prompting() {
	for _, f := range s.onPrompt {
		(*f)()
	}
}

func addHook(list *[]*func(), f func()) func() {
	p := &f
	*list = append(*list, p)
	return func() { *list = without(*list, func(o *func()) bool { return o == p }) }
}

// Namespace is what symbol names are looked up in. It demangles as the session's
// options say.
func (s *Session) Namespace() *sym.Namespace {
	ns := s.Private
	if t, ok := As[Symbols](s.Context()); ok {
		ns = t.Namespace()
	}
	if ns != nil {
		ns.Demangle = s.Opts.DemangleOn
	}
	return ns
}

// Arch is the target's architecture; amd64 when there is no target.
func (s *Session) Arch() *arch.Arch {
	if m, ok := As[Machine](s.Context()); ok {
		return m.Arch()
	}
	return arch.AMD64
}

// Space is the current virtual address space; one in which nothing is mapped
// when the context has none.
func (s *Session) Space() mem.Space {
	cx := s.Context()
	if cx.Space != nil {
		return cx.Space
	}
	if v, ok := As[Virtual](cx); ok {
		return v.Virtual()
	}
	if cx.Target == nil {
		return nothing{}
	}
	return noSpace{}
}

// nothing is what a session without a target reads. MDB without a file looks at
// an empty one, whose bytes are zero at every address.
type nothing struct{}

func (nothing) ReadAt(p []byte, _ mem.Addr) (int, error) {
	clear(p)
	return len(p), nil
}

type noSpace struct{}

func (noSpace) ReadAt(_ []byte, a mem.Addr) (int, error) { return 0, mem.Fault(a, mem.ErrUnmapped) }

// SymbolName gives "name+0x10" for an address by the session's matching rules.
func (s *Session) SymbolName(addr uint64) (string, bool) {
	if _, ok := As[Symbols](s.Context()); !ok && s.Context().Target != nil {
		return "", false // as in MDB, not even private ones
	}
	return s.Namespace().Format(addr, s.Opts.SymDist, s.Opts.Radix)
}

// OutEnv is what the printf dialect needs of the session.
func (s *Session) OutEnv() *out.Env {
	return &out.Env{
		Symbol: func(a uint64) (string, bool) {
			if v := s.Vars.Lookup("_"); v != nil && v.Value() != 0 {
				return "", false
			}
			return s.SymbolName(a)
		},
		Var: func(name string) (uint64, bool) {
			if v := s.Vars.Lookup(name); v != nil {
				return v.Value(), true
			}
			return 0, false
		},
		Radix:   func() int { return s.Opts.Radix },
		PtrSize: func() int { return s.Arch().PtrSize },
	}
}
