package arm64

import "fmt"

// order is the suffix of acquire and release bits.
func order(acquire, release bool) string {
	switch {
	case acquire && release:
		return "al"
	case acquire:
		return "a"
	case release:
		return "l"
	}
	return ""
}

// atomicOps are the read-modify-write operations of LSE by bits 12 to 14.
var atomicOps = [8]string{"add", "clr", "eor", "set", "smax", "smin", "umax", "umin"}

// atomic are ldadd and its kin, swp and ldapr. Where the old value is not
// wanted and no acquire asked for, the instruction is called a store.
func atomic(w uint32) string {
	size, rs, rn, rt := w>>30, w>>16&31, w>>5&31, w&31
	acquire, release := w>>23&1 != 0, w>>22&1 != 0
	opc := w >> 12 & 7
	suffix := order(acquire, release) + sizeSuffix(size)
	mem := "[" + base(rn) + "]"
	if w>>15&1 != 0 {
		switch {
		case opc == 0:
			return fmt.Sprintf("swp%s %s, %s, %s", suffix, sized(size, rs), sized(size, rt), mem)
		case opc == 4 && acquire && !release && rs == 31:
			return fmt.Sprintf("ldapr%s %s, %s", sizeSuffix(size), sized(size, rt), mem)
		}
		if size == 3 && !acquire && !release {
			return block(opc, rs, rn, rt)
		}
		return ""
	}
	if rt == 31 && !acquire {
		return fmt.Sprintf("st%s%s %s, %s", atomicOps[opc], suffix, sized(size, rs), mem)
	}
	return fmt.Sprintf("ld%s%s %s, %s, %s", atomicOps[opc], suffix, sized(size, rs), sized(size, rt), mem)
}

// block are the loads and stores of 64 bytes.
func block(opc, rs, rn, rt uint32) string {
	switch {
	case opc == 1 && rs == 31:
		return fmt.Sprintf("st64b %s, [%s]", reg64(rt), base(rn))
	case opc == 5 && rs == 31:
		return fmt.Sprintf("ld64b %s, [%s]", reg64(rt), base(rn))
	case opc == 3:
		return fmt.Sprintf("st64bv %s, %s, [%s]", reg64(rs), reg64(rt), base(rn))
	case opc == 2:
		return fmt.Sprintf("st64bv0 %s, %s, [%s]", reg64(rs), reg64(rt), base(rn))
	}
	return ""
}

// compareSwap is cas.
func compareSwap(w uint32) string {
	size := w >> 30
	suffix := order(w>>22&1 != 0, w>>15&1 != 0) + sizeSuffix(size)
	return fmt.Sprintf("cas%s %s, %s, [%s]", suffix, sized(size, w>>16), sized(size, w), base(w>>5))
}

// compareSwapPair is casp, whose registers are even-numbered pairs.
func compareSwapPair(w uint32) string {
	rs, rt := w>>16&31, w&31
	if rs&1 != 0 || rt&1 != 0 {
		return ""
	}
	r := reg32
	if w>>30&1 != 0 {
		r = reg64
	}
	return fmt.Sprintf("casp%s %s, %s, %s, %s, [%s]", order(w>>22&1 != 0, w>>15&1 != 0),
		r(rs), r(rs+1), r(rt), r(rt+1), base(w>>5))
}

// orderedUnscaled are stlur, ldapur and their sign-extending forms.
func orderedUnscaled(w uint32) string {
	size, opc := w>>30, w>>22&3
	name, rt := "", sized(size, w)
	switch opc {
	case 0:
		name = "stlur" + sizeSuffix(size)
	case 1:
		name = "ldapur" + sizeSuffix(size)
	case 2:
		if size == 3 {
			return ""
		}
		name, rt = "ldapurs"+[3]string{"b", "h", "w"}[size], reg64(w)
	case 3:
		if size > 1 {
			return ""
		}
		name, rt = "ldapurs"+sizeSuffix(size), reg32(w)
	}
	return fmt.Sprintf("%s %s, %s", name, rt, offset(w>>5, signed(w>>12, 9)))
}

// offset is an address of base and displacement.
func offset(rn uint32, disp int32) string {
	if disp == 0 {
		return "[" + base(rn) + "]"
	}
	return fmt.Sprintf("[%s, #%d]", base(rn), disp)
}

// indexed is an address with write-back: post-index (1), offset (2) or
// pre-index (3).
func indexed(rn uint32, disp int32, mode uint32) string {
	switch mode {
	case 1:
		return fmt.Sprintf("[%s], #%d", base(rn), disp)
	case 3:
		return fmt.Sprintf("[%s, #%d]!", base(rn), disp)
	}
	return offset(rn, disp)
}

// limited are the loads and stores ordered within a limited region.
func limited(w uint32) string {
	name := "stllr"
	if w>>22&1 != 0 {
		name = "ldlar"
	}
	return fmt.Sprintf("%s%s %s, [%s]", name, sizeSuffix(w>>30), sized(w>>30, w), base(w>>5))
}
