package lua

import (
	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/value"
)

// openObjects makes the metatables of objects and types. The methods of objects
// are also functions of mdb (mdb.addr, mdb.member ...) for structures that have a
// member of that name.
func (st *state) openObjects(L *glua.LState) {
	mt := L.NewTable()
	L.SetFuncs(mt, st.objectMethods())
	L.SetFuncs(mt, map[string]glua.LGFunction{
		"__index": st.index, "__len": st.count, "__tostring": st.objectText,
		"__newindex": func(L *glua.LState) int {
			L.RaiseError("objects cannot be assigned to: use mdb.write")
			return 0
		},
	})
	for name, f := range map[string]glua.LGFunction{
		"__add": st.arith(nil), "__sub": st.arith(nil), "__mul": st.arith(nil), "__div": st.arith(nil),
		"__mod": st.arith(nil), "__pow": st.power, "__unm": st.arith(nil),
	} {
		mt.RawSetString(name, L.NewFunction(f))
	}
	st.setComparisons(L, mt)
	mt.RawSetString("__concat", L.NewFunction(func(L *glua.LState) int {
		a, b := st.stringOf(L, L.Get(1)), st.stringOf(L, L.Get(2))
		threadOf(L).str(L, len(a)+len(b))
		L.Push(glua.LString(a + b))
		return 1
	}))
	mt.RawSetString("__metatable", glua.LFalse)
	st.meta.object = mt

	tm := L.NewTable()
	tm.RawSetString("__index", st.typeMethods(L))
	tm.RawSetString("__tostring", L.NewFunction(func(L *glua.LState) int {
		L.Push(glua.LString(st.checkType(L, 1).String()))
		return 1
	}))
	tm.RawSetString("__metatable", glua.LFalse)
	st.meta.typ = tm
}

func (st *state) objectText(L *glua.LState) int {
	o := checkObject(L, 1)
	L.Push(glua.LString("(" + o.Type.String() + ") 0x" + out.Sprintf(nil, "%llx", uint64(o.Addr))))
	return 1
}

// objectMethods are what objects can do. An argument that is a path is a member
// path as ::print takes it: "a.b[3]->c".
func (st *state) objectMethods() map[string]glua.LGFunction {
	return map[string]glua.LGFunction{
		"addr": func(L *glua.LState) int { // where it lies
			L.Push(st.unsigned(uint64(checkObject(L, 1).Addr)))
			return 1
		},
		"type": func(L *glua.LState) int {
			L.Push(st.typeOf(checkObject(L, 1).Type))
			return 1
		},
		"size": func(L *glua.LState) int { // bytes
			L.Push(glua.LNumber(checkObject(L, 1).Size()))
			return 1
		},
		"member": st.objectMember,
		"value":  st.objectValue,
		"get":    st.objectGet,
		"has": func(L *glua.LState) int {
			st.view()
			base := checkObject(L, 1).Base()
			L.Push(glua.LBool(base.Kind().IsStruct() && st.memberOf(base, L.CheckString(2)) != nil))
			return 1
		},
		"str":   st.objectString,
		"bytes": st.objectBytes,
		"cast": func(L *glua.LState) int {
			v := checkObject(L, 1).Value
			v.Type, v.Bits, v.Off = st.checkType(L, 2), 0, 0
			L.Push(st.object(v))
			return 1
		},
	}
}

// objectMember is obj:member(path): the object at a path, itself not read.
func (st *state) objectMember(L *glua.LState) int {
	o := checkObject(L, 1)
	v, err := st.follow(o.Value, L.CheckString(2))
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	L.Push(st.object(v))
	return 1
}

// objectGet is obj:get(path): what lies at a path.
func (st *state) objectGet(L *glua.LState) int {
	o, path := checkObject(L, 1), L.CheckString(2)
	v, err := st.follow(o.Value, path)
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	return st.load(L, v, v.Base(), path)
}

// objectValue is obj:value(): a scalar read as what it is; of a pointer the
// address it holds.
func (st *state) objectValue(L *glua.LState) int {
	o := checkObject(L, 1)
	base := o.Base()
	if base.Kind().IsPointer() {
		p, err := o.Uint()
		if err != nil {
			raiseRead(L, err, o.Addr, o.Type.String())
		}
		L.Push(st.unsigned(p))
		return 1
	}
	return st.load(L, o.Value, base, "")
}

// objectString is obj:str([max]): of an array of characters, of a pointer to some,
// or of the characters that begin at the object.
func (st *state) objectString(L *glua.LState) int {
	o := checkObject(L, 1)
	s, err := st.text(o.Value, optInt(L, 2, maxText))
	if err != nil {
		raiseRead(L, err, o.Addr, "string")
	}
	threadOf(L).charge(L, len(s))
	L.Push(glua.LString(s))
	return 1
}

func (st *state) text(v value.Value, max int) (string, error) {
	if max < 0 || max > maxString {
		max = maxString
	}
	s, err := v.Text(max)
	if err == value.ErrNotArray {
		s, err = mem.ReadString(v.W.Space, v.Addr, max)
	}
	return s, err
}

// objectBytes is obj:bytes([n]): the bytes of the object, or n from its address.
func (st *state) objectBytes(L *glua.LState) int {
	o := checkObject(L, 1)
	n := optInt(L, 2, clampInt(float64(o.Size())))
	return st.readBytes(L, o.Addr, n)
}

// readBytes pushes n bytes of the target as a string.
func (st *state) readBytes(L *glua.LState, a mem.Addr, n int) int {
	if n < 0 {
		L.RaiseError("negative count of bytes")
	}
	threadOf(L).str(L, n)
	b := make([]byte, n)
	if err := mem.ReadFull(st.view().w.Space, b, a); err != nil {
		raiseRead(L, err, a, "memory")
	}
	L.Push(glua.LString(b))
	return 1
}
