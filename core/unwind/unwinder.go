package unwind

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind/cfi"
	"github.com/xmdb/xmdb/core/unwind/dwexpr"
)

// Tables finds the call frame information of the load object that holds a PC.
// bias is what to subtract from run-time addresses to get the table's.
type Tables interface {
	CFI(pc uint64) (t *cfi.Table, bias uint64, ok bool)
}

// Code is an ability of Tables that know what memory is executable. It keeps the
// frame-pointer chain and guesses from taking data for return addresses.
type Code interface {
	Executable(pc uint64) bool
}

// Functions is an ability of Tables that know where functions begin, from symbols.
// It tells apart, in a leaf function without call frame information, whether the
// frame pointer is the function's own or still its caller's.
type Functions interface {
	FuncStart(pc uint64) (start uint64, ok bool)
}

// DefaultMaxFrames bounds a walk.
const DefaultMaxFrames = 1 << 24

// Reasons for the end of a walk, within an *Error.
var (
	ErrStuck    = errors.New("stack pointer did not advance")
	ErrLoop     = errors.New("frames repeat")
	ErrTooDeep  = errors.New("too many frames")
	ErrNoMethod = errors.New("no call frame information and no frame pointer")
	ErrNoReturn = errors.New("no rule for the return address")
	ErrNoPC     = errors.New("program counter is not known")
)

// Error is why a walk ended before the outermost frame.
type Error struct {
	PC  uint64 // of the frame whose caller could not be found
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("frame at %#x: %v", e.PC, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Unwinder walks stacks of one address space. It caches the rules of the PCs it
// has seen; call Reset when mappings change. It is not safe for concurrent use,
// nor are walks to be interleaved with Reset.
type Unwinder struct {
	Arch      *Arch
	Mem       mem.Space
	Tables    Tables
	MaxFrames int    // DefaultMaxFrames if 0
	PACMask   uint64 // arm64: the bits of a signed return address that are not address

	code  Code
	funcs Functions
	sizes FrameSizes
	plans map[uint64]*plan
	rules int // in plans
}

// New makes an unwinder. tables may be nil; if it has the abilities Code,
// Functions and FrameSizes, these are used, too.
func New(a *Arch, m mem.Space, tables Tables) *Unwinder {
	u := &Unwinder{Arch: a, Mem: m, Tables: tables}
	u.code, _ = tables.(Code)
	u.funcs, _ = tables.(Functions)
	u.sizes, _ = tables.(FrameSizes)
	return u
}

// Reset forgets cached rules.
func (u *Unwinder) Reset() { u.plans, u.rules = nil, 0 }

// Frames walks from the innermost frame outwards. A walk that does not reach the
// outermost frame yields its error last, with a zero Frame.
func (u *Unwinder) Frames(ctx context.Context, regs Regs) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		w := &walk{u: u, regs: regs, exact: true, budget: exprBudget}
		if err := w.run(ctx, yield); err != nil {
			yield(Frame{}, err)
		}
	}
}

// walk is the state of one walk.
type walk struct {
	u      *Unwinder
	regs   Regs
	source Source
	exact  bool
	brent  brent
	expr   *dwexpr.Env
	budget int // operations left to expressions
	window [windowSize]byte
	cell   [8]byte
}

// step is the way from a frame to its caller.
type step struct {
	regs   Regs
	source Source
	cfa    uint64
	signal bool // the frame left is a signal trampoline
	last   bool // there is no caller
	jumps  bool // the stack pointer may go anywhere
}

