package genunix

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// taskqDcmds are the commands of task queues.
func taskqDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		// MDB's synopsis asks for an address, which the command itself does without.
		{Name: "taskq", Usage: "?[-atT] [-m min_maxq] [-n name]", MDBUsage: ":[-atT] [-m min_maxq] [-n name]",
			Descr: "display a taskq", Type: "taskq_t", Run: noArgs(runTaskq), Table: taskqTable,
			Opts: []core.Opt{
				{Letter: 'a', Help: "only those with active threads or queued tasks"},
				{Letter: 't', Help: "with the stacks of active threads"},
				{Letter: 'T', Help: "with the stacks of all threads"},
				{Letter: 'm', Kind: core.Uint, Arg: "min_maxq", Help: "only dynamic ones and those that had so many tasks queued"},
				{Letter: 'n', Kind: core.Str, Arg: "name", Help: "only those with this in their names"},
			}},
		{Name: "taskq_entry", Usage: ":", Descr: "display a taskq_ent_t", Type: "taskq_ent_t", Run: noArgs(runTaskqEntry), Table: &core.Table{
			Head: "%<u>%-?s %-?s %-s%</u>\n", Line: "%-?p %-?p %a\n", Type: "taskq_ent_t",
			Cols: []core.Field{{Name: "entry", Head: "ENTRY"}, {Name: "arg", Head: "ARG"}, {Name: "func", Head: "FUNCTION"}}}},
	}
}

// taskqWalkers are their walkers.
func taskqWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "taskq_thread", Descr: "given a taskq_t, list all of its threads", Addr: core.AddrOptional, Type: "kthread_t", Walk: walkTaskqThreads},
		{Name: "taskq_entry", Descr: "given a taskq_t*, list all taskq_ent_t in the list", Addr: core.AddrRequired, Type: "taskq_ent_t", Walk: walkTaskqEntries},
	}
}

var taskqTable = &core.Table{
	Head: "%<u>%-?s %-31s %9s %4s %5s %4s%</u>\n", Line: "%?p %-31s %9s %4d %5s %4s\n", Type: "taskq_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "name", Head: "NAME"}, {Name: "active", Head: " ACT/THDS"},
		{Name: "queued", Head: "Q'ED"}, {Name: "maxq", Head: "MAXQ"}, {Name: "instance", Head: "INST"}},
}

// Flags of task queues (sys/taskq.h, taskq_impl.h).
const (
	taskqDynamic    = 0x4
	taskqNoInstance = 0x40000
)

// taskqInfo is what is shown of a taskq_t.
type taskqInfo struct {
	Name     string `ctf:"tq_name"`
	Flags    uint64 `ctf:"tq_flags"`
	Active   int64  `ctf:"tq_active"`
	Threads  int64  `ctf:"tq_nthreads"`
	Max      int64  `ctf:"tq_nthreads_max"`
	Tasks    uint64 `ctf:"tq_tasks"`
	Executed uint64 `ctf:"tq_executed"`
	MaxTasks int64  `ctf:"tq_maxtasks"`
	Instance int64  `ctf:"tq_instance,optional"`
	Buckets  uint64 `ctf:"tq_buckets,optional"`
	NBuckets uint64 `ctf:"tq_nbuckets,optional"`
	Creates  int64  `ctf:"tq_tcreates,optional"`
	Deaths   int64  `ctf:"tq_tdeaths,optional"`
	addr     uint64
}

func (q *taskqInfo) has(flag uint64) bool { return q.Flags&flag != 0 }

// taskqOrder is the order in which MDB lists task queues: dynamic ones last, those
// without instance number first, in the order they were made, the others by name.
func taskqOrder(a, b *taskqInfo) int {
	plain := func(q *taskqInfo) bool { return !q.has(taskqNoInstance) }
	byName := 0
	if plain(a) && plain(b) {
		byName = cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	}
	return cmp.Or(compareBool(a.has(taskqDynamic), b.has(taskqDynamic)), compareBool(plain(a), plain(b)), byName, cmp.Compare(a.Instance, b.Instance))
}

func runTaskq(c *core.Ctx) error {
	v := viewOf(c)
	if c.HasAddr {
		var q taskqInfo
		c.Head()
		if err := v.load("taskq_t", c.Addr, &q); err != nil {
			return c.Warn(err, "failed to read taskq_t at %p", c.Addr)
		}
		q.addr = c.Addr
		return showTaskq(c, v, &q)
	}
	var list []*taskqInfo
	var failed error
	for e, err := range namedWalk("taskq_cache")(c, v) {
		if err != nil {
			failed = fmt.Errorf("unable to walk taskq_cache: %w", err)
			break
		}
		q := &taskqInfo{addr: e.Val}
		if err := v.load("taskq_t", e.Val, q); err != nil {
			c.Warn(err, "unable to read taskq_t at %p", e.Val)
			continue
		}
		list = append(list, q)
	}
	slices.SortStableFunc(list, taskqOrder)
	c.Head()
	for _, q := range list {
		if c.Err() != nil {
			return core.ErrIntr
		}
		if err := showTaskq(c, v, q); err != nil {
			return err
		}
	}
	return failed
}

// maxBuckets bounds the buckets of a dynamic task queue.
const maxBuckets = 1 << 16

