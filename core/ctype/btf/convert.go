package btf

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
)

// maxTags bounds chains of type tags, which stand for the type they tag, and of
// typedefs that lead to a bit-field's integer.
const maxTags = 64

// typ gives the model's type for an id; nil for void, and for an id that does not
// exist a type that says so.
func (f *File) typ(id uint32) *ctype.Type {
	for range maxTags {
		r, ok := f.find(id)
		if !ok || r.kind != kindTypeTag {
			break
		}
		id = r.arg
	}
	if id == 0 {
		return nil
	}
	if id < f.x.first {
		return f.split.standFor(id)
	}
	f.mu.Lock()
	t := f.made[id]
	f.mu.Unlock()
	if t != nil {
		return t
	}
	t = f.make(id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.made[id]; old != nil {
		return old
	}
	f.made[id] = t
	return t
}

// find gives the record of an id, wherever it is.
func (f *File) find(id uint32) (record, bool) {
	for ; f != nil; f = f.split {
		if id >= f.x.first {
			return f.x.record(id)
		}
	}
	return record{}, false
}

// standFor is typ for one that another File refers to: a type of a distilled base
// stands for one of the kernel.
func (f *File) standFor(id uint32) *ctype.Type {
	if base := f.own.opts.Base; f.own != f && base != nil {
		if r, ok := f.x.record(id); ok && r.name != "" {
			for _, real := range base.named(r.name) {
				if to, _ := base.x.record(real); standsIn(&r, &to) {
					return base.typ(real)
				}
			}
		}
	}
	return f.typ(id)
}

// standsIn tells whether r may stand for to: a structure of which only the size
// matters, or of which nothing does (a forward declaration), an enum likewise.
func standsIn(r, to *record) bool {
	switch r.kind {
	case kindStruct, kindUnion:
		return to.kind == r.kind && (r.arg == 0 || r.arg == to.arg)
	case kindEnum, kindEnum64:
		return (to.kind == kindEnum || to.kind == kindEnum64) && (r.arg == 0 || r.arg == to.arg)
	case kindFwd:
		return to.kind == kindStruct && !r.flag || to.kind == kindUnion && r.flag
	case kindInt:
		return to.kind == kindInt && r.arg == to.arg && intOf(r) == intOf(to)
	case kindFloat:
		return to.kind == kindFloat && r.arg == to.arg
	}
	return false
}

// make makes the type with an id of this blob.
func (f *File) make(id uint32) *ctype.Type {
	r, ok := f.x.record(id)
	if !ok {
		return f.broken(id, "", fmt.Errorf("BTF has no type %d", id))
	}
	lazy := func(k ctype.Kind, name string, fill func(*ctype.Body)) *ctype.Type {
		return ctype.NewLazy(f.own, uint64(id), k, name, func() (*ctype.Body, error) {
			body := &ctype.Body{}
			fill(body)
			return body, nil
		})
	}
	alias := func(k ctype.Kind, name string) *ctype.Type {
		return lazy(k, name, func(x *ctype.Body) { x.Elem = f.typ(r.arg) })
	}
	switch r.kind {
	case kindInt:
		return f.integer(&r, id)
	case kindFloat:
		return f.float(r.name, r.arg, id)
	case kindPtr:
		return lazy(ctype.Pointer, "", func(x *ctype.Body) {
			x.Size, x.Elem = uint64(f.opts.PointerSize), f.typ(r.arg)
		})
	case kindArray: // struct btf_array: type, index_type, nelems
		return lazy(ctype.Array, "", func(x *ctype.Body) {
			x.Count, x.Flexible = uint64(r.u32(2)), r.u32(2) == 0
			x.Elem, x.Index = f.typ(r.u32(0)), f.typ(r.u32(1))
		})
	case kindStruct:
		return lazy(ctype.Struct, r.name, func(x *ctype.Body) { f.members(x, &r) })
	case kindUnion:
		return lazy(ctype.Union, r.name, func(x *ctype.Body) { f.members(x, &r) })
	case kindEnum, kindEnum64:
		return lazy(ctype.Enum, r.name, func(x *ctype.Body) { f.enumerators(x, &r) })
	case kindFwd:
		return ctype.New(f.own, uint64(id), ctype.Forward, r.name, &ctype.Body{Forward: forwardKind(&r)})
	case kindTypedef, kindFunc:
		return alias(ctype.Typedef, r.name)
	case kindVolatile:
		return alias(ctype.Volatile, "")
	case kindConst:
		return alias(ctype.Const, "")
	case kindRestrict:
		return alias(ctype.Restrict, "")
	case kindFuncProto:
		return lazy(ctype.Function, "", func(x *ctype.Body) { f.function(x, &r) })
	}
	return f.broken(id, r.name, fmt.Errorf("BTF type %d is no C type (kind %d)", id, r.kind))
}

// broken is a type that cannot be decoded.
func (f *File) broken(id uint32, name string, err error) *ctype.Type {
	return ctype.NewLazy(f.own, uint64(id), ctype.Unknown, name, func() (*ctype.Body, error) { return nil, err })
}

// intData is what follows an integer: its encoding, where its bits are.
type intData struct {
	signed, char, boolean bool
	off, bits             uint32
}

func intOf(r *record) intData {
	v := r.u32(0)
	return intData{v>>24&1 != 0, v>>24&2 != 0, v>>24&4 != 0, v >> 16 & 0xff, v & 0xff}
}

func (f *File) integer(r *record, id uint32) *ctype.Type {
	if isFloat(r.name) {
		return f.float(r.name, r.arg, id)
	}
	d := intOf(r)
	e := ctype.Encoding{Bits: 8 * r.arg, Signed: d.signed, Bool: d.boolean}
	name := ctype.CanonicalBase(r.name)
	switch name {
	case "char", "signed char", "unsigned char":
		// Compilers mark only some of them as characters.
		e.Char = true
	}
	if d.char {
		e.Char, e.Signed = true, true
	}
	return ctype.New(f.own, uint64(id), ctype.Integer, name, &ctype.Body{Size: uint64(r.arg), Enc: e})
}

// isFloat tells the name of a floating point type: before BTF had a kind for
// them, and by default still, pahole writes them as integers.
func isFloat(name string) bool {
	switch strings.TrimPrefix(name, "complex ") {
	case "float", "double", "long double", "_Float128", "__float128":
		return true
	}
	return false
}

func (f *File) float(name string, size, id uint32) *ctype.Type {
	e := ctype.Encoding{Bits: 8 * size, Signed: true}
	switch {
	case strings.Contains(name, "complex"):
		e.Float = ctype.Complex
	case size == 4:
		e.Float = ctype.Single
	case size == 8:
		e.Float = ctype.Double
	case size >= 10 && !strings.Contains(name, "loat128"):
		e.Float = ctype.LongDouble
	}
	return ctype.New(f.own, uint64(id), ctype.Float, name, &ctype.Body{Size: uint64(size), Enc: e})
}

// members converts struct btf_member: name, type, offset. With the kind's flag the
// offset has a bit-field's width in its upper 8 bits; without, as before 4.20, a
// bit-field's type is an integer of its width.
func (f *File) members(x *ctype.Body, r *record) {
	x.Size = uint64(r.arg)
	x.Members = make([]ctype.Member, 0, r.n)
	for i := range r.n {
		m := ctype.Member{Name: r.text(3 * i), Type: f.typ(r.u32(3*i + 1)), Off: uint64(r.u32(3*i + 2))}
		if r.flag {
			m.Bits, m.Off = uint32(m.Off>>24), m.Off&0xffffff
		} else if d, size, ok := f.oddInt(r.u32(3*i + 1)); ok && (d.off != 0 || d.bits != 8*size) {
			m.Off += uint64(d.off)
			m.Bits = d.bits
		}
		x.Members = append(x.Members, m)
	}
}

// oddInt gives the integer that a type is another name of.
func (f *File) oddInt(id uint32) (d intData, size uint32, ok bool) {
	for range maxTags {
		r, ok := f.find(id)
		if !ok {
			return d, 0, false
		}
		switch r.kind {
		case kindInt:
			return intOf(&r), r.arg, true
		case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			id = r.arg
		default:
			return d, 0, false
		}
	}
	return d, 0, false
}

// enumerators converts the values of an enum. Until Linux 6.0 all were signed
// and not marked so; a blob in which no enum is marked is taken for an old one.
func (f *File) enumerators(x *ctype.Body, r *record) {
	x.Size, x.Unsigned = uint64(r.arg), !r.flag
	for i := range r.n {
		var name string
		var n int64
		if r.kind == kindEnum64 { // struct btf_enum64: name, low, high
			name, n = r.text(3*i), int64(r.u32(3*i+1))|int64(r.u32(3*i+2))<<32
		} else {
			name, n = r.text(2*i), int64(r.u32(2*i+1))
		}
		if r.arg <= 4 && (r.flag || !f.signs) {
			n = int64(int32(n))
		}
		if n < 0 && r.arg <= 4 {
			x.Unsigned = false
		}
		x.Enums = append(x.Enums, ctype.Enumerator{Name: name, Value: n})
	}
}

// function converts struct btf_param: name, type. The last, without either, is "...".
func (f *File) function(x *ctype.Body, r *record) {
	x.Elem = f.typ(r.arg)
	for i := range r.n {
		name, t := r.text(2*i), f.typ(r.u32(2*i+1))
		if t == nil && name == "" && i == r.n-1 {
			x.Variadic = true
			break
		}
		x.Params = append(x.Params, ctype.Param{Name: name, Type: t})
	}
}
