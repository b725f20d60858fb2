package genunix

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func projectDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "project", AnyAddr: true, Descr: "display kernel project(s)", Type: "kproject_t", Table: projectTable, Run: noArgs(perAddress(allProjects, projectRow)),
			Help: "Lists the projects that something belongs to, or the one at the address.\n"},
		{Name: "task", AnyAddr: true, Descr: "display kernel task(s)", Type: "task_t", Table: taskTable, Run: noArgs(runTask),
			Help: "Lists the tasks in use, or the one at the address.\n"},
	}
}

func projectWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "projects", Descr: "walk a list of kernel projects", Addr: core.AddrOptional, Type: "kproject_t", Walk: walkProjects},
		{Name: "task", Descr: "given a task pointer, walk its processes", Addr: core.AddrRequired, Type: "proc_t", Walk: walkTask},
	}
}

func walkProjects(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	ring := func(first uint64) iter.Seq2[uint64, error] { return v.ring("project", "kproject_t", "kpj_next", first) }
	if has {
		return v.elems("kproject_t", ring(uint64(start)))
	}
	return v.elems("kproject_t", v.from("unix", "proj0p", ring))
}

func allProjects(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] { return walkProjects(c, 0, false) }

func walkTask(c *core.Ctx, task mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	first, err := v.member("task_t", "tk_memb_list", uint64(task))
	if err != nil {
		return noWalk[core.Elem](badRead("task", uint64(task), err))
	}
	return v.elems("proc_t", v.ring("proc", "proc_t", "p_tasknext", first))
}

var projectTable = &core.Table{
	Head: "%<u>%?s %6s %6s %6s%</u>\n", Line: "%0?p %6d %6d %6u\n", Type: "kproject_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "projid", Head: "PROJID"}, {Name: "zoneid", Head: "ZONEID"}, {Name: "refcnt", Head: "REFCNT"}},
}

func projectRow(c *core.Ctx, v *view, addr uint64) error {
	var p struct {
		ID    int32  `ctf:"kpj_id"`
		Zone  int32  `ctf:"kpj_zoneid"`
		Count uint32 `ctf:"kpj_count"`
	}
	if err := v.load("kproject_t", addr, &p); err != nil {
		return c.Warn(err, "can't read kproject_t structure at %p", addr)
	}
	c.Row(out.Hex(addr), p.ID, p.Zone, p.Count)
	return nil
}

var taskTable = &core.Table{
	Head: "%<u>%?s %6s %6s %6s %6s %10s%</u>\n", Line: "%0?p %6d %6d %6d %6u 0x%08x\n", Type: "task_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "taskid", Head: "TASKID"}, {Name: "projid", Head: "PROJID"},
		{Name: "zoneid", Head: "ZONEID"}, {Name: "refcnt", Head: "REFCNT"}, {Name: "flags", Head: "FLAGS"}},
}

// runTask walks the kmem cache of tasks, as MDB does: tasks are on no list.
func runTask(c *core.Ctx) error {
	v := viewOf(c)
	if c.HasAddr {
		return taskRow(c, v, c.Addr)
	}
	walkers := c.Reg.Walkers("task_cache")
	if len(walkers) == 0 {
		return c.Warn(core.ErrNoWalk, "can't walk task_cache")
	}
	return each(c, walkers[0].Walk(c, 0, false), func(a uint64) error { return taskRow(c, v, a) })
}

func taskRow(c *core.Ctx, v *view, addr uint64) error {
	var t struct {
		ID    int32  `ctf:"tk_tkid"`
		Flags uint32 `ctf:"tk_flags"`
		Proj  uint64 `ctf:"tk_proj"`
		Holds uint32 `ctf:"tk_hold_count"`
	}
	if err := v.load("task_t", addr, &t); err != nil {
		return c.Warn(err, "can't read task_t structure at %p", addr)
	}
	var p struct {
		ID   int32 `ctf:"kpj_id"`
		Zone int32 `ctf:"kpj_zoneid"`
	}
	err := v.load("kproject_t", t.Proj, &p)
	if err != nil && !c.Opts.JSON {
		return c.Warn(err, "can't read project_t structure at %p", addr)
	}
	c.Row(out.Hex(addr), t.ID, cell(c, p.ID, err, "project", addr), cell(c, p.Zone, err, "project", addr), t.Holds, t.Flags)
	return nil
}
