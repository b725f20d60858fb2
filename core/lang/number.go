package lang

import "math"

// digit gives the value of c as a digit of any base up to 36. Other bytes give
// a value that no base accepts.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	}
	return math.MaxInt
}

// ParseDigits converts digits of the given base (2 to 36) to a number, ignoring
// underscores. No digits at all make 0. The errors are MDB's and stand alone.
func ParseDigits(s string, base int) (uint64, error) {
	var v uint64
	limit := uint64(math.MaxUint64) / uint64(base)
	for i := 0; i < len(s); i++ {
		if s[i] == '_' {
			continue
		}
		if v > limit {
			return 0, errTooLarge()
		}
		d := digit(s[i])
		if d >= base {
			return 0, Bare("digit '%c' is invalid in current base", s[i])
		}
		v *= uint64(base)
		if math.MaxUint64-v < uint64(d) {
			return 0, errTooLarge()
		}
		v += uint64(d)
	}
	return v, nil
}

func errTooLarge() error { return Bare("specified value exceeds maximum immediate value") }

// SplitPrefix takes a base prefix (0i 0o 0t 0x, either case) off s. Without one
// the base is radix.
func SplitPrefix(s string, radix int) (digits string, base int) {
	if len(s) >= 2 && s[0] == '0' {
		if b := prefixBase(s[1]); b != 0 {
			return s[2:], b
		}
	}
	return s, radix
}

func prefixBase(c byte) int {
	switch c {
	case 'i', 'I':
		return 2
	case 'o', 'O':
		return 8
	case 't', 'T':
		return 10
	case 'x', 'X':
		return 16
	}
	return 0
}

// ParseNumber converts a number as dcmds accept it in their arguments: an
// optional sign, an optional base prefix, digits.
func ParseNumber(s string, radix int) (uint64, error) {
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	digits, base := SplitPrefix(s, radix)
	v, err := ParseDigits(digits, base)
	if neg {
		v = -v
	}
	return v, err
}

// floatBits is the 64-bit image of the decimal number whole.fraction, computed
// step by step as MDB does, so that the last bits agree.
func floatBits(whole, fraction string) (uint64, error) {
	n, err := ParseDigits(whole, 10)
	if err != nil {
		return 0, err
	}
	d := float64(n)
	places := 0
	for i := 0; i < len(fraction); i++ {
		if fraction[i] == '_' {
			continue
		}
		d = float64(d*10) + float64(fraction[i]) - '0' // the conversion forbids a fused operation
		places++
	}
	for ; places > 0; places-- {
		d /= 10
	}
	return math.Float64bits(d), nil
}

// charValue packs a character constant: the last byte is least significant.
func charValue(s string) (uint64, error) {
	if len(s) > 8 {
		return 0, Bare("character constant may not exceed 8 bytes")
	}
	var v uint64
	for i := 0; i < len(s); i++ {
		v = v<<8 | uint64(s[i])
	}
	return v, nil
}