func showTaskq(c *core.Ctx, v *view, q *taskqInfo) error {
	active, threads := q.Active, q.Threads
	if q.has(taskqDynamic) {
		threads += q.Creates - q.Deaths
		n, err := v.bucketsActive(q)
		if err != nil {
			return c.Warn(err, "unable to read buckets for taskq %p", q.addr)
		}
		active += n
	}
	queued := int64(q.Tasks - q.Executed)
	name, filter := c.OptStr('n')
	least, _ := c.OptUint('m')
	switch {
	case filter && !strings.Contains(q.Name, name),
		c.Opt('a') && active == 0 && queued == 0,
		!q.has(taskqDynamic) && uint64(q.MaxTasks) < least:
		return nil
	}
	maxq, inst := "-", "-"
	if !q.has(taskqDynamic) {
		maxq = fmt.Sprint(q.MaxTasks)
	}
	if !q.has(taskqNoInstance) {
		inst = fmt.Sprintf("%x", uint32(q.Instance))
	}
	c.Row(out.Addr(q.addr), q.Name, fmt.Sprintf("%4d/%4d", active, threads), queued, maxq, inst)
	if c.PipeOut || c.Opts.JSON || !c.Opt('t') && !c.Opt('T') {
		return nil
	}
	cmd := fmt.Sprintf("%#x::walk taskq_thread | ::stacks -a", q.addr)
	if !c.Opt('T') {
		cmd += ` -C "taskq_thread_wait"`
	}
	old := c.P.IncIndent(4)
	defer func() { c.P.EndLine(); c.P.SetMargin(old) }()
	return c.Session.Eval.Eval(c, c.Session, cmd)
}

// bucketsActive counts the tasks that a dynamic task queue's buckets run.
func (v *view) bucketsActive(q *taskqInfo) (int64, error) {
	size, err := v.size("taskq_bucket_t")
	if err != nil {
		return 0, err
	}
	n := int64(0)
	for i := range min(q.NBuckets, maxBuckets) {
		a, err := v.member("taskq_bucket_t", "tqbucket_nalloc", q.Buckets+i*size)
		if err != nil {
			return 0, err
		}
		n += int64(uint32(a))
	}
	return n, nil
}

func runTaskqEntry(c *core.Ctx) error {
	c.Head()
	var e struct {
		Func uint64 `ctf:"tqent_func"`
		Arg  uint64 `ctf:"tqent_arg"`
	}
	if err := viewOf(c).load("taskq_ent_t", c.Addr, &e); err != nil {
		return c.Warn(err, "failed to read taskq_ent_t at %p", c.Addr)
	}
	c.Row(out.Addr(c.Addr), out.Addr(e.Arg), out.Addr(e.Func))
	return nil
}

// walkTaskqEntries walks the tasks queued on a task queue.
func walkTaskqEntries(c *core.Ctx, tq mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	head, err := v.ref("taskq_t", uint64(tq), "tq_task")
	if err != nil {
		return noWalk[core.Elem](err)
	}
	first, err := v.member("taskq_ent_t", "tqent_next", head)
	if err != nil {
		return noWalk[core.Elem](badRead("taskq list head", uint64(tq), err))
	}
	return v.elems("taskq_ent_t", func(yield func(uint64, error) bool) {
		if first == head {
			return
		}
		for a, err := range v.chain("taskq_ent_t", "taskq_ent_t", "tqent_next", first) {
			if a == head || !yield(a, err) {
				return
			}
		}
	})
}

// maxTaskqThreads bounds the threads of a task queue.
const maxTaskqThreads = 1 << 16

// walkTaskqThreads walks the threads of a task queue, or of all.
func walkTaskqThreads(c *core.Ctx, tq mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	var q taskqInfo
	if has && v.load("taskq_t", uint64(tq), &q) == nil && !q.has(taskqDynamic) && uint64(q.Threads) <= maxTaskqThreads {
		return v.elems("kthread_t", v.staticThreads(uint64(tq), &q))
	}
	return v.elems("kthread_t", func(yield func(uint64, error) bool) {
		for a, err := range v.allThreads() {
			of := uint64(0)
			if err == nil {
				of, err = v.member("kthread_t", "t_taskq", a)
			}
			if err != nil || of != 0 && (!has || of == uint64(tq)) {
				if !yield(a, err) || err != nil {
					return
				}
			}
		}
	})
}

// staticThreads walks the threads of a task queue that has a fixed set of them: a
// pointer to the one, or to a list.
func (v *view) staticThreads(tq uint64, q *taskqInfo) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		at, err := v.ref("taskq_t", tq, "tq_thr")
		list := []uint64{0}
		if err == nil {
			list[0], err = v.ptr(at)
		}
		if err == nil && q.Max != 1 {
			list, err = v.pointers(list[0], uint64(q.Threads))
		}
		if err != nil {
			yield(0, fmt.Errorf("unable to read threadlist for taskq_t %x: %w", tq, err))
			return
		}
		for _, a := range list {
			if a == 0 {
				continue
			}
			if _, err := v.member("kthread_t", "t_state", a); err != nil {
				yield(0, fmt.Errorf("unable to read kthread_t at %x: %s", a, core.Reason(err)))
				return
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}
