package value

import (
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

const (
	maxPointerText = 256 // of the string a char * points to, its NUL included
	probeText      = 8   // characters by which an array is judged to be text
)

// value prints the value of an element, or opens it.
func (w *walk) value(it item, base *ctype.Type, off uint64) error {
	if w.shown(it, off) {
		return nil
	}
	switch base.Kind() {
	case ctype.Struct, ctype.Union:
		return w.open(it, base, off)
	case ctype.Forward:
		if !w.pr.O.Layout {
			w.text("; ")
		}
		w.text("<forward declaration of " + base.String() + ">")
		return nil
	}
	if w.pr.O.Layout {
		return nil
	}
	switch base.Kind() {
	case ctype.Integer:
		e, _ := intEncoding(base, it.bits)
		if isChar(base) && e.Bits == 8 && off%8 == 0 {
			return w.char(off)
		}
		return w.integer(it.typ, e, off)
	case ctype.Float:
		return w.float(base, off)
	case ctype.Pointer, ctype.Function, ctype.Reference, ctype.RvalueReference:
		return w.pointer(it, base, off)
	case ctype.Array:
		return w.array(base, off)
	case ctype.Enum:
		return w.enum(it, base, off)
	}
	return nil // void has no value
}

// open prints the brace of a structure, or the whole of one that has a notation
// of its own.
func (w *walk) open(it item, base *ctype.Type, off uint64) error {
	if done, err := w.inetStruct(it, off); done || err != nil {
		return err
	}
	if w.countedString(it, off) {
		return nil
	}
	if w.pr.O.Pretty && !w.pr.O.Layout {
		if done, err := w.pretty(it, off); done || err != nil {
			return err
		}
	}
	switch {
	case isEmpty(base):
		w.text("{}")
	case uint64(w.depth) == w.depthMax:
		w.text("{ ... }")
	default:
		w.text("{")
	}
	w.delim = "\n"
	return nil
}

// inetStruct prints the structures that hold an internet address.
func (w *walk) inetStruct(it item, off uint64) (done bool, err error) {
	if w.pr.O.Layout {
		return false, nil
	}
	name := it.typ.Name()
	addr := w.base + off/8
	switch k := it.typ.Kind(); {
	case k == ctype.Typedef && name == "in6_addr_t" && !w.pr.O.BaseType, k == ctype.Struct && name == "in6_addr":
		if err := readFull(w.sp, w.buf[:16], addr); err != nil {
			return true, w.unreadable(err, "failed to read %s pointer at %llx", it.name, addr)
		}
		w.text(out.FormatInet6(w.buf))
	case k == ctype.Struct && name == "in_addr":
		if err := readFull(w.sp, w.buf[:4], addr); err != nil {
			return true, w.unreadable(err, "failed to read %s pointer at %llx", it.name, addr)
		}
		w.inet4(w.buf[:4])
	default:
		return false, nil
	}
	w.skip = w.depth
	return true, nil
}

// inet4 prints an address as it lies in memory, in network order.
func (w *walk) inet4(b []byte) { w.pr.P.Printf("%d.%d.%d.%d", b[0], b[1], b[2], b[3]) }

// isChar tells a type whose values are shown as characters: an 8-bit signed char,
// or what the target's ABI calls char without a sign.
func isChar(base *ctype.Type) bool {
	if base.Kind() != ctype.Integer {
		return false
	}
	e := base.Enc()
	return e.IsChar() || e.Char && e.Bits == 8 && base.Name() == "char"
}

// char prints a character.
func (w *walk) char(off uint64) error {
	b := w.buf[:1]
	if err := readFull(w.sp, b, w.base+off/8); err != nil {
		return w.unreadable(err, "") // MDB says nothing here
	}
	w.text("'")
	w.pr.P.Write(out.AppendEscapeC(nil, b))
	w.text("'")
	return nil
}

// integer prints an integer.
func (w *walk) integer(t *ctype.Type, e ctype.Encoding, off uint64) error {
	if e.Varargs {
		w.text("...\n")
		return nil
	}
	addr := w.base + off/8
	if e.Bits == 128 && off%8 == 0 {
		return w.wide(addr)
	}
	if e.IsBitField(off) {
		return w.bitField(e, off)
	}
	b := w.buf[:e.Bits/8]
	if err := readFull(w.sp, b, addr); err != nil {
		return w.unreadable(err, "failed to read %lu bytes at %llx", uint64(len(b)), addr)
	}
	v := mem.Uint(b, w.w.order())
	if !w.pr.O.Hex && !w.pr.O.Dec && w.special(t, v, b) {
		return nil
	}
	w.number(v, e)
	return nil
}

// special prints the integers that have a notation of their own.
func (w *walk) special(t *ctype.Type, v uint64, b []byte) bool {
	if t.Kind() != ctype.Typedef || w.pr.O.BaseType { // MDB compares the text it shows
		return false
	}
	switch t.Name() {
	case "time_t":
		if v == 0 {
			return false
		}
		w.pr.P.Printf("%Y", signExtend(v, uint32(8*len(b))))
	case "ipaddr_t", "in_addr_t":
		if len(b) != 4 {
			return false
		}
		w.inet4(b)
	default:
		return false
	}
	return true
}

// number prints an integer of whole bytes: in hex, or with -d in decimal.
func (w *walk) number(v uint64, e ctype.Encoding) {
	switch {
	case e.Bits == 0:
	case !w.decimal():
		w.pr.P.Printf("%#llx", v)
	case e.Signed:
		w.pr.P.Printf("%#lld", signExtend(v, e.Bits))
	default:
		w.pr.P.Printf("%#llu", v)
	}
}

func (w *walk) decimal() bool { return w.pr.O.Dec && !w.pr.O.Hex }

// bitField prints an integer that has to be cut out of its bytes: in hex if
// unsigned, in decimal if signed.
func (w *walk) bitField(e ctype.Encoding, off uint64) error {
	if e.Bits > 63 {
		w.pr.P.Printf("??? (invalid bitfield size %u)", e.Bits)
		return nil
	}
	addr := w.base + off/8
	var buf [9]byte
	v, err := readBits(w.sp, &buf, w.w.order(), addr, uint32(off%8), e.Bits)
	if err != nil {
		return w.unreadable(err, "failed to read %lu bytes at %llx", (off%8+uint64(e.Bits)+7)/8, addr)
	}
	switch {
	case e.Signed && !w.pr.O.Hex:
		w.pr.P.Printf("%#lld", signExtend(v, e.Bits))
	case w.decimal():
		w.pr.P.Printf("%#llu", v)
	default:
		w.pr.P.Printf("%#llx", v)
	}
	return nil
}

// wide prints a 128-bit integer.
func (w *walk) wide(addr uint64) error {
	if err := readFull(w.sp, w.buf[:16], addr); err != nil {
		return w.unreadable(err, "failed to read %lu bytes at %llx", uint64(16), addr)
	}
	lo, hi := mem.Uint(w.buf[:8], w.w.order()), mem.Uint(w.buf[8:], w.w.order())
	if w.w.order().String() == "BigEndian" {
		lo, hi = hi, lo
	}
	if hi == 0 {
		w.pr.P.Printf("%#llx", lo)
	} else {
		w.pr.P.Printf("0x%llx%016llx", hi, lo)
	}
	return nil
}

func (w *walk) float(base *ctype.Type, off uint64) error {
	addr := w.base + off/8
	b := make([]byte, min(base.Size(), 32))
	if err := readFull(w.sp, b, addr); err != nil {
		return w.unreadable(err, "failed to read float at %llx", addr)
	}
	s, ok := floatText(b, base, w.w.order())
	if !ok {
		s, ok = complexText(b, base, w.w.order())
	}
	if !ok {
		w.pr.P.Printf("??? (unsupported FP format %u / %u bits\n", int(base.Enc().Float), base.Enc().Bits)
		return nil
	}
	w.text(s)
	return nil
}

// pointer prints a pointer as a symbol or a number, and what text it points to.
func (w *walk) pointer(it item, base *ctype.Type, off uint64) error {
	addr := w.base + off/8
	size := base.Size()
	if size == 0 || size > 8 { // a function's own bytes are taken for one
		size = 8
	}
	b := w.buf[:size]
	if err := readFull(w.sp, b, addr); err != nil {
		return w.unreadable(err, "failed to read %s pointer at %llx", it.name, addr)
	}
	v := mem.Uint(b, w.w.order())
	if w.pr.O.Plain {
		w.pr.P.Printf("%#llx", v)
		return nil
	}
	w.pr.P.Printf("%a", v)
	if v == 0 || base.Kind() != ctype.Pointer || it.typ.Kind() == ctype.Typedef && it.typ.Name() == "caddr_t" && !w.pr.O.BaseType {
		return nil
	}
	if s, ok := w.pointedText(base, v); ok {
		w.text(" \"" + s + "\"")
	}
	return nil
}

// pointedText reads the string a character pointer points to, if it is one that
// can be printed.
func (w *walk) pointedText(base *ctype.Type, v uint64) (string, bool) {
	target := base.Elem().Resolve() // a declared structure need not be looked for
	if !isChar(target) {
		return "", false
	}
	s, err := mem.ReadString(w.realSp, mem.Addr(v), maxPointerText)
	if err != nil && s == "" && mem.Reason(err) != mem.ErrEOF {
		return "", false // at the end of a raw file MDB sees an empty string
	}
	if len(s) < maxPointerText {
		return s, printable(s)
	}
	const more = " ..."
	return s[:maxPointerText-1-len(more)] + more, printable(s[:maxPointerText-1])
}

// printable tells text of printable ASCII only.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// enum prints an enum's number and name.
func (w *walk) enum(it item, base *ctype.Type, off uint64) error {
	v := Value{Type: base, W: w.w, Space: w.sp, Addr: mem.Addr(w.base + off/8), Off: uint32(off % 8), Bits: it.bits}
	n, err := v.Int()
	if err != nil {
		return w.unreadable(err, "failed to read %s integer at %llx", it.name, uint64(v.Addr))
	}
	flags := base.IsFlags()
	e, _ := v.encoding()
	switch {
	case w.pr.O.Hex || flags:
		w.pr.P.Printf("%#llx", uint64(n)&mask(e.Bits))
	case e.Signed:
		w.pr.P.Printf("%#lld", n)
	default:
		w.pr.P.Printf("%#llu", uint64(n))
	}
	name, ok := "", false
	if flags {
		name, ok = base.FlagNames(n, false)
	}
	if !ok {
		if name, ok = base.EnumName(n); !ok {
			name = "???"
		}
	}
	w.pr.P.IncIndent(8)
	w.text(" (" + name + ")")
	w.pr.P.DecIndent(8)
	return nil
}
