package out

import (
	"io"
	"math"
)

const (
	// DefaultCols is the width of a line where no terminal says otherwise.
	DefaultCols = 80
	// DefaultMargin is the margin of the format verbs' output.
	DefaultMargin = 16
	// PipeCols is the width of a pipe, where lines do not end at a terminal's
	// edge: a tab beyond it still is a newline.
	PipeCols = 1024
	// DefaultTab is the distance of the tab stops.
	DefaultTab = 8

	flushSize = 32 << 10 // write at the first newline after so many bytes
	lineLimit = 64 << 10 // write a line in parts from here on
	maxWidth  = 64 << 10 // of a field; guards against %* with nonsense
	noLimit   = math.MaxInt32
)

// Env answers what the dialect needs to know of a session. Any member, and
// the Env itself, may be nil.
type Env struct {
	// Symbol names an address for %a and %A, with object and offset as they
	// are to be printed: "main+0x3", "libc.so.6`read+1".
	Symbol func(addr uint64) (name string, ok bool)
	// Var gives the value of a variable for %<_name>.
	Var func(name string) (uint64, bool)
	// Radix is the output radix of %r and %R, 2 to 16; 16 where nil.
	Radix func() int
	// PtrSize is the size of a pointer in bytes, for the width of %?; 8 where
	// nil.
	PtrSize func() int
}

func (e *Env) radix() int {
	if e == nil || e.Radix == nil {
		return 16
	}
	if r := e.Radix(); r >= 2 && r <= 16 {
		return r
	}
	return 16
}

func (e *Env) ptrDigits() int {
	if e == nil || e.PtrSize == nil {
		return 16
	}
	return 2 * e.PtrSize()
}

func (e *Env) symbol(addr uint64) (string, bool) {
	if e == nil || e.Symbol == nil {
		return "", false
	}
	return e.Symbol(addr)
}

func (e *Env) variable(name string) (uint64, bool) {
	if e == nil || e.Var == nil {
		return 0, false
	}
	return e.Var(name)
}

// A Printer writes text in MDB's dialect, line by line, to a writer. It is
// buffered: Flush it before anything else writes to the same place. It is not
// for use by several goroutines.
type Printer struct {
	w   io.Writer // nil: buf only grows (Sprintf)
	env *Env

	buf   []byte
	start int  // where the current line begins in buf
	split bool // the beginning of the current line is already written
	col   int  // bytes on the current line, attributes not counted

	cols, margin, tab  int
	wrap, indent       bool
	tty, attrs, colour bool

	err error

	num [96]byte // a cell in the making; here so that it is not allocated
}

// New returns a printer onto w, with 80 columns, wrapping and indenting off.
func New(w io.Writer, env *Env) *Printer {
	return &Printer{w: w, env: env, cols: DefaultCols, margin: DefaultMargin, tab: DefaultTab}
}

// Env returns the environment the printer was made with.
func (p *Printer) Env() *Env { return p.env }

// Err returns the first error of the writer. After it all output is dropped.
func (p *Printer) Err() error { return p.err }

// ClearErr forgets the writer's error and what was not written, so that the
// next command prints again.
func (p *Printer) ClearErr() {
	p.err = nil
	p.Discard()
}

// Discard drops what is not yet written and goes to the start of a line.
func (p *Printer) Discard() {
	p.buf = p.buf[:0]
	p.beginLine()
}

// DiscardLine drops what is on the current line and not yet written, and goes
// back to its start: MDB takes a line away that turned out to be unreadable.
func (p *Printer) DiscardLine() {
	if p.split {
		return
	}
	p.buf = p.buf[:p.start]
	p.beginLine()
}

// SetOutput makes the printer write to w from now on, after flushing, and
// returns the writer it had. The line under way continues.
func (p *Printer) SetOutput(w io.Writer) (old io.Writer) {
	p.Flush()
	old, p.w = p.w, w
	return old
}

