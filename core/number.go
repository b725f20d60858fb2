package core

import (
	"errors"
	"fmt"
)

// ErrTooLarge is MDB's word for a number beyond 64 bits.
var ErrTooLarge = errors.New("specified value exceeds maximum immediate value")

// Strtoull reads a number as dcmds read their arguments: prefixes 0i 0o 0t 0x,
// else the session's radix.
func (s *Session) Strtoull(str string) (uint64, error) { return Strtoull(str, s.Opts.Radix) }

// Strtoull reads a number with MDB's prefixes, else in radix (2 to 16). `_` may
// stand anywhere after the first digit.
func Strtoull(str string, radix int) (uint64, error) {
	if str != "" && (str[0] == '-' || str[0] == '+') {
		v, err := Strtoull(str[1:], radix)
		if str[0] == '-' {
			v = -v
		}
		return v, err
	}
	digits := str
	if len(str) > 2 && str[0] == '0' {
		switch str[1] | 0x20 {
		case 'i':
			radix, digits = 2, str[2:]
		case 'o':
			radix, digits = 8, str[2:]
		case 't':
			radix, digits = 10, str[2:]
		case 'x':
			radix, digits = 16, str[2:]
		}
	}
	var v uint64
	for i := range len(digits) {
		c := digits[i]
		if c == '_' && i > 0 {
			continue
		}
		d := digit(c)
		if d >= radix {
			return 0, fmt.Errorf("digit '%c' is invalid in current base", c)
		}
		n := v*uint64(radix) + uint64(d)
		if v > (^uint64(0)-uint64(d))/uint64(radix) {
			return 0, ErrTooLarge
		}
		v = n
	}
	return v, nil
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10
	}
	return 99
}
