package lang

import "strings"

// escapes pairs the letter after a backslash with the byte it stands for.
var escapes = [...]struct{ letter, value byte }{
	{'a', '\a'}, {'b', '\b'}, {'f', '\f'}, {'n', '\n'},
	{'r', '\r'}, {'t', '\t'}, {'v', '\v'}, {'"', '"'}, {'\\', '\\'},
}

// Unescape converts C escapes: \a \b \f \n \r \t \v \" \\ and one to three
// octal digits (of which the low eight bits count). Any other escape keeps its
// backslash; a lone backslash at the end is dropped.
func Unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' {
			b = append(b, c)
			continue
		}
		i++
		if i == len(s) {
			break
		}
		c = s[i]
		if c >= '0' && c <= '7' {
			v := c - '0'
			for n := 1; n < 3 && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '7'; n++ {
				i++
				v = v*8 + s[i] - '0'
			}
			b = append(b, v)
			continue
		}
		b = appendEscaped(b, c)
	}
	return string(b)
}

func appendEscaped(b []byte, letter byte) []byte {
	for _, e := range escapes {
		if e.letter == letter {
			return append(b, e.value)
		}
	}
	return append(b, '\\', letter)
}

// Escape is the C notation of s: what error messages quote and the S format
// prints. Bytes outside printable ASCII become three octal digits, NUL "\0".
func Escape(s string) string {
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		clean = s[i] >= ' ' && s[i] <= '~' && s[i] != '"' && s[i] != '\\'
	}
	if clean {
		return s
	}
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		b = appendNotation(b, s[i])
	}
	return string(b)
}

func appendNotation(b []byte, c byte) []byte {
	if c == 0 {
		return append(b, '\\', '0')
	}
	for _, e := range escapes {
		if e.value == c {
			return append(b, '\\', e.letter)
		}
	}
	if c >= ' ' && c <= '~' {
		return append(b, c)
	}
	return append(b, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
}

// cString cuts s at its first NUL, as a C string ends.
func cString(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}
