package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/dcmds"
)

// genDocs writes into dir, docs, what is made from the tables of the commands and so never
// differs from them: dcmds.md, xmdb.1 and the table of coverage in compatibility.md; and
// what the sample answers into the session in README.md beside dir. A test compares.
func genDocs(dir string, extra []*core.Module) error {
	s := core.NewSession("xmdb", os.Stdout, os.Stderr)
	s.Eval = interp.New(s)
	for _, m := range append(builtins(), extra...) {
		if err := s.Load(m, false); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"dcmds.md": markdown(s), "xmdb.1": manual(s)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := updateCoverage(filepath.Join(dir, "compatibility.md"), coverageTable(coverage(s))); err != nil {
		return err
	}
	return updateSession(filepath.Join(dir, "..", "README.md"))
}

// moduleDcmds are the dcmds of a module that are shown, in the order of names.
func moduleDcmds(s *core.Session, m *core.Module) []*core.Dcmd {
	var l []*core.Dcmd
	for _, d := range s.Reg.AllDcmds() {
		if d.Module == m && d.Descr != "" {
			l = append(l, d)
		}
	}
	return l
}

func moduleWalkers(s *core.Session, m *core.Module) []*core.Walker {
	var l []*core.Walker
	for _, w := range s.Reg.AllWalkers() {
		if w.Module == m && w.Descr != "" {
			l = append(l, w)
		}
	}
	return l
}

func markdown(s *core.Session) string {
	var b strings.Builder
	b.WriteString("# Commands and walkers\n\nMade by `make docs` from the tables in the source; `::help name` shows the same.\n")
	for _, m := range s.Reg.Modules {
		fmt.Fprintf(&b, "\n## Module %s: %s\n", m.Name, m.Descr)
		for _, d := range moduleDcmds(s, m) {
			fmt.Fprintf(&b, "\n### `%s`\n\n%s.\n", d.Name, upperFirst(d.Descr))
			fmt.Fprintf(&b, "\n    %s\n", dcmds.Synopsis(d))
			if text := dcmds.Description(d); text != "" {
				fmt.Fprintf(&b, "\n```text\n%s\n```\n", strings.TrimRight(text, "\n"))
			}
		}
		walkers := moduleWalkers(s, m)
		if len(walkers) > 0 {
			fmt.Fprintf(&b, "\n### Walkers of %s\n\n| walker | start | walks |\n|---|---|---|\n", m.Name)
		}
		for _, w := range walkers {
			start := [...]string{"none", "optional", "required"}[w.Addr]
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", w.Name, start, w.Descr)
		}
	}
	return b.String()
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// manual is the manual page, in man(7) macros.
func manual(s *core.Session) string {
	var b strings.Builder
	b.WriteString(manualHead)
	fmt.Fprintf(&b, ".nf\n%s%s.fi\n", roff(fmt.Sprintf(usageText, "xmdb")), roff(ownUsage))
	b.WriteString(manualBody)
	for _, m := range s.Reg.Modules {
		fmt.Fprintf(&b, ".SH COMMANDS OF MODULE %s\n", strings.ToUpper(m.Name))
		for _, d := range moduleDcmds(s, m) {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(dcmds.Synopsis(d)), roff(upperFirst(d.Descr)))
			if text := dcmds.Description(d); text != "" {
				fmt.Fprintf(&b, ".nf\n%s.fi\n", roff(text))
			}
		}
		for i, w := range moduleWalkers(s, m) {
			if i == 0 {
				fmt.Fprintf(&b, ".SH WALKERS OF MODULE %s\n", strings.ToUpper(m.Name))
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(w.Name), roff(upperFirst(w.Descr)))
		}
	}
	return b.String()
}

// roff escapes text: backslashes, minus signs, and lines that begin like requests.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

const manualHead = `.\" Made by make docs from the tables of the commands.
.TH XMDB 1
.SH NAME
xmdb \- Modular Debugger for every host
.SH SYNOPSIS
`

const manualBody = `.SH DESCRIPTION
xmdb looks into cores of processes, object files and raw files with the command
language of MDB, the illumos modular debugger. Without an operand it is a session
without a target. A file that is not ELF opens as a raw file. A core may be
compressed by zstd, xz, gzip or lz4.
.PP
Commands come from the terminal, from standard input, or from
.B \-e.
.SH EXIT STATUS
.TP
.B 0
Success; with
.B \-e
the last command succeeded.
.TP
.B 1
The target could not be opened; with
.B \-e
the last command failed or, but for the name mdb, could not read what it was asked for.
.TP
.B 2
The command line was wrong.
.SH FILES
.TP
.I ~/.mdbrc
Commands read after the target has been opened, unless
.B \-S
is given.
.TP
.I $XDG_STATE_HOME/xmdb/history
Commands typed, for later sessions.
.TP
.I $XDG_CACHE_HOME/xmdb
Indexes of large files of debug information.
.SH ENVIRONMENT
.TP
.B HISTSIZE
How many commands are kept; 128 if it is not set.
.TP
.B NO_COLOR
No colour.
.TP
.B SHELL
The shell that runs what follows an exclamation mark.
`
