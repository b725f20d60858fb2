package x86

// A writer collects the text of one instruction.
type writer struct {
	n   int
	buf [256]byte
}

func (w *writer) str(s string) { w.n += copy(w.buf[w.n:], s) }

func (w *writer) char(c byte) {
	if w.n < len(w.buf) {
		w.buf[w.n] = c
		w.n++
	}
}

// hex writes v with 0x in front.
func (w *writer) hex(v uint64) {
	const digits = "0123456789abcdef"
	w.str("0x")
	shift := 60
	for shift > 0 && v>>shift == 0 {
		shift -= 4
	}
	for ; shift >= 0; shift -= 4 {
		w.char(digits[v>>shift&15])
	}
}

// unsigned are the beginnings of mnemonics whose immediates are never printed
// as negative numbers.
var unsigned = [...]string{
	"or", "and", "xor", "test", "in", "out", "lcall", "ljmp",
	"rcr", "rcl", "ror", "rol", "shl", "shr", "sal", "psr", "psl",
}

func (d *decoder) unsignedOp() bool {
	m := d.name.last()
	for _, u := range unsigned {
		if len(m) >= len(u) && string(m[:len(u)]) == u {
			return true
		}
	}
	return false
}

// smallNegative: immediates from -255 on are printed with a minus sign.
const smallNegative = -255

// negative says whether value v is printed as one.
func (d *decoder) negative(v uint64, displacement bool) bool {
	s := int64(v)
	return s < 0 && (displacement || s >= smallNegative) && !d.unsignedOp()
}

// mask is the set of bits that are printed of a value.
func (d *decoder) mask(o *operand) uint64 {
	bits := 8 << d.adsz
	if o.kind == kindImm {
		bits = 8 * int(o.width)
	}
	return ^uint64(0) >> (64 - bits)
}

// print writes the instruction at pc, and fills in the target.
func (d *decoder) print(pc uint64, sym resolver, in *Inst) string {
	var w writer
	w.str(string(d.name.buf[:d.name.n]))
	for w.n < 6 {
		w.char(' ')
	}
	w.char(' ')

	var tgt, reltgt, neg, negMask uint64
	for i := range d.opnd[:d.nop] {
		o := &d.opnd[i]
		if i > 0 {
			w.char(',')
		}
		if o.star {
			w.char('*')
		}
		w.str(o.pre)
		w.str(o.seg)
		switch o.kind {
		case kindImm, kindOffset:
			tgt = o.value
			w.str(d.seg)
			if o.kind == kindImm {
				w.char('$')
			}
			m := d.mask(o)
			if d.negative(o.value, false) {
				w.char('-')
				w.hex(-o.value & m)
				if o.kind == kindImm {
					neg, negMask = o.value, m
				}
			} else {
				w.hex(o.value & m)
			}
		case kindRel, kindRIP:
			reltgt = d.relative(pc, o.value)
			in.Target, in.HasTarget = reltgt, true
			m := d.mask(o)
			if d.negative(o.value, true) {
				w.char('-')
				w.hex(-o.value & m)
			} else {
				w.char('+')
				w.hex(o.value & m)
			}
		}
		w.operand(o)
	}
	if tgt != 0 {
		if sym.number != nil {
			if s, ok := sym.number(tgt); ok {
				w.note(s)
			}
		}
		if neg != 0 {
			w.str("\t<")
			w.hex(neg & negMask)
			w.char('>')
		}
	}
	if reltgt != 0 {
		w.target(reltgt, sym.target)
	}
	return string(w.buf[:w.n])
}

// relative is the address that lies v from the next instruction, within the
// mode's address space.
func (d *decoder) relative(pc, v uint64) uint64 {
	a := pc + uint64(d.n) + v
	switch d.mode {
	case Mode16:
		return uint64(uint16(a))
	case Mode32:
		return uint64(uint32(a))
	}
	return a
}

// operand writes the part of an operand that follows its value.
func (w *writer) operand(o *operand) {
	if o.paren {
		w.char('(')
	}
	w.str(o.reg)
	switch {
	case o.index != "":
		w.char(',')
		w.str(o.index)
		w.str(o.scale)
	case o.paren:
		w.char(')')
	}
	w.str(o.cast)
	if o.opmask != 0 {
		w.char('{')
		w.str(regsMask[o.opmask])
		w.char('}')
	}
	if o.zero {
		w.str("{z}")
	}
}

func (w *writer) note(s string) {
	w.str("\t<")
	w.str(s)
	w.char('>')
}

// target writes the symbol at an address, or the address.
func (w *writer) target(a uint64, sym Symbols) {
	if sym != nil {
		if s, ok := sym(a); ok {
			w.note(s)
			return
		}
	}
	w.str("\t<")
	w.hex(a)
	w.char('>')
}
