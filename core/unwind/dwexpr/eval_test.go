package dwexpr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testTypes are base types by DIE offset.
var testTypes = map[uint64]Type{
	1: {Signed, 4}, 2: {Unsigned, 4}, 3: {Float, 8}, 4: {Float, 4}, 5: {Signed, 16}, 6: {Unsigned, 16},
	7: {Signed, 8}, 8: {Unsigned, 1}, 9: {Float, 16}, 10: {Signed, 1}, 11: {Unsigned, 8},
}

// testEnv has registers 0..19 = 100*n but for 15, which is unknown, and memory at
// [0x1000, 0x1100) with bytes 0, 1, 2...
func testEnv() *Env {
	e := &Env{AddrSize: 8, Order: binary.LittleEndian, Version: 5, Bias: 0x10000}
	e.Reg = func(n uint64) (uint64, bool) { return 100 * n, n < 20 && n != 15 }
	e.RegBytes = func(n uint64) ([]byte, bool) {
		if n != 17 {
			return nil, false
		}
		return binary.LittleEndian.AppendUint64(make([]byte, 0, 16), math.Float64bits(2.5))[:16], true
	}
	e.ReadMemory = func(p []byte, addr uint64) error {
		if addr < 0x1000 || addr+uint64(len(p)) > 0x1100 {
			return fmt.Errorf("no memory at %#x", addr)
		}
		for i := range p {
			p[i] = byte(addr) + byte(i)
		}
		return nil
	}
	e.ReadSpace = func(p []byte, space, addr uint64) error {
		for i := range p {
			p[i] = byte(space)
		}
		return nil
	}
	e.FrameBase = func() (uint64, error) { return 0x2000, nil }
	e.CFA = func() (uint64, error) { return 0x3000, nil }
	e.TLS = func(off uint64) (uint64, error) { return 0x4000 + off, nil }
	e.ObjectAddress = func() (uint64, error) { return 0x5000, nil }
	e.Addrx = func(i uint64) (uint64, error) { return 0x600 + i, nil }
	e.Constx = func(i uint64) (uint64, error) { return 0x700 + i, nil }
	e.BaseType = func(off uint64) (Type, error) {
		t, ok := testTypes[off]
		if !ok {
			return t, ErrMalformed
		}
		return t, nil
	}
	e.EntryValue = func(expr []byte) (Value, error) {
		if len(expr) == 1 && expr[0] == opReg0+5 {
			return Value{Type: Type{Generic, 8}, Lo: 55}, nil
		}
		return Value{}, fmt.Errorf("entry value: %w", ErrOptimisedOut)
	}
	e.Call = func(op CallOp, off uint64) ([]byte, error) {
		switch {
		case op == Call2 && off == 0x10:
			return []byte{opPlusUconst, 1}, nil
		case op == Call4 && off == 0x20:
			return []byte{opCall4, 0x20, 0, 0, 0}, nil
		case op == CallRef && off == 0x30:
			return nil, nil
		}
		return nil, ErrMalformed
	}
	e.VariableValue = func(off uint64) (Value, error) { return Value{Type: Type{Generic, 8}, Lo: off}, nil }
	e.ParameterRef = func(off uint64) (Value, error) { return Value{Type: Type{Signed, 4}, Lo: off}, nil }
	return e
}

