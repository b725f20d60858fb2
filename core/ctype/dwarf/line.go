package dwarf

import (
	"cmp"
	stddwarf "debug/dwarf"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// LineRow is one row of a line table: the code from Addr up to the next row's
// was generated for a place in the source.
type LineRow struct {
	Addr        uint64 // as in the file
	File        uint32 // see LineTable.File
	Line        uint32
	Column      uint32
	Stmt        bool // a good place for a breakpoint
	EndSequence bool // Addr is past the last instruction of a run of code
}

// LineTable is the line table of a unit.
type LineTable struct {
	base  string     // the directory of the compilation
	files []lineFile // by the number DWARF gives them
	rows  []LineRow
	seqs  []sequence
}

// lineFile is a file as the table has it: its directory may be relative to that
// of the compilation, the name to the directory. They are joined when asked for:
// a table may name a long directory very often.
type lineFile struct{ dir, name string }

// sequence is a run of rows in order of address, the last one its end.
type sequence struct {
	Range
	first, last int // rows
}

// Bounds on what a line table may hold.
const (
	maxLineRows  = 1 << 23
	maxLineFiles = 1 << 20
	maxLineNames = 64 << 20 // bytes
	maxFileForms = 64
)

var errLines = errors.New("line table is too large")

// ErrNoLine is returned for an address that no line table covers.
var ErrNoLine = errors.New("no line number information for that address")

// Line gives the place in the source that the code at an address of the file
// was generated for. ErrNoLine if none is recorded.
func (d *Data) Line(pc uint64) (file string, line int, err error) {
	var bad error
	err = d.unitsAt(pc, func(u *unit) bool {
		t, err := u.lineTable()
		if err != nil {
			bad = err
			return true
		}
		if r, ok := t.Find(pc); ok {
			file, line = t.File(r.File), int(r.Line)
			return false
		}
		return true
	})
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("find line: %w", err)
	case line == 0 && file == "" && bad != nil:
		return "", 0, bad
	case line == 0:
		return "", 0, ErrNoLine
	}
	return file, line, nil
}

// Lines gives the unit's line table.
func (u *Unit) Lines() (*LineTable, error) { return u.u.lineTable() }

// File is the path of a file by its number; "" if there is none.
func (t *LineTable) File(n uint32) string {
	if uint64(n) >= uint64(len(t.files)) {
		return ""
	}
	f := t.files[n]
	if f.name == "" {
		return ""
	}
	return joinPath(joinPath(t.base, f.dir), f.name)
}

// Rows lists the rows as the line number program makes them.
func (t *LineTable) Rows() []LineRow { return t.rows }

// Find gives the row for an address.
func (t *LineTable) Find(pc uint64) (LineRow, bool) {
	i := sort.Search(len(t.seqs), func(i int) bool { return t.seqs[i].Lo > pc })
	for n := 0; i > 0 && n < 16; n++ {
		i--
		s := t.seqs[i]
		if !s.Contains(pc) {
			continue
		}
		rows := t.rows[s.first : s.last+1]
		j := sort.Search(len(rows), func(j int) bool { return rows[j].Addr > pc })
		if j > 0 && !rows[j-1].EndSequence {
			return rows[statement(rows, j-1)], true
		}
	}
	return LineRow{}, false
}

// statement gives the row that stands for the code at row i: itself or, as gdb
// has it, one before it at the same address that begins a statement.
func statement(rows []LineRow, i int) int {
	j := i
	for j > 0 && !rows[j].Stmt && rows[j-1].Addr == rows[i].Addr && rows[j-1].Line != 0 {
		j--
	}
	if rows[j].Stmt {
		return j
	}
	return i
}

// PCs lists the addresses at which statements of a line begin, in a file whose
// path is or ends in file. The units are searched one by one.
func (d *Data) PCs(file string, line int) ([]uint64, error) {
	hs, err := d.headers()
	if err != nil {
		return nil, err
	}
	ctx := d.context()
	var out []uint64
	for i := range hs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if hs[i].split != nil || hs[i].isType() || hs[i].kind == utPartial {
			continue
		}
		u, err := d.unitNumber(i)
		if err != nil {
			continue
		}
		t, err := u.lineTable()
		if err != nil {
			continue
		}
		out = t.appendPCs(out, file, line)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (t *LineTable) appendPCs(out []uint64, file string, line int) []uint64 {
	want := map[uint32]bool{}
	for i := range t.files {
		if f := t.File(uint32(i)); f == file || strings.HasSuffix(f, "/"+file) {
			want[uint32(i)] = true
		}
	}
	if len(want) == 0 {
		return out
	}
	for _, s := range t.seqs {
		for _, r := range t.rows[s.first:s.last] {
			if r.Stmt && int(r.Line) == line && want[r.File] {
				out = append(out, r.Addr)
			}
		}
	}
	return out
}

func (u *unit) compDir() string {
	v, ok := u.root.get(stddwarf.AttrCompDir)
	if !ok && u.skel != nil {
		return u.skel.compDir()
	}
	if !ok {
		return ""
	}
	s, _ := u.str(v)
	return s
}

// fileName is the path of a file by the number in DW_AT_decl_file and the like.
func (u *unit) fileName(n uint64) string {
	t, err := u.lineTable()
	if err != nil || n > uint64(^uint32(0)) {
		return ""
	}
	return t.File(uint32(n))
}

func (u *unit) lineTable() (*LineTable, error) {
	if u.skel != nil {
		return u.skel.lineTable()
	}
	u.linesOnce.Do(func() {
		if u.lines, u.linesErr = u.readLines(); u.linesErr != nil {
			u.linesErr = fmt.Errorf("read line table: %w", u.linesErr)
		}
	})
	return u.lines, u.linesErr
}

func (u *unit) readLines() (*LineTable, error) {
	v, ok := u.root.get(stddwarf.AttrStmtList)
	if !ok {
		return &LineTable{}, nil
	}
	s := u.s.line
	v.u += u.contribution().line
	b, err := s.bytes(v.u, 4)
	if err != nil {
		return nil, err
	}
	c := cursor{b: b, big: u.d.im.big}
	size := uint64(c.u32()) + 4
	if size == 0xffffffff+4 {
		if b, err = s.bytes(v.u+4, 8); err != nil {
			return nil, err
		}
		c = cursor{b: b, big: u.d.im.big}
		if size = c.u64() + 12; size < 12 {
			return nil, errShort
		}
	}
	if b, err = s.bytes(v.u, size); err != nil {
		return nil, err
	}
	p := &lineProgram{u: u, c: cursor{b: b, big: u.d.im.big}, t: &LineTable{}}
	if err := p.header(); err != nil {
		return nil, err
	}
	if err := p.run(); err != nil {
		return nil, err
	}
	p.t.sequences(u.d.im.reloc)
	return p.t, nil
}

// sequences finds the runs of rows. Those at address 0 belong to code that the
// linker dropped.
func (t *LineTable) sequences(reloc bool) {
	first := 0
	for i := range t.rows {
		if !t.rows[i].EndSequence {
			continue
		}
		rows := t.rows[first : i+1]
		slices.SortStableFunc(rows[:len(rows)-1], func(a, b LineRow) int { return cmp.Compare(a.Addr, b.Addr) })
		if s := (sequence{Range{rows[0].Addr, rows[len(rows)-1].Addr}, first, i}); s.Lo < s.Hi && (s.Lo != 0 || reloc) {
			t.seqs = append(t.seqs, s)
		}
		first = i + 1
	}
	slices.SortStableFunc(t.seqs, func(a, b sequence) int { return cmp.Compare(a.Lo, b.Lo) })
}
