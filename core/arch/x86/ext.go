package x86

// decodeExt decodes what MDB does not: newer extensions, prefixes that the
// processor ignores but MDB refuses, and bytes that are no instruction.
func decodeExt(mode Mode, code []byte, pc uint64, sym resolver) Inst {
	var buf [MaxLen]byte
	if rest, rex := rexBeforeVector(mode, code, &buf); rest != nil {
		in := decode(mode, rest, pc+1, sym)
		if in.Len++; in.OK {
			in.Text = rexNames[rex&15] + " " + in.Text
			return in
		}
	}
	var d decoder
	d.init(mode, code)
	if d.decodeLax() {
		in := Inst{OK: true, IsCall: d.isCall()}
		in.Text = d.print(pc, sym, &in)
		in.Len = d.fixedLen()
		return in
	}
	return Inst{Text: Undecodable, Len: d.badLen()}
}

// extLen is decodeExt's length.
func extLen(mode Mode, code []byte) int {
	var buf [MaxLen]byte
	if rest, _ := rexBeforeVector(mode, code, &buf); rest != nil {
		if in := decode(mode, rest, 0, resolver{}); in.OK {
			return in.Len + 1
		}
	}
	var d decoder
	d.init(mode, code)
	if d.decodeLax() {
		return d.fixedLen()
	}
	return d.badLen()
}

// badLen is the number of bytes that objdump steps over where there is no
// instruction: through the opcode; or through the whole of an instruction that
// exists but not with these values; or one byte after the prefixes where it has
// an operand of the wrong kind.
func (d *decoder) badLen() int {
	n := d.opEnd
	switch {
	case d.whole:
		n = d.n
	case d.wrongKind:
		n = d.opStart
	}
	return max(1, min(n, len(d.code)))
}

// fixedLen is the length, corrected where MDB's reading of the bytes is another
// one than the processor's, for the next instruction's sake.
func (d *decoder) fixedLen() int {
	switch {
	case d.evex && d.pp == 0 && d.mmm != 1:
		// Not of the 0F map, which MDB looks in.
		var x decoder
		x.init(d.mode, d.code)
		if x.decodeLax() || x.whole {
			return x.n
		}
	case d.vex != 0 || d.evex:
	case d.mode == Mode64 && d.data != 0 && d.rex&rexW == 0 && (d.opc[0] == 0xE8 || d.opc[0] == 0xE9):
		return d.n - 2 // a 16-bit displacement
	case d.nopc == 2 && d.opc[1] == 0x78 && d.mod == 3 && (d.data != 0 || d.rep == 0xF2):
		return min(d.n+2, len(d.code)) // extrq, insertq: two immediates
	case d.rex != 0 && d.opc[0] == 0x9B:
		return d.n - 1 // fwait is an instruction of its own
	}
	return d.n
}

// rexBeforeVector recognises a REX prefix that is followed by a VEX, EVEX or XOP
// prefix and means nothing; MDB decodes none of these. It returns the bytes
// without it, in buf, and the prefix.
func rexBeforeVector(mode Mode, code []byte, buf *[MaxLen]byte) (rest []byte, rex byte) {
	if mode != Mode64 {
		return nil, 0
	}
	code = code[:min(len(code), MaxLen)]
	i := 0
	for i < len(code) && isPrefix(code[i]) {
		i++
	}
	if i+2 >= len(code) || code[i]>>4 != 4 {
		return nil, 0
	}
	switch code[i+1] {
	case 0xC4, 0xC5, 0x62:
	case 0x8F:
		if code[i+2]&0x1F < 8 {
			return nil, 0
		}
	default:
		return nil, 0
	}
	n := copy(buf[:], code[:i])
	n += copy(buf[n:], code[i+1:])
	var d decoder
	d.init(mode, buf[:n])
	if d.decode() && d.vvvv != 0 && !d.usesVvvv() {
		return nil, 0
	}
	return buf[:n], code[i]
}

// usesVvvv says whether the instruction has an operand in VEX.vvvv; the field
// must be empty otherwise, to which MDB is blind.
func (d *decoder) usesVvvv() bool {
	for _, a := range args[d.op.form] {
		if a == aHx || a == aHV {
			return true
		}
	}
	return false
}

// isPrefix says whether b is a legacy prefix.
func isPrefix(b byte) bool {
	f := oneByte[b].form
	return f >= fPrefixRep && f <= fPrefixAddr
}

// decodeLax is decode with the extension tables and without MDB's refusals.
func (d *decoder) decodeLax() bool {
	d.lax = true
	b := d.prefixes()
	if d.fail {
		d.opEnd = min(d.n, 1)
		return false
	}
	if d.mode == Mode64 && b>>4 == 4 {
		d.rex = b
		if d.n < len(d.code) && d.afterRex(d.code[d.n]) {
			return d.bareRex()
		}
		b = d.byte()
	}
	d.opc[0], d.nopc, d.opEnd, d.opStart = b, 1, d.n, d.n
	d.op = &oneByte[b]
	if is, ok := d.vectorExt(b); is {
		return ok && !d.fail
	}
	d.sizes()
	if !d.lookup() || d.fail {
		return false
	}
	if d.mode == Mode64 && (d.op.flag&all64 != 0 || d.opsz == size32 && d.op.flag&stk != 0) {
		d.opsz = size64
	}
	d.mnemonic()
	if d.operands() && !d.fail && !d.refused() {
		return true
	}
	switch {
	case d.nopc == 1 || d.whole:
	case d.nopc == 2:
		switch d.opc[1] {
		case 0x0D, 0xC7, 0xE7, 0xF7:
			d.wrongKind = true
		}
	case d.op.form == fMovbe:
		d.wrongKind = true
	}
	return false
}

// afterRex says whether a REX prefix before byte b has no effect: another
// prefix follows, or fwait.
func (d *decoder) afterRex(b byte) bool {
	return b>>4 == 4 || isPrefix(b) || b == 0x9B
}

var rexNames = [16]string{
	"rex", "rex.B", "rex.X", "rex.XB", "rex.R", "rex.RB", "rex.RX", "rex.RXB",
	"rex.W", "rex.WB", "rex.WX", "rex.WXB", "rex.WR", "rex.WRB", "rex.WRX", "rex.WRXB",
}

var opRex = op{"rex", fNo, 0}

// bareRex is a REX prefix without an instruction.
func (d *decoder) bareRex() bool {
	d.op = &opRex
	if d.data != 0 {
		d.name.add("data16 ")
	}
	d.mnemonic()
	d.name.n -= len(opRex.name)
	d.name.add(rexNames[d.rex&15])
	return true
}
