package lua

import (
	"fmt"
	"math/bits"

	glua "github.com/yuin/gopher-lua"
)

// result is an integer computed from operands of which wide ones were integers
// and not numbers: it stays one. Of enums and numbers it is a number if it can be.
func (st *state) result(n integer, wide bool) glua.LValue {
	if !wide {
		if f, ok := n.number(); ok {
			return f
		}
	}
	return st.box(n)
}

// operands reads both operands of a binary operation. The result is signed if all
// integers among them are; wide tells whether one is there that is no enum.
func operands(L *glua.LState) (a, b integer, signed, wide bool) {
	return operandsAt(L, 1, 2)
}

func operandsAt(L *glua.LState, i, j int) (a, b integer, signed, wide bool) {
	a, aw, err := asInteger(operand(L, i))
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	b, bw, err := asInteger(operand(L, j))
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	aw, bw = aw && a.enum == nil, bw && b.enum == nil
	switch {
	case aw && bw:
		signed = a.signed && b.signed
	case aw:
		signed = a.signed
	case bw:
		signed = b.signed
	default:
		signed = true
	}
	return a, b, signed, aw || bw
}

// operand refuses objects: whether p+1 means a byte or an element they cannot
// know.
func operand(L *glua.LState, i int) glua.LValue {
	v := L.Get(i)
	if o := objectOf(v); o != nil {
		L.RaiseError("arithmetic on a %s: use :addr() for its address, or an index for the element", o.Type)
	}
	return v
}

// arith makes the metamethod of an operation whose result wraps at 64 bits.
func (st *state) arith(op func(a, b uint64) uint64) glua.LGFunction {
	return func(L *glua.LState) int {
		a, b, signed, wide := operands(L)
		L.Push(st.result(integer{v: op(a.v, b.v), signed: signed}, wide))
		return 1
	}
}

// divide makes those of / and %, which are C's: the quotient is cut.
func (st *state) divide(mod bool) glua.LGFunction {
	return func(L *glua.LState) int {
		a, b, signed, wide := operands(L)
		v, err := quotient(a, b, signed, mod)
		if err != nil {
			L.RaiseError("%s", err.Error())
		}
		L.Push(st.result(integer{v: v, signed: signed}, wide))
		return 1
	}
}

func quotient(a, b integer, signed, mod bool) (uint64, error) {
	switch {
	case b.v == 0:
		return 0, fmt.Errorf("division by zero")
	case !signed && (a.negative() || b.negative()):
		return 0, fmt.Errorf("division of an unsigned integer by or of a negative one: use :signed()")
	case !signed && mod:
		return a.v % b.v, nil
	case !signed:
		return a.v / b.v, nil
	case int64(b.v) == -1: // the quotient of the least integer wraps
		if mod {
			return 0, nil
		}
		return -a.v, nil
	case mod:
		return uint64(int64(a.v) % int64(b.v)), nil
	}
	return uint64(int64(a.v) / int64(b.v)), nil
}

// power is exact: it fails where the result does not fit.
func (st *state) power(L *glua.LState) int {
	a, b, signed, wide := operands(L)
	if b.negative() {
		L.RaiseError("negative power of an integer")
	}
	v := uint64(1)
	for i := uint64(0); i < b.v && a.v > 1; i++ {
		hi, lo := bits.Mul64(v, a.v)
		if hi != 0 || a.negative() {
			L.RaiseError("power does not fit 64 bits")
		}
		v = lo
	}
	if b.v > 0 && a.v <= 1 {
		v = a.v
	}
	L.Push(st.result(integer{v: v, signed: signed}, wide))
	return 1
}

func (st *state) negate(L *glua.LState) int {
	a := checkInteger(L, 1)
	L.Push(st.result(integer{v: -a.v, signed: a.signed || a.enum != nil}, a.enum == nil))
	return 1
}

// bitwise makes a method over any number of arguments.
func (st *state) bitwise(op func(a, b uint64) uint64) glua.LGFunction {
	return func(L *glua.LState) int {
		a, aw, err := asInteger(L.Get(1))
		if err != nil {
			L.ArgError(1, err.Error())
		}
		wide := aw && a.enum == nil
		for i := 2; i <= L.GetTop(); i++ {
			b, bw, err := asInteger(L.Get(i))
			if err != nil {
				L.ArgError(i, err.Error())
			}
			a.v = op(a.v, b.v)
			wide = wide || bw && b.enum == nil
		}
		L.Push(st.result(integer{v: a.v}, wide))
		return 1
	}
}

