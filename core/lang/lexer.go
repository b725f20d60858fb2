package lang

import "strings"

type state uint8

const (
	stInitial state = iota
	stArgs
	stFormat
	stExpr
	stShell
)

type kind uint8

const (
	tkEOF     kind = iota // end of input, a NUL or a byte that no token starts with
	tkEnd                 // newline, semicolon or comment
	tkChar                // a character by itself: op is it
	tkOperand             // expr: a finished operand (number, word, variable)
	tkSymbol              // text
	tkString              // text, unquoted
	tkOp                  // op: == != %% << >> as ops below
	tkLoad                // * or % with a cast: op, size
	tkVerb                // op: format verb
	tkWrite               // op: verb, cast: format character
	tkDcmd                // cmd
	tkCount               // value: decimal number in a format
	tkFmtChar             // op: character of a format
	tkOpen                // $[
	tkClose               // ]
	tkSource              // !<
)

// Two-character operators as bytes beyond ASCII, so that they share tables with
// the one-character ones.
const (
	opEqual byte = 0x80 + iota
	opNotEqual
	opShiftLeft
	opShiftRight
	opModulus
)

type token struct {
	kind       kind
	op         byte
	cast       byte
	size       int
	start, end int // in the line
	text       string
	value      uint64
	expr       *Expr
	cmd        *Command
}

// lexer cuts the current line into tokens. Its state outlives tokens.
type lexer struct {
	line   string
	nul    int // index of the last NUL in line, -1 without one
	pos    int
	lineno int
	state  state
	outer  state // the state to return to after $[ ]

	tokStart int // the last token read, for "near"
	tokEnd   int

	radix func() int
}

func (l *lexer) near() string { return l.line[l.tokStart:l.tokEnd] }

// take makes the token of the next n bytes.
func (l *lexer) take(k kind, n int) token {
	t := token{kind: k, start: l.pos, end: l.pos + n}
	l.pos += n
	l.tokStart, l.tokEnd = t.start, t.end
	return t
}

func (l *lexer) takeOp(k kind, op byte, n int) token {
	t := l.take(k, n)
	t.op = op
	return t
}

// at is the byte i places on, or 0 beyond the line.
func (l *lexer) at(i int) byte {
	if l.pos+i < len(l.line) {
		return l.line[l.pos+i]
	}
	return 0
}

func (l *lexer) rest() string { return l.line[l.pos:] }

// next reads a token in the current state.
func (l *lexer) next() (token, error) {
	if l.state == stShell {
		return l.shellToken()
	}
	for isBlank(l.at(0)) {
		l.pos++
	}
	c := l.at(0)
	if c == 0 {
		n := min(1, len(l.line)-l.pos)
		t := l.take(tkEOF, n)
		l.tokEnd = l.tokStart
		return t, nil
	}
	switch l.state {
	case stArgs:
		return l.argToken(c)
	case stFormat:
		return l.formatToken(c)
	case stExpr:
		return l.exprToken(c)
	default:
		return l.initialToken(c)
	}
}

// end reads a terminator of n bytes.
func (l *lexer) end(n int) token {
	t := l.take(tkEnd, n)
	if l.line[t.end-1] == '\n' {
		l.lineno++
	}
	l.state = stInitial
	return t
}

// comment is the length of a comment at this place: to the end of the line,
// newline included; 0 without one.
func (l *lexer) comment() int {
	s := l.rest()
	if strings.HasPrefix(s, "//") && strings.HasSuffix(s, "\n") && l.pos > l.nul {
		return len(s)
	}
	return 0
}

// common reads the tokens that mean the same after a dcmd, in a format list and
// at the start: terminators, comments, shell escapes.
func (l *lexer) common(c byte) (token, bool) {
	switch c {
	case '\n', ';':
		return l.end(1), true
	case '/':
		if n := l.comment(); n > 0 {
			return l.end(n), true
		}
	case '!':
		k, n := tkChar, 1
		if l.at(1) == '<' {
			k, n = tkSource, 2
		}
		l.state = stShell
		return l.takeOp(k, '!', n), true
	}
	return token{}, false
}

