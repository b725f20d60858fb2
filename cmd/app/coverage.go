package app

import (
	_ "embed" // for mdbNames
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// mdbNames are the dcmds and walkers of MDB's modules, one a line: module,
// kind, name and for dcmds A (in daily use) or B, tab-separated; then, if it is another
// one, the module that has it in xmdb.
//
//go:embed mdbnames.txt
var mdbNames string

// The coverage of MDB's modules stands between these lines of docs/compatibility.md.
const (
	coverageBegin = "<!-- coverage: written by make docs -->"
	coverageEnd   = "<!-- end of coverage -->"
)

// coverageRow is what xmdb has of one kind of a module's commands.
type coverageRow struct {
	module, kind   string
	there, missing []string
}

// coverage compares the registry with MDB's names: a command counts if the module of
// that name has it.
func coverage(s *core.Session) []*coverageRow {
	var rows []*coverageRow
	known := map[string]bool{}
	for line := range strings.Lines(mdbNames) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		module, kind, name := f[0], f[1]+"s", f[2]
		known[module+f[1]+name] = true
		if f[1] == "dcmd" {
			kind += ", " + f[3]
		}
		row := rowOf(&rows, module, kind)
		by := module
		if len(f) > 4 {
			by = f[4]
		}
		if has(s, by, f[1], name) {
			row.there = append(row.there, name)
		} else {
			row.missing = append(row.missing, name)
		}
	}
	for _, d := range s.Reg.AllDcmds() {
		if own := rowOf(&rows, d.Module.Name, ""); own != nil && d.Descr != "" && !known[d.Module.Name+"dcmd"+d.Name] {
			row := rowOf(&rows, d.Module.Name, "dcmds of our own")
			row.there = append(row.there, d.Name)
		}
	}
	for _, r := range rows {
		slices.Sort(r.there)
		slices.Sort(r.missing)
	}
	return rows
}

// rowOf finds or makes a row, after the others of its module. Of a kind "" it tells
// whether the module has any.
func rowOf(rows *[]*coverageRow, module, kind string) *coverageRow {
	at := -1
	for i, r := range *rows {
		if r.module == module && (r.kind == kind || kind == "") {
			return r
		}
		if r.module == module {
			at = i
		}
	}
	if kind == "" {
		return nil
	}
	if at < 0 {
		at = len(*rows) - 1
	}
	r := &coverageRow{module: module, kind: kind}
	*rows = slices.Insert(*rows, at+1, r)
	return r
}

// has tells whether a module has a command.
func has(s *core.Session, module, kind, name string) bool {
	if kind == "dcmd" {
		return slices.ContainsFunc(s.Reg.Dcmds(name), func(d *core.Dcmd) bool { return d.Module.Name == module })
	}
	return slices.ContainsFunc(s.Reg.Walkers(name), func(w *core.Walker) bool { return w.Module.Name == module })
}

// coverageTable is the table of a page.
func coverageTable(rows []*coverageRow) string {
	var b strings.Builder
	b.WriteString("| module | what | there | not there |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.module, r.kind, counted(r.there), counted(r.missing))
	}
	return b.String()
}

func counted(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%d: %s", len(names), strings.Join(names, " "))
}

// updateCoverage puts the table into the page at path.
func updateCoverage(path, table string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(page), coverageBegin)
	_, after, ended := strings.Cut(rest, coverageEnd)
	if !found || !ended {
		return fmt.Errorf("update coverage: %s has no %q", path, coverageBegin)
	}
	return os.WriteFile(path, []byte(before+coverageBegin+"\n\n"+table+"\n"+coverageEnd+after), 0o644)
}
