package ctf

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zlib"

	"github.com/xmdb/xmdb/core/ctype"
)

// Content is what a container is written from.
type Content struct {
	// Types are the types to write, in order, followed by what they refer to.
	Types []*ctype.Type
	// Hidden tells types that are not to be listed by name; nil hides what is
	// reached only through Types.
	Hidden func(*ctype.Type) bool
	// Objects and Functions are the types of the eligible symbols of the symbol
	// table, in its order; nil for a symbol without type data.
	Objects   []*ctype.Type
	Functions []*ctype.Type
	Labels    []string
	// Parent makes a child container: types of it are referred to, not written.
	Parent      *File
	ParentName  string
	ParentLabel string
	Compress    bool
}

// Encode writes a container of version 2, little-endian. What the format cannot
// hold is an error: over 32767 types, over 1023 members.
func Encode(c *Content) ([]byte, error) {
	e := &encoder{c: c, ids: map[*ctype.Type]uint32{}, strs: []byte{0}, strOff: map[string]uint32{"": 0},
		fields: map[field]*ctype.Type{}, top: map[*ctype.Type]bool{}}
	for _, t := range c.Types {
		e.top[t] = true
		e.ref(t)
	}
	objt, fn := e.symbols()
	if err := e.records(); err != nil {
		return nil, err
	}
	var labels []byte
	for _, l := range c.Labels {
		labels = le.AppendUint32(labels, e.str(l))
		labels = le.AppendUint32(labels, uint32(len(e.list)))
	}
	return e.assemble(labels, objt, fn)
}

var le = binary.LittleEndian

type field struct {
	base string
	bits uint32
}

type encoder struct {
	c      *Content
	ids    map[*ctype.Type]uint32
	top    map[*ctype.Type]bool
	list   []*ctype.Type // by id-1
	void   *ctype.Type
	fields map[field]*ctype.Type
	types  []byte
	strs   []byte
	strOff map[string]uint32
}

func (e *encoder) str(s string) uint32 {
	if off, ok := e.strOff[s]; ok {
		return off
	}
	off := uint32(len(e.strs))
	e.strOff[s] = off
	e.strs = append(append(e.strs, s...), 0)
	return off
}

// ref gives the id of a type, and makes sure the type is written.
func (e *encoder) ref(t *ctype.Type) uint32 {
	for t.Kind() == ctype.Atomic { // C11's, unknown to the format
		t = t.Elem()
	}
	if p := e.c.Parent; p != nil && t.ID() != 0 && p.Type(uint32(t.ID())) == t {
		return uint32(t.ID())
	}
	if t.Kind() == ctype.Void {
		if e.void == nil {
			e.void = ctype.New(nil, 0, ctype.Integer, "void", &ctype.Body{Enc: ctype.Encoding{Signed: true}})
			e.top[e.void] = true
		}
		t = e.void
	}
	id, ok := e.ids[t]
	if !ok {
		e.list = append(e.list, t)
		id = uint32(len(e.list))
		if e.c.Parent != nil || e.c.ParentName != "" {
			id |= version2.childBit
		}
		e.ids[t] = id
	}
	return id
}

// symbols makes the object and function sections.
func (e *encoder) symbols() (objt, fn []byte) {
	for _, t := range e.c.Objects {
		id := uint32(0)
		if t != nil {
			id = e.ref(t)
		}
		objt = le.AppendUint16(objt, uint16(id))
	}
	for _, t := range e.c.Functions {
		if t == nil {
			fn = le.AppendUint16(fn, 0)
			continue
		}
		args := e.args(t)
		fn = le.AppendUint16(fn, uint16(5<<version2.kindShift|len(args)))
		fn = le.AppendUint16(fn, uint16(e.ref(t.Elem())))
		for _, a := range args {
			fn = le.AppendUint16(fn, uint16(a))
		}
	}
	return objt, fn
}

func (e *encoder) args(t *ctype.Type) []uint32 {
	var ids []uint32
	for _, p := range t.Body().Params {
		ids = append(ids, e.ref(p.Type))
	}
	if t.Body().Variadic {
		ids = append(ids, 0)
	}
	return ids
}

func (e *encoder) records() error {
	for i := 0; i < len(e.list); i++ { // the list grows on the way
		if i >= int(version2.childBit)-1 {
			return fmt.Errorf("encode CTF: more than %d types", i)
		}
		if err := e.record(e.list[i]); err != nil {
			return fmt.Errorf("encode CTF type %s: %w", e.list[i], err)
		}
	}
	return nil
}

func (e *encoder) record(t *ctype.Type) error {
	b := t.Body()
	k, size := t.Kind(), b.Size
	var ref, vlen uint32
	var data []byte
	switch k {
	case ctype.Integer:
		data = le.AppendUint32(nil, encodeInt(b.Enc))
	case ctype.Float:
		data = le.AppendUint32(nil, encodeFloat(b.Enc, size))
	case ctype.Reference, ctype.RvalueReference:
		k, ref = ctype.Pointer, e.ref(b.Elem)
	case ctype.Array:
		data = e.array(b)
		size = 0
	case ctype.Function:
		args := e.args(t)
		ref, vlen = e.ref(b.Elem), uint32(len(args))
		for _, a := range append(args, 0)[:(len(args)+1)&^1] {
			data = le.AppendUint16(data, uint16(a))
		}
	case ctype.Struct, ctype.Union:
		vlen, data = uint32(len(b.Members)), e.members(b)
	case ctype.Enum:
		vlen = uint32(len(b.Enums))
		for _, en := range b.Enums {
			data = le.AppendUint32(le.AppendUint32(data, e.str(en.Name)), uint32(en.Value))
		}
	case ctype.Forward:
		ref = uint32(kindNumber(b.Forward))
	case ctype.Unknown:
	default:
		ref = e.ref(b.Elem)
	}
	if vlen > version2.vlenMask {
		return fmt.Errorf("%d members: the format holds %d", vlen, version2.vlenMask)
	}
	e.header(t, k, vlen, ref, size)
	e.types = append(e.types, data...)
	return nil
}

