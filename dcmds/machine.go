package dcmds

import (
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/control"
)

// machineDcmds are for a machine that runs while it is looked at.
func machineDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "stop", Descr: "halt the machine that is looked at",
		Help: "The machine stays halted until ::cont, ::release or the end of the session, which\n" +
			"let it go on if it ran before. ::release -a leaves it halted.\n",
		Run: runStop,
	}}
}

// stopper is the target as a machine that can be halted.
func stopper(c *core.Ctx) (core.Stopper, bool) {
	m, ok := c.Session.Context().Target.(core.Stopper)
	return m, ok
}

func runStop(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	m, ok := stopper(c)
	if !ok {
		c.Warnf("failed to stop target: it is no machine that runs")
		return core.ErrFailed
	}
	if err := m.Halt(c); err != nil {
		return failedTo(c, "stop", err)
	}
	c.Session.Between(c)
	if c.Execution().Engine().Machine() == nil {
		return nil
	}
	c.Execution().Halted(c.Execution().Live().Last())
	return stopped(c)
}

func failedTo(c *core.Ctx, do string, err error) error {
	if errors.Is(err, core.ErrIntr) {
		return err
	}
	c.Warnf("failed to %s target: %s", do, core.Reason(err))
	return core.ErrFailed
}

// machineGoOn lets a machine go on: until an event, if any can happen; else the
// prompt comes back while it runs.
func machineGoOn(c *core.Ctx, m core.Stopper, how move) error {
	controlled := c.Execution().Engine().Machine() != nil
	switch {
	case how == moveOn && !(controlled && waitsForEvents(c)):
		if err := m.Go(c); err != nil {
			return failedTo(c, doing[how], err)
		}
		return nil
	case !controlled:
		return failedTo(c, doing[how], errors.New("this way to the machine has no control of its processors (-g gdb: has)"))
	}
	if !m.Halted() {
		if err := m.Halt(c); err != nil {
			return failedTo(c, doing[how], err)
		}
		c.Execution().Halted(c.Execution().Live().Last())
	}
	return goOn(c, how)
}

// waitsForEvents tells whether the machine can stop by an event of the user's.
func waitsForEvents(c *core.Ctx) bool {
	for _, e := range c.Execution().Engine().Events() {
		if e.Flags&(control.Disabled|control.Hidden) == 0 && e.State != control.Idle {
			return true
		}
	}
	return false
}
