package linux

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

const blockedHelp = `Lists the threads that are stuck in the kernel: those in an uninterruptible sleep (D), and
those that wait for a mutex, an rwsem or a semaphore in any; the longest first. With an
address only the thread there, whatever it does.

ADDR    thread
TID     its id
S       state, as in ::ps
FOR     how long ago it last got a CPU, in seconds of the CPUs' clocks: it has slept as
        long, but for the time that it ran then
WAITS   what it waits for: see SOBJ types in ::help stacks
ON      the lock, completion or wait queue, found by what the thread put on its stack to
        wait with; of a wait for a page the struct page, of one for a bit its word
OWNER   the thread that holds the lock, of an rwsem with readers the one that came last
NAME    of the thread

-v      with the chain of owners: what each owner waits for, up to one that does not wait
        for a lock; a chain that leads back to itself is a deadlock

Threads go into a pipe: ::blocked | ::findstack -v. ON is for ::mutex, ::rwsem, ::waitq.
`

var blockedTable = &core.Table{
	Head: "%<u>%-?s %6s %-1s %9s %-10s %-?s %-?s %-s%</u>\n", Line: "%0?p %6d %-1s %9s %-10s %0?p %0?p %-s\n", Type: "struct task_struct",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "tid", Head: "TID"}, {Name: "state", Head: "S"}, {Name: "for", Head: "FOR", Descr: "seconds since it last got a CPU"},
		{Name: "waits", Head: "WAITS"}, {Name: "on", Head: "ON", Descr: "address of what it waits for"}, {Name: "owner", Head: "OWNER"}, {Name: "name", Head: "NAME"}, {Name: "chain"}},
}

func blockedDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "blocked", Usage: "?[-v]", AnyAddr: true, Descr: "threads that are stuck in the kernel, on what, and who holds it", Type: "struct task_struct", Help: blockedHelp,
		Opts: []core.Opt{{Letter: 'v', Help: "with the chain of owners"}}, Table: blockedTable, Run: noArgs(runBlocked),
	}}
}

// lockKinds are the kinds of sobjs that are locks: who waits for one is stuck as long as
// another has it, whatever its sleep.
var lockKinds = []string{"mutex", "rwsem", "sema"}

// blockedThread is a thread that waits.
type blockedThread struct {
	*task
	waiting
	slept uint64 // nanoseconds since it last got a CPU
	timed bool   // that is known
}

// blockedThreads finds what threads wait for.
type blockedThreads struct {
	linuxThreads
	now   uint64
	ran   kernel.Field // in task_struct: when it last got a CPU, by the clock of its run queue
	timed bool
}

func newBlockedThreads(c *core.Ctx) (*blockedThreads, error) {
	k, err := kernelOf(c.Session)
	if err != nil {
		return nil, err
	}
	b := &blockedThreads{linuxThreads: linuxThreads{c: c, v: kernel.Of(c.Session), k: k, waits: map[uint64]uint64{}}}
	b.ran, err = b.v.Member("struct task_struct", "sched_info.last_arrival|se.exec_start")
	b.timed = err == nil
	queues, err := runQueues(b.v)
	for _, q := range queues {
		b.now = max(b.now, q.l.Clock.Of(q.b))
	}
	return b, err
}

// of tells what a thread waits for.
func (b *blockedThreads) of(t *task) *blockedThread {
	frames, err := b.k.Stack(nil, t.addr)
	if err != nil && len(frames) == 0 && t.letter() != "R" {
		b.c.Warnf("failed to find the stack of thread %x: %s", t.addr, core.Reason(err))
	}
	pcs := make([]uint64, len(frames))
	for i, f := range frames {
		pcs[i] = f.PC
	}
	w := &blockedThread{task: t, waiting: waiting{kind: "-"}}
	if t.letter() != "R" {
		w.waiting = waitOf(b.v, b.k, t, b.Sobj(b.waitsOn(pcs)), frames)
	}
	if ran := b.ran.Of(t.b); b.timed && ran != 0 && t.letter() != "R" {
		w.slept, w.timed = b.now-min(ran, b.now), true
	}
	return w
}

