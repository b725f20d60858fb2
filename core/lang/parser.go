package lang

import (
	"io"
	"strings"
)

// MaxDepth is the deepest nesting of an expression: parentheses and unary
// operators.
const MaxDepth = 1000

// Input says what kind of source a parser reads, which decides how it recovers
// from errors and what it accepts.
type Input uint8

const (
	InputFile     Input = iota // a file or stream: an error loses text up to a newline or semicolon
	InputTerminal              // an error loses the line; messages carry no line number
	InputString                // -e, ::eval: an error loses the whole string
	InputPipe                  // output of a pipeline stage: naked expressions only; an error loses it all
)

// Options govern a Parser.
type Options struct {
	Input Input
	// Line is the number of the first line; 0 means 1.
	Line int
	// Radix gives the base of numbers without a prefix, 2 to 16; nil means 16.
	Radix func() int
	// Check is called with each *Expr and *Command when MDB would have acted
	// on it; see the package comment. An error ends the statement and is
	// returned by Next; if it came from At, the place is added.
	Check func(Node) error
	// NoQuoted makes a quoted name no operand but a syntax error, as in MDB.
	NoQuoted bool
}

// Parser reads statements from a Source.
type Parser struct {
	lex  lexer
	src  Source
	name string
	opts Options

	tok   token
	have  bool // tok is read but not consumed
	done  bool
	depth int
	stmt  *Statement
}

// NewParser returns a parser of src. The name appears in messages: (stdin),
// (string), (pipeline) or a file's name.
func NewParser(src Source, name string, opts Options) *Parser {
	if opts.Radix == nil {
		opts.Radix = func() int { return 16 }
	}
	p := &Parser{src: src, name: name, opts: opts}
	p.lex.lineno = max(opts.Line, 1)
	p.lex.radix = opts.Radix
	p.lex.nul = -1
	return p
}

// Name is the input's name, Kind its kind.
func (p *Parser) Name() string { return p.name }
func (p *Parser) Kind() Input  { return p.opts.Input }

// Line is the number of the line on which the parser stands, counted as MDB
// counts: lines thrown away after an error do not.
func (p *Parser) Line() int { return p.lex.lineno }

// Pending tells whether text of the current line is left to parse, so that Next
// would not read from the Source.
func (p *Parser) Pending() bool { return !p.done && p.lex.pos < len(p.lex.line) }

// Next returns the next statement, or io.EOF at the end of the input. Any other
// error is that of one statement; the parser has recovered and Next may be
// called again.
func (p *Parser) Next() (*Statement, error) {
	for {
		if p.done {
			return nil, io.EOF
		}
		if p.lex.pos >= len(p.lex.line) {
			if err := p.load(); err != nil {
				// After another error than the end, such as Ctrl-C at a prompt,
				// the caller decides: Stop or go on.
				p.done = err == io.EOF
				return nil, err
			}
		}
		p.have, p.depth = false, 0
		p.lex.state = stInitial
		p.stmt = &Statement{Line: p.lex.lineno}
		start := p.lex.pos
		found, err := p.statement()
		stmt := p.stmt
		p.stmt = nil
		if err != nil {
			p.place(err)
			p.Discard()
			return nil, err
		}
		if found {
			stmt.Text = p.lex.line[start:p.lex.tokStart]
			return stmt, nil
		}
	}
}

// load reads the next line.
func (p *Parser) load() error {
	line, err := p.src.ReadLine()
	if err != nil {
		return err
	}
	p.lex.line, p.lex.pos = line, 0
	p.lex.nul = strings.LastIndexByte(line, 0)
	p.lex.tokStart, p.lex.tokEnd = 0, 0
	return nil
}

// Discard throws input away as after an error: up to and including the next
// newline or semicolon of a file, the rest of a terminal's line, all of a string
// or a pipe.
func (p *Parser) Discard() {
	l := &p.lex
	p.have = false
	l.state = stInitial
	switch p.opts.Input {
	case InputString, InputPipe:
		p.done = true
		return
	case InputTerminal:
		l.pos = len(l.line)
		return
	}
	for {
		if i := strings.IndexAny(l.line[l.pos:], ";\n"); i >= 0 {
			l.pos += i + 1
			return
		}
		if p.load() != nil {
			p.done = true
			return
		}
	}
}

// Stop ends the input: Next returns io.EOF from now on.
func (p *Parser) Stop() { p.done = true }

// place completes an error with where the lexer stands.
func (p *Parser) place(err error) {
	e, ok := err.(*Error)
	if !ok || e.placed {
		return
	}
	e.placed = true
	e.Line = p.lex.lineno
	e.Near = p.lex.near()
	if p.opts.Input != InputTerminal {
		e.Name = p.name
	}
}

func (p *Parser) syntaxError() error { return At("syntax error") }

// peek reads a token without consuming it. What MDB looks up while it reads a
// token is checked here.
func (p *Parser) peek() (token, error) {
	if p.have {
		return p.tok, nil
	}
	t, err := p.lex.next()
	if err != nil {
		return t, err
	}
	switch t.kind {
	case tkOperand:
		err = p.reduce(t.expr)
	case tkDcmd:
		err = p.check(t.cmd)
	}
	if err != nil {
		return t, err
	}
	p.tok, p.have = t, true
	return t, nil
}

func (p *Parser) advance() { p.have = false }

func (p *Parser) check(n Node) error {
	if p.opts.Check == nil {
		return nil
	}
	return p.opts.Check(n)
}

// reduce gives a finished expression its place in the statement's order.
func (p *Parser) reduce(e *Expr) error {
	e.Slot = len(p.stmt.Order)
	p.stmt.Order = append(p.stmt.Order, e)
	return p.check(e)
}

