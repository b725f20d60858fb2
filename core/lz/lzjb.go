package lz

import (
	"encoding/binary"
	"math/bits"
)

// LZJB decompresses src into all of dst; false if src is not what compress makes
// of len(dst) bytes. A src as long as dst is dst as it is.
//
// The stream is groups of a byte of flags and, for each of its bits from the
// lowest on, a byte as it is (0) or two bytes of a copy (1): six bits of length
// less three, ten of distance back. It ends where dst is full.
func LZJB(dst, src []byte) bool {
	if len(src) >= len(dst) {
		return copy(dst, src) == len(dst) && len(src) == len(dst)
	}
	d, s, ok := lzjbFast(dst, src)
	if !ok {
		return false
	}
	for d < len(dst) {
		if s >= len(src) {
			return false
		}
		flags := src[s]
		s++
		for bit := 0; bit < 8 && d < len(dst); bit++ {
			if flags>>bit&1 == 0 {
				if s >= len(src) {
					return false
				}
				dst[d] = src[s]
				d++
				s++
				continue
			}
			if s+2 > len(src) {
				return false
			}
			n, dist := int(src[s]>>2)+3, int(src[s]&3)<<8|int(src[s+1])
			s += 2
			if dist == 0 || dist > d {
				return false
			}
			for n = min(n, len(dst)-d); n > 0; n-- {
				dst[d] = dst[d-dist]
				d++
			}
		}
	}
	return true
}

// Most bytes that one group takes and makes, rounded up to whole words.
const (
	groupIn  = 24
	groupOut = 8*66 + 8
)

// lzjbFast does as many groups as are safe to do without looking at the ends:
// copies go by words and may write further than they should, which the next one
// mends.
func lzjbFast(dst, src []byte) (d, s int, ok bool) {
	for s+groupIn <= len(src) && d+groupOut <= len(dst) {
		flags := uint(src[s])
		s++
		if flags == 0 {
			binary.LittleEndian.PutUint64(dst[d:], binary.LittleEndian.Uint64(src[s:]))
			d += 8
			s += 8
			continue
		}
		for left := 8; left > 0; left-- {
			// Bytes as they are up to the next copy.
			n := min(bits.TrailingZeros(flags), left)
			binary.LittleEndian.PutUint64(dst[d:], binary.LittleEndian.Uint64(src[s:]))
			d += n
			s += n
			if left -= n; left == 0 {
				break
			}
			flags >>= n + 1
			b := uint(src[s])<<8 | uint(src[s+1])
			s += 2
			dist := int(b & 0x3ff)
			if dist == 0 || dist > d {
				return d, s, false
			}
			copyBack(dst, d, dist, int(b>>10)+3)
			d += int(b>>10) + 3
		}
	}
	return d, s, true
}

// copyBack copies n bytes within dst from dist bytes back to d; up to seven bytes
// more are written.
func copyBack(dst []byte, d, dist, n int) {
	if dist >= n { // do not overlap
		if n <= 8 {
			binary.LittleEndian.PutUint64(dst[d:], binary.LittleEndian.Uint64(dst[d-dist:]))
			return
		}
		copy(dst[d:d+n], dst[d-dist:])
		return
	}
	if dist >= 8 {
		for k := 0; k < n; k += 8 {
			binary.LittleEndian.PutUint64(dst[d+k:], binary.LittleEndian.Uint64(dst[d+k-dist:]))
		}
		return
	}
	if dist == 1 {
		b := dst[d-1]
		if b == 0 {
			clear(dst[d : d+n])
			return
		}
		w := uint64(b) * 0x0101010101010101
		for k := 0; k < n; k += 8 {
			binary.LittleEndian.PutUint64(dst[d+k:], w)
		}
		return
	}
	// The first bytes one by one, until a multiple of the distance is a word away.
	far := dist * ((7 + dist) / dist)
	for k := 0; k < min(n, far); k++ {
		dst[d+k] = dst[d+k-dist]
	}
	for k := far; k < n; k += 8 {
		binary.LittleEndian.PutUint64(dst[d+k:], binary.LittleEndian.Uint64(dst[d+k-far:]))
	}
}
