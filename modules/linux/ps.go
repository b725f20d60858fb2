package linux

import (
	"iter"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Options of ::ps that add something to its rows.
const (
	psThreads = 1 << iota
	psArgs
	psZones
	psSpaces
	psGroups
)

const psHelp = `Lists all processes, or the one at the address: state (R running, S sleeping, D waiting
for a disk or the like, I idle in the kernel, T stopped, t traced, Z zombie, X dead, P
parked), process id, those of its parent, process group and session, effective user,
flags (PF_*), address and name. Names of kernel threads are in brackets with -f.

-c     with the path of the cgroup
-f     arguments in place of the name, as they are in the process' memory
-n     with the number of the pid namespace, and the process id in it
-t     with threads: address, state, thread id, name
-z     with the container (::zone)
-Z id  only what runs in this container: its id, the beginning of it, or its host name;
       global is what runs in none

Process 0, swapper, is what the first CPU does when there is nothing to do.
`

func processDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "ps", Usage: "[-cfntz] [-Z container]", AnyAddr: true, Descr: "list processes (and associated threads)", Type: "struct task_struct", Help: psHelp, Complete: afterOptions(map[string]completer{"-Z": completeZone}),
			Opts: []core.Opt{{Letter: 'f', Help: "arguments in place of the name"}, {Letter: 't', Help: "with threads"},
				{Letter: 'z', Help: "with the container (::zone)"}, {Letter: 'n', Help: "with the number of the pid namespace, and the pid in it"},
				{Letter: 'c', Help: "with the path of the cgroup"}, {Letter: 'Z', Kind: core.Str, Arg: "container", Help: "only what runs in this one: its id or the beginning of it"}},
			Table: psTable(0), Run: noArgs(runPs)},
		{Name: "ptree", AnyAddr: true, Descr: "print process tree", Type: "struct task_struct", Run: noArgs(runPtree),
			Help: "Prints the tree of all processes, or the ancestors of the one at the address and\n" +
				"what is below it.\n"},
		{Name: "pid2proc", Usage: "?", Descr: "convert PID to task_struct address", Run: noArgs(runPid2proc),
			Help: "The address is a process or thread id: 0t1234::pid2proc. Prints the address of its\ntask_struct.\n"},
		{Name: "pgrep", Usage: "[-x] [-n | -o] pattern", Descr: "pattern match against all processes", Type: "struct task_struct",
			Help: "Finds processes whose names match an extended regular expression, and prints them\n" +
				"as ::ps does, or passes their addresses on.\n\n" +
				"-n  only the newest\n-o  only the oldest\n-x  the whole name must match\n",
			Opts: []core.Opt{{Letter: 'x', Help: "the whole name must match"}, {Letter: 'n', Help: "only the newest"},
				{Letter: 'o', Help: "only the oldest"}},
			Table: psTable(0), Run: runPgrep},
	}
}

func processWalkers() []*core.Walker {
	return []*core.Walker{
		walker("proc", "list of active task_struct structures: leaders of thread groups", "struct task_struct", processes),
		{Name: "thread", Descr: "global or per-process task_struct structures: threads", Addr: core.AddrOptional, Type: "struct task_struct", Walk: walkThreads},
	}
}

// psTable is the table of ::ps with some options.
func psTable(opts int) *core.Table {
	t := &core.Table{Head: "%<u>%-1s %-6s %-6s %-6s %-6s ", Line: "%-1s %-6d %-6d %-6d %-6d ", Type: "struct task_struct"}
	t.Cols = []core.Field{{Name: "state", Head: "S"}, {Name: "pid", Head: "PID"}, {Name: "ppid", Head: "PPID"},
		{Name: "pgid", Head: "PGID"}, {Name: "sid", Head: "SID"}}
	add := func(opt int, name, head, headFmt, line string) {
		if opts&opt != 0 {
			t.Head += headFmt
			t.Line += line
			t.Cols = append(t.Cols, core.Field{Name: name, Head: head})
		}
	}
	add(psZones, "zone", "ZONE", "%-12s ", "%-12s ")
	add(psSpaces, "pidns", "PIDNS", "%-10s ", "%-10d ")
	add(psSpaces, "nspid", "NSPID", "%-6s ", "%-6d ")
	t.Pipe = len(t.Cols) + 2
	t.Head += "%-6s %-10s %-?s "
	t.Line += "%-6d 0x%08x %0?p "
	t.Cols = append(t.Cols, core.Field{Name: "uid", Head: "UID"}, core.Field{Name: "flags", Head: "FLAGS"}, core.Field{Name: "addr", Head: "ADDR"})
	add(psGroups, "cgroup", "CGROUP", "%-40s ", "%-40s ")
	t.Head += "%-s%</u>\n"
	t.Line += "%-s\n"
	t.Cols = append(t.Cols, core.Field{Name: "name", Head: "NAME"})
	if opts&psThreads != 0 {
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
		for letter, bit := range map[byte]int{'t': psThreads, 'f': psArgs, 'z': psZones, 'n': psSpaces, 'c': psGroups} {
			if c.Opt(letter) {
				st.opts |= bit
			}
		}
		st.table = psTable(st.opts)
		c.State = st
	}
	withTable(c, st.table)
	if id, ok := c.OptStr('Z'); ok {
		z, err := zoneNamed(kernel.Of(c.Session), id)
		if err != nil {
			return err
		}
		return perAddress(func(*kernel.View) iter.Seq2[uint64, error] { return given(z.procs) }, func(c *core.Ctx, v *kernel.View, addr uint64) error {
			if !slices.Contains(z.procs, addr) {
				return nil
			}
			return st.row(c, v, addr)
		})(c)
	}
	return perAddress(processes, st.row)(c)
}

