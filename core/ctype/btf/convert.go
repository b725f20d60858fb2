package btf

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/xmdb/xmdb/core/ctype"
)

// owner gives the File a type belongs to, its id, and the type itself: that of
// the base if this one only stands for it.
func (f *File) owner(b btf.Type) (*File, btf.Type, uint64) {
	if f.distilled != nil {
		if id, err := f.typeID(f.distilled, b); err == nil {
			if base, t := f.standsFor(b); t != nil {
				id, _ := f.typeID(base.spec, t)
				return base, t, id
			}
			return f, b, id
		}
	} else if base := f.opts.Base; base != nil {
		if id, err := f.typeID(base.spec, b); err == nil {
			return base, b, id
		}
	}
	id, err := f.typeID(f.spec, b)
	if err != nil {
		id = 0
	}
	return f, b, id
}

func (f *File) typeID(s *btf.Spec, b btf.Type) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, err := s.TypeID(b)
	return uint64(id), err
}

// standsFor finds the type of the real base that one of the distilled base is
// a stand-in of.
func (f *File) standsFor(b btf.Type) (*File, btf.Type) {
	name := b.TypeName()
	if f.opts.Base == nil || name == "" {
		return nil, nil
	}
	ts, err := f.opts.Base.named(name)
	if err != nil {
		return nil, nil
	}
	for _, t := range ts {
		if standIn(b, t) {
			return f.opts.Base, t
		}
	}
	return nil, nil
}

// standIn tells whether b may stand for t: a structure of which only the size
// matters, or of which nothing does (a forward declaration), an enum likewise.
func standIn(b, t btf.Type) bool {
	switch b := b.(type) {
	case *btf.Struct:
		t, ok := t.(*btf.Struct)
		return ok && (b.Size == 0 || b.Size == t.Size)
	case *btf.Union:
		t, ok := t.(*btf.Union)
		return ok && (b.Size == 0 || b.Size == t.Size)
	case *btf.Enum:
		t, ok := t.(*btf.Enum)
		return ok && (b.Size == 0 || b.Size == t.Size)
	case *btf.Fwd:
		switch t.(type) {
		case *btf.Struct:
			return b.Kind == btf.FwdStruct
		case *btf.Union:
			return b.Kind == btf.FwdUnion
		}
	case *btf.Int:
		t, ok := t.(*btf.Int)
		return ok && b.Size == t.Size && b.Encoding == t.Encoding
	case *btf.Float:
		t, ok := t.(*btf.Float)
		return ok && b.Size == t.Size
	}
	return false
}

// maxTags bounds chains of type tags, which stand for the type they tag.
const maxTags = 64

