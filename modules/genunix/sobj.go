package genunix

import (
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// sobjDcmds are the commands of synchronization objects.
func sobjDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "mutex", Usage: ":[-f]", Descr: "dump out an adaptive or spin mutex", Type: "kmutex_t", Run: noArgs(runMutex), Table: &core.Table{
			Head: "%<u>%?s %5s %?s %6s %6s %7s%</u>\n", Line: "%0?p %5s %?s %6s %6s %7s\n", Type: "kmutex_t",
			Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "type", Head: "TYPE"}, {Name: "held", Head: "HELD"},
				{Name: "minspl", Head: "MINSPL"}, {Name: "oldspl", Head: "OLDSPL"}, {Name: "waiters", Head: "WAITERS"}}},
			Opts: []core.Opt{{Letter: 'f', Help: "print it even if it cannot be a mutex"}}},
		{Name: "rwlock", Usage: ":", Descr: "dump out a readers/writer lock", Type: "krwlock_t", Run: noArgs(runRWLock),
			Help: "Draws the lock: its owner or count of readers, its bits, and the threads that wait for\n" +
				"it, readers (R) and writers (W).\n"},
		{Name: "sobj2ts", Usage: ":", Descr: "perform turnstile lookup on synch object", Type: "turnstile_t", Run: noArgs(runSobj2ts)},
		{Name: "wchaninfo", Usage: "?[-v]", Descr: "dump condition variable", Run: noArgs(runWchaninfo),
			Opts: []core.Opt{{Letter: 'v', Help: "with the threads that wait and their commands"}}},
		{Name: "turnstile", Usage: "?", Descr: "display a turnstile", Type: "turnstile_t", Run: noArgs(runTurnstile), Table: &core.Table{
			Head: "%<u>%?s %?s %5s %4s %?s %?s%</u>\n", Line: "%0?p %?p %5d %4d %?p %?p\n", Type: "turnstile_t",
			Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "sobj", Head: "SOBJ"}, {Name: "waiters", Head: "WTRS"},
				{Name: "epri", Head: "EPRI"}, {Name: "inheritor", Head: "ITOR"}, {Name: "prioinv", Head: "PRIOINV"}}}},
	}
}

// sobjWalkers are their walkers.
func sobjWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "blocked", Descr: "walk threads blocked on a given sobj", Addr: core.AddrRequired, Type: "kthread_t", Walk: walkBlocked},
		{Name: "wchan", Descr: "given a wchan, list of blocked threads", Addr: core.AddrOptional, Walk: walkWchan},
	}
}

// sobjTypes are the types of synchronization objects that threads block on, and the
// operations that t_sobj_ops points to.
var sobjTypes = []struct {
	typ  int64
	name string
	ops  string
}{
	{1, "mutex", "mutex_sobj_ops"},
	{2, "rwlock", "rw_sobj_ops"},
	{3, "cv", "cv_sobj_ops"},
	{4, "sema", "sema_sobj_ops"},
	{5, "user", "lwp_sobj_ops"},
	{6, "user_pi", "lwp_sobj_pi_ops"},
	{7, "shuttle", "shuttle_sobj_ops"},
}

const (
	sobjCV   = 3
	sobjSema = 4
)

// sobjText names the type of what t_sobj_ops points to.
func (v *view) sobjText(ops uint64) string {
	if ops == 0 {
		return "<none>"
	}
	typ, err := v.sobjType(ops)
	if err != nil {
		return "??"
	}
	if typ == 0 {
		return "<none>"
	}
	for _, s := range sobjTypes {
		if s.typ == typ {
			return s.name
		}
	}
	return fmt.Sprintf("<unk:%02x>", uint64(typ))
}

// sobjType is the sobj_type of a sobj_ops_t.
func (v *view) sobjType(ops uint64) (int64, error) {
	t, err := v.member("sobj_ops_t", "sobj_type", ops)
	return int64(int32(t)), err
}

// maxSPL is the highest interrupt level: PIL_MAX.
const maxSPL = 15

// runMutex prints a mutex. A spin lock has 0xff in its first byte, where an adaptive
// one has bits of its owner's address.
func runMutex(c *core.Ctx) error {
	v := viewOf(c)
	c.Head()
	word, err := v.ptr(c.Addr)
	if err != nil {
		return c.Warn(err, "failed to read mutex at 0x%0?p", c.Addr)
	}
	if word&0xff != 0xff {
		owner, waiters := word&^7, word&1 != 0
		// Bits 1 and 2 together mean a mutex that was destroyed.
		if !c.Opt('f') && (word&6 != 0 || owner == 0 && waiters) {
			c.Warnf("%a: invalid adaptive mutex (-f to dump anyway)\n", c.Addr)
			return core.ErrFailed
		}
		held := any("no")
		if owner != 0 {
			held = hexText(c, owner)
		}
		c.Row(out.Addr(c.Addr), "adapt", held, "-", "-", yesNo(waiters))
		return nil
	}
	var m struct {
		Lock   uint64 `ctf:"m_spin.m_spinlock"`
		Filler uint64 `ctf:"m_spin.m_filler"`
		Old    uint64 `ctf:"m_spin.m_oldspl"`
		Min    uint64 `ctf:"m_spin.m_minspl"`
	}
	if err := v.load("mutex_impl_t", c.Addr, &m); err != nil {
		return c.Warn(err, "failed to read mutex at 0x%0?p", c.Addr)
	}
	if !c.Opt('f') && (m.Filler != 0 || m.Min > maxSPL || m.Old > maxSPL || m.Lock != 0 && m.Lock != 0xff) {
		c.Warnf("%a: invalid spin lock (-f to dump anyway)\n", c.Addr)
		return core.ErrFailed
	}
	if m.Lock == 0xff {
		c.Row(out.Addr(c.Addr), "spin", "yes", fmt.Sprint(m.Min), fmt.Sprint(m.Old), "-")
	} else {
		c.Row(out.Addr(c.Addr), "spin", "no", fmt.Sprint(m.Min), "-", "-")
	}
	return nil
}

