package lua

import (
	"math"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openOperators makes the functions behind hiddenNames but the last, in their
// order.
func (st *state) openOperators(L *glua.LState) {
	logic := func(f func(L *glua.LState, a, b glua.LValue) bool) glua.LGFunction {
		return func(L *glua.LState) int {
			L.Push(glua.LBool(f(L, L.Get(1), L.Get(2))))
			return 1
		}
	}
	for _, f := range []glua.LGFunction{
		logic(st.equal),
		logic(func(L *glua.LState, a, b glua.LValue) bool { return !st.equal(L, a, b) }),
		logic(st.less),
		logic(st.lessEqual),
		logic(func(L *glua.LState, a, b glua.LValue) bool { return st.less(L, b, a) }),
		logic(func(L *glua.LState, a, b glua.LValue) bool { return st.lessEqual(L, b, a) }),
		st.concat, st.indexKey, st.newKey, st.setIndex, st.length, st.forNumber,
	} {
		st.hidden = append(st.hidden, L.NewFunction(f))
	}
}

// setComparisons gives userdata that count as integers the metamethods that
// library code such as the VM's own fallbacks looks for.
func (st *state) setComparisons(L *glua.LState, mt *glua.LTable) {
	for name, f := range map[string]func(L *glua.LState, a, b glua.LValue) bool{
		"__eq": st.equal, "__lt": st.less, "__le": st.lessEqual,
	} {
		mt.RawSetString(name, L.NewFunction(func(L *glua.LState) int {
			L.Push(glua.LBool(f(L, L.Get(1), L.Get(2))))
			return 1
		}))
	}
}

// equal is ==. Integers, numbers and the addresses of objects are compared by
// value; an enum's value also equals its name.
func (st *state) equal(L *glua.LState, a, b glua.LValue) bool {
	au, aIs := a.(*glua.LUserData)
	bu, bIs := b.(*glua.LUserData)
	if !aIs && !bIs || a == b {
		return L.Equal(a, b)
	}
	if !aIs {
		return equalUser(L, bu, a)
	}
	return equalUser(L, au, b)
}

func equalUser(L *glua.LState, u *glua.LUserData, v glua.LValue) bool {
	var n integer
	switch x := u.Value.(type) {
	case *integer:
		n = *x
	case *object:
		n = integer{v: uint64(x.Addr)}
	default:
		return false
	}
	switch v := v.(type) {
	case glua.LNumber:
		c, ok := compareFloat(n, float64(v))
		return ok && c == 0
	case glua.LString:
		if n.enum == nil {
			return false
		}
		name, ok := n.enumName()
		return ok && name == string(v)
	case *glua.LUserData:
		m, _, err := asInteger(v)
		return err == nil && compare(n, m) == 0
	}
	return false
}

// order compares values of which at least one is an integer; ok is false for
// others and for NaN.
func order(a, b glua.LValue) (c int, ok bool) {
	if f, is := b.(glua.LNumber); is {
		n, _, err := asInteger(a)
		if err != nil {
			return 0, false
		}
		return compareFloat(n, float64(f))
	}
	if f, is := a.(glua.LNumber); is {
		n, _, err := asInteger(b)
		if err != nil {
			return 0, false
		}
		c, ok = compareFloat(n, float64(f))
		return -c, ok
	}
	n, _, err := asInteger(a)
	m, _, err2 := asInteger(b)
	if err != nil || err2 != nil {
		return 0, false
	}
	return compare(n, m), true
}

func isNaN(v glua.LValue) bool {
	f, ok := v.(glua.LNumber)
	return ok && math.IsNaN(float64(f))
}

// mixed tells operands of which one is userdata.
func mixed(a, b glua.LValue) bool {
	_, x := a.(*glua.LUserData)
	_, y := b.(*glua.LUserData)
	return x || y
}

func (st *state) less(L *glua.LState, a, b glua.LValue) bool {
	if !mixed(a, b) {
		return L.LessThan(a, b)
	}
	c, ok := order(a, b)
	if !ok && !isNaN(a) && !isNaN(b) {
		L.RaiseError("attempt to compare %s with %s", a.Type(), b.Type())
	}
	return ok && c < 0
}

func (st *state) lessEqual(L *glua.LState, a, b glua.LValue) bool {
	if mixed(a, b) {
		c, ok := order(a, b)
		if !ok && !isNaN(a) && !isNaN(b) {
			L.RaiseError("attempt to compare %s with %s", a.Type(), b.Type())
		}
		return ok && c <= 0
	}
	x, xn := a.(glua.LNumber)
	y, yn := b.(glua.LNumber)
	if xn && yn {
		return x <= y
	}
	if m := L.GetMetaField(a, "__le"); m.Type() == glua.LTFunction && m == L.GetMetaField(b, "__le") {
		L.Push(m)
		L.Push(a)
		L.Push(b)
		L.Call(2, 1)
		v := L.Get(-1)
		L.Pop(1)
		return glua.LVAsBool(v)
	}
	return !L.LessThan(b, a)
}

// concat is the operator .. over all its arguments, to the right.
func (st *state) concat(L *glua.LState) int {
	acc := L.Get(-1)
	for i := L.GetTop() - 1; i >= 1; {
		j := i
		if tail, ok := text(acc); ok {
			n := len(tail)
			for ; j >= 1; j-- {
				s, ok := text(L.Get(j))
				if !ok {
					break
				}
				n += len(s)
			}
			if j < i {
				threadOf(L).str(L, n)
				acc = join(L, j+1, i, tail, n)
				i = j
				continue
			}
		}
		acc = st.concatTwo(L, L.Get(i), acc)
		i--
	}
	L.Push(acc)
	return 1
}

// join puts arguments from to to and tail together, n bytes in all.
func join(L *glua.LState, from, to int, tail string, n int) glua.LString {
	var b strings.Builder
	b.Grow(n)
	for ; from <= to; from++ {
		s, _ := text(L.Get(from))
		b.WriteString(s)
	}
	b.WriteString(tail)
	return glua.LString(b.String())
}

func (st *state) concatTwo(L *glua.LState, a, b glua.LValue) glua.LValue {
	for _, v := range []glua.LValue{a, b} {
		if m := L.GetMetaField(v, "__concat"); m.Type() == glua.LTFunction {
			L.Push(m)
			L.Push(a)
			L.Push(b)
			L.Call(2, 1)
			r := L.Get(-1)
			L.Pop(1)
			return r
		}
	}
	bad := a
	if _, ok := text(a); ok {
		bad = b
	}
	L.RaiseError("attempt to concatenate a %s value", bad.Type())
	return glua.LNil
}

// text is what a value is in a concatenation, without metamethods.
func text(v glua.LValue) (string, bool) {
	switch v := v.(type) {
	case glua.LString:
		return string(v), true
	case glua.LNumber:
		return v.String(), true
	case *glua.LUserData:
		if n, ok := v.Value.(*integer); ok {
			return n.String(), true
		}
	}
	return "", false
}

// key is what a value is as the key of a table: an integer is the number it
// equals, or beyond 2^53 one userdata for all of its value; an enum's value is its
// name; an object its address.
func (st *state) key(v glua.LValue) glua.LValue {
	u, ok := v.(*glua.LUserData)
	if !ok {
		return v
	}
	n, _, err := asInteger(u)
	if err != nil {
		return v
	}
	if name, ok := n.enumName(); ok {
		return glua.LString(name)
	}
	if f, ok := n.number(); ok {
		return f
	}
	k := st.keys[n.v]
	if k == nil {
		k = st.unsigned(n.v)
		st.keys[n.v] = k
	}
	return k
}

func (st *state) indexKey(L *glua.LState) int {
	L.Push(st.key(L.Get(1)))
	return 1
}

// newKey is the key of a field in a table constructor.
func (st *state) newKey(L *glua.LState) int {
	k := st.key(L.Get(1))
	if f, ok := k.(glua.LNumber); ok && f > 1000 && f < maxArrayIndex {
		threadOf(L).charge(L, 16*int(f))
	}
	checkKey(L, k)
	L.Push(k)
	return 1
}

func checkKey(L *glua.LState, k glua.LValue) {
	if isNaN(k) {
		L.RaiseError("table index is NaN")
	}
	if k == glua.LNil {
		L.RaiseError("table index is nil")
	}
}

// setIndex is t[k] = v.
func (st *state) setIndex(L *glua.LState) int {
	obj, k, v := L.Get(1), st.key(L.Get(2)), L.Get(3)
	t, ok := obj.(*glua.LTable)
	if !ok {
		L.SetTable(obj, k, v)
		return 0
	}
	checkKey(L, k)
	if f, is := k.(glua.LNumber); is && f > 1000 && f < maxArrayIndex {
		if hole := int(f) - t.MaxN(); hole > 1000 {
			threadOf(L).charge(L, 16*hole)
		}
	}
	if t.Metatable == glua.LNil {
		t.RawSet(k, v)
	} else {
		L.SetTable(t, k, v)
	}
	return 0
}

// length is the operator #.
func (st *state) length(L *glua.LState) int {
	switch v := L.Get(1).(type) {
	case glua.LString:
		L.Push(glua.LNumber(len(v)))
	case *glua.LTable:
		if v.Metatable == glua.LNil || L.GetMetaField(v, "__len") == glua.LNil {
			L.Push(glua.LNumber(tableLen(v)))
			break
		}
		L.Push(glua.LNumber(L.ObjLen(v)))
	default:
		m := L.GetMetaField(v, "__len")
		if m.Type() != glua.LTFunction {
			L.RaiseError("attempt to get length of a %s value", v.Type())
		}
		L.Push(m)
		L.Push(v)
		L.Call(1, 1)
	}
	return 1
}

// tableLen is a table's length, elements beyond its array part included.
func tableLen(t *glua.LTable) int {
	n := t.Len()
	if n < maxArrayIndex-1 {
		return n
	}
	lo, hi := n, n*2 // t[lo] is there
	for t.RawGet(glua.LNumber(hi)) != glua.LNil {
		lo, hi = hi, hi*2
	}
	for lo+1 < hi {
		if mid := (lo + hi) / 2; t.RawGet(glua.LNumber(mid)) != glua.LNil {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// forNumber is a bound of a numeric for.
func (st *state) forNumber(L *glua.LState) int {
	switch v := L.Get(1).(type) {
	case *glua.LUserData:
		n, _, err := asInteger(v)
		if err != nil {
			L.RaiseError("'for' bound must be a number")
		}
		f, ok := n.number()
		if !ok {
			L.RaiseError("'for' bound %s is beyond 2^53: use mdb.range", n)
		}
		L.Push(f)
	default:
		L.Push(v)
	}
	return 1
}