// SetCols sets the width of a line in columns; less than 1 means 80.
func (p *Printer) SetCols(n int) {
	if n < 1 {
		n = DefaultCols
	}
	p.cols = n
}

// Cols returns the width of a line in columns.
func (p *Printer) Cols() int { return p.cols }

// SetWrap switches wrapping and returns what it was. When it is switched on
// in a line that is already too long, a new line is begun.
func (p *Printer) SetWrap(on bool) (old bool) {
	old, p.wrap = p.wrap, on
	if p.wrapNow(0) {
		p.newline()
	}
	return old
}

// Wrap reports whether wrapping is on.
func (p *Printer) Wrap() bool { return p.wrap }

// SetMargin sets the margin, at most one less than the width of a line, and
// returns what it was. It shows only while indenting is on.
func (p *Printer) SetMargin(n int) (old int) {
	old = p.margin
	p.unindent()
	p.margin = max(0, min(n, p.cols-1))
	p.doIndent()
	return old
}

// Margin returns the margin in columns.
func (p *Printer) Margin() int { return p.margin }

// SetIndent switches indenting and returns what it was. Switched on at the
// start of a line it puts the margin there; switched off it takes the margin
// of an otherwise empty line away.
func (p *Printer) SetIndent(on bool) (old bool) {
	old, p.indent = p.indent, on
	if on {
		p.doIndent()
	} else {
		p.unindent()
	}
	return old
}

// Indent reports whether indenting is on.
func (p *Printer) Indent() bool { return p.indent }

// IncIndent is mdb_inc_indent: it moves the margin n columns to the right and
// switches indenting on. It returns the margin it had, 0 if there was none.
func (p *Printer) IncIndent(n int) (old int) {
	if p.indent {
		return p.SetMargin(p.margin + n)
	}
	p.SetMargin(n)
	p.SetIndent(true)
	return 0
}

// DecIndent is mdb_dec_indent, the reverse of IncIndent.
func (p *Printer) DecIndent(n int) (old int) {
	if !p.indent {
		return 0
	}
	old = p.margin
	if old <= n {
		p.SetIndent(false)
		p.SetMargin(DefaultMargin)
	} else {
		p.SetMargin(old - n)
	}
	return old
}

// Column returns the number of columns already used on the current line, the
// margin included.
func (p *Printer) Column() int { return p.col }

// Newline ends the line, whatever is on it.
func (p *Printer) Newline() { p.newline() }

// Blanks writes n blanks, or a newline where wrapping is on and they would
// fill the line.
func (p *Printer) Blanks(n int) { p.blanks(n) }

// Tab goes to the next multiple of n, to a new line if that is at or beyond
// the width. At a multiple of n it goes to the one after it.
func (p *Printer) Tab(n int) { p.tabTo(min(n, p.cols-1)) }

// EndLine ends the output of a command: a line that holds only the margin is
// erased, any other that is not empty is ended.
func (p *Printer) EndLine() {
	p.unindent()
	if p.col != 0 {
		p.newline()
	} else {
		p.doIndent()
	}
}

// WriteString writes s, wrapping and indenting it; tabs in it go to the
// tab stops.
func (p *Printer) WriteString(s string) (int, error) {
	putText(p, s)
	return len(s), p.err
}

// Write is WriteString for bytes.
func (p *Printer) Write(b []byte) (int, error) {
	putText(p, b)
	return len(b), p.err
}

// WriteByte writes one byte like WriteString.
func (p *Printer) WriteByte(c byte) error {
	switch c {
	case '\n':
		p.newline()
	case '\t':
		p.tabTo(p.tab)
	default:
		p.fill(c, 1)
	}
	return p.err
}

// Flush writes what is buffered and returns the first error of the writer.
// Margin blanks on an otherwise empty line are held back, for they may yet be
// erased.
func (p *Printer) Flush() error {
	if p.w == nil {
		return p.err
	}
	if p.onlyMargin() {
		p.writeOut(p.start)
		return p.err
	}
	if len(p.buf) > p.start {
		p.split = true
	}
	p.writeOut(len(p.buf))
	return p.err
}

