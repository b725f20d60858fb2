package out

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// PagerPrompt is what the pager shows at the end of a page.
const PagerPrompt = ">> More [<space>, <cr>, q, n, c, a] ? "

var (
	// ErrQuit is a Pager's answer to q: end the command.
	ErrQuit = errors.New("output ended by the user")
	// ErrAbort is a Pager's answer to a: end everything up to the prompt.
	ErrAbort = errors.New("command cancelled by user")
)

// A Pager is a writer that stops at the end of each page and asks how to go
// on: space for a page, Enter or n for a line, q to end the command, a to go
// back to the prompt, c to go on without asking. Once ended, every Write
// returns ErrQuit or ErrAbort until Reset.
type Pager struct {
	w   io.Writer
	ask func(prompt string) byte

	rows     int
	lines    int  // written since the last question
	single   bool // ask again after the next line
	nonstop  bool // c was given
	lineOpen bool // the last byte written was no newline
	ended    error
}

// NewPager pages onto w, a terminal of so many rows (below 2: no paging). ask
// shows the prompt, reads a key without waiting for Enter and returns it, 0
// if there is none to be had, which ends the command. It is called with an
// empty prompt when the key meant nothing. The pager erases the prompt.
func NewPager(w io.Writer, rows int, ask func(prompt string) byte) *Pager {
	return &Pager{w: w, rows: rows, ask: ask}
}

// SetRows sets the number of rows of the terminal.
func (g *Pager) SetRows(n int) { g.rows = n }

// Reset begins a new command: the page starts afresh and c, q and a are
// forgotten.
func (g *Pager) Reset() {
	g.lines, g.single, g.nonstop, g.ended = 0, false, false, nil
	g.lineOpen = false
}

// Write writes b line by line, asking where a page is full.
func (g *Pager) Write(b []byte) (int, error) {
	if g.ended != nil {
		return 0, g.ended
	}
	if g.nonstop || g.rows < 2 || g.ask == nil {
		return g.w.Write(b)
	}
	done := 0
	for done < len(b) {
		n := len(b) - done
		if i := bytes.IndexByte(b[done:], '\n'); i >= 0 {
			n = i + 1
		}
		if err := g.beforeLine(); err != nil {
			return done, err
		}
		m, err := g.w.Write(b[done : done+n])
		done += m
		if err != nil {
			return done, err
		}
		if g.lineOpen = b[done-1] != '\n'; !g.lineOpen {
			g.lines++
		}
	}
	return done, nil
}

// beforeLine asks if the line about to begin is the first of a new page.
func (g *Pager) beforeLine() error {
	if g.lineOpen || g.nonstop || !g.single && g.lines < g.rows-1 {
		return nil
	}
	g.lines, g.single = 0, false
	g.ended = g.question()
	g.erase()
	return g.ended
}

func (g *Pager) question() error {
	for prompt := PagerPrompt; ; prompt = "" {
		switch g.ask(prompt) {
		case ' ':
			return nil
		case 'n', 'N', '\n', '\r':
			g.single = true
			return nil
		case 'c', 'C':
			g.nonstop = true
			return nil
		case 'q', 'Q', 'c' & 0x1f, '\\' & 0x1f, 0:
			return ErrQuit
		case 'a', 'A':
			return ErrAbort
		}
	}
}

var pagerErase = strings.Repeat("\b", len(PagerPrompt)) +
	strings.Repeat(" ", len(PagerPrompt)) + strings.Repeat("\b", len(PagerPrompt))

func (g *Pager) erase() { io.WriteString(g.w, pagerErase) }
