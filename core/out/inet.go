package out

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// appendInet4 writes an address kept in network order as a little-endian host
// loads it: the first number is the low byte.
func appendInet4(dst []byte, v uint32) []byte {
	for i := range 4 {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, uint64(byte(v>>(8*i))), 10)
	}
	return dst
}

// inet4Bytes accepts the forms of an IPv4 address that are no integers.
func inet4Bytes(v any) (string, bool) {
	switch v := v.(type) {
	case [4]byte:
		return string(appendInet4(nil, binary.LittleEndian.Uint32(v[:]))), true
	case []byte:
		if len(v) == 4 {
			return string(appendInet4(nil, binary.LittleEndian.Uint32(v))), true
		}
	case netip.Addr:
		return v.String(), true
	}
	return "", false
}

// inet6 accepts 16 bytes or a netip.Addr.
func inet6(v any) string {
	switch v := v.(type) {
	case [16]byte:
		return FormatInet6(v)
	case *[16]byte:
		if v != nil {
			return FormatInet6(*v)
		}
	case []byte:
		if len(v) == 16 {
			return FormatInet6([16]byte(v))
		}
	case netip.Addr:
		return FormatInet6(v.As16())
	case nil:
		return noArgument
	}
	return asString(v)
}

// FormatInet6 is %N. It is not RFC 5952: the run of zeros it shortens is the
// first one, or the first in the second half if more zeros are there, and
// addresses that map or embed an IPv4 one show it dotted.
func FormatInet6(a [16]byte) string {
	var w [8]uint16
	head, tail := 0, 0
	for i := range w {
		if w[i] = binary.BigEndian.Uint16(a[2*i:]); w[i] == 0 {
			if i < 4 {
				head++
			} else {
				tail++
			}
		}
	}
	low := binary.BigEndian.Uint32(a[12:])
	if head == 4 && w[4] == 0 {
		switch {
		case w[5] == 0xffff:
			return "::ffff:" + dotted(a)
		case w[5] == 0 && low == 0:
			return "::"
		case w[5] == 0 && low != 1:
			return "::" + dotted(a)
		}
	}
	return groups(w, tail > head && head+tail != 7)
}

func dotted(a [16]byte) string {
	return string(appendInet4(nil, binary.LittleEndian.Uint32(a[12:])))
}

// groups writes the eight groups; lateRun keeps zeros of the first half.
func groups(w [8]uint16, lateRun bool) string {
	dst := make([]byte, 0, 40)
	shortened, inRun := false, false
	for i, g := range w {
		switch {
		case g != 0:
			inRun = false
			dst = append(strconv.AppendUint(dst, uint64(g), 16), ':')
		case inRun:
			if i == 7 {
				dst = append(dst, ':')
			}
		case !shortened && i < 7 && w[i+1] == 0 && !(lateRun && i < 4):
			if i == 0 {
				dst = append(dst, ':')
			}
			dst = append(dst, ':')
			shortened, inRun = true, true
		default:
			dst = append(dst, '0', ':')
		}
	}
	return string(dst[:len(dst)-1])
}