func (e *encoder) header(t *ctype.Type, k ctype.Kind, vlen, ref uint32, size uint64) {
	info := uint32(kindNumber(k))<<version2.kindShift | vlen
	hidden := !e.top[t]
	if e.c.Hidden != nil {
		hidden = e.c.Hidden(t)
	}
	if !hidden {
		info |= version2.rootBit
	}
	e.types = le.AppendUint32(e.types, e.str(t.Name()))
	e.types = le.AppendUint16(e.types, uint16(info))
	switch {
	case !hasSize(k):
		e.types = le.AppendUint16(e.types, uint16(ref))
	case size >= uint64(version2.sentinel):
		e.types = le.AppendUint16(e.types, uint16(version2.sentinel))
		e.types = le.AppendUint32(e.types, uint32(size>>32))
		e.types = le.AppendUint32(e.types, uint32(size))
	default:
		e.types = le.AppendUint16(e.types, uint16(size))
	}
}

func (e *encoder) array(b *ctype.Body) []byte {
	index := b.Index
	if index == nil {
		index = e.field(field{"long", 64})
	}
	data := le.AppendUint16(nil, uint16(e.ref(b.Elem)))
	data = le.AppendUint16(data, uint16(e.ref(index)))
	return le.AppendUint32(data, uint32(min(b.Count, 1<<32-1)))
}

func (e *encoder) members(b *ctype.Body) []byte {
	var data []byte
	for i := range b.Members {
		m := &b.Members[i]
		t := m.Type
		if enc := m.Encoding(); m.Bits != 0 && ctype.IntEncoding(t).Bits != m.Bits {
			t = e.bitField(t, enc)
		}
		data = le.AppendUint32(data, e.str(m.Name))
		data = le.AppendUint16(data, uint16(e.ref(t)))
		if b.Size >= version2.bigStruct {
			data = le.AppendUint16(data, 0)
			data = le.AppendUint32(data, uint32(m.Off>>32))
			data = le.AppendUint32(data, uint32(m.Off))
		} else {
			data = le.AppendUint16(data, uint16(m.Off))
		}
	}
	return data
}

// bitField is the integer type that stands for a bit-field of a base type.
func (e *encoder) bitField(t *ctype.Type, enc ctype.Encoding) *ctype.Type {
	base := "unsigned int"
	if r := t.Resolve(); r.Kind() == ctype.Integer {
		base = ctype.CanonicalBase(r.Name())
	} else {
		enc = ctype.Encoding{Bits: enc.Bits}
	}
	f := field{fmt.Sprintf("%s:%d", base, enc.Bits), enc.Bits}
	if have, ok := e.fields[f]; ok {
		return have
	}
	enc.Offset = 0
	made := ctype.New(nil, 0, ctype.Integer, f.base, &ctype.Body{Size: uint64(enc.Bits+7) / 8, Enc: enc})
	e.fields[f] = made
	return made
}

// field is a signed integer type made for the container's own use.
func (e *encoder) field(f field) *ctype.Type {
	if e.fields[f] == nil {
		e.fields[f] = ctype.New(nil, 0, ctype.Integer, f.base,
			&ctype.Body{Size: uint64(f.bits) / 8, Enc: ctype.Encoding{Signed: true, Bits: f.bits}})
	}
	return e.fields[f]
}

func (e *encoder) assemble(labels, objt, fn []byte) ([]byte, error) {
	var h [8]uint32
	h[0], h[1] = e.str(e.c.ParentLabel), e.str(e.c.ParentName)
	var body []byte
	for i, s := range [][]byte{labels, objt, fn, e.types, e.strs} {
		for len(body)%4 != 0 { // only the strings need no alignment, and follow whole words
			body = append(body, 0)
		}
		h[2+i] = uint32(len(body))
		body = append(body, s...)
	}
	h[7] = uint32(len(e.strs))
	flags := byte(0)
	if e.c.Compress {
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		w.Write(body) // a bytes.Buffer takes everything
		if err := w.Close(); err != nil {
			return nil, fmt.Errorf("compress CTF: %w", err)
		}
		body, flags = z.Bytes(), flagZlib
	}
	data := append(le.AppendUint16(nil, magic), 2, flags)
	for _, v := range h {
		data = le.AppendUint32(data, v)
	}
	return append(data, body...), nil
}

func kindNumber(k ctype.Kind) int {
	for i, have := range kinds {
		if have == k {
			return i
		}
	}
	return 0
}

func encodeInt(e ctype.Encoding) uint32 {
	v := e.Offset<<16 | e.Bits&0xffff
	for i, set := range []bool{e.Signed, e.Char, e.Bool, e.Varargs} {
		if set {
			v |= 1 << (24 + i)
		}
	}
	return v
}

func encodeFloat(e ctype.Encoding, size uint64) uint32 {
	var k uint32
	step := func(first uint32, small uint64) uint32 { // single, double, long double of a family
		switch {
		case size <= small:
			return first
		case size <= 2*small:
			return first + 1
		}
		return first + 2
	}
	switch e.Float {
	case ctype.Single:
		k = 1
	case ctype.Double:
		k = 2
	case ctype.LongDouble:
		k = 6
	case ctype.Complex:
		k = step(3, 8)
	case ctype.Imaginary:
		k = step(10, 4)
	}
	return k<<24 | e.Offset<<16 | e.Bits&0xffff
}
