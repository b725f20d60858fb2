package unwind

import (
	"bytes"
)

// without finds the caller of a frame for whose code there is no call frame
// information.
func (w *walk) without(f *Frame, s *step) error {
	if f.Exact && w.sigreturn(f, s) {
		return nil
	}
	wild := f.PC == 0 || w.u.code != nil && !w.u.code.Executable(f.PC)
	if f.Exact && wild {
		return w.entered(f, s)
	}
	if w.sized(f, s) {
		return nil
	}
	if f.Exact && w.u.Arch.x86 && (w.prologue(f, s) || w.leaf(f, s)) {
		return nil
	}
	if fp, ok := w.regs.Get(w.u.Arch.FP); ok && fp == 0 && !f.Exact {
		s.last = true
		return nil
	}
	if w.framePointer(f, s) {
		return nil
	}
	if f.Exact && w.u.Arch.x86 && w.scan(f, s) {
		return nil
	}
	return ErrNoMethod
}

// sigreturn takes the registers a signal interrupted from where the kernel saved
// them, if the frame is at a signal trampoline.
func (w *walk) sigreturn(f *Frame, s *step) bool {
	if f.PC == 0 || f.SP == 0 {
		return false
	}
	var tramp *sigtramp
	for _, t := range w.u.Arch.sigtramps {
		if w.hasCode(f.PC, t.code) {
			tramp = t
			break
		}
	}
	if tramp == nil {
		return false
	}
	var regs Regs
	for _, slot := range tramp.regs {
		if v, err := w.word(f.SP + slot.off); err == nil {
			regs.Set(slot.reg, v)
		}
	}
	if _, ok := regs.Get(w.u.Arch.PC); !ok {
		return false
	}
	s.regs, s.source, s.signal, s.cfa = regs, SourceSignal, true, f.SP
	return true
}

// hasCode tells whether any of the given codes is at pc.
func (w *walk) hasCode(pc uint64, codes [][]byte) bool {
	for _, code := range codes {
		b := w.window[:len(code)]
		if w.u.read(b, pc) == nil && bytes.Equal(b, code) {
			return true
		}
	}
	return false
}

// entered leaves a function that has not run an instruction: the return address
// is where the call put it.
func (w *walk) entered(f *Frame, s *step) error {
	a := w.u.Arch
	if a.Link >= 0 {
		ra, ok := w.regs.Get(a.Link)
		if !ok || ra == 0 {
			return ErrNoReturn
		}
		s.cfa, s.source = f.SP, SourceGuess
		s.regs.Set(a.PC, ra&^w.u.PACMask)
		return nil
	}
	sp, ok := w.regs.Get(a.SP)
	if !ok {
		return ErrNoMethod
	}
	ra, err := w.word(sp)
	if err != nil {
		return err
	}
	s.cfa, s.source = sp+uint64(a.PtrSize), SourceGuess
	s.regs.Set(a.PC, ra)
	s.regs.Set(a.SP, s.cfa)
	s.last = ra == 0
	return nil
}

// plausible tells whether a step leads to code: to memory that is executable, or
// that has call frame information. The latter counts by itself because a core made
// by gdb has no segments for the text of libraries, so that a target may not know
// what is executable there.
func (w *walk) plausible(s *step) bool {
	pc, ok := s.regs.Get(w.u.Arch.PC)
	if !ok || pc == 0 {
		return false
	}
	return w.u.code != nil && w.u.code.Executable(pc-1) || w.u.plan(pc-1).row != nil
}

// framePointer follows the chain: the frame pointer points at the caller's, above
// which is the return address.
func (w *walk) framePointer(f *Frame, s *step) bool {
	a := w.u.Arch
	size := uint64(a.PtrSize)
	fp, ok := w.regs.Get(a.FP)
	if !ok || fp == 0 || fp%size != 0 || fp < f.SP || fp+2*size < fp {
		return false
	}
	next, err := w.word(fp)
	if err != nil {
		return false
	}
	ra, err := w.word(fp + size)
	if err != nil {
		return false
	}
	t := *s
	t.regs.forgetExcept(0)
	t.regs.Set(a.PC, ra&^w.u.PACMask)
	t.regs.Set(a.SP, fp+2*size)
	t.regs.Set(a.FP, next)
	t.cfa, t.source = fp+2*size, SourceFP
	if t.last = ra == 0; !t.last {
		known := w.u.code != nil
		if !w.plausible(&t) && (known || next <= fp && next != 0) {
			return false
		}
	}
	*s = t
	return true
}
