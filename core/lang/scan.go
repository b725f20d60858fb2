package lang

import "strings"

// The functions here find how far a token reaches. They see one line, whose
// newline, if it has one, is its last byte; a NUL ends the input.

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
func isDec(c byte) bool   { return c >= '0' && c <= '9' }
func isHex(c byte) bool {
	return isDec(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
func isAlpha(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isSymbolStart(c byte) bool {
	return isAlpha(c) || c == '_' || c == '.'
}
func isSymbolChar(c byte) bool {
	return isSymbolStart(c) || isDec(c) || c == '`'
}

// isCommandChar tells whether c can follow $ or : in a command's name.
func isCommandChar(c byte) bool {
	return isAlpha(c) || strings.IndexByte("?%@\\^_`", c) >= 0
}

// isSimple tells whether c stands for itself in an argument word or a format.
func isSimple(c byte) bool {
	switch c {
	case ' ', '\t', '\n', ';', '!', '|', '"', '\'', '$', 0:
		return false
	}
	return true
}

// span counts the bytes at the start of s for which ok holds.
func span(s string, ok func(byte) bool) int {
	n := 0
	for n < len(s) && ok(s[n]) {
		n++
	}
	return n
}

// body is s without its newline and without what follows a NUL; eol tells
// whether the newline is what ends it.
func body(s string) (text string, eol bool) {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i], false
	}
	if strings.HasSuffix(s, "\n") {
		return s[:len(s)-1], true
	}
	return s, false
}

// quoteEnd finds the quote that ends the text which opens with s[0]: the length
// including both quotes. Within single quotes a backslash only keeps a quote
// right after it from ending the text; within double quotes it takes any
// character along. Length 0: no end on this line; then unmatched tells whether
// the rest of the line is the unmatched text (else the quote is a stray one).
func quoteEnd(s string) (n int, unmatched bool) {
	text, eol := body(s)
	if s[0] == '\'' {
		last := 0
		for i := 1; i < len(text); i++ {
			if text[i] == '\'' {
				if i == 1 || text[i-1] != '\\' {
					return i + 1, false
				}
				last = i + 1
			}
		}
		if eol {
			return 0, true
		}
		return last, false // at the end of input an escaped quote still closes
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1, false
		case '\\':
			i++
			if i == len(text) {
				return 0, false
			}
		}
	}
	return 0, eol
}

// Positions within an argument word, as a set: a quote after a backslash within
// single quotes may or may not end the quoted part, so there can be several.
const (
	inWord = 1 << iota
	inSingle
	inSingleEscape // in single quotes, the last byte was a backslash
	inDouble
	inDoubleEscape
)

// wordEnd is the length of the longest argument word at the start of s: plain
// characters and quoted parts.
func wordEnd(s string) int {
	text, _ := body(s)
	end := 0
	at := inWord
	for i := 0; i < len(text) && at != 0; i++ {
		at = wordStep(at, text[i])
		if at&inWord != 0 {
			end = i + 1
		}
	}
	return end
}

func wordStep(at int, c byte) (next int) {
	if at&inWord != 0 {
		switch {
		case c == '\'':
			next |= inSingle
		case c == '"':
			next |= inDouble
		case isSimple(c):
			next |= inWord
		}
	}
	if at&(inSingle|inSingleEscape) != 0 {
		switch c {
		case '\'':
			next |= inWord
			if at&inSingleEscape != 0 {
				next |= inSingle
			}
		case '\\':
			next |= inSingleEscape
		default:
			next |= inSingle
		}
	}
	if at&inDouble != 0 {
		switch c {
		case '"':
			next |= inWord
		case '\\':
			next |= inDoubleEscape
		default:
			next |= inDouble
		}
	}
	if at&inDoubleEscape != 0 {
		next |= inDouble
	}
	return next
}

// nextQuote is the index, from i on, of the first byte of s that is in quotes
// and does not follow a backslash (the byte at i counts as following none).
func nextQuote(s string, i int, quotes string) int {
	for j := i; j < len(s); j++ {
		if strings.IndexByte(quotes, s[j]) >= 0 && (j == i || s[j-1] != '\\') {
			return j
		}
	}
	return -1
}

// unquoteWord takes the quotes out of an argument word. A quote without its
// partner is returned as bad.
func unquoteWord(s string) (word string, bad byte) {
	if !strings.ContainsAny(s, `'"`) {
		return s, 0
	}
	var b strings.Builder
	rest := 0
	for {
		open := nextQuote(s, rest, `'"`)
		if open < 0 {
			b.WriteString(s[rest:])
			return cString(b.String()), 0
		}
		b.WriteString(s[rest:open])
		c := s[open]
		var end int
		if c == '"' {
			end = nextQuote(s, open+1, `"`)
		} else if end = strings.IndexByte(s[open+1:], c); end >= 0 {
			end += open + 1
		}
		if end < 0 {
			return "", c
		}
		part := s[open+1 : end]
		if c == '"' {
			part = Unescape(part)
		}
		b.WriteString(part)
		rest = end + 1
	}
}
