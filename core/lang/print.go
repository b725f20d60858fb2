package lang

import (
	"fmt"
	"strings"
)

var opNames = map[Op]string{
	RecentDot: "&", NextDot: "next", PrevDot: "prev", Dot: ".",
	Negate: "neg", Complement: "~", LogNot: "not", Load: "load", LoadObject: "loadobj",
	Or: "|", Xor: "^", And: "&", Equal: "==", NotEqual: "!=",
	ShiftLeft: "<<", ShiftRight: ">>", Add: "+", Subtract: "-",
	Multiply: "*", Divide: "%", RoundUp: "#", Modulus: "%%",
}

// String is the tree of e in prefix notation: numbers in hexadecimal,
// operators before their operands in parentheses.
func (e *Expr) String() string {
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *Expr) write(b *strings.Builder) {
	switch e.Op {
	case Number:
		fmt.Fprintf(b, "%#x", e.Value)
		return
	case Word:
		b.WriteString("word:" + e.Text)
		return
	case Symbol:
		b.WriteString("sym:" + e.Text)
		return
	case Quoted:
		fmt.Fprintf(b, "sym:%q", e.Text)
		return
	case Variable:
		b.WriteString("<" + e.Text)
		return
	case Dot, RecentDot, NextDot, PrevDot:
		b.WriteString(opNames[e.Op])
		return
	}
	b.WriteString("(" + opNames[e.Op])
	switch e.Size {
	case SizePointer:
	case SizeLong:
		b.WriteString("/l")
	default:
		fmt.Fprintf(b, "/%d", e.Size)
	}
	b.WriteByte(' ')
	e.X.write(b)
	if e.Y != nil {
		b.WriteByte(' ')
		e.Y.write(b)
	}
	b.WriteByte(')')
}

func (a Arg) String() string {
	switch a.Kind {
	case ArgNumber:
		return fmt.Sprint(a.Value)
	case ArgExpr:
		return "$[" + a.Expr.String() + "]"
	case ArgChar:
		return fmt.Sprintf("'%s'", Escape(string([]byte{a.Char})))
	}
	return `"` + Escape(a.Text) + `"`
}

func (c *Command) String() string {
	var b strings.Builder
	if c.Filter != nil {
		fmt.Fprintf(&b, "%v | ", c.Filter)
	}
	b.WriteString(c.Name)
	for _, a := range c.Args {
		b.WriteString(" " + a.String())
	}
	return b.String()
}

func (s *Shell) String() string {
	op := "!"
	if s.Source {
		op = "!<"
	}
	return fmt.Sprintf("%s %q", op, s.Text)
}

// String shows the statement's structure on one line: [address] {count}
// commands and the shell command.
func (s *Statement) String() string {
	var parts []string
	if s.Addr != nil {
		parts = append(parts, "["+s.Addr.String()+"]")
	}
	if s.Count != nil {
		parts = append(parts, "{"+s.Count.String()+"}")
	}
	for i, c := range s.Commands {
		text := c.String()
		if i > 0 {
			text = "| " + text
		}
		parts = append(parts, text)
	}
	if s.Shell != nil {
		parts = append(parts, s.Shell.String())
	}
	if len(parts) == 0 {
		return "empty"
	}
	return strings.Join(parts, " ")
}
