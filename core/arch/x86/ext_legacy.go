package x86

// An rmSel says which ModRM bytes an extension entry takes.
type rmSel uint8

const (
	rmAny  rmSel = iota // needs no ModRM byte, or takes any
	rmByte              // this one
	rmReg               // register form with this reg field
	rmMem               // memory form with this reg field
	rmRegs              // register form
	rmMems              // memory form
)

// An extOp is an instruction that MDB does not know.
type extOp struct {
	pre byte // mandatory prefix: 66, F2, F3, any (0) or noPrefix
	sel rmSel
	rm  byte // ModRM byte or reg field
	op  op
}

// noPrefix as pre: none of 66, F2 and F3.
const noPrefix = 1

// Entries with a mandatory prefix come before those without: the latter take
// any prefix.
var (
	ext0F = map[byte][]extOp{
		0x01: {
			{0x66, rmByte, 0xCC, op{"tdcall", fNo, 0}},
			{0x66, rmByte, 0xCD, op{"seamret", fNo, no32}},
			{0x66, rmByte, 0xCE, op{"seamops", fNo, no32}},
			{0x66, rmByte, 0xCF, op{"seamcall", fNo, no32}},
			{0xF2, rmByte, 0xC6, op{"rdmsrlist", fNo, no32}},
			{0xF2, rmByte, 0xE8, op{"xsusldtrk", fNo, 0}},
			{0xF2, rmByte, 0xE9, op{"xresldtrk", fNo, 0}},
			{0xF2, rmByte, 0xFE, op{"rmpupdate", fNo, 0}},
			{0xF2, rmByte, 0xFF, op{"pvalidate", fNo, 0}},
			{0xF3, rmByte, 0xC6, op{"wrmsrlist", fNo, no32}},
			{0xF3, rmByte, 0xE8, op{"setssbsy", fNo, 0}},
			{0xF3, rmByte, 0xEA, op{"saveprevssp", fNo, 0}},
			{0xF3, rmByte, 0xEC, op{"uiret", fNo, no32}},
			{0xF3, rmByte, 0xED, op{"testui", fNo, no32}},
			{0xF3, rmByte, 0xEE, op{"clui", fNo, no32}},
			{0xF3, rmByte, 0xEF, op{"stui", fNo, no32}},
			{0xF3, rmByte, 0xFE, op{"rmpadjust", fNo, 0}},
			{0xF3, rmByte, 0xFF, op{"psmash", fNo, 0}},
			{0xF3, rmMem, 5, op{"rstorssp", fEv, 0}},
			{0, rmByte, 0xC0, op{"enclv", fNo, 0}},
			{0, rmByte, 0xC5, op{"pconfig", fNo, 0}},
			{noPrefix, rmByte, 0xC6, op{"wrmsrns", fNo, 0}},
			{noPrefix, rmByte, 0xCF, op{"encls", fNo, 0}},
			{0, rmByte, 0xD4, op{"vmfunc", fNo, 0}},
			{0, rmByte, 0xD5, op{"xend", fNo, 0}},
			{0, rmByte, 0xD6, op{"xtest", fNo, 0}},
			{0, rmByte, 0xD7, op{"enclu", fNo, 0}},
			{noPrefix, rmByte, 0xE8, op{"serialize", fNo, 0}},
			{noPrefix, rmByte, 0xEE, op{"rdpkru", fNo, 0}},
			{noPrefix, rmByte, 0xEF, op{"wrpkru", fNo, 0}},
			{0, rmByte, 0xFD, op{"rdpru", fNo, 0}},
			{0, rmByte, 0xFE, op{"invlpgb", fNo, 0}},
			{0, rmByte, 0xFF, op{"tlbsync", fNo, 0}},
		},
		0x0D: {
			{0, rmMem, 0, op{"prefetch", fEv, 0}}, {0, rmMem, 3, op{"prefetch", fEv, 0}},
			{0, rmMem, 4, op{"prefetch", fEv, 0}}, {0, rmMem, 5, op{"prefetch", fEv, 0}},
			{0, rmMem, 6, op{"prefetch", fEv, 0}}, {0, rmMem, 7, op{"prefetch", fEv, 0}},
		},
		0x0E: {{0, rmAny, 0, op{"femms", fNo, 0}}},
		0x18: {
			{0, rmReg, 4, op{"nop", fEv, sfx}}, {0, rmReg, 5, op{"nop", fEv, sfx}},
			{0, rmReg, 6, op{"nop", fEv, sfx}}, {0, rmReg, 7, op{"nop", fEv, sfx}},
			{0, rmMem, 4, op{"nop", fEv, sfx}}, {0, rmMem, 5, op{"nop", fEv, sfx}},
			{0, rmMem, 6, op{"nop", fEv, sfx}}, {0, rmMem, 7, op{"nop", fEv, sfx}},
		},
		0x19: {{0, rmAny, 0, op{"nop", fEv, sfx}}},
		// MPX, gone from newer processors, where these are nops.
		0x1A: {
			{0x66, rmAny, 0, op{"bndmov", fEbnd, 0}},
			{0xF2, rmAny, 0, op{"bndcu", fEptr, 0}},
			{0xF3, rmAny, 0, op{"bndcl", fEptr, 0}},
			{0, rmMems, 0, op{"bndldx", fEbnd, 0}},
			{0, rmRegs, 0, op{"nop", fEv, sfx}},
		},
		0x1B: {
			{0x66, rmAny, 0, op{"bndmov", fBndE, 0}},
			{0xF2, rmAny, 0, op{"bndcn", fEptr, 0}},
			{0xF3, rmMems, 0, op{"bndmk", fEbnd, 0}},
			{0xF3, rmRegs, 0, op{"nop", fEv, sfx}},
			{0, rmMems, 0, op{"bndstx", fBndE, 0}},
			{0, rmRegs, 0, op{"nop", fEv, sfx}},
		},
		0x1C: {
			{noPrefix, rmMem, 0, op{"cldemote", fEb, 0}},
			{0, rmAny, 0, op{"nop", fEv, sfx}},
		},
		0x1D: {{0, rmAny, 0, op{"nop", fEv, sfx}}},
		0x1E: {
			{0xF3, rmReg, 1, op{"rdssp", fZrm, sfx | dq}},
			{0xF3, rmByte, 0xFA, op{"endbr64", fNo, 0}},
			{0xF3, rmByte, 0xFB, op{"endbr32", fNo, 0}},
			{0, rmAny, 0, op{"nop", fEv, sfx}},
		},
		0x37: {{0, rmAny, 0, op{"getsec", fNo, 0}}},
		0xA6: {
			{0, rmByte, 0xC0, op{"montmul", fNo, 0}},
			{0, rmByte, 0xC8, op{"xsha1", fNo, 0}},
			{0, rmByte, 0xD0, op{"xsha256", fNo, 0}},
		},
		0xA7: {
			{0, rmByte, 0xC0, op{"xstore-rng", fNo, 0}},
			{0, rmByte, 0xC8, op{"xcrypt-ecb", fNo, 0}},
			{0, rmByte, 0xD0, op{"xcrypt-cbc", fNo, 0}},
			{0, rmByte, 0xD8, op{"xcrypt-ctr", fNo, 0}},
			{0, rmByte, 0xE0, op{"xcrypt-cfb", fNo, 0}},
			{0, rmByte, 0xE8, op{"xcrypt-ofb", fNo, 0}},
		},
		0xAE: {
			{0x66, rmReg, 6, op{"tpause", fZrm32, 0}},
			{0xF2, rmReg, 6, op{"umwait", fZrm32, 0}},
			{0xF3, rmReg, 0, op{"rdfsbase", fZrm, no32}},
			{0xF3, rmReg, 1, op{"rdgsbase", fZrm, no32}},
			{0xF3, rmReg, 2, op{"wrfsbase", fZrm, no32}},
			{0xF3, rmReg, 3, op{"wrgsbase", fZrm, no32}},
			{0xF3, rmReg, 4, op{"ptwrite", fZrm, sfx}},
			{0xF3, rmReg, 5, op{"incssp", fZrm, sfx | dq}},
			{0xF3, rmReg, 6, op{"umonitor", fEptr1, 0}},
			{0xF3, rmMem, 4, op{"ptwrite", fEv, sfx}},
			{0xF3, rmMem, 6, op{"clrssbsy", fEv, 0}},
		},
		0xB9: {{0, rmAny, 0, op{"ud1", fEvGv, 0}}},
		0xD7: {{0xF2, rmRegs, 0, op{"repnz pmovmskb", fNpGv, 0}}, {0xF3, rmRegs, 0, op{"repz pmovmskb", fNpGv, 0}}},
		0xFF: {{0, rmAny, 0, op{"ud0", fEvGv, 0}}},
	}

	ext0F38 = map[byte][]extOp{
		0xD8: {
			{0xF3, rmMem, 0, op{"aesencwide128kl", fEv, 0}},
			{0xF3, rmMem, 1, op{"aesdecwide128kl", fEv, 0}},
			{0xF3, rmMem, 2, op{"aesencwide256kl", fEv, 0}},
			{0xF3, rmMem, 3, op{"aesdecwide256kl", fEv, 0}},
		},
		0xDC: {{0xF3, rmMems, 0, op{"aesenc128kl", fEoGo, 0}}, {0xF3, rmRegs, 0, op{"loadiwkey", fEoGo, 0}}},
		0xDD: {{0xF3, rmMems, 0, op{"aesdec128kl", fEoGo, 0}}},
		0xDE: {{0xF3, rmMems, 0, op{"aesenc256kl", fEoGo, 0}}},
		0xDF: {{0xF3, rmMems, 0, op{"aesdec256kl", fEoGo, 0}}},
		0xF5: {{0x66, rmMems, 0, op{"wruss", fGvEv, sfx | dq}}},
		0xF6: {{noPrefix, rmMems, 0, op{"wrss", fGvEv, sfx | dq}}},
		0xF8: {
			{0x66, rmMems, 0, op{"movdir64b", fEptr2, 0}},
			{0xF2, rmMems, 0, op{"enqcmd", fEptr2, 0}},
			{0xF3, rmMems, 0, op{"enqcmds", fEptr2, 0}},
		},
		0xF9: {{noPrefix, rmMems, 0, op{"movdiri", fGvEv, 0}}},
		0xFA: {{0xF3, rmRegs, 0, op{"encodekey128", fEvGv, 0}}},
		0xFB: {{0xF3, rmRegs, 0, op{"encodekey256", fEvGv, 0}}},
		0xFC: {
			{0x66, rmMems, 0, op{"aand", fGvEv, 0}},
			{0xF2, rmMems, 0, op{"aor", fGvEv, 0}},
			{0xF3, rmMems, 0, op{"axor", fGvEv, 0}},
			{0, rmMems, 0, op{"aadd", fGvEv, 0}},
		},
	}

	ext0F3A = map[byte][]extOp{
		0xF0: {{0xF3, rmByte, 0xC0, op{"hreset", fIbRm, 0}}},
	}
)

