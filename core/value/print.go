package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// NoLimit as a limit means none.
const NoLimit = ^uint64(0)

// Options are those of ::print.
type Options struct {
	Addr     bool // -a: addresses
	Type     bool // -t: type names
	BaseType bool // -T: and what they resolve to
	Holes    bool // -h: holes between members
	Hex, Dec bool // -x, -d
	Plain    bool // -n: pointers as numbers
	Pretty   bool // -P: containers of C++, Rust and Go as what they hold
	Layout   bool // names only: there is no address to read values from

	Depth    uint64 // -s: deepest level of aggregates that is opened
	ArrayMem uint64 // -l: elements shown of an array
	ArrayStr uint64 // -c: length up to which a char array is shown as a string
}

// DefaultOptions are MDB's.
func DefaultOptions() Options { return Options{Depth: NoLimit, ArrayMem: 32, ArrayStr: 1024} }

// Printer prints values in the layout of ::print.
type Printer struct {
	P *out.Printer
	O Options
	// Warn says why something was left out; err is the reason, nil if the text
	// is complete.
	Warn func(err error, format string, args ...any)
	// Stop, if set, is asked now and then; an error ends the printing.
	Stop func() error
	// Failed is the reason of the last read that failed, nil if none did.
	Failed error

	count int // of elements printed
}

// stopped asks now and then whether to go on.
func (pr *Printer) stopped() error {
	if pr.count++; pr.count%1024 != 0 || pr.Stop == nil {
		return nil
	}
	return pr.Stop()
}

// Label is what stands before a value: the member path by which it was asked for.
type Label struct {
	Set    bool
	Prefix string // printed before the value's own members, too
	Suffix string // between the two: "." or "->"
}

// Print prints a value. What cannot be read is reported to Warn and left out; an
// error means a type that cannot be printed at all.
func (pr *Printer) Print(v Value, l Label) error {
	w := &walk{pr: pr, w: v.W, sp: v.space(), realSp: v.W.At(nil, 0).space(), base: uint64(v.Addr), delim: "\n",
		label: l, skip: math.MaxInt, depthMax: pr.O.Depth, holes: new([]hole),
		showType: pr.O.Type || pr.O.BaseType, showName: true, showAddr: pr.O.Addr}
	if err := w.visit(item{typ: v.Type, bits: v.Bits}, uint64(v.Off), 0); err != nil && err != errStop {
		return err
	}
	for d := w.depth - 1; d >= 0; d-- {
		w.close(d)
	}
	return nil
}

// errStop ends the walk of a value after a failed read, which was reported.
var errStop = fmt.Errorf("stop")

const maxDepth = 128 // nested aggregates; type data is not trusted to be finite

// walk is the state of printing one value or one array within it.
type walk struct {
	pr       *Printer
	w        *World
	sp       mem.Space // of the value
	realSp   mem.Space // of what its pointers point to
	base     uint64    // address offsets count from
	delim    string    // after an element
	label    Label
	depth    int    // of the element printed last
	nest     int    // depth at which this walk's depth 0 lies
	skip     int    // elements deeper than this are part of one already shown
	depthMax uint64 // deepest level shown
	holes    *[]hole

	showType, showName, showAddr bool

	buf [16]byte
}

// item is one element to print: a member, an array element, the whole.
type item struct {
	name string
	typ  *ctype.Type
	bits uint32
}

// visit prints an element and what it consists of.
func (w *walk) visit(it item, off uint64, depth int) error {
	if depth+w.nest > maxDepth {
		return fmt.Errorf("type %s is nested too deeply", it.typ)
	}
	if err := w.pr.stopped(); err != nil {
		return err
	}
	base := w.w.Resolve(it.typ)
	if err := w.element(it, base, off, depth); err != nil {
		return err
	}
	if !base.Kind().IsStruct() || uint64(depth) >= w.depthMax || depth >= w.skip {
		return nil
	}
	for _, m := range base.Members() {
		sub := item{m.Name, m.Type, m.Bits}
		if m.Base {
			if isEmpty(w.w.Resolve(m.Type)) {
				continue // a base class without data
			}
			sub.name = "<" + m.Type.Name() + ">"
		}
		if err := w.visit(sub, off+m.Off, depth+1); err != nil {
			return err
		}
	}
	if v := base.Body().Variants; v != nil {
		return w.variant(v, off, depth)
	}
	return nil
}

// isEmpty tells a structure that has nothing to show.
func isEmpty(t *ctype.Type) bool {
	budget := maxDepth
	return empty(t, &budget)
}

func empty(t *ctype.Type, budget *int) bool {
	b := t.Body()
	if *budget--; !t.Kind().IsStruct() || b.Variants != nil || *budget < 0 {
		return false
	}
	for i := range b.Members {
		if m := &b.Members[i]; !m.Base || !empty(m.Type.Resolve(), budget) {
			return false
		}
	}
	return true
}

