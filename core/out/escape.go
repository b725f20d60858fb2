package out

const (
	escapeChars   = "\x00\a\b\f\n\r\t\v\"\\"
	escapeLetters = "0abfnrtv\"\\"
)

// EscapeC writes s in C notation as MDB does: \0 for NUL, \a \b \f \n \r \t \v
// \" \\, three octal digits for what else is not printable ASCII.
func EscapeC(s []byte) string { return string(AppendEscapeC(nil, s)) }

// AppendEscapeC appends EscapeC(s) to dst.
func AppendEscapeC(dst, s []byte) []byte {
	for _, c := range s {
		dst = appendEscaped(dst, c)
	}
	return dst
}

func appendEscaped(dst []byte, c byte) []byte {
	for i := range len(escapeChars) {
		if c == escapeChars[i] {
			return append(dst, '\\', escapeLetters[i])
		}
	}
	if c < ' ' || c > '~' {
		return append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
	}
	return append(dst, c)
}

// EscapeADB writes s as adb did: ^X for a control character, ^? for DEL, the
// eighth bit ignored.
func EscapeADB(s []byte) string {
	var dst []byte
	for _, c := range s {
		switch c &= 0x7f; {
		case c == 0x7f:
			dst = append(dst, '^', '?')
		case c < ' ':
			dst = append(dst, '^', c+'@')
		default:
			dst = append(dst, c)
		}
	}
	return string(dst)
}

// UnescapeC replaces the escapes of C in s: those of EscapeC and one to three
// octal digits. A backslash before any other character stays, one at the end
// is dropped.
func UnescapeC(s string) string {
	dst := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			continue
		}
		if i++; i == len(s) {
			break
		}
		if n := octalLen(s[i:]); n > 0 {
			var c byte
			for _, d := range []byte(s[i : i+n]) {
				c = c<<3 | (d - '0')
			}
			dst = append(dst, c)
			i += n - 1
			continue
		}
		dst = appendUnescaped(dst, s[i])
	}
	return string(dst)
}

// octalLen counts the octal digits s begins with, up to three.
func octalLen(s string) (n int) {
	for n < len(s) && n < 3 && s[n] >= '0' && s[n] <= '7' {
		n++
	}
	return n
}

func appendUnescaped(dst []byte, c byte) []byte {
	for i := 1; i < len(escapeLetters); i++ {
		if c == escapeLetters[i] {
			return append(dst, escapeChars[i])
		}
	}
	return append(dst, '\\', c)
}
