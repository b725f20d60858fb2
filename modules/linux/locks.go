package linux

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func lockDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "mutex", Usage: ":", Descr: "dump out a mutex", Type: "struct mutex", Run: noArgs(lockRow(readMutex, false)), Table: mutexTable,
			Help: "Prints the thread that holds the struct mutex at the address, and those that wait for\nit, the first in line first.\n"},
		{Name: "rwsem", Usage: ":", Descr: "dump out a readers/writer semaphore", Type: "struct rw_semaphore", Run: noArgs(lockRow(readRwsem, true)), Table: rwsemTable,
			Help: "Prints who holds the struct rw_semaphore at the address: the writer, or how many\nreaders and the last one that got it; and the threads that wait, readers (R) and\n" +
				"writers (W). A struct percpu_rw_semaphore is recognised; the kernel does not note who\nholds one.\n"},
		waitqDcmd(),
	}
}

// The tables of locks; who waits is below the row, and in JSON a list in it.
var (
	mutexTable = &core.Table{Head: "%<u>%-?s %-6s %-?s %-16s %7s%</u>\n", Line: "%0?p %-6s %0?p %-16s %7d\n", Type: "struct mutex",
		Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "held", Head: "HELD"}, {Name: "owner", Head: "OWNER"},
			{Name: "name", Head: "NAME"}, {Name: "waiters", Head: "WAITERS"}, {Name: "waiting"}}}
	rwsemTable = &core.Table{Head: "%<u>%-?s %-6s %7s %-?s %-16s %7s%</u>\n", Line: "%0?p %-6s %7d %0?p %-16s %7d\n", Type: "struct rw_semaphore",
		Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "held", Head: "HELD", Descr: "no, reader or writer"}, {Name: "readers", Head: "READERS"},
			{Name: "owner", Head: "OWNER", Descr: "the writer, or the reader that came last"}, {Name: "name", Head: "NAME"}, {Name: "waiters", Head: "WAITERS"}, {Name: "waiting"}}}
)

// lock is the state of a lock.
type lock struct {
	held    string // "no"; "yes", or who of a readers/writer semaphore's: "reader", "writer"
	readers int
	owner   uint64 // VA of the task_struct of who holds it; 0 if nobody does, or it is not known
	waiting []waiter
}

// waiter is a thread that waits for a lock.
type waiter struct {
	task   uint64
	writer bool
}

// maxWaiters bounds those that are read of a lock.
const maxWaiters = 1 << 16

// waiters reads the list of a lock's waiters.
func waiters(v *kernel.View, typ string, head uint64) (list []waiter, err error) {
	type layout struct {
		Size uint64       `ctf:"sizeof"`
		List kernel.Field `ctf:"list"`
		Task kernel.Field `ctf:"task"`
		Type kernel.Field `ctf:"type,optional"`
	}
	l, err := kernel.Lay[layout](v, typ)
	if err != nil {
		return nil, err
	}
	for a, err := range members(v, typ, head, l.List) {
		if err != nil {
			return list, err
		}
		if len(list) == maxWaiters {
			return list, fmt.Errorf("more than %d threads wait", maxWaiters)
		}
		b, err := v.Bytes(a, l.Size, nil)
		if err != nil {
			return list, kernel.BadRead(typ, a, err)
		}
		list = append(list, waiter{l.Task.Of(b), l.Type.Of(b) == 0}) // RWSEM_WAITING_FOR_WRITE is 0
	}
	return list, nil
}

// ownerFlags are the low bits of a mutex' or rw_semaphore's owner (kernel/locking/mutex.c:
// MUTEX_FLAGS, rwsem.c: RWSEM_OWNER_FLAGS_MASK).
const (
	mutexFlags = 7
	rwsemFlags = 3
)

// readMutex reads a struct mutex. Who waits as far as that can be read comes beside an
// error.
func readMutex(v *kernel.View, addr uint64) (*lock, error) {
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Owner kernel.Field `ctf:"owner.counter"`
		List  kernel.Field `ctf:"wait_list"`
	}
	l, b, err := read(v, "struct mutex", addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	k := &lock{held: "no", owner: l.Owner.Of(b) &^ mutexFlags}
	if k.owner != 0 {
		k.held = "yes"
	}
	if k.waiting, err = waiters(v, "struct mutex_waiter", addr+l.List.Off); err == nil && !isListHead(v, addr+l.List.Off) {
		err = notLock(addr, "struct mutex")
	}
	return k, err
}

// notLock is what is at an address that is no lock, or is damaged.
func notLock(addr uint64, typ string) error {
	return fmt.Errorf("%x does not look like a %s: its list of waiters leads nowhere", addr, typ)
}

// isListHead tells whether what is at an address is the head of a list, or a node: what
// comes next on it must lead back.
func isListHead(v *kernel.View, head uint64) bool {
	prev, err := v.Member("struct list_head", "prev")
	if err != nil {
		return true // there is nothing to tell it by
	}
	k, err := kernelOf(v.Session())
	return err == nil && k.Retry(func() error {
		next, err := v.Pointer(head)
		if err != nil {
			return err
		}
		back, err := v.Pointer(next + prev.Off)
		if err == nil && back != head {
			err = fmt.Errorf("what comes after %x does not lead back", head)
		}
		return err
	}) == nil
}

// Bits of rw_semaphore.count (kernel/locking/rwsem.c, 64 bits, since 5.2).
const (
	rwsemWriter      = 1
	rwsemReaderShift = 8
	rwsemReaderMask  = 1<<55 - 1
)

