package system

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind"
)

// KernelFrame is one frame of a kernel stack.
type KernelFrame struct {
	FP uint64 // frame pointer of the function: its caller's and the return address lie there
	PC uint64 // where execution in it is, or goes on
}

// StackError is why a stack could not be followed to its end: at the frame pointer
// FP. Its text is MDB's.
type StackError struct {
	FP  uint64
	Err error
}

func (e *StackError) Error() string { return fmt.Sprintf("%x [%v]", e.FP, mem.Reason(e.Err)) }
func (e *StackError) Unwrap() error { return e.Err }

// ErrFrame is a frame pointer that leads back to a frame that was there before.
var ErrFrame = errors.New("stack frame pointer is invalid")

// maxKernelFrames bounds a stack: kernel stacks have some pages.
const maxKernelFrames = 1 << 16

// Stack follows the frame pointers from pc and fp, and appends the frames to buf,
// the innermost first: that at pc is one if pc is not 0. The structures that trap
// handlers leave on the stack begin like a frame, so that the walk runs through
// them. It ends at a null frame pointer. The error is a *StackError, where the walk
// met one that cannot be read or that goes in circles; the frames up to there are
// given with it.
//
// buf may be reused from one stack to the next: a walk of 20,000 stacks then
// allocates nothing.
func (k *IllumosKernel) Stack(buf []KernelFrame, pc, fp uint64) ([]KernelFrame, error) {
	return walkFrames(k.space, buf, pc, fp)
}

func walkFrames(sp *kernelSpace, buf []KernelFrame, pc, fp uint64) ([]KernelFrame, error) {
	// Every second step the tortoise takes one: where the stack goes in circles
	// the two meet.
	tortoise, move := uint64(0), true
	for n := 0; fp != 0; n++ {
		saved, ra, ok := sp.frame(fp)
		if !ok {
			return buf, &StackError{fp, mem.ErrUnmapped}
		}
		switch {
		case tortoise == 0:
			tortoise = fp
		case move:
			if tortoise, _, ok = sp.frame(tortoise); !ok {
				return buf, &StackError{fp, mem.ErrUnmapped}
			}
			fallthrough
		default:
			if fp == tortoise || n >= maxKernelFrames {
				return buf, &StackError{fp, ErrFrame}
			}
		}
		move = !move
		if pc != 0 {
			buf = append(buf, KernelFrame{fp, pc})
		}
		pc, fp = ra, saved
	}
	return buf, nil
}

// frame reads the saved frame pointer and the return address at fp.
func (s *kernelSpace) frame(fp uint64) (saved, ra uint64, ok bool) {
	if b := s.View(mem.Addr(fp), 16); b != nil {
		return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), true
	}
	var b [16]byte
	if mem.ReadFull(s, b[:], mem.Addr(fp)) != nil {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]), true
}

// ThreadStack is Stack for a thread, from its registers (see Registers).
func (k *IllumosKernel) ThreadStack(buf []KernelFrame, thread uint64) ([]KernelFrame, error) {
	if p := k.processorOf(thread); p != nil {
		if p.user() {
			return buf, nil // its kernel stack is empty
		}
		return k.Stack(buf, p.Regs.PC(), p.Regs.FP())
	}
	if thread == k.PanicThread() {
		r, err := k.PanicRegisters()
		if err != nil {
			return buf, err
		}
		return k.Stack(buf, r.PC(), r.FP())
	}
	l, err := k.label(thread)
	if err != nil {
		return buf, err
	}
	return k.Stack(buf, l[labelPC], l[labelFP])
}

// Frames implements core.Unwinder. All frames count as exact: MDB names a kernel's
// return addresses as they are.
func (k *IllumosKernel) Frames(ctx context.Context, regs *arch.Regs) iter.Seq2[unwind.Frame, error] {
	return func(yield func(unwind.Frame, error) bool) {
		list, err := k.Stack(nil, regs.PC(), regs.FP())
		for i, f := range list {
			if i%256 == 255 && ctx.Err() != nil {
				yield(unwind.Frame{}, ctx.Err())
				return
			}
			if !yield(k.unwindFrame(i, f, regs), nil) {
				return
			}
		}
		if err != nil {
			yield(unwind.Frame{}, err)
		}
	}
}

// unwindFrame is a frame as the rest of xmdb knows frames.
func (k *IllumosKernel) unwindFrame(level int, f KernelFrame, regs *arch.Regs) unwind.Frame {
	out := unwind.Frame{Level: level, PC: f.PC, CFA: f.FP + 16, FP: f.FP, Exact: true, Source: unwind.SourceFP}
	if level == 0 {
		out.Source = unwind.SourceEntry
		out.Regs, _ = unwind.FromArch(regs)
		out.SP = regs.SP()
		return out
	}
	out.Regs.Set(unwind.AMD64.PC, f.PC)
	out.Regs.Set(unwind.AMD64.FP, f.FP)
	return out
}