// extLegacy looks among the extensions for the instruction of the opcode bytes
// read so far.
func (d *decoder) extLegacy(t map[byte][]extOp) bool {
	es := t[d.opc[d.nopc-1]]
	if es == nil {
		return false
	}
	var rm byte
	if d.n < len(d.code) {
		rm = d.code[d.n]
	}
	for i := range es {
		e := &es[i]
		if !d.hasPrefix(e.pre) {
			continue
		}
		if !e.takes(rm) {
			d.wrongKind = d.wrongKind || d.kindMatters(e, rm)
			continue
		}
		if e.op.flag&no32 != 0 && d.mode != Mode64 {
			continue
		}
		if e.sel == rmByte {
			d.modRM()
		}
		d.op = &e.op
		d.wrongKind = false
		d.dropPrefix(e.pre)
		return true
	}
	return false
}

func (e *extOp) takes(rm byte) bool {
	reg := rm >> 3 & 7
	switch e.sel {
	case rmByte:
		return rm == e.rm
	case rmReg:
		return rm>>6 == 3 && reg == e.rm
	case rmMem:
		return rm>>6 != 3 && reg == e.rm
	case rmRegs:
		return rm>>6 == 3
	case rmMems:
		return rm>>6 != 3
	}
	return true
}

// kindMatters says whether the opcode of an entry is known without its ModRM
// byte, so that only the operand is wrong.
func (d *decoder) kindMatters(e *extOp, rm byte) bool {
	switch d.opc[d.nopc-1] {
	case 0x0D, 0xFC:
		return true
	case 0xA6, 0xA7:
		return (rm^e.rm)>>3&7 == 0
	case 0xD8:
		return rm>>3&7 == e.rm
	}
	return false
}

