package interp

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
)

// Dcmds are the commands that belong to the language: the format verbs,
// assignment and macro files.
func Dcmds() []*core.Dcmd {
	verb := func(name, descr string, run func(*core.Ctx) error) *core.Dcmd {
		return &core.Dcmd{Name: name, Usage: "fmt-list", Descr: descr, AnyAddr: true, Run: run}
	}
	const help = "Macro files are looked for on the macro path (-I, ::set -I). A name without a\n" +
		"file may be an alias ($M lists them) or the name of a type, which is then\n" +
		"printed at the address.\n"
	return []*core.Dcmd{
		verb("/", "format data from virtual as", func(c *core.Ctx) error {
			return formatVerb(c, c.Space(), true)
		}),
		verb("\\", "format data from physical as", func(c *core.Ctx) error {
			return formatVerb(c, PhysicalSpace(c.Session), false)
		}),
		verb("@", "format data from physical as", func(c *core.Ctx) error {
			return formatVerb(c, PhysicalSpace(c.Session), false)
		}),
		verb("?", "format data from object file", func(c *core.Ctx) error {
			return formatVerb(c, ObjectSpace(c.Session), true)
		}),
		verb("=", "format immediate value", valueVerb),
		{Name: ">", Usage: "variable-name", Descr: "assign variable", AnyAddr: true, Run: assign},
		{Name: "$<", Usage: "macro-name", Descr: "replace input with macro", Help: help, AnyAddr: true, Run: execMacro},
		{Name: "$<<", Usage: "macro-name", Descr: "source macro", Help: help, AnyAddr: true, Run: sourceMacro},
	}
}

// defaultFormat is what a verb without a format shows.
var defaultFormat = []core.Arg{{Char: 'X'}, {Char: '^'}, {Str: "= "}, {Char: 'i'}}

// formatVerb reads or writes sp at dot as the arguments say. named: addresses in
// the space have symbols.
func formatVerb(c *core.Ctx, sp mem.Space, named bool) error {
	c.Args = c.Stage.RawArgs
	if len(c.Args) > 0 {
		switch first := c.Args[0].Char; {
		case first != 0 && strings.IndexByte("vwzWZ", first) >= 0:
			return writeValues(c, sp)
		case first != 0 && strings.IndexByte("lLM", first) >= 0:
			return matchValue(c, sp)
		}
	}
	addr := c.Frame.Dot
	if c.Header() {
		header(c, addr, named)
	}
	args := c.Args
	if len(args) == 0 {
		args = defaultFormat
	}
	v := &view{c: c, p: c.P, sp: sp, addr: addr}
	c.P.SetIndent(true)
	v.formats(args, func(char byte, count uint64) {
		next := v.format(char, count)
		c.Frame.Incr = next - v.addr
		v.addr = next
	})
	c.Frame.Incr = v.addr - addr
	c.P.SetIndent(false)
	return nil
}

// header prints the address of what follows, on a line of its own also the name
// of a symbol that begins there.
func header(c *core.Ctx, addr uint64, named bool) {
	dis := startsWith(c.Args, "ai") || startsWith(c.Args, "ia")
	if named && !dis && c.Vars.Lookup("_").Value() == 0 {
		if name, ok := exactSymbol(c.Session, addr); ok {
			c.Printf("%s:\n", name)
		}
	}
	format := "%-#*lla%16T"
	if dis {
		format = "%-#*lla"
		if startsWith(c.Args, "ai") {
			format += "\n"
		}
	}
	c.Printf(format, c.P.Margin(), addr)
}

// exactSymbol names the symbol whose value is addr, with its object.
func exactSymbol(s *core.Session, addr uint64) (string, bool) {
	m, err := lookupAddr(s, addr)
	if err != nil || m.Value != addr {
		return "", false
	}
	return s.Namespace().Label(m, addr), true
}

func lookupAddr(s *core.Session, addr uint64) (sym.Match, error) {
	cx := s.Context()
	if _, ok := core.As[core.Symbols](cx); !ok && cx.Target != nil {
		return sym.Match{}, core.ErrNotSup
	}
	return s.Namespace().LookupAddr(addr, s.Opts.SymDist)
}

// startsWith tells whether the format begins with the characters of chars.
func startsWith(args []core.Arg, chars string) bool {
	if len(args) < len(chars) {
		return false
	}
	for i := range chars {
		if args[i].Char != chars[i] {
			return false
		}
	}
	return true
}

// view is data being formatted.
type view struct {
	c    *core.Ctx
	p    *out.Printer
	sp   mem.Space
	addr uint64 // of what comes next
	// value is set for =: the data has no address of its own.
	value bool
}

// formats goes through a format list; show is called for each character with
// its repeat count.
func (v *view) formats(args []core.Arg, show func(char byte, count uint64)) {
	count := uint64(1)
	for _, a := range args {
		switch {
		case a.Char != 0:
			show(a.Char, count)
			count = 1
		case a.IsImm:
			count = a.Imm
		default:
			v.p.WriteString(a.Str)
			count = 1
		}
	}
}

// valueVerb formats dot itself.
func valueVerb(c *core.Ctx) error {
	c.Args = c.Stage.RawArgs
	if len(c.Args) == 0 {
		c.Warnf("expected one or more format characters following '='")
		return core.ErrFailed
	}
	dot := c.Frame.Dot
	image := make([]byte, 8)
	mem.PutUint(image, dot, c.Arch().Order)
	v := &view{c: c, p: c.P, sp: valueSpace(image), addr: dot, value: true}
	c.P.SetIndent(true)
	v.formats(c.Args, func(char byte, count uint64) {
		next := v.format(char, count)
		if char == '+' || char == '-' {
			v.addr = next
			mem.PutUint(image, next, c.Arch().Order)
		}
	})
	c.P.SetIndent(false)
	c.Frame.Dot, c.Frame.Incr = v.addr, 0
	return nil
}
