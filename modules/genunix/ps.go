package genunix

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// Options of ::ps that add something to its rows.
const (
	psThreads = 1 << iota
	psLwps
	psArgs
	psTasks
	psProjects
	psZones
	psServices
)

func psDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "ps", Usage: "[-fltzTP]", AnyAddr: true, Descr: "list processes (and associated thr,lwp)", Type: "proc_t",
			Help: "Lists all processes, or the one at the address: state (S sleeping, R runnable, Z\n" +
				"zombie, I being made, O on a CPU, T stopped, W waiting for its zone's share),\n" +
				"process id, those of its parent, group and session leader, user, flags\n" +
				"(::pflags), address and name.\n",
			Opts: []core.Opt{{Letter: 'f', Help: "arguments in place of the name"}, {Letter: 'l', Help: "with lwps"},
				{Letter: 't', Help: "with threads"}, {Letter: 'z', Help: "with the id of the zone"},
				{Letter: 's', Help: "with the service"}, {Letter: 'T', Help: "with the id of the task"},
				{Letter: 'P', Help: "with the id of the project"}},
			Table: psTable(0), Run: noArgs(runPs)},
		{Name: "pflags", AnyAddr: true, Descr: "display various proc_t flags", Type: "proc_t", Run: noArgs(perAddress(allProcs, pflagsRow)),
			Help: "Prints the names of the flags that all processes, or the one at the address, have\n" +
				"in p_flag, p_pidflag and p_proc_flag.\n"},
	}
}

// psTable is the table of ::ps with some options. What follows the name is not in
// the line: the threads are lines of their own.
func psTable(opts int) *core.Table {
	t := &core.Table{Head: "%<u>%-1s %-6s %-6s %-6s %-6s ", Line: "%-c %-6d %-6d %-6d %-6d ", Type: "proc_t"}
	t.Cols = []core.Field{{Name: "state", Head: "S"}, {Name: "pid", Head: "PID"}, {Name: "ppid", Head: "PPID"},
		{Name: "pgid", Head: "PGID"}, {Name: "sid", Head: "SID"}}
	add := func(opt int, name, head, line string) {
		if opts&opt != 0 {
			t.Head += strings.Replace(line, "d", "s", 1)
			t.Line += line
			t.Cols = append(t.Cols, core.Field{Name: name, Head: head})
		}
	}
	add(psTasks, "task", "TASK", "%-5d ")
	add(psProjects, "project", "PROJ", "%-5d ")
	add(psZones, "zone", "ZONE", "%-5d ")
	add(psServices, "service", "SERVICE", "%-40s ")
	t.Pipe = len(t.Cols) + 2
	t.Head += "%-6s %-10s %-?s %-s%</u>\n"
	t.Line += "%-6d 0x%08x %0?p %-s\n"
	t.Cols = append(t.Cols, core.Field{Name: "uid", Head: "UID"}, core.Field{Name: "flags", Head: "FLAGS"},
		core.Field{Name: "addr", Head: "ADDR"}, core.Field{Name: "name", Head: "NAME"})
	if opts&(psThreads|psLwps) != 0 {
		t.Cols = append(t.Cols, core.Field{Name: "threads"})
	}
	return t
}

// psState is the command's state over the elements of a stage.
type psState struct {
	opts  int
	table *core.Table
}

func runPs(c *core.Ctx) error {
	st, ok := c.State.(*psState)
	if !ok {
		st = &psState{}
		for letter, bit := range map[byte]int{'t': psThreads, 'l': psLwps, 'f': psArgs, 'T': psTasks, 'P': psProjects, 'z': psZones, 's': psServices} {
			if c.Opt(letter) {
				st.opts |= bit
			}
		}
		st.table = psTable(st.opts)
		c.State = st
	}
	withTable(c, st.table)
	return perAddress(allProcs, st.row)(c)
}

// psProc is what ::ps reads of the proc_t itself.
type psProc struct {
	Stat int8   `ctf:"p_stat"`
	Ppid int32  `ctf:"p_ppid"`
	Flag uint32 `ctf:"p_flag"`
	Comm string `ctf:"p_user.u_comm"`
	Ct   uint64 `ctf:"p_ct_process,optional"`
	Task uint64 `ctf:"p_task"`
	Pid  uint64 `ctf:"p_pidp"`
	Pgid uint64 `ctf:"p_pgidp"`
	Sess uint64 `ctf:"p_sessp"`
	Cred uint64 `ctf:"p_cred"`
	Zone uint64 `ctf:"p_zone"`
}

