package arm64

import "fmt"

// overlay decodes the extensions that arm64asm lacks or prints by number. It
// returns an empty string for everything else.
func overlay(w uint32) string {
	for i := range extensions {
		e := &extensions[i]
		if w&e.mask == e.bits {
			if s := e.text(w); s != "" {
				return s
			}
		}
	}
	return ""
}

// An extension is a set of instructions that have some bits in common.
type extension struct {
	mask, bits uint32
	text       func(w uint32) string
}

// The order matters only where one set is part of another.
var extensions = [...]extension{
	{0xFFFF0000, 0x00000000, udf},
	{0xFFFFF01F, 0xD503201F, hint},
	{0xFFF00000, 0xD5300000, mrs},
	{0xFFF00000, 0xD5100000, msr},
	{0xFFF80000, 0xD5080000, sys},
	{0xFFF80000, 0xD5280000, sysl},
	{0xFFFFF0FF, 0xD50330FF, fixed}, // sb
	{0xFFFFF01F, 0xD500401F, fixed}, // cfinv, xaflag, axflag
	{0xFFE0001F, 0xD4000002, exception},
	{0xFFE0001F, 0xD4000003, exception},
	{0x3FE08000, 0x08800000, limited},
	{0x3FE08000, 0x08C00000, limited},
	{0x3F200C00, 0x38200000, atomic},
	{0x3FA07C00, 0x08A07C00, compareSwap},
	{0xBFA07C00, 0x08207C00, compareSwapPair},
	{0x3F200C00, 0x19000000, orderedUnscaled},
	{0xFF200000, 0xD9200000, tagMemory},
	{0xFFE0FC00, 0x9AC01000, irg},
	{0xFFE0FC00, 0x9AC01400, gmi},
	{0xDFE0FC00, 0x9AC00000, subp},
	{0xBFC0C000, 0x91800000, addTag},
	{0xFE400000, 0x68000000, tagPair},
	{0xFFE0FC00, 0x9AC03000, pacga},
	{0xFFFF0000, 0xDAC10000, authData},
	{0xFE1FF800, 0xD61F0800, authBranch},
	{0xFF200400, 0xF8200400, authLoad},
}

// reg64 and reg32 name a general register, 31 being the zero register.
func reg64(n uint32) string {
	if n &= 31; n != 31 {
		return fmt.Sprintf("x%d", n)
	}
	return "xzr"
}

func reg32(n uint32) string {
	if n &= 31; n != 31 {
		return fmt.Sprintf("w%d", n)
	}
	return "wzr"
}

// base names a general register, 31 being the stack pointer.
func base(n uint32) string {
	if n &= 31; n != 31 {
		return fmt.Sprintf("x%d", n)
	}
	return "sp"
}

// sized names register n of the width of a memory access: size is the base-two
// logarithm of its bytes.
func sized(size, n uint32) string {
	if size == 3 {
		return reg64(n)
	}
	return reg32(n)
}

// sizeSuffix is that of byte and halfword accesses.
func sizeSuffix(size uint32) string {
	return [4]string{"b", "h", "", ""}[size]
}

// signed extends the sign of the low bits of v.
func signed(v uint32, bits int) int32 {
	return int32(v<<(32-bits)) >> (32 - bits)
}

func udf(w uint32) string { return fmt.Sprintf("udf #%d", w&0xFFFF) }

// hints are d503201f and up, by CRm and op2.
var hints = [128]string{
	0: "nop", 1: "yield", 2: "wfe", 3: "wfi", 4: "sev", 5: "sevl", 6: "dgh", 7: "xpaclri",
	8: "pacia1716", 10: "pacib1716", 12: "autia1716", 14: "autib1716",
	16: "esb", 17: "psb csync", 18: "tsb csync", 20: "csdb",
	24: "paciaz", 25: "paciasp", 26: "pacibz", 27: "pacibsp",
	28: "autiaz", 29: "autiasp", 30: "autibz", 31: "autibsp",
	32: "bti", 34: "bti c", 36: "bti j", 38: "bti jc",
}

func hint(w uint32) string {
	n := w >> 5 & 127
	if hints[n] != "" {
		return hints[n]
	}
	return fmt.Sprintf("hint #0x%x", n)
}

// system is the register that mrs and msr name; op0 is 2 or 3.
func system(w uint32) sysReg { return sysReg(w>>5&0x7FFF | 0x8000) }

func mrs(w uint32) string { return fmt.Sprintf("mrs %s, %v", reg64(w), system(w)) }

func msr(w uint32) string { return fmt.Sprintf("msr %v, %s", system(w), reg64(w)) }

// fixed are single encodings.
func fixed(w uint32) string {
	switch w {
	case 0xD50330FF:
		return "sb"
	case 0xD500401F:
		return "cfinv"
	case 0xD500403F:
		return "xaflag"
	case 0xD500405F:
		return "axflag"
	}
	return ""
}

// exception are the calls to a hypervisor and to a secure monitor.
func exception(w uint32) string {
	name := "hvc"
	if w&1 != 0 {
		name = "smc"
	}
	return fmt.Sprintf("%s #0x%x", name, w>>5&0xFFFF)
}