// stuck tells whether a thread is one that ::blocked lists by itself.
func (w *blockedThread) stuck() bool {
	return w.letter() == "D" || slices.Contains(lockKinds, w.kind)
}

// maxChain bounds a chain of owners.
const maxChain = 64

// chain follows the owners from a thread on; ring tells that it came back to one.
func (b *blockedThreads) chain(w *blockedThread) (list []*blockedThread, ring bool) {
	met := kernel.Met{w.addr(): {}}
	for w.owner != 0 && len(list) < maxChain {
		t, err := readTask(b.v, w.owner)
		if err != nil {
			break
		}
		w = b.of(t)
		list = append(list, w)
		if met.Again(t.addr) {
			return list, true
		}
	}
	return list, false
}

func (w *blockedThread) addr() uint64 { return w.task.addr }

func runBlocked(c *core.Ctx) error {
	b, err := newBlockedThreads(c)
	if err != nil {
		return err
	}
	if c.HasAddr {
		t, err := readTask(b.v, c.Addr)
		if err != nil {
			return err
		}
		b.row(b.of(t))
		return nil
	}
	var list []*blockedThread
	var failed error
	for a, err := range threads(b.v) {
		if c.Err() != nil {
			return core.ErrIntr
		}
		var t *task
		if err == nil {
			t, err = readTask(b.v, a)
		}
		if err != nil {
			if err = told(c, err); err != nil {
				return err
			}
			failed = core.ErrFailed
			continue
		}
		if letter := t.letter(); letter == "D" || letter == "S" {
			if w := b.of(t); w.stuck() {
				list = append(list, w)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y *blockedThread) int { return cmp.Compare(y.slept, x.slept) })
	for _, w := range list {
		b.row(w)
	}
	return failed
}

// row writes the row of a thread, and below it the chain of owners.
func (b *blockedThreads) row(w *blockedThread) {
	c := b.c
	if c.PipeOut {
		c.Emit(w.addr(), b.v.TypeOrNil("struct task_struct"))
		return
	}
	row := []any{out.Hex(w.addr()), w.pid(), w.letter(), w.seconds(), w.kind, out.Hex(w.waiting.addr), out.Hex(w.owner), w.comm()}
	if !c.Opt('v') && !c.Opts.JSON {
		c.Row(append(row, out.List{})...)
		return
	}
	chain, ring := b.chain(w)
	objs := out.List{}
	for _, o := range chain {
		objs = append(objs, out.Object{{Name: "addr", Value: out.Hex(o.addr())}, {Name: "tid", Value: o.pid()}, {Name: "state", Value: o.letter()},
			{Name: "for", Value: o.seconds()}, {Name: "waits", Value: o.kind}, {Name: "on", Value: out.Hex(o.waiting.addr)}, {Name: "name", Value: o.comm()}})
	}
	c.Row(append(row, objs)...)
	if c.Opts.JSON {
		return
	}
	for _, o := range chain {
		_, state := o.state()
		c.Printf("%?s held by %0?p %d %s: %s", "", o.addr(), o.pid(), o.comm(), state)
		if o.letter() != "R" {
			c.Printf(" for %s s, waits for %s", o.seconds(), o.kind)
			if o.waiting.addr != 0 {
				c.Printf(" %0?p", o.waiting.addr)
			}
		}
		c.Printf("\n")
	}
	if ring {
		c.Printf("%?s a deadlock: each waits for what the next one holds\n", "")
	}
}

// seconds is how long a thread has slept.
func (w *blockedThread) seconds() string {
	if !w.timed {
		return "-"
	}
	return fmt.Sprintf("%d.%03d", w.slept/1e9, w.slept%1e9/1e6)
}
