package dcmds

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// filesTable lists open files.
var filesTable = &core.Table{
	Head: "%<u>%4s %-4s %8s %12s %12s %-10s %s%</u>\n", Line: "%4d %-4s %08o %12lld %12lld %-10s %s\n",
	Cols: []core.Field{
		{Name: "fd", Head: "FD"}, {Name: "type", Head: "TYPE"}, {Name: "mode", Head: "MODE"}, {Name: "offset", Head: "OFFSET"},
		{Name: "size", Head: "SIZE"}, {Name: "flags", Head: "FLAGS", Descr: "as fcntl(2) has them, hexadecimal; + close-on-exec"}, {Name: "path", Head: "PATH"},
	},
}

// processInfoDcmds tell what cores of illumos processes have notes of, and live processes /proc.
func processInfoDcmds() []*core.Dcmd {
	files := func(name, usage string) *core.Dcmd {
		return &core.Dcmd{Name: name, Usage: usage, Descr: "print the open files of a process", Table: filesTable, Run: runFDs}
	}
	return []*core.Dcmd{
		{Name: "process", Descr: "print who a process ran as, and where",
			Help: "Print the ids, credentials, zone and system of the process, and what its core has.\n", Run: runProcess},
		files("fds", ""), files("fd", "[num]"), files("pfiles", ""),
		{Name: "tid", Usage: "?", Descr: "print threads and their states", Table: &core.Table{
			Head: "%<u>%6s %-5s %7s %4s %-5s %?s %s%</u>\n", Line: "%6d %-5s %7d %4d %-5s %0?p %s\n",
			Cols: []core.Field{
				{Name: "tid", Head: "TID"}, {Name: "state", Head: "STATE", Descr: "S sleeps, R can run, O runs, T stopped, Z exited"},
				{Name: "syscall", Head: "SYSCALL", Descr: "number of the system call it is in, 0 in none"}, {Name: "pri", Head: "PRI"},
				{Name: "class", Head: "CLASS"}, {Name: "pc", Head: "PC"}, {Name: "name", Head: "NAME"},
			},
		}, Run: runTID},
	}
}

// isIllumosProcess tells that the current target is one.
func isIllumosProcess(s *core.Session) bool {
	_, ok := s.Context().System.(*system.IllumosProcess)
	return ok
}

func runProcess(c *core.Ctx) error {
	t, ok := core.As[core.Identified](c.Session.Context())
	if !ok {
		return core.ErrNotSup
	}
	id := t.Identity()
	groups := make([]string, len(id.Groups))
	list := out.List{}
	for i, g := range id.Groups {
		groups[i] = fmt.Sprint(g)
		list = append(list, g)
	}
	names := func(l []string) out.List {
		o := out.List{}
		for _, s := range l {
			o = append(o, s)
		}
		return o
	}
	c.Record(func() {
		line := func(name, format string, args ...any) {
			c.P.WriteString(fmt.Sprintf("%-12s ", name+":") + fmt.Sprintf(format, args...) + "\n")
		}
		line("process", "%d, parent %d, group %d, session %d", id.PID, id.PPID, id.PGID, id.SID)
		line("user", "effective %d, real %d, saved %d", id.EUID, id.RUID, id.SUID)
		line("group", "effective %d, real %d, saved %d", id.EGID, id.RGID, id.SGID)
		if len(groups) > 0 {
			line("groups", "%s", strings.Join(groups, " "))
		}
		line("zone", "%s (%d)", id.Zone, id.ZoneID)
		line("task", "%d, project %d, contract %d, pool %d", id.Task, id.Project, id.Contract, id.Pool)
		line("system", "%s", strings.Join(id.System, " "))
		line("platform", "%s", id.Platform)
		if len(id.SecFlags) > 0 {
			line("secflags", "%s", strings.Join(id.SecFlags, " "))
		}
		if id.Content != nil {
			line("content", "%s", strings.Join(id.Content, " "))
		}
	}, out.Field{Name: "pid", Value: id.PID}, out.Field{Name: "ppid", Value: id.PPID}, out.Field{Name: "pgid", Value: id.PGID},
		out.Field{Name: "sid", Value: id.SID}, out.Field{Name: "euid", Value: id.EUID}, out.Field{Name: "ruid", Value: id.RUID},
		out.Field{Name: "suid", Value: id.SUID}, out.Field{Name: "egid", Value: id.EGID}, out.Field{Name: "rgid", Value: id.RGID},
		out.Field{Name: "sgid", Value: id.SGID}, out.Field{Name: "groups", Value: list}, out.Field{Name: "zone", Value: id.Zone},
		out.Field{Name: "zoneid", Value: id.ZoneID}, out.Field{Name: "task", Value: id.Task}, out.Field{Name: "project", Value: id.Project},
		out.Field{Name: "contract", Value: id.Contract}, out.Field{Name: "system", Value: names(id.System)},
		out.Field{Name: "platform", Value: id.Platform}, out.Field{Name: "content", Value: names(id.Content)})
	return nil
}

// fileTypes are the kinds of files in st_mode, as illumos has them.
var fileTypes = map[uint32]string{
	0x1000: "FIFO", 0x2000: "CHR", 0x4000: "DIR", 0x6000: "BLK", 0x8000: "REG", 0xa000: "LNK", 0xc000: "SOCK", 0xd000: "DOOR", 0xe000: "PORT",
}

// runFDs lists the open files of a process, or the one that an argument names.
func runFDs(c *core.Ctx) error {
	only := -1
	switch {
	case len(c.Args) > 1 || len(c.Args) == 1 && c.Dcmd.Name != "fd":
		return core.ErrUsage
	case len(c.Args) == 1:
		n, ok := int(c.Args[0].Imm), c.Args[0].IsImm
		if !ok {
			if n, ok = decimal(c.Args[0].Str); !ok {
				return core.ErrUsage
			}
		}
		only = n
	}
	t, ok := core.As[core.FileOpener](c.Session.Context())
	if !ok {
		return core.ErrNotSup
	}
	for _, f := range t.OpenFiles() {
		if only >= 0 && f.FD != only {
			continue
		}
		typ, ok := fileTypes[f.Mode&0xf000]
		if !ok {
			typ = "?"
		}
		flags := fmt.Sprintf("%#x", f.Flags)
		if f.FDFlags&1 != 0 {
			flags += "+"
		}
		c.Row(f.FD, typ, f.Mode, f.Offset, f.Size, flags, f.Path)
	}
	return nil
}

func runTID(c *core.Ctx) error {
	cx := c.Session.Context()
	t, ok := core.As[core.LWPStates](cx)
	if !ok {
		return core.ErrNotSup
	}
	ids := t.AllLWPs()
	if c.HasAddr {
		ids = []uint64{c.Addr}
	}
	regs, _ := core.As[core.Registers](cx)
	for _, id := range ids {
		s := t.LWPState(id)
		if s == nil {
			return fmt.Errorf("invalid thread identifier")
		}
		pc := uint64(0)
		if regs != nil {
			if r, err := regs.Registers(id); err == nil {
				pc = r.PC()
			}
		}
		c.Row(id, s.State, s.Syscall, s.Priority, s.Class, out.Hex(pc), s.Name)
	}
	return nil
}