// variant prints the alternative of a tagged union that its tag selects; without
// values all of them.
func (w *walk) variant(v *ctype.Variants, off uint64, depth int) error {
	if w.pr.O.Layout {
		for i := range v.Alts {
			m := &v.Alts[i].Member
			if err := w.visit(item{m.Name, m.Type, m.Bits}, off+m.Off, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	tag := uint64(0)
	if t := v.Tag; t != nil {
		at := off + t.Off
		tv := Value{W: w.w, Space: w.sp, Type: t.Type, Bits: t.Bits, Addr: mem.Addr(w.base + at/8), Off: uint32(at % 8)}
		var err error
		if tag, err = tv.Uint(); err != nil {
			return w.unreadable(err, "failed to read discriminant at %llx", uint64(tv.Addr))
		}
	}
	alt, ok := v.Active(tag)
	if !ok { // no alternative has this value
		return w.visit(item{"<variant>", v.Tag.Type, v.Tag.Bits}, off+v.Tag.Off, depth+1)
	}
	m := &alt.Member
	return w.visit(item{m.Name, m.Type, m.Bits}, off+m.Off, depth+1)
}

// unreadable discards the line under way and says why. What is nowhere is said in
// place of the value.
func (w *walk) unreadable(err error, format string, args ...any) error {
	if a, ok := IsAbsent(err); ok {
		w.text(a.String())
		return nil
	}
	w.pr.Failed = err
	w.pr.P.DiscardLine()
	if format != "" {
		w.pr.Warn(err, format, args...)
	}
	return errStop
}

func (w *walk) text(s string) { w.pr.P.WriteString(s) }

func (w *walk) blanks(levels int) {
	const level = "    "
	for range levels {
		w.text(level)
	}
}

// element prints one element: what stands before the value, and the value.
func (w *walk) element(it item, base *ctype.Type, off uint64, depth int) error {
	for d := w.depth - 1; d >= depth; d-- {
		if d < w.skip {
			w.close(d)
		}
	}
	if depth <= w.skip {
		w.skip = math.MaxInt
	}
	if uint64(depth) > w.depthMax || depth > w.skip {
		return nil
	}
	kind := base.Kind()
	if w.pr.O.Holes {
		if err := w.beforeElement(base, it.bits, off, depth); err != nil {
			return err
		}
	}
	w.head(it, base, off, depth)
	if depth == 0 && w.label.Set {
		it.name = w.label.Prefix
	}
	w.depth = depth
	if kind == ctype.Unknown {
		err := base.Err()
		if err == nil {
			err = ctype.ErrIncomplete
		}
		return fmt.Errorf("type %s: %w", it.typ, err)
	}
	if err := w.value(it, base, off); err != nil {
		return err
	}
	w.text(w.delim)
	return nil
}

// head prints the indentation, address, type and name of an element.
func (w *walk) head(it item, base *ctype.Type, off uint64, depth int) {
	if w.showType || w.showName || w.showAddr {
		w.blanks(depth + w.nest)
	}
	if w.showAddr {
		w.addr(off)
	}
	if w.showType {
		t := w.typeName(it, base)
		w.text(t)
		if !strings.HasSuffix(t, "*") && !strings.HasSuffix(t, "&") || depth == 0 && (!w.showName || !w.label.Set) {
			w.text(" ")
		}
	}
	if w.showName {
		w.name(it.name, depth)
	}
	if w.showType && base.Kind() == ctype.Integer {
		w.bitWidth(it, base, off)
	}
	if depth != 0 || w.showName && w.label.Set {
		if w.pr.O.Layout {
			w.text(" ")
		} else {
			w.text(" = ")
		}
	}
}

// addr prints an element's address, of a bit-field with the bit in its byte.
func (w *walk) addr(off uint64) {
	b := strconv.AppendUint(w.buf[:0], w.base+off/8, 16)
	w.pr.P.Write(b)
	if off%8 != 0 {
		w.text(".")
		w.pr.P.Write(strconv.AppendUint(w.buf[:0], off%8, 16))
	}
	w.text(" ")
}

func (w *walk) name(name string, depth int) {
	labelled := w.label.Set && depth <= 1
	if labelled {
		w.text(w.label.Prefix)
		if depth != 0 {
			w.text(w.label.Suffix)
		}
	}
	if name == "" && depth != 0 && !labelled {
		name = "<anon>"
	}
	w.text(name)
}

// typeName is the name shown for an element's type. A bit-field of a plain type
// gets the name CTF has for it: "unsigned int:3".
func (w *walk) typeName(it item, base *ctype.Type) string {
	name := it.typ.String()
	if it.bits != 0 && base.Kind() == ctype.Integer && base.Enc().Bits != it.bits {
		name = ctype.CanonicalBase(base.Name()) + ":" + strconv.Itoa(int(it.bits))
	}
	if w.pr.O.BaseType {
		switch b := base.String(); b {
		case name, "struct ", "union ", "enum ":
		default:
			name += " <<" + b + ">>"
		}
	}
	return name
}

// bitWidth prints " :3" for an integer that is not all of its type.
func (w *walk) bitWidth(it item, base *ctype.Type, off uint64) {
	e, _ := intEncoding(base, it.bits)
	n := uint64(e.Bits / 8)
	if e.Bits%8 != 0 || off%8 != 0 || n > 8 && n != base.Size() || n != base.Size() {
		w.text(" :")
		w.text(strconv.Itoa(int(e.Bits)))
	}
}

// close prints the closing brace of the structure at a depth.
func (w *walk) close(depth int) {
	d := depth + w.nest
	if w.pr.O.Holes {
		w.beforeClose(d, depth)
	}
	w.blanks(d)
	if depth == 0 && w.nest > 0 {
		w.text("},\n")
	} else {
		w.text("}\n")
	}
}
