package unwind

// FrameSizes is an ability of Tables that know, without call frame information,
// how far below the return address the stack pointer is at a PC, bytes: Go's
// function tables, which stripping leaves in place.
type FrameSizes interface {
	FrameSize(pc uint64) (size uint64, ok bool)
}

// maxFrameSize bounds a frame that such a table tells, bytes.
const maxFrameSize = 1 << 30

// sized leaves a frame whose size is known. Go's functions with a frame save the
// frame pointer just below the return address.
func (w *walk) sized(f *Frame, s *step) bool {
	a := w.u.Arch
	if w.u.sizes == nil || !a.x86 || f.SP == 0 {
		return false
	}
	size, ok := w.u.sizes.FrameSize(f.CodeAddr())
	word := uint64(a.PtrSize)
	if !ok || size > maxFrameSize || size%word != 0 {
		return false
	}
	cfa := f.SP + size + word
	ra, err := w.word(cfa - word)
	if err != nil {
		return false
	}
	t := *s
	fp, known := w.regs.Get(a.FP)
	t.regs.forgetExcept(0)
	if known {
		t.regs.Set(a.FP, fp)
	}
	if size >= word {
		w.restoreGoFP(cfa, &t)
	}
	t.regs.Set(a.PC, ra)
	t.regs.Set(a.SP, cfa)
	t.cfa, t.source = cfa, SourceSize
	if t.last = ra == 0; !t.last && !w.plausible(&t) {
		return false
	}
	*s = t
	return true
}