// hasPrefix says whether the prefixes are what an entry wants.
func (d *decoder) hasPrefix(pre byte) bool {
	switch pre {
	case 0:
		return true
	case noPrefix:
		return d.rep == 0 && d.data == 0
	case d.rep:
		return true
	}
	return d.rep == 0 && pre == d.data
}

// dropPrefix takes away a prefix that was part of the opcode.
func (d *decoder) dropPrefix(p byte) {
	switch p {
	case 0x66:
		d.data = 0
		if d.opsz == size16 {
			d.opsz = size32
		}
	case 0xF2, 0xF3:
		d.rep = 0
	}
}

// amd3DNow are the instructions of 0F 0F, by the byte at their end.
var amd3DNow = map[byte]string{
	0x0C: "pi2fw", 0x0D: "pi2fd", 0x1C: "pf2iw", 0x1D: "pf2id",
	0x8A: "pfnacc", 0x8E: "pfpnacc", 0x90: "pfcmpge", 0x94: "pfmin",
	0x96: "pfrcp", 0x97: "pfrsqrt", 0x9A: "pfsub", 0x9E: "pfadd",
	0xA0: "pfcmpgt", 0xA4: "pfmax", 0xA6: "pfrcpit1", 0xA7: "pfrsqit1",
	0xAA: "pfsubr", 0xAE: "pfacc", 0xB0: "pfcmpeq", 0xB4: "pfmul",
	0xB6: "pfrcpit2", 0xB7: "pmulhrw", 0xBB: "pswapd", 0xBF: "pavgusb",
}

