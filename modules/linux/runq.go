package linux

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// rqLayout is struct rq (kernel/sched/sched.h).
type rqLayout struct {
	Size     uint64       `ctf:"sizeof"`
	Running  kernel.Field `ctf:"nr_running"`
	Switches kernel.Field `ctf:"nr_switches"`
	Clock    kernel.Field `ctf:"clock"` // ns
	Curr     kernel.Field `ctf:"curr"`
	Idle     kernel.Field `ctf:"idle"`
	Stop     kernel.Field `ctf:"stop"`
	Fair     kernel.Field `ctf:"cfs"`
	RT       kernel.Field `ctf:"rt.active.queue"`
	Deadline kernel.Field `ctf:"dl.root"`
}

// runQueue is the run queue of a CPU.
type runQueue struct {
	cpu  system.LinuxCPU
	addr uint64
	l    *rqLayout
	b    []byte
}

// runQueues reads those of the CPUs that are there.
func runQueues(v *kernel.View) ([]*runQueue, error) {
	k, err := kernelOf(v.Session())
	if err != nil {
		return nil, err
	}
	cpus, err := k.CPUs()
	at, aerr := address(v, "runqueues")
	if aerr != nil {
		return nil, aerr
	}
	var list []*runQueue
	for _, cpu := range cpus {
		if !cpu.Online {
			continue
		}
		rq, perr := k.PerCPU(at, cpu.ID)
		if perr != nil {
			return list, perr
		}
		l, b, rerr := read(v, "struct rq", rq, func(l *rqLayout) uint64 { return l.Size })
		if rerr != nil {
			return list, rerr
		}
		list = append(list, &runQueue{cpu, rq, l, b})
	}
	return list, err
}

// waiting yields the threads that wait for a CPU, by class: deadline, real time, fair.
func (q *runQueue) waiting(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		w := &queueWalk{v: v, met: kernel.Met{}, yield: yield}
		err := w.deadline(q.addr + q.l.Deadline.Off)
		if err == nil && !w.done {
			err = w.realTime(q.addr+q.l.RT.Off, q.l.RT.Size)
		}
		if err == nil && !w.done {
			err = w.fair(q.addr+q.l.Fair.Off, 0)
		}
		if err != nil && !w.done {
			yield(0, err)
		}
	}
}

// queueWalk goes through the queues of a CPU. A queue that is met twice ends it.
type queueWalk struct {
	v     *kernel.View
	met   kernel.Met
	yield func(uint64, error) bool
	done  bool // the consumer wants no more
}

func (w *queueWalk) deadline(root uint64) error {
	node, err := w.v.Member("struct task_struct", "dl.rb_node")
	if err != nil {
		return err
	}
	for a, err := range tree(w.v, "sched_dl_entity", root) {
		if err != nil {
			return err
		}
		if w.done = !w.yield(a-node.Off, nil); w.done {
			return nil
		}
	}
	return nil
}

// realTime walks the lists, one for each priority.
func (w *queueWalk) realTime(lists, size uint64) error {
	node, err := w.v.Member("struct sched_rt_entity", "run_list")
	if err != nil {
		return err
	}
	in, err := w.v.Member("struct task_struct", "rt")
	if err != nil {
		return err
	}
	group, gerr := w.v.Member("struct sched_rt_entity", "my_q") // only with CONFIG_RT_GROUP_SCHED
	step, err := w.v.Size("struct list_head")
	if err != nil {
		return err
	}
	for at := lists; at < lists+size; at += step {
		for a, err := range members(w.v, "sched_rt_entity", at, node) {
			if err != nil {
				return err
			}
			if gerr == nil {
				if q, err := w.v.Pointer(a + group.Off); err == nil && q != 0 {
					continue // a group's: its own queues are not walked
				}
			}
			if w.done = !w.yield(a-in.Off, nil); w.done {
				return nil
			}
		}
	}
	return nil
}

// maxGroups bounds how deep groups lie in groups.
const maxGroups = 64

// fair walks the tree of a cfs_rq and, for an entity that is a group, that of its own.
func (w *queueWalk) fair(cfs uint64, depth int) error {
	if w.met.Again(cfs) || depth > maxGroups {
		return fmt.Errorf("cfs_rq %x is there twice", cfs)
	}
	root, err := w.v.Member("struct cfs_rq", "tasks_timeline")
	if err != nil {
		return err
	}
	node, err := w.v.Member("struct sched_entity", "run_node")
	if err != nil {
		return err
	}
	in, err := w.v.Member("struct task_struct", "se")
	if err != nil {
		return err
	}
	group, gerr := w.v.Member("struct sched_entity", "my_q")
	for a, err := range tree(w.v, "sched_entity", cfs+root.Off) {
		if err != nil {
			return err
		}
		se := a - node.Off
		if gerr == nil {
			q, err := w.v.Pointer(se + group.Off)
			if err != nil {
				return kernel.BadRead("sched_entity", se, err)
			}
			if q != 0 {
				if err := w.fair(q, depth+1); err != nil || w.done {
					return err
				}
				continue
			}
		}
		if w.done = !w.yield(se-in.Off, nil); w.done {
			return nil
		}
	}
	return nil
}

