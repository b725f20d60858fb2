package x86

// arrange returns the operands of the op's form after the exceptions: what
// depends on the mod or reg field, and mnemonics that operands change. It
// returns false where the combination is no instruction.
func (d *decoder) arrange() ([4]arg, bool) {
	a := args[d.op.form]
	m := &d.name
	if d.op.flag&mmx != 0 && d.data == 0 {
		if d.op.form == fIbEoGo {
			return args[fIbEpGp], true
		}
		return args[fEpGp], true
	}
	switch d.op.form {
	case fNo, fCbw, fCwd, fSkip, fVNone:
		d.bare()
	case fSreg:
		return d.special(), true
	case fMovzx:
		d.modRM()
		if d.rex&rexW != 0 {
			m.put(5, 'q')
		}
		return [4]arg{aEv, aGv}, true
	case fMovslq, fCrc32:
		return [4]arg{aEv, aGv}, true
	case fMovbe:
		d.opsz = size32
		switch {
		case d.data != 0:
			d.opsz = size16
		case d.rex&rexW != 0:
			d.opsz = size64
		}
		if d.opc[2] == 0xF1 {
			return [4]arg{aGv, aEv}, true
		}
		return [4]arg{aEb, aGv}, true
	case f0F01_0, f0F01_1, f0F01_2, f0F01_3, f0F01_7:
		return d.system(a)
	case fFence, fSfence:
		return d.fence(a)
	case fGpM:
		d.modRM()
		return a, d.mod != 3
	case fNpGp, fIbNpGv, fIbNoGv, fNpGv, fNoGv, fNoGo:
		d.modRM()
		return a, d.mod == 3
	case fMoGo, fEoGo, fGoEo:
		return a, d.highLow()
	case fVEHG, fVEHGmov, fVGHEmov, fVE, fVEvG, fVGEv, fVIGEv, fVIEvHG, fVIRH, fVBls, fVGather:
		return d.vexSpecial(a)
	}
	return a, true
}

// bare handles forms without operands.
func (d *decoder) bare() {
	switch d.op.form {
	case fSkip:
		d.byte()
	case fCbw:
		d.name.add([4]string{"", "cbtw", "cwtl", "cltq"}[d.opsz])
	case fCwd:
		d.name.add([4]string{"", "cwtd", "cltd", "cqtd"}[d.opsz])
	case fVNone:
		if d.length != 0 {
			d.name.set("vzeroall")
		}
	}
}

// special is mov to and from control, debug and test registers. Whatever the
// mod field says, the other operand is a general register.
func (d *decoder) special() [4]arg {
	r := [8]arg{aGc, aGd, aGc, aGd, aGt, aGt, aGt, aGt}[d.opc[1]&7]
	if d.opc[1]&2 != 0 {
		return [4]arg{aRv, r}
	}
	return [4]arg{r, aRv}
}

// system is 0F 01, whose register forms are instructions of their own.
func (d *decoder) system(a [4]arg) ([4]arg, bool) {
	if d.mod != 3 {
		return a, true
	}
	var names *[8]string
	switch d.op.form {
	case f0F01_0:
		names = &names0F01_0
	case f0F01_1:
		names = &names0F01_1
	case f0F01_2:
		names = &names0F01_2
	case f0F01_3:
		names = &names0F01_3
	default:
		names = &names0F01_7
		if d.r == 0 && d.mode != Mode64 || names[d.r] == "" {
			return a, true // invlpg with a register
		}
	}
	d.name.set(names[d.r])
	return [4]arg{}, names[d.r] != ""
}

// fence is 0F AE /5 to /7: fences as register forms, else cache line and
// extended state instructions.
func (d *decoder) fence(a [4]arg) ([4]arg, bool) {
	if d.mod == 3 {
		if d.op.form == fSfence {
			d.name.add("sfence")
			return [4]arg{}, true
		}
		return [4]arg{}, d.r == 0 || d.lax && d.reg == 5 && d.rep == 0 && d.data == 0
	}
	switch d.reg {
	case 5:
		d.name.set("xrstor")
	case 6:
		d.name.set(pick(d.data != 0, "xsaveopt", "clwb"))
	default:
		d.name.add(pick(d.data != 0, "clflush", "clflushopt"))
	}
	return a, true
}

// highLow tells the moves of half an XMM register from and to memory from
// those between two registers, which share their opcodes.
func (d *decoder) highLow() bool {
	d.modRM()
	if d.mod != 3 || d.nopc != 2 {
		return d.mod != 3 || d.op.form != fMoGo
	}
	switch d.op.name {
	case "movlps":
		d.name.set("movhlps")
		return d.op.form == fEoGo
	case "movhps":
		d.name.set("movlhps")
		return d.op.form == fMoGo
	case "movntps":
		return false
	}
	return d.op.form != fMoGo
}

