package golang

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/unwind"
)

// registers gives the registers that a goroutine's stack is walked from: those of
// the thread that runs it, or where the scheduler will resume it.
func (r *goRuntime) registers(c *core.Ctx, g *goroutine) (*arch.Regs, error) {
	if g.thread != nil {
		if t, ok := core.As[core.Registers](c.Session.Context()); ok {
			if regs, err := t.Registers(g.thread.Proc); err == nil {
				return regs, nil
			}
		}
		// The thread is not in the dump: what it noted on entering a system call
		// or on leaving for the system stack is all there is.
	}
	return r.saved(g), nil
}

// saved are the registers that a goroutine's gobuf holds, or in a system call
// what it noted on entering.
func (r *goRuntime) saved(g *goroutine) *arch.Regs {
	a := r.s.Arch()
	regs := arch.NewRegs(a)
	pc, sp, bp := g.PC, g.SP, g.BP
	if g.Status&^gScan == gSyscall && g.SyscallSP != 0 {
		pc, sp = g.SyscallPC, g.SyscallSP
		if g.SyscallBP != 0 {
			bp = g.SyscallBP
		}
	}
	regs.Set(a.PC, pc)
	regs.Set(a.SP, sp)
	if bp != 0 {
		regs.Set(a.FP, bp)
	}
	return regs
}

func (g *goroutine) owns(sp uint64) bool { return sp >= g.Lo && sp < g.Hi }

// maxGoFrames bounds a stack: Go's own limit is 1 GB of stack.
const maxGoFrames = 1 << 24

// frames walks the stack of a goroutine. A thread that runs it on its system
// stack (runtime.systemstack, mcall), or handles a signal there, shows the frames
// there first; the goroutine's own follow.
func (r *goRuntime) frames(c *core.Ctx, g *goroutine) iter.Seq2[unwind.Frame, error] {
	return func(yield func(unwind.Frame, error) bool) {
		u, ok := core.As[core.Unwinder](c.Session.Context())
		if !ok {
			yield(unwind.Frame{}, core.ErrNotSup)
			return
		}
		regs, err := r.registers(c, g)
		if err == nil && regs.PC() == 0 {
			err = fmt.Errorf("goroutine %d at %#x has no program counter", g.ID, g.Addr)
		}
		if err != nil {
			yield(unwind.Frame{}, err)
			return
		}
		w := stackWalk{r: r, g: g, own: g.owns(regs.SP())}
		for sp := regs.SP(); regs != nil; {
			regs, err = w.part(c, u, regs, yield)
			if regs == nil && err == nil {
				return
			}
			if w.restarts++; err == nil && w.restarts > maxRestarts {
				err = fmt.Errorf("stack of goroutine %d at %#x was interrupted more than %d times", g.ID, g.Addr, maxRestarts)
			}
			if err == nil && g.owns(sp) && regs.SP() <= sp {
				err = fmt.Errorf("stack of goroutine %d at %#x does not lead outwards at %#x", g.ID, g.Addr, regs.SP())
			}
			if err != nil {
				yield(unwind.Frame{}, err)
				return
			}
			sp = regs.SP()
		}
	}
}

// stackWalk is the state of a walk that is made in parts.
type stackWalk struct {
	r        *goRuntime
	g        *goroutine
	own      bool // the goroutine's own stack has been reached
	n        int  // frames
	restarts int
}

// part walks up to where the walk has to begin anew, and gives the registers to do
// so with: at an instruction that was interrupted, or on the goroutine's own
// stack. It gives none at the end, or when the consumer has enough.
func (w *stackWalk) part(c *core.Ctx, u core.Unwinder, regs *arch.Regs, yield func(unwind.Frame, error) bool) (again *arch.Regs, err error) {
	injected := false
	for f, err := range u.Frames(c, regs) {
		if w.n++; w.n > maxGoFrames {
			return nil, fmt.Errorf("stack of goroutine %d at %#x has more than %d frames", w.g.ID, w.g.Addr, maxGoFrames)
		}
		switch {
		case err != nil && c.Err() == nil && !w.own:
			return w.cross(err)
		case err != nil:
			return nil, err
		case injected:
			return f.Regs.ToArch(w.r.s.Arch()), nil
		case f.PC == 0 && !f.Exact:
			return w.cross(nil)
		}
		w.own = w.own || w.g.owns(f.SP)
		name := w.r.function(f.CodeAddr())
		switch {
		case !yield(f, nil), goexit(name) && !f.Exact:
			return nil, nil
		case !w.own && systemStackEnd[name]:
			return w.cross(nil)
		}
		injected = injects[name]
	}
	return w.cross(nil)
}

// cross goes from another stack to the goroutine's own, by its gobuf, where
// runtime.systemstack left its place; without one the walk ends.
func (w *stackWalk) cross(err error) (*arch.Regs, error) {
	regs := w.r.saved(w.g)
	if w.own || w.g.thread == nil || !w.g.owns(regs.SP()) || regs.PC() == 0 {
		return nil, err
	}
	w.own = true
	return regs, nil
}

// maxRestarts bounds how often a stack was interrupted.
const maxRestarts = 1 << 16

// injects are the functions that the runtime makes an interrupted function call:
// the PC of the frame before is that of an instruction about to run, not a return
// address, so that the walk begins anew there.
var injects = map[string]bool{
	"runtime.asyncPreempt": true, "runtime.asyncPreempt.abi0": true, "runtime.sigpanic": true, "runtime.sigpanic0": true,
}

// goexit tells the frame every goroutine begins with. The return address is its
// first byte plus one, so the function is that of the address before as well.
func goexit(name string) bool { return name == "runtime.goexit" || name == "runtime.goexit.abi0" }

// systemStackEnd are the functions that the frames of a system stack end in.
var systemStackEnd = map[string]bool{
	"runtime.systemstack": true, "runtime.systemstack.abi0": true, "runtime.mcall": true, "runtime.mstart": true,
	"runtime.mstart.abi0": true, "runtime.rt0_go": true, "runtime.rt0_go.abi0": true, "runtime.morestack": true,
	"runtime.morestack.abi0": true, "runtime.asmcgocall": true, "runtime.asmcgocall.abi0": true,
}
