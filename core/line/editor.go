package line

import (
	"errors"
	"io"
	"os"
	"unicode/utf8"

	"github.com/chzyer/readline"
)

// defaultHistory is MDB's history length.
const defaultHistory = 128

// IsTerminal tells whether f is a terminal.
func IsTerminal(f *os.File) bool { return readline.IsTerminal(int(f.Fd())) }

// Size gives the terminal's columns and rows; ok is false if f is none.
func Size(f *os.File) (cols, rows int, ok bool) {
	cols, rows, err := readline.GetSize(int(f.Fd()))
	return cols, rows, err == nil && cols > 0
}

type editor struct {
	rl   *readline.Instance
	gate *gate
	out  io.Writer
}

// New opens an editor on standard input and output, which must be a terminal.
func New(c Config) (Editor, error) {
	e := &editor{gate: newGate(os.Stdin), out: os.Stdout}
	size := c.HistorySize
	if size == 0 {
		size = defaultHistory
	}
	rl, err := readline.NewEx(&readline.Config{
		HistoryFile:     c.HistoryFile,
		HistoryLimit:    size,
		Stdin:           readline.NewCancelableStdin(e.gate),
		InterruptPrompt: "^C",
		EOFPrompt:       "\n",
		AutoComplete:    &completer{c.Complete, e},
		FuncFilterInputRune: func(r rune) (rune, bool) {
			if r != readline.CharCtrlZ {
				return r, true
			}
			if c.Suspend != nil {
				e.suspend(c.Suspend)
			}
			return 0, false
		},
	})
	if err != nil {
		return nil, err
	}
	e.rl = rl
	return e, nil
}

func (e *editor) ReadLine(prompt string) (string, error) {
	e.rl.SetPrompt(prompt)
	io.WriteString(e.out, "\x1b[?2004h")
	defer io.WriteString(e.out, "\x1b[?2004l")
	e.gate.arm()
	s, err := e.rl.Readline()
	if errors.Is(err, readline.ErrInterrupt) {
		err = ErrInterrupt
	}
	return s, err
}

func (e *editor) ReadKey() (byte, error) {
	raw := &readline.RawMode{}
	if err := raw.Enter(); err != nil {
		return 0, err
	}
	defer raw.Exit()
	return e.gate.key()
}

// suspend gives the terminal back, stops the job and, once it is continued,
// takes the terminal again.
func (e *editor) suspend(stop func()) {
	e.rl.Terminal.ExitRawMode()
	stop()
	e.rl.Terminal.EnterRawMode()
	e.rl.Refresh()
}

func (e *editor) Close() error {
	e.gate.Close()
	return e.rl.Close()
}

// completer adapts a Completer to the library: what all candidates share is
// inserted; when that adds nothing, they are listed above the line.
type completer struct {
	complete Completer
	e        *editor
}

func (c *completer) Do(text []rune, pos int) ([][]rune, int) {
	if c.complete == nil {
		return nil, 0
	}
	left := string(text[:pos])
	cands, replace := c.complete(left)
	if len(cands) == 0 || replace > len(left) {
		return nil, 0
	}
	word := left[len(left)-replace:]
	common := prefix(cands)
	add := ""
	if len(common) >= len(word) && common[:len(word)] == word {
		add = common[len(word):]
	}
	if len(cands) == 1 && !cands[0].NoSpace {
		add += " "
	}
	if add != "" {
		return [][]rune{[]rune(add)}, utf8.RuneCountInString(word)
	}
	if len(cands) > 1 {
		cols, _, ok := Size(os.Stdout)
		if !ok {
			cols = 80
		}
		c.e.rl.Write([]byte(list(cands, cols)))
	}
	return nil, 0
}
