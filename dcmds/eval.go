package dcmds

import (
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// evalDcmds evaluate text, once or for each element of a pipe.
func evalDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "eval", Usage: "command", Descr: "evaluate the specified command", AnyAddr: true, Run: runEval},
		{Name: "echo", Usage: "args ...", Descr: "echo arguments", Run: runEcho},
		{Name: "grep", Usage: "?expr", Descr: "print dot if expression is true", Run: runGrep},
		{Name: "map", Usage: "?expr", Descr: "print dot after evaluating expression", Run: runMap},
	}
}

// word is the one argument of a dcmd that takes a string.
func word(c *core.Ctx) (string, error) {
	if len(c.Args) != 1 || c.Args[0].IsImm {
		return "", core.ErrUsage
	}
	return c.Args[0].Str, nil
}

// evaluate runs text; an error ends the pipeline. How the commands in it ended
// does not matter.
func evaluate(c *core.Ctx, text string) error {
	err := c.Session.Eval.Eval(c, c.Session, text)
	switch {
	case errors.Is(err, core.ErrParse):
		return core.ErrAbort
	case errors.Is(err, core.ErrQuit), errors.Is(err, core.ErrIntr):
		return err
	}
	return nil
}

func runEval(c *core.Ctx) error {
	text, err := word(c)
	if err != nil {
		return err
	}
	return evaluate(c, text)
}

func runEcho(c *core.Ctx) error {
	for _, a := range c.Args {
		if a.IsImm {
			c.Printf("%llr ", a.Imm)
		} else {
			c.Printf("%s ", a.Str)
		}
	}
	c.Printf("\n")
	return nil
}

func runGrep(c *core.Ctx) error {
	text, err := word(c)
	if err != nil {
		return err
	}
	if err := evaluate(c, text); err != nil {
		return err
	}
	if c.Dot() != 0 {
		emit(c, c.Addr, true)
	}
	return nil
}

func runMap(c *core.Ctx) error {
	text, err := word(c)
	if err != nil {
		return err
	}
	if err := evaluate(c, text); err != nil {
		return err
	}
	emit(c, c.Dot(), false)
	return nil
}

// emit puts a value into the pipe, or prints it without a prefix. keep says that
// it is the element of the stage's own input, whose type it keeps.
func emit(c *core.Ctx, v uint64, keep bool) {
	switch {
	case !c.PipeOut:
		c.Record(func() { c.Printf("%llr\n", v) }, namedField("value", out.Hex(v)))
	case keep:
		c.Emit(v, c.Type)
	default:
		c.Emit(v, nil)
	}
}
