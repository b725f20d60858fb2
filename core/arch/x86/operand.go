package x86

// A regClass says which registers a number stands for.
type regClass uint8

const (
	classB regClass = iota // byte
	classV                 // operand size
	classP                 // MMX
	classX
	classY
	classZ
	classK
	classSeg
	classCtl
	classDbg
	classTest
	classA    // address size
	classBnd  // bound registers
	classTile // matrix tiles
	class32
	class64
)

// A valueKind says how an operand's value is printed.
type valueKind uint8

const (
	kindNone   valueKind = iota
	kindImm              // $value
	kindOffset           // displacement or address
	kindRel              // relative to the next instruction
	kindRIP              // the same with (%rip)
)

// An operand is one operand ready to be printed: prefix, value, then register
// or address.
type operand struct {
	kind   valueKind
	width  uint8 // of an immediate as printed, in bytes
	star   bool  // indirect jump or call
	mem    bool
	paren  bool // of an address: has a parenthesised part
	zero   bool // EVEX: zeroing
	opmask uint8
	pre    string // EVEX: rounding
	cast   string // EVEX: broadcast
	seg    string
	value  uint64
	reg    string // register operand, or base register
	index  string
	scale  string
}

// operands reads and forms the operands. The r/m field comes first, as its
// displacement precedes immediates; two immediates are stored in the reverse
// of AT&T order.
func (d *decoder) operands() bool {
	a, ok := d.arrange()
	if !ok {
		return false
	}
	for i, k := range a {
		if k != aNone {
			d.nop = i + 1
			if k < aZb {
				d.modRM()
			}
		}
	}
	for i, k := range a {
		if k != aNone && k < aGb {
			d.argE(k, &d.opnd[i])
		}
	}
	for i := d.nop - 1; i >= 0; i-- {
		switch k := a[i]; {
		case k < aGb:
		case k < aIb:
			d.argReg(k, &d.opnd[i])
		case k < aAL:
			d.argImm(k, i)
		default:
			d.argFixed(k, &d.opnd[i])
		}
	}
	return d.finish()
}

// argE forms an operand from the r/m field.
func (d *decoder) argE(k arg, o *operand) {
	switch k {
	case aEb:
		d.rm(classB, o)
	case aEv:
		d.rm(classV, o)
	case aEp:
		d.rm(classP, o)
	case aEo:
		d.rm(classX, o)
	case aEx:
		d.rm(d.class, o)
	case aEk:
		d.rm(pickClass(d.mod == 3, classK, classV), o)
	case aEV:
		d.rm(d.gatherIndex(), o)
	case aKR:
		d.modRM()
		if d.mod == 3 {
			o.reg = d.register(classK, d.regField())
			return
		}
		d.r, d.reg = d.reg, d.r // MDB makes an address of the wrong field
		d.rm(classK, o)
		d.r, d.reg = d.reg, d.r
	case aRv:
		o.reg = d.register(classV, d.r|d.extB())
	case aRd:
		o.reg = regs32[d.r|d.extB()]
	case aEa:
		d.rm(classA, o)
	case aEbnd:
		d.rm(classBnd, o)
	case aRx:
		o.reg = d.register(d.class, d.r|d.extB())
	}
}

func pickClass(c bool, yes, no regClass) regClass {
	if c {
		return yes
	}
	return no
}

// argReg forms an operand from the reg field, the opcode or VEX.vvvv.
func (d *decoder) argReg(k arg, o *operand) {
	switch k {
	case aGb:
		o.reg = d.register(classB, d.regField())
	case aGv:
		o.reg = d.register(classV, d.regField())
	case aGp:
		o.reg = d.register(classP, d.regField())
	case aGo:
		o.reg = d.register(classX, d.regField())
	case aGx:
		o.reg = d.register(d.class, d.regField())
	case aGs:
		o.reg = d.register(classSeg, d.reg)
	case aGc:
		o.reg = d.register(classCtl, d.regField())
	case aGd:
		o.reg = d.register(classDbg, d.regField())
	case aGt:
		o.reg = d.register(classTest, d.regField())
	case aGV:
		o.reg = d.register(d.gatherData(), d.regField())
	case aGa:
		o.reg = d.register(classA, d.regField())
	case aGbnd:
		o.reg = d.register(classBnd, d.regField())
	case aZb:
		o.reg = d.register(classB, d.opcodeReg())
	case aZv:
		o.reg = d.register(classV, d.opcodeReg())
	case aZp:
		o.reg = d.register(classP, d.opcodeReg())
	case aZo:
		o.reg = d.register(classX, d.opcodeReg())
	case aHx:
		o.reg = d.register(d.class, d.vvvv)
	case aHV:
		o.reg = d.register(d.gatherData(), d.vvvv)
	}
}

