package x86

import (
	"strconv"
	"strings"
	"sync"
)

// A vectorOp is one line of the vector extension tables.
type vectorOp struct {
	name string
	args [5]vectorArg
	nmem uint8     // EVEX: what an eight-bit displacement is a multiple of, see nmem
	reg  int8      // reg field of ModRM that selects it, or -1
	w    int8      // VEX.W or EVEX.W, or -1
	lens uint8     // set of vector lengths
	mods uint8     // modReg, modMem
	elem uint8     // broadcast element in bytes, or 0
	mode roundMode // what EVEX.b means between registers
	tail string    // letters appended by vector length to the memory form
	vsib bool      // the index register is a vector
	sib  bool      // there must be a SIB byte
}

// A vectorArg is one operand: source (E r/m field, G reg field, H vvvv, R
// register in the immediate, I immediate, J immediate of four bytes, V vector-indexed memory) and class
// letter (x vector, h half of it, o 128 bits, k opmask, d and q 32- and 64-bit
// general registers, t tile; for I, the low four bits with l).
type vectorArg struct{ src, class byte }

const (
	modReg = 1 << iota
	modMem
)

type roundMode uint8

const (
	roundNone roundMode = iota
	roundSAE            // exceptions suppressed
	roundER             // rounding mode given too
)

// Vector encodings, as the tables name them.
const (
	encVEX = iota
	encEVEX
	encXOP
)

// vectorKey identifies the lines that an encoded opcode can mean.
func vectorKey(enc int, mmm, pp, opc uint8) uint32 {
	return uint32(enc)<<16 | uint32(mmm)<<11 | uint32(pp)<<8 | uint32(opc)
}

// vectorOps are the tables by vectorKey. They are built when an instruction
// that MDB does not know is met for the first time.
var vectorOps = sync.OnceValue(func() map[uint32][]vectorOp {
	m := make(map[uint32][]vectorOp, 1024)
	for _, t := range []string{vexExtTable, evexTable0F, evexTable0F38, evexTable0F3A, evexTableFP16} {
		parseVectorTable(t, m)
	}
	return m
})

// parseVectorTable reads a table: lines "ENCODING MAP PREFIX" head the lines of
// one opcode map, "OPCODE[/REG] W NAME OPERANDS PROPERTIES...".
func parseVectorTable(t string, m map[uint32][]vectorOp) {
	enc, mmm, pp := 0, uint8(0), uint8(0)
	for _, line := range strings.Split(t, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) == 3 {
			enc = map[string]int{"vex": encVEX, "evex": encEVEX, "xop": encXOP}[f[0]]
			n, _ := strconv.ParseUint(f[1], 16, 8)
			mmm = uint8(n)
			pp = map[string]uint8{"-": 0, "66": 1, "F3": 2, "F2": 3}[f[2]]
			continue
		}
		code, reg, grouped := strings.Cut(f[0], "/")
		n, _ := strconv.ParseUint(code, 16, 8)
		o := vectorOp{name: f[2], reg: -1, w: -1, lens: 7, mods: modReg | modMem}
		if grouped {
			o.reg = int8(reg[0] - '0')
		}
		if f[1] != "-" {
			o.w = int8(f[1][0] - '0')
		}
		for i, a := range strings.Split(f[3], ",") {
			if len(a) > 1 {
				o.args[i] = vectorArg{a[0], a[1]}
			} else if a != "-" {
				o.args[i].src = a[0]
			}
		}
		for _, p := range f[4:] {
			o.property(p)
		}
		k := vectorKey(enc, mmm, pp, uint8(n))
		m[k] = append(m[k], o)
	}
}

// property applies one word of a table line: the vector lengths allowed (L),
// the unit of compressed displacements (n16 and so on, fv and fractions of it),
// broadcast (b4) and others.
func (o *vectorOp) property(p string) {
	switch {
	case p[0] == 'L':
		o.lens = 0
		for _, c := range p[1:] {
			o.lens |= 1 << (c - '0')
		}
	case p == "reg":
		o.mods = modReg
	case p == "mem":
		o.mods = modMem
	case p == "vsib":
		o.vsib, o.sib, o.mods = true, true, modMem
	case p == "sib":
		o.sib, o.mods = true, modMem
	case p == "sae":
		o.mode = roundSAE
	case p == "er":
		o.mode = roundER
	case p[0] == 'b':
		o.elem = p[1] - '0'
	case p[0] == 'x':
		o.tail = p
	case p[0] == 'n':
		n, _ := strconv.Atoi(p[1:])
		o.nmem = uint8(n)
	default:
		o.nmem = map[string]uint8{"fv": nFull, "hv": nHalf, "qv": nQuarter, "ev": nEighth, "dup": nDup}[p]
	}
}

