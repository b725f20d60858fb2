package line

import (
	"bytes"
	"io"
	"sync"
)

// Marks around pasted text (xterm's bracketed paste, DECSET 2004).
var (
	pasteOn  = []byte("\x1b[200~")
	pasteOff = []byte("\x1b[201~")
)

// gate stands between the editor library, which reads standard input in a
// goroutine of its own, and the terminal. It lets the library read only while a
// line is being edited, hands over one line at a time, and takes the marks of
// bracketed paste out, making tabs inside a paste blanks.
type gate struct {
	r     io.Reader
	mu    sync.Mutex
	cond  *sync.Cond
	open  bool
	done  bool
	paste bool
	buf   []byte // read and filtered, not yet handed over
	raw   []byte // an unfinished mark
	err   error
}

func newGate(r io.Reader) *gate {
	g := &gate{r: r}
	g.cond = sync.NewCond(&g.mu)
	return g
}

// arm lets reads through until the end of a line has been handed over.
func (g *gate) arm() {
	g.mu.Lock()
	g.open = true
	g.mu.Unlock()
	g.cond.Broadcast()
}

func (g *gate) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		for !g.open && !g.done {
			g.cond.Wait()
		}
		if g.done {
			return 0, io.EOF
		}
		if len(g.buf) > 0 {
			n := copy(p, g.buf)
			if i := bytes.IndexAny(g.buf[:n], "\r\n"); i >= 0 {
				n = i + 1
				g.open = false
			}
			g.buf = g.buf[n:]
			return n, nil
		}
		if g.err != nil {
			return 0, g.err
		}
		g.fill()
	}
}

// fill reads once from the terminal, without the lock.
func (g *gate) fill() {
	g.mu.Unlock()
	var chunk [512]byte
	n, err := g.r.Read(chunk[:])
	g.mu.Lock()
	g.err = err
	g.filter(chunk[:n])
}

// filter appends what was read to buf without paste marks.
func (g *gate) filter(in []byte) {
	in = append(g.raw, in...)
	g.raw = nil
	for len(in) > 0 {
		switch {
		case bytes.HasPrefix(in, pasteOn):
			g.paste, in = true, in[len(pasteOn):]
		case bytes.HasPrefix(in, pasteOff):
			g.paste, in = false, in[len(pasteOff):]
		case len(in) > 2 && len(in) < len(pasteOn) && (bytes.HasPrefix(pasteOn, in) || bytes.HasPrefix(pasteOff, in)):
			// ESC or ESC [ alone may be a key; a longer start is a mark cut in two.
			g.raw = in
			return
		default:
			c := in[0]
			if g.paste && c == '\t' {
				c = ' '
			}
			g.buf, in = append(g.buf, c), in[1:]
		}
	}
}

// key reads one byte, what is left of earlier reads first.
func (g *gate) key() (byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.buf) == 0 {
		if g.err != nil {
			return 0, g.err
		}
		g.fill()
	}
	c := g.buf[0]
	g.buf = g.buf[1:]
	return c, nil
}

// Close ends the reads of the library's goroutine.
func (g *gate) Close() error {
	g.mu.Lock()
	g.done = true
	g.mu.Unlock()
	g.cond.Broadcast()
	return nil
}
