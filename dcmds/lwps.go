package dcmds

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/system"
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
	where := lwpHome(c)
	if where == "" || len(ids) == 0 {
		c.Printf("no lwps are in idle target.\n")
		return nil
	}
	if len(ids) == 1 {
		c.Printf("lwpid %s is the only lwp in %s.\n", ids[0], where)
		return nil
	}
	c.Printf("lwpids %s and %s are in %s.\n", strings.Join(ids[:len(ids)-1], ", "), ids[len(ids)-1], where)
	return nil
}

// lwpHome is what the threads are of; "" if that is no process.
func lwpHome(c *core.Ctx) string {
	cx := c.Session.Context()
	if p, ok := core.As[core.Process](cx); ok {
		if st, _ := state(c); st != core.StateDead {
			return fmt.Sprintf("process %d", p.PID())
		}
		return fmt.Sprintf("core of process %d", p.PID())
	}
	if p, ok := cx.Target.(system.ProcessTarget); ok {
		return p.Name() + " of the kernel"
	}
	return ""
}
