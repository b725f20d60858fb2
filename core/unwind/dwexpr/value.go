package dwexpr

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Encoding is a DW_ATE_ base type encoding; Generic is DWARF's generic type.
type Encoding uint8

// Encodings (DWARF 5, section 7.8).
const (
	Generic      Encoding = 0x00
	Address      Encoding = 0x01
	Boolean      Encoding = 0x02
	ComplexFloat Encoding = 0x03
	Float        Encoding = 0x04
	Signed       Encoding = 0x05
	SignedChar   Encoding = 0x06
	Unsigned     Encoding = 0x07
	UnsignedChar Encoding = 0x08
	UTF          Encoding = 0x10
	UCS          Encoding = 0x11
	ASCII        Encoding = 0x12
)

// Type is the type of a value on the stack: generic, or a base type.
type Type struct {
	Encoding Encoding
	Size     int // bytes, 1 to 16
}

func (t Type) signed() bool { return t.Encoding == Signed || t.Encoding == SignedChar }

func (t Type) integral() bool {
	switch t.Encoding {
	case Generic, Address, Boolean, Signed, SignedChar, Unsigned, UnsignedChar, UTF, UCS, ASCII:
		return true
	}
	return false
}

// computableFloat tells whether the type is a float that arithmetic knows.
func (t Type) computableFloat() bool { return t.Encoding == Float && (t.Size == 4 || t.Size == 8) }

func (t Type) check() error {
	if t.Size < 1 || t.Size > 16 {
		return fmt.Errorf("base type of %d bytes: %w", t.Size, ErrUnsupported)
	}
	return nil
}

// Value is a value of at most 128 bits. Integers narrower than their 128 bits are
// kept zero-extended; floats are kept as their bit pattern.
type Value struct {
	Type   Type
	Lo, Hi uint64
}

// genericValue makes a value of the generic type for an address size.
func genericValue(v uint64, addrSize int) Value {
	return Value{Type: Type{Generic, addrSize}, Lo: v}.trunc()
}

// trunc drops bits beyond the type's size.
func (v Value) trunc() Value {
	switch n := v.Type.Size; {
	case n < 8:
		v.Lo &= 1<<(8*n) - 1
		v.Hi = 0
	case n == 8:
		v.Hi = 0
	case n < 16:
		v.Hi &= 1<<(8*(n-8)) - 1
	}
	return v
}

// address is the value as an address or offset.
func (v Value) address(env *Env) (uint64, error) {
	if !v.Type.integral() {
		return 0, fmt.Errorf("address is not an integer: %w", ErrMalformed)
	}
	return genericValue(v.wide(v.Type.signed()).lo, env.AddrSize).Lo, nil
}

func (v Value) zero() bool { return v.Lo == 0 && v.Hi == 0 }

// wide gives the integer as 128 bits, sign-extended if signed says so.
func (v Value) wide(signed bool) u128 {
	x := u128{hi: v.Hi, lo: v.Lo}
	n := uint(8 * v.Type.Size)
	if !signed || n >= 128 || x.shr(n-1).lo&1 == 0 {
		return x
	}
	return x.or(u128{^uint64(0), ^uint64(0)}.shl(n))
}

// float gives the value of a float of 4 or 8 bytes.
func (v Value) float() float64 {
	if v.Type.Size == 4 {
		return float64(math.Float32frombits(uint32(v.Lo)))
	}
	return math.Float64frombits(v.Lo)
}

func floatValue(t Type, f float64) Value {
	if t.Size == 4 {
		return Value{Type: t, Lo: uint64(math.Float32bits(float32(f)))}
	}
	return Value{Type: t, Lo: math.Float64bits(f)}
}

func intValue(t Type, x u128) Value { return Value{Type: t, Lo: x.lo, Hi: x.hi}.trunc() }

// Bytes gives the value as it would lie in memory, Type.Size bytes.
func (v Value) Bytes(order binary.ByteOrder) []byte {
	return v.bytes(&Env{Order: order})
}

func (v Value) bytes(env *Env) []byte {
	n := v.Type.Size
	if n < 1 || n > 16 {
		return nil
	}
	var le [16]byte
	binary.LittleEndian.PutUint64(le[:8], v.Lo)
	binary.LittleEndian.PutUint64(le[8:], v.Hi)
	out := le[:n:n]
	if env.big() {
		reverse(out)
	}
	return out
}

// ValueOf makes a value of type t from its bytes in memory order; len(b) must be
// t.Size.
func ValueOf(t Type, b []byte, order binary.ByteOrder) (Value, error) {
	if err := t.check(); err != nil {
		return Value{}, err
	}
	if len(b) != t.Size {
		return Value{}, fmt.Errorf("%d bytes for a type of %d: %w", len(b), t.Size, ErrMalformed)
	}
	var le [16]byte
	copy(le[:], b)
	if (&Env{Order: order}).big() {
		reverse(le[:t.Size])
	}
	return Value{Type: t, Lo: binary.LittleEndian.Uint64(le[:8]), Hi: binary.LittleEndian.Uint64(le[8:])}, nil
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// convert changes a value's type and keeps its meaning (DW_OP_convert).
func (v Value) convert(to Type) (Value, error) {
	if err := to.check(); err != nil {
		return Value{}, err
	}
	from := v.Type
	switch {
	case from == to:
		return v, nil
	case from.integral() && to.integral():
		return intValue(to, v.wide(from.signed())), nil
	case from.computableFloat() && to.computableFloat():
		return floatValue(to, v.float()), nil
	case from.integral() && to.computableFloat():
		return floatValue(to, v.wide(from.signed()).float(from.signed())), nil
	case from.computableFloat() && to.integral():
		x, ok := u128FromFloat(v.float())
		if !ok {
			return Value{}, fmt.Errorf("convert %g to an integer: %w", v.float(), ErrUnsupported)
		}
		return intValue(to, x), nil
	}
	return Value{}, fmt.Errorf("convert between types: %w", ErrUnsupported)
}

// reinterpret changes a value's type and keeps its bits (DW_OP_reinterpret). DWARF
// wants both to be of one size; GCC narrows with it, too, and gdb takes the low
// bytes then.
func (v Value) reinterpret(to Type) (Value, error) {
	if err := to.check(); err != nil {
		return Value{}, err
	}
	if to.Size > v.Type.Size {
		return Value{}, fmt.Errorf("reinterpret %d bytes as %d: %w", v.Type.Size, to.Size, ErrMalformed)
	}
	v.Type = to
	return v.trunc(), nil
}
