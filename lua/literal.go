package lua

import (
	"errors"
	"strconv"
	"strings"
)

// maxExact is the greatest integer up to which every integer is a float64.
const maxExact = 1 << 53

// isInfinite tells a literal beyond the range of float64.
func isInfinite(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return errors.Is(err, strconv.ErrRange)
}

// literal is a number as written: big is set if it is an integer that a float64
// might not hold exactly. ok is false if the text is no number, or an integer
// beyond 64 bits.
func literal(text string) (v uint64, big, ok bool) {
	hex := len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x'
	if !hex && strings.ContainsAny(text, ".eE") {
		_, err := strconv.ParseFloat(text, 64)
		return 0, false, err == nil || errors.Is(err, strconv.ErrRange)
	}
	var err error
	if hex {
		v, err = strconv.ParseUint(text[2:], 16, 64)
	} else {
		v, err = strconv.ParseUint(text, 10, 64)
	}
	if err != nil {
		return 0, false, false
	}
	return v, v > maxExact, true
}