// run yields frames; the error is what ended the walk early, unless the consumer
// stopped it.
func (w *walk) run(ctx context.Context, yield func(Frame, error) bool) error {
	limit := w.u.MaxFrames
	if limit <= 0 {
		limit = DefaultMaxFrames
	}
	a := w.u.Arch
	if _, ok := w.regs.Get(a.PC); !ok {
		return &Error{0, ErrNoPC}
	}
	var s step
	for level := 0; ; level++ {
		f := Frame{Level: level, Regs: w.regs, Source: w.source, Exact: w.exact}
		f.PC, _ = w.regs.Get(a.PC)
		f.SP, _ = w.regs.Get(a.SP)
		f.FP, _ = w.regs.Get(a.FP)
		if level%256 == 255 && ctx.Err() != nil {
			return ctx.Err()
		}
		if level >= limit {
			return &Error{f.PC, ErrTooDeep}
		}
		w.budget += exprPerFrame
		s = step{regs: w.regs}
		err := w.step(&f, &s)
		f.CFA, f.Signal = s.cfa, s.signal
		if !yield(f, nil) || err == nil && s.last {
			return nil
		}
		if err == nil {
			err = w.check(&f, &s)
		}
		if err != nil {
			return &Error{f.PC, err}
		}
		w.regs, w.source, w.exact = s.regs, s.source, s.signal
	}
}

// check refuses a step that does not lead outwards.
func (w *walk) check(f *Frame, s *step) error {
	pc, _ := s.regs.Get(w.u.Arch.PC)
	sp, known := s.regs.Get(w.u.Arch.SP)
	old, was := w.regs.Get(w.u.Arch.SP)
	if known && was && !s.signal && !s.jumps {
		// A leaf function may return to a link register without having moved
		// the stack pointer.
		if leaf := w.u.Arch.Link >= 0 && f.Exact; sp < old || sp == old && !leaf {
			return ErrStuck
		}
	}
	if w.brent.seen(pc, sp) {
		return ErrLoop
	}
	return nil
}

// brent finds cycles in a sequence with one remembered element.
type brent struct {
	pc, sp       uint64
	count, limit uint64
}

func (b *brent) seen(pc, sp uint64) bool {
	if b.limit != 0 && b.pc == pc && b.sp == sp {
		return true
	}
	if b.count++; b.count > b.limit {
		b.pc, b.sp = pc, sp
		b.count, b.limit = 0, max(1, b.limit*2)
	}
	return false
}

// step finds the caller of f; s.regs begins as f's registers.
func (w *walk) step(f *Frame, s *step) error {
	p := w.u.plan(f.CodeAddr())
	// A return address at the start of a function is no return address. It is a
	// signal trampoline, behind which the kernel made the handler return; or Go's
	// sigpanic, which makes itself look called by the instruction that faulted.
	if !f.Exact && (p.row == nil || !p.row.Signal && p.row.End+p.bias == f.PC) {
		if w.sigreturn(f, s) {
			return nil
		}
		if q := w.u.plan(f.PC); p.row == nil && q.row != nil {
			p, f.Exact = q, true
		}
	}
	if p.row == nil {
		err := w.without(f, s)
		if err != nil && p.err != nil {
			err = fmt.Errorf("%w; %w", p.err, err)
		}
		return err
	}
	return w.apply(p, s)
}

// Env is what the DWARF expressions of a frame's variables are evaluated against,
// as far as the frame tells: registers, CFA and memory. Bias, units, types and
// calls are for the caller to add.
func (u *Unwinder) Env(f *Frame) *dwexpr.Env {
	return &dwexpr.Env{
		AddrSize: u.Arch.PtrSize, Order: u.Arch.Order, ReadMemory: u.read,
		Reg: func(n uint64) (uint64, bool) {
			if n >= MaxRegs {
				return 0, false
			}
			return f.Regs.Get(int(n))
		},
		CFA: func() (uint64, error) {
			if f.CFA == 0 {
				return 0, fmt.Errorf("CFA of the frame at %#x: %w", f.PC, dwexpr.ErrUnavailable)
			}
			return f.CFA, nil
		},
	}
}

// read fills p from memory or fails.
func (u *Unwinder) read(p []byte, addr uint64) error {
	return mem.ReadFull(u.Mem, p, mem.Addr(addr))
}

// word reads an integer as wide as a pointer.
func (w *walk) word(addr uint64) (uint64, error) {
	n := w.u.Arch.PtrSize
	b := w.window[:n]
	if err := w.u.read(b, addr); err != nil {
		return 0, err
	}
	return mem.Uint(b, w.u.Arch.Order), nil
}
