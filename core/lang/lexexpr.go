package lang

import "strings"

// initialToken reads a token where an address, a count or a command may stand.
func (l *lexer) initialToken(c byte) (token, error) {
	if c == '!' && l.at(1) == '=' {
		return l.takeOp(tkOp, opNotEqual, 2), nil
	}
	if t, ok := l.common(c); ok {
		return t, nil
	}
	switch c {
	case '=':
		if l.at(1) == '=' {
			return l.takeOp(tkOp, opEqual, 2), nil
		}
		return l.verb(c), nil
	case '/', '\\', '?', '@':
		return l.verb(c), nil
	case '>':
		return l.assignToken(), nil
	case '$', ':':
		return l.dcmdToken(c), nil
	}
	return l.operandToken(c)
}

// exprToken reads a token inside $[ ].
func (l *lexer) exprToken(c byte) (token, error) {
	switch c {
	case ';', '\n':
		l.take(tkEnd, 1)
		if c == '\n' {
			l.lineno++
		}
		return token{}, At("syntax error: $[ unmatched")
	case '!':
		if l.at(1) == '=' {
			return l.takeOp(tkOp, opNotEqual, 2), nil
		}
		l.take(tkChar, 1)
		return token{}, At("syntax error: $[ unmatched")
	case ']':
		l.state = l.outer
		return l.take(tkClose, 1), nil
	case '=':
		if l.at(1) == '=' {
			return l.takeOp(tkOp, opEqual, 2), nil
		}
	case '>':
		if l.at(1) == '>' {
			return l.takeOp(tkOp, opShiftRight, 2), nil
		}
	}
	return l.operandToken(c)
}

// verb reads a format verb, or one with a write or match character after it.
func (l *lexer) verb(c byte) token {
	if c != '=' && c != '@' {
		n := 1 + span(l.line[l.pos+1:], isBlank)
		if f := l.at(n); f != 0 && strings.IndexByte("vwzWZlLM", f) >= 0 {
			t := l.takeOp(tkWrite, c, n+1)
			t.cast = f
			l.state = stArgs
			return t
		}
	}
	l.state = stFormat
	return l.takeOp(tkVerb, c, 1)
}

// assignToken reads >/c/ or > or >>.
func (l *lexer) assignToken() token {
	if l.at(1) == '>' {
		return l.takeOp(tkOp, opShiftRight, 2)
	}
	cmd := &Command{Name: ">", Written: ">"}
	n := 1
	if l.isCast() {
		n = 4
		cmd.Args = []Arg{{Kind: ArgChar, Char: l.at(2)}}
	}
	return l.dcmd(cmd, n)
}

// isCast tells whether /c/ follows the current byte.
func (l *lexer) isCast() bool {
	c := l.at(2)
	return l.at(1) == '/' && (isAlpha(c) || isDec(c)) && l.at(3) == '/'
}

func (l *lexer) dcmd(cmd *Command, n int) token {
	t := l.take(tkDcmd, n)
	if cmd.Written == "" {
		cmd.Written = l.line[t.start:t.end]
		cmd.Name = strings.TrimPrefix(cmd.Written, "::")
	}
	t.cmd = cmd
	l.state = stArgs
	return t
}

// dcmdToken reads what starts with $ or : .
func (l *lexer) dcmdToken(c byte) token {
	second := l.at(1)
	switch {
	case c == ':' && second == ':' && isSymbolStart(l.at(2)):
		return l.dcmd(&Command{}, 2+span(l.line[l.pos+2:], isSymbolChar))
	case c == '$' && second == '<' && l.at(2) == '<':
		return l.dcmd(&Command{}, 3)
	case c == '$' && (second == '<' || second == '>'), second != 0 && isCommandChar(second):
		return l.dcmd(&Command{}, 2)
	}
	return l.takeOp(tkChar, c, 1)
}

