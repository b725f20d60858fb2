package genunix

import (
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// kthreadDcmds are the commands of kthread_t.
func kthreadDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "thread", Usage: "?[-bdfimps]", Descr: "display a summarized kthread_t", Type: "kthread_t", Run: noArgs(runThread),
			Help: "A line for the thread at the address, or for every thread. The options choose what\n" +
				"is shown, -i if there is none; what several choose takes a line each, but for -m.\n",
			Opts: []core.Opt{
				{Letter: 'b', Help: "what the thread is blocked on"},
				{Letter: 'd', Help: "when it last ran, its binding, preemption"},
				{Letter: 'f', Help: "leave out free threads"},
				{Letter: 'i', Help: "state, flags, priorities, interrupt (the default)"},
				{Letter: 'm', Help: "everything on one line"},
				{Letter: 'p', Help: "process, LWP, credentials"},
				{Letter: 's', Help: "signals"},
			}},
		{Name: "threadlist", Usage: "?[-t] [-v [count]]", Descr: "display threads and associated C stack traces", Type: "kthread_t", Run: runThreadlist,
			Help: "What each thread is for: a process's command and LWP, a task queue's name, a\n" +
				"thread's own name or the function it began in. The count is that of arguments shown\n" +
				"of a function.\n",
			Opts: []core.Opt{
				{Letter: 't', Help: "leave out threads of task queues"},
				{Letter: 'v', Help: "with scheduling class, priority, wait channel and stack"},
			}},
		{Name: "stackinfo", Usage: "?[-h|-a]", Descr: "display kthread_t stack usage", Type: "kthread_t", Run: runStackinfo,
			Help: "How much of its stack a thread uses and has ever used. The latter is known where\n" +
				"kmem_stackinfo was set when the thread was made, so that its stack was filled with a\n" +
				"pattern; n/a is for others, for the first thread and for those that never ran.\n",
			Opts: []core.Opt{
				{Letter: 'a', Help: "with free threads: those of interrupts"},
				{Letter: 'h', Help: "the threads gone that used most of their stacks"},
			}},
		{Name: "did2thread", Usage: "? kt_did", Descr: "find kernel thread for this id", Type: "kthread_t", Run: runDid2thread},
		{Name: "tsd", Usage: ":-v key", Descr: "print tsd[key-1] for this thread", Run: runTSD,
			Opts: []core.Opt{{Letter: 'v', Kind: core.Uint, Arg: "key", Help: "the key, from 1"}}},
		{Name: "tsdtot", Usage: ":", Descr: "find thread with this tsd", Type: "kthread_t", Run: runTSDtoThread},
	}
}

// kthreadWalkers are the walkers of kthread_t.
func kthreadWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "thread", Descr: "global or per-process kthread_t structures", Addr: core.AddrOptional, Type: "kthread_t", Walk: walkThreads},
		{Name: "deathrow", Descr: "walk threads on both lwp_ and thread_deathrow", Type: "kthread_t", Walk: walkDeathrow("thread_deathrow", "lwp_deathrow")},
		{Name: "thread_deathrow", Descr: "walk threads on thread_deathrow", Type: "kthread_t", Walk: walkDeathrow("thread_deathrow")},
		{Name: "lwp_deathrow", Descr: "walk lwp_deathrow", Type: "kthread_t", Walk: walkDeathrow("lwp_deathrow")},
		{Name: "tsd", Descr: "walk list of thread-specific data", Addr: core.AddrOptional, Type: "struct tsd_thread", Walk: walkTSD},
	}
}

// walkThreads walks all threads, or those of a process.
func walkThreads(c *core.Ctx, proc mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	return viewOf(c).elems("kthread_t", viewOf(c).threads(uint64(proc), has))
}

// allThreads walks every thread, for perAddress.
func allThreads(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] { return walkThreads(c, 0, false) }

// allThreads walks every thread.
func (v *view) allThreads() iter.Seq2[uint64, error] { return v.threads(0, false) }

