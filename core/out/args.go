package out

import (
	"fmt"
	"reflect"
)

// argList hands out the arguments of one Printf.
type argList struct {
	list []any
	next int
}

// noArgument is what a conversion prints that has no argument left.
const noArgument = "<no argument>"

func (a *argList) take() (v any, ok bool) {
	if a.next >= len(a.list) {
		return nil, false
	}
	v = a.list[a.next]
	a.next++
	return v, true
}

// An integer is an argument promoted as C does: bits is 32 or 64, val is
// extended to 64 bits by the argument's own signedness.
type integer struct {
	val  uint64
	bits int
}

// unsigned is the value an unsigned conversion prints.
func (i integer) unsigned(size intSize) uint64 {
	switch {
	case size == sizeShort:
		return uint64(uint16(i.val))
	case size == sizeOwn && i.bits == 32:
		return uint64(uint32(i.val))
	}
	return i.val
}

// signed is the value a signed conversion prints.
func (i integer) signed(size intSize) int64 {
	switch {
	case size == sizeShort:
		return int64(int16(i.val))
	case size == sizeOwn && i.bits == 32:
		return int64(int32(i.val))
	}
	return int64(i.val)
}

// asInteger accepts every kind of integer, booleans, and named types of them.
func asInteger(v any) (integer, bool) {
	switch v := v.(type) {
	case uint64:
		return integer{v, 64}, true
	case int:
		return integer{uint64(v), 64}, true
	case Hex:
		return integer{uint64(v), 64}, true
	case uint32:
		return integer{uint64(v), 32}, true
	case int64:
		return integer{uint64(v), 64}, true
	case int32:
		return integer{uint64(v), 32}, true
	case byte:
		return integer{uint64(v), 32}, true
	case uint16:
		return integer{uint64(v), 32}, true
	case int16:
		return integer{uint64(v), 32}, true
	case int8:
		return integer{uint64(v), 32}, true
	case uint:
		return integer{uint64(v), 64}, true
	case uintptr:
		return integer{uint64(v), 64}, true
	case bool:
		if v {
			return integer{1, 32}, true
		}
		return integer{0, 32}, true
	case nil:
		return integer{}, false
	}
	return asIntegerKind(reflect.ValueOf(v))
}

func asIntegerKind(r reflect.Value) (integer, bool) {
	switch {
	case r.CanInt():
		return integer{uint64(r.Int()), promoted(r.Kind())}, true
	case r.CanUint():
		return integer{r.Uint(), promoted(r.Kind())}, true
	case r.Kind() == reflect.Bool && r.Bool():
		return integer{1, 32}, true
	case r.Kind() == reflect.Bool:
		return integer{0, 32}, true
	}
	return integer{}, false
}

func promoted(k reflect.Kind) int {
	switch k {
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return 64
	}
	return 32
}

// asFloat accepts floats and, for want of anything better, integers.
func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case nil:
		return 0, false
	}
	r := reflect.ValueOf(v)
	if r.CanFloat() {
		return r.Float(), true
	}
	if i, ok := asIntegerKind(r); ok {
		if r.CanUint() {
			return float64(i.val), true
		}
		return float64(int64(i.val)), true
	}
	return 0, false
}

// asString is what %s prints of an argument that is not a string.
func asString(v any) string {
	switch v := v.(type) {
	case nil:
		return "<NULL>"
	case []byte:
		return string(v)
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.String {
		return r.String()
	}
	return fmt.Sprint(v)
}
