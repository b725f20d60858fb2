package out

import "strings"

// Describe says in words what the first conversion of a format prints, for
// ::formats: "%-16x" is "hexadecimal int", "text" where there is none.
func Describe(format string) string {
	_, f, ok := strings.Cut(format, "%")
	if !ok {
		return "text"
	}
	size := "int"
	for i := range len(f) {
		switch c := f[i]; c {
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '?', '#', '+', '-':
		case 'h':
			size = "short"
		case 'l':
			if size == "long" {
				size = "long long"
			} else if size != "long long" {
				size = "long"
			}
		case 'z':
			size = "size"
		case 'j':
			size = "int max"
		default:
			return describeLetter(c, size)
		}
	}
	return "text"
}

func describeLetter(c byte, size string) string {
	switch c {
	case 'a', 'A':
		return "symbol"
	case 'b':
		return "unsigned " + size + " bitfield"
	case 'c':
		return "character"
	case 'd', 'i':
		return "decimal signed " + size
	case 'u':
		return "decimal unsigned " + size
	case 'o':
		return "octal unsigned " + size
	case 'q':
		return "octal signed " + size
	case 'r':
		return "default radix unsigned " + size
	case 'R':
		return "default radix signed " + size
	case 'x', 'X':
		return "hexadecimal " + size
	}
	if s, ok := letterWords[c]; ok {
		return s
	}
	return "text"
}

var letterWords = map[byte]string{
	'e': "double", 'E': "double", 'g': "double", 'G': "double",
	'H': "human-readable size",
	'I': "IPv4 address", 'N': "IPv6 address",
	'm': "margin", 'p': "pointer", 's': "string",
	't': "tab", 'T': "tab", 'Y': "time_t",
	'<': "terminal attribute",
}
