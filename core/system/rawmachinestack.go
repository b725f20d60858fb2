package system

import (
	"context"
	"iter"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind"
)

// maxRawFrames bounds a stack of which nothing is known.
const maxRawFrames = 4096

// Frames implements core.Unwinder: the chain of frame pointers, which is all there is to
// follow. Of code of 16 bits, where a return address may be two words, the innermost
// frame is given only. The error is a *StackError at the frame that leads no further.
func (m *RawMachine) Frames(ctx context.Context, regs *arch.Regs) iter.Seq2[unwind.Frame, error] {
	return func(yield func(unwind.Frame, error) bool) {
		in := unwind.Frame{PC: regs.PC(), SP: regs.SP(), FP: regs.FP(), Exact: true, Source: unwind.SourceEntry}
		in.Regs, _ = unwind.FromArch(regs)
		if _, known := regs.Get(regs.Arch.PC); known && !yield(in, nil) {
			return
		}
		u := unwind.ForArch(regs.Arch)
		if u == nil || m.Arch() == arch.I8086 || regs.Arch == arch.ARM64 {
			return
		}
		if err := m.chain(ctx, regs, u, yield); err != nil {
			yield(unwind.Frame{}, err)
		}
	}
}

// chain follows saved frame pointers: the next frame's, then the return address. They
// only rise, which ends a chain that goes in circles.
func (m *RawMachine) chain(ctx context.Context, regs *arch.Regs, u *unwind.Arch, yield func(unwind.Frame, error) bool) error {
	size, space, fp := regs.Arch.PtrSize, m.Virtual(), regs.FP()
	for level := 1; fp != 0 && level < maxRawFrames; level++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		saved, err := mem.ReadUint(space, mem.Addr(fp), size, regs.Arch.Order)
		if err != nil {
			return &StackError{fp, err}
		}
		pc, err := mem.ReadUint(space, mem.Addr(fp)+mem.Addr(size), size, regs.Arch.Order)
		if err != nil {
			return &StackError{fp, err}
		}
		if pc == 0 {
			return nil
		}
		f := unwind.Frame{Level: level, PC: pc, FP: saved, SP: fp + 2*uint64(size), Source: unwind.SourceFP}
		f.Regs.Set(u.PC, f.PC)
		f.Regs.Set(u.FP, f.FP)
		f.Regs.Set(u.SP, f.SP)
		if !yield(f, nil) {
			return nil
		}
		if saved != 0 && saved <= fp {
			return &StackError{saved, ErrFrame}
		}
		fp = saved
	}
	return nil
}
