package interp

import (
	"context"
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/lang"
)

// command is one stage of a pipeline with its arguments evaluated.
type command struct {
	name   string // as registered
	defs   []*core.Dcmd
	args   []core.Arg
	filter string // shell command that feeds the stage, "" without one
}

// where says on what a list of commands is run.
type where struct {
	addr, count uint64
	has         bool // the address was given
	loop        bool // a count was given
}

// statement runs one statement of f.
func (in *Interp) statement(ctx context.Context, f *frame, stmt *lang.Statement) error {
	if len(in.frames) == 1 {
		in.s.Between(ctx)
		defer in.s.Settled()
	}
	if in.s.Interruptible != nil && len(in.frames) == 1 {
		var done func()
		ctx, done = in.s.Interruptible(ctx)
		defer done()
	}
	if len(stmt.Commands) == 0 && stmt.Shell != nil && stmt.Count == nil {
		return in.escape(ctx, stmt.Shell)
	}
	cmds, w, run, err := in.prepare(f, stmt)
	if err != nil || !run {
		return err
	}
	return in.withShell(ctx, stmt.Shell, func(ctx context.Context) error {
		return in.call(ctx, cmds, w)
	})
}

// prepare finds what a statement runs and on what. run is false if there is
// nothing to run.
func (in *Interp) prepare(f *frame, stmt *lang.Statement) (cmds []*command, w where, run bool, err error) {
	w = where{addr: in.s.Frame.Dot, count: 1}
	if stmt.Addr != nil {
		w.addr, w.has = f.values[stmt.Addr.Slot], true
	}
	if stmt.Count != nil {
		w.count, w.loop = f.values[stmt.Count.Slot], true
	}
	switch {
	case len(stmt.Commands) > 0:
		cmds, err = in.resolve(f, stmt)
		return cmds, w, err == nil, err
	case stmt.Addr != nil && stmt.Count == nil:
		if in.naked(f, w.addr) {
			return nil, w, false, nil
		}
	case stmt.Count != nil && stmt.Addr == nil:
		w.addr, err = in.dotIncr(",")
	case stmt.Empty():
		if !in.s.Opts.RepeatLast || f.parser.Kind() == lang.InputString {
			return nil, w, false, nil
		}
		w.addr, err = in.dotIncr("\\n")
	}
	return in.last, w, err == nil, err
}

// naked deals with a naked expression in a string or a pipe; elsewhere it is
// false and the last command runs again.
func (in *Interp) naked(f *frame, v uint64) bool {
	switch {
	case f.parser.Kind() == lang.InputString:
		in.s.Frame.Incr = 0
	case f.sink != nil:
		f.sink.add(v)
	default:
		return false
	}
	in.s.Frame.Dot = v
	return true
}

// resolve looks the statement's dcmds up and gives their arguments values.
func (in *Interp) resolve(f *frame, stmt *lang.Statement) ([]*command, error) {
	cmds := make([]*command, len(stmt.Commands))
	for i, c := range stmt.Commands {
		defs, err := lookupDcmd(in.s.Reg, c.Name)
		if err != nil {
			return nil, lang.Bare("invalid command '%s': %v", c.Written, err)
		}
		cmd := &command{name: c.Name, defs: defs}
		if c.Filter != nil {
			cmd.filter = c.Filter.Text
		}
		for _, a := range c.Args {
			cmd.args = append(cmd.args, argument(f, a))
		}
		cmds[i] = cmd
	}
	return cmds, nil
}

func argument(f *frame, a lang.Arg) core.Arg {
	switch a.Kind {
	case lang.ArgNumber:
		return core.Arg{Imm: a.Value, IsImm: true}
	case lang.ArgExpr:
		return core.Arg{Imm: f.values[a.Expr.Slot], IsImm: true}
	case lang.ArgChar:
		return core.Arg{Char: a.Char}
	}
	return core.Arg{Str: a.Text}
}

// fatal tells whether an error ends more than its command.
func fatal(err error) bool {
	var syntax *lang.Error
	return errors.Is(err, core.ErrQuit) || errors.Is(err, core.ErrIntr) || errors.As(err, &syntax)
}

// aborted tells whether an error ends the loop and the pipeline.
func aborted(err error) bool {
	return errors.Is(err, core.ErrUsage) || errors.Is(err, core.ErrAbort)
}
