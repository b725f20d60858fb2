package lua

import (
	"errors"
	"fmt"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/value"
)

// object is what lies at an address, by its type. Nothing of it is read until a
// member or an element is asked for.
type object struct{ value.Value }

// objectBox is an object and the userdata that holds it, in one piece.
type objectBox struct {
	ud glua.LUserData
	o  object
}

func (st *state) object(v value.Value) *glua.LUserData {
	b := &objectBox{o: object{v}}
	b.ud = glua.LUserData{Value: &b.o, Metatable: st.meta.object}
	return &b.ud
}

func checkObject(L *glua.LState, i int) *object {
	if o := objectOf(L.Get(i)); o != nil {
		return o
	}
	L.ArgError(i, "object expected, got "+L.Get(i).Type().String())
	return nil
}

type memberKey struct {
	base *ctype.Type
	name string
}

// member is a member of a structure, found once.
type member struct {
	t    *ctype.Type
	base *ctype.Type // resolved
	off  mem.Addr
	bit  uint32 // offset in the byte
	bits uint32 // width of a bit-field
}

// memberOf finds a member by name; nil if there is none.
func (st *state) memberOf(base *ctype.Type, name string) *member {
	k := memberKey{base, name}
	if m, ok := st.members[k]; ok {
		return m
	}
	var m *member
	if f, err := base.FindMember(name); err == nil {
		m = &member{t: f.Type, base: st.view().w.Resolve(f.Type), off: mem.Addr(f.Off / 8), bit: uint32(f.Off % 8), bits: f.Bits}
	}
	if len(st.members) > 100000 {
		clear(st.members)
	}
	st.members[k] = m
	return m
}

// convert is what Lua gets for the thing at a place: numbers, booleans, strings of
// character arrays, what a pointer points to (nil for a null pointer), and
// objects for the rest.
func (st *state) convert(v value.Value, base *ctype.Type) (glua.LValue, error) {
	switch k := base.Kind(); {
	case k == ctype.Integer:
		return st.convertInteger(v, base)
	case k == ctype.Enum:
		n, err := v.Int()
		if err != nil {
			return nil, err
		}
		return st.box(integer{v: uint64(n), signed: v.Signed(), enum: base}), nil
	case k.IsPointer():
		p, err := v.Uint()
		if err != nil {
			return nil, err
		}
		return st.pointee(v, base, p), nil
	case k == ctype.Float:
		f, err := v.Float()
		if err != nil {
			return nil, err
		}
		return glua.LNumber(f), nil
	case k == ctype.Array && st.isText(base):
		s, err := v.Text(maxText)
		if err != nil {
			return nil, err
		}
		return glua.LString(s), nil
	case k == ctype.Function, k == ctype.Void:
		return st.unsigned(uint64(v.Addr)), nil
	}
	return st.object(v), nil
}

// maxText bounds strings read without a bound of their own, bytes.
const maxText = 64 << 10

func (st *state) convertInteger(v value.Value, base *ctype.Type) (glua.LValue, error) {
	e := base.Enc()
	bits := e.Bits
	if v.Bits != 0 {
		bits = v.Bits
	}
	if bits > 64 {
		return st.object(v), nil
	}
	u, err := v.Uint()
	if err != nil {
		return nil, err
	}
	if e.Bool {
		return glua.LBool(u != 0), nil
	}
	if e.Signed && bits < 64 && bits > 0 {
		u = uint64(int64(u<<(64-bits)) >> (64 - bits))
	}
	return st.sized(u, bits, e.Signed), nil
}

// pointee is the object a pointer points to. Of void and of functions there is
// nothing to see but the address.
func (st *state) pointee(v value.Value, base *ctype.Type, p uint64) glua.LValue {
	if p == 0 {
		return glua.LNil
	}
	e := base.Elem()
	switch v.W.Resolve(e).Kind() {
	case ctype.Void, ctype.Function, ctype.Unknown:
		return st.unsigned(p)
	}
	return st.object(v.W.At(e, mem.Addr(p)))
}

// isText tells an array of plain characters.
func (st *state) isText(array *ctype.Type) bool {
	e := array.Elem().Resolve()
	return e.Kind() == ctype.Integer && e.Size() == 1 && (e.Name() == "char" || e.Enc().IsChar())
}

