package x86

// size is the width of an operand or address, as a power of two in bytes.
type size uint8

const (
	size8 size = iota
	size16
	size32
	size64
)

// REX bits. VEX and EVEX store theirs inverted; here they are not.
const (
	rexB = 1 << iota // extends the r/m field, the SIB base or the opcode register
	rexX             // extends the SIB index
	rexR             // extends the reg field
	rexW             // 64-bit operands
)

// A decoder holds one instruction while it is decoded.
type decoder struct {
	code []byte
	n    int // bytes consumed
	mode Mode
	fail bool // ran out of bytes

	lax bool // extensions too
	// Why there is no instruction: how far the opcode went, the byte after its
	// first one; whether one exists but not with these values, or with an
	// operand of another kind.
	opEnd, opStart   int
	whole, wrongKind bool

	opsz, adsz size

	// Legacy prefixes, 0 or the byte, the last of each kind.
	data, addr, rep, lock byte
	seg                   string // "%fs:", until an operand has taken it
	rex                   byte   // 40 to 4F, or 0

	// VEX and EVEX fields.
	vex    byte // C4, C5 or 0
	evex   bool
	ext    byte // R, X and B as in REX; W too
	w      bool
	length uint8 // vector length field
	vvvv   uint8 // the register, not its complement
	pp     uint8
	mmm    uint8
	hiR    bool   // EVEX.R': 16 more
	hiV    bool   // EVEX.V'
	bcast  bool   // EVEX.b
	vsib   bool   // the index register is a vector
	name3D string // 3DNow!: the mnemonic
	opmask uint8
	zero   bool

	opc  [3]byte // opcode bytes: with 0F, 0F 38 and 0F 3A in the first ones
	nopc int     // how many of them

	hasRM       bool
	mod, reg, r uint8 // ModRM fields as stored
	class       regClass

	op   *op
	name mnemonic
	opnd [5]operand
	nop  int
}

func (d *decoder) init(mode Mode, code []byte) {
	d.code, d.mode = code[:min(len(code), MaxLen)], mode
	switch mode {
	case Mode16:
		d.opsz, d.adsz = size16, size16
	case Mode32:
		d.opsz, d.adsz = size32, size32
	default:
		d.opsz, d.adsz = size32, size64
	}
}

// byte takes the next byte of the instruction.
func (d *decoder) byte() byte {
	if d.n >= len(d.code) {
		d.fail = true
		return 0
	}
	b := d.code[d.n]
	d.n++
	return b
}

// modRM takes the ModRM byte, once.
func (d *decoder) modRM() {
	if d.hasRM {
		return
	}
	d.hasRM = true
	d.setModRM(d.byte())
}

func (d *decoder) setModRM(b byte) {
	d.mod, d.reg, d.r = b>>6, b>>3&7, b&7
}

// decode fills in op, the mnemonic and the operands by MDB's rules, and says
// whether there is such an instruction.
func (d *decoder) decode() bool {
	b := d.prefixes()
	if d.fail {
		return false
	}
	if d.mode == Mode64 && b>>4 == 4 {
		d.rex = b
		b = d.byte()
	}
	d.opc[0], d.nopc, d.opEnd = b, 1, d.n
	d.op = &oneByte[b]
	if !d.vector(b) || d.fail {
		return false
	}
	d.sizes()
	if !d.lookup() || d.fail {
		return false
	}
	if d.mode == Mode64 && (d.op.flag&all64 != 0 || d.opsz == size32 && d.op.flag&stk != 0) {
		d.opsz = size64
	}
	d.mnemonic()
	return d.operands() && !d.fail
}

// prefixes takes the legacy prefixes and returns the byte after them.
func (d *decoder) prefixes() byte {
	for {
		b := d.byte()
		if d.fail {
			return 0
		}
		switch o := &oneByte[b]; o.form {
		case fPrefixRep:
			d.rep = b
		case fPrefixLock:
			d.lock = b
		case fPrefixData:
			d.data = b
		case fPrefixAddr:
			d.addr = b
		case fPrefixSeg:
			if o.flag&no64 != 0 && d.mode == Mode64 && !d.lax {
				d.fail = true
				return 0
			}
			d.seg = o.name
		default:
			return b
		}
	}
}

// vector recognises VEX and EVEX prefixes by their first byte and finds the op
// in their maps. It returns false where such a prefix is malformed.
func (d *decoder) vector(b byte) bool {
	switch b {
	case 0xC4, 0xC5:
		// Outside 64-bit mode these are les and lds, whose operand is memory.
		if d.mode == Mode64 && d.rex != 0 {
			return true
		}
		if d.mode != Mode64 && (d.n >= len(d.code) || d.code[d.n]>>6 != 3) {
			return true
		}
		return d.vexPrefix(b)
	case 0x62:
		if d.n >= len(d.code) {
			d.fail = true
			return false
		}
		// MDB takes only the lower modes' bound with a small ModRM byte for it.
		if d.mode == Mode32 && d.code[d.n]>>4 == 0 {
			return true
		}
		return d.evexPrefix()
	}
	return true
}

