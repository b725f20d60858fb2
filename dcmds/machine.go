package dcmds

import (
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/system"
)

// machineDcmds are for a machine that runs while it is looked at.
func machineDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "stop", Descr: "halt the machine that is looked at",
		Help: "The machine stays halted until ::cont, ::release or the end of the session, which\n" +
			"let it go on if it ran before. ::release -a leaves it halted.\n",
		Run: runStop,
	}, {
		Name: "findkernel", Usage: "[-a]", Descr: "look for a kernel in a machine's memory",
		Help: "Looks for a kernel in the memory of the machine that is the target, again: it may have\n" +
			"been started meanwhile. Where nothing leads to one, memory is searched as far as a\n" +
			"moment is enough for, as on opening.\n\n" +
			"-a    Search all of memory. That takes a minute for some hundreds of gigabytes, and\n" +
			"      can be interrupted.\n",
		Opts: []core.Opt{{Letter: 'a', Help: "search all of memory"}},
		Run:  runFindKernel,
	}}
}

// runFindKernel keeps what is known where nothing is found.
func runFindKernel(c *core.Ctx) error {
	if c.HasAddr || len(c.Args) != 0 {
		return core.ErrUsage
	}
	if _, ok := c.Session.Context().Target.(system.KernelMemory); !ok {
		c.Warnf("failed to find a kernel: the target is no machine")
		return core.ErrFailed
	}
	search := system.Search{Whole: c.Opt('a')}
	if c.Session.Progress != nil {
		search.Progress = c.Session.Progress("searching memory")
	}
	sys, err := c.Session.FindKernel(c, search)
	if err != nil {
		return failedTo(c, "search", err)
	}
	if s, ok := sys.(core.StatusReporter); ok {
		s.Status(c.P)
	}
	return nil
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
