package golang

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// shown is a value as it will be printed: a text, or a text and what is in
// brackets behind it. The same makes text and JSON.
type shown struct {
	text  string // "7", "\"leo\"", "[]int (len 2, cap 4)"
	open  byte   // '{' or '[', 0 without anything in brackets
	items []item
	cut   bool // there are more items
	data  any  // of a value without items, for JSON
	err   error
}

// item is one member, element or entry.
type item struct {
	name string // of a member; "" of an element
	key  *shown // of an entry
	val  *shown
}

// renderer makes shown values.
type renderer struct {
	r        *goRuntime
	depth    int    // of nesting to show
	elements uint64 // of a slice, array, map or channel to show
	bytes    uint64 // of a string to show
	follow   int    // pointers to follow one behind the other
	budget   int    // values left to look at
	busy     map[place]bool
}

// place is a value that is being shown: one that is met again inside of itself is
// not shown again.
type place struct {
	addr uint64
	t    *goType
}

// maxShown bounds the values that one command shows, against types that multiply
// with each level.
const maxShown = 1 << 20

var errTooMuch = errors.New("too much to show")

func failed(err error) *shown { return &shown{text: "??? (" + err.Error() + ")", err: err} }

// value shows a value of a type at an address.
func (p *renderer) value(t *goType, addr uint64, depth int) *shown {
	if p.budget--; p.budget < 0 {
		return failed(errTooMuch)
	}
	if t == nil {
		return failed(errNoDWARF)
	}
	t.open()
	switch k := t.kind; {
	case k == kindBool || k.signed() || k.unsigned():
		return p.integer(t, addr)
	case k == kindFloat32 || k == kindFloat64 || k == kindComplex64 || k == kindComplex128:
		return p.float(t, addr)
	case k == kindString:
		return p.str(addr)
	case k == kindPointer, k == kindUnsafePointer, k == kindMap, k == kindChan, k == kindFunc:
		v, err := p.r.pointer(addr)
		if err != nil {
			return failed(err)
		}
		return p.reference(t, v, depth)
	case k == kindSlice:
		return p.slice(t, addr, depth)
	case k == kindInterface:
		return p.iface(t, addr, depth)
	case k == kindArray:
		s := &shown{text: t.name, open: '['}
		p.elems(s, t.elem, addr, t.n, depth)
		return s
	case k == kindStruct:
		return p.structure(t, addr, depth)
	}
	if t.bad != nil {
		return failed(t.bad)
	}
	return failed(fmt.Errorf("type %s has no kind", t.name))
}

func (p *renderer) integer(t *goType, addr uint64) *shown {
	if t.size == 0 || t.size > 8 {
		return failed(fmt.Errorf("integer type %s has %d bytes", t.name, t.size))
	}
	u, err := p.r.uintAt(addr, int(t.size))
	if err != nil {
		return failed(err)
	}
	switch {
	case t.kind == kindBool && u <= 1:
		return &shown{text: strconv.FormatBool(u == 1), data: u == 1}
	case t.kind == kindUintptr:
		return &shown{text: fmt.Sprintf("%#x", u), data: out.Hex(u)}
	case t.kind.signed():
		shift := 64 - 8*t.size
		n := int64(u<<shift) >> shift
		return &shown{text: strconv.FormatInt(n, 10), data: n}
	}
	return &shown{text: strconv.FormatUint(u, 10), data: u}
}

func (p *renderer) float(t *goType, addr uint64) *shown {
	n, size := uint64(1), t.size
	if t.kind == kindComplex64 || t.kind == kindComplex128 {
		n, size = 2, t.size/2
	}
	var part [2]float64
	for i := range n {
		u, err := p.r.uintAt(addr+i*size, int(size))
		switch {
		case err != nil:
			return failed(err)
		case size == 4:
			part[i] = float64(math.Float32frombits(uint32(u)))
		default:
			part[i] = math.Float64frombits(u)
		}
	}
	bits := int(size) * 8
	text := strconv.FormatFloat(part[0], 'g', -1, bits)
	if n == 1 {
		return &shown{text: text, data: part[0]}
	}
	imag := strconv.FormatFloat(part[1], 'g', -1, bits)
	if imag[0] != '-' && imag[0] != '+' {
		imag = "+" + imag
	}
	text = "(" + text + imag + "i)"
	return &shown{text: text, data: text}
}