// convert gives the model's type for a decoded one; nil for void.
func (f *File) convert(b btf.Type) *ctype.Type {
	for range maxTags {
		tag, ok := b.(*btf.TypeTag)
		if !ok {
			break
		}
		b = tag.Type
	}
	switch b.(type) {
	case nil, *btf.Void:
		return nil
	}
	f.mu.Lock()
	t := f.made[b]
	f.mu.Unlock()
	if t != nil {
		return t
	}
	own, real, id := f.owner(b)
	if own != f {
		t = own.convert(real)
	} else {
		t = f.make(b, id)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.made[b]; old != nil {
		return old
	}
	f.made[b] = t
	return t
}

// make makes the type for one of this blob.
func (f *File) make(b btf.Type, id uint64) *ctype.Type {
	lazy := func(k ctype.Kind, name string, fill func(*ctype.Body)) *ctype.Type {
		return ctype.NewLazy(f, id, k, name, func() (*ctype.Body, error) {
			body := &ctype.Body{}
			fill(body)
			return body, nil
		})
	}
	alias := func(k ctype.Kind, name string, to btf.Type) *ctype.Type {
		return lazy(k, name, func(x *ctype.Body) { x.Elem = f.convert(to) })
	}
	switch b := b.(type) {
	case *btf.Int:
		return f.integer(b, id)
	case *btf.Float:
		return f.float(b.Name, b.Size, id)
	case *btf.Pointer:
		return lazy(ctype.Pointer, "", func(x *ctype.Body) {
			x.Size, x.Elem = uint64(f.opts.PointerSize), f.convert(b.Target)
		})
	case *btf.Array:
		return lazy(ctype.Array, "", func(x *ctype.Body) {
			x.Count, x.Flexible = uint64(b.Nelems), b.Nelems == 0
			x.Elem, x.Index = f.convert(b.Type), f.convert(b.Index)
		})
	case *btf.Struct:
		return lazy(ctype.Struct, b.Name, func(x *ctype.Body) { f.members(x, b.Size, b.Members) })
	case *btf.Union:
		return lazy(ctype.Union, b.Name, func(x *ctype.Body) { f.members(x, b.Size, b.Members) })
	case *btf.Enum:
		return lazy(ctype.Enum, b.Name, func(x *ctype.Body) { f.enumerators(x, b) })
	case *btf.Fwd:
		return ctype.New(f, id, ctype.Forward, b.Name, &ctype.Body{Forward: forwardKind(b)})
	case *btf.Typedef:
		return alias(ctype.Typedef, b.Name, b.Type)
	case *btf.Volatile:
		return alias(ctype.Volatile, "", b.Type)
	case *btf.Const:
		return alias(ctype.Const, "", b.Type)
	case *btf.Restrict:
		return alias(ctype.Restrict, "", b.Type)
	case *btf.FuncProto:
		return lazy(ctype.Function, "", func(x *ctype.Body) { f.function(x, b) })
	case *btf.Func:
		return alias(ctype.Typedef, b.Name, b.Type)
	}
	return ctype.NewLazy(f, id, ctype.Unknown, b.TypeName(), func() (*ctype.Body, error) {
		return nil, fmt.Errorf("BTF type %d is no C type (%T)", id, b)
	})
}

func (f *File) integer(b *btf.Int, id uint64) *ctype.Type {
	if isFloat(b.Name) {
		return f.float(b.Name, b.Size, id)
	}
	e := ctype.Encoding{Bits: 8 * b.Size}
	switch b.Encoding {
	case btf.Signed:
		e.Signed = true
	case btf.Bool:
		e.Bool = true
	}
	name := ctype.CanonicalBase(b.Name)
	switch name {
	case "char", "signed char", "unsigned char":
		// Compilers mark only some of them as characters.
		e.Char = true
	}
	if b.Encoding == btf.Char {
		e.Char, e.Signed = true, true
	}
	return ctype.New(f, id, ctype.Integer, name, &ctype.Body{Size: uint64(b.Size), Enc: e})
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

func (f *File) float(name string, size uint32, id uint64) *ctype.Type {
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
	return ctype.New(f, id, ctype.Float, name, &ctype.Body{Size: uint64(size), Enc: e})
}

func (f *File) members(x *ctype.Body, size uint32, ms []btf.Member) {
	x.Size = uint64(size)
	for _, m := range ms {
		x.Members = append(x.Members, ctype.Member{
			Name: m.Name, Type: f.convert(m.Type), Off: uint64(m.Offset), Bits: uint32(m.BitfieldSize)})
	}
}

// enumerators converts the values of an enum. Until Linux 6.0 all were signed
// and not marked so; a blob in which no enum is marked is taken for an old one.
func (f *File) enumerators(x *ctype.Body, b *btf.Enum) {
	x.Size, x.Unsigned = uint64(b.Size), !b.Signed
	for _, v := range b.Values {
		n := int64(v.Value)
		if b.Size <= 4 && (b.Signed || !f.signs) {
			n = int64(int32(v.Value))
		}
		if n < 0 && b.Size <= 4 {
			x.Unsigned = false
		}
		x.Enums = append(x.Enums, ctype.Enumerator{Name: v.Name, Value: n})
	}
}

func (f *File) function(x *ctype.Body, b *btf.FuncProto) {
	x.Elem = f.convert(b.Return)
	for i, p := range b.Params {
		t := f.convert(p.Type)
		if t == nil && p.Name == "" && i == len(b.Params)-1 {
			x.Variadic = true
			break
		}
		x.Params = append(x.Params, ctype.Param{Name: p.Name, Type: t})
	}
}