var cpuTable = &core.Table{
	Head: "%<u>%3s %-?s %-4s %4s %4s %10s %-10s %-?s %-s%</u>\n", Line: "%3d %0?p %-4s %4d %4d %10d %-10s %0?p %-s\n", Type: "struct rq",
	Cols: []core.Field{{Name: "id", Head: "ID"}, {Name: "addr", Head: "ADDR", Descr: "of its run queue"},
		{Name: "flags", Head: "FLG", Descr: "I idle, S runs the stop thread"}, {Name: "running", Head: "NRUN", Descr: "threads that run or wait for it"},
		{Name: "pri", Head: "PRI", Descr: "of the thread that runs"}, {Name: "switches", Head: "SWITCHES", Descr: "since boot"},
		{Name: "for", Head: "SWITCH", Descr: "how long its thread has been running, by the clock of the run queue"},
		{Name: "thread", Head: "THREAD"}, {Name: "proc", Head: "PROC"}, {Name: "waiting"}},
	Pipe: 1,
}

func cpuDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "cpuinfo", Usage: "?[-v]", Descr: "print CPUs and runnable threads", Type: "struct rq",
			Help: "Prints a row for each CPU, or for the one whose number or run queue's address is given:\n" +
				"address of its run queue, how many threads run or wait for it, priority, switches, for\nhow long its thread runs, thread and process.\n\n-v  with the threads that wait for it\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with the threads that wait for it"}}, Table: cpuTable, Run: noArgs(runCPUInfo)},
		{Name: "runq", Usage: "", Descr: "threads that wait for a CPU", Type: "struct task_struct", Table: runqTable, Run: noArgs(runRunq),
			Help: "Lists the threads that run and those that wait for a CPU, by CPU.\n"},
	}
}

func runCPUInfo(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	list, err := runQueues(v)
	found := !c.HasAddr
	for _, q := range list {
		if c.HasAddr && c.Addr != uint64(q.cpu.ID) && c.Addr != q.addr {
			continue
		}
		found = true
		if c.PipeOut {
			c.Emit(q.addr, v.TypeOrNil("struct rq"))
			continue
		}
		if rerr := cpuRow(c, v, q); rerr != nil {
			c.Warnf("%s", rerr.Error())
		}
	}
	if !found && err == nil {
		return fmt.Errorf("%x is neither the number of a CPU that is online nor the address of its run queue", c.Addr)
	}
	return err
}

func cpuRow(c *core.Ctx, v *kernel.View, q *runQueue) error {
	curr := q.l.Curr.Of(q.b)
	t, err := readTask(v, curr)
	if err != nil {
		return err
	}
	flags := ""
	switch curr {
	case q.l.Idle.Of(q.b):
		flags = "I"
	case q.l.Stop.Of(q.b):
		flags = "S"
	}
	since := "-"
	if f, err := v.Member("struct task_struct", "se.exec_start"); err == nil && flags == "" {
		since = fmt.Sprintf("%.3fms", float64(max(int64(q.l.Clock.Of(q.b)-f.Of(t.b)), 0))/1e6)
	}
	waiting, objs := []*task(nil), out.List{}
	var failed error
	if c.Opt('v') || c.Opts.JSON {
		for a, err := range q.waiting(v) {
			var w *task
			if err == nil {
				w, err = readTask(v, a)
			}
			if err != nil {
				failed = err
				break
			}
			waiting = append(waiting, w)
			objs = append(objs, out.Object{{Name: "thread", Value: out.Hex(a)}, {Name: "pri", Value: w.prio()}, {Name: "name", Value: w.comm()}})
		}
	}
	c.Row(q.cpu.ID, out.Hex(q.addr), flags, int(q.l.Running.Of(q.b)), t.prio(), q.l.Switches.Of(q.b), since, out.Hex(curr), t.comm(), objs)
	if c.Opts.JSON {
		return failed
	}
	for _, w := range waiting {
		c.Printf("%3s %?s %-4s %4s %4d %10s %-10s %0?p %s\n", "", "", "", "", w.prio(), "", "", w.addr, w.comm())
	}
	return failed
}

var runqTable = &core.Table{
	Head: "%<u>%3s %-7s %-?s %6s %4s %-s%</u>\n", Line: "%3d %-7s %0?p %6d %4d %-s\n", Type: "struct task_struct",
	Cols: []core.Field{{Name: "cpu", Head: "CPU"}, {Name: "state", Head: "STATE"}, {Name: "thread", Head: "THREAD"}, {Name: "tid", Head: "TID"},
		{Name: "pri", Head: "PRI"}, {Name: "name", Head: "NAME"}},
	Pipe: 2,
}

func runRunq(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	list, failed := runQueues(v)
	for _, q := range list {
		if err := runqRow(c, v, q, q.l.Curr.Of(q.b), "ONCPU"); err != nil {
			failed = err
		}
		for a, err := range q.waiting(v) {
			if err == nil {
				err = runqRow(c, v, q, a, "RUN")
			}
			if err != nil {
				failed = err
				break
			}
		}
	}
	return failed
}

func runqRow(c *core.Ctx, v *kernel.View, q *runQueue, addr uint64, state string) error {
	if c.PipeOut {
		c.Emit(addr, v.TypeOrNil("struct task_struct"))
		return nil
	}
	t, err := readTask(v, addr)
	if err != nil {
		return err
	}
	c.Row(q.cpu.ID, state, out.Hex(addr), t.pid(), t.prio(), t.comm())
	return nil
}
