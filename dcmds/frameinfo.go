package dcmds

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/system/vars"
	"github.com/xmdb/xmdb/core/unwind"
)

// This file connects frames with what debug information says of them.

// debugAt gives the debug data for an address and the object it lies in; nil for
// what there is not.
func debugAt(s *core.Session, addr uint64) (*dwarf.Data, *sym.Object) {
	t, ok := core.As[core.DebugInfo](s.Context())
	if !ok {
		return nil, nil
	}
	o := s.Namespace().ObjectAt(addr)
	if o == nil {
		return nil, nil
	}
	return t.DebugData(o), o
}

// varReader reads the variables of a thread's frames. regs are the thread's; nil if
// the stack is not that of a thread.
func varReader(s *core.Session, thread uint64, regs *arch.Regs) *vars.Reader {
	cx := s.Context()
	r := &vars.Reader{
		World: s.World(), Arch: unwind.ForArch(s.Arch()),
		Debug: func(pc uint64) (*dwarf.Data, uint64) {
			d, o := debugAt(s, pc)
			if d == nil {
				return nil, 0
			}
			return d, o.Bias
		},
	}
	if p, ok := core.As[core.PLTResolver](cx); ok {
		r.Bound = p.Bound
	}
	if regs == nil {
		return r
	}
	r.Vector = func(n uint64) ([]byte, bool) { return vectorReg(regs, n) }
	if t, ok := core.As[core.ThreadLocal](cx); ok {
		r.TLS = func(pc, off uint64) (uint64, error) {
			base, err := t.TLSBase(thread, s.Namespace().ObjectAt(pc))
			return base + off, err
		}
	}
	return r
}

// DWARF numbers of amd64's vector and x87 registers (System V psABI, figure 3.36).
const (
	dwarfXMM0, dwarfST0 = 17, 33
	xmmRegs, stRegs     = 16, 8
	xmmSize             = 16 // bytes, as an x87 register in memory
)

// vectorReg gives an xmm register with the upper half of its ymm where known, or an
// x87 register, in memory order.
func vectorReg(regs *arch.Regs, n uint64) ([]byte, bool) {
	fx, xs := regs.Areas["fxsave"], regs.Areas["xsave"]
	if len(fx) < fxSize && len(xs) >= fxSize {
		fx = xs[:fxSize]
	}
	if len(fx) < fxSize {
		return nil, false
	}
	switch {
	case n >= dwarfXMM0 && n < dwarfXMM0+xmmRegs:
		i := int(n - dwarfXMM0)
		b := append([]byte(nil), fx[fxXMM+xmmSize*i:][:xmmSize]...)
		if ymm := avxHalves(xs); ymm != nil {
			b = append(b, ymm[xmmSize*i:][:xmmSize]...)
		}
		return b, true
	case n >= dwarfST0 && n < dwarfST0+stRegs:
		return fx[fxST+xmmSize*int(n-dwarfST0):][:xmmSize], true
	}
	return nil, false
}

// linkedFrames walks a stack with each frame's callers at hand. A stack that was
// entered at a frame pointer begins with a return address.
func linkedFrames(ctx context.Context, s *core.Session, regs *arch.Regs, returned bool) (iter.Seq2[*vars.Frame, error], error) {
	u, ok := core.As[core.Unwinder](s.Context())
	if !ok {
		return nil, core.ErrNotSup
	}
	return vars.Frames(func(yield func(unwind.Frame, error) bool) {
		for f, err := range u.Frames(ctx, regs) {
			if err == nil && isEnd(&f) {
				return
			}
			if f.Level == 0 && returned {
				f.Exact = false
			}
			if !yield(f, err) {
				return
			}
		}
	}), nil
}

// isEnd tells the frame that only shows that the stack has ended: one without a
// return address.
func isEnd(f *unwind.Frame) bool { return f.PC == 0 && !f.Exact }

// frameOf finds a frame of a thread by its level.
func frameOf(ctx context.Context, s *core.Session, thread uint64, level int) (*vars.Frame, *vars.Reader, error) {
	cx := s.Context()
	if cx.Target == nil {
		return nil, nil, core.ErrNoProc
	}
	t, ok := core.As[core.Registers](cx)
	if !ok {
		return nil, nil, core.ErrNoProc
	}
	regs, err := t.Registers(thread)
	if err != nil {
		return nil, nil, err
	}
	frames, err := linkedFrames(ctx, s, regs, false)
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for f, err := range frames {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("stack ends after %d frames: %w", n, err)
		}
		if f.Level == level {
			return f, varReader(s, thread, regs), nil
		}
		n++
	}
	return nil, nil, fmt.Errorf("no frame %s: the stack has %s", radix(s, uint64(level)), radix(s, uint64(n)))
}

// radix writes a number as the session's commands take it.
func radix(s *core.Session, n uint64) string { return out.Sprintf(s.OutEnv(), "%llr", n) }

// noDebugReason words why nothing is known of a frame's function and names the file
// that would tell.
func noDebugReason(s *core.Session, f *unwind.Frame, err error) error {
	o := s.Namespace().ObjectAt(f.CodeAddr())
	switch {
	case o == nil:
		return fmt.Errorf("no load object at %#x", f.PC)
	case errors.Is(err, dwarf.ErrNoFunction):
		return fmt.Errorf("no debug information for the code of %s at %#x", o.Name, f.PC)
	case !errors.Is(err, vars.ErrNoDebug):
		return err
	}
	text := "no debug information for " + o.Name
	if t, ok := core.As[core.FileReporter](s.Context()); ok {
		for _, m := range t.MissingFiles(o) {
			return fmt.Errorf("%s: %s", text, m.Error())
		}
	}
	if o.BuildID != "" {
		text += " (build-id " + o.BuildID + ")"
	}
	return errors.New(text)
}
