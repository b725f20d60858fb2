package dwarf

import (
	"errors"
	"fmt"
	"strings"
)

// Opcodes of line number programs (DWARF 5 section 7.22).
const (
	lnsCopy             = 1
	lnsAdvancePC        = 2
	lnsAdvanceLine      = 3
	lnsSetFile          = 4
	lnsSetColumn        = 5
	lnsNegateStmt       = 6
	lnsSetBasicBlock    = 7
	lnsConstAddPC       = 8
	lnsFixedAdvancePC   = 9
	lnsSetPrologueEnd   = 10
	lnsSetEpilogueBegin = 11
	lnsSetISA           = 12

	lneEndSequence = 1
	lneSetAddress  = 2
	lneDefineFile  = 3

	lnctPath           = 1
	lnctDirectoryIndex = 2
)

// lineProgram decodes a line table.
type lineProgram struct {
	u *unit
	c cursor
	t *LineTable

	enc                   encoding
	minInst, maxOps       uint64
	defaultStmt           bool
	lineBase              int64
	lineRange, opcodeBase uint64
	lengths               []byte // operands of the standard opcodes
	dirs                  []string
	names                 int // bytes of names read
	end                   int // of the program

	row     LineRow
	opIndex uint64
}

// header decodes the header (DWARF 5 section 6.2.4).
func (p *lineProgram) header() error {
	c := &p.c
	n, is64 := c.initialLength()
	if n > uint64(c.left()) {
		return errShort
	}
	p.end = c.off + int(n)
	p.enc = encoding{addrSize: p.u.enc.addrSize, is64: is64, version: c.u16()}
	if c.err == nil && (p.enc.version < 2 || p.enc.version > 5) {
		return fmt.Errorf("unknown version %d", p.enc.version)
	}
	if p.enc.version >= 5 {
		p.enc.addrSize = c.u8()
		c.u8() // size of a segment selector
	}
	length := c.offset(is64)
	if length > uint64(c.left()) {
		return errShort
	}
	program := c.off + int(length)
	p.minInst, p.maxOps = uint64(c.u8()), 1
	if p.enc.version >= 4 {
		p.maxOps = max(uint64(c.u8()), 1)
	}
	p.defaultStmt = c.u8() != 0
	p.lineBase = int64(int8(c.u8()))
	p.lineRange = uint64(c.u8())
	p.opcodeBase = uint64(c.u8())
	if c.err == nil && (p.lineRange == 0 || p.opcodeBase == 0) {
		return errors.New("impossible header")
	}
	p.lengths = c.take(max(p.opcodeBase, 1) - 1)
	if p.enc.version >= 5 {
		p.files5()
	} else {
		p.files4()
	}
	if c.err != nil {
		return c.err
	}
	c.off = program
	return nil
}

// files4 reads the directories and files of versions 2 to 4: strings up to an
// empty one. Directory 0 is the compilation's, file 0 is none.
func (p *lineProgram) files4() {
	c := &p.c
	p.t.base = p.u.compDir()
	p.dirs = []string{""}
	for c.err == nil && len(p.dirs) < maxLineFiles {
		s := string(c.cstr())
		if s == "" {
			break
		}
		p.dirs = append(p.dirs, s)
	}
	p.t.files = []lineFile{{}}
	for c.err == nil && len(p.t.files) < maxLineFiles {
		s := string(c.cstr())
		if s == "" {
			break
		}
		p.file4(c, s)
	}
}

// file4 reads what follows a file's name in versions 2 to 4.
func (p *lineProgram) file4(c *cursor, name string) {
	dir := c.uleb()
	c.uleb() // time of modification
	c.uleb() // size
	p.t.files = append(p.t.files, lineFile{p.dir(dir), name})
}

func (p *lineProgram) dir(n uint64) string {
	if n < uint64(len(p.dirs)) {
		return p.dirs[n]
	}
	return ""
}

// files5 reads the directories and files of version 5, whose forms are declared.
// Directory 0 is the compilation's.
func (p *lineProgram) files5() {
	p.entries5(func(path string, _ uint64) { p.dirs = append(p.dirs, path) })
	p.t.base = p.u.compDir()
	if d := p.dir(0); d != "" {
		p.t.base = joinPath(p.t.base, d)
		p.dirs[0] = ""
	}
	p.entries5(func(path string, dir uint64) {
		p.t.files = append(p.t.files, lineFile{p.dir(dir), path})
	})
}