// operandToken reads operators and operands, the same in and out of $[ ].
func (l *lexer) operandToken(c byte) (token, error) {
	switch c {
	case '%', '*':
		if c == '%' && l.at(1) == '%' {
			return l.takeOp(tkOp, opModulus, 2), nil
		}
		if l.isCast() {
			return l.castToken(c)
		}
	case '<':
		return l.lessToken(), nil
	case '\'':
		return l.characterConstant()
	case '"':
		return l.stringToken(c)
	}
	switch {
	case isDec(c):
		return l.number()
	case isSymbolStart(c):
		return l.name(), nil
	}
	return l.charToken(c), nil
}

var castSizes = map[byte]int{
	'c': 1, '1': 1, 's': 2, '2': 2, 'i': 4, '4': 4, '8': 8, 'l': SizeLong,
}

func (l *lexer) castToken(c byte) (token, error) {
	t := l.takeOp(tkLoad, c, 4)
	size, ok := castSizes[l.line[t.start+2]]
	if !ok {
		return t, Bare("invalid cast -- %s", l.line[t.start:t.end])
	}
	t.size = size
	return t, nil
}

// lessToken reads a variable, a shift, or a stray < .
func (l *lexer) lessToken() token {
	n := 0
	switch c := l.at(1); {
	case isSymbolStart(c):
		n = 1 + span(l.line[l.pos+1:], isSymbolChar)
	case isDec(c):
		n = 2
	case c == '<':
		return l.takeOp(tkOp, opShiftLeft, 2)
	default:
		return l.takeOp(tkChar, '<', 1)
	}
	t := l.take(tkOperand, n)
	t.expr = &Expr{Op: Variable, Text: l.line[t.start+1 : t.end]}
	return t
}

func (l *lexer) characterConstant() (token, error) {
	n, unmatched := quoteEnd(l.rest())
	if n == 0 {
		if unmatched {
			l.take(tkChar, len(l.rest())-1)
			return token{}, At("syntax error: ' unmatched")
		}
		return l.takeOp(tkChar, '\'', 1), nil
	}
	t := l.take(tkOperand, n)
	v, err := charValue(Unescape(l.line[t.start+1 : t.end-1]))
	t.expr = &Expr{Op: Number, Value: v}
	return t, err
}

func isDecOrLow(c byte) bool { return isDec(c) || c == '_' }

// number reads what starts with a decimal digit.
func (l *lexer) number() (token, error) {
	base, skip := l.radix(), 0
	ok := isHex
	if l.at(0) == '0' {
		if b := prefixBase(l.at(1)); b != 0 {
			base, skip = b, 2
			ok = func(c byte) bool { return digit(c) < b }
		}
	}
	n := skip + span(l.line[l.pos+skip:], ok)
	if n > skip { // an underscore may follow a digit
		n += span(l.line[l.pos+n:], func(c byte) bool { return ok(c) || c == '_' })
	}
	if base == 10 && skip == 2 && n > skip && l.at(n) == '.' && isDec(l.at(n+1)) {
		return l.float(n)
	}
	t := l.take(tkOperand, n)
	v, err := ParseDigits(l.line[t.start+skip:t.end], base)
	t.expr = &Expr{Op: Number, Value: v}
	return t, err
}

// float reads 0tN.M; the dot is n bytes on.
func (l *lexer) float(n int) (token, error) {
	t := l.take(tkOperand, n+1+span(l.line[l.pos+n+1:], isDecOrLow))
	v, err := floatBits(l.line[t.start+2:t.start+n], l.line[t.start+n+1:t.end])
	t.expr = &Expr{Op: Number, Value: v}
	return t, err
}

// name reads what starts with a letter, _ or a dot: a symbol, or a word that may
// also be a number (add, f, dead_beef).
func (l *lexer) name() token {
	n := span(l.rest(), isSymbolChar)
	hex := 0
	if isHex(l.at(0)) {
		hex = span(l.rest(), func(c byte) bool { return isHex(c) || c == '_' })
	}
	if hex == n {
		t := l.take(tkOperand, n)
		text := l.line[t.start:t.end]
		v, err := ParseDigits(text, l.radix())
		t.expr = &Expr{Op: Word, Text: text, Value: v, Err: err}
		return t
	}
	t := l.take(tkSymbol, n)
	t.text = l.line[t.start:t.end]
	return t
}
