package dwexpr

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

var two128 = new(big.Int).Lsh(big.NewInt(1), 128)

// signedBig is the number as two's complement.
func (a u128) signedBig() *big.Int {
	x := a.big()
	if a.negative() {
		x.Sub(x, two128)
	}
	return x
}

// TestU128 compares every operation with math/big on numbers of all widths.
func TestU128(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	number := func() u128 {
		x := u128{r.Uint64(), r.Uint64()}
		switch r.IntN(6) {
		case 0:
			return u128{0, x.lo}
		case 1:
			return u128{^uint64(0), x.lo}
		case 2:
			return u128{0, x.lo % 16}
		case 3:
			return u128{1 << 63, 0}
		}
		return x
	}
	wrap := func(x *big.Int) u128 { return fromBig(x.Mod(x, two128)) }
	for range 20000 {
		a, b, n := number(), number(), uint(r.IntN(130))
		check := func(op string, got, want u128) {
			if got != want {
				t.Errorf("%x %s %x (%d) = %x, want %x", a, op, b, n, got, want)
			}
		}
		check("add", a.add(b), wrap(new(big.Int).Add(a.big(), b.big())))
		check("sub", a.sub(b), wrap(new(big.Int).Sub(a.big(), b.big())))
		check("mul", a.mul(b), wrap(new(big.Int).Mul(a.big(), b.big())))
		check("shl", a.shl(n), wrap(new(big.Int).Lsh(a.big(), n)))
		check("shr", a.shr(n), wrap(new(big.Int).Rsh(a.big(), n)))
		check("sar", a.sar(n), wrap(new(big.Int).Rsh(a.signedBig(), n)))
		if got, want := a.less(b), a.big().Cmp(b.big()) < 0; got != want {
			t.Errorf("%x < %x: %v", a, b, got)
		}
		if got, want := a.sless(b), a.signedBig().Cmp(b.signedBig()) < 0; got != want {
			t.Errorf("%x < %x signed: %v", a, b, got)
		}
		want, _ := new(big.Float).SetInt(a.signedBig()).Float64()
		if got := a.float(true); got != want {
			t.Errorf("%x as float: %g, want %g", a, got, want)
		}
		if b.isZero() {
			continue
		}
		q, m := a.quoRem(b)
		check("quo", q, wrap(new(big.Int).Quo(a.big(), b.big())))
		check("rem", m, wrap(new(big.Int).Rem(a.big(), b.big())))
		q, m = a.squoRem(b)
		check("squo", q, wrap(new(big.Int).Quo(a.signedBig(), b.signedBig())))
		check("srem", m, wrap(new(big.Int).Rem(a.signedBig(), b.signedBig())))
	}
}

func TestU128FromFloat(t *testing.T) {
	for f, want := range map[float64]u128{0: {}, -0.5: {}, 1.9: {0, 1}, -1.9: {^uint64(0), ^uint64(0)}, 0x1p100: {1 << 36, 0}} {
		if got, ok := u128FromFloat(f); !ok || got != want {
			t.Errorf("%g: %x, %v; want %x", f, got, ok, want)
		}
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0x1p128} {
		if got, ok := u128FromFloat(f); ok {
			t.Errorf("%g: %x", f, got)
		}
	}
}
