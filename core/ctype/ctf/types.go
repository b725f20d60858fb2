package ctf

import (
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
)

// The kinds of the format, by their numbers.
var kinds = [...]ctype.Kind{
	ctype.Unknown, ctype.Integer, ctype.Float, ctype.Pointer, ctype.Array, ctype.Function,
	ctype.Struct, ctype.Union, ctype.Enum, ctype.Forward,
	ctype.Typedef, ctype.Volatile, ctype.Const, ctype.Restrict,
}

// record is the fixed part of a type.
type record struct {
	name uint32
	kind ctype.Kind
	root bool
	vlen int
	size uint64 // or
	ref  uint32 // a type id
	data []byte // what follows

	slice bool // part of an integer or enum, only in GNU's form: a typedef of it
}

// word reads a value of the width of a type id.
func (f *File) word(b []byte) uint32 {
	if f.lay.idSize == 2 {
		return uint32(f.order.Uint16(b))
	}
	return f.order.Uint32(b)
}

// record reads the record at an offset; n is its length.
func (f *File) record(off uint32) (r record, n int, err error) {
	b := f.types[off:]
	w, head := f.lay.idSize, f.lay.typeSize
	if len(b) < head {
		return r, 0, ErrCorrupt
	}
	info := f.word(b[4:])
	r.name, r.ref = f.order.Uint32(b), f.word(b[4+w:])
	r.size = uint64(r.ref)
	k := info >> f.lay.kindShift
	if r.slice = f.lay.gnu && k == gnuSlice; r.slice {
		k = typedefKind
	}
	if k >= uint32(len(kinds)) {
		return r, 0, fmt.Errorf("type of kind %d: %w", k, ErrCorrupt)
	}
	r.kind, r.root, r.vlen = kinds[k], info&f.lay.rootBit != 0, int(info&f.lay.vlenMask)
	if r.ref == f.lay.sentinel && hasSize(r.kind) {
		if len(b) < head+8 {
			return r, 0, ErrCorrupt
		}
		r.size = uint64(f.order.Uint32(b[head:]))<<32 | uint64(f.order.Uint32(b[head+4:]))
		head += 8
	}
	r.data = b[head:]
	v := f.variable(&r)
	if v > len(r.data) {
		return r, 0, ErrCorrupt
	}
	r.data = r.data[:v]
	return r, head + v, nil
}

func hasSize(k ctype.Kind) bool {
	switch k {
	case ctype.Integer, ctype.Float, ctype.Array, ctype.Struct, ctype.Union, ctype.Enum, ctype.Unknown:
		return true
	}
	return false
}

// variable is the length of what follows the fixed part.
func (f *File) variable(r *record) int {
	w := f.lay.idSize
	if r.slice {
		return 8
	}
	switch r.kind {
	case ctype.Integer, ctype.Float:
		return 4
	case ctype.Array:
		return 2*w + 4
	case ctype.Function:
		if f.lay.gnu {
			return (r.vlen + r.vlen&1) * w
		}
		return (r.vlen*w + 3) &^ 3
	case ctype.Struct, ctype.Union:
		return r.vlen * f.memberSize(r)
	case ctype.Enum:
		return r.vlen * 8
	}
	return 0
}

func (f *File) memberSize(r *record) int {
	big := r.size >= f.lay.bigStruct
	switch {
	case f.lay.idSize == 2 && !big:
		return 8
	case f.lay.idSize == 4 && !big:
		return 12
	}
	return 16
}

// index finds where each type is.
func (f *File) index() error {
	for off := uint32(0); int(off) < len(f.types); {
		_, n, err := f.record(off)
		if err != nil {
			return fmt.Errorf("read type %d: %w", len(f.offs)+1, err)
		}
		f.offs = append(f.offs, off)
		off += uint32(n)
	}
	if uint32(len(f.offs)) >= f.lay.childBit {
		return fmt.Errorf("%d types: %w", len(f.offs), ErrCorrupt)
	}
	f.nodes = make([]*ctype.Type, len(f.offs))
	return nil
}

// Len is the number of types in the container, its parent's not counted.
func (f *File) Len() int { return len(f.offs) }

// id makes a type id of an index from 1.
func (f *File) id(index int) uint32 {
	if f.child {
		return uint32(index) | f.lay.childBit
	}
	return uint32(index)
}

// locate finds the container and place of a type id.
func (f *File) locate(id uint32) (*File, int, error) {
	in := f
	if id&f.lay.childBit == 0 && f.child {
		if in = f.parent; in == nil {
			return nil, 0, ErrNoParent
		}
	}
	i := int(id &^ f.lay.childBit)
	if i == 0 || i > len(in.offs) || id&f.lay.childBit != 0 && !in.child {
		return nil, 0, ErrBadID
	}
	return in, i - 1, nil
}

