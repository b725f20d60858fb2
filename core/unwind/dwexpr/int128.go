package dwexpr

import (
	"math"
	"math/big"
	"math/bits"
)

// u128 is an integer modulo 2^128; the operations that differ for signed numbers
// say so.
type u128 struct{ hi, lo uint64 }

func (a u128) add(b u128) u128 {
	lo, c := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, c)
	return u128{hi, lo}
}

func (a u128) sub(b u128) u128 {
	lo, c := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, c)
	return u128{hi, lo}
}

func (a u128) mul(b u128) u128 {
	hi, lo := bits.Mul64(a.lo, b.lo)
	return u128{hi + a.hi*b.lo + a.lo*b.hi, lo}
}

func (a u128) neg() u128         { return u128{}.sub(a) }
func (a u128) and(b u128) u128   { return u128{a.hi & b.hi, a.lo & b.lo} }
func (a u128) or(b u128) u128    { return u128{a.hi | b.hi, a.lo | b.lo} }
func (a u128) xor(b u128) u128   { return u128{a.hi ^ b.hi, a.lo ^ b.lo} }
func (a u128) not() u128         { return u128{^a.hi, ^a.lo} }
func (a u128) isZero() bool      { return a.hi == 0 && a.lo == 0 }
func (a u128) negative() bool    { return a.hi>>63 != 0 }
func (a u128) less(b u128) bool  { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }
func (a u128) sless(b u128) bool { return int64(a.hi) < int64(b.hi) || a.hi == b.hi && a.lo < b.lo }

func (a u128) shl(n uint) u128 {
	if n >= 64 {
		return u128{a.lo << (n - 64), 0}
	}
	return u128{a.hi<<n | a.lo>>(64-n), a.lo << n}
}

func (a u128) shr(n uint) u128 {
	if n >= 64 {
		return u128{0, a.hi >> (n - 64)}
	}
	return u128{a.hi >> n, a.lo>>n | a.hi<<(64-n)}
}

// sar shifts right and repeats the sign.
func (a u128) sar(n uint) u128 {
	r := a.shr(n)
	if a.negative() && n > 0 {
		r = r.or(u128{^uint64(0), ^uint64(0)}.shl(128 - min(n, 128)))
	}
	return r
}

// quoRem divides unsigned; b must not be zero.
func (a u128) quoRem(b u128) (q, r u128) {
	if b.hi == 0 {
		qh, rem := a.hi/b.lo, a.hi%b.lo
		ql, rem := bits.Div64(rem, a.lo, b.lo)
		return u128{qh, ql}, u128{0, rem}
	}
	bq, br := new(big.Int).QuoRem(a.big(), b.big(), new(big.Int))
	return fromBig(bq), fromBig(br)
}

// squoRem divides signed, truncating towards zero; b must not be zero.
func (a u128) squoRem(b u128) (q, r u128) {
	q, r = a.abs().quoRem(b.abs())
	if a.negative() != b.negative() {
		q = q.neg()
	}
	if a.negative() {
		r = r.neg()
	}
	return q, r
}

func (a u128) abs() u128 {
	if a.negative() {
		return a.neg()
	}
	return a
}

func (a u128) big() *big.Int {
	x := new(big.Int).SetUint64(a.hi)
	return x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(a.lo))
}

// fromBig takes a number in [0, 2^128).
func fromBig(x *big.Int) u128 {
	lo := new(big.Int).And(x, new(big.Int).SetUint64(math.MaxUint64))
	return u128{new(big.Int).Rsh(x, 64).Uint64(), lo.Uint64()}
}

// float rounds to the nearest float64.
func (a u128) float(signed bool) float64 {
	if signed && a.negative() {
		return -a.neg().float(false)
	}
	f, _ := new(big.Float).SetInt(a.big()).Float64()
	return f
}

// u128FromFloat truncates towards zero; ok is false if the result does not fit in
// 128 bits.
func u128FromFloat(f float64) (x u128, ok bool) {
	if math.IsNaN(f) || math.Abs(f) >= math.Ldexp(1, 128) {
		return u128{}, false
	}
	i, _ := new(big.Float).SetFloat64(math.Abs(f)).Int(nil)
	x = fromBig(i)
	if f < 0 {
		x = x.neg()
	}
	return x, true
}