// Units of a compressed displacement that depend on the vector length.
const (
	nFull = 200 + iota
	nHalf
	nQuarter
	nEighth
	nDup
)

func (o *vectorOp) unit(length uint8) uint64 {
	full := uint64(16) << length
	switch o.nmem {
	case nFull:
		return full
	case nHalf:
		return full / 2
	case nQuarter:
		return full / 4
	case nEighth:
		return full / 8
	case nDup:
		if length == 0 {
			return 8
		}
		return full
	}
	return uint64(o.nmem)
}

var opVector = op{"", fVector, 0}

// xop says whether the bytes are an XOP instruction. MDB knows none and takes
// their first byte for a pop whose reg field it ignores; it is followed only
// where there is no XOP instruction.
func xop(mode Mode, code []byte) bool {
	if code[0] != 0x8F || len(code) < 2 || code[1]&0x1F < 8 {
		return false
	}
	var d decoder
	d.init(mode, code)
	return d.decodeLax()
}

// vectorExt decodes an instruction with a VEX, EVEX or XOP prefix that begins
// with b by the extension tables. is tells whether it is one.
func (d *decoder) vectorExt(b byte) (is, ok bool) {
	if d.n >= len(d.code) {
		return false, false
	}
	next := d.code[d.n]
	switch b {
	case 0xC4, 0xC5, 0x62:
		is = d.mode == Mode64 || next>>6 == 3
	case 0x8F:
		is = next&0x1F >= 8
	}
	if !is {
		return false, false
	}
	enc := encVEX
	valid := true
	switch b {
	case 0x62:
		enc = encEVEX
		valid = d.evexFields()
		if !valid {
			d.opEnd = d.opStart + int(^next>>3&1)
		}
	case 0x8F:
		enc = encXOP
		d.vexFields(b)
	default:
		d.vexFields(b)
	}
	if d.mode != Mode64 {
		d.ext &= rexW
		d.hiR = false
		d.vvvv &= 7
	}
	if enc == encVEX && b == 0xC4 && (d.mmm < 1 || d.mmm > 3) {
		d.opEnd = d.opStart
		return true, false
	}
	if d.evex && d.zero && d.opmask == 0 {
		valid = false // zeroing needs a mask
	}
	d.op = &opVector
	d.sizes()
	d.mnemonic()
	return true, valid && !d.fail && d.vectorOperands(enc)
}

// vectorOperands finds the table line and forms its operands.
func (d *decoder) vectorOperands(enc int) bool {
	lines := vectorOps()[vectorKey(enc, d.mmm, d.pp, d.opc[0])]
	if lines == nil {
		return false
	}
	if d.mmm == 1 && d.opc[0] == 0x77 { // vzeroupper, vzeroall
		d.name.add(lines[d.length].name)
		return d.vvvv == 0
	}
	d.modRM()
	o, exists := d.vectorLine(lines)
	if o == nil {
		if !exists {
			return false
		}
		// An instruction, if it were not for W.
		d.whole = true
		o = &lines[0]
		d.vectorForm(o)
		return false
	}
	d.vectorForm(o)
	d.whole = true
	return d.vectorChecks(o)
}

// vectorLine picks the line for the fields of this instruction. exists is true
// if there is one but for W.
func (d *decoder) vectorLine(lines []vectorOp) (o *vectorOp, exists bool) {
	mod := uint8(modMem)
	length := d.length
	if d.mod == 3 {
		mod = modReg
	}
	for i := range lines {
		l := &lines[i]
		if l.reg >= 0 && uint8(l.reg) != d.reg || l.mods&mod == 0 {
			continue
		}
		if d.evex && d.mod == 3 && d.bcast {
			length = bitsTop(l.lens)
		}
		if l.lens>>length&1 == 0 {
			continue
		}
		exists = true
		if l.w >= 0 && (l.w == 1) != d.w && d.mode == Mode64 {
			continue
		}
		if l.w == 1 && d.mode != Mode64 && !d.w || l.w == 0 && d.mode != Mode64 && d.w {
			continue
		}
		return l, true
	}
	return nil, exists
}

// bitsTop is the highest member of a set of vector lengths.
func bitsTop(set uint8) uint8 {
	switch {
	case set&4 != 0:
		return 2
	case set&2 != 0:
		return 1
	}
	return 0
}