// Type gives the type of an id; nil, which is void, for id 0.
func (f *File) Type(id uint32) *ctype.Type {
	if id == 0 {
		return nil
	}
	in, i, err := f.locate(id)
	if err != nil {
		return ctype.NewLazy(f, uint64(id), ctype.Unknown, "", func() (*ctype.Body, error) {
			return nil, fmt.Errorf("type %d of %s: %w", id, f.label, err)
		})
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.nodes[i] == nil {
		r, _, _ := in.record(in.offs[i])
		in.nodes[i] = ctype.NewLazy(in, uint64(id), r.kind, in.str(r.name), func() (*ctype.Body, error) {
			return in.body(i)
		})
	}
	return in.nodes[i]
}

// Root tells whether a type of this container is visible by name and listed.
func (f *File) Root(id uint32) bool {
	in, i, err := f.locate(id)
	if err != nil {
		return false
	}
	r, _, err := in.record(in.offs[i])
	return err == nil && r.root
}

func (f *File) body(i int) (*ctype.Body, error) {
	r, _, err := f.record(f.offs[i])
	if err != nil {
		return nil, err
	}
	w := f.lay.idSize
	b := &ctype.Body{}
	switch r.kind {
	case ctype.Integer:
		b.Size, b.Enc = r.size, intEncoding(f.order.Uint32(r.data))
	case ctype.Float:
		b.Size, b.Enc = r.size, floatEncoding(f.order.Uint32(r.data))
	case ctype.Array:
		b.Size = r.size
		b.Elem, b.Index = f.Type(f.word(r.data)), f.Type(f.word(r.data[w:]))
		b.Count = uint64(f.order.Uint32(r.data[2*w:]))
		b.Flexible = b.Count == 0
	case ctype.Function:
		f.function(b, r.ref, r.data, r.vlen)
	case ctype.Struct, ctype.Union:
		b.Size, b.Members = r.size, f.members(&r)
	case ctype.Enum:
		b.Size, b.Enums = r.size, f.enums(&r)
	case ctype.Forward:
		b.Forward = ctype.Struct
		if r.ref == 7 || r.ref == 8 {
			b.Forward = kinds[r.ref]
		}
	case ctype.Unknown:
		return nil, ErrBadID
	default:
		if r.slice {
			r.ref = f.order.Uint32(r.data)
		}
		b.Elem = f.Type(r.ref)
	}
	return b, nil
}

func (f *File) members(r *record) []ctype.Member {
	if f.lay.gnu {
		return f.gnuMembers(r)
	}
	size := f.memberSize(r)
	all := make([]ctype.Member, r.vlen)
	for i := range all {
		b := r.data[i*size:]
		m := &all[i]
		var id uint32
		m.Name = f.str(f.order.Uint32(b))
		id, b = f.word(b[4:]), b[4+f.lay.idSize:]
		switch {
		case size == 16:
			if f.lay.idSize == 2 {
				b = b[2:] // padding
			}
			m.Off = uint64(f.order.Uint32(b))<<32 | uint64(f.order.Uint32(b[4:]))
		case f.lay.idSize == 2:
			m.Off = uint64(f.order.Uint16(b))
		default:
			m.Off = uint64(f.order.Uint32(b))
		}
		m.Type = f.Type(id)
		m.Bits = f.fieldBits(id, m.Off)
	}
	return all
}

// fieldBits is the width of a member if it is a bit-field.
func (f *File) fieldBits(id uint32, off uint64) uint32 {
	in, i, err := f.locate(id)
	if err != nil {
		return 0
	}
	r, _, err := in.record(in.offs[i])
	if err != nil || r.kind != ctype.Integer {
		return 0
	}
	if e := intEncoding(in.order.Uint32(r.data)); e.Bits != 0 && e.IsBitField(off) {
		return e.Bits
	}
	return 0
}

func (f *File) enums(r *record) []ctype.Enumerator {
	all := make([]ctype.Enumerator, r.vlen)
	for i := range all {
		b := r.data[8*i:]
		all[i] = ctype.Enumerator{Name: f.str(f.order.Uint32(b)), Value: int64(int32(f.order.Uint32(b[4:])))}
	}
	return all
}

// function fills in a function's result and parameters; a last id of 0 stands
// for the ellipsis.
func (f *File) function(b *ctype.Body, result uint32, args []byte, n int) {
	b.Elem = f.Type(result)
	for i := range n {
		id := f.word(args[i*f.lay.idSize:])
		if id == 0 && i == n-1 {
			b.Variadic = true
			break
		}
		b.Params = append(b.Params, ctype.Param{Type: f.Type(id)})
	}
}

func intEncoding(v uint32) ctype.Encoding {
	enc := v >> 24
	return ctype.Encoding{
		Signed: enc&1 != 0, Char: enc&2 != 0, Bool: enc&4 != 0, Varargs: enc&8 != 0,
		Offset: v >> 16 & 0xff, Bits: v & 0xffff,
	}
}

var floatKinds = [...]ctype.FloatKind{
	1: ctype.Single, 2: ctype.Double, 3: ctype.Complex, 4: ctype.Complex, 5: ctype.Complex,
	6: ctype.LongDouble, 7: ctype.NotFloat, 8: ctype.NotFloat, 9: ctype.NotFloat,
	10: ctype.Imaginary, 11: ctype.Imaginary, 12: ctype.Imaginary,
}

func floatEncoding(v uint32) ctype.Encoding {
	e := ctype.Encoding{Signed: true, Offset: v >> 16 & 0xff, Bits: v & 0xffff}
	if k := v >> 24; k < uint32(len(floatKinds)) {
		e.Float = floatKinds[k]
	}
	return e
}