func (l *lexer) argToken(c byte) (token, error) {
	if t, ok := l.common(c); ok {
		return t, nil
	}
	switch {
	case c == '|':
		l.state = stInitial
		return l.takeOp(tkChar, c, 1), nil
	case c == '$':
		return l.openToken(), nil
	}
	n := wordEnd(l.rest())
	if n == 0 {
		return l.stringToken(c)
	}
	t := l.take(tkString, n)
	// A word that is one double-quoted string is unescaped as a whole: in it
	// a backslash may itself be escaped before the closing quote.
	if end, _ := quoteEnd(l.line[t.start:]); c == '"' && end == n {
		t.text = cString(Unescape(l.line[t.start+1 : t.end-1]))
		return t, nil
	}
	word, bad := unquoteWord(l.line[t.start:t.end])
	if bad != 0 {
		return t, At("syntax error: %c unmatched", bad)
	}
	t.text = word
	return t, nil
}

// openToken reads $[ or a stray $.
func (l *lexer) openToken() token {
	if l.at(1) != '[' {
		return l.takeOp(tkChar, '$', 1)
	}
	l.outer = l.state
	l.state = stExpr
	return l.take(tkOpen, 2)
}

// stringToken reads a double-quoted string, or what a lone quote is.
func (l *lexer) stringToken(c byte) (token, error) {
	if c != '"' {
		return l.charToken(c), nil
	}
	n, unmatched := quoteEnd(l.rest())
	if n == 0 {
		if unmatched {
			l.take(tkChar, len(l.rest())-1)
			return token{}, At("syntax error: \" unmatched")
		}
		return l.charToken(c), nil
	}
	t := l.take(tkString, n)
	t.text = cString(Unescape(l.line[t.start+1 : t.end-1]))
	return t, nil
}

// charToken reads a character that is a token by itself. A byte outside ASCII
// is the end of input to MDB's parser.
func (l *lexer) charToken(c byte) token {
	if c >= 0x80 {
		return l.take(tkEOF, 1)
	}
	return l.takeOp(tkChar, c, 1)
}

func (l *lexer) formatToken(c byte) (token, error) {
	if t, ok := l.common(c); ok {
		return t, nil
	}
	switch {
	case c == '|':
		l.state = stInitial
		return l.takeOp(tkChar, c, 1), nil
	case c == '$':
		return l.openToken(), nil
	case isDec(c):
		t := l.take(tkCount, span(l.rest(), isDec))
		v, err := ParseDigits(l.line[t.start:t.end], 10)
		t.value = v
		return t, err
	case isSimple(c):
		return l.takeOp(tkFmtChar, c, 1), nil
	}
	return l.stringToken(c)
}

// shellToken reads the command after ! or !<: a quoted one, or the text up to
// the end of the statement.
func (l *lexer) shellToken() (token, error) {
	blanks := span(l.rest(), isBlank)
	l.pos += blanks
	c := l.at(0)
	switch c {
	case '\'', '"':
		n, unmatched := quoteEnd(l.rest())
		if n > 0 {
			t := l.take(tkString, n)
			t.text = l.line[t.start+1 : t.end-1]
			if c == '"' {
				t.text = cString(Unescape(t.text))
			}
			t.text = strings.ReplaceAll(t.text, `\'`, `'`)
			l.state = stInitial
			return t, nil
		}
		if unmatched {
			n := len(l.rest()) - 1 + blanks
			l.pos -= blanks
			l.take(tkChar, n)
			return token{}, At("syntax error: quote unmatched")
		}
		return l.charToken(c), nil
	case ';', '\n':
		return l.end(1), nil
	case 0:
		t := l.take(tkEOF, min(1, len(l.line)-l.pos))
		l.tokEnd = l.tokStart
		return t, nil
	}
	n := span(l.rest(), func(c byte) bool { return c != ';' && c != '\n' && c != 0 })
	l.pos -= blanks
	t := l.take(tkString, n+blanks)
	t.text = l.line[t.start:t.end]
	l.state = stInitial
	return t, nil
}
