package interp

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// call runs a pipeline and makes it the last command. The error is nil unless
// more than the pipeline has to end.
func (in *Interp) call(ctx context.Context, cmds []*command, w where) error {
	err := in.stages(ctx, cmds, w)
	in.last = cmds
	return err
}

func (in *Interp) stages(ctx context.Context, cmds []*command, w where) error {
	if len(cmds) == 0 {
		return nil
	}
	if len(in.frames) == 1 {
		in.s.Complained = false
	}
	var input *core.Pipe
	if f := cmds[0].filter; f != "" {
		var err error
		if input, err = in.producer(ctx, f); err != nil || len(input.Vals) == 0 {
			return pipeError(err)
		}
	}
	for i, cmd := range cmds {
		var st stage
		st.cmd, st.in, st.where = cmd, input, w
		last := i == len(cmds)-1
		if !last {
			st.sink = newSink(in, ctx, input)
			st.shell = cmds[i+1].filter
		}
		err := in.runStage(ctx, &st)
		if last {
			in.lastErr = err
			return ifFatal(err)
		}
		if !errors.Is(err, core.ErrParse) {
			in.lastErr = err
		}
		if fatal(err) || aborted(err) || len(st.sink.pipe.Vals) == 0 {
			return ifFatal(err)
		}
		input = st.sink.pipe
		w = where{addr: in.s.Frame.Dot, count: 1}
	}
	return nil
}

func ifFatal(err error) error {
	if fatal(err) {
		return err
	}
	return nil
}

// pipeError is what a pipeline returns whose input could not be parsed.
func pipeError(err error) error {
	if errors.Is(err, core.ErrParse) {
		return nil
	}
	return err
}

// stage is one stage being run.
type stage struct {
	cmd   *command
	in    *core.Pipe // nil if it has no input
	sink  *sink      // nil for the last stage
	shell string     // the sink is fed through this shell command
	where
}

