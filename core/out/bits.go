package out

import "strings"

// A Bit names one value of some bits of a flag word: it is there when the
// word under Mask equals Bits.
type Bit struct {
	Name       string
	Mask, Bits uint64
}

// Bits is the table of %b.
type Bits []Bit

// Format returns the names of v joined by commas; with alt followed by the
// bits that have no name, in hex (0 if there is nothing at all).
func (b Bits) Format(v uint64, alt bool) string {
	p := Printer{cols: noLimit}
	p.bitNames(v, b, alt)
	return string(p.buf)
}

// bits prints %b. Each name is kept unbroken, with the comma before it.
func (p *Printer) bits(v *verb, args *argList) {
	n, ok := p.takeInteger(v, args)
	if !ok {
		return
	}
	a, _ := args.take()
	table, ok := a.(Bits)
	if !ok {
		table, _ = a.([]Bit)
	}
	p.bitNames(n.unsigned(v.size), table, v.alt)
}

func (p *Printer) bitNames(v uint64, table Bits, alt bool) {
	comma := 0
	for _, b := range table {
		if v&b.Mask != b.Bits {
			continue
		}
		v &^= b.Bits
		p.bitName(b.Name, comma)
		comma = 1
	}
	if alt && (comma == 0 || v != 0) {
		p.bitName(string(appendUint(p.num[:0], v, 16, showBase)), comma)
	}
}

func (p *Printer) bitName(name string, comma int) {
	if p.wrapNow(len(name) + comma) {
		p.newline()
	}
	p.fill(',', comma)
	putText(p, name)
}

// OneBit is mdb_one_bit: a word of the given width in dots with one bit shown
// as 1 or 0, in groups of four: "..1. ....".
func OneBit(width, bit int, on bool) string {
	c := byte('0')
	if on {
		c = '1'
	}
	return bitRow(width, func(i int) byte {
		if i == bit {
			return c
		}
		return '.'
	})
}

// InvalBits is mdb_inval_bits: the bits lo to hi as x, all others as dots.
func InvalBits(width, lo, hi int) string {
	return bitRow(width, func(i int) byte {
		if i >= lo && i <= hi {
			return 'x'
		}
		return '.'
	})
}

func bitRow(width int, char func(bit int) byte) string {
	var b strings.Builder
	for i := range max(0, min(width, maxWidth)) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(char(width - 1 - i))
	}
	return b.String()
}
