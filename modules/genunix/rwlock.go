package genunix

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Bits of a rwlock's word (rwlock_impl.h).
const (
	rwHasWaiters  = 1
	rwWriteWanted = 2
	rwWriteLocked = 4
	rwDoubleLock  = 0xc // the word of a lock that was destroyed
	rwOwner       = ^uint64(7)
	rwCountShift  = 3
)

// Columns of the drawing of a rwlock.
const (
	rwAddrWidth    = 16
	rwOwnerWidth   = 16
	rwLong         = rwAddrWidth + 1 + rwOwnerWidth
	rwLabelWidth   = 12
	rwLabelOffset  = rwAddrWidth + rwOwnerWidth - 3 - rwLabelWidth
	rwWaiterOffset = rwLong + 6
)

// rwWaiter is a thread that waits for a rwlock.
type rwWaiter struct {
	thread uint64
	queue  string // R or W
}

// rwWaiters finds the threads that wait for a rwlock: the last of the list of threads
// first.
func rwWaiters(c *core.Ctx, v *view, addr uint64) ([]rwWaiter, error) {
	var list []rwWaiter
	for e, err := range walkBlocked(c, mem.Addr(addr), true) {
		if err != nil {
			return list, err
		}
		var t struct {
			TS    uint64 `ctf:"t_ts"`
			Queue uint64 `ctf:"t_sleepq"`
		}
		if err := v.load("kthread_t", e.Val, &t); err != nil {
			return list, badRead("thread", e.Val, err)
		}
		w := rwWaiter{thread: e.Val}
		for i, name := range []string{"R", "W"} {
			if q, err := v.ref("turnstile_t", t.TS, fmt.Sprintf("ts_sleepq[%d]", i)); err == nil && q == t.Queue {
				w.queue = name
			}
		}
		if w.queue == "" {
			return list, fmt.Errorf("thread %x isn't blocked on ts %x", e.Val, t.TS)
		}
		list = append([]rwWaiter{w}, list...)
	}
	return list, nil
}

func runRWLock(c *core.Ctx) error {
	v := viewOf(c)
	word, err := v.member("rwlock_impl_t", "rw_wwwh", c.Addr)
	if err != nil {
		return c.Warn(err, "failed to read rwlock at 0x%p", c.Addr)
	}
	waiters, err := rwWaiters(c, v, c.Addr)
	if err != nil {
		c.Fail(err)
		return core.ErrFailed
	}
	fields := []out.Field{{Name: "addr", Value: out.Addr(c.Addr)}, {Name: "word", Value: out.Hex(word)},
		{Name: "write_locked", Value: word&rwWriteLocked != 0}, {Name: "write_wanted", Value: word&rwWriteWanted != 0}}
	if word&rwWriteLocked != 0 {
		fields = append(fields, out.Field{Name: "owner", Value: out.Addr(word & rwOwner)})
	} else {
		fields = append(fields, out.Field{Name: "readers", Value: word >> rwCountShift})
	}
	list := out.List{}
	for _, w := range waiters {
		list = append(list, out.Object{{Name: "thread", Value: out.Addr(w.thread)}, {Name: "queue", Value: w.queue}})
	}
	c.Record(func() { drawRWLock(c, word, waiters) }, append(fields, out.Field{Name: "waiters", Value: list})...)
	return nil
}

// rwDrawing prints lines that each may end in a waiter.
type rwDrawing struct {
	c       *core.Ctx
	waiters []rwWaiter
}

func (d *rwDrawing) newline() {
	if len(d.waiters) > 0 {
		d.c.Printf(" %?p (%s)", d.waiters[0].thread, d.waiters[0].queue)
		d.waiters = d.waiters[1:]
	}
	d.c.Printf("\n")
}

// drawRWLock draws a lock as MDB does: its bits, and below each the line that leads to
// its name.
func drawRWLock(c *core.Ctx, word uint64, waiters []rwWaiter) {
	d := &rwDrawing{c, waiters}
	bit := func(n int, off, on string) string {
		if word&(1<<n) != 0 {
			return on
		}
		return off
	}
	destroyed := word&rwDoubleLock == rwDoubleLock
	c.Printf("%?s %*s %5s %?s\n", "ADDR", rwOwnerWidth, "OWNER/COUNT", "FLAGS", "WAITERS")
	c.Printf("%?p ", c.Addr)
	switch readers := word >> rwCountShift; {
	case destroyed:
		c.Printf("%*s", rwOwnerWidth, "1")
	case word&rwWriteLocked != 0:
		c.Printf("%*p", rwOwnerWidth, word&rwOwner)
	case readers != 0:
		c.Printf("%*s", rwOwnerWidth, fmt.Sprintf("READERS=%d", readers))
	default:
		c.Printf("%*s", rwOwnerWidth, "-")
	}
	c.Printf("  B%s%s%s", bit(2, "0", "1"), bit(1, "0", "1"), bit(0, "0", "1"))
	d.newline()
	double := " "
	if destroyed {
		double = "|"
	}
	c.Printf("%*s%s   %s%s%s", rwLong-1, "", double, bit(2, " ", "|"), bit(1, " ", "|"), bit(0, " ", "|"))
	d.newline()
	label := func(name, line string) {
		c.Printf("%*s%*s %s", rwLabelOffset, "", rwLabelWidth, name, line)
	}
	if destroyed {
		label("DESTROYED", "--+---+")
	} else {
		if word&rwWriteLocked != 0 {
			label("WRITE_LOCKED", "------+"+bit(1, " ", "|")+bit(0, " ", "|"))
			d.newline()
		}
		if word&rwWriteWanted != 0 {
			label("WRITE_WANTED", "-------+"+bit(0, " ", "|"))
			d.newline()
		}
		if word&rwHasWaiters != 0 {
			label("HAS_WAITERS", "--------+")
			d.newline()
		}
	}
	for len(d.waiters) > 0 {
		c.Printf("%*s", rwWaiterOffset, "")
		d.newline()
	}
}
