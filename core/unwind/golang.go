package unwind

import "github.com/xmdb/xmdb/core/unwind/cfi"

// savesGoFP tells whether a row is of a Go function that has pushed the frame
// pointer. Go's linker writes no rule for rbp into .debug_frame, so that call frame
// information alone would pass a callee's frame pointer off as its caller's. But
// every Go function with a frame begins with push %rbp (Go's internal ABI, "frame
// pointer"), hence saves it at CFA-16. The linker's one CIE is known by its data
// alignment of -4, which no C compiler uses for amd64.
func savesGoFP(row *cfi.Row) bool {
	ci := row.CIE
	return row.Debug && ci.Version == 3 && ci.Augmentation == "" && ci.DataAlign == -4 &&
		row.CFA.Kind == cfi.Register && row.CFA.Reg == uint64(AMD64.SP) && row.CFA.Off >= 16 &&
		row.Rule(uint64(AMD64.FP)).Kind == cfi.Unspecified
}

// restoreGoFP reads the frame pointer at CFA-16. Assembly functions may keep
// something else there: what does not lead outwards makes rbp unknown.
func (w *walk) restoreGoFP(cfa uint64, s *step) {
	a := w.u.Arch
	v, err := w.word(cfa - 16)
	if err == nil && v%8 == 0 && (v == 0 || v >= cfa && v-cfa < 1<<30) {
		s.regs.Set(a.FP, v)
		return
	}
	s.regs.Forget(a.FP)
}
