package app

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/line"
	"github.com/xmdb/xmdb/core/out"
)

// prompter is standard input at a terminal: a line per Read, each asked for with
// the prompt of the moment.
type prompter struct {
	ed   line.Editor
	s    *core.Session
	rest []byte

	pager  *out.Pager         // nil if the terminal's size is not known
	cancel context.CancelFunc // of the statement being run
	stray  chan os.Signal     // takes the Ctrl-C that no statement does; nobody looks
}

// ReadLine asks for the next line; core.ErrIntr drops what has been typed of a
// statement.
func (p *prompter) ReadLine() (string, error) {
	p.s.Out.Flush()
	if p.pager != nil {
		p.pager.Reset()
		p.s.Out.ClearErr()
	}
	p.s.Prompting()
	for {
		text, err := p.ed.ReadLine(p.text())
		switch {
		case errors.Is(err, line.ErrInterrupt):
			return "", core.ErrIntr
		case err == io.EOF && p.s.Opts.IgnoreEOF:
			io.WriteString(os.Stdout, "Use $q or ::quit to exit\n")
			continue
		case err != nil:
			return "", err
		}
		return text + "\n", nil
	}
}

func (p *prompter) text() string { return promptOf(p.s) }

// promptOf is a session's prompt, behind the names of the guests that it is in.
func promptOf(s *core.Session) string {
	prompt := out.Sprintf(s.OutEnv(), s.Opts.Prompt)
	if in := s.Nesting(); len(in) > 0 {
		return "[" + strings.Join(in, " > ") + "]" + prompt
	}
	return prompt
}

// Read makes a prompter an io.Reader, as Evaluator.Source takes one; the
// interpreter asks by ReadLine.
func (p *prompter) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		text, err := p.ReadLine()
		if err != nil {
			return 0, err
		}
		p.rest = []byte(text)
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Close gives up the terminal.
func (p *prompter) Close() error {
	signal.Stop(p.stray)
	return p.ed.Close()
}

// interactive sets the session up for a person: the editor with its history and
// completion, the pager, the width of the terminal.
func (a *app) interactive() (*prompter, error) {
	size, _ := strconv.Atoi(os.Getenv("HISTSIZE"))
	ed, err := line.New(line.Config{
		HistoryFile: historyFile(),
		HistorySize: size,
		Complete:    completer(a.s),
		Suspend:     line.SuspendJob,
	})
	if err != nil {
		return nil, err
	}
	p := &prompter{ed: ed, s: a.s, stray: make(chan os.Signal, 1)}
	// Pressed again, Ctrl-C may come when it has ended the statement and the editor has
	// not yet taken the terminal: that must not end the debugger.
	signal.Notify(p.stray, os.Interrupt)
	if cols, rows, ok := line.Size(os.Stdout); ok {
		a.s.Out.SetCols(cols)
		p.pager = out.NewPager(os.Stdout, rows, p.ask)
		a.s.Out.SetOutput(p.pager)
	}
	a.s.Interruptible = a.noteStatement(p.interruptible)
	return p, nil
}

// interruptible makes Ctrl-C, and q or a in the pager, cancel one statement.
func (p *prompter) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	ctx, p.cancel = context.WithCancel(ctx)
	return ctx, func() { p.cancel(); stop() }
}

// ask shows the pager's prompt and reads a key.
func (p *prompter) ask(prompt string) byte {
	if !p.s.Opts.Pager {
		return 'c'
	}
	io.WriteString(os.Stdout, prompt)
	key, err := p.ed.ReadKey()
	switch {
	case err != nil:
		key = 0
	case key == ctrlC || key == ctrlBackslash:
		key = 'q'
	}
	if strings.IndexByte("\x00qQaA", key) >= 0 {
		p.cancel()
	}
	return key
}

// Keys that quit the pager besides q.
const (
	ctrlC         = 0x03
	ctrlBackslash = 0x1c
)

// historyFile is history in the XDG state directory; "" if it cannot be made.
func historyFile() string {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		if runtime.GOOS == "windows" {
			dir, _ = os.UserConfigDir()
		} else if home := os.Getenv("HOME"); home != "" {
			dir = filepath.Join(home, ".local", "state")
		}
	}
	if dir == "" {
		return ""
	}
	dir = filepath.Join(dir, "xmdb")
	if os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	return filepath.Join(dir, "history")
}