// statement parses one into p.stmt. It is false if there was only the end of
// the input, or what MDB takes for it.
func (p *Parser) statement() (bool, error) {
	t, err := p.peek()
	if err != nil {
		return false, err
	}
	switch {
	case t.kind == tkEOF:
		return false, nil
	case t.kind == tkEnd:
		p.advance()
		return true, nil
	case t.kind == tkChar && t.op == '!', t.kind == tkSource:
		return true, p.escape(t.kind == tkSource)
	case startsCommand(t), t.kind == tkChar && t.op == ',':
	default:
		if p.stmt.Addr, err = p.expression(lowest); err != nil {
			return false, err
		}
		if t, err = p.peek(); err != nil {
			return false, err
		}
	}
	return true, p.afterAddress(t)
}

// afterAddress parses what follows the address (if any) of a statement.
func (p *Parser) afterAddress(t token) error {
	counted := t.kind == tkChar && t.op == ','
	if counted {
		p.advance()
		var err error
		if p.stmt.Count, err = p.expression(lowest); err != nil {
			return err
		}
		if t, err = p.peek(); err != nil {
			return err
		}
	}
	switch {
	case t.kind == tkEnd:
		return p.finish()
	case t.kind == tkChar && t.op == '!', t.kind == tkSource && counted:
		// Without a count only the head of a pipeline can be meant.
		return p.shellStage(!counted)
	case startsCommand(t):
		return p.pipeline(nil)
	}
	return p.syntaxError()
}

// finish consumes the terminator. A pipe may hold naked expressions only, which
// MDB finds out when the statement is complete.
func (p *Parser) finish() error {
	t, err := p.peek()
	if err != nil {
		return err
	}
	if t.kind != tkEnd {
		return p.syntaxError()
	}
	p.advance()
	s := p.stmt
	if p.opts.Input == InputPipe && (s.Count != nil || s.Shell != nil || len(s.Commands) > 0) {
		return p.syntaxError()
	}
	return nil
}

// escape parses a statement that starts with ! or !<.
func (p *Parser) escape(source bool) error {
	if source {
		sh, err := p.shellText()
		if err != nil {
			return err
		}
		sh.Source = true
		p.stmt.Shell = sh
		return p.finish()
	}
	return p.shellStage(false)
}

// shellStage parses ! or !< and its command where it may end the statement or,
// quoted and followed by |, feed the next stage. With only set it must do the
// latter.
func (p *Parser) shellStage(only bool) error {
	t, err := p.peek()
	if err != nil {
		return err
	}
	sh, err := p.shellText()
	if err != nil {
		return err
	}
	sh.Source = t.kind == tkSource
	after, err := p.peek()
	if err != nil {
		return err
	}
	if after.kind == tkChar && after.op == '|' && !sh.Source {
		p.advance()
		return p.pipeline(sh)
	}
	if only {
		return p.syntaxError()
	}
	p.stmt.Shell = sh
	return p.finish()
}

// shellText consumes the ! and reads the command after it.
func (p *Parser) shellText() (*Shell, error) {
	p.advance()
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	if t.kind != tkString {
		return nil, p.syntaxError()
	}
	p.advance()
	return &Shell{Text: t.text}, nil
}

// startsCommand tells whether t can be the first token of a command.
func startsCommand(t token) bool {
	return t.kind == tkVerb || t.kind == tkWrite || t.kind == tkDcmd ||
		t.kind == tkChar && t.op == '$'
}

// pipeline parses commands from here to the end of the statement. The first is
// fed by filter, if there is one.
func (p *Parser) pipeline(filter *Shell) error {
	for {
		cmd, err := p.command()
		if err != nil {
			return err
		}
		cmd.Filter = filter
		p.stmt.Commands = append(p.stmt.Commands, cmd)
		t, err := p.peek()
		if err != nil {
			return err
		}
		switch {
		case t.kind == tkChar && t.op == '|':
			p.advance()
			filter = nil
		case t.kind == tkChar && t.op == '!', t.kind == tkSource:
			return p.shellStage(false)
		default:
			return p.finish()
		}
	}
}

func (p *Parser) command() (*Command, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	if !startsCommand(t) {
		return nil, p.syntaxError()
	}
	p.advance()
	verb := string(rune(t.op))
	switch t.kind {
	case tkVerb:
		cmd := &Command{Kind: CommandFormat, Name: verb, Written: verb}
		return cmd, p.arguments(cmd)
	case tkWrite:
		cmd := &Command{Kind: CommandWrite, Name: verb, Written: verb}
		cmd.Args = []Arg{{Kind: ArgChar, Char: t.cast}}
		return cmd, p.arguments(cmd)
	case tkDcmd:
		return t.cmd, p.arguments(t.cmd)
	}
	return &Command{Name: "$?", Written: "$"}, nil
}

// arguments parses an argument or format list into cmd.
func (p *Parser) arguments(cmd *Command) error {
	for {
		t, err := p.peek()
		if err != nil {
			return err
		}
		var a Arg
		switch t.kind {
		case tkString:
			a = Arg{Kind: ArgString, Text: t.text}
		case tkCount:
			a = Arg{Kind: ArgNumber, Value: t.value}
		case tkFmtChar:
			a = Arg{Kind: ArgChar, Char: t.op}
		case tkOpen:
			p.advance()
			e, err := p.expression(lowest)
			if err != nil {
				return err
			}
			if t, err = p.peek(); err != nil {
				return err
			}
			if t.kind != tkClose {
				return p.syntaxError()
			}
			a = Arg{Kind: ArgExpr, Expr: e}
		default:
			return nil
		}
		p.advance()
		cmd.Args = append(cmd.Args, a)
	}
}
