package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/line"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/dcmds"
)

// app is one run of the program.
type app struct {
	c    *config
	s    *core.Session
	tty  bool
	undo []func()
	// statement is the context of the statement that runs, at a prompt; else nil.
	statement context.Context
	guarded   bool // a process will be let go when we end

	opening    sync.Mutex // is held while a machine is being opened
	machine    abandoner  // that of -g
	recognised func()     // is called when the system in it was recognised
}

func newApp(c *config, extra []*core.Module) *app {
	a := &app{c: c}
	a.s = core.NewSession(c.prog, os.Stdout, os.Stderr)
	a.s.In = os.Stdin
	a.s.Progress = progress
	a.s.Contain = true
	a.s.Eval = interp.New(a.s)
	a.tty = !c.hasEval && line.IsTerminal(os.Stdin) && line.IsTerminal(os.Stdout)
	a.s.Out.SetTTY(line.IsTerminal(os.Stdout))
	if printer := a.s.Out; !c.asMDB && line.IsTerminal(os.Stderr) {
		a.s.Paint = func(msg string) string { return printer.Styled(out.StyleWarning, msg) }
	}
	for _, m := range append(builtins(), extra...) {
		if m.Builtin {
			a.s.Load(m, false)
		} else {
			a.s.Available = append(a.s.Available, m)
		}
	}
	return a
}

func (a *app) close() {
	a.s.Out.Flush()
	for i := len(a.undo) - 1; i >= 0; i-- {
		a.undo[i]()
	}
}

// run opens the target, reads ~/.mdbrc and then the commands, and gives the exit
// status.
func (a *app) run(ctx context.Context) int {
	if code := a.options(); code != exitOK {
		return code
	}
	if a.c.sample != noSample {
		if err := a.openSample(ctx); err != nil {
			return report(a.c, err)
		}
	} else if code := a.open(ctx); code != exitOK {
		return code
	}
	a.runRC(ctx)
	a.scripts()
	a.activate()
	switch {
	case a.c.hasEval:
		return a.evalString(ctx)
	case a.c.sample != noSample:
		a.tour(ctx)
	}
	return a.interact(ctx)
}

func (a *app) evalString(ctx context.Context) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	err := a.s.Eval.Eval(ctx, a.s, a.c.eval)
	a.s.Out.Flush()
	if err == nil && a.s.Complained && !a.c.asMDB {
		// MDB's status is 0 where / or ::print cannot read, and a script would take
		// nothing for an answer.
		return exitFail
	}
	return status(err)
}

func status(err error) int {
	if err == nil || errors.Is(err, core.ErrQuit) {
		return exitOK
	}
	return exitFail
}

// interact reads commands from the terminal or from standard input until its
// end or ::quit. Failing commands do not change the exit status.
func (a *app) interact(ctx context.Context) int {
	var r io.Reader = os.Stdin
	if a.tty {
		p, err := a.interactive()
		if err != nil {
			return report(a.c, err)
		}
		defer p.Close()
		r = p
	} else {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
	}
	err := a.s.Eval.Source(ctx, a.s, r, "(stdin)")
	if errors.Is(err, core.ErrIntr) && !a.tty {
		return exitFail
	}
	return exitOK
}

// runRC reads ~/.mdbrc, once, after the target has been opened.
func (a *app) runRC(ctx context.Context) {
	if a.c.noRC {
		return
	}
	home := os.Getenv("HOME")
	if home == "" {
		return
	}
	path := filepath.Join(home, ".mdbrc")
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	a.s.Eval.Source(ctx, a.s, f, path)
}

// options applies the command line's options to the session.
func (a *app) options() int {
	c, s := a.c, a.s
	s.Opts.DemangleOn = !c.asMDB
	for _, o := range c.opts {
		for _, name := range strings.Split(o.name, ",") {
			if err := s.Opts.Set(name, o.on); err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", c.prog, err)
				return exitUsage
			}
		}
	}
	if c.noctf {
		s.Opts.NoCTF = true
	}
	if c.noMods {
		s.Opts.NoMods = true
	}
	if c.json {
		s.Opts.JSON = true
	}
	if c.debug != "" {
		dcmds.SetDebug(s, c.debug)
	}
	if c.dis != "" && !s.SetDisMode(c.dis) {
		s.Warnf("invalid disassembler mode -- %s", c.dis)
	}
	s.Opts.SymDist = c.symDist
	if c.hasPrompt {
		if err := s.Opts.SetPrompt(c.prompt); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", c.prog, err)
			return exitUsage
		}
	}
	s.Opts.Root = c.root
	if c.macroPath != "" {
		s.Opts.MacroPath = filepath.SplitList(c.macroPath)
	}
	if c.modulePath != "" {
		s.Opts.ModulePath = filepath.SplitList(c.modulePath)
	}
	return exitOK
}
