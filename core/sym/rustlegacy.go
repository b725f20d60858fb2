package sym

import (
	"strconv"
	"strings"
)

// rustHash is the length of the last part of a legacy Rust name: h and 16 digits.
const rustHash = 17

// isLegacyRust tells Rust's first mangling, which looks like C++'s: _ZN, parts with
// their lengths, the last one a hash, E.
func isLegacyRust(name string) bool {
	n := len(name) - rustHash - len("17E")
	return n > len("_ZN") && strings.HasPrefix(name, "_ZN") && strings.HasPrefix(name[n:], "17h") && strings.HasSuffix(name, "E") &&
		strings.Trim(name[n+3:len(name)-1], "0123456789abcdef") == ""
}

// separateRust puts an underscore between the length of a part of a legacy Rust name
// and the part, if that begins with one itself: the demangler takes a first underscore
// for such a separator.
func separateRust(name string) string {
	rest := name[len("_ZN"):]
	var out strings.Builder
	out.WriteString("_ZN")
	for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.Atoi(rest[:digits])
		if err != nil || n > len(rest)-digits {
			return name
		}
		part := rest[digits : digits+n]
		if strings.HasPrefix(part, "_") {
			part = "_" + part
		}
		out.WriteString(strconv.Itoa(len(part)) + part)
		rest = rest[digits+n:]
	}
	return out.String() + rest
}
