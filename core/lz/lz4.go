package lz

import (
	"encoding/binary"
	"errors"
)

var errBlock = errors.New("damaged block of LZ4")

// LZ4Block decompresses a block (lz4_Block_format.md of the LZ4 project) to the end of
// dst, which must not grow beyond limit bytes; matches may reach back into what dst holds
// already. With an error comes what was decompressed before it.
func LZ4Block(dst, src []byte, limit int) ([]byte, error) {
	for i := 0; i < len(src); {
		token := src[i]
		i++
		lits, n, ok := lz4Length(src[i:], int(token>>4))
		i += n
		if !ok || lits > len(src)-i || lits > limit-len(dst) {
			return dst, errBlock
		}
		dst = append(dst, src[i:i+lits]...)
		i += lits
		if i == len(src) {
			return dst, nil // the last sequence has no match
		}
		if len(src)-i < 2 {
			return dst, errBlock
		}
		back := int(binary.LittleEndian.Uint16(src[i:]))
		i += 2
		match, n, ok := lz4Length(src[i:], int(token&15))
		i += n
		match += 4
		if !ok || back == 0 || back > len(dst) || match > limit-len(dst) {
			return dst, errBlock
		}
		for from := len(dst) - back; match > 0; {
			k := min(match, len(dst)-from)
			dst = append(dst, dst[from:from+k]...)
			match -= k
		}
	}
	return dst, errBlock
}

// lz4Length finishes a length whose 4-bit part is n: bytes follow if it is 15, up
// to and with the first below 255. used is how many.
func lz4Length(src []byte, n int) (length, used int, ok bool) {
	if n < 15 {
		return n, 0, true
	}
	for used < len(src) {
		b := src[used]
		used++
		n += int(b)
		if b != 255 {
			return n, used, true
		}
	}
	return 0, used, false
}