// vexSpecial handles VEX instructions whose operands or name depend on more
// than the opcode.
func (d *decoder) vexSpecial(a [4]arg) ([4]arg, bool) {
	d.modRM()
	m := &d.name
	switch d.op.form {
	case fVEHG:
		if d.mod == 3 {
			switch d.op {
			case &vex0F[0x12]:
				m.set("vmovhlps")
			case &vex0F[0x16]:
				m.set("vmovlhps")
			}
		}
	case fVEHGmov:
		if d.mod != 3 {
			return [4]arg{aEx, aGx}, true
		}
	case fVGHEmov:
		if d.mod != 3 {
			return [4]arg{aGx, aEx}, true
		}
	case fVE:
		if d.reg == 3 {
			m.set("vstmxcsr")
		}
	case fVEvG, fVGEv: // vmovd
		if d.w {
			m.put(4, 'q')
		}
	case fVIGEv, fVIEvHG: // vpextrd, vpinsrd
		if d.w && (d.op == &vex660F3A[0x16] || d.op == &vex660F3A[0x22]) {
			m.put(6, 'q')
		}
	case fVIRH:
		m.set(vexShift[d.opc[0]-0x71][d.reg])
	case fVBls:
		m.set(vexBls[d.reg])
		return a, m.n > 0
	case fVGather:
		m.set(d.op.name)
		m.add(gathers[d.opc[0]&3][b2i(d.w)].suffix)
	}
	return a, true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A gather says which registers a gather instruction has with 256-bit vectors;
// with 128-bit ones all are XMM.
type gather struct {
	data, index regClass
	suffix      string
}

// gathers are VEX 66 0F 38 90 to 93 by opcode and W.
var gathers = [4][2]gather{
	{{classY, classY, "d"}, {classY, classX, "q"}},
	{{classX, classY, "d"}, {classY, classY, "q"}},
	{{classY, classY, "s"}, {classY, classX, "d"}},
	{{classX, classY, "s"}, {classY, classY, "d"}},
}

func (d *decoder) gatherData() regClass {
	if d.length == 0 {
		return classX
	}
	return gathers[d.opc[0]&3][b2i(d.w)].data
}

func (d *decoder) gatherIndex() regClass {
	if d.length == 0 {
		return classX
	}
	return gathers[d.opc[0]&3][b2i(d.w)].index
}

// vexShared is VEX 66 0F 38 F0 and F1. MDB treats the legacy pair of crc32 and
// movbe that shares the opcode as a group: entry 1 is movbe, with a byte source
// and without the extension bits.
func (d *decoder) vexShared() bool {
	d.op = &map0F38[0xF0]
	d.ext &^= rexR | rexB
	return d.reg == 1
}

// finish applies what has to wait until all operands are there: narrower
// sources, EVEX decorations, and predicates that become part of the mnemonic.
func (d *decoder) finish() bool {
	switch d.op.form {
	case fIndirect:
		d.opnd[0].star = true
	case fMovslq:
		d.opnd[1].reg = regs64[d.regField()&15]
		if d.mod == 3 {
			d.opnd[0].reg = regs32[d.r|d.extB()]
		}
		if d.rex == 0 {
			d.name.set("movzld")
		}
	case fMovzx:
		if d.mod == 3 {
			n := d.r | d.extB()
			d.opnd[0].reg = regs16[n]
			if d.opc[1]&1 == 0 {
				d.opnd[0].reg = d.register(classB, n)
			}
		}
	case fCrc32:
		d.crc32()
	case fIbEoGo:
		return d.predicate()
	case f3DNow:
		d.byte()
	case fEbnd, fBndE, fEptr:
		d.whole = true
		return d.bounds()
	case fXEG, fXGE, fXEHG, fXIEHG:
		d.decorate()
	}
	return true
}

// crc32: the destination is never 16 bits wide, the source may be.
func (d *decoder) crc32() {
	sz := size32
	if d.rex&rexW != 0 {
		sz = size64
	}
	d.opnd[1].reg = regsBySize[sz][d.regField()&15]
	if d.mod != 3 {
		return
	}
	n := d.r | d.extB()
	switch {
	case d.opc[2] == 0xF0:
		d.opnd[0].reg = d.register(classB, n)
	case d.data != 0:
		d.opnd[0].reg = regs16[n]
	default:
		d.opnd[0].reg = regsBySize[sz][n]
	}
}

var predicates = [8]string{"eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"}

// predicate writes the immediate of cmpps and its kin, and that of pclmulqdq,
// as part of the mnemonic.
func (d *decoder) predicate() bool {
	v := d.opnd[0].value
	m := &d.name
	switch n := d.op.name; {
	case len(n) == 5 && n[:3] == "cmp":
		if v > 7 {
			return d.lax // printed with its immediate
		}
		m.set("cmp")
		m.add(predicates[v])
		m.add(n[3:])
	case n == "pclmulqdq" && v&^0x11 == 0:
		m.set([2][2]string{
			{"pclmullqlqdq", "pclmullqhqdq"}, {"pclmulhqlqdq", "pclmulhqhqdq"},
		}[v&1][v>>4])
	default:
		return true
	}
	d.opnd[0], d.opnd[1] = d.opnd[1], d.opnd[2]
	d.opnd[2] = operand{}
	d.nop = 2
	return true
}

// decorate scales an EVEX eight-bit displacement, which MDB takes to be of full
// vector width, and marks the destination with opmask and zeroing.
func (d *decoder) decorate() {
	dst := &d.opnd[d.nop-1]
	dst.opmask = d.opmask
	dst.zero = d.zero
	scaled := &d.opnd[0]
	switch d.op.form {
	case fXGE:
		scaled = &d.opnd[1]
	case fXIEHG:
		return // the one MDB forgets
	}
	if d.mod < 2 && d.length < 3 {
		scaled.value *= 16 << d.length
	}
}

// bounds: there are four bound registers, and their memory is not relative to
// the instruction pointer.
func (d *decoder) bounds() bool {
	ext := d.extBits()
	if d.reg > 3 || ext&rexR != 0 {
		return false
	}
	if d.mod == 3 {
		return d.op.form == fEptr || d.r <= 3 && ext&rexB == 0
	}
	if d.adsz == size16 {
		return false
	}
	if d.op.name == "bndmov" || d.op.form == fEptr {
		return true
	}
	return d.opnd[0].kind != kindRIP && d.opnd[1].kind != kindRIP &&
		d.opnd[0].reg != "%rip" && d.opnd[1].reg != "%rip"
}
