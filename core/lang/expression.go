package lang

// Precedences of binary operators. All associate to the left.
const (
	lowest  = 1
	highest = 8
)

type binary struct {
	op   Op
	prec int
}

// binaryOf gives the binary operator that t is, with precedence 0 for none.
func binaryOf(t token) binary {
	switch t.kind {
	case tkOp:
		switch t.op {
		case opEqual:
			return binary{Equal, 4}
		case opNotEqual:
			return binary{NotEqual, 4}
		case opShiftLeft:
			return binary{ShiftLeft, 5}
		case opShiftRight:
			return binary{ShiftRight, 5}
		case opModulus:
			return binary{Modulus, highest}
		}
	case tkChar:
		switch t.op {
		case '|':
			return binary{Or, 1}
		case '^':
			return binary{Xor, 2}
		case '&':
			return binary{And, 3}
		case '+':
			return binary{Add, 6}
		case '-':
			return binary{Subtract, 6}
		case '*':
			return binary{Multiply, 7}
		case '%':
			return binary{Divide, 7}
		case '#':
			return binary{RoundUp, 7}
		}
	}
	return binary{}
}

// expression parses operators of precedence min and up. Where none could follow
// it does not read ahead: what a later error quotes depends on that.
func (p *Parser) expression(min int) (*Expr, error) {
	x, err := p.operand()
	if err != nil {
		return nil, err
	}
	for min <= highest {
		t, err := p.peek()
		if err != nil {
			return nil, err
		}
		b := binaryOf(t)
		if b.prec == 0 || b.prec < min {
			break
		}
		p.advance()
		y, err := p.expression(b.prec + 1)
		if err != nil {
			return nil, err
		}
		x = &Expr{Op: b.op, X: x, Y: y}
		if err := p.reduce(x); err != nil {
			return nil, err
		}
	}
	return x, nil
}

var unaries = map[byte]Op{'-': Negate, '~': Complement, '#': LogNot, '*': Load, '%': LoadObject}

var nullaries = map[byte]Op{'+': NextDot, '^': PrevDot, '&': RecentDot}

// operand parses a unary operator with its operand, or a primary.
func (p *Parser) operand() (*Expr, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	switch t.kind {
	case tkOperand:
		p.advance()
		return t.expr, nil
	case tkSymbol:
		p.advance()
		e := &Expr{Op: Symbol, Text: t.text}
		if t.text == "." {
			e = &Expr{Op: Dot}
		}
		return e, p.reduce(e)
	case tkString:
		if p.opts.NoQuoted {
			break
		}
		p.advance()
		e := &Expr{Op: Quoted, Text: t.text}
		return e, p.reduce(e)
	case tkLoad:
		return p.unary(&Expr{Op: unaries[t.op], Size: t.size})
	case tkChar:
		if op, ok := nullaries[t.op]; ok {
			p.advance()
			e := &Expr{Op: op}
			return e, p.reduce(e)
		}
		if op, ok := unaries[t.op]; ok {
			return p.unary(&Expr{Op: op, Size: SizePointer})
		}
		if t.op == '(' {
			return p.parenthesis()
		}
	}
	return nil, p.syntaxError()
}

// unary consumes the operator e and parses its operand.
func (p *Parser) unary(e *Expr) (*Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	p.advance()
	x, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.depth--
	e.X = x
	return e, p.reduce(e)
}

func (p *Parser) parenthesis() (*Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	p.advance()
	x, err := p.expression(lowest)
	if err != nil {
		return nil, err
	}
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	if t.kind != tkChar || t.op != ')' {
		return nil, p.syntaxError()
	}
	p.advance()
	p.depth--
	return x, nil
}

func (p *Parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return At("expression is nested too deeply")
	}
	return nil
}