// vectorChecks are the constraints beyond the opcode: a gather needs a SIB
// byte and a mask, broadcast and rounding must be there to be asked for.
func (d *decoder) vectorChecks(o *vectorOp) bool {
	if d.hiV && d.mode != Mode64 {
		return false
	}
	if d.vvvv != 0 && !o.uses('H') || o.args[0].src == 0 && d.r != 0 {
		return false
	}
	if o.uses('t') && o.uses('H') && (d.vvvv == d.reg || d.vvvv == d.r || d.reg == d.r || d.vvvv > 7) {
		return false // the tiles must differ
	}
	if o.sib && (d.r != 4 || d.evex && d.opmask == 0) {
		return false
	}
	if d.evex && d.bcast {
		if d.mod == 3 {
			return o.mode != roundNone
		}
		return o.elem != 0
	}
	return !d.evex || d.length < 3
}

// uses says whether the line has an operand with this source or class letter.
func (o *vectorOp) uses(c byte) bool {
	for _, a := range o.args {
		if a.src == c || a.class == c {
			return true
		}
	}
	return false
}

// vectorForm forms the operands of a line.
func (d *decoder) vectorForm(o *vectorOp) {
	length := d.length
	rounding := d.evex && d.bcast && d.mod == 3
	if rounding {
		length = bitsTop(o.lens)
	}
	length = min(length, 2)
	d.vsib = o.vsib
	d.name.add(o.name)
	if o.tail != "" && d.mod != 3 && !d.bcast && int(length) < len(o.tail) {
		d.name.add(o.tail[length : length+1])
	}
	for i, a := range o.args {
		if a.src == 'E' || a.src == 'V' {
			d.vectorRM(o, &d.opnd[i], vectorClass(a.class, length), length)
		}
	}
	if rounding {
		for i, a := range o.args {
			if a.class == 'x' || a.class == 'h' || a.class == 'o' {
				d.opnd[i].pre = roundText(o.mode, d.length)
				break
			}
		}
	}
	var imm operand
	haveImm := false
	for i, a := range o.args {
		p := &d.opnd[i]
		if a.src != 0 {
			d.nop = i + 1
		}
		c := vectorClass(a.class, length)
		switch a.src {
		case 'G':
			p.reg = d.register(c, d.regField())
		case 'H':
			n := d.vvvv
			if d.hiV {
				n += 16
			}
			p.reg = d.register(c, n)
		case 'I', 'R':
			if !haveImm {
				d.value(1, &imm)
				haveImm = true
			}
			switch {
			case a.src == 'R':
				p.reg = d.register(c, uint8(imm.value)>>4&d.regMask())
			case a.class == 'l':
				p.kind, p.width, p.value = kindImm, 1, imm.value&15
			default:
				p.kind, p.width, p.value = kindImm, 1, imm.value
			}
		case 'J':
			d.value(4, p)
			p.kind, p.width = kindImm, 4
		}
	}
	if d.evex && d.nop > 0 {
		dst := &d.opnd[d.nop-1]
		dst.opmask, dst.zero = d.opmask, d.zero
	}
}

// regMask is the set of register number bits that mean something in this mode.
func (d *decoder) regMask() uint8 {
	if d.mode == Mode64 {
		return 15
	}
	return 7
}

// vectorRM forms the r/m operand, with the displacement in its units.
func (d *decoder) vectorRM(o *vectorOp, p *operand, c regClass, length uint8) {
	if d.mod == 3 && (c == class32 || c == class64 || c == classK || c == classTile) {
		p.reg = d.register(c, d.r|d.extB())
		return
	}
	d.rm(c, p)
	if !d.evex || d.mod == 3 {
		return
	}
	unit := o.unit(length)
	if d.bcast && o.elem != 0 {
		p.cast = castNames[unit/uint64(o.elem)&63]
		unit = uint64(o.elem)
	}
	if d.mod == 1 {
		p.value *= unit
	}
}

var castNames = [64]string{
	2: "{1to2}", 4: "{1to4}", 8: "{1to8}", 16: "{1to16}", 32: "{1to32}",
}

func roundText(m roundMode, length uint8) string {
	switch m {
	case roundSAE:
		return "{sae},"
	case roundER:
		return [4]string{"{rn-sae},", "{rd-sae},", "{ru-sae},", "{rz-sae},"}[length]
	}
	return ""
}

// vectorClass is the register class of a class letter at a vector length.
func vectorClass(c byte, length uint8) regClass {
	switch c {
	case 'x':
		return [3]regClass{classX, classY, classZ}[length]
	case 'h':
		return [3]regClass{classX, classX, classY}[length]
	case 'k':
		return classK
	case 'd':
		return class32
	case 'q':
		return class64
	case 't':
		return classTile
	}
	return classX
}
