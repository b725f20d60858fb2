package ptrace

// areas are the floating point and vector registers: struct user_fpsimd_state.
func areas(tid int) map[string][]byte {
	if b := regArea(tid, ntPrfpreg, 528); b != nil {
		return map[string][]byte{"fpsimd": b}
	}
	return nil
}

const coreMachine = 183 // EM_AARCH64

// coreAreas are the register sets of a core, by their notes: floating point and the
// thread pointer.
var coreAreas = []struct {
	name string
	note int
	size int
}{{"CORE", ntPrfpreg, 528}, {"LINUX", 0x401, 8}}
