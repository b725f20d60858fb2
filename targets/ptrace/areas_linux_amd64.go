package ptrace

// areas are the floating point and vector registers, as the processor lays them out.
func areas(tid int) map[string][]byte {
	m := map[string][]byte{}
	if b := regArea(tid, ntPrfpreg, 512); b != nil {
		m["fxsave"] = b
	}
	if b := regArea(tid, ntX86XSave, 16<<10); b != nil {
		m["xsave"] = b
	}
	return m
}

const coreMachine = 62 // EM_X86_64

// coreAreas are the register sets of a core, by their notes.
var coreAreas = []struct {
	name string
	note int
	size int
}{{"CORE", ntPrfpreg, 512}, {"LINUX", ntX86XSave, 16 << 10}}