// threads walks allthreads or the threads of a process.
func (v *view) threads(proc uint64, has bool) iter.Seq2[uint64, error] {
	if !has {
		first, err := v.variable("genunix", "allthreads")
		if err != nil {
			return noWalk[uint64](err)
		}
		return v.ring("thread", "kthread_t", "t_next", first)
	}
	first, err := v.member("proc_t", "p_tlist", proc)
	if err != nil {
		return noWalk[uint64](badRead("proc", proc, err))
	}
	return v.ring("thread", "kthread_t", "t_forw", first)
}

// walkDeathrow walks the threads that wait to be freed.
func walkDeathrow(lists ...string) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
		v := viewOf(c)
		return viewOf(c).elems("kthread_t", func(yield func(uint64, error) bool) {
			for _, name := range lists {
				first, err := v.variable("genunix", name)
				if err != nil {
					yield(0, err)
					return
				}
				for a, err := range v.chain("deathrow", "kthread_t", "t_forw", first) {
					if !yield(a, err) || err != nil {
						return
					}
				}
			}
		})
	}
}

// Flags of threads (sys/thread.h).
const (
	threadIntr  = 0x1    // T_INTR_THREAD
	threadPanic = 0x800  // T_PANIC
	schedLoaded = 0x0001 // TS_LOAD
)

// threadStates are the values of t_state, in the order in which MDB lists them.
var threadStates = []struct {
	state uint64
	name  string
}{{0, "free"}, {1, "sleep"}, {2, "run"}, {4, "onproc"}, {8, "zomb"}, {16, "stopped"}, {32, "wait"}}

const stateFree = 0

// stateName is MDB's name of a thread's state.
func stateName(state uint64) string {
	for _, s := range threadStates {
		if s.state == state {
			return s.name
		}
	}
	return fmt.Sprintf("inval/%02x", state)
}

// stateByName is the reverse, in any case of letters.
func stateByName(name string) (uint64, bool) {
	for _, s := range threadStates {
		if strings.EqualFold(s.name, name) {
			return s.state, true
		}
	}
	return 0, false
}

// kthread is what the commands show of a kthread_t.
type kthread struct {
	State     uint64 `ctf:"t_state"`
	Flag      uint64 `ctf:"t_flag"`
	ProcFlag  uint64 `ctf:"t_proc_flag"`
	SchedFlag uint64 `ctf:"t_schedflag"`
	Pri       int64  `ctf:"t_pri"`
	EPri      int64  `ctf:"t_epri"`
	PIL       uint64 `ctf:"t_pil"`
	Intr      uint64 `ctf:"t_intr"`

	Proc uint64 `ctf:"t_procp"`
	LWP  uint64 `ctf:"t_lwp"`
	Cred uint64 `ctf:"t_cred"`

	WChan    uint64 `ctf:"t_lwpchan.lc_wchan"`
	TS       uint64 `ctf:"t_ts"`
	PrioInv  uint64 `ctf:"t_prioinv"`
	SobjOps  uint64 `ctf:"t_sobj_ops"`
	SigQueue uint64 `ctf:"t_sigqueue"`

	DispTime int64 `ctf:"t_disp_time"`
	BindCPU  int64 `ctf:"t_bind_cpu"`
	Preempt  int64 `ctf:"t_preempt"`

	PC, SP  uint64   // of the label that the thread was switched out with
	Label   [8]int64 `ctf:"t_pcb.val"`
	Stk     uint64   `ctf:"t_stk"`
	StkBase uint64   `ctf:"t_stkbase"`

	Tid     int64  `ctf:"t_tid"`
	Class   int64  `ctf:"t_cid,optional"`
	TaskQ   uint64 `ctf:"t_taskq"`
	Name    uint64 `ctf:"t_name,optional"`
	StartPC uint64 `ctf:"t_startpc"`
}

// Places in a label_t (amd64).
const (
	labelPC = 0
	labelSP = 1
)

