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
// stack (runtime.systemstack, mcall) shows the frames there first; the
// goroutine's own follow.
func (r *goRuntime) frames(c *core.Ctx, g *goroutine) iter.Seq2[unwind.Frame, error] {
	return func(yield func(unwind.Frame, error) bool) {
		u, ok := core.As[core.Unwinder](c.Session.Context())
		if !ok {
			yield(unwind.Frame{}, core.ErrNotSup)
			return
		}
		regs, err := r.registers(c, g)
		if err != nil {
			yield(unwind.Frame{}, err)
			return
		}
		if regs.PC() == 0 {
			yield(unwind.Frame{}, fmt.Errorf("goroutine %d at %#x has no program counter", g.ID, g.Addr))
			return
		}
		if g.thread != nil && r.onSystemStack(g, regs.SP()) {
			for f, err := range u.Frames(c, regs) {
				if err != nil || g.owns(f.SP) {
					break // the walk crossed over by itself, or knows no further
				}
				if !yield(f, nil) {
					return
				}
				if systemStackEnd[r.function(f.CodeAddr())] {
					break
				}
			}
			regs = r.saved(g)
			if !g.owns(regs.SP()) {
				return // not left by way of systemstack: a dying or new thread
			}
		}
		r.ownFrames(c, u, g, regs, yield)
	}
}

// ownFrames walks a stack to runtime.goexit or where it ends.
func (r *goRuntime) ownFrames(c *core.Ctx, u core.Unwinder, g *goroutine, regs *arch.Regs, yield func(unwind.Frame, error) bool) {
	restarts := 0
	for n, sp := 0, regs.SP(); regs != nil; {
		if restarts++; restarts > maxRestarts {
			yield(unwind.Frame{}, fmt.Errorf("stack of goroutine %d at %#x was interrupted more than %d times", g.ID, g.Addr, maxRestarts))
			return
		}
		var again *arch.Regs
		injected := false
		for f, err := range u.Frames(c, regs) {
			if err == nil {
				if n++; n > maxGoFrames {
					err = fmt.Errorf("stack of goroutine %d at %#x has more than %d frames", g.ID, g.Addr, maxGoFrames)
				}
				if injected {
					again = f.Regs.ToArch(r.s.Arch())
					break
				}
				if f.PC == 0 && !f.Exact {
					return
				}
			}
			name := r.function(f.CodeAddr())
			if !yield(f, err) || err != nil || goexit(name) && !f.Exact {
				return
			}
			injected = injects[name]
		}
		if again != nil && g.owns(sp) && again.SP() <= sp {
			yield(unwind.Frame{}, fmt.Errorf("stack of goroutine %d at %#x does not lead outwards at %#x", g.ID, g.Addr, again.SP()))
			return
		}
		if regs = again; regs != nil {
			sp = regs.SP()
		}
	}
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

// onSystemStack tells whether a stack pointer is on the system stack of the
// thread that runs g. The stack of its signal handlers is another: the unwinder
// crosses from there by the context that the kernel saved.
func (r *goRuntime) onSystemStack(g *goroutine, sp uint64) bool {
	if g.owns(sp) {
		return false
	}
	g0, err := r.goroutineAt(g.thread.G0)
	if err != nil {
		return false
	}
	// The stack of the first thread is the system's: of it the runtime knows a
	// part of which it uses the top.
	if g0.owns(sp) {
		return true
	}
	sig, err := r.goroutineAt(g.thread.GSignal)
	return err == nil && !sig.owns(sp)
}
