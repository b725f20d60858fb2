package genunix

import (
	"errors"
	"iter"
	"regexp"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func processDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "as2proc", Usage: ":", Descr: "convert as to proc_t address", Type: "struct as", Run: runAs2proc,
			Help: "Prints the processes whose address space is at the address.\n"},
		{Name: "flipone", Usage: ":", Descr: "the vik_rev_level 2 special", Run: needAddr(runFlipone),
			Help: "Prints the numbers that differ from the address in one bit: what it was before a\nbit of memory flipped is among them.\n"},
		{Name: "pid2proc", Usage: "?", Descr: "convert PID to proc_t address", Run: noArgs(runPid2proc),
			Help: "The address is a process id: 0t1234::pid2proc. Prints the address of its proc_t.\n"},
		{Name: "ptree", AnyAddr: true, Descr: "print process tree", Type: "proc_t", Run: runPtree,
			Help: "Prints the tree of all processes, or the ancestors of the one at the address and\n" +
				"what is below it.\n"},
		{Name: "pgrep", Usage: "[-x] [-n | -o] pattern", Descr: "pattern match against all processes", Type: "proc_t",
			Help: "Finds processes whose names match an extended regular expression, and prints them\n" +
				"as ::ps does, or passes their addresses on.\n",
			Opts: []core.Opt{{Letter: 'x', Help: "the whole name must match"}, {Letter: 'n', Help: "only the newest"},
				{Letter: 'o', Help: "only the oldest"}},
			Table: psTable(0), Run: runPgrep},
		gcoreDcmd(),
	}
}

func processWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "proc", Descr: "list of active proc_t structures", Addr: core.AddrOptional, Type: "proc_t", Walk: walkProcs},
		{Name: "ctxop", Descr: "walk list of a thread's context operations", Addr: core.AddrOptional, Type: "struct ctxop", Walk: walkCtxops},
		{Name: "ancestors", Descr: "walk parents of a process, itself first", Addr: core.AddrRequired, Type: "proc_t", Walk: walkAncestors},
	}
}

// procLinks are the links of the tree of processes.
type procLinks struct {
	Child   uint64 `ctf:"p_child"`
	Sibling uint64 `ctf:"p_sibling"`
}

// procs walks the tree of processes from one on, parents before their children; the
// siblings of the first are left out. A link that cannot be followed is warned about
// and the walk goes on elsewhere.
func (v *view) procs(c *core.Ctx, start uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		child, err := v.access("proc_t", "p_child")
		if err == nil {
			_, err = v.access("proc_t", "p_sibling")
		}
		if err != nil {
			yield(0, err)
			return
		}
		sibling, _ := v.access("proc_t", "p_sibling")
		load := func(a uint64) (l procLinks, err error) {
			if l.Child, err = v.follow(child, a); err == nil {
				l.Sibling, err = v.follow(sibling, a)
			}
			return l, err
		}
		first, err := load(start)
		if err != nil {
			yield(0, badRead("proc", start, err))
			return
		}
		var met loop
		met.again(start)
		// take follows a link of a process, if it leads to one not seen yet
		take := func(from, to uint64, name string) (procLinks, bool) {
			if to == 0 {
				return procLinks{}, false
			}
			l, err := load(to)
			if err != nil {
				c.Warnf("proc %x has invalid %s %x; skipping", from, name, to)
				return l, false
			}
			if met.again(to) {
				c.Warnf("proc %x has %s %x, which was met before; skipping", from, name, to)
				return l, false
			}
			return l, true
		}
		type visit struct {
			addr  uint64
			links procLinks
		}
		stack := []visit{{start, first}}
		for top := true; len(stack) > 0; top = false {
			at := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if !yield(at.addr, nil) {
				return
			}
			if !top {
				if l, ok := take(at.addr, at.links.Sibling, "p_sibling"); ok {
					stack = append(stack, visit{at.links.Sibling, l})
				}
			}
			if l, ok := take(at.addr, at.links.Child, "p_child"); ok {
				stack = append(stack, visit{at.links.Child, l})
			}
		}
	}
}

func walkProcs(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	if !has {
		p0, err := v.address("unix", "p0")
		if err != nil {
			return noWalk[core.Elem](err)
		}
		start = mem.Addr(p0)
	}
	return v.elems("proc_t", v.procs(c, uint64(start)))
}

func walkAncestors(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return v.elems("proc_t", v.chain("proc", "proc_t", "p_parent", uint64(start)))
}

// walkCtxops walks what is to be called when a thread leaves its CPU and comes back.
func walkCtxops(c *core.Ctx, thread mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	if !has {
		return noWalk[core.Elem](errors.New("must specify thread for ctxop walk"))
	}
	v := viewOf(c)
	first, err := v.member("kthread_t", "t_ctx", uint64(thread))
	if err != nil {
		return noWalk[core.Elem](badRead("thread", uint64(thread), err))
	}
	return v.elems("struct ctxop", v.chain("ctxop", "struct ctxop", "next", first))
}

// allProcs walks every process.
func allProcs(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] { return walkProcs(c, 0, false) }

func runAs2proc(c *core.Ctx) error {
	if !c.HasAddr || len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := viewOf(c)
	as := c.Addr
	for e, err := range allProcs(c, v) {
		if err != nil {
			return err
		}
		if a, err := v.member("proc_t", "p_as", e.Val); err == nil && a == as {
			emitAddr(c, e.Val, "proc_t")
		}
	}
	return nil
}

