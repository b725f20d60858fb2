package dwexpr

import "fmt"

// binaryOp computes a OP b. Operands must be of one type (DWARF 5, 2.5.1.4), shift
// counts excepted. The generic type is unsigned but for division and comparison,
// where DWARF has it signed.
func binaryOp(op byte, a, b Value) (Value, error) {
	switch op {
	case opShl, opShr, opShra:
		return shift(op, a, b)
	}
	if a.Type != b.Type {
		return Value{}, fmt.Errorf("operands of different types: %w", ErrMalformed)
	}
	switch {
	case a.Type.integral():
		return intBinary(op, a, b)
	case a.Type.computableFloat():
		return floatBinary(op, a, b)
	}
	return Value{}, fmt.Errorf("arithmetic: %w", ErrUnsupported)
}

func intBinary(op byte, a, b Value) (Value, error) {
	t := a.Type
	x, y := a.wide(t.signed()), b.wide(t.signed())
	switch op {
	case opAnd:
		return intValue(t, x.and(y)), nil
	case opOr:
		return intValue(t, x.or(y)), nil
	case opXor:
		return intValue(t, x.xor(y)), nil
	case opPlus:
		return intValue(t, x.add(y)), nil
	case opMinus:
		return intValue(t, x.sub(y)), nil
	case opMul:
		return intValue(t, x.mul(y)), nil
	}
	if y.isZero() {
		return Value{}, ErrDivide
	}
	if op == opDiv && (t.signed() || t.Encoding == Generic) {
		q, _ := a.wide(true).squoRem(b.wide(true))
		return intValue(t, q), nil
	}
	q, r := x.quoRem(y)
	if t.signed() {
		q, r = x.squoRem(y)
	}
	if op == opDiv {
		return intValue(t, q), nil
	}
	return intValue(t, r), nil
}

func floatBinary(op byte, a, b Value) (Value, error) {
	x, y := a.float(), b.float()
	switch op {
	case opPlus:
		return floatValue(a.Type, x+y), nil
	case opMinus:
		return floatValue(a.Type, x-y), nil
	case opMul:
		return floatValue(a.Type, x*y), nil
	case opDiv:
		return floatValue(a.Type, x/y), nil
	}
	return Value{}, fmt.Errorf("operation %#x on floats: %w", op, ErrMalformed)
}

// shift shifts a by b bits. shr shifts in zeros and shra signs, whatever the type.
func shift(op byte, a, b Value) (Value, error) {
	if !a.Type.integral() || !b.Type.integral() {
		return Value{}, fmt.Errorf("shift: %w", ErrMalformed)
	}
	n := uint(128)
	if b.Hi == 0 && b.Lo < 128 {
		n = uint(b.Lo)
	}
	switch op {
	case opShl:
		return intValue(a.Type, a.wide(false).shl(n)), nil
	case opShr:
		return intValue(a.Type, a.wide(false).shr(n)), nil
	}
	return intValue(a.Type, a.wide(true).sar(n)), nil
}

func unaryOp(op byte, a Value) (Value, error) {
	t := a.Type
	if t.computableFloat() && op != opNot {
		f := a.float()
		if op == opNeg || f < 0 {
			f = -f
		}
		return floatValue(t, f), nil
	}
	if !t.integral() {
		return Value{}, fmt.Errorf("arithmetic: %w", ErrUnsupported)
	}
	switch op {
	case opNot:
		return intValue(t, a.wide(false).not()), nil
	case opNeg:
		return intValue(t, a.wide(true).neg()), nil
	}
	if !t.signed() && t.Encoding != Generic {
		return a, nil
	}
	return intValue(t, a.wide(true).abs()), nil
}

// compare tells whether a OP b for the six relations.
func compare(op byte, a, b Value) (bool, error) {
	if a.Type != b.Type {
		return false, fmt.Errorf("operands of different types: %w", ErrMalformed)
	}
	var less, equal bool
	switch t := a.Type; {
	case t.computableFloat():
		x, y := a.float(), b.float()
		if x != x || y != y { // unordered: only "not equal" holds
			return op == opNe, nil
		}
		less, equal = x < y, x == y
	case t.integral():
		signed := t.signed() || t.Encoding == Generic
		x, y := a.wide(signed), b.wide(signed)
		less, equal = x.less(y), x == y
		if signed {
			less = x.sless(y)
		}
	default:
		return false, fmt.Errorf("comparison: %w", ErrUnsupported)
	}
	switch op {
	case opEq:
		return equal, nil
	case opNe:
		return !equal, nil
	case opLt:
		return less, nil
	case opLe:
		return less || equal, nil
	case opGt:
		return !less && !equal, nil
	}
	return !less, nil
}
