package linux

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func lockDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "mutex", Usage: ":", Descr: "dump out a mutex", Type: "struct mutex", Run: noArgs(runMutex), Table: mutexTable,
			Help: "Prints the thread that holds the struct mutex at the address, and those that wait for\nit, the first in line first.\n"},
		{Name: "rwsem", Usage: ":", Descr: "dump out a readers/writer semaphore", Type: "struct rw_semaphore", Run: noArgs(runRwsem), Table: rwsemTable,
			Help: "Prints who holds the struct rw_semaphore at the address: the writer, or how many\nreaders and the last one that got it; and the threads that wait, readers (R) and\nwriters (W).\n"},
		{Name: "waitq", Usage: ":", Descr: "threads on a wait queue", Type: "struct wait_queue_head", Run: noArgs(runWaitq),
			Help: "Lists what waits on the wait_queue_head at the address: the function that is called to\nwake it and, where that is a thread, the thread. A queue of a completion is its\nmember wait.\n",
			Table: &core.Table{Head: "%<u>%-?s %-5s %-?s %-16s %-s%</u>\n", Line: "%0?p %-5x %0?p %-16s %-s\n", Type: "struct task_struct", Pipe: 2,
				Cols: []core.Field{{Name: "addr", Head: "ENTRY"}, {Name: "flags", Head: "FLAGS", Descr: "1: exclusive"}, {Name: "thread", Head: "THREAD"},
					{Name: "name", Head: "NAME"}, {Name: "func", Head: "FUNC"}}}},
	}
}

// The tables of locks; who waits is below the row.
var (
	mutexTable = &core.Table{Head: "%<u>%-?s %-6s %-?s %-16s %7s%</u>\n", Line: "%0?p %-6s %0?p %-16s %7d\n", Type: "struct mutex",
		Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "held", Head: "HELD"}, {Name: "owner", Head: "OWNER"},
			{Name: "name", Head: "NAME"}, {Name: "waiters", Head: "WAITERS"}}}
	rwsemTable = &core.Table{Head: "%<u>%-?s %-6s %7s %-?s %-16s %7s%</u>\n", Line: "%0?p %-6s %7d %0?p %-16s %7d\n", Type: "struct rw_semaphore",
		Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "held", Head: "HELD", Descr: "no, reader or writer"}, {Name: "readers", Head: "READERS"},
			{Name: "owner", Head: "OWNER", Descr: "the writer, or the reader that came last"}, {Name: "name", Head: "NAME"}, {Name: "waiters", Head: "WAITERS"}}}
)

// waiter is a thread that waits for a lock.
type waiter struct {
	task   uint64
	writer bool
}

// maxWaiters bounds those that are shown of a lock.
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

// ownerName is the name of the thread that holds a lock.
func ownerName(v *kernel.View, owner uint64) string {
	if owner == 0 {
		return "-"
	}
	return threadName(v, owner)
}

// printWaiters writes a line for each thread that waits for a lock, with a letter for what
// it wants if there are two ways.
func printWaiters(c *core.Ctx, v *kernel.View, list []waiter, letters bool) {
	if c.Opts.JSON || c.PipeOut {
		return
	}
	for _, w := range list {
		kind := ""
		switch {
		case letters && w.writer:
			kind = "W"
		case letters:
			kind = "R"
		}
		c.Printf("%?s %-6s %0?p %s\n", "", kind, w.task, threadName(v, w.task))
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

// ownerFlags are the low bits of a mutex' or rw_semaphore's owner (kernel/locking/mutex.c:
// MUTEX_FLAGS, rwsem.c: RWSEM_OWNER_FLAGS_MASK).
const (
	mutexFlags = 7
	rwsemFlags = 3
)

func runMutex(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Owner kernel.Field `ctf:"owner.counter"`
		List  kernel.Field `ctf:"wait_list"`
	}
	l, b, err := read(v, "struct mutex", c.Addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	owner, held := l.Owner.Of(b)&^mutexFlags, "no"
	if owner != 0 {
		held = "yes"
	}
	list, err := waiters(v, "struct mutex_waiter", c.Addr+l.List.Off)
	c.Row(out.Hex(c.Addr), held, out.Hex(owner), ownerName(v, owner), len(list))
	printWaiters(c, v, list, false)
	return err
}

// Bits of rw_semaphore.count (kernel/locking/rwsem.c, 64 bits, since 5.2).
const (
	rwsemWriter      = 1
	rwsemReaderShift = 8
	rwsemReaderMask  = 1<<55 - 1
	rwsemReaderOwned = 1 // in owner: a reader has set it
)

func runRwsem(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Count kernel.Field `ctf:"count.counter"`
		Owner kernel.Field `ctf:"owner.counter"`
		List  kernel.Field `ctf:"wait_list"`
	}
	l, b, err := read(v, "struct rw_semaphore", c.Addr, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	count, owner := l.Count.Of(b), l.Owner.Of(b)
	readers := int(count >> rwsemReaderShift & rwsemReaderMask)
	held := "no"
	switch {
	case count&rwsemWriter != 0:
		held = "writer"
	case readers != 0:
		held = "reader"
	}
	if owner &^= rwsemFlags; held == "no" {
		owner = 0 // the last reader's, who has left
	}
	list, err := waiters(v, "struct rwsem_waiter", c.Addr+l.List.Off)
	c.Row(out.Hex(c.Addr), held, readers, out.Hex(owner), ownerName(v, owner), len(list))
	printWaiters(c, v, list, true)
	return err
}

func runWaitq(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	head, err := v.Member("struct wait_queue_head", "head")
	if err != nil {
		return err
	}
	type layout struct {
		Size    uint64       `ctf:"sizeof"`
		Flags   kernel.Field `ctf:"flags"`
		Private kernel.Field `ctf:"private"`
		Func    kernel.Field `ctf:"func"`
		Entry   kernel.Field `ctf:"entry"`
	}
	l, err := kernel.Lay[layout](v, "struct wait_queue_entry")
	if err != nil {
		return err
	}
	for a, err := range members(v, "wait_queue_entry", c.Addr+head.Off, l.Entry) {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		b, err := v.Bytes(a, l.Size, nil)
		if err != nil {
			return kernel.BadRead("wait_queue_entry", a, err)
		}
		thread, name := l.Private.Of(b), "-"
		if thread != 0 {
			name = threadName(v, thread)
		}
		if c.PipeOut {
			if name != "-" && name != "?" {
				c.Emit(thread, v.TypeOrNil("struct task_struct"))
			}
			continue
		}
		c.Row(out.Hex(a), out.Hex(l.Flags.Of(b)), out.Hex(thread), name, out.Sprintf(c.OutEnv(), "%a", l.Func.Of(b)))
	}
	return nil
}
