package ptrace

// areas are the floating point and vector registers: struct user_fpsimd_state.
func areas(tid int) map[string][]byte {
	if b := regArea(tid, ntPrfpreg, 528); b != nil {
		return map[string][]byte{"fpsimd": b}
	}
	return nil
}
