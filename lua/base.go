package lua

import (
	"fmt"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openLibs gives the module's world what it may use: the base functions without
// those that reach files, environments or compiled code, math, and our own
// string, table and coroutine libraries.
func (st *state) openLibs() {
	L := st.L
	t := st.thread(noContext, nil)
	defer st.done(t, false)
	L.SetContext(t) // what runs below may ask for its thread
	glua.OpenBase(L)
	glua.OpenMath(L)
	L.SetTop(0)
	g := L.Get(glua.GlobalsIndex).(*glua.LTable)
	for _, n := range []string{"collectgarbage", "dofile", "getfenv", "load", "loadfile", "module",
		"newproxy", "require", "setfenv", "_printregs", "_GOPHER_LUA_VERSION"} {
		g.RawSetString(n, glua.LNil)
	}
	for name, f := range map[string]glua.LGFunction{
		"print": st.print, "tostring": st.tostring, "tonumber": st.tonumber, "type": st.typeName,
		"rawequal": st.rawequal, "rawget": st.rawget, "rawset": st.rawset, "setmetatable": setmetatable,
		"unpack": st.unpack, "next": st.next, "pairs": st.pairs, "ipairs": st.ipairs,
		"loadstring": st.loadstring, "xpcall": xpcall,
	} {
		g.RawSetString(name, L.NewFunction(f))
	}
	st.openIntegers(L)
	st.openOperators(L)
	st.openStrings(L, g)
	st.openTables(L, g)
	st.openCoroutines(L, g)
	st.openMath(L, g)
	st.openObjects(L)
	st.openCtx(L)
	g.RawSetString("mdb", st.openMdb(L))
}

// stringOf is tostring.
func (st *state) stringOf(L *glua.LState, v glua.LValue) string {
	if s, ok := text(v); ok {
		return s
	}
	if m := L.GetMetaField(v, "__tostring"); m.Type() == glua.LTFunction {
		L.Push(m)
		L.Push(v)
		L.Call(1, 1)
		r := L.Get(-1)
		L.Pop(1)
		if s, ok := text(r); ok {
			return s
		}
		L.RaiseError("'__tostring' must return a string")
	}
	return v.String()
}

func (st *state) tostring(L *glua.LState) int {
	L.Push(glua.LString(st.stringOf(L, L.CheckAny(1))))
	return 1
}

func (st *state) print(L *glua.LState) int {
	t := threadOf(L)
	n := L.GetTop()
	for i := 1; i <= n; i++ {
		if i > 1 {
			// A tab of the printer's would wrap the line.
			t.c.P.WriteString("        "[t.c.P.Column()%8:])
		}
		t.c.P.WriteString(st.stringOf(L, L.Get(i)))
	}
	t.c.P.WriteString("\n")
	t.wrote(L)
	return 0
}

// tonumber gives integers beyond 2^53 as integers of their own. Of an integer that
// no number holds it is an error.
func (st *state) tonumber(L *glua.LState) int {
	switch v := L.CheckAny(1).(type) {
	case glua.LNumber:
		L.Push(v)
	case *glua.LUserData:
		if _, ok := v.Value.(*integer); !ok {
			L.Push(glua.LNil)
			break
		}
		L.Push(exactNumber(L, 1))
	case glua.LString:
		L.Push(st.parseNumber(strings.TrimSpace(string(v)), optInt(L, 2, 0)))
	default:
		L.Push(glua.LNil)
	}
	return 1
}

func (st *state) parseNumber(s string, base int) glua.LValue {
	if len(s) > 400 {
		return glua.LNil
	}
	neg := strings.HasPrefix(s, "-")
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if strings.ContainsAny(digits, "+-_") && base != 0 {
		return glua.LNil
	}
	var v uint64
	var big, ok bool
	if base == 0 || base == 10 {
		v, big, ok = literal(digits)
		if ok && !big && v == 0 || !ok {
			f, err := strconv.ParseFloat(digits, 64)
			if err != nil || strings.ContainsAny(digits, "_+-xXpPiInN") && !hexDigits(digits) {
				return glua.LNil
			}
			if neg {
				f = -f
			}
			return glua.LNumber(f)
		}
	} else {
		if base < 2 || base > 36 {
			return glua.LNil
		}
		if base == 16 && len(digits) > 2 && strings.EqualFold(digits[:2], "0x") {
			digits = digits[2:]
		}
		var err error
		if v, err = strconv.ParseUint(digits, base, 64); err != nil {
			return glua.LNil
		}
		big = v > maxExact
	}
	switch {
	case big && neg:
		return st.box(integer{v: -v, signed: true})
	case big:
		return st.unsigned(v)
	case neg:
		return -glua.LNumber(v)
	}
	return glua.LNumber(v)
}

// hexDigits tells "0x0": a literal whose value is 0.
func hexDigits(s string) bool {
	_, _, ok := literal(s)
	return ok
}

func (st *state) typeName(L *glua.LState) int {
	v := L.CheckAny(1)
	name := v.Type().String()
	if u, ok := v.(*glua.LUserData); ok {
		if _, co := u.Value.(*coroutine); co {
			name = "thread"
		}
	}
	L.Push(glua.LString(name))
	return 1
}

func (st *state) rawequal(L *glua.LState) int {
	L.Push(glua.LBool(L.RawEqual(st.key(L.CheckAny(1)), st.key(L.CheckAny(2)))))
	return 1
}

func (st *state) rawget(L *glua.LState) int {
	L.Push(L.CheckTable(1).RawGet(st.key(L.CheckAny(2))))
	return 1
}

func (st *state) rawset(L *glua.LState) int {
	t := L.CheckTable(1)
	mt := t.Metatable
	t.Metatable = glua.LNil
	defer func() { t.Metatable = mt }()
	st.setIndex(L)
	L.Push(t)
	return 1
}

func setmetatable(L *glua.LState) int {
	t := L.CheckTable(1)
	L.CheckTypes(2, glua.LTNil, glua.LTTable)
	if m, ok := t.Metatable.(*glua.LTable); ok && m.RawGetString("__metatable") != glua.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	t.Metatable = L.Get(2)
	L.Push(t)
	return 1
}

// maxUnpack bounds the values that one call may put on the stack.
const maxUnpack = 8000

func (st *state) unpack(L *glua.LState) int {
	t := L.CheckTable(1)
	from, to := optInt(L, 2, 1), optInt(L, 3, tableLen(t))
	if to-from >= maxUnpack {
		L.RaiseError("too many results to unpack")
	}
	for i := from; i <= to; i++ {
		L.Push(t.RawGet(glua.LNumber(i)))
	}
	return max(to-from+1, 0)
}

func (st *state) next(L *glua.LState) int {
	k, v := L.CheckTable(1).Next(st.key(L.Get(2)))
	if k == glua.LNil {
		L.Push(glua.LNil)
		return 1
	}
	L.Push(k)
	L.Push(v)
	return 2
}

// pairs iterates over a table, or the members or elements of an object.
func (st *state) pairs(L *glua.LState) int {
	if o := objectOf(L.Get(1)); o != nil {
		return st.objectPairs(L, o)
	}
	t := L.CheckTable(1)
	L.Push(L.GetGlobal("next"))
	if fn, ok := L.Get(-1).(*glua.LFunction); !ok || !fn.IsG {
		L.Pop(1)
		L.Push(L.NewFunction(st.next))
	}
	L.Push(t)
	L.Push(glua.LNil)
	return 3
}

func (st *state) ipairs(L *glua.LState) int {
	if o := objectOf(L.Get(1)); o != nil {
		return st.objectPairs(L, o)
	}
	t := L.CheckTable(1)
	L.Push(L.NewFunction(func(L *glua.LState) int {
		i := L.CheckNumber(2) + 1
		v := t.RawGet(i)
		if v == glua.LNil {
			L.Push(glua.LNil)
			return 1
		}
		L.Push(i)
		L.Push(v)
		return 2
	}))
	L.Push(t)
	L.Push(glua.LNumber(0))
	return 3
}

// loadstring compiles text, as a module's file is compiled.
func (st *state) loadstring(L *glua.LState) int {
	src := L.CheckString(1)
	name := strings.TrimPrefix(L.OptString(2, "string"), "=")
	t := threadOf(L)
	t.work(L, len(src))
	t.charge(L, 100*len(src))
	ch, err := compile(name, []byte(src))
	if err == nil {
		var fn *glua.LFunction
		if fn, err = st.instantiate(ch); err == nil {
			L.Push(fn)
			return 1
		}
	}
	L.Push(glua.LNil)
	L.Push(glua.LString(err.Error()))
	return 2
}

// xpcall calls its function and passes an error to its handler.
func xpcall(L *glua.LState) int {
	fn, handler := L.CheckFunction(1), L.CheckFunction(2)
	L.SetTop(0)
	L.Push(fn)
	err := L.PCall(0, glua.MultRet, nil)
	if err == nil {
		L.Insert(glua.LTrue, 1)
		return L.GetTop()
	}
	threadOf(L).raise(L)
	L.SetTop(0)
	L.Push(glua.LFalse)
	L.Push(handler)
	if ae, ok := err.(*glua.ApiError); ok {
		L.Push(ae.Object)
	} else {
		L.Push(glua.LString(fmt.Sprint(err)))
	}
	L.Call(1, glua.MultRet)
	return L.GetTop()
}

// openMath lets the functions of math that choose take integers of 64 bits.
func (st *state) openMath(L *glua.LState, g *glua.LTable) {
	m := g.RawGetString("math").(*glua.LTable)
	pick := func(better func(L *glua.LState, a, b glua.LValue) bool) *glua.LFunction {
		return L.NewFunction(func(L *glua.LState) int {
			best := checkNumeric(L, 1)
			for i := 2; i <= L.GetTop(); i++ {
				if v := checkNumeric(L, i); better(L, v, best) {
					best = v
				}
			}
			L.Push(best)
			return 1
		})
	}
	m.RawSetString("min", pick(st.less))
	m.RawSetString("max", pick(func(L *glua.LState, a, b glua.LValue) bool { return st.less(L, b, a) }))
	for _, name := range []string{"floor", "ceil"} {
		plain := m.RawGetString(name).(*glua.LFunction).GFunction
		m.RawSetString(name, L.NewFunction(func(L *glua.LState) int {
			if u, ok := L.Get(1).(*glua.LUserData); ok {
				checkInteger(L, 1)
				L.Push(u)
				return 1
			}
			return plain(L)
		}))
	}
}

func checkNumeric(L *glua.LState, i int) glua.LValue {
	if _, ok := L.Get(i).(*glua.LUserData); ok {
		checkInteger(L, i)
		return L.Get(i)
	}
	return L.CheckNumber(i)
}