// thread reads a kthread_t.
func (v *view) thread(addr uint64) (*kthread, error) {
	t := &kthread{}
	if err := v.load("kthread_t", addr, t); err != nil {
		return nil, err
	}
	t.PC, t.SP = uint64(t.Label[labelPC]), uint64(t.Label[labelSP])
	return t, nil
}

// sigset reads the first 64 signals of a set.
func (v *view) sigset(thread uint64, member string) (uint64, error) {
	at, err := v.ref("kthread_t", thread, member)
	if err != nil {
		return 0, err
	}
	return v.ptr(at)
}

// threadBlock is one of the groups of columns of ::thread.
type threadBlock struct {
	letter     byte
	head, line string
	cols       []core.Field
	cells      func(c *core.Ctx, addr uint64, t *kthread) []any
}

var threadBlocks = []threadBlock{
	{'p', "%<u> %?s %?s %?s%</u>", " %?p %?p %?p", []core.Field{
		{Name: "proc", Head: "PROC"}, {Name: "lwp", Head: "LWP"}, {Name: "cred", Head: "CRED"},
	}, procCells},
	{'i', "%<u> %8s %4s %4s %4s %5s %5s %3s %?s%</u>", " %-8s %4x %4x %4x %5d %5d %3d %?s", []core.Field{
		{Name: "state", Head: "STATE"}, {Name: "flag", Head: "FLG"}, {Name: "proc_flag", Head: "PFLG"}, {Name: "schedflag", Head: "SFLG"},
		{Name: "pri", Head: "PRI"}, {Name: "epri", Head: "EPRI"}, {Name: "pil", Head: "PIL"}, {Name: "intr", Head: "INTR"},
	}, intrCells},
	{'b', "%<u> %?s %?s %?s %11s%</u>", " %?p %?p %?p %11s", []core.Field{
		{Name: "wchan", Head: "WCHAN"}, {Name: "ts", Head: "TS"}, {Name: "pits", Head: "PITS"}, {Name: "sobj_ops", Head: "SOBJ OPS"},
	}, blockedCells},
	{'s', "%<u> %?s %16s %16s%</u>", " %?p %016llx %016llx", []core.Field{
		{Name: "sigqueue", Head: "SIGQUEUE"}, {Name: "sig", Head: "SIG PEND"}, {Name: "hold", Head: "SIG HELD"},
	}, signalCells},
	{'d', "%<u> %?s %5s %2s %-6s%</u>", " %?lx %5d %2d %-6s", []core.Field{
		{Name: "disp_time", Head: "DISPTIME"}, {Name: "bind_cpu", Head: "BOUND"}, {Name: "preempt", Head: "PR"}, {Name: "switch", Head: "SWITCH"},
	}, dispCells},
}

func procCells(_ *core.Ctx, _ uint64, t *kthread) []any {
	return []any{out.Addr(t.Proc), out.Addr(t.LWP), out.Addr(t.Cred)}
}

func intrCells(c *core.Ctx, _ uint64, t *kthread) []any {
	intr := any("n/a")
	if t.Intr != 0 {
		intr = out.Sprintf(nil, "%p", t.Intr)
	}
	return []any{stateName(t.State), out.Hex(t.Flag), out.Hex(t.ProcFlag), out.Hex(t.SchedFlag), t.Pri, t.EPri, t.PIL, intr}
}

// maxSobjName is how much of a name fits the column SOBJ OPS.
const maxSobjName = 11

func blockedCells(c *core.Ctx, _ uint64, t *kthread) []any {
	name := out.Sprintf(c.OutEnv(), "%a", t.SobjOps)
	if !c.Opts.JSON {
		name = name[:min(len(name), maxSobjName)]
	}
	return []any{out.Addr(t.WChan), out.Addr(t.TS), out.Addr(t.PrioInv), name}
}

