package value

import (
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// JSON is the value as out.AppendJSON writes it: structures and unions are
// objects, arrays lists (cut at o.ArrayMem), character arrays that hold text
// strings, enums the names of their values where they have one, pointers Hex. A
// member that cannot be read is its error. o.Depth limits nesting; what is
// deeper is null.
//
// At most a million values are written, so that hostile type data cannot fill
// the memory; the rest are errors.
func (v Value) JSON(o Options) any {
	return v.json(&jsonWalk{Options: o, left: maxValues}, 0)
}

const maxValues = 1 << 20

type jsonWalk struct {
	Options
	left int // values that may still be written
}

func (v Value) json(o *jsonWalk, depth int) any {
	if o.left--; depth > maxDepth || o.left < 0 {
		return fmt.Errorf("type %s is nested too deeply", v.Type)
	}
	if p, ok := v.pretty(o, depth); ok {
		return p
	}
	base := v.Base()
	switch base.Kind() {
	case ctype.Struct, ctype.Union:
		if uint64(depth) >= o.Depth {
			return nil
		}
		if _, text, ok := v.countedText(); ok {
			return text
		}
		return v.object(o, base, depth)
	case ctype.Array:
		if uint64(depth) >= o.Depth {
			return nil
		}
		return v.list(o, base, depth)
	case ctype.Float:
		f, err := v.Float()
		if err != nil {
			return err
		}
		return f
	case ctype.Enum:
		if _, err := v.Uint(); err != nil {
			return err
		}
		if name, ok := v.EnumName(); ok {
			return name
		}
	case ctype.Integer:
		if base.Enc().Bool {
			u, err := v.Uint()
			if err != nil {
				return err
			}
			return u != 0
		}
	case ctype.Pointer, ctype.Reference, ctype.RvalueReference, ctype.Function:
		u, err := v.Uint()
		if err != nil {
			return err
		}
		return out.Hex(u)
	default: // void, declarations
		return nil
	}
	return v.number()
}

func (v Value) number() any {
	if e, _ := v.encoding(); e.Bits > 64 {
		b, err := v.Read(16)
		if err != nil {
			return err
		}
		return fmt.Sprintf("%x", b)
	}
	if v.Signed() {
		n, err := v.Int()
		if err != nil {
			return err
		}
		return n
	}
	n, err := v.Uint()
	if err != nil {
		return err
	}
	return n
}

// object gives the members; those of anonymous members count as the whole's own.
func (v Value) object(o *jsonWalk, base *ctype.Type, depth int) out.Object {
	obj := out.Object{}
	for _, m := range base.Members() {
		if o.left < 0 {
			break
		}
		obj = v.field(obj, o, m, depth)
	}
	vs := base.Body().Variants
	if vs == nil {
		return obj
	}
	tag := uint64(0)
	if vs.Tag != nil {
		var err error
		if tag, err = v.sub(vs.Tag).Uint(); err != nil {
			return append(obj, out.Field{Name: "variant", Value: err})
		}
	}
	if alt, ok := vs.Active(tag); ok {
		obj = v.field(obj, o, alt.Member, depth)
	}
	return obj
}

func (v Value) field(obj out.Object, o *jsonWalk, m ctype.Member, depth int) out.Object {
	s := v.sub(&m)
	val := s.json(o, depth+1)
	if in, ok := val.(out.Object); ok && m.Name == "" {
		return append(obj, in...)
	}
	name := m.Name
	if m.Base && name == "" {
		name = m.Type.Name()
	}
	obj = append(obj, out.Field{Name: name, Value: val})
	if text, ok := s.pointedText(); ok {
		obj = append(obj, out.Field{Name: name + "_text", Value: text})
	}
	return obj
}

// pointedText is the printable string that a char pointer points to.
func (v Value) pointedText() (string, bool) {
	base := v.Base()
	if base.Kind() != ctype.Pointer {
		return "", false
	}
	if !isChar(base.Elem().Resolve()) {
		return "", false
	}
	p, err := v.Uint()
	if err != nil || p == 0 {
		return "", false
	}
	s, err := mem.ReadString(v.W.At(nil, 0).space(), mem.Addr(p), maxPointerText)
	return s, err == nil && printable(s)
}

func (v Value) list(o *jsonWalk, base *ctype.Type, depth int) any {
	n := min(base.Count(), o.ArrayMem)
	elem := v.W.Resolve(base.Elem())
	if isChar(elem) && base.Count() <= min(o.ArrayStr, maxString) && base.Count() > 0 {
		if s, err := v.Text(int(base.Count())); err == nil && printable(s) {
			return s
		}
	}
	list := out.List{}
	if elem.Size() == 0 || n == 0 {
		return list
	}
	var first [1]byte
	if err := mem.ReadFull(v.space(), first[:], v.Addr); err != nil {
		return err // one reason for all of it
	}
	for i := range n {
		if o.left < 0 {
			break
		}
		e, err := v.Index(i)
		if err != nil {
			return err
		}
		list = append(list, e.json(o, depth+1))
	}
	return list
}
