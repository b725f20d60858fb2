package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/targets/objfile"
	"github.com/xmdb/xmdb/targets/ptrace"
)

// grabTarget attaches to the process of -p.
func (a *app) grabTarget(ctx context.Context, args []string) (core.Target, error) {
	if len(args) > 0 {
		return nil, &usageError{msg: "-p takes no operands"}
	}
	pid, err := strconv.Atoi(strings.TrimPrefix(a.c.pid, "/proc/"))
	if err != nil || pid <= 0 {
		return nil, fmt.Errorf("cannot attach to %s: no such process", a.c.pid)
	}
	t, err := a.grab(ctx, pid)
	if err != nil {
		return nil, fmt.Errorf("cannot attach to %s: %w", a.c.pid, err)
	}
	return t, nil
}

func (a *app) grab(ctx context.Context, pid int) (*ptrace.Target, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	root := a.c.root
	if root == "" {
		root = ptrace.Root(pid)
	}
	return ptrace.Attach(ctx, pid, ptrace.Options{Files: a.files(root), NoStop: a.c.noStop, Write: a.c.write})
}

// runTarget opens the program of --run.
func (a *app) runTarget(args []string) (core.Target, error) {
	if len(args) > 0 {
		return nil, &usageError{msg: "--run takes no operands before it"}
	}
	if _, err := headOf(a.c.run[0]); err != nil {
		return nil, err
	}
	return objfile.Open(a.c.run[0], a.files(a.c.root), false)
}

// adopt makes a process that was attached to the session's target.
func (a *app) adopt(l core.Live) {
	x := a.s.Execution()
	x.SetOutside()
	if err := x.Adopt(context.Background(), l); err != nil {
		a.s.Warnf("%s", err.Error())
	}
	if a.recognised != nil {
		a.recognised()
		a.recognised = nil
	}
	a.guard()
}

// control gives the session the ways to processes: a program that was opened can be
// run, and attached to.
func (a *app) control() {
	x := a.s.Execution()
	x.Ask = a.ask
	a.s.OnPrompt(a.news)
	t, ok := a.s.Context().Target.(*objfile.Target)
	if !ok {
		return
	}
	x.Start = func(ctx context.Context, args []string) (core.Live, error) {
		prog := ptrace.Program{Path: t.Name(), Env: x.Environ()}
		for _, w := range args {
			switch {
			case strings.HasPrefix(w, "<"):
				prog.Stdin = w[1:]
			case strings.HasPrefix(w, ">"):
				prog.Stdout = w[1:]
			default:
				prog.Args = append(prog.Args, w)
			}
		}
		a.s.Out.Flush()
		l, err := ptrace.Launch(ctx, prog, ptrace.Options{Files: a.files(a.c.root), Write: t.Writable()})
		if err != nil {
			return nil, err
		}
		a.guard()
		return l, nil
	}
	x.Grab = func(ctx context.Context, pid int) (core.Live, error) {
		l, err := a.grab(ctx, pid)
		if err != nil {
			return nil, err
		}
		a.guard()
		return l, nil
	}
}

// startNow starts the program of --run.
func (a *app) startNow(ctx context.Context) int {
	if err := a.s.Execution().Run(ctx, a.c.run[1:]); err != nil {
		return report(a.c, fmt.Errorf("failed to create process: %s", core.Reason(err)))
	}
	return exitOK
}

// guard lets the process go when the debugger ends: as it should, or by a signal.
func (a *app) guard() {
	if a.guarded {
		return
	}
	a.guarded = true
	a.undo = append(a.undo, a.s.Execution().Close)
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGHUP)
	if a.c.hasMachine {
		signal.Notify(ch, syscall.SIGQUIT) // else it is the process' on the terminal, too
	}
	go func() {
		sig := <-ch
		a.abandon()
		code := 128
		if s, ok := sig.(syscall.Signal); ok {
			code += int(s)
		}
		os.Exit(code)
	}()
}

// news tells of objects that were loaded since the last prompt, and loads the
// modules that are for them.
func (a *app) news() {
	if a.s.Execution().News() && !a.s.Opts.NoMods {
		a.s.Out.Printf("%s: You've got symbols!\n", a.c.prog)
		a.activate()
	}
}

// ask puts a question to the terminal; 0 where there is none.
func (a *app) ask(question, letters string) byte {
	if !a.tty {
		return 0
	}
	a.s.Out.Flush()
	fmt.Fprint(os.Stderr, question)
	var b [1]byte
	for {
		if n, err := os.Stdin.Read(b[:]); n == 0 || err != nil {
			return 0
		}
		if i := strings.IndexByte(letters, b[0]|0x20); i >= 0 {
			return letters[i]
		}
	}
}