// shift makes a method whose argument is a count of bits; 64 and more shift
// everything out.
func (st *state) shift(op func(a integer, n uint) integer) glua.LGFunction {
	return func(L *glua.LState) int {
		a, aw, err := asInteger(L.Get(1))
		if err != nil {
			L.ArgError(1, err.Error())
		}
		n := checkInt(L, 2)
		if n < 0 {
			L.ArgError(2, "negative shift")
		}
		L.Push(st.result(op(a, uint(n)), aw && a.enum == nil))
		return 1
	}
}

func (st *state) openIntegers(L *glua.LState) {
	mt := L.NewTable()
	st.meta.integer = mt
	set := func(t *glua.LTable, name string, f glua.LGFunction) { t.RawSetString(name, L.NewFunction(f)) }
	set(mt, "__add", st.arith(func(a, b uint64) uint64 { return a + b }))
	set(mt, "__sub", st.arith(func(a, b uint64) uint64 { return a - b }))
	set(mt, "__mul", st.arith(func(a, b uint64) uint64 { return a * b }))
	set(mt, "__div", st.divide(false))
	set(mt, "__mod", st.divide(true))
	set(mt, "__pow", st.power)
	set(mt, "__unm", st.negate)
	st.setComparisons(L, mt)
	set(mt, "__tostring", func(L *glua.LState) int {
		L.Push(glua.LString(L.CheckUserData(1).Value.(*integer).String()))
		return 1
	})
	methods := L.NewTable()
	set(methods, "band", st.bitwise(func(a, b uint64) uint64 { return a & b }))
	set(methods, "bor", st.bitwise(func(a, b uint64) uint64 { return a | b }))
	set(methods, "bxor", st.bitwise(func(a, b uint64) uint64 { return a ^ b }))
	set(methods, "bnot", func(L *glua.LState) int {
		L.Push(st.unsigned(^checkInteger(L, 1).v))
		return 1
	})
	set(methods, "lshift", st.shift(func(a integer, n uint) integer { return integer{v: a.v << n} }))
	set(methods, "rshift", st.shift(func(a integer, n uint) integer { return integer{v: a.v >> n} }))
	set(methods, "arshift", st.shift(func(a integer, n uint) integer {
		return integer{v: uint64(int64(a.v) >> n), signed: true}
	}))
	st.integerConversions(L, methods)
	mt.RawSetString("__index", methods)
	mt.RawSetString("__metatable", glua.LFalse)
	// Numbers have the methods of integers: a field of 32 bits is one.
	nmt := L.NewTable()
	nmt.RawSetString("__index", methods)
	nmt.RawSetString("__metatable", glua.LFalse)
	L.SetMetatable(glua.LNumber(0), nmt)
}

func (st *state) integerConversions(L *glua.LState, methods *glua.LTable) {
	set := func(name string, f glua.LGFunction) { methods.RawSetString(name, L.NewFunction(f)) }
	set("signed", func(L *glua.LState) int {
		L.Push(st.box(integer{v: checkInteger(L, 1).v, signed: true}))
		return 1
	})
	set("unsigned", func(L *glua.LState) int {
		L.Push(st.unsigned(checkInteger(L, 1).v))
		return 1
	})
	set("tonumber", func(L *glua.LState) int {
		L.Push(exactNumber(L, 1))
		return 1
	})
	set("hex", func(L *glua.LState) int {
		L.Push(glua.LString(integer{v: checkInteger(L, 1).v}.String()))
		return 1
	})
	set("dec", func(L *glua.LState) int {
		n := checkInteger(L, 1)
		L.Push(glua.LString(fmt.Sprint(n.v)))
		if n.signed {
			L.Push(glua.LString(fmt.Sprint(int64(n.v))))
		}
		return 1
	})
	set("name", func(L *glua.LState) int { // of an enum's value
		if name, ok := checkInteger(L, 1).enumName(); ok {
			L.Push(glua.LString(name))
		} else {
			L.Push(glua.LNil)
		}
		return 1
	})
	set("eq", func(L *glua.LState) int {
		L.Push(glua.LBool(st.equal(L, L.Get(1), L.Get(2))))
		return 1
	})
}

// exactNumber is argument i as a number, or an error if that is not exact.
func exactNumber(L *glua.LState, i int) glua.LNumber {
	if f, ok := L.Get(i).(glua.LNumber); ok {
		return f
	}
	n := checkInteger(L, i)
	f, ok := n.number()
	if !ok {
		L.RaiseError("%s does not fit a number exactly", n)
	}
	return f
}
