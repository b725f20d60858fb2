package linux

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

var threadTable = &core.Table{
	Head: "%<u>%-?s %-7s %-?s %6s %4s %4s %-8s %-s%</u>\n", Line: "%0?p %-7s %0?p %6d %4d %4d %-8x %-s\n", Type: "struct task_struct",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "state", Head: "STATE"}, {Name: "proc", Head: "PROC", Descr: "leader of its thread group"},
		{Name: "tid", Head: "TID"}, {Name: "pri", Head: "PRI", Descr: "kernel priority: 0 to 99 real time, 100 to 139 others"},
		{Name: "cpu", Head: "CPU"}, {Name: "flags", Head: "FLAG"}, {Name: "name", Head: "NAME"}},
}

func threadDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "thread", Usage: "?", Descr: "display a summarized task_struct of a thread", Type: "struct task_struct",
		Help: `Prints a row for the thread at the address, else for every thread: state (ONCPU, RUN,
SLEEP, DISK for an uninterruptible sleep, IDLE for a kernel thread with nothing to do,
STOPPED, TRACED, ZOMBIE, DEAD, PARKED), process, thread id, priority, CPU, flags (PF_*),
name.
`,
		Table: threadTable, Run: noArgs(perAddress(threads, threadRow)),
	}}
}

func threadRow(c *core.Ctx, v *kernel.View, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, v.TypeOrNil("struct task_struct"))
		return nil
	}
	t, err := readTask(v, addr)
	if err != nil {
		return err
	}
	_, state := t.state()
	c.Row(out.Hex(addr), state, out.Hex(t.l.Leader.Of(t.b)), t.pid(), t.prio(), t.cpu(), out.Hex(t.flags()), t.comm())
	return nil
}