// row writes the row of one process. What lies behind a pointer that leads nowhere is
// a question mark.
func (st *psState) row(c *core.Ctx, v *view, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, v.typeOrNil("proc_t"))
		return nil
	}
	var p psProc
	if err := v.load("proc_t", addr, &p); err != nil {
		return err
	}
	id := func(what, typ, path string, at uint64) any {
		n, err := v.member(typ, path, at)
		return cell(c, int32(n), err, what, addr)
	}
	row := []any{stateLetter(p.Stat), id("pid", "struct pid", "pid_id", p.Pid), p.Ppid,
		id("process group", "struct pid", "pid_id", p.Pgid), id("session", "sess_t", "s_sidp->pid_id", p.Sess)}
	if st.opts&psTasks != 0 {
		row = append(row, id("task", "task_t", "tk_tkid", p.Task))
	}
	if st.opts&psProjects != 0 {
		row = append(row, id("project", "task_t", "tk_proj->kpj_id", p.Task))
	}
	if st.opts&psZones != 0 {
		row = append(row, id("zone", "zone_t", "zone_id", p.Zone))
	}
	if st.opts&psServices != 0 {
		row = append(row, v.service(p.Ct))
	}
	name := p.Comm
	if st.opts&psArgs != 0 {
		a, err := v.ref("proc_t", addr, "p_user.u_psargs")
		if err != nil {
			return err
		}
		if name, err = v.text(a, 81); err != nil {
			return badRead("arguments of proc", addr, err)
		}
	}
	row = append(row, id("user", "cred_t", "cr_uid", p.Cred), out.Hex(p.Flag), out.Hex(addr), name)
	if st.opts&(psThreads|psLwps) == 0 {
		c.Row(row...)
		return nil
	}
	return st.withThreads(c, v, addr, row)
}

// withThreads writes a row and a line for each thread below it.
func (st *psState) withThreads(c *core.Ctx, v *view, addr uint64, row []any) error {
	threads, werr := st.threads(c, v, addr)
	list := out.List{}
	for _, t := range threads {
		list = append(list, out.Object{{Name: "addr", Value: out.Hex(t.addr)}, {Name: "state", Value: threadStateBits.Format(t.state, false)},
			{Name: "lwp", Value: out.Hex(t.lwp)}, {Name: "id", Value: t.desc}})
	}
	c.Row(append(row, list)...)
	if !c.Opts.JSON {
		for _, t := range threads {
			if st.opts&psThreads != 0 {
				c.Printf("\tT  %?a <%b>\n", t.addr, t.state, threadStateBits)
			}
			if st.opts&psLwps != 0 {
				c.Printf("\tL  %?a ID: %s\n", t.lwp, t.desc)
			}
		}
	}
	return werr
}

// threadStateBits are the bits of t_state.
var threadStateBits = out.Bits{
	{Name: "TS_FREE", Mask: 0xffffffff, Bits: 0}, {Name: "TS_SLEEP", Mask: 1, Bits: 1}, {Name: "TS_RUN", Mask: 2, Bits: 2},
	{Name: "TS_ONPROC", Mask: 4, Bits: 4}, {Name: "TS_ZOMB", Mask: 8, Bits: 8}, {Name: "TS_STOPPED", Mask: 16, Bits: 16},
	{Name: "TS_WAIT", Mask: 32, Bits: 32},
}

type psThread struct {
	addr, state, lwp uint64
	desc             string
}

// threads lists the threads of a process.
func (st *psState) threads(c *core.Ctx, v *view, proc uint64) ([]psThread, error) {
	var list []psThread
	for a, err := range v.threads(proc, true) {
		if err != nil {
			return list, err
		}
		t, err := v.thread(a)
		if err != nil {
			return list, badRead("thread", a, err)
		}
		list = append(list, psThread{a, uint64(t.State), t.LWP, ""})
		if st.opts&psLwps != 0 || c.Opts.JSON {
			desc, err := v.describe(c, t)
			if err != nil {
				return list, err
			}
			if t.Tid != 0 { // the name of the process is in its row
				_, desc, _ = strings.Cut(desc, "/")
			}
			list[len(list)-1].desc = desc
		}
	}
	return list, nil
}

// service is the name of the service whose contract a process is in, without what all
// have: "svc:/" and ":default".
func (v *view) service(contract uint64) string {
	if contract == 0 {
		return ""
	}
	fmri, err := v.member("struct cont_process", "conp_svc_fmri", contract)
	if err != nil || fmri == 0 {
		return "?"
	}
	s, err := v.refText(fmri, 128)
	if err != nil || s == "" {
		return "?"
	}
	if rest, ok := strings.CutPrefix(s, "svc:/"); ok {
		s, _, _ = strings.Cut(rest, ":default")
	}
	return s
}

// stateLetter is the letter of a state of p_stat.
func stateLetter(stat int8) string {
	const letters = "?SRZTIOW" // SSLEEP to SWAIT
	if stat < 1 || int(stat) >= len(letters) {
		return "?"
	}
	return letters[stat : stat+1]
}

