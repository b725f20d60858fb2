package dcmds

import (
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// environDcmds change the environment that programs are started with.
func environDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "setenv", Usage: "name=value", Descr: "set an environment variable", NoHint: true,
			Help: "Sets a variable of the environment that ::run gives to a process; also in the\nform ::setenv name value.\n", Run: runSetenv},
		{Name: "unsetenv", Usage: "[name]", Descr: "clear an environment variable", NoHint: true,
			Help: "Removes a variable of the environment that ::run gives to a process; without a\nname, all of them.\n", Run: runUnsetenv},
	}
}

// environWarning says when a change counts.
func environWarning(c *core.Ctx) error {
	if _, ok := state(c); !ok {
		c.Warnf("no process active")
		return core.ErrFailed
	}
	if c.Execution().State() == core.StateStopped {
		c.Session.Notef("warning: changes will not take effect until process is restarted")
	}
	return nil
}

func runSetenv(c *core.Ctx) error {
	if len(c.Args) == 0 || len(c.Args) > 2 {
		return core.ErrUsage
	}
	if err := environWarning(c); err != nil {
		return err
	}
	name, val, _ := strings.Cut(c.Args[0].Str, "=")
	if len(c.Args) == 2 {
		name, val = c.Args[0].Str, c.Args[1].Str
	}
	c.Execution().Setenv(name, val)
	return nil
}

func runUnsetenv(c *core.Ctx) error {
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	if err := environWarning(c); err != nil {
		return err
	}
	name := ""
	if len(c.Args) == 1 {
		name = c.Args[0].Str
	}
	c.Execution().Unsetenv(name)
	return nil
}

// runGetenv prints the environment that programs are started with; of a core, and
// with -t, the process's own.
func runGetenv(c *core.Ctx) error {
	st, _ := state(c)
	if !c.Opt('t') && st != core.StateDead {
		return printEnv(c, c.Execution().Environ(), true)
	}
	if st == core.StateIdle || st == core.StateUndead {
		c.Warnf("-t option requires target to be running")
		return core.ErrFailed
	}
	env, err := environment(c)
	if err != nil {
		return err
	}
	return printEnv(c, slices.Clip(env), true)
}