func cat(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

func mem(a uint64) Location { return Location{Kind: Memory, Addr: a} }
func reg(n uint64) Location { return Location{Kind: Register, Reg: n} }
func lit(v uint64) Location {
	return Location{Kind: Literal, Value: Value{Type: Type{Generic, 8}, Lo: v}}
}
func typed(t Type, lo uint64) Location {
	return Location{Kind: Literal, Value: Value{Type: t, Lo: lo}}
}

func TestLocations(t *testing.T) {
	f64, f32 := func(v float64) uint64 { return math.Float64bits(v) }, func(v float32) uint64 { return uint64(math.Float32bits(v)) }
	const sv = opStackValue
	constF64 := func(v float64) []byte {
		return cat(opConstType, 3, 8, binary.LittleEndian.AppendUint64(nil, f64(v)))
	}
	for _, tt := range []struct {
		name string
		expr []byte
		want Location
	}{
		{"empty", nil, Location{}},
		{"addr is biased", cat(opAddr, 0, 0x20, 0, 0, 0, 0, 0, 0), mem(0x12000)},
		{"reg", cat(opReg0 + 3), reg(3)},
		{"regx", cat(opRegx, 0x81, 1), reg(129)},
		{"breg", cat(opBreg0+7, 0x70), mem(684)},
		{"bregx", cat(opBregx, 16, 4), mem(1604)},
		{"fbreg", cat(opFbreg, 0x68), mem(0x2000 - 24)},
		{"call_frame_cfa", cat(opCallFrameCFA, opConst1s, 0xf0, opPlus), mem(0x3000 - 16)},
		{"push_object_address", cat(opPushObjectAddr), mem(0x5000)},
		{"addrx", cat(opAddrx, 2), mem(0x10602)},
		{"GNU_addr_index", cat(opGNUAddrIndex, 2), mem(0x10602)},
		{"constx", cat(opConstx, 2, sv), lit(0x702)},
		{"GNU_const_index", cat(opGNUConstIndex, 2, sv), lit(0x702)},
		{"form_tls_address", cat(opConst1u, 8, opFormTLSAddress), mem(0x4008)},
		{"GNU_push_tls_address", cat(opLit0+8, opGNUPushTLS), mem(0x4008)},
		{"implicit_value", cat(opImplicitValue, 3, 7, 8, 9), Location{Kind: Implicit, Bytes: []byte{7, 8, 9}}},
		{"implicit_pointer", cat(opImplicitPointer, 4, 3, 2, 1, 0x7f), Location{Kind: ImplicitPointer, Ref: 0x01020304, Offset: -1}},
		{"GNU_implicit_pointer", cat(opGNUImplicitPtr, 4, 3, 2, 1, 2), Location{Kind: ImplicitPointer, Ref: 0x01020304, Offset: 2}},
		{"uninit", cat(opReg0+1, opGNUUninit), Location{Kind: Register, Reg: 1, Uninit: true}},
		{"nop after location", cat(opReg0+1, opNop), reg(1)},
		{"GNU_encoded_addr", cat(opGNUEncodedAddr, 0x0b, 0xf0, 0xff, 0xff, 0xff), mem(0x10000 - 16)},

		{"constants 1, 2, 4", cat(opConst1u, 0xff, opConst1s, 0xff, opPlus, opConst2u, 0xff, 0xff, opPlus, opConst2s, 0xff, 0xff, opPlus,
			opConst4u, 1, 0, 0, 0x80, opPlus, opConst4s, 0xff, 0xff, 0xff, 0xff, opPlus, sv), lit(254 + 65535 - 1 + 0x80000001 - 1)},
		{"constants 8", cat(opConst8u, 1, 0, 0, 0, 0, 0, 0, 0, opConst8s, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, opPlus, sv), lit(^uint64(0))},
		{"constants LEB", cat(opConstu, 0xe5, 0x8e, 0x26, opConsts, 0x80, 0x7f, opPlus, sv), lit(624485 - 128)},
		{"dup, over, pick, swap, rot, drop", cat(opLit0+1, opLit0+2, opLit0+3, opRot, // 3 1 2
			opOver, opPick, 3, opSwap, opDrop, // 3 1 2 3
			opDup, opMul, opPlus, opMul, opPlus, sv), lit(3 + 1*(2+9))},
		{"bra and skip: a loop", cat(opLit0, opLit0+5, // sum, n
			opDup, opRot, opPlus, opSwap, // sum+n n
			opLit0+1, opMinus, opDup, opBra, 0xf6, 0xff, opDrop, opSkip, 1, 0, opLit0, sv), lit(15)},
		{"div is signed", cat(opConst1s, 0xf9, opLit0+2, opDiv, sv), lit(^uint64(2))},
		{"mod is unsigned", cat(opConst1s, 0xff, opLit0+10, opMod, sv), lit(math.MaxUint64 % 10)},
		{"lt is signed", cat(opConst1s, 0xff, opLit0+1, opLt, sv), lit(1)},
		{"relations", cat(opLit0+2, opLit0+2, opEq, opLit0+2, opLit0+3, opNe, opPlus, opLit0+2, opLit0+2, opGe, opPlus,
			opLit0+3, opLit0+2, opGt, opPlus, opLit0+2, opLit0+2, opLe, opPlus, opLit0+2, opLit0+2, opLt, opPlus, sv), lit(5)},
		{"abs, neg, not", cat(opConst1s, 0xfb, opAbs, opNeg, opNot, sv), lit(4)},
		{"and, or, xor", cat(opLit0+12, opLit0+10, opAnd, opLit0+1, opOr, opLit0+3, opXor, sv), lit(10)},
		{"shifts", cat(opConst1s, 0xf0, opLit0+4, opShra, opLit0+8, opShl, opLit0+4, opShr, sv), lit(0x0ffffffffffffff0)},
		{"shra keeps the sign, shr does not", cat(opConst1s, 0xf0, opLit0+4, opShra, opConst1s, 0xf0, opConst1u, 60, opShr, opPlus, sv), lit(14)},
		{"shift by too much", cat(opLit0+1, opConst1u, 64, opShl, sv), lit(0)},
		{"plus_uconst wraps", cat(opConst1s, 0xff, opPlusUconst, 3, sv), lit(2)},

		{"deref", cat(opConst2u, 0x10, 0x10, opDeref, sv), lit(0x1716151413121110)},
		{"deref_size", cat(opConst2u, 0x10, 0x10, opDerefSize, 2, sv), lit(0x1110)},
		{"xderef", cat(opLit0+3, opLit0, opXderef, sv), lit(0x0303030303030303)},
		{"xderef_size", cat(opLit0+3, opLit0, opXderefSize, 1, sv), lit(3)},
		{"deref_type", cat(opConst2u, 0xf0, 0x10, opDerefType, 4, 1, sv), typed(testTypes[1], 0xf3f2f1f0)},
		{"xderef_type", cat(opLit0+3, opLit0, opXderefType, 1, 8, sv), typed(testTypes[8], 3)},
		{"regval_type of a vector register", cat(opRegvalType, 17, 3, sv), typed(testTypes[3], f64(2.5))},
		{"regval_type of an integer register", cat(opGNURegvalType, 3, 1, sv), typed(testTypes[1], 300)},
		{"entry_value", cat(opEntryValue, 1, opReg0+5, opPlusUconst, 1, sv), lit(56)},
		{"GNU_entry_value", cat(opGNUEntryValue, 1, opReg0+5, sv), lit(55)},
		{"GNU_parameter_ref", cat(opGNUParameterRef, 9, 0, 0, 0, sv), typed(testTypes[1], 9)},
		{"GNU_variable_value", cat(opGNUVariableValue, 9, 0, 0, 0, sv), lit(9)},
		{"call2", cat(opLit0+1, opCall2, 0x10, 0, sv), lit(2)},
		{"call_ref to nothing", cat(opLit0+1, opCallRef, 0x30, 0, 0, 0, sv), lit(1)},

		{"const_type and float sum", cat(constF64(1.5), constF64(-4), opPlus, sv), typed(testTypes[3], f64(-2.5))},
		{"float mul, div, abs, neg", cat(constF64(3), constF64(-4), opMul, constF64(8), opDiv, opAbs, opNeg, sv), typed(testTypes[3], f64(-1.5))},
		{"float comparison", cat(constF64(1), constF64(2), opLt, sv), lit(1)},
		{"NaN equals nothing", cat(constF64(math.NaN()), opDup, opEq, sv), lit(0)},
		{"convert float to int", cat(constF64(-2.75), opConvert, 1, sv), typed(testTypes[1], 0xfffffffe)},
		{"convert int to float", cat(opConst1s, 0xfe, opConvert, 7, opConvert, 3, sv), typed(testTypes[3], f64(-2))},
		{"convert double to float", cat(constF64(0.1), opConvert, 4, sv), typed(testTypes[4], f32(0.1))},
		{"convert sign-extends", cat(opConst1u, 0xff, opConvert, 10, opConvert, 1, sv), typed(testTypes[1], 0xffffffff)},
		{"convert zero-extends", cat(opConst1u, 0xff, opConvert, 8, opConvert, 1, sv), typed(testTypes[1], 0xff)},
		{"convert to generic", cat(opConst1u, 0xff, opConvert, 10, opConvert, 0, sv), lit(^uint64(0))},
		{"reinterpret", cat(constF64(1), opReinterpret, 11, opConvert, 0, sv), lit(f64(1))},
		{"reinterpret the low bytes", cat(opConst8u, 1, 2, 3, 4, 5, 6, 7, 8, opReinterpret, 4, sv), typed(testTypes[4], 0x04030201)},
		{"typed signed mod", cat(opConst1s, 0xf9, opConvert, 1, opLit0+4, opConvert, 1, opMod, sv), typed(testTypes[1], 0xfffffffd)},
		{"typed unsigned div", cat(opConst1s, 0xff, opConvert, 2, opLit0+16, opConvert, 2, opDiv, sv), typed(testTypes[2], 0x0fffffff)},
		{"128-bit product", cat(opConst1s, 0xff, opConvert, 11, opConvert, 6, opDup, opMul, sv),
			Location{Kind: Literal, Value: Value{Type: testTypes[6], Lo: 1, Hi: ^uint64(0) - 1}}},
		{"128-bit quotient", cat(opConst1s, 0x80, opConvert, 5, opConst1u, 100, opShl, opLit0+1, opConvert, 5, opConst1u, 65, opShl, opDiv, opConvert, 7, sv),
			typed(testTypes[7], ^uint64(1<<42)+1)},

		{"pieces", cat(opReg0+3, opPiece, 4, opBreg0+7, 0, opPiece, 8, opPiece, 2, opLit0+7, sv, opPiece, 2), Location{Kind: Composite, Pieces: []Piece{
			{At: reg(3), BitSize: 32}, {At: mem(700), BitSize: 64}, {At: Location{}, BitSize: 16}, {At: lit(7), BitSize: 16}}}},
		{"bit_piece", cat(opReg0+3, opBitPiece, 3, 5, opImplicitValue, 1, 9, opBitPiece, 5, 0), Location{Kind: Composite, Pieces: []Piece{
			{At: reg(3), BitSize: 3, BitOffset: 5}, {At: Location{Kind: Implicit, Bytes: []byte{9}}, BitSize: 5}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Eval(testEnv(), tt.expr)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	var deep []byte
	for range MaxStack + 1 {
		deep = append(deep, opLit0)
	}
	var pieces []byte
	for range MaxPieces + 1 {
		pieces = append(pieces, opPiece, 1)
	}
	full, bare := testEnv(), &Env{AddrSize: 8, Order: binary.LittleEndian}
	for _, tt := range []struct {
		name string
		env  *Env
		expr []byte
		want error
	}{
		{"unknown operation", full, cat(0xff), ErrMalformed},
		{"operation 0", full, cat(0), ErrMalformed},
		{"short operand", full, cat(opConst4u, 1), ErrMalformed},
		{"short block", full, cat(opImplicitValue, 9, 1), ErrMalformed},
		{"stack underflow", full, cat(opPlus), ErrMalformed},
		{"underflow in rot", full, cat(opLit0, opLit0, opRot), ErrMalformed},
		{"underflow in swap", full, cat(opLit0, opSwap), ErrMalformed},
		{"pick past the end", full, cat(opLit0, opPick, 1), ErrMalformed},
		{"stack overflow", full, deep, ErrLimit},
		{"endless loop", full, cat(opSkip, 0xfd, 0xff), ErrLimit},
		{"endless calls", full, cat(opCall4, 0x20, 0, 0, 0), ErrLimit},
		{"too many pieces", full, pieces, ErrLimit},
		{"huge piece", full, cat(opPiece, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), ErrLimit},
		{"branch out of the expression", full, cat(opSkip, 0, 1), ErrMalformed},
		{"branch before the expression", full, cat(opSkip, 0, 0x80), ErrMalformed},
		{"division by zero", full, cat(opLit0, opLit0, opDiv), ErrDivide},
		{"modulo zero", full, cat(opLit0, opLit0, opMod), ErrDivide},
		{"operation after register", full, cat(opReg0, opLit0), ErrMalformed},
		{"location after last piece", full, cat(opReg0, opPiece, 4, opReg0), ErrMalformed},
		{"mixed types", full, cat(opLit0, opLit0, opConvert, 1, opPlus), ErrMalformed},
		{"float as address", full, cat(opLit0, opConvert, 3, opDeref), ErrMalformed},
		{"float of 16 bytes", full, cat(opLit0, opConvert, 9), ErrUnsupported},
		{"reinterpret to more bytes", full, cat(opLit0, opReinterpret, 6), ErrMalformed},
		{"deref_size 0", full, cat(opConst2u, 0, 0x10, opDerefSize, 0), ErrMalformed},
		{"deref_size 9", full, cat(opConst2u, 0, 0x10, opDerefSize, 9), ErrMalformed},
		{"infinity to integer", full, cat(opConstType, 3, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f, opConvert, 1), ErrUnsupported},
		{"unknown register", full, cat(opBreg0+15, 0), ErrOptimisedOut},
		{"entry value", full, cat(opEntryValue, 1, opReg0+6), ErrOptimisedOut},
		{"no frame base", bare, cat(opFbreg, 0), ErrUnavailable},
		{"no registers", bare, cat(opBreg0, 0), ErrUnavailable},
		{"no memory", bare, cat(opLit0, opDeref), ErrUnavailable},
		{"no space", bare, cat(opLit0+1, opLit0, opXderef), ErrUnavailable},
		{"no TLS", bare, cat(opLit0, opFormTLSAddress), ErrUnavailable},
		{"no call", bare, cat(opCall2, 0, 0), ErrUnavailable},
		{"no types", bare, cat(opLit0, opConvert, 1), ErrUnavailable},
		{"no entry value", bare, cat(opEntryValue, 1, opReg0), ErrUnavailable},
		{"no environment", nil, cat(opLit0), ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if l, err := Eval(tt.env, tt.expr); !errors.Is(err, tt.want) {
				t.Errorf("%+v, %v; want %v", l, err, tt.want)
			}
		})
	}
}

// TestEvalAddr computes the CFA of a PLT stub, as ld writes it: rsp+8, plus 8 once
// the stub has pushed.
func TestEvalAddr(t *testing.T) {
	plt := cat(opBreg0+7, 8, opBreg0+16, 0, opLit0+15, opAnd, opLit0+11, opGe, opLit0+3, opShl, opPlus)
	for rip, want := range map[uint64]uint64{0x1020: 0x7008, 0x102a: 0x7008, 0x102b: 0x7010, 0x102f: 0x7010} {
		env := &Env{AddrSize: 8, Order: binary.LittleEndian, Reg: func(n uint64) (uint64, bool) {
			return map[uint64]uint64{7: 0x7000, 16: rip}[n], true
		}}
		if got, err := EvalAddr(env, plt); err != nil || got != want {
			t.Errorf("rip %#x: %#x, %v; want %#x", rip, got, err, want)
		}
	}
	env := testEnv()
	if got, err := EvalAddr(env, cat(opPlusUconst, 8), 5); err != nil || got != 13 {
		t.Errorf("initial value: %d, %v", got, err)
	}
	if _, err := EvalAddr(env, cat(opReg0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("register as value: %v", err)
	}
	want := Value{Type: testTypes[3], Lo: math.Float64bits(2.5)}
	for _, expr := range [][]byte{cat(opRegvalType, 17, 3), cat(opRegvalType, 17, 3, opStackValue)} {
		if got, err := EvalValue(env, expr); err != nil || got != want {
			t.Errorf("typed value: %v, %v", got, err)
		}
		if _, err := EvalAddr(env, expr); !errors.Is(err, ErrMalformed) {
			t.Errorf("float as address: %v", err)
		}
	}
	if _, err := EvalAddr(env, nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("nothing as value: %v", err)
	}
}

// TestAddrSize4 wraps addresses at 32 bits and reads references of version 2.
func TestAddrSize4(t *testing.T) {
	env := testEnv()
	env.AddrSize, env.Version = 4, 2
	got, err := Eval(env, cat(opConst4u, 0xff, 0xff, 0xff, 0xff, opPlusUconst, 2))
	if err != nil || got.Kind != Memory || got.Addr != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	env.AddrSize = 8
	got, err = Eval(env, cat(opImplicitPointer, 1, 0, 0, 0, 2, 0, 0, 0, 0))
	if err != nil || got.Ref != 0x200000001 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBudget(t *testing.T) {
	env := testEnv()
	left := 5
	env.Budget = &left
	for i, want := range []error{nil, nil, ErrLimit} {
		if _, err := EvalAddr(env, cat(opLit0, opNop)); !errors.Is(err, want) {
			t.Errorf("evaluation %d: %v, want %v", i, err, want)
		}
	}
}