// load is convert with the error raised in Lua: what was read and why it failed.
// what is "" for the name of the type.
func (st *state) load(L *glua.LState, v value.Value, base *ctype.Type, what string) int {
	lv, err := st.convert(v, base)
	if err != nil {
		if what == "" {
			what = v.Type.String()
		}
		raiseRead(L, err, v.Addr, what)
	}
	L.Push(lv)
	return 1
}

// raiseRead raises a failed read in MDB's words: "failed to read X at ADDR:
// no mapping for address".
func raiseRead(L *glua.LState, err error, a mem.Addr, what string) {
	var e *mem.Error
	if errors.As(err, &e) {
		a, err = e.Addr, e.Err
	}
	L.RaiseError("failed to read %s at %x: %s", what, uint64(a), err.Error())
}

// index is obj.name, obj[i] and obj:method().
func (st *state) index(L *glua.LState) int {
	o := L.Get(1).(*glua.LUserData).Value.(*object)
	switch k := L.Get(2).(type) {
	case glua.LString:
		return st.indexName(L, o, string(k))
	case glua.LNumber, *glua.LUserData:
		n, _, err := asInteger(k)
		if err != nil {
			L.RaiseError("index of %s: %s", o.Type, err.Error())
		}
		v, err := o.element(n)
		if err != nil {
			L.RaiseError("%s", err.Error())
		}
		return st.load(L, v, v.Base(), "")
	}
	L.RaiseError("%s has no index of type %s", o.Type, L.Get(2).Type())
	return 0
}

func (st *state) indexName(L *glua.LState, o *object, name string) int {
	st.view()
	base := o.Base()
	if base.Kind().IsStruct() {
		if m := st.memberOf(base, name); m != nil {
			v := o.Value
			v.Type, v.Bits, v.Off = m.t, m.bits, m.bit
			v.Addr += m.off
			return st.load(L, v, m.base, name)
		}
	}
	if f := st.meta.object.RawGetString(name); f != glua.LNil && name[0] != '_' {
		L.Push(f)
		return 1
	}
	err := error(ctype.ErrNotStruct)
	if base.Kind().IsStruct() {
		err = ctype.ErrNoMember
	}
	L.RaiseError("%s.%s: %s", o.Type, name, err.Error())
	return 0
}

// element is element i of an array; of anything else what lies i of its size
// further on, as with a pointer to it.
func (o *object) element(i integer) (value.Value, error) {
	base := o.Base()
	if base.Kind() != ctype.Array {
		size := base.Size()
		if size == 0 {
			return value.Value{}, fmt.Errorf("%s has no elements", o.Type)
		}
		v := o.Value
		v.Addr += mem.Addr(i.v * size)
		return v, nil
	}
	if n := base.Count(); n != 0 && (i.negative() || i.v >= n) {
		return value.Value{}, fmt.Errorf("index %d is outside of array bounds [0 .. %d]", int64(i.v), n-1)
	}
	return o.Index(i.v)
}

// count is the number of elements of an array.
func (st *state) count(L *glua.LState) int {
	o := checkObject(L, 1)
	if o.Base().Kind() != ctype.Array {
		L.RaiseError("attempt to get length of a %s", o.Type)
	}
	L.Push(glua.LNumber(o.Len()))
	return 1
}

// objectPairs iterates over the members of a structure by name, or the elements
// of an array by index from 0.
func (st *state) objectPairs(L *glua.LState, o *object) int {
	base := o.Base()
	i := 0
	var next glua.LGFunction
	switch {
	case base.Kind().IsStruct():
		ms := base.Members()
		next = func(L *glua.LState) int {
			for i < len(ms) && ms[i].Name == "" {
				i++
			}
			if i >= len(ms) {
				L.Push(glua.LNil)
				return 1
			}
			m := ms[i]
			i++
			v := o.Value
			v.Type, v.Bits, v.Off = m.Type, m.Bits, uint32(m.Off%8)
			v.Addr += mem.Addr(m.Off / 8)
			L.Push(glua.LString(m.Name))
			return 1 + st.load(L, v, v.Base(), m.Name)
		}
	case base.Kind() == ctype.Array:
		n := int(min(o.Len(), 1<<40))
		next = func(L *glua.LState) int {
			if i >= n {
				L.Push(glua.LNil)
				return 1
			}
			v, err := o.Index(uint64(i))
			if err != nil {
				L.RaiseError("%s", err.Error())
			}
			L.Push(glua.LNumber(i))
			i++
			return 1 + st.load(L, v, v.Base(), "")
		}
	default:
		L.RaiseError("%s has no members", o.Type)
	}
	L.Push(L.NewFunction(next))
	return 1
}
