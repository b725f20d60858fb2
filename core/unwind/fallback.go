package unwind

import (
	"bytes"

	"github.com/xmdb/xmdb/core/mem"
)

// without finds the caller of a frame for whose code there is no call frame
// information.
func (w *walk) without(f *Frame, s *step) error {
	if w.sigreturn(f, s) {
		return nil
	}
	wild := f.PC == 0 || w.u.code != nil && !w.u.code.Executable(f.PC)
	if f.Exact && wild {
		return w.entered(f, s)
	}
	if f.Exact && w.u.Arch.x86 && w.prologue(f, s) {
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
	tramp := w.u.Arch.sigtramp
	if tramp == nil || f.PC == 0 || f.SP == 0 || !w.hasCode(f.PC, tramp.code) {
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

// prologue leaves a function at an instruction that tells where the return
// address is: the first, the one after push %rbp, or ret.
func (w *walk) prologue(f *Frame, s *step) bool {
	var b [8]byte
	n, _ := w.u.Mem.ReadAt(b[:], mem.Addr(f.PC))
	code := b[:n]
	for _, endbr := range [][]byte{{0xf3, 0x0f, 0x1e, 0xfa}, {0xf3, 0x0f, 0x1e, 0xfb}} {
		code = bytes.TrimPrefix(code, endbr)
	}
	switch {
	case startsWith(code, []byte{0x55}, []byte{0xc3}, []byte{0xf3, 0xc3}, []byte{0xc2}):
		t := *s
		if w.entered(f, &t) != nil || !w.plausible(&t) {
			return false
		}
		*s = t
		return true
	case w.afterPush(f.PC, code):
		a := w.u.Arch
		fp, err := w.word(f.SP)
		if err != nil {
			return false
		}
		ra, err := w.word(f.SP + uint64(a.PtrSize))
		if err != nil {
			return false
		}
		t := *s
		t.cfa, t.source = f.SP+2*uint64(a.PtrSize), SourceGuess
		t.regs.Set(a.FP, fp)
		t.regs.Set(a.PC, ra)
		t.regs.Set(a.SP, t.cfa)
		if !w.plausible(&t) {
			return false
		}
		*s = t
		return true
	}
	return false
}

// afterPush tells whether the code is mov %rsp,%rbp right after push %rbp.
func (w *walk) afterPush(pc uint64, code []byte) bool {
	if w.u.Arch.PtrSize == 8 {
		if !startsWith(code, []byte{0x48}) {
			return false
		}
		code = code[1:]
	}
	b := w.window[:1]
	return startsWith(code, []byte{0x89, 0xe5}, []byte{0x8b, 0xec}) && w.u.read(b, pc-1) == nil && b[0] == 0x55
}

func startsWith(code []byte, any ...[]byte) bool {
	for _, p := range any {
		if bytes.HasPrefix(code, p) {
			return true
		}
	}
	return false
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

// scanWords is how far up the stack a return address is looked for.
const scanWords = 512

// scan takes the first word on the stack that is the address after a call.
func (w *walk) scan(f *Frame, s *step) bool {
	a := w.u.Arch
	sp, ok := w.regs.Get(a.SP)
	if !ok || w.u.code == nil || sp%uint64(a.PtrSize) != 0 {
		return false
	}
	stack := make([]byte, scanWords*a.PtrSize)
	n, _ := w.u.Mem.ReadAt(stack, mem.Addr(sp))
	for off := 0; off+a.PtrSize <= n; off += a.PtrSize {
		ra := mem.Uint(stack[off:off+a.PtrSize], a.Order)
		if ra < 8 || !w.u.code.Executable(ra-1) && w.u.plan(ra-1).row == nil || !w.afterCall(ra) {
			continue
		}
		fp, known := w.regs.Get(a.FP)
		s.regs.forgetExcept(0)
		s.cfa, s.source = sp+uint64(off+a.PtrSize), SourceGuess
		s.regs.Set(a.PC, ra)
		s.regs.Set(a.SP, s.cfa)
		if known { // it may or may not be the caller's
			s.regs.Set(a.FP, fp)
			s.regs.stale |= 1 << a.FP
		}
		return true
	}
	return false
}

// afterCall tells whether the bytes before an address are an x86 near call:
// E8 rel32, or FF /2 of any addressing mode.
func (w *walk) afterCall(ra uint64) bool {
	b := w.window[:7]
	if w.u.read(b, ra-7) != nil {
		return false
	}
	if b[2] == 0xe8 {
		return true
	}
	for _, n := range []int{2, 3, 4, 6, 7} {
		if c := b[7-n:]; c[0] == 0xff && c[1]>>3&7 == 2 && callLen(c) == n {
			return true
		}
	}
	return false
}

// callLen is the length of an FF-group instruction by its ModRM and SIB bytes.
func callLen(c []byte) int {
	mod, rm := c[1]>>6, c[1]&7
	n := 2
	if mod != 3 && rm == 4 {
		n++
		if mod == 0 && len(c) > 2 && c[2]&7 == 5 {
			return n + 4
		}
	}
	switch {
	case mod == 1:
		n++
	case mod == 2, mod == 0 && rm == 5:
		n += 4
	}
	return n
}