// extTwo looks for an extension in the 0F map. It returns true, with op nil,
// where the opcode is an extension's and yet no instruction.
func (d *decoder) extTwo() bool {
	if d.opc[1] != 0x0F {
		return d.extLegacy(ext0F)
	}
	// 3DNow!: the rest of the opcode follows the operands.
	save := *d
	d.modRM()
	var o operand
	d.op = &op3DNow
	d.rm(classP, &o)
	name := amd3DNow[d.byte()]
	ok := name != "" && !d.fail
	*d = save
	if !ok {
		d.op = nil
		d.wrongKind = true
		return true
	}
	d.op = &op3DNow
	d.name3D = name
	return true
}

var op3DNow = op{"", f3DNow, 0}

// refused says whether an instruction that is decoded only because prefixes are
// forgiven has a form that the processor does not have and MDB prints anyway.
func (d *decoder) refused() bool {
	if d.vex != 0 || d.evex {
		return false
	}
	reg := d.mod == 3
	switch d.nopc {
	case 1:
		switch d.opc[0] {
		case 0x8D:
			return reg
		case 0xC6, 0xC7:
			return d.reg != 0 && !(reg && d.reg == 7 && d.r == 0)
		case 0x8F:
			return d.reg != 0
		case 0xFF:
			return reg && (d.reg == 3 || d.reg == 5)
		}
	case 2:
		switch b := d.opc[1]; b {
		case 0x0D, 0xB2, 0xB4, 0xB5, 0xC3:
			return reg
		case 0xC7:
			return reg && d.reg == 1
		case 0xAE:
			return reg && d.reg < 5 && d.op.flag&px != 0
		case 0xBC, 0xBD:
			return d.rep == 0xF2
		}
	case 3:
		switch {
		case d.opc[1]&^3 == 0x70:
			return d.opc[2]>>6 != 3
		case d.opc[1] == 0x38 && d.opc[2]&^1 == 0xF0:
			return reg && d.op.form == fMovbe
		}
	}
	return false
}
