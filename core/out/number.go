package out

import (
	"math"
	"strconv"
)

type numFlags uint8

const (
	showBase numFlags = 1 << iota // 0i 0o 0t 0x where the value needs one
	signPos                       // + before what is not negative
	upCase                        // ABCDEF
)

// baseLetter and the largest value that reads the same without a prefix.
func basePrefix(base int) (letter byte, limit uint64) {
	switch base {
	case 2:
		return 'i', 1
	case 8:
		return 'o', 7
	case 10:
		return 't', 9
	case 16:
		return 'x', 9
	}
	return 0, 0
}

// appendUint is mdb's number in a base from 2 to 16, without sign.
func appendUint(dst []byte, v uint64, base int, f numFlags) []byte {
	if f&signPos != 0 {
		dst = append(dst, '+')
	}
	return appendDigits(dst, v, v, base, f)
}

// appendInt is the same of a signed number. The sign comes before the prefix
// and a negative number always counts as large enough for one.
func appendInt(dst []byte, v int64, base int, f numFlags) []byte {
	mag := uint64(v)
	if v < 0 {
		dst = append(dst, '-')
		mag = -mag
	} else if f&signPos != 0 {
		dst = append(dst, '+')
	}
	return appendDigits(dst, mag, uint64(v), base, f)
}

// appendDigits writes mag; whole decides about the prefix.
func appendDigits(dst []byte, mag, whole uint64, base int, f numFlags) []byte {
	if f&showBase != 0 {
		if c, limit := basePrefix(base); c != 0 && whole > limit {
			dst = append(dst, '0', c)
		}
	}
	from := len(dst)
	dst = strconv.AppendUint(dst, mag, base)
	if f&upCase != 0 {
		for i := from; i < len(dst); i++ {
			if c := dst[i]; c >= 'a' {
				dst[i] = c - 'a' + 'A'
			}
		}
	}
	return dst
}

// FormatUint returns v in the given base, 2 to 16, with MDB's prefix (0i 0o
// 0t 0x) where the value needs one: 5, 0xa, 0t12.
func FormatUint(v uint64, base int) string {
	return string(appendUint(nil, v, base, showBase))
}

// FormatOffset returns the offset that follows a symbol's name: always with a
// sign, with a prefix where one is needed: +0x1f, +3, -0x10.
func FormatOffset(off int64, base int) string {
	return string(appendInt(nil, off, base, showBase|signPos))
}

// FormatBinary returns v in base 2 without prefix.
func FormatBinary(v uint64) string { return strconv.FormatUint(v, 2) }

// appendFloat writes ±d.ddddde±NN with prec digits after the point.
func appendFloat(dst []byte, v float64, prec int, exp byte) []byte {
	if math.Signbit(v) {
		dst = append(dst, '-')
		v = -v
	} else {
		dst = append(dst, '+')
	}
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 0):
		return append(dst, "Infinity"...)
	}
	return strconv.AppendFloat(dst, v, exp, prec, 64)
}

// FormatFloat returns v as %e (7 digits, for float and double members) or %g
// (16 digits) print it: +1.0000000e+00.
func FormatFloat(v float64, digits int) string {
	return string(appendFloat(nil, v, digits, 'e'))
}

const sizeUnits = " KMGTPE"

// appendHuman is %H: below 1024 a plain number; an exact multiple of the unit
// as an integer (4K); otherwise three significant digits rounded to nearest,
// ties to even (10.0K, 1020K).
func appendHuman(dst []byte, v uint64) []byte {
	unit, n := 0, v
	for n >= 1024 {
		n /= 1024
		unit++
	}
	if unit == 0 {
		return strconv.AppendUint(dst, n, 10)
	}
	if v&(1<<(10*unit)-1) == 0 {
		dst = strconv.AppendUint(dst, n, 10)
		return append(dst, sizeUnits[unit])
	}
	val := float64(v) / float64(uint64(1)<<(10*unit))
	for prec, mag := 2, 100.0; ; prec, mag = prec-1, mag/10 {
		r := math.RoundToEven(val * mag)
		if r < 1000 || prec == 0 {
			dst = strconv.AppendFloat(dst, r/mag, 'f', prec, 64)
			return append(dst, sizeUnits[unit])
		}
	}
}

// NiceNum is mdb_nicenum, the figure of the zfs commands: 1024-based, plain
// below 1024, two decimals below 10 units, one below 100, none above and for
// powers of two. It is at most five characters long, the unit not counted
// where there are decimals, as its C buffer was.
func NiceNum(v uint64) string {
	unit, n := 0, v
	for n >= 1024 {
		n = n/1024 + (n%1024+512)/1024
		unit++
	}
	if unit == 0 {
		return strconv.FormatUint(n, 10)
	}
	if n < 100 && v&(v-1) != 0 {
		digits, mul := 1, uint64(10)
		if n < 10 {
			digits, mul = 2, 100
		}
		return niceFraction(v, 10*unit, digits, mul) + sizeUnits[unit:unit+1]
	}
	return strconv.FormatUint(n, 10) + sizeUnits[unit:unit+1]
}

// niceFraction is v / 2^shift with truncated decimals.
func niceFraction(v uint64, shift, digits int, mul uint64) string {
	whole, rest := v>>shift, v&(1<<shift-1)
	var frac uint64
	if shift <= 50 {
		frac = rest * mul >> shift
	} else {
		frac = rest >> 10 * mul >> (shift - 10) // rest has 60 bits: make room
	}
	s := strconv.FormatUint(frac, 10)
	for len(s) < digits {
		s = "0" + s
	}
	s = strconv.FormatUint(whole, 10) + "." + s
	return s[:min(len(s), 5)]
}