// opcodeReg is the register in the low bits of the last opcode byte.
func (d *decoder) opcodeReg() uint8 {
	return d.opc[d.nopc-1]&7 | d.rex&rexB<<3
}

func (d *decoder) extBits() byte {
	if d.vex != 0 || d.evex {
		return d.ext
	}
	return d.rex & 15
}

func (d *decoder) extB() uint8 { return d.extBits() & rexB << 3 }

// regField is the number in the reg field with its extension.
func (d *decoder) regField() uint8 {
	n := d.reg | d.extBits()&rexR<<1
	if d.hiR {
		n += 16
	}
	return n
}

// register names register n of a class.
func (d *decoder) register(c regClass, n uint8) string {
	switch c {
	case classB:
		if d.rex != 0 || d.vex != 0 {
			return regs8rex[n&15]
		}
		return regs8[n&15]
	case classV:
		return regsBySize[d.opsz][n&15]
	case classP:
		return regsMMX[n&7]
	case classX:
		return regsXMM[n&31]
	case classY:
		return regsYMM[n&31]
	case classZ:
		return regsZMM[n&31]
	case classK:
		return regsMask[n&15]
	case classSeg:
		return regsSeg[n&7]
	case classCtl:
		return regsCtl[n&15]
	case classDbg:
		return regsDbg[n&15]
	case classA:
		return regsBySize[d.adsz][n&15]
	case classBnd:
		return regsBnd[n&3]
	case classTile:
		return regsTile[n&7]
	case class32:
		return regs32[n&15]
	case class64:
		return regs64[n&15]
	}
	return regsTest[n&7]
}

// argFixed forms an operand that the opcode implies.
func (d *decoder) argFixed(k arg, o *operand) {
	switch k {
	case aAL:
		o.reg = d.register(classB, 0)
	case aAX:
		o.reg = d.register(classV, 0)
	case aCL:
		o.reg = "%cl"
	case aDX:
		d.takeSeg(o)
		o.reg = "(%dx)"
	case aSI:
		d.takeSeg(o)
		o.reg = [4]string{"", "(%si)", "(%esi)", "(%rsi)"}[d.adsz]
	case aDI:
		if d.op.form != fSIDI {
			d.takeSeg(o)
		}
		o.reg = [4]string{"", "(%di)", "(%edi)", "(%rdi)"}[d.adsz]
	case aST:
		o.reg = "%st"
	case aSTi:
		o.reg = regsST[d.r]
	case aSeg2:
		o.reg = d.register(classSeg, d.opc[0]>>3&3)
	case aSeg3:
		o.reg = d.register(classSeg, d.opc[1]>>3&7)
	}
}

// takeSeg gives the pending segment override to an operand. One that no
// operand takes is printed before every value.
func (d *decoder) takeSeg(o *operand) {
	if d.seg != "" {
		o.seg = d.seg
		d.seg = ""
	}
}

// rm forms the operand of the r/m field: a register of class c, or memory.
func (d *decoder) rm(c regClass, o *operand) {
	if d.mod == 3 {
		n := d.r | d.extB()
		if d.evex && d.ext&rexX != 0 {
			n += 16
		}
		o.reg = d.register(c, n)
		return
	}
	d.takeSeg(o)
	o.mem = true
	if d.adsz == size16 {
		d.rm16(o)
		return
	}
	d.rm32(c, o)
}

var addr16 = [8]string{
	"(%bx,%si)", "(%bx,%di)", "(%bp,%si)", "(%bp,%di)", "(%si)", "(%di)", "(%bp)", "(%bx)",
}

