package dcmds

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// lwpDcmds list threads as adb did.
func lwpDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "$l", Descr: "print the representative thread's lwp id", Run: runLWP},
		{Name: "$L", Descr: "print list of the active lwp ids", Run: runLWPs},
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
	where := "core of process"
	if st, _ := state(c); st != core.StateDead {
		where = "process"
	}
	if len(ids) == 1 {
		c.Printf("lwpid %s is the only lwp in %s %d.\n", ids[0], where, p.PID())
		return nil
	}
	c.Printf("lwpids %s and %s are in %s %d.\n", strings.Join(ids[:len(ids)-1], ", "), ids[len(ids)-1], where, p.PID())
	return nil
}
