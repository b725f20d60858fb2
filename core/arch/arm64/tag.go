package arm64

import "fmt"

// Memory tagging. A granule is 16 bytes; displacements count granules.
const granule = 16

// tagMemory are the loads and stores of tags.
func tagMemory(w uint32) string {
	opc, mode := w>>22&3, w>>10&3
	disp := signed(w>>12, 9) * granule
	if mode == 0 {
		name := [4]string{"stzgm", "ldg", "stgm", "ldgm"}[opc]
		if opc != 1 && disp != 0 {
			return ""
		}
		return fmt.Sprintf("%s %s, %s", name, reg64(w), offset(w>>5, disp))
	}
	name := [4]string{"stg", "stzg", "st2g", "stz2g"}[opc]
	return fmt.Sprintf("%s %s, %s", name, base(w), indexed(w>>5, disp, mode))
}

// tagPair is stgp: two registers and their tag.
func tagPair(w uint32) string {
	mode := w >> 23 & 3
	if mode == 0 {
		return ""
	}
	return fmt.Sprintf("stgp %s, %s, %s", reg64(w), reg64(w>>10),
		indexed(w>>5, signed(w>>15, 7)*granule, mode))
}

func irg(w uint32) string {
	s := fmt.Sprintf("irg %s, %s", base(w), base(w>>5))
	if w>>16&31 != 31 {
		s += ", " + reg64(w>>16)
	}
	return s
}

func gmi(w uint32) string {
	return fmt.Sprintf("gmi %s, %s, %s", reg64(w), base(w>>5), reg64(w>>16))
}

// subp and subps; without a destination the latter is a comparison.
func subp(w uint32) string {
	if w>>29&1 == 0 {
		return fmt.Sprintf("subp %s, %s, %s", reg64(w), base(w>>5), base(w>>16))
	}
	if w&31 == 31 {
		return fmt.Sprintf("cmpp %s, %s", base(w>>5), base(w>>16))
	}
	return fmt.Sprintf("subps %s, %s, %s", reg64(w), base(w>>5), base(w>>16))
}

// addTag are addg and subg.
func addTag(w uint32) string {
	name := "addg"
	if w>>30&1 != 0 {
		name = "subg"
	}
	return fmt.Sprintf("%s %s, %s, #0x%x, #0x%x", name, base(w), base(w>>5), w>>16&63*granule, w>>10&15)
}
