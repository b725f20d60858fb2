package unwind

import (
	"bytes"

	"github.com/xmdb/xmdb/core/mem"
)

// prologue leaves a function at an instruction that tells where the return
// address is: the first, the one after push %rbp, or ret.
func (w *walk) prologue(f *Frame, s *step) bool {
	var b [8]byte
	n, _ := w.u.Mem.ReadAt(b[:], mem.Addr(f.PC))
	code := skipEndbr(b[:n])
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

// leaf leaves a function that has not touched the stack: one compiled without call
// frame information whose frame pointer is its caller's still. The word at the
// stack pointer has to be a return address, and the function, whose start is that
// of its symbol or where the call before the return address goes, must not begin
// with push %rbp.
func (w *walk) leaf(f *Frame, s *step) bool {
	t := *s
	if w.entered(f, &t) != nil || !w.plausible(&t) {
		return false
	}
	ra, _ := t.regs.Get(w.u.Arch.PC)
	if !w.afterCall(ra) {
		return false
	}
	start, known := uint64(0), false
	if w.u.funcs != nil {
		start, known = w.u.funcs.FuncStart(f.PC)
	}
	target, direct := w.callTarget(ra)
	if !known {
		if !direct || target > f.PC || f.PC-target > maxLeaf {
			return false
		}
		start = target
	}
	if w.pushesFP(start) {
		return false
	}
	*s = t
	return true
}

// maxLeaf is how far into a leaf function without symbols a PC may be, bytes.
const maxLeaf = 1 << 12

// callTarget gives where the call before a return address goes, if it says so
// itself (E8 rel32).
func (w *walk) callTarget(ra uint64) (uint64, bool) {
	b := w.window[:5]
	if w.u.read(b, ra-5) != nil || b[0] != 0xe8 {
		return 0, false
	}
	return w.truncate(ra + uint64(int64(int32(w.u.Arch.Order.Uint32(b[1:]))))), true
}

// pushesFP tells whether a function begins by pushing the frame pointer.
func (w *walk) pushesFP(start uint64) bool {
	var b [5]byte
	n, _ := w.u.Mem.ReadAt(b[:], mem.Addr(start))
	return startsWith(skipEndbr(b[:n]), []byte{0x55})
}

// skipEndbr skips the landing pad instruction of indirect branches.
func skipEndbr(code []byte) []byte {
	code = bytes.TrimPrefix(code, []byte{0xf3, 0x0f, 0x1e, 0xfa})
	return bytes.TrimPrefix(code, []byte{0xf3, 0x0f, 0x1e, 0xfb})
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