func (p *renderer) str(addr uint64) *shown {
	size := uint64(p.r.s.Arch().PtrSize)
	data, err := p.r.pointer(addr)
	if err != nil {
		return failed(err)
	}
	n, err := p.r.pointer(addr + size)
	if err != nil {
		return failed(err)
	}
	s, whole, err := p.r.text(data, n, p.bytes)
	if err != nil {
		return failed(err)
	}
	if !whole {
		return &shown{text: fmt.Sprintf("%q... (len %d)", s, n), data: s, cut: true}
	}
	return &shown{text: strconv.Quote(s), data: s}
}

// reference shows what a pointer-like value v is: maps and channels with what
// they hold, functions by name, pointers as addresses, followed if asked for.
func (p *renderer) reference(t *goType, v uint64, depth int) *shown {
	if v == 0 {
		return &shown{text: "nil"}
	}
	hex := fmt.Sprintf("%#x", v)
	at := place{v, t}
	switch {
	case t.kind == kindUnsafePointer || p.busy[at]:
		return &shown{text: hex, data: out.Hex(v)}
	case t.kind == kindFunc:
		return p.function(v)
	}
	if p.busy == nil {
		p.busy = map[place]bool{}
	}
	p.busy[at] = true
	defer delete(p.busy, at)
	switch t.kind {
	case kindMap:
		return p.mapping(t, v, depth)
	case kindChan:
		return p.channel(t, v, depth)
	}
	if p.follow == 0 || t.elem == nil {
		return &shown{text: hex, data: out.Hex(v)}
	}
	p.follow--
	s := p.value(t.elem, v, depth)
	p.follow++
	s.text = "&" + s.text
	return s
}

// function names what a func value leads to: the first word of a closure is the
// code.
func (p *renderer) function(v uint64) *shown {
	pc, err := p.r.pointer(v)
	if err != nil {
		return &shown{text: fmt.Sprintf("func at %#x (%v)", v, err), data: out.Hex(v), err: err}
	}
	name := p.r.function(pc)
	return &shown{text: fmt.Sprintf("%#x (%s)", v, name), data: name}
}

func (p *renderer) slice(t *goType, addr uint64, depth int) *shown {
	size := uint64(p.r.s.Arch().PtrSize)
	var w [3]uint64
	for i := range w {
		var err error
		if w[i], err = p.r.pointer(addr + uint64(i)*size); err != nil {
			return failed(err)
		}
	}
	h := sliceHeader{w[0], int64(w[1]), int64(w[2])}
	if h.Array == 0 && h.Len == 0 && h.Cap == 0 {
		return &shown{text: "nil"}
	}
	s := &shown{text: fmt.Sprintf("%s (len %d, cap %d)", t.name, h.Len, h.Cap), open: '['}
	if err := h.check(math.MaxInt64); err != nil {
		return failed(err)
	}
	p.elems(s, t.elem, h.Array, w[1], depth)
	return s
}

// elems adds the elements of an array.
func (p *renderer) elems(s *shown, t *goType, addr, n uint64, depth int) {
	if t == nil {
		s.err = errNoDWARF
		return
	}
	if depth <= 0 {
		s.cut = n > 0
		return
	}
	for i := range min(n, p.elements) {
		v := p.value(t, addr+i*t.size, depth-1)
		s.items = append(s.items, item{val: v})
		if v.err != nil && isFault(v.err) {
			break // the rest lies in the same hole
		}
	}
	s.cut = uint64(len(s.items)) < n
}

// isFault tells memory that could not be read.
func isFault(err error) bool {
	var fault *mem.Error
	return errors.As(err, &fault)
}

func (p *renderer) structure(t *goType, addr uint64, depth int) *shown {
	s := &shown{text: t.name, open: '{'}
	if t.bad != nil {
		return failed(t.bad)
	}
	if depth <= 0 {
		s.cut = len(t.fields) > 0
		return s
	}
	for _, f := range t.fields {
		s.items = append(s.items, item{name: f.name, val: p.value(f.typ, addr+f.off, depth-1)})
	}
	return s
}