// hexText is an address in a column that also has words.
func hexText(c *core.Ctx, a uint64) any {
	if c.Opts.JSON {
		return out.Addr(a)
	}
	return fmt.Sprintf("%x", a)
}

// turnstileInfo is a turnstile_t.
type turnstileInfo struct {
	Next      uint64 `ctf:"ts_next"`
	Sobj      uint64 `ctf:"ts_sobj"`
	Waiters   int64  `ctf:"ts_waiters"`
	EPri      int64  `ctf:"ts_epri"`
	Inheritor uint64 `ctf:"ts_inheritor"`
	PrioInv   uint64 `ctf:"ts_prioinv"`
}

func runTurnstile(c *core.Ctx) error {
	return perAddress(namedWalk("turnstile_cache"), func(c *core.Ctx, v *view, addr uint64) error {
		c.Head()
		var t turnstileInfo
		if err := v.load("turnstile_t", addr, &t); err != nil {
			return c.Warn(err, "can't read turnstile_t at %p", addr)
		}
		c.Row(out.Addr(addr), out.Addr(t.Sobj), t.Waiters, t.EPri, out.Addr(t.Inheritor), out.Addr(t.PrioInv))
		return nil
	})(c)
}

// namedWalk walks by a walker that another part of the debugger registers, such as
// those of kmem caches.
func namedWalk(name string) func(*core.Ctx, *view) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] { return walkOf(c, name, 0) }
}

// Of the turnstile hash table: the first half is for user-level locks with priority
// inheritance.
const turnstileHash = 128

// runSobj2ts finds the turnstile of a lock.
func runSobj2ts(c *core.Ctx) error {
	v := viewOf(c)
	upi, err := v.symbol("genunix", "upimutextab")
	if err != nil {
		return c.Warn(err, "unable to reference upimutextab")
	}
	table, err := v.address("genunix", "turnstile_table")
	if err != nil {
		return c.Warn(err, "unable to reference turnstile_table")
	}
	index := uint64(turnstileHash)
	if c.Addr-upi.Value < upi.Size {
		index = 0
	}
	a := uint32(c.Addr) // the kernel's macro casts to int
	index += uint64(uint32(int32(a)>>2+int32(a)>>9) & (turnstileHash - 1))
	size, err := v.size("turnstile_chain_t")
	if err != nil {
		size = 16 // declared in turnstile.c, perhaps without a type
	}
	first, err := v.ptr(table + index*size)
	if err != nil {
		return c.Warn(err, "unable to read turnstile_chain_t at %#lx", table+index*size)
	}
	for ts, err := range v.chain("turnstile_t", "turnstile_t", "ts_next", first) {
		if err != nil {
			return err
		}
		sobj, err := v.member("turnstile_t", "ts_sobj", ts)
		if err != nil {
			return badRead("turnstile_t", ts, err)
		}
		if sobj == c.Addr {
			emitAddr(c, ts, "turnstile_t")
			return nil
		}
	}
	return nil
}

// walkBlocked walks the threads that wait in the turnstile of an object.
func walkBlocked(c *core.Ctx, sobj mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return v.elems("kthread_t", func(yield func(uint64, error) bool) {
		for a, err := range v.allThreads() {
			var ts turnstileInfo
			if err == nil {
				var at uint64
				if at, err = v.member("kthread_t", "t_ts", a); err == nil {
					if err = v.load("turnstile_t", at, &ts); err != nil {
						err = fmt.Errorf("couldn't read %x's turnstile at %x: %s", a, at, core.Reason(err))
					}
				}
			}
			if err != nil {
				yield(0, err)
				return
			}
			if ts.Waiters == 0 || ts.Sobj != uint64(sobj) {
				continue
			}
			// Threads that wait for something else may hold on to the turnstile they lent.
			if w, err := v.member("kthread_t", "t_lwpchan.lc_wchan", a); err == nil && w != uint64(sobj) {
				continue
			}
			if !yield(a, nil) {
				return
			}
		}
	})
}