func (p *lineProgram) entries5(add func(path string, dir uint64)) {
	c := &p.c
	var forms []attrSpec
	n := int(c.u8())
	for range n {
		forms = append(forms, attrSpec{at: attr(c.uleb()), form: form(c.uleb())})
	}
	count := c.uleb()
	if len(forms) == 0 || len(forms) > maxFileForms {
		if count > 0 {
			c.fail(errors.New("file table without forms"))
		}
		return
	}
	if count > maxLineFiles || count > uint64(c.left()) {
		c.fail(errLines)
		return
	}
	for range count {
		var path string
		var dir uint64
		for _, f := range forms {
			v := p.enc.readForm(c, f)
			switch uint64(f.at) {
			case lnctPath:
				path, _ = p.u.str(v)
			case lnctDirectoryIndex:
				dir = v.u
			}
		}
		if p.names += len(path); p.names > maxLineNames {
			c.fail(errLines)
		}
		if c.err != nil {
			return
		}
		add(path, dir)
	}
}

// joinPath puts a directory in front of a relative path.
func joinPath(dir, path string) string {
	if dir == "" || strings.HasPrefix(path, "/") || len(path) > 2 && path[1] == ':' {
		return path
	}
	return strings.TrimSuffix(dir, "/") + "/" + path
}

func (p *lineProgram) reset() {
	p.row = LineRow{File: 1, Line: 1, Stmt: p.defaultStmt}
	p.opIndex = 0
}

// advance moves the address by a number of operations (section 6.2.5.1).
func (p *lineProgram) advance(n uint64) {
	if p.maxOps == 1 {
		p.row.Addr += n * p.minInst
		return
	}
	p.row.Addr += p.minInst * ((p.opIndex + n) / p.maxOps)
	p.opIndex = (p.opIndex + n) % p.maxOps
}

func (p *lineProgram) emit() {
	p.t.rows = append(p.t.rows, p.row)
}

// run interprets the program. A row that ends no sequence at its end is left
// out by sequences.
func (p *lineProgram) run() error {
	c := &p.c
	c.b = c.b[:p.end]
	p.reset()
	for c.left() > 0 && c.err == nil {
		if len(p.t.rows) >= maxLineRows {
			return errLines
		}
		op := uint64(c.u8())
		switch {
		case op >= p.opcodeBase:
			op -= p.opcodeBase
			p.advance(op / p.lineRange)
			p.row.Line += uint32(p.lineBase + int64(op%p.lineRange))
			p.emit()
		case op == 0:
			p.extended()
		default:
			p.standard(op)
		}
	}
	return c.err
}

func (p *lineProgram) standard(op uint64) {
	c := &p.c
	switch op {
	case lnsCopy:
		p.emit()
	case lnsAdvancePC:
		p.advance(c.uleb())
	case lnsAdvanceLine:
		p.row.Line += uint32(c.sleb())
	case lnsSetFile:
		p.row.File = uint32(c.uleb())
	case lnsSetColumn:
		p.row.Column = uint32(c.uleb())
	case lnsNegateStmt:
		p.row.Stmt = !p.row.Stmt
	case lnsConstAddPC:
		p.advance((255 - p.opcodeBase) / p.lineRange)
	case lnsFixedAdvancePC:
		p.row.Addr += uint64(c.u16())
		p.opIndex = 0
	case lnsSetBasicBlock, lnsSetPrologueEnd, lnsSetEpilogueBegin:
	case lnsSetISA:
		c.uleb()
	default:
		for range p.lengths[op-1] {
			c.uleb()
		}
	}
}

func (p *lineProgram) extended() {
	c := &p.c
	n := c.uleb()
	arg := cursor{b: c.take(n), big: c.big}
	if c.err != nil || n == 0 {
		return
	}
	switch arg.u8() {
	case lneEndSequence:
		p.row.EndSequence = true
		p.emit()
		p.reset()
	case lneSetAddress:
		p.row.Addr = arg.uint(arg.left())
		p.opIndex = 0
		if arg.err != nil {
			c.fail(arg.err)
		}
	case lneDefineFile:
		name := string(arg.cstr())
		if arg.err == nil && len(p.t.files) < maxLineFiles {
			p.file4(&arg, name)
		}
	}
}
