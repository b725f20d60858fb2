package lua

import (
	"fmt"
	"math"
	"strconv"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core/ctype"
)

// integer is a 64-bit integer of Lua's: what a float64 cannot hold. v is the two's
// complement of a signed one. With enum set it is the value of an enumeration.
type integer struct {
	v      uint64
	signed bool
	enum   *ctype.Type
}

// String is hex for unsigned integers, decimal for signed ones, the names of an
// enum's value.
func (n integer) String() string {
	switch {
	case n.enum != nil:
		return n.enumText()
	case n.signed:
		return strconv.FormatInt(int64(n.v), 10)
	}
	return "0x" + strconv.FormatUint(n.v, 16)
}

func (n integer) enumText() string {
	if name, ok := n.enumName(); ok {
		return name
	}
	return strconv.FormatInt(int64(n.v), 10)
}

// enumName is the name of an enum's value: of flags all their names.
func (n integer) enumName() (string, bool) {
	if n.enum == nil {
		return "", false
	}
	if name, ok := n.enum.EnumName(int64(n.v)); ok {
		return name, true
	}
	if n.v != 0 && n.enum.IsFlags() {
		return n.enum.FlagNames(int64(n.v), false)
	}
	return "", false
}

func (n integer) negative() bool { return n.signed && int64(n.v) < 0 }

// number gives the integer as a float64 if that is exact.
func (n integer) number() (glua.LNumber, bool) {
	if n.signed {
		v := int64(n.v)
		return glua.LNumber(v), v >= -maxExact && v <= maxExact
	}
	return glua.LNumber(n.v), n.v <= maxExact
}

// integerBox is an integer and the userdata that holds it, in one piece.
type integerBox struct {
	ud glua.LUserData
	n  integer
}

func (st *state) box(n integer) *glua.LUserData {
	b := &integerBox{n: n}
	b.ud = glua.LUserData{Value: &b.n, Metatable: st.meta.integer}
	return &b.ud
}

func (st *state) unsigned(v uint64) *glua.LUserData { return st.box(integer{v: v}) }

// sized is how Lua gets an integer that was read in so many bits: up to 32 as a
// number.
func (st *state) sized(v uint64, bits uint32, signed bool) glua.LValue {
	if bits <= 32 {
		if signed {
			return glua.LNumber(int64(v))
		}
		return glua.LNumber(v)
	}
	return st.box(integer{v: v, signed: signed})
}

// asInteger gives the integer that a Lua value is: numbers that are whole and
// exact, integers, and objects, whose address it is. wide tells a value that is
// no plain number.
func asInteger(v glua.LValue) (n integer, wide bool, err error) {
	switch v := v.(type) {
	case glua.LNumber:
		f := float64(v)
		switch {
		case f != math.Trunc(f) || math.IsInf(f, 0):
			return n, false, fmt.Errorf("number %v has no integer value", f)
		case math.Abs(f) > maxExact:
			return n, false, fmt.Errorf("number %v is beyond 2^53 and not exact: use mdb.u64", f)
		}
		return integer{v: uint64(int64(f)), signed: f < 0}, false, nil
	case *glua.LUserData:
		switch u := v.Value.(type) {
		case *integer:
			return *u, true, nil
		case *object:
			return integer{v: uint64(u.Addr)}, true, nil
		}
	case glua.LString:
		return n, false, fmt.Errorf("integer expected, got string: use mdb.strtoull")
	case *glua.LNilType:
		return n, false, fmt.Errorf("integer expected, got nil")
	}
	return n, false, fmt.Errorf("integer expected, got %s", v.Type())
}

// checkInteger is argument i as an integer.
func checkInteger(L *glua.LState, i int) integer {
	n, _, err := asInteger(L.Get(i))
	if err != nil {
		L.ArgError(i, err.Error())
	}
	return n
}

// checkAddr is argument i as an address; nil, which stands for a null pointer, is
// 0.
func checkAddr(L *glua.LState, i int) uint64 {
	if L.Get(i) == glua.LNil && i <= L.GetTop() {
		return 0
	}
	return checkInteger(L, i).v
}

// checkInt is argument i as an int of Go, optInt with a default.
func checkInt(L *glua.LState, i int) int {
	switch v := L.Get(i).(type) {
	case glua.LNumber:
		return clampInt(float64(v))
	case glua.LString:
		return clampInt(float64(L.CheckNumber(i)))
	default:
		n, _, err := asInteger(v)
		if err != nil {
			L.ArgError(i, err.Error())
		}
		if n.negative() {
			return int(max(int64(n.v), math.MinInt32))
		}
		return int(min(n.v, math.MaxInt32))
	}
}

func optInt(L *glua.LState, i, def int) int {
	if L.Get(i) == glua.LNil {
		return def
	}
	return checkInt(L, i)
}

func clampInt(f float64) int {
	switch {
	case math.IsNaN(f):
		return 0
	case f > math.MaxInt32:
		return math.MaxInt32
	case f < math.MinInt32:
		return math.MinInt32
	}
	return int(f)
}

// compare orders two integers by their values, whatever their signedness.
func compare(a, b integer) int {
	an, bn := a.negative(), b.negative()
	switch {
	case an != bn && an:
		return -1
	case an != bn:
		return 1
	case a.v < b.v:
		return -1
	case a.v > b.v:
		return 1
	}
	return 0
}

// compareFloat orders an integer and a float64 exactly; ok is false for NaN.
func compareFloat(a integer, f float64) (c int, ok bool) {
	switch {
	case math.IsNaN(f):
		return 0, false
	case f >= 1<<64:
		return -1, true
	case f < -(1 << 63):
		return 1, true
	}
	whole := math.Floor(f)
	var b integer
	if whole < 0 {
		b = integer{v: uint64(int64(whole)), signed: true}
	} else {
		b = integer{v: uint64(whole)}
	}
	c = compare(a, b)
	if c == 0 && f > whole {
		c = -1
	}
	return c, true
}