// runStage runs a stage to its end, with the session's output going where the
// stage's does.
func (in *Interp) runStage(ctx context.Context, st *stage) error {
	if st.sink == nil {
		return in.invokeAll(ctx, st)
	}
	if st.shell != "" {
		return in.filterStage(ctx, st)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st.sink.cancel = cancel
	saved := in.s.Out
	in.s.Out = out.New(st.sink, saved.Env())
	err := in.invokeAll(ctx, st)
	in.s.Out.EndLine()
	in.s.Out.Flush()
	in.s.Out = saved
	if serr := st.sink.end(); serr != nil {
		return serr // the text was no list of addresses
	}
	return err
}

// invokeAll calls the stage's dcmd for the address, for each turn of the count
// or for each element of the input. The error is that of the last call.
func (in *Interp) invokeAll(ctx context.Context, st *stage) error {
	fr := in.s.Frame
	fr.Dot, fr.Addr, fr.Count = st.addr, st.addr, st.count
	exec := st.cmd.name == "$<"
	if exec {
		in.vars.count.Force(st.count)
	}
	if st.count == 0 {
		return nil
	}
	c := in.newCtx(ctx, st)
	err := in.elements(c, st, exec)
	if err == nil || !fatal(err) && !aborted(err) {
		if ferr := in.s.Fail(c.Stage.Finish()); ferr != nil {
			err = ferr
		}
	}
	if fatal(err) {
		c.P.Discard() // as MDB does when it unwinds
		return err
	}
	if c.Rows != nil {
		c.Rows.EndLine()
	}
	c.P.EndLine()
	c.P.Flush()
	in.s.Out.Flush()
	return err
}

// rows is the stream of records onto the session's current output.
func (in *Interp) rows() *out.Stream {
	if in.stream == nil || in.stream.Out != in.s.Out {
		in.stream = &out.Stream{Out: in.s.Out, Err: in.s.Stderr, JSON: true}
	}
	return in.stream
}

func (in *Interp) newCtx(ctx context.Context, st *stage) *core.Ctx {
	c := &core.Ctx{
		Context: ctx, Session: in.s, P: in.s.Out,
		Addr: st.addr, HasAddr: st.has, Count: st.count,
		Loop: st.loop, First: st.loop,
		Stage: &core.Stage{In: st.in, RawArgs: st.cmd.args},
	}
	if st.sink != nil && st.shell == "" {
		c.PipeOut = true
		c.Stage.Out = st.sink.pipe
	} else if in.s.Opts.JSON {
		c.Rows = in.rows()
		c.P = c.Rows.Printer()
	}
	return c
}

func (in *Interp) elements(c *core.Ctx, st *stage, exec bool) error {
	if st.in != nil {
		return in.eachElement(c, st)
	}
	err := in.invoke(c, st)
	if exec {
		return err // the count is the macro's
	}
	c.First = false
	for i := uint64(1); i < st.count && !fatal(err) && !aborted(err); i++ {
		next, derr := in.dotIncr(",")
		if derr != nil {
			return derr
		}
		in.s.Frame.Dot, c.Addr = next, next
		err = in.invoke(c, st)
	}
	return err
}

func (in *Interp) eachElement(c *core.Ctx, st *stage) error {
	c.PipeIn, c.Loop, c.First, c.HasAddr, c.Count = true, true, true, true, 1
	var err error
	for ; c.Stage.Pos < len(st.in.Vals); c.Stage.Pos++ {
		v := st.in.Vals[c.Stage.Pos]
		in.s.Frame.Dot, c.Addr = v, v
		c.Type = st.in.TypeAt(c.Stage.Pos)
		st.in.Select(c.Stage.Pos)
		err = in.invoke(c, st)
		if fatal(err) || aborted(err) {
			return err
		}
		c.First = false
	}
	return err
}

// invoke calls the dcmd once, going on to its next definition when one says so.
func (in *Interp) invoke(c *core.Ctx, st *stage) error {
	if c.Err() != nil {
		return in.interrupted(st)
	}
	var err error
	for _, d := range st.cmd.defs {
		if err = in.s.Fail(in.invokeOne(c, d)); !errors.Is(err, core.ErrNext) {
			break
		}
	}
	if c.PipeOut && len(c.Stage.Out.Cols) > 0 {
		// What was printed belongs to this element's walk variables.
		c.P.EndLine()
		c.P.Flush()
		st.sink.parse()
	}
	switch {
	case errors.Is(err, core.ErrUsage):
		in.usage(c.Dcmd)
	case errors.Is(err, core.ErrNext):
		return nil
	case errors.Is(err, core.ErrIntr), err != nil && c.Err() != nil:
		return in.interrupted(st)
	}
	return err
}

// interrupted is how a cancelled stage ends: because its output could not be
// parsed, which is known elsewhere, or because the user wants it to.
func (in *Interp) interrupted(st *stage) error {
	if st.sink != nil && st.sink.err != nil {
		return core.ErrAbort
	}
	return core.ErrIntr
}

func (in *Interp) invokeOne(c *core.Ctx, d *core.Dcmd) (err error) {
	if c.Dcmd != d {
		c.Dcmd = d
		c.Args = c.Stage.RawArgs
		if d.Opts != nil {
			if err = c.ParseOpts(); err != nil {
				return err
			}
		}
	}
	switch d.AddrMode() {
	case core.AddrRequired:
		if !c.HasAddr && !d.AnyAddr {
			return core.ErrUsage
		}
	case core.AddrNone:
		if c.HasAddr && !d.AnyAddr {
			return core.ErrUsage
		}
	}
	if in.s.Contain {
		defer contain(d, &err)
	}
	return d.Run(c)
}

// contain turns a fault in a dcmd's code into an error of that command: it must not
// end the session, in which hours of work may stand.
func contain(d *core.Dcmd, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("internal error in %s`%s: %v\n%s", d.Module.Name, d.Name, r, debug.Stack())
	}
}

// usage prints a dcmd's synopsis as an error message.
func (in *Interp) usage(d *core.Dcmd) {
	s := in.s
	s.Out.Flush()
	prefix, text := "", d.Synopsis(s.Prog)
	family := d.Name[0] == ':' || d.Name[0] == '$'
	if text != "" {
		switch {
		case text[0] == ':' && family:
			prefix, text = "address", text[1:]
		case text[0] == ':':
			prefix, text = "address::", text[1:]
		case text[0] == '?' && family:
			prefix, text = "[address]", text[1:]
		case text[0] == '?':
			prefix, text = "[address]::", text[1:]
		}
	}
	e := out.New(s.Stderr, s.OutEnv())
	e.Printf("Usage: %s%s %s\n", prefix, d.Name, text)
	if d.Help != "" && !d.NoHint {
		e.Printf("%s: try '::help %s' for more information\n", s.Prog, d.Name)
	}
	e.Flush()
}
