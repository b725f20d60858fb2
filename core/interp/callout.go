package interp

import (
	"github.com/xmdb/xmdb/core"
)

// Call implements core.Evaluator: it runs a dcmd from within another, with the
// caller's output.
func (in *Interp) Call(c *core.Ctx, name string, addr uint64, has bool, args ...core.Arg) error {
	defs, err := lookupDcmd(in.s.Reg, name)
	if err != nil {
		c.Warnf("invalid command '::%s': %v", name, err)
		return core.ErrFailed
	}
	st := &stage{cmd: &command{name: name, defs: defs, args: args}}
	st.where = where{addr: addr, count: 1, has: has}
	sub := &core.Ctx{
		Context: c.Context, Session: c.Session, P: c.P, Rows: c.Rows,
		Addr: addr, HasAddr: has, Count: 1,
		Loop: c.Loop, First: c.First, PipeIn: c.PipeIn, PipeOut: c.PipeOut, Type: c.Type,
		Stage: &core.Stage{RawArgs: args},
	}
	if c.Stage != nil {
		sub.Stage.Out = c.Stage.Out
	}
	if err := in.invoke(sub, st); err != nil {
		return err
	}
	return in.s.Fail(sub.Stage.Finish())
}