// iface shows the type that an interface holds and the value.
func (p *renderer) iface(t *goType, addr uint64, depth int) *shown {
	size := uint64(p.r.s.Arch().PtrSize)
	word, err := p.r.pointer(addr)
	if err != nil {
		return failed(err)
	}
	data, err := p.r.pointer(addr + size)
	if err != nil {
		return failed(err)
	}
	if word == 0 {
		return &shown{text: "nil"}
	}
	if t.methods {
		if _, word, err = p.r.itab(word); err != nil {
			return failed(err)
		}
	}
	dyn, err := p.r.types.fromRuntime(word)
	if err != nil {
		return failed(err)
	}
	var v *shown
	switch {
	case !dyn.open().direct:
		v = p.value(dyn, data, depth)
	case dyn.kind == kindPointer || dyn.kind == kindMap || dyn.kind == kindChan || dyn.kind == kindFunc || dyn.kind == kindUnsafePointer:
		v = p.reference(dyn, data, depth)
	default: // a structure or array of one pointer lies in the word itself
		v = p.value(dyn, addr+size, depth)
	}
	followed := dyn.kind == kindPointer && v.open != 0 // "&main.cat { ... }" says what it is
	if !followed && v.text != dyn.name && (v.open == 0 || len(v.text) < len(dyn.name) || v.text[:len(dyn.name)] != dyn.name) {
		v.text = dyn.name + "(" + v.text + ")"
	}
	if v.open == 0 && v.err == nil {
		v.data = out.Object{{Name: "type", Value: dyn.name}, {Name: "value", Value: v.data}}
	}
	return v
}

func (p *renderer) mapping(t *goType, addr uint64, depth int) *shown {
	n, err := p.r.mapLen(t, addr)
	if err != nil {
		return failed(err)
	}
	s := &shown{text: fmt.Sprintf("%s (len %d)", t.name, n), open: '{'}
	if depth <= 0 {
		s.cut = n > 0
		return s
	}
	for e, err := range p.r.entries(t, addr) {
		if err != nil {
			s.items = append(s.items, item{val: failed(err)})
			s.err = err
			return s
		}
		if uint64(len(s.items)) >= p.elements {
			s.cut = true
			break
		}
		s.items = append(s.items, item{key: p.value(t.key, e.key, depth-1), val: p.value(t.elem, e.value, depth-1)})
	}
	if got := uint64(len(s.items)); !s.cut && got != n {
		err := fmt.Errorf("map at %#x says it has %d entries, %d are in it", addr, n, got)
		s.items, s.err = append(s.items, item{val: failed(err)}), err
	}
	return s
}

// maxShownWaiters is how many goroutines that wait on a channel are named.
const maxShownWaiters = 32

func (p *renderer) channel(t *goType, addr uint64, depth int) *shown {
	c, err := p.r.channelAt(addr)
	if err != nil {
		return failed(err)
	}
	s := &shown{text: fmt.Sprintf("%s (%d of %d)", t.name, c.Count, c.Cap), open: '{'}
	if c.Closed != 0 {
		s.text = fmt.Sprintf("%s (%d of %d, closed)", t.name, c.Count, c.Cap)
	}
	if depth <= 0 {
		s.cut = true
		return s
	}
	elem := t.elem
	if elem == nil && c.Count > 0 {
		if elem, err = p.r.types.fromRuntime(c.ElemType); err != nil {
			s.items = append(s.items, item{val: failed(err)})
			return s
		}
	}
	if elem != nil && c.Count > 0 {
		buf := &shown{open: '['}
		for i := range min(c.Count, p.elements) {
			buf.items = append(buf.items, item{val: p.value(elem, c.element(i), depth-1)})
		}
		buf.cut = uint64(len(buf.items)) < c.Count
		s.items = append(s.items, item{name: "queue", val: buf})
	}
	for _, q := range []struct {
		name  string
		first uint64
	}{{"receivers", c.Recv}, {"senders", c.Send}} {
		if q.first != 0 {
			s.items = append(s.items, item{name: q.name, val: p.waiters(q.first)})
		}
	}
	return s
}

// waiters shows a queue of a channel as the numbers of the goroutines.
func (p *renderer) waiters(first uint64) *shown {
	list, n, err := p.r.waiters(first, maxShownWaiters)
	s := &shown{open: '[', cut: n > len(list)}
	for _, w := range list {
		text := "goroutine " + strconv.FormatUint(w.id, 10)
		if w.Select {
			text += " (select)"
		}
		s.items = append(s.items, item{val: &shown{text: text, data: w.id}})
	}
	if err != nil {
		s.items, s.err = append(s.items, item{val: failed(err)}), err
	}
	return s
}
