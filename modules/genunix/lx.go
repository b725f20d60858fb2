package genunix

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// Zones of the brand lx run Linux programs. What the kernel keeps for that, MDB has
// no commands for: the Linux release that the zone pretends to be, and the process
// ids that its processes see (init is 1 there).

func lxDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "lxzone", Usage: "?", Descr: "display zones that run Linux", Type: "zone_t", Table: lxZoneTable, Run: noArgs(runLxzone),
			Help: "Lists the zones of the brand lx, or the one at the address: the release and version\nof the kernel that their processes see, and the process that is init. ::zone has\nwhat they have in common with others.\n"},
		{Name: "lxps", Usage: "?[-l]", Descr: "list Linux processes with the ids they see", Type: "proc_t", Table: lxPsTable, Run: noArgs(runLxps),
			Help: "Lists the processes of zones that run Linux, or the one at the address, with the\nprocess id and parent's id that Linux programs see beside the kernel's own.\n",
			Opts: []core.Opt{{Letter: 'l', Help: "a line for each thread, with its Linux id"}}},
	}
}

var lxZoneTable = &core.Table{
	Head: "%<u>%?s %4s %-19s %-12s %6s %s%</u>\n", Line: "%0?p %4d %-19s %-12s %6d %s\n", Type: "zone_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "id", Head: "ID"}, {Name: "name", Head: "NAME"}, {Name: "release", Head: "RELEASE"},
		{Name: "init", Head: "INIT", Descr: "process id of init outside the zone"}, {Name: "version", Head: "VERSION"}, {Name: "bootid"}},
}

// isLX tells whether a zone is of the brand lx.
func (v *view) isLX(zone uint64) bool {
	at, err := v.member("zone_t", "zone_brand->b_name", zone)
	if err != nil {
		return false
	}
	name, err := v.text(at, 16)
	return err == nil && name == "lx"
}

func runLxzone(c *core.Ctx) error {
	return perAddress(allZones, func(c *core.Ctx, v *view, addr uint64) error {
		if !v.isLX(addr) {
			if c.HasAddr && !c.Loop {
				c.Warnf("zone %p is not of the brand lx", addr)
				return core.ErrFailed
			}
			return nil
		}
		var z struct {
			ID   int32  `ctf:"zone_id"`
			Name uint64 `ctf:"zone_name"`
			Init int32  `ctf:"zone_proc_initpid|zone_init_pid,optional"`
			Data uint64 `ctf:"zone_brand_data"`
		}
		if err := v.load("zone_t", addr, &z); err != nil {
			return badRead("zone", addr, err)
		}
		var d struct {
			Release string `ctf:"lxzd_kernel_release"`
			Version string `ctf:"lxzd_kernel_version"`
			BootID  string `ctf:"lxzd_bootid,optional"`
		}
		err := v.load("struct lx_zone_data", z.Data, &d)
		c.First = true // the heading comes with the first that is shown
		c.Row(out.Hex(addr), z.ID, v.shown(c, z.Name, zoneNameSize), cell(c, d.Release, err, "brand data", addr), z.Init, d.Version, d.BootID)
		return nil
	})(c)
}

var lxPsTable = &core.Table{
	Head: "%<u>%7s %7s %7s %4s %?s %s%</u>\n", Line: "%7d %7d %7d %4d %0?p %s\n", Type: "proc_t", Pipe: 4,
	Cols: []core.Field{{Name: "lxpid", Head: "LXPID", Descr: "process id in the zone"}, {Name: "lxppid", Head: "LXPPID", Descr: "that of the parent"},
		{Name: "pid", Head: "PID"}, {Name: "zone", Head: "ZONE"}, {Name: "addr", Head: "ADDR"}, {Name: "name", Head: "NAME"}, {Name: "threads"}},
}

// lxThread is what the brand keeps for an lwp.
type lxThread struct {
	thread, lwp uint64
	Pid         int32 `ctf:"br_pid"`
	Tgid        int32 `ctf:"br_tgid"`
	Ppid        int32 `ctf:"br_ppid"`
}

// lxThreads reads the brand's data of the lwps of a process; none if it is not a
// Linux process.
func (v *view) lxThreads(proc uint64) ([]lxThread, error) {
	var list []lxThread
	for a, err := range v.threads(proc, true) {
		if err != nil {
			return list, err
		}
		lwp, err := v.member("kthread_t", "t_lwp", a)
		if err != nil {
			return list, badRead("thread", a, err)
		}
		if lwp == 0 {
			continue
		}
		data, err := v.member("klwp_t", "lwp_brand", lwp)
		if err != nil {
			return list, badRead("lwp", lwp, err)
		}
		if data == 0 {
			continue
		}
		t := lxThread{thread: a, lwp: lwp}
		if err := v.load("struct lx_lwp_data", data, &t); err != nil {
			return list, badRead("lx_lwp_data", data, err)
		}
		list = append(list, t)
	}
	return list, nil
}

func runLxps(c *core.Ctx) error {
	lx := map[uint64]bool{} // by zone
	return perAddress(allProcs, func(c *core.Ctx, v *view, addr uint64) error {
		var p struct {
			Pid   int32  `ctf:"p_pidp->pid_id"`
			Zone  uint64 `ctf:"p_zone"`
			Brand uint64 `ctf:"p_brand"`
			Comm  string `ctf:"p_user.u_comm"`
			TList uint64 `ctf:"p_tlist"`
		}
		if err := v.load("proc_t", addr, &p); err != nil {
			return badRead("proc", addr, err)
		}
		is, ok := lx[p.Zone]
		if !ok {
			is = v.isLX(p.Zone)
			lx[p.Zone] = is
		}
		if !is || p.Brand == 0 || p.TList == 0 {
			if c.HasAddr && !c.Loop {
				c.Warnf("proc %p is no Linux process", addr)
				return core.ErrFailed
			}
			return nil
		}
		zone, err := v.member("zone_t", "zone_id", p.Zone)
		if err != nil {
			return badRead("zone", p.Zone, err)
		}
		threads, err := v.lxThreads(addr)
		if err != nil {
			return err
		}
		if len(threads) == 0 {
			return nil
		}
		list := out.List{}
		for _, t := range threads {
			list = append(list, out.Object{{Name: "addr", Value: out.Hex(t.thread)}, {Name: "lxtid", Value: t.Pid}})
		}
		c.First = true // the heading comes with the first that is shown
		c.Row(threads[0].Tgid, threads[0].Ppid, p.Pid, int32(zone), out.Hex(addr), p.Comm, list)
		if c.Opt('l') && !c.Opts.JSON && !c.PipeOut {
			for _, t := range threads {
				c.Printf("\tT  %?a ID: %d\n", t.thread, t.Pid)
			}
		}
		return nil
	})(c)
}