// Names of flags of processes (sys/proc.h).
var (
	procFlags = out.Bits{
		{Name: "SSYS", Mask: 0x1, Bits: 0x1}, {Name: "SEXITING", Mask: 0x2, Bits: 0x2}, {Name: "SITBUSY", Mask: 0x4, Bits: 0x4},
		{Name: "SFORKING", Mask: 0x8, Bits: 0x8}, {Name: "SWATCHOK", Mask: 0x10, Bits: 0x10}, {Name: "SKILLED", Mask: 0x100, Bits: 0x100},
		{Name: "SSCONT", Mask: 0x200, Bits: 0x200}, {Name: "SZONETOP", Mask: 0x400, Bits: 0x400},
		{Name: "SEXTKILLED", Mask: 0x800, Bits: 0x800}, {Name: "SUGID", Mask: 0x2000, Bits: 0x2000},
		{Name: "SEXECED", Mask: 0x4000, Bits: 0x4000}, {Name: "SJCTL", Mask: 0x10000, Bits: 0x10000},
		{Name: "SNOWAIT", Mask: 0x20000, Bits: 0x20000}, {Name: "SVFORK", Mask: 0x40000, Bits: 0x40000},
		{Name: "SVFWAIT", Mask: 0x80000, Bits: 0x80000}, {Name: "SEXITLWPS", Mask: 0x100000, Bits: 0x100000},
		{Name: "SHOLDFORK", Mask: 0x200000, Bits: 0x200000}, {Name: "SHOLDFORK1", Mask: 0x800000, Bits: 0x800000},
		{Name: "SCOREDUMP", Mask: 0x1000000, Bits: 0x1000000}, {Name: "SMSACCT", Mask: 0x2000000, Bits: 0x2000000},
		{Name: "SLWPWRAP", Mask: 0x4000000, Bits: 0x4000000}, {Name: "SAUTOLPG", Mask: 0x8000000, Bits: 0x8000000},
		{Name: "SNOCD", Mask: 0x10000000, Bits: 0x10000000}, {Name: "SHOLDWATCH", Mask: 0x20000000, Bits: 0x20000000},
		{Name: "SMSFORK", Mask: 0x40000000, Bits: 0x40000000}, {Name: "SDOCORE", Mask: 0x80000000, Bits: 0x80000000},
	}
	pidFlags = out.Bits{
		{Name: "CLDPEND", Mask: 1, Bits: 1}, {Name: "CLDCONT", Mask: 2, Bits: 2}, {Name: "CLDNOSIGCHLD", Mask: 4, Bits: 4},
		{Name: "CLDWAITPID", Mask: 8, Bits: 8},
	}
	procfsFlags = out.Bits{
		{Name: "P_PR_TRACE", Mask: 1, Bits: 1}, {Name: "P_PR_PTRACE", Mask: 2, Bits: 2}, {Name: "P_PR_FORK", Mask: 4, Bits: 4},
		{Name: "P_PR_LOCK", Mask: 8, Bits: 8}, {Name: "P_PR_ASYNC", Mask: 16, Bits: 16}, {Name: "P_PR_EXEC", Mask: 32, Bits: 32},
		{Name: "P_PR_BPTADJ", Mask: 64, Bits: 64}, {Name: "P_PR_RUNLCL", Mask: 128, Bits: 128}, {Name: "P_PR_KILLCL", Mask: 256, Bits: 256},
	}
)

func pflagsRow(c *core.Ctx, v *view, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, v.typeOrNil("proc_t"))
		return nil
	}
	var p struct {
		Pid      int32  `ctf:"p_pidp->pid_id"`
		Flag     uint32 `ctf:"p_flag"`
		PidFlag  uint16 `ctf:"p_pidflag"`
		ProcFlag uint32 `ctf:"p_proc_flag"`
	}
	if err := v.load("proc_t", addr, &p); err != nil {
		c.Warnf("cannot read proc_t or pid at %x: %s", addr, core.Reason(err))
		return core.ErrFailed
	}
	c.Record(func() {
		c.Printf("%p [pid %d]:\n", addr, p.Pid)
		c.Printf("\tp_flag:      %08x <%b>\n", p.Flag, p.Flag, procFlags)
		c.Printf("\tp_pidflag:   %08x <%b>\n", p.PidFlag, p.PidFlag, pidFlags)
		c.Printf("\tp_proc_flag: %08x <%b>\n", p.ProcFlag, p.ProcFlag, procfsFlags)
	}, out.Field{Name: "addr", Value: out.Hex(addr)}, out.Field{Name: "pid", Value: p.Pid},
		out.Field{Name: "p_flag", Value: flagNames(procFlags, uint64(p.Flag))}, out.Field{Name: "p_pidflag", Value: flagNames(pidFlags, uint64(p.PidFlag))},
		out.Field{Name: "p_proc_flag", Value: flagNames(procfsFlags, uint64(p.ProcFlag))})
	return nil
}

// flagNames lists the names of flags for JSON.
func flagNames(b out.Bits, val uint64) out.List {
	list := out.List{}
	for _, f := range b {
		if val&f.Mask == f.Bits {
			list = append(list, f.Name)
		}
	}
	return list
}