// vexPrefix takes the rest of a VEX prefix and the opcode.
func (d *decoder) vexPrefix(b byte) bool {
	d.vexFields(b)
	if d.mmm < 1 || d.mmm > 3 {
		return false
	}
	t := vexMaps[d.pp][d.mmm]
	if t == nil {
		return false
	}
	d.op = &t[d.opc[0]]
	switch {
	case d.op.flag&gpr != 0:
		d.class = classV
	case d.op.flag&mask != 0:
		d.class = classK
	}
	return true
}

// vexFields takes the fields of a VEX (C4, C5) or XOP (8F) prefix.
func (d *decoder) vexFields(b byte) {
	d.vex = b
	p := d.byte()
	d.ext = ^p >> 5 & rexR // two-byte form: R only
	d.mmm = 1
	if b != 0xC5 {
		d.ext = ^p >> 5 & (rexR | rexX | rexB)
		d.mmm = p & 0x1F
		p = d.byte()
		if p&0x80 != 0 {
			d.w = true
			d.ext |= rexW
		}
	}
	d.length = p >> 2 & 1
	d.vvvv = ^p >> 3 & 15
	d.pp = p & 3
	d.class = classX
	if d.length != 0 {
		d.class = classY
	}
	d.opc[0] = d.byte()
	d.opEnd = d.n
}

// vexMaps are the VEX maps by pp and mmm. Without a prefix MDB knows one map
// only and uses it for all three.
var vexMaps = [4][4]*[256]op{
	{nil, &vex0F, &vex0F, &vex0F},
	{nil, &vex660F, &vex660F38, &vex660F3A},
	{nil, &vexF30F, &vexF30F38, nil},
	{nil, &vexF20F, &vexF20F38, &vexF20F3A},
}

// evexPrefix takes the rest of an EVEX prefix and the opcode. MDB knows maps 0
// to 3 and no rounding modes.
func (d *decoder) evexPrefix() bool {
	if !d.evexFields() || d.mmm > 3 || d.length == 3 {
		return false
	}
	t := evexMaps[d.pp][d.mmm]
	if t == nil {
		return false
	}
	d.op = &t[d.opc[0]]
	return true
}

// evexFields takes the fields of an EVEX prefix and returns false where its
// fixed bits are not as they must be.
func (d *decoder) evexFields() bool {
	d.evex = true
	p0, p1, p2 := d.byte(), d.byte(), d.byte()
	d.opc[0] = d.byte()
	d.opEnd = d.n
	d.ext = ^p0 >> 5 & (rexR | rexX | rexB)
	d.hiR = p0&0x10 == 0
	d.mmm = p0 & 7
	d.w = p1&0x80 != 0
	d.vvvv = ^p1 >> 3 & 15
	d.pp = p1 & 3
	d.length = p2 >> 5 & 3
	d.bcast = p2&0x10 != 0
	d.hiV = p2&8 == 0
	d.opmask = p2 & 7
	d.zero = p2&0x80 != 0
	d.class = [4]regClass{classX, classY, classZ, classZ}[d.length]
	return p0&8 == 0 && p1&4 != 0
}

// evexMaps are the EVEX maps by pp and mm. Without a prefix MDB looks at no
// other field.
var evexMaps = [4][4]*[256]op{
	{&evex0F, &evex0F, &evex0F, &evex0F},
	{nil, &evex660F, &evex660F38, &evex660F3A},
	{nil, &evexF0F, nil, nil},
	{nil, &evexF0F, nil, nil},
}

// sizes applies the prefixes to the operand and address size.
func (d *decoder) sizes() {
	switch d.mode {
	case Mode64:
		if d.rex&rexW != 0 || d.w {
			d.opsz = size64
		} else if d.data != 0 {
			d.opsz = size16
		}
		if d.addr != 0 {
			d.adsz = size32
		}
	case Mode32:
		if d.data != 0 {
			d.opsz = size16
		}
		if d.addr != 0 {
			d.adsz = size16
		}
	default:
		if d.data != 0 {
			d.opsz = size32
		}
		if d.addr != 0 {
			d.adsz = size32
		}
	}
}

// isCall says whether the instruction is a call.
func (d *decoder) isCall() bool { return d.op.flag&callee != 0 }