func runPid2proc(c *core.Ctx) error {
	p, err := viewOf(c).pid2proc(int32(c.Addr))
	if err != nil {
		if !errors.Is(err, errNoPid) {
			c.Warnf("%s", err.Error())
		}
		c.Warnf("PID 0t%d not found", int32(c.Addr))
		return core.ErrFailed
	}
	emitAddr(c, p, "proc_t")
	return nil
}

func runFlipone(c *core.Ctx) error {
	for bit := range 64 {
		emitAddr(c, c.Addr^1<<bit, "")
	}
	return nil
}

var errNoPid = errors.New("no such process")

// pid2proc finds a process by the hash of process ids.
func (v *view) pid2proc(pid int32) (uint64, error) {
	hash, err := v.variable("genunix", "pidhash")
	if err != nil {
		return 0, err
	}
	n, err := v.variable("genunix", "pid_hashsz")
	if err != nil {
		return 0, err
	}
	dir, err := v.variable("genunix", "procdir")
	if err != nil {
		return 0, err
	}
	first, err := v.ptr(hash + uint64(uint32(pid))&(n-1)*8)
	if err != nil {
		return 0, err
	}
	for a, err := range v.chain("pid", "struct pid", "pid_link", first) {
		if err != nil {
			return 0, err
		}
		id, err := v.member("struct pid", "pid_id", a)
		if err != nil {
			return 0, err
		}
		if int32(id) != pid {
			continue
		}
		slot, err := v.member("struct pid", "pid_prslot", a)
		if err != nil {
			return 0, err
		}
		p, err := v.ptr(dir + slot*8)
		if err != nil || p == 0 {
			return 0, errNoPid
		}
		return p, nil
	}
	return 0, errNoPid
}

func runPtree(c *core.Ctx) error {
	v := viewOf(c)
	depth := map[uint64]int{}
	var start mem.Addr
	has := c.HasAddr
	if has {
		start = mem.Addr(c.Addr)
		above := ptreeAncestors(c, v, c.Addr)
		for i, a := range above {
			depth[a] = i
			if err := ptreeLine(c, v, a, i); err != nil {
				return err
			}
		}
		depth[c.Addr] = len(above)
	}
	for e, err := range walkProcs(c, start, has) {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		d, ok := depth[e.Val]
		if !ok {
			if parent, err := v.member("proc_t", "p_parent", e.Val); err == nil && parent != 0 {
				d = depth[parent] + 1
			}
			depth[e.Val] = d
		}
		if err := c.Fail(ptreeLine(c, v, e.Val, d)); err != nil {
			return err
		}
	}
	return nil
}

// ptreeAncestors gives the ancestors of a process, the eldest first.
func ptreeAncestors(c *core.Ctx, v *view, proc uint64) []uint64 {
	var above []uint64
	for a, err := range v.chain("proc", "proc_t", "p_parent", proc) {
		if err != nil {
			c.Warnf("%s", err.Error())
			break
		}
		if a != proc {
			above = append([]uint64{a}, above...)
		}
	}
	return above
}

func ptreeLine(c *core.Ctx, v *view, proc uint64, depth int) error {
	if c.PipeOut {
		c.Emit(proc, v.typeOrNil("proc_t"))
		return nil
	}
	name, err := v.comm(proc)
	if err != nil {
		return badRead("proc", proc, err)
	}
	c.Record(func() {
		// MDB's margin does not grow without bound either
		c.P.IncIndent(5 * depth)
		c.Printf("%0?p  %s\n", proc, name)
		c.P.DecIndent(5 * depth)
	}, out.Field{Name: "addr", Value: out.Hex(proc)}, out.Field{Name: "name", Value: name}, out.Field{Name: "depth", Value: depth})
	return nil
}

// pgrepProc is what ::pgrep reads of a process.
type pgrepProc struct {
	Comm string `ctf:"p_user.u_comm"`
	Sec  int64  `ctf:"p_user.u_start.tv_sec"`
	Nsec int64  `ctf:"p_user.u_start.tv_nsec"`
}

func runPgrep(c *core.Ctx) error {
	if c.HasAddr || len(c.Args) != 1 || c.Args[0].IsImm || c.Opt('n') && c.Opt('o') {
		return core.ErrUsage
	}
	re, err := regexp.CompilePOSIX(c.Args[0].Str)
	if err != nil {
		c.Warnf("%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return core.ErrFailed
	}
	v, st := viewOf(c), psState{}
	var pick uint64
	var when int64
	row := func(a uint64) error {
		var p pgrepProc
		if err := v.load("proc_t", a, &p); err != nil {
			return err
		}
		m := re.FindStringIndex(p.Comm)
		if m == nil || c.Opt('x') && (m[0] != 0 || m[1] != len(p.Comm)) {
			return nil
		}
		start := p.Sec*1e9 + p.Nsec
		switch {
		case !c.Opt('n') && !c.Opt('o'):
			c.First = true // the heading comes with the first that matches
			return st.row(c, v, a)
		case pick == 0 || c.Opt('n') && start > when || c.Opt('o') && start < when:
			pick, when = a, start
		}
		return nil
	}
	if err := each(c, allProcs(c, v), row); err != nil {
		return err
	}
	if pick != 0 {
		c.First = true
		return st.row(c, v, pick)
	}
	return nil
}