// row writes the row of one process.
func (st *psState) row(c *core.Ctx, v *kernel.View, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, v.TypeOrNil("struct task_struct"))
		return nil
	}
	t, err := readTask(v, addr)
	if err != nil {
		return err
	}
	number := func(what string, n int, err error) any { return cell(c, n, err, what, addr) }
	ppid, perr := t.ppid(v)
	pgid, gerr := t.group(v, "PIDTYPE_PGID")
	sid, serr := t.group(v, "PIDTYPE_SID")
	row := []any{t.letter(), t.tgid(), number("parent", ppid, perr), number("process group", pgid, gerr), number("session", sid, serr)}
	zone, group, in := globalZone, "", pidIn{}
	if st.opts&(psZones|psSpaces|psGroups) != 0 {
		if zone, group, in, err = zoneOf(v, t); err != nil {
			c.Warnf("failed to read the container of %x: %s", addr, core.Reason(err))
		}
	}
	if st.opts&psZones != 0 {
		row = append(row, zone)
	}
	if st.opts&psSpaces != 0 {
		n, err := namespaceNumber(v, "struct pid_namespace", in.space)
		row = append(row, number("pid namespace", int(n), err), in.nr)
	}
	uid, uerr := t.uid(v)
	row = append(row, number("user", uid, uerr), out.Hex(t.flags()), out.Hex(addr))
	if st.opts&psGroups != 0 {
		row = append(row, group)
	}
	name := t.comm()
	if st.opts&psArgs != 0 {
		name = t.args(v)
	}
	row = append(row, name)
	if st.opts&psThreads == 0 {
		c.Row(row...)
		return nil
	}
	return withThreads(c, v, t, row)
}

// cell is a value of a row that could perhaps not be read: a question mark and a warning
// then, and in JSON the reason.
func cell(c *core.Ctx, val any, err error, what string, addr uint64) any {
	switch {
	case err == nil:
		return val
	case c.Opts.JSON:
		return err
	}
	c.Warnf("failed to read %s of %x: %s", what, addr, core.Reason(err))
	return "?"
}

// withThreads writes a row and a line for each thread below it.
func withThreads(c *core.Ctx, v *kernel.View, p *task, row []any) error {
	var list []*task
	var failed error
	for a, err := range threadsOf(v, p) {
		var t *task
		if err == nil {
			t, err = readTask(v, a)
		}
		if err != nil {
			failed = err
			break
		}
		list = append(list, t)
	}
	objs := out.List{}
	for _, t := range list {
		_, state := t.state()
		objs = append(objs, out.Object{{Name: "addr", Value: out.Hex(t.addr)}, {Name: "state", Value: state},
			{Name: "id", Value: t.pid()}, {Name: "name", Value: t.comm()}})
	}
	c.Row(append(row, objs)...)
	if !c.Opts.JSON {
		for _, t := range list {
			_, state := t.state()
			c.Printf("\tT  %?a <%s> %d %s\n", t.addr, state, t.pid(), t.comm())
		}
	}
	return failed
}

// ppid is the process id of the parent; 0 if it has none.
func (t *task) ppid(v *kernel.View) (int, error) {
	up := t.parent()
	if up == 0 || up == t.addr {
		return 0, nil
	}
	b, err := v.Bytes(up+t.l.TGID.Off, t.l.TGID.Size, nil)
	if err != nil {
		return 0, kernel.BadRead("struct task_struct", up, err)
	}
	f := t.l.TGID
	f.Off = 0
	return int(int32(f.Of(b))), nil
}

// uid is the effective user.
func (t *task) uid(v *kernel.View) (int, error) {
	f, err := v.Member("struct cred", "euid.val")
	if err != nil {
		return 0, err
	}
	at := t.l.Cred.Of(t.b)
	b, err := v.Bytes(at+f.Off, f.Size, nil)
	if err != nil {
		return 0, kernel.BadRead("struct cred", at, err)
	}
	f.Off = 0
	return int(f.Of(b)), nil
}

// maxArgs bounds the arguments that are shown, bytes.
const maxArgs = 4096

// args are the arguments as they are in the process' memory now; a kernel thread's name
// in brackets, and that of a process whose arguments cannot be read.
func (t *task) args(v *kernel.View) string {
	other := "[" + t.comm() + "]"
	opener, ok := core.As[core.ProcessOpener](v.Session().Context())
	mm := t.l.MM.Of(t.b)
	if !ok || mm == 0 {
		return other
	}
	start, err1 := v.Member("struct mm_struct", "arg_start")
	end, err2 := v.Member("struct mm_struct", "arg_end")
	if err1 != nil || err2 != nil {
		return other
	}
	from, err1 := v.Pointer(mm + start.Off)
	to, err2 := v.Pointer(mm + end.Off)
	p, err3 := opener.OpenProcess(t.addr)
	if err1 != nil || err2 != nil || err3 != nil || to <= from {
		return other
	}
	b := make([]byte, min(to-from, maxArgs))
	n, _ := p.Virtual().ReadAt(b, mem.Addr(from))
	text := strings.TrimRight(strings.ReplaceAll(string(b[:n]), "\x00", " "), " ")
	if text == "" {
		return other
	}
	return text
}

// walkThreads walks all threads, or those of a process.
func walkThreads(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	if !has {
		return elements(c, "struct task_struct", threads)
	}
	return elements(c, "struct task_struct", func(v *kernel.View) iter.Seq2[uint64, error] {
		t, err := readTask(v, uint64(start))
		if err != nil {
			return failing(err)
		}
		return threadsOf(v, t)
	})
}
