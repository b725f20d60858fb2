package lua

import (
	"errors"
	"fmt"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/value"
)

// view is what typed reads need of the target; it is made anew when the target
// has changed.
func (st *state) view() *views {
	cx, gen := st.s.Context(), st.s.Generation()
	if v := st.views; v != nil && v.cx == cx && v.gen == gen {
		return v
	}
	v := &views{cx: cx, gen: gen, names: map[string]*ctype.Type{}, globals: map[string]global{}}
	v.w = st.s.World()
	v.types = v.w.Types
	st.views = v
	clear(st.members)
	return v
}

// lookupType finds a type by its C name.
func (st *state) lookupType(name string) (t *ctype.Type, err error) {
	v := st.view()
	if t, ok := v.names[name]; ok {
		return t, nil
	}
	st.apart(func() { t, err = v.types.Lookup(name) })
	if err != nil {
		return nil, err
	}
	if len(v.names) > 10000 {
		clear(v.names)
	}
	v.names[name] = t
	return t, nil
}

// checkType is argument i as a type: a name, a type, or an object's type.
func (st *state) checkType(L *glua.LState, i int) *ctype.Type {
	switch v := L.Get(i).(type) {
	case glua.LString:
		t, err := st.lookupType(string(v))
		if err != nil {
			L.RaiseError("failed to look up type %s: %s", string(v), core.Reason(err))
		}
		return t
	case *glua.LUserData:
		switch u := v.Value.(type) {
		case *typeValue:
			return u.t
		case *object:
			return u.Type
		}
	}
	L.ArgError(i, "type expected")
	return nil
}

// typeValue is a C type as Lua holds it.
type typeValue struct{ t *ctype.Type }

func (st *state) typeOf(t *ctype.Type) *glua.LUserData {
	return &glua.LUserData{Value: &typeValue{t}, Metatable: st.meta.typ}
}

// typeMethods are those of a type: t:name(), t:size(), t:kind(), t:members(),
// t:enums(), t:elem(), t:count(), t:offset(path).
func (st *state) typeMethods(L *glua.LState) *glua.LTable {
	self := func(L *glua.LState) *ctype.Type { return st.checkType(L, 1) }
	res := func(L *glua.LState) *ctype.Type { return st.view().w.Resolve(self(L)) }
	return L.SetFuncs(L.NewTable(), map[string]glua.LGFunction{
		"name": func(L *glua.LState) int {
			L.Push(glua.LString(self(L).String()))
			return 1
		},
		"size": func(L *glua.LState) int {
			L.Push(glua.LNumber(res(L).Size()))
			return 1
		},
		"kind": func(L *glua.LState) int {
			L.Push(glua.LString(kindNames[res(L).Kind()]))
			return 1
		},
		"elem": func(L *glua.LState) int {
			if e := res(L).Elem(); e != nil {
				L.Push(st.typeOf(e))
			} else {
				L.Push(glua.LNil)
			}
			return 1
		},
		"count": func(L *glua.LState) int {
			L.Push(glua.LNumber(res(L).Count()))
			return 1
		},
		"offset": func(L *glua.LState) int { return st.offsetof(L) },
		"members": func(L *glua.LState) int {
			L.Push(st.memberList(L, res(L)))
			return 1
		},
		"enums": func(L *glua.LState) int {
			t := L.NewTable()
			for _, e := range res(L).Enums() {
				t.RawSetString(e.Name, st.sized(uint64(e.Value), enumBits(e.Value), true))
			}
			L.Push(t)
			return 1
		},
	})
}

func enumBits(v int64) uint32 {
	if v >= -1<<31 && v < 1<<32 {
		return 32
	}
	return 64
}

var kindNames = map[ctype.Kind]string{
	ctype.Unknown: "unknown", ctype.Void: "void", ctype.Integer: "integer", ctype.Float: "float",
	ctype.Pointer: "pointer", ctype.Array: "array", ctype.Function: "function", ctype.Struct: "struct",
	ctype.Union: "union", ctype.Enum: "enum", ctype.Forward: "forward", ctype.Typedef: "typedef",
	ctype.Reference: "reference", ctype.RvalueReference: "reference",
}

// memberList describes the members of a structure: name, type, offset in bytes,
// and of bit-fields bits and bit, the width and the bit offset in the byte.
func (st *state) memberList(L *glua.LState, t *ctype.Type) *glua.LTable {
	list := L.NewTable()
	for _, m := range t.Members() {
		e := L.NewTable()
		e.RawSetString("name", glua.LString(m.Name))
		e.RawSetString("type", st.typeOf(m.Type))
		e.RawSetString("offset", glua.LNumber(m.Off/8))
		if m.Bits != 0 {
			e.RawSetString("bits", glua.LNumber(m.Bits))
			e.RawSetString("bit", glua.LNumber(m.Off%8))
		}
		list.Append(e)
	}
	return list
}

// follow compiles and follows a member path.
func (st *state) follow(v value.Value, path string) (value.Value, error) {
	out, err := v.Path(path)
	var de *value.DerefError
	if errors.As(err, &de) {
		err = fmt.Errorf("%s: %w", de.Error(), mem.Reason(de.Err))
	}
	return out, err
}

// offsetof is mdb.offsetof(type, path): bytes.
func (st *state) offsetof(L *glua.LState) int {
	t, path := st.checkType(L, 1), L.CheckString(2)
	p, err := st.view().w.Compile(t, path)
	if err == nil {
		err = p.Err
	}
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	var off uint64
	for _, s := range p.Steps {
		if s.Ptr != 0 {
			L.RaiseError("%s leads through a pointer", path)
		}
		off += s.Add
	}
	L.Push(glua.LNumber(off))
	return 1
}
