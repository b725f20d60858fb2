package interp

import (
	"context"
	"errors"
	"io"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/lang"
	"github.com/xmdb/xmdb/core/out"
)

// maxFrames bounds how deeply evaluations nest: an ::eval that evaluates itself
// ends with an error.
const maxFrames = 128

// Interp evaluates the language in one session.
type Interp struct {
	s       *core.Session
	base    *out.Printer // the session's own output, below pipes and shells
	frames  []*frame
	last    []*command // what a naked expression runs again
	lastErr error      // how the last command ended
	exprs   map[exprKey]*lang.Statement
	vars    builtinVars
	stream  *out.Stream // of JSON mode
}

// frame is one input being read.
type frame struct {
	parser *lang.Parser
	sink   *sink // of a pipe: where the values of its expressions go
	values []uint64
	done   bool // $< without a name: leave
	closer io.Closer
}

// New makes the evaluator of a session and defines the language's variables.
func New(s *core.Session) *Interp {
	in := &Interp{s: s, base: s.Out, exprs: map[exprKey]*lang.Statement{}}
	in.defineVars()
	return in
}

// Output is the printer of the session's own output, whatever pipe or shell
// command it goes to at the moment.
func (in *Interp) Output() *out.Printer { return in.base }

// Depth is the number of frames being run; 1 while the commands of standard
// input or of -e run.
func (in *Interp) Depth() int { return len(in.frames) }

func (in *Interp) top() *frame { return in.frames[len(in.frames)-1] }

// Eval implements core.Evaluator.
func (in *Interp) Eval(ctx context.Context, s *core.Session, src string) error {
	if len(in.frames) > 0 {
		if ok, err := in.evalExpr(src); ok {
			return err
		}
	}
	err := in.run(ctx, lang.NewString(src), "(string)", lang.InputString)
	switch {
	case errors.Is(err, core.ErrParse), err != nil && !errors.Is(err, core.ErrQuit):
		return err
	case len(in.frames) == 0 && in.lastErr != nil:
		return in.lastErr
	}
	return err
}

// Source implements core.Evaluator. A reader that is a lang.Source, as the line
// editor is, is read line by line.
func (in *Interp) Source(ctx context.Context, s *core.Session, r io.Reader, name string) error {
	src, ok := r.(lang.Source)
	input := lang.InputTerminal
	if !ok {
		src, input = lang.NewReader(r), lang.InputFile
	}
	return in.run(ctx, logged{src, in.s}, name, input)
}

// logged is a Source whose lines go into the session's log.
type logged struct {
	lang.Source
	s *core.Session
}

func (l logged) ReadLine() (string, error) {
	line, err := l.Source.ReadLine()
	l.s.LogInput(line)
	return line, err
}

// run reads statements to the end of the input in a new frame. The error is nil
// at the end, ErrParse for a string that could not be evaluated, ErrQuit, or
// ErrIntr.
func (in *Interp) run(ctx context.Context, src lang.Source, name string, input lang.Input) error {
	if len(in.frames) >= maxFrames {
		in.s.Warnf("commands are nested too deeply")
		return core.ErrParse
	}
	f := &frame{}
	f.open(in, src, name, input, 1)
	dot := in.s.Frame.Dot
	in.frames = append(in.frames, f)
	err := in.loop(ctx, f)
	in.frames = in.frames[:len(in.frames)-1]
	f.close()
	if err != nil {
		in.s.Frame.Dot = dot
	}
	return err
}

// open makes src the frame's input, beginning with the given line number.
func (f *frame) open(in *Interp, src lang.Source, name string, input lang.Input, line int) {
	f.parser = lang.NewParser(src, name, lang.Options{
		Input: input,
		Line:  line,
		Radix: func() int { return in.s.Opts.Radix },
		Check: func(n lang.Node) error { return in.check(f, n) },

		NoQuoted: in.s.Prog == "mdb",
	})
}

func (f *frame) close() {
	if f.closer != nil {
		f.closer.Close()
		f.closer = nil
	}
}

func (in *Interp) loop(ctx context.Context, f *frame) error {
	for !f.done {
		if err := ctx.Err(); err != nil {
			return core.ErrIntr
		}
		stmt, err := f.parser.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = in.statement(ctx, f, stmt)
		}
		if err = in.recover(f, err); err != nil {
			return err
		}
	}
	return nil
}

// recover reports an error of a statement and gives the one that ends the frame,
// if any.
func (in *Interp) recover(f *frame, err error) error {
	var syntax *lang.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		if f.sink == nil {
			in.s.Out.Discard()
		}
		in.warn(syntax.Error())
		// Errors of a running command come after the whole statement was read:
		// MDB then loses the next one, too.
		if !syntax.Placed() {
			f.parser.Discard()
		}
	case errors.Is(err, core.ErrQuit), errors.Is(err, core.ErrIntr):
		in.s.Out.Discard()
		in.s.Out.Newline()
		in.s.Out.Flush()
		if errors.Is(err, core.ErrIntr) && len(in.frames) == 1 && in.s.Interruptible != nil {
			f.parser.Discard() // at the prompt Ctrl-C ends the line
			return nil
		}
		return err
	default:
		in.warn("error reading input stream " + f.parser.Name())
		f.parser.Stop()
		return nil
	}
	switch f.parser.Kind() {
	case lang.InputString, lang.InputPipe:
		return core.ErrParse
	}
	return nil
}

// warn writes a message that is not in the printf dialect.
func (in *Interp) warn(msg string) { in.s.Warnf("%s", msg) }
