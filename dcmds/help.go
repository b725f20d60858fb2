package dcmds

import (
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
)

func helpDcmds() []*core.Dcmd {
	return []*core.Dcmd{{Name: "help", Usage: "[cmd]", Descr: "list commands/command help",
		Complete: completeDcmd, Run: runHelp}}
}

const overview = `
A debugger command has this form:

      [ address [, count] ] verb [ arguments ... ]

  address    an expression; where the command begins, dot if left out
  count      an expression; how often the command runs
  verb       a name that begins with $, : or ::, or a format verb (/ \ ? @ =)
  arguments  words, quoted with "" or '' if need be, or expressions in $[ ]

More about commands and walkers:

      ::help name     one command
      ::dcmds         all commands
      ::walkers       all walkers
      ::dmods -l      modules with their commands and walkers
      ::formats       format characters of / \ ? @ and =

The options of the command line are listed by:

      $ %s -?

`

func completeDcmd(s *core.Session, args []string, word string) []core.Candidate {
	if len(args) > 0 {
		return nil
	}
	var l []core.Candidate
	for _, d := range s.Reg.AllDcmds() {
		if strings.HasPrefix(d.Name, word) {
			l = append(l, core.Candidate{Text: d.Name, Descr: d.Descr})
		}
	}
	return l
}

func runHelp(c *core.Ctx) error {
	if len(c.Args) == 0 {
		c.Printf("%s", strings.Replace(overview, "%s", c.Prog, 1))
		return nil
	}
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	if c.Args[0].IsImm {
		c.Warnf("expected string argument")
		return core.ErrUsage
	}
	name := c.Args[0].Str
	defs := scoped(c.Reg, strings.TrimPrefix(name, "::"), c.Reg.Dcmds, func(d *core.Dcmd) *core.Module { return d.Module })
	if len(defs) == 0 {
		c.Warnf("unknown command: %s", name)
		return core.ErrFailed
	}
	showHelp(c, defs[0])
	return nil
}

func showHelp(c *core.Ctx, d *core.Dcmd) {
	c.Printf("\n%<b>NAME%</b>\n  %s - %s\n\n", d.Name, d.Descr)
	c.Printf("%<b>SYNOPSIS%</b>\n  ")
	usage := d.Synopsis(c.Prog)
	switch d.AddrMode() {
	case core.AddrOptional:
		c.Printf("[ %<u>addr%</u> ] ")
		usage = usage[1:]
	case core.AddrRequired:
		c.Printf("%<u>addr%</u> ")
		usage = usage[1:]
	}
	prefix := "::"
	if strings.IndexByte(`:$=/\?>@`, d.Name[0]) >= 0 {
		prefix = ""
	}
	c.Printf("%s%s %s\n\n", prefix, d.Name, usage)
	if text := Description(d); text != "" {
		c.Printf("%<b>DESCRIPTION%</b>\n")
		c.P.IncIndent(2)
		c.Printf("%s", text)
		c.P.DecIndent(2)
		c.Printf("\n")
	}
	c.Printf("%<b>ATTRIBUTES%</b>\n\n")
	c.Printf("  Target: %s\n", targetKind(c.Session))
	c.Printf("  Module: %s\n", d.Module.Name)
	stability := "Unstable"
	if d.Module.Builtin && d.Descr != "" {
		stability = "Evolving"
	}
	c.Printf("  Interface Stability: %s\n\n", stability)
}

// targetKind is MDB's name of the kind of target; without one it is a process
// that does not run.
func targetKind(s *core.Session) string {
	if t := s.Context().Target; t != nil {
		return t.Kind()
	}
	return "proc"
}

// Synopsis is how a dcmd is typed: "[addr] ::walk name [var]".
func Synopsis(d *core.Dcmd) string {
	usage, addr := d.Usage, ""
	switch d.AddrMode() {
	case core.AddrOptional:
		usage, addr = usage[1:], "[addr] "
	case core.AddrRequired:
		usage, addr = usage[1:], "addr "
	}
	prefix := "::"
	if strings.IndexByte(`:$=/\?>@`, d.Name[0]) >= 0 {
		prefix = ""
	}
	return strings.TrimRight(addr+prefix+d.Name+" "+usage, " ")
}

// Description is a dcmd's help text and what its declaration says of options and
// columns.
func Description(d *core.Dcmd) string {
	var b strings.Builder
	b.WriteString(d.Help)
	if own := untold(d); len(own) > 0 {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		for _, o := range own {
			writeOption(&b, o)
		}
	}
	if d.Table != nil {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		writeFields(&b, d.Table.Cols)
	}
	text := b.String()
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// untold are the options of a dcmd that its help text has no line for.
func untold(d *core.Dcmd) (list []core.Opt) {
	for _, o := range d.Opts {
		lead := "-" + string(o.Letter)
		told := false
		for line := range strings.Lines(d.Help) {
			told = told || strings.HasPrefix(strings.TrimSpace(line), lead)
		}
		if !told && (o.Help != "" || d.Help == "") {
			list = append(list, o)
		}
	}
	return list
}

// writeFields lists what a row has, as JSON names it: one a line where one of them needs
// words.
func writeFields(b *strings.Builder, cols []core.Field) {
	const width = 76
	b.WriteString("Fields:")
	if slices.ContainsFunc(cols, func(f core.Field) bool { return f.Descr != "" }) {
		for _, f := range cols {
			b.WriteString("\n  " + strings.TrimRight(pad(f.Name, 14)+f.Descr, " "))
		}
		b.WriteString("\n")
		return
	}
	at := len("Fields:")
	for _, f := range cols {
		if at += 1 + len(f.Name); at > width {
			b.WriteString("\n ")
			at = 2 + len(f.Name)
		}
		b.WriteString(" " + f.Name)
	}
	b.WriteString("\n")
}

func writeOption(b *strings.Builder, o core.Opt) {
	name := "-" + string(o.Letter)
	if o.Arg != "" {
		name += " " + o.Arg
	}
	b.WriteString(pad(name, 10) + o.Help + "\n")
}

func pad(s string, n int) string {
	if len(s) >= n {
		return s + " "
	}
	return s + strings.Repeat(" ", n-len(s))
}
