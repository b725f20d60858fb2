package value

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Digits after the point with which MDB prints floating point members.
const (
	floatDigits = 7
	longDigits  = 16
)

// Float reads a float, double or long double, the last rounded to a double.
func (v Value) Float() (float64, error) {
	b := v.Base()
	if b.Kind() != ctype.Float {
		return 0, ErrNotFloat
	}
	buf, err := v.Read(16)
	if err != nil {
		return 0, err
	}
	switch f, kind := decodeFloat(buf, b, v.W.order()); kind {
	case ctype.Single, ctype.Double:
		return f, nil
	case ctype.LongDouble:
		return extended(buf, v.W.order()).float64(), nil
	}
	return 0, ErrNotFloat
}

// decodeFloat decodes binary32 and binary64; kind tells what the bytes are.
func decodeFloat(b []byte, t *ctype.Type, o binary.ByteOrder) (f float64, kind ctype.FloatKind) {
	switch e := t.Enc(); {
	case e.Float == ctype.Single && len(b) == 4:
		return float64(math.Float32frombits(o.Uint32(b))), ctype.Single
	case e.Float == ctype.Double && len(b) == 8, e.Float == ctype.LongDouble && len(b) == 8:
		return math.Float64frombits(o.Uint64(b)), ctype.Double
	case e.Float == ctype.LongDouble && (len(b) == 16 || len(b) == 12 || len(b) == 10):
		return 0, ctype.LongDouble
	}
	return 0, ctype.NotFloat
}

// floatText formats as MDB does; ok is false for formats that it does not know.
func floatText(b []byte, t *ctype.Type, o binary.ByteOrder) (text string, ok bool) {
	switch f, kind := decodeFloat(b, t, o); kind {
	case ctype.Single, ctype.Double:
		return out.FormatFloat(f, floatDigits), true
	case ctype.LongDouble:
		return extended(b, o).text(longDigits), true
	}
	return "", false
}

// x87 is an 80-bit extended number: a sign, 15 bits of exponent, 64 bits of
// significand with an explicit integer bit.
type x87 struct {
	neg  bool
	exp  int
	mant uint64
}

func extended(b []byte, o binary.ByteOrder) x87 {
	if o == binary.ByteOrder(binary.BigEndian) {
		b = slices.Clone(b[:10])
		slices.Reverse(b)
	}
	se := binary.LittleEndian.Uint16(b[8:])
	return x87{se>>15 != 0, int(se & 0x7fff), binary.LittleEndian.Uint64(b)}
}

// special tells infinities and what is not a number.
func (x x87) special() (float64, bool) {
	if x.exp != 0x7fff {
		return 0, false
	}
	if x.mant<<1 != 0 {
		return math.NaN(), true
	}
	if x.neg {
		return math.Inf(-1), true
	}
	return math.Inf(1), true
}

func (x x87) big() *big.Float {
	f := new(big.Float).SetPrec(64).SetUint64(x.mant)
	f.SetMantExp(f, max(x.exp, 1)-16383-63)
	if x.neg {
		f.Neg(f)
	}
	return f
}

func (x x87) float64() float64 {
	if f, ok := x.special(); ok {
		return f
	}
	f, _ := x.big().Float64()
	return f
}

func (x x87) text(digits int) string {
	if f, ok := x.special(); ok {
		return out.FormatFloat(f, digits)
	}
	s := x.big().Text('e', digits)
	if !strings.HasPrefix(s, "-") {
		s = "+" + s
	}
	return s
}

// complexText formats the two halves of a C complex number.
func complexText(b []byte, t *ctype.Type, o binary.ByteOrder) (string, bool) {
	half := len(b) / 2
	kind := map[int]ctype.FloatKind{4: ctype.Single, 8: ctype.Double, 16: ctype.LongDouble}[half]
	if t.Enc().Float != ctype.Complex || kind == ctype.NotFloat {
		return "", false
	}
	part := ctype.New(nil, 0, ctype.Float, "", &ctype.Body{Size: uint64(half), Enc: ctype.Encoding{Float: kind}})
	re, _ := floatText(b[:half], part, o)
	im, _ := floatText(b[half:], part, o)
	return re + " " + im + "i", true
}

// readFull is mem.ReadFull with a raw address.
func readFull(sp mem.Space, p []byte, a uint64) error { return mem.ReadFull(sp, p, mem.Addr(a)) }
