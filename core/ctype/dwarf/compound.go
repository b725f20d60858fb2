package dwarf

import (
	stddwarf "debug/dwarf"

	"github.com/xmdb/xmdb/core/ctype"
)

// dimension is one dimension of an array.
type dimension struct {
	count    uint64
	flexible bool
	index    *ctype.Type
}

// maxDimensions bounds the dimensions of an array.
const maxDimensions = 64

// array makes the type of an array from its dimension dim on. DWARF lists all
// dimensions in one DIE; in the model an array has one, and arrays as elements.
func (d *Data) array(e die, dim uint8) *ctype.Type {
	k := typeKey{e.ref(), dim}
	return ctype.NewLazy(d, k.id(), ctype.Array, "", func() (*ctype.Body, error) {
		e, err := d.die(k.at)
		if err != nil {
			return nil, err
		}
		dims, err := e.dimensions()
		b := &ctype.Body{}
		if int(dim) < len(dims) {
			b.Count, b.Flexible, b.Index = dims[dim].count, dims[dim].flexible, dims[dim].index
		} else {
			b.Flexible = true // an array without any subrange
		}
		if int(dim)+1 < len(dims) {
			next := typeKey{k.at, dim + 1}
			b.Elem = d.keep(next, d.array(e, next.dim))
		} else {
			b.Elem = e.typeOf()
		}
		if n, ok := e.uint(stddwarf.AttrByteSize); ok && dim == 0 {
			b.Size = n
		}
		return b, err
	})
}

// dimensions lists the dimensions of an array, outermost first.
func (e die) dimensions() ([]dimension, error) {
	var dims []dimension
	err := e.u.children(e, func(k die) bool {
		switch k.tag() {
		case stddwarf.TagSubrangeType, stddwarf.TagEnumerationType:
			dims = append(dims, k.dimension())
		}
		return len(dims) < maxDimensions
	})
	return dims, err
}

// dimension reads a subrange. A bound that is not a constant, that of a
// variable-length array, gives a flexible one.
func (e die) dimension() (x dimension) {
	if e.tag() == stddwarf.TagEnumerationType {
		b, _ := fillEnum(e)
		x.count, x.index = uint64(len(b.Enums)), e.u.d.typeAt(e.u, e.ref())
		return x
	}
	x.index = e.typeOf()
	if n, ok := e.uint(stddwarf.AttrCount); ok {
		x.count = n
		return x
	}
	v, ok := e.get(stddwarf.AttrUpperBound)
	if !ok || !v.isConst() {
		x.flexible = true
		return x
	}
	low := int64(0)
	if l, ok := e.get(stddwarf.AttrLowerBound); ok && l.isConst() {
		low = int64(l.u)
	} else if code, ok := e.u.root.uint(stddwarf.AttrLanguage); ok {
		low = lowerBound(code)
	}
	high := int64(v.u)
	// Old compilers write the bound -1 of a zero-length array as an unsigned
	// number of the index type's width.
	if !v.isSigned() && (v.form == formData4 && v.u == 1<<32-1 || v.u == 1<<64-1) {
		high = -1
	}
	if high >= low {
		x.count = uint64(high-low) + 1
	}
	return x
}

// fillEnum reads the enumerators of an enum.
func fillEnum(e die) (*ctype.Body, error) {
	b := &ctype.Body{Unsigned: true}
	b.Size, _ = e.uint(stddwarf.AttrByteSize)
	err := e.u.children(e, func(k die) bool {
		if k.tag() != stddwarf.TagEnumerator {
			return true
		}
		v, ok := k.get(stddwarf.AttrConstValue)
		if !ok || !v.isConst() {
			return true
		}
		if v.isSigned() && int64(v.u) < 0 {
			b.Unsigned = false
		}
		b.Enums = append(b.Enums, ctype.Enumerator{Name: k.name(), Value: int64(v.u)})
		return true
	})
	if t := e.typeOf().Resolve(); t.Kind() == ctype.Integer {
		b.Unsigned = !t.Enc().Signed
		if b.Size == 0 {
			b.Size = t.Size()
		}
	}
	return b, err
}

// fillFunction reads a function type, of a DW_TAG_subroutine_type or of a
// function itself.
func fillFunction(e die) (*ctype.Body, error) {
	b := &ctype.Body{Elem: e.typeOf()}
	from := e
	// An out-of-line copy of an inlined function lists the parameters again; a
	// definition of a declared one too, and a bare one has them in its origin.
	for range maxOrigins {
		err := from.u.children(from, func(k die) bool {
			switch k.tag() {
			case stddwarf.TagFormalParameter:
				b.Params = append(b.Params, ctype.Param{Name: k.fullName(), Type: k.typeOf()})
			case stddwarf.TagUnspecifiedParameters:
				b.Variadic = true
			}
			return true
		})
		if err != nil {
			return b, err
		}
		o, ok := from.origin()
		if !ok || len(b.Params) > 0 {
			break
		}
		from = o
	}
	return b, nil
}