// readRwsem reads a struct rw_semaphore, or a struct percpu_rw_semaphore where one is at
// the address: both are there for down_read() and up_write(), and only the list of
// waiters tells them apart.
func readRwsem(v *kernel.View, addr uint64) (*lock, error) {
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Count kernel.Field `ctf:"count.counter"`
		Owner kernel.Field `ctf:"owner.counter"`
		List  kernel.Field `ctf:"wait_list"`
	}
	l, b, err := read(v, "struct rw_semaphore", addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	head := addr + l.List.Off
	if !isListHead(v, head) {
		if k, err := readPerCPURwsem(v, addr); k != nil {
			return k, err
		}
	}
	count := l.Count.Of(b)
	k := &lock{held: "no", readers: int(count >> rwsemReaderShift & rwsemReaderMask)}
	switch {
	case count&rwsemWriter != 0:
		k.held = "writer"
	case k.readers != 0:
		k.held = "reader"
	}
	if k.held != "no" { // else it is the last reader's, who has left
		k.owner = l.Owner.Of(b) &^ rwsemFlags
	}
	if k.waiting, err = waiters(v, "struct rwsem_waiter", head); err == nil && !isListHead(v, head) {
		err = notLock(addr, "struct rw_semaphore")
	}
	return k, err
}

// percpuReader are the flags of a wait_queue_entry that a reader of a percpu_rw_semaphore
// has: WQ_FLAG_CUSTOM is 8 until 6.6, then 4, and the other bit is nobody's there.
const percpuReader = 8 | 4

// readPerCPURwsem reads a struct percpu_rw_semaphore (include/linux/percpu-rwsem.h, since
// 5.7); it gives nil if there is none. Readers count on their CPUs; a writer sets block,
// and then waits until the sum is zero.
func readPerCPURwsem(v *kernel.View, addr uint64) (*lock, error) {
	type layout struct {
		Size   uint64       `ctf:"sizeof"`
		Grace  kernel.Field `ctf:"rss.gp_wait.head"`
		Count  kernel.Field `ctf:"read_count"`
		Writer kernel.Field `ctf:"writer.task"`
		Queue  kernel.Field `ctf:"waiters"`
		List   kernel.Field `ctf:"waiters.head"`
		Block  kernel.Field `ctf:"block.counter"`
	}
	l, b, err := read(v, "struct percpu_rw_semaphore", addr, func(l *layout) uint64 { return l.Size })
	if err != nil || !isListHead(v, addr+l.Grace.Off) || !isListHead(v, addr+l.List.Off) {
		return nil, nil
	}
	k := &lock{held: "no"}
	sum, failed := perCPUSum(v, l.Count.Of(b), 4)
	k.readers = max(int(int32(sum)), 0) // one may leave on another CPU than it came on
	switch {
	case k.readers != 0:
		k.held = "reader"
	case l.Block.Of(b) != 0:
		k.held = "writer"
	}
	if w := l.Writer.Of(b); w != 0 { // it waits for the readers to leave
		k.waiting = append(k.waiting, waiter{w, true})
	}
	for e, err := range queueEntries(v, addr+l.Queue.Off) {
		if err != nil || len(k.waiting) == maxWaiters {
			return k, first(failed, err)
		}
		k.waiting = append(k.waiting, waiter{e.private, e.flags&percpuReader == 0})
	}
	return k, failed
}

// lockRow makes the dcmd of a kind of locks; letters tell readers and writers apart.
func lockRow(read func(*kernel.View, uint64) (*lock, error), letters bool) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		v := kernel.Of(c.Session)
		k, err := read(v, c.Addr)
		if k == nil {
			return err
		}
		row := []any{out.Hex(c.Addr), k.held}
		if letters {
			row = append(row, k.readers)
		}
		c.Row(append(row, out.Hex(k.owner), ownerName(v, k.owner), len(k.waiting), waitingList(v, k.waiting, letters))...)
		printWaiters(c, v, k.waiting, letters)
		return err
	}
}

// ownerName is the name of the thread that holds a lock.
func ownerName(v *kernel.View, owner uint64) string {
	if owner == 0 {
		return "-"
	}
	return threadName(v, owner)
}

// wants is the letter for what a waiter wants, if there are two ways.
func (w waiter) wants(letters bool) string {
	switch {
	case letters && w.writer:
		return "W"
	case letters:
		return "R"
	}
	return ""
}

// waitingList is the list of waiters in a record.
func waitingList(v *kernel.View, list []waiter, letters bool) out.List {
	objs := out.List{}
	for _, w := range list {
		o := out.Object{{Name: "thread", Value: out.Hex(w.task)}, {Name: "name", Value: threadName(v, w.task)}}
		if letters {
			o = append(o, out.Field{Name: "wants", Value: w.wants(letters)})
		}
		objs = append(objs, o)
	}
	return objs
}

// printWaiters writes a line for each thread that waits for a lock.
func printWaiters(c *core.Ctx, v *kernel.View, list []waiter, letters bool) {
	if c.Opts.JSON || c.PipeOut {
		return
	}
	for _, w := range list {
		c.Printf("%?s %-6s %0?p %s\n", "", w.wants(letters), w.task, threadName(v, w.task))
	}
}

// threadName is the name of a thread, or that it cannot be read.
func threadName(v *kernel.View, addr uint64) string {
	t, err := readTask(v, addr)
	if err != nil {
		return "?"
	}
	return t.comm()
}
