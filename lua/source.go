package lua

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	glua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// Limits of a source file. They keep the parser's and the compiler's memory and
// recursion small whatever the file holds.
const (
	maxSource   = 1 << 20 // bytes
	maxNesting  = 200     // brackets and blocks
	maxRightOps = 2000    // operators in one expression that the parser keeps on its stack
	maxDepth    = 1000    // of a syntax tree
	maxLiterals = 10000   // literals in one function: the compiler compares each with all
	maxItems    = 25000   // of a table constructor: the VM's encoding ends there
	maxUpvalues = 255
)

var errBytecode = errors.New("is compiled Lua: only source is loaded")

// syntaxError is an error at a line of a file.
func syntaxError(name string, line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", name, line, fmt.Sprintf(format, args...))
}

// compiled is a chunk ready to run: calling proto with the functions of hidden
// and the constants gives the chunk's function.
type compiled struct {
	proto  *glua.FunctionProto
	consts []uint64
}

// compile reads a source file of Lua: syntax check, bounds, rewriting, code. name
// is what messages call it.
func compile(name string, src []byte) (*compiled, error) {
	text, err := sourceText(name, src)
	if err != nil {
		return nil, err
	}
	if err := prescan(name, text); err != nil {
		return nil, err
	}
	chunk, err := parse.Parse(strings.NewReader(text), name)
	if err != nil {
		return nil, parseError(name, text, err)
	}
	rw := newRewriter(name)
	wrapped, err := rw.chunk(chunk)
	if err != nil {
		return nil, err
	}
	proto, err := glua.Compile(wrapped, name)
	if err != nil {
		var ce *glua.CompileError
		if errors.As(err, &ce) {
			return nil, syntaxError(name, max(ce.Line, 1), "%s", ce.Message)
		}
		return nil, err
	}
	if err := checkProto(name, proto); err != nil {
		return nil, err
	}
	return &compiled{proto, rw.consts}, nil
}

// sourceText refuses what is no source and blanks a first line "#!...".
func sourceText(name string, src []byte) (string, error) {
	switch {
	case len(src) > maxSource:
		return "", fmt.Errorf("%s: longer than %d bytes", name, maxSource)
	case bytes.HasPrefix(src, []byte("\x1bLua")), bytes.HasPrefix(src, []byte("\x1bLJ")):
		return "", fmt.Errorf("%s: %w", name, errBytecode)
	case bytes.HasPrefix(src, []byte("#")):
		if i := bytes.IndexByte(src, '\n'); i >= 0 {
			return string(src[i:]), nil
		}
		return "", nil
	}
	return string(src), nil
}

// prescan bounds the nesting of a text before it is parsed, since the parser's
// stack grows with it.
func prescan(name, text string) error {
	sc := parse.NewScanner(strings.NewReader(text), name)
	lx := &parse.Lexer{}
	depth, right := 0, 0
	for {
		lx.PrevTokenType = lx.Token.Type
		tok, err := sc.Scan(lx)
		if err != nil {
			return parseError(name, text, err)
		}
		lx.Token = tok
		switch tok.Type {
		case parse.EOF:
			return nil
		case '(', '[', '{', parse.TFunction, parse.TDo, parse.TThen, parse.TRepeat:
			depth++
		case ')', ']', '}', parse.TEnd, parse.TUntil:
			depth--
			right = 0
		case parse.TElseIf: // its "then" opens again what "end" closes once
			depth--
			right = 0
		case '^', '-', '#', parse.TNot, parse.T2Comma:
			right++
		case ',', ';', '=', parse.TLocal, parse.TReturn, parse.TIf, parse.TFor, parse.TWhile:
			right = 0
		}
		if depth > maxNesting {
			return syntaxError(name, tok.Pos.Line, "nested too deeply")
		}
		if right > maxRightOps {
			return syntaxError(name, tok.Pos.Line, "expression is too long")
		}
	}
}

// parseError words an error of the parser with its line.
func parseError(name, text string, err error) error {
	var pe *parse.Error
	if !errors.As(err, &pe) {
		return fmt.Errorf("%s: %v", name, err)
	}
	line, near := pe.Pos.Line, "'"+pe.Token+"'"
	if line <= 0 {
		line, near = 1+strings.Count(strings.TrimRight(text, "\n"), "\n"), "end of file"
	}
	if len(near) > 60 {
		near = near[:57] + "...'"
	}
	return syntaxError(name, line, "%s near %s", pe.Message, near)
}

// checkProto finds functions beyond what the VM's instructions can encode.
func checkProto(name string, p *glua.FunctionProto) error {
	if len(p.DbgUpvalues) > maxUpvalues {
		return syntaxError(name, max(p.LineDefined, 1), "function has more than %d upvalues", maxUpvalues)
	}
	for _, sub := range p.FunctionPrototypes {
		if err := checkProto(name, sub); err != nil {
			return err
		}
	}
	return nil
}

// position is the line of a node, at least 1.
func position(n ast.PositionHolder) int { return max(n.Line(), 1) }