// Values of NSLEEPQ: of the kernels of today, and of those before, which hash otherwise.
const (
	sleepQueues    = 2048
	oldSleepQueues = 512
)

// sleepQueueCount is how many sleep queues the kernel has: heads in sleepq_head.
func (v *view) sleepQueueCount() uint64 {
	m, err := v.symbol("genunix", "sleepq_head")
	size, serr := v.size("sleepq_head_t")
	if err == nil && serr == nil && size != 0 && m.Size/size == oldSleepQueues {
		return oldSleepQueues
	}
	return sleepQueues
}

// sleepIndex is SQHASHINDEX: the sleep queue of an object, of so many.
func sleepIndex(a, queues uint64) uint64 {
	if queues == oldSleepQueues {
		return uint64(uint32(a)>>2+uint32(a)>>9) & (queues - 1)
	}
	return (a>>2 ^ a>>13 ^ a>>24) & (queues - 1)
}

// walkWchan walks the threads that wait for an object, or all objects that threads
// on sleep queues wait for.
func walkWchan(c *core.Ctx, wchan mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	if has {
		return v.elems("kthread_t", v.waiters(uint64(wchan)))
	}
	return v.elems("", v.wchans())
}

// sleepQueue walks the threads on a sleep queue.
func (v *view) sleepQueue(index uint64) iter.Seq2[uint64, error] {
	heads, err := v.address("genunix", "sleepq_head")
	size := uint64(0)
	if err == nil {
		size, err = v.size("sleepq_head_t")
	}
	if err != nil {
		return noWalk[uint64](fmt.Errorf("failed to read sleepq: %w", err))
	}
	first, err := v.member("sleepq_head_t", "sq_queue.sq_first", heads+index*size)
	if err != nil {
		return noWalk[uint64](badRead("sleepq_head_t", heads+index*size, err))
	}
	return v.chain("thread", "kthread_t", "t_link", first)
}

// waiters walks the threads on an object's sleep queue that wait for it.
func (v *view) waiters(wchan uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		for a, err := range v.sleepQueue(sleepIndex(wchan, v.sleepQueueCount())) {
			w := uint64(0)
			if err == nil {
				w, err = v.member("kthread_t", "t_lwpchan.lc_wchan", a)
			}
			if err == nil && w == 0 {
				return // it has woken up: its link means nothing
			}
			if err != nil || w == wchan {
				if !yield(a, err) || err != nil {
					return
				}
			}
		}
	}
}

// wchans walks what threads on sleep queues wait for, each once.
func (v *view) wchans() iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		for i := range v.sleepQueueCount() {
			var seen []uint64
			for a, err := range v.sleepQueue(i) {
				w := uint64(0)
				if err == nil {
					w, err = v.member("kthread_t", "t_lwpchan.lc_wchan", a)
				}
				if err != nil {
					yield(0, err)
					return
				}
				if w == 0 {
					break
				}
				if slices.Contains(seen, w) {
					continue
				}
				seen = append(seen, w)
				if !yield(w, nil) {
					return
				}
			}
		}
	}
}

func runWchaninfo(c *core.Ctx) error {
	v := viewOf(c)
	if !c.Opts.JSON && !c.PipeOut {
		if c.Opt('v') {
			c.Printf("%-?s %-4s %8s   %-?s %s\n", "ADDR", "TYPE", "NWAITERS", "THREAD", "PROC")
		} else {
			c.Printf("%-?s %-4s %8s\n", "ADDR", "TYPE", "NWAITERS")
		}
	}
	if c.HasAddr {
		return showWchan(c, v, c.Addr)
	}
	for a, err := range v.wchans() {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if err := showWchan(c, v, a); err != nil {
			return err
		}
	}
	return nil
}

func showWchan(c *core.Ctx, v *view, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, nil)
		return nil
	}
	var threads []uint64
	kind := "??"
	for a, err := range v.waiters(addr) {
		if err != nil {
			return err
		}
		threads = append(threads, a)
		if kind != "??" {
			continue
		}
		if ops, err := v.member("kthread_t", "t_sobj_ops", a); err == nil {
			switch typ, _ := v.sobjType(ops); typ {
			case sobjCV:
				kind = "cond"
			case sobjSema:
				kind = "sema"
			}
		}
	}
	list := out.List{}
	for _, a := range threads {
		list = append(list, out.Addr(a))
	}
	c.Record(func() {
		c.Printf("%0?p %4s %8d", addr, kind, len(threads))
		if !c.Opt('v') || len(threads) == 0 {
			c.Printf("\n")
			return
		}
		for i, a := range threads {
			_, comm, err := v.priComm(a)
			if err != nil {
				c.Fail(err)
				comm = "?"
			}
			if i == 0 {
				c.Printf(":  %0?p %s\n", a, comm)
			} else {
				c.Printf("%*s%0?p %s\n", 2*8+17, "", a, comm)
			}
		}
	}, out.Field{Name: "addr", Value: out.Addr(addr)}, out.Field{Name: "type", Value: kind},
		out.Field{Name: "nwaiters", Value: len(threads)}, out.Field{Name: "threads", Value: list})
	return nil
}