func signalCells(c *core.Ctx, addr uint64, t *kthread) []any {
	v := viewOf(c)
	pend, _ := v.sigset(addr, "t_sig") // the thread was read: so can its members be
	held, _ := v.sigset(addr, "t_hold")
	return []any{out.Addr(t.SigQueue), out.Hex(pend), out.Hex(held)}
}

func dispCells(c *core.Ctx, _ uint64, t *kthread) []any {
	return []any{t.DispTime, t.BindCPU, t.Preempt, switched(c, t.DispTime)}
}

// switched is how many ticks ago something was: "t-12"; "-" for never.
func switched(c *core.Ctx, tick int64) string {
	if tick == 0 {
		return "-"
	}
	return fmt.Sprintf("t-%-4d", viewOf(c).lbolt()-tick)
}

// chosenBlocks are those of the options, -i if there is none.
func chosenBlocks(c *core.Ctx) []threadBlock {
	var list []threadBlock
	for _, b := range threadBlocks {
		if c.Opt(b.letter) {
			list = append(list, b)
		}
	}
	if list == nil {
		return threadBlocks[1:2]
	}
	return list
}

// threadTable is the table of the blocks. Those after the first begin a line of their
// own, under the column of addresses, unless they are merged.
func threadTable(blocks []threadBlock, merged bool) *core.Table {
	t := &core.Table{Head: "%<u>%?s%</u>", Line: "%0?lx", Cols: []core.Field{{Name: "addr", Head: "ADDR"}}, Type: "kthread_t"}
	for i, b := range blocks {
		if i > 0 && !merged {
			t.Head += "\n                "
			t.Line += "\n                "
		}
		t.Head += b.head
		t.Line += b.line
		t.Cols = append(t.Cols, b.cols...)
	}
	t.Head += "\n"
	t.Line += "\n"
	return t
}

func runThread(c *core.Ctx) error {
	blocks := chosenBlocks(c)
	withTable(c, threadTable(blocks, c.Opt('m')))
	return perAddress(allThreads, func(c *core.Ctx, v *view, addr uint64) error {
		c.Head()
		t, err := v.thread(addr)
		if err != nil {
			return c.Warn(err, "can't read kthread_t at %#lx", addr)
		}
		if c.Opt('f') && t.State == stateFree {
			return nil
		}
		row := []any{out.Addr(addr)}
		for _, b := range blocks {
			row = append(row, b.cells(c, addr, t)...)
		}
		c.Row(row...)
		return nil
	})(c)
}

// maxThreadName is THREAD_NAME_MAX.
const maxThreadName = 32

// describe is what a thread is for, as MDB's thread_getdesc says it.
func (v *view) describe(c *core.Ctx, t *kthread) (string, error) {
	name := ""
	if t.Name != 0 {
		var err error
		if name, err = v.text(t.Name, maxThreadName); err != nil {
			c.Warn(err, "error reading thread name")
		}
	}
	if t.Tid == 0 {
		if t.Name != 0 {
			return name, nil
		}
		if tq := v.taskqName(t.TaskQ); tq != "" {
			return "tq:" + tq, nil
		}
		return out.Sprintf(c.OutEnv(), "%a()", t.StartPC), nil
	}
	comm, err := v.comm(t.Proc)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s/%d", comm, uint32(t.Tid))
	if name != "" {
		text += " [" + name + "]"
	}
	return text, nil
}

// comm is the name of a process's command.
func (v *view) comm(proc uint64) (string, error) {
	var p struct {
		Comm string `ctf:"p_user.u_comm"`
	}
	if err := v.load("proc_t", proc, &p); err != nil {
		return "", badRead("proc", proc, err)
	}
	return p.Comm, nil
}

// taskqName is the name of a task queue, "" if there is none to be read.
func (v *view) taskqName(addr uint64) string {
	var q struct {
		Name string `ctf:"tq_name"`
	}
	if addr == 0 || v.load("taskq_t", addr, &q) != nil {
		return ""
	}
	return q.Name
}