// writeOut hands the first n bytes of the buffer to the writer.
func (p *Printer) writeOut(n int) {
	if n == 0 {
		return
	}
	if p.err == nil {
		_, p.err = p.w.Write(p.buf[:n])
	}
	rest := copy(p.buf, p.buf[n:])
	p.buf = p.buf[:rest]
	p.start = max(0, p.start-n)
}

func (p *Printer) beginLine() {
	p.start, p.split, p.col = len(p.buf), false, 0
	p.doIndent()
}

func (p *Printer) newline() {
	p.buf = append(p.buf, '\n')
	full := len(p.buf)
	p.beginLine()
	if p.w != nil && (p.tty || full >= flushSize || p.err != nil) {
		p.writeOut(full)
	}
}

func (p *Printer) doIndent() {
	if p.col != 0 || p.margin == 0 || !p.indent {
		return
	}
	for range p.margin {
		p.buf = append(p.buf, ' ')
	}
	p.col = p.margin
}

// onlyMargin reports whether the current line is the margin and nothing else.
// As in MDB any line of margin blanks is, even if a command wrote them.
func (p *Printer) onlyMargin() bool {
	if p.split || p.col == 0 || p.col != p.margin || len(p.buf)-p.start != p.margin {
		return false
	}
	for _, c := range p.buf[p.start:] {
		if c != ' ' {
			return false
		}
	}
	return true
}

func (p *Printer) unindent() {
	if p.onlyMargin() {
		p.buf = p.buf[:p.start]
		p.col = 0
	}
}

// wrapNow reports whether a cell of n columns has to go to the next line.
func (p *Printer) wrapNow(n int) bool {
	return p.wrap && p.col != 0 && p.col+n > p.cols && !(p.indent && p.col == p.margin)
}

// room returns how many columns are left on the line.
func (p *Printer) room() int {
	if !p.wrap {
		return math.MaxInt
	}
	if p.col > p.cols {
		p.newline()
	}
	if p.indent && p.margin >= p.cols {
		return math.MaxInt // the width was set below the margin: nothing fits
	}
	return p.cols - p.col
}

// put writes text without newlines and tabs, splitting it where lines end.
func put[T string | []byte](p *Printer, s T) {
	for len(s) > 0 {
		n := p.room()
		m := min(n, len(s))
		p.buf = append(p.buf, s[:m]...)
		p.col += m
		s = s[m:]
		if len(s) > 0 {
			p.newline()
		}
	}
	p.spill()
}

func putText[T string | []byte](p *Printer, s T) {
	from := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '\n' || c == '\t' {
			if i > from {
				put(p, s[from:i])
			}
			if c == '\n' {
				p.newline()
			} else {
				p.tabTo(p.tab)
			}
			from = i + 1
		}
	}
	if from < len(s) {
		put(p, s[from:])
	}
}

// fill writes c n times, going on to further lines where they end.
func (p *Printer) fill(c byte, n int) {
	for n > 0 {
		m := min(n, p.room())
		for range m {
			p.buf = append(p.buf, c)
		}
		p.col += m
		if n -= m; n > 0 {
			p.newline()
		}
	}
	p.spill()
}

// spill keeps a line without end from growing the buffer without end.
func (p *Printer) spill() {
	if len(p.buf) > lineLimit && p.w != nil && !p.onlyMargin() {
		p.split = true
		p.writeOut(len(p.buf))
	}
}

func (p *Printer) blanks(n int) {
	if !p.wrap || p.col+n < p.cols {
		p.fill(' ', n)
	} else {
		p.newline()
	}
}

func (p *Printer) tabTo(stop int) {
	if stop <= 0 {
		return
	}
	if n := (p.col + stop) / stop * stop; n < p.cols {
		p.fill(' ', n-p.col)
	} else {
		p.newline()
	}
}
