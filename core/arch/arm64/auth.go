package arm64

import "fmt"

// Pointer authentication.

// authData are the one-register forms, those with a zero modifier included.
func authData(w uint32) string {
	names := [18]string{
		"pacia", "pacib", "pacda", "pacdb", "autia", "autib", "autda", "autdb",
		"paciza", "pacizb", "pacdza", "pacdzb", "autiza", "autizb", "autdza", "autdzb",
		"xpaci", "xpacd",
	}
	n := w >> 10 & 63
	if n >= 18 {
		return ""
	}
	if n < 8 {
		return fmt.Sprintf("%s %s, %s", names[n], reg64(w), base(w>>5))
	}
	if w>>5&31 != 31 {
		return ""
	}
	return names[n] + " " + reg64(w)
}

func pacga(w uint32) string {
	return fmt.Sprintf("pacga %s, %s, %s", reg64(w), reg64(w>>5), base(w>>16))
}

// authBranch are the branches that authenticate with key a or b: br, blr, ret
// and eret.
func authBranch(w uint32) string {
	key := [2]string{"a", "b"}[w>>10&1]
	rn, rm := w>>5&31, w&31
	switch opc := w >> 21 & 15; {
	case opc == 8:
		return fmt.Sprintf("bra%s %s, %s", key, reg64(rn), base(rm))
	case opc == 9:
		return fmt.Sprintf("blra%s %s, %s", key, reg64(rn), base(rm))
	case rm != 31:
		return ""
	case opc == 0:
		return fmt.Sprintf("bra%sz %s", key, reg64(rn))
	case opc == 1:
		return fmt.Sprintf("blra%sz %s", key, reg64(rn))
	case rn != 31:
		return ""
	case opc == 2:
		return "reta" + key
	case opc == 4:
		return "ereta" + key
	}
	return ""
}

// authLoad is ldraa, ldrab.
func authLoad(w uint32) string {
	name := "ldra" + [2]string{"a", "b"}[w>>23&1]
	disp := signed(w>>22&1<<9|w>>12&0x1FF, 10) * 8
	mem := offset(w>>5, disp)
	if w>>11&1 != 0 {
		mem = indexed(w>>5, disp, 3)
	}
	return fmt.Sprintf("%s %s, %s", name, reg64(w), mem)
}
