package dwexpr

import (
	"encoding/binary"
	"testing"
)

// FuzzEval runs arbitrary expressions with every callback there is and with none,
// and reads what they describe.
func FuzzEval(f *testing.F) {
	f.Add(cat(opBreg0+7, 8, opBreg0+16, 0, opLit0+15, opAnd, opLit0+11, opGe, opLit0+3, opShl, opPlus), byte(0))
	f.Add(cat(opReg0+3, opPiece, 4, opBreg0+7, 0, opPiece, 8, opPiece, 2, opLit0+7, opStackValue, opPiece, 2), byte(0))
	f.Add(cat(opReg0+3, opBitPiece, 3, 5, opImplicitValue, 1, 9, opBitPiece, 5, 0), byte(4))
	f.Add(cat(opConst1s, 0xff, opConvert, 11, opConvert, 6, opDup, opMul, opConvert, 3, opStackValue), byte(0))
	f.Add(cat(opEntryValue, 1, opReg0+5, opCall2, 0x10, 0, opConst2u, 0x10, 0x10, opDerefType, 4, 1, opStackValue), byte(0))
	f.Add(cat(opLit0, opLit0+5, opDup, opRot, opPlus, opSwap, opLit0+1, opMinus, opDup, opBra, 0xf6, 0xff, opDrop), byte(1))
	f.Add(cat(opImplicitPointer, 4, 3, 2, 1, 0, 0, 0, 0, 0x7f), byte(8))
	f.Fuzz(func(t *testing.T, expr []byte, mode byte) {
		if len(expr) > 1<<12 {
			return
		}
		env := testEnv()
		if mode&1 != 0 {
			env = &Env{AddrSize: 8, Order: binary.LittleEndian}
		}
		if mode&2 != 0 {
			env.AddrSize = 4
		}
		if mode&4 != 0 {
			env.Order = binary.BigEndian
		}
		env.DWARF64 = mode&8 != 0
		l, err := Eval(env, expr, 0x1000)
		if err == nil {
			for _, n := range []uint64{1, 8, 13, 64, 100} {
				for _, off := range []uint64{0, 3, 8, 40, maxBits} {
					b, err := l.ReadBits(env, off, n)
					if err == nil && uint64(len(b)) != (n+7)/8 {
						t.Fatalf("%d bytes for %d bits", len(b), n)
					}
				}
			}
			_, _ = l.FrameBase(env)
		}
		_, _ = EvalAddr(env, expr)
	})
}
