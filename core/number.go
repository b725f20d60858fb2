package core

import "github.com/xmdb/xmdb/core/lang"

// Strtoull reads a number as dcmds read their arguments: prefixes 0i 0o 0t 0x,
// else the session's radix. Its error ends the whole statement, as one of the
// parser does; a dcmd returns it as it is.
func (s *Session) Strtoull(str string) (uint64, error) { return Strtoull(str, s.Opts.Radix) }

// Strtoull reads a number with MDB's prefixes, else in radix (2 to 16). A sign is
// taken where there is no prefix; `_` may stand anywhere after the first digit. No
// digits at all are 0.
func Strtoull(str string, radix int) (uint64, error) {
	if len(str) > 1 && str[0] == '0' {
		switch str[1] | 0x20 {
		case 'i':
			return digits(str[2:], 2)
		case 'o':
			return digits(str[2:], 8)
		case 't':
			return digits(str[2:], 10)
		case 'x':
			return digits(str[2:], 16)
		}
	}
	return digits(str, radix)
}

// digits reads digits of the radix, with a sign before them or not.
func digits(str string, radix int) (uint64, error) {
	if str == "" || str[0] != '-' && str[0] != '+' {
		return magnitude(str, radix)
	}
	v, err := magnitude(str[1:], radix)
	if str[0] == '-' {
		v = -v
	}
	return v, err
}

func magnitude(str string, radix int) (uint64, error) {
	base := uint64(radix)
	var v uint64
	for i := range len(str) {
		c := str[i]
		if c == '_' && i > 0 {
			continue
		}
		// A character below the digits counts as less than zero: it is a bad
		// digit where it comes first and too much after that.
		d := digit(c)
		switch {
		case v > ^uint64(0)/base:
			return 0, errTooLarge()
		case d >= radix, d < 0 && i == 0:
			return 0, lang.Bare("digit '%c' is invalid in current base", c)
		case ^uint64(0)-v*base < uint64(d):
			return 0, errTooLarge()
		}
		v = v*base + uint64(d)
	}
	return v, nil
}

// errTooLarge is MDB's word for a number beyond 64 bits.
func errTooLarge() error { return lang.Bare("specified value exceeds maximum immediate value") }

// digit is what a character stands for: 0 to 35 for digits and letters, something
// else for others.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 10
	}
	return int(int8(c)) - 'A' + 10
}