// rm16 is memory with a 16-bit address.
func (d *decoder) rm16(o *operand) {
	direct := d.mod == 0 && d.r == 6
	switch {
	case direct:
		d.value(2, o)
		o.kind, o.width = kindImm, 2 // MDB prints a direct address like a number
		return
	case d.mod == 1:
		d.value(1, o)
		o.kind = kindOffset
	case d.mod == 2:
		d.value(2, o)
		o.kind = kindOffset
	}
	o.reg = addr16[d.r]
}

// rm32 is memory with a 32- or 64-bit address. MDB names the registers by the
// mode, not by the address size.
func (d *decoder) rm32(c regClass, o *operand) {
	names := &regs64
	if d.mode != Mode64 {
		names = &regs32
	}
	ext := d.extBits()
	base := d.r
	sib := d.r == 4
	if sib {
		s := d.byte()
		base = s & 7
		d.sib(c, names, s, o)
	}
	noBase := base == 5 && d.mod == 0
	switch {
	case d.mod == 1:
		d.value(1, o)
		o.kind = kindOffset
	case d.mod == 2 || noBase:
		d.value(4, o)
		o.kind = kindOffset
	}
	switch {
	case !noBase:
		o.reg = names[base|ext&rexB<<3]
		o.paren = true
	case !sib && d.mode == Mode64:
		o.reg = "%rip"
		o.paren = true
		if ext&rexB == 0 {
			o.kind = kindRIP
		}
	}
}

// sib takes the index and scale from a SIB byte. A gather's index is a vector
// of class c and always has its scale printed.
func (d *decoder) sib(c regClass, names *[16]string, s byte, o *operand) {
	n := s>>3&7 | d.extBits()&rexX<<2
	switch {
	case d.op.form == fVGather || d.vsib:
		if d.hiV {
			n += 16
		}
		o.index = d.register(c, n)
		o.scale = [4]string{",1)", ",2)", ",4)", ",8)"}[s>>6]
	case n != 4:
		o.index = names[n]
		o.scale = [4]string{")", ",2)", ",4)", ",8)"}[s>>6]
	default:
		return
	}
	o.paren = true
}

// value reads a number of the given size and extends its sign.
func (d *decoder) value(bytes int, o *operand) {
	if d.n+bytes > len(d.code) {
		d.fail = true
		return
	}
	var v uint64
	for i := 0; i < bytes; i++ {
		v |= uint64(d.code[d.n+i]) << (8 * i)
	}
	d.n += bytes
	shift := 64 - 8*bytes
	o.value = uint64(int64(v<<shift) >> shift)
}

// immBytes is the size of an operand-size immediate, at most four bytes.
func (d *decoder) immBytes() int {
	if d.opsz == size16 {
		return 2
	}
	return 4
}

// argImm reads an immediate, displacement or address.
func (d *decoder) argImm(k arg, i int) {
	o := &d.opnd[i]
	o.kind = kindImm
	o.width = 1 << d.opsz
	switch k {
	case aIb:
		d.value(1, o)
		o.width = 1
	case aIbs:
		d.value(1, o)
	case aIx:
		d.value(1, o)
		if d.class != classV {
			o.width = 1
		}
	case aIreg:
		d.value(1, o)
		o.kind = kindNone
		o.reg = d.register(d.class, uint8(o.value)>>4&15)
	case aIz:
		d.value(d.immBytes(), o)
	case aIv:
		d.value(1<<d.opsz, o)
	case aIw:
		d.value(2, o)
	case aJb:
		d.value(1, o)
		o.kind = kindRel
	case aJz:
		d.value(d.immBytes(), o)
		o.kind = kindRel
	case aO:
		d.value(1<<d.adsz, o)
		o.kind = kindOffset
	case aAp:
		d.takeSeg(&d.opnd[1])
		p := &d.opnd[1]
		p.kind, p.width = kindImm, o.width
		d.value(d.immBytes(), p)
		d.value(2, o)
		d.nop = 2
	case aIwIb:
		d.value(2, o)
		p := &d.opnd[1]
		p.kind, p.width = kindImm, o.width
		d.value(1, p)
		d.nop = 2
	case aI1:
		o.value, o.width = 1, 1
	case aI3:
		o.value, o.width = 3, 1
	}
}
