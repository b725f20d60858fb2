package dcmds

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// lwpDcmds list threads as adb did, and set the environment.
func lwpDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "$l", Descr: "print the representative thread's lwp id", Run: runLWP},
		{Name: "$L", Descr: "print list of the active lwp ids", Run: runLWPs},
		{Name: "setenv", Usage: "name=value", Descr: "set an environment variable", Run: runSetenv},
		{Name: "unsetenv", Usage: "[name]", Descr: "clear an environment variable", Run: runUnsetenv},
	}
}

func runLWP(c *core.Ctx) error {
	if c.Session.Context().Target == nil {
		return core.ErrNoProc
	}
	c.Printf("%d\n", c.Session.Context().Thread)
	return nil
}

// runLWPs prints a sentence that lists the threads.
func runLWPs(c *core.Ctx) error {
	cx := c.Session.Context()
	if cx.Target == nil {
		return core.ErrNoProc
	}
	t, ok := core.As[core.Threads](cx)
	if !ok {
		c.Printf("no lwps are in idle target.\n")
		return nil
	}
	var ids []string
	for _, th := range t.Threads() {
		ids = append(ids, fmt.Sprint(th.ID))
	}
	p, ok := core.As[core.Process](cx)
	if !ok || len(ids) == 0 {
		c.Printf("no lwps are in idle target.\n")
		return nil
	}
	if len(ids) == 1 {
		c.Printf("lwpid %s is in core of process %d.\n", ids[0], p.PID())
		return nil
	}
	c.Printf("lwpids %s and %s are in core of process %d.\n", strings.Join(ids[:len(ids)-1], ", "), ids[len(ids)-1], p.PID())
	return nil
}

// runSetenv changes the environment of a process that is to be run, which no
// target of this kind can do.
func runSetenv(c *core.Ctx) error {
	if len(c.Args) < 1 || len(c.Args) > 2 {
		return core.ErrUsage
	}
	return core.ErrNoProc
}

func runUnsetenv(c *core.Ctx) error {
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	return core.ErrNoProc
}
