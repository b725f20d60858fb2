package genunix

import (
	"errors"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

var threadlistTable = &core.Table{
	Head: "%<u>%?s %?s %?s %s%</u>\n", Line: "%0?p %?p %?p %s\n", Type: "kthread_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "proc", Head: "PROC"}, {Name: "lwp", Head: "LWP"}, {Name: "descr", Head: "CMD/LWPID"}},
}

var threadlistVerbose = &core.Table{
	Head: "%<u>%?s %?s %?s %3s %3s %?s%</u>\n", Line: "%0?p %?p %?p %3u %3d %?p\n", Type: "kthread_t",
	Cols: []core.Field{
		{Name: "addr", Head: "ADDR"}, {Name: "proc", Head: "PROC"}, {Name: "lwp", Head: "LWP"},
		{Name: "cls", Head: "CLS"}, {Name: "pri", Head: "PRI"}, {Name: "wchan", Head: "WCHAN"},
	},
}

func runThreadlist(c *core.Ctx) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && !c.Opt('v') {
		return core.ErrUsage
	}
	count := uint64(0)
	if len(c.Args) == 1 {
		var err error
		if count, err = number(c, c.Args[0]); err != nil {
			return err
		}
	}
	withTable(c, threadlistTable)
	if c.Opt('v') {
		withTable(c, threadlistVerbose)
	}
	return perAddress(allThreads, func(c *core.Ctx, v *view, addr uint64) error {
		return listThread(c, v, addr, count)
	})(c)
}

// number reads an argument by the session's radix.
func number(c *core.Ctx, a core.Arg) (uint64, error) {
	if a.IsImm {
		return a.Imm, nil
	}
	return c.Strtoull(a.Str)
}

func listThread(c *core.Ctx, v *view, addr, count uint64) error {
	c.Head()
	t, err := v.thread(addr)
	if err != nil {
		return c.Warn(err, "failed to read kthread_t at %p", addr)
	}
	if c.Opt('t') && t.TaskQ != 0 || t.State == stateFree {
		return nil
	}
	if !c.Opt('v') {
		descr, err := v.describe(c, t)
		if err != nil {
			return err
		}
		c.Row(out.Addr(addr), out.Addr(t.Proc), out.Addr(t.LWP), descr)
		return nil
	}
	c.Row(out.Addr(addr), out.Addr(t.Proc), out.Addr(t.LWP), uint32(t.Class), t.Pri, out.Addr(t.WChan))
	if c.PipeOut || c.Opts.JSON {
		return nil
	}
	old := c.P.IncIndent(2)
	defer func() {
		c.P.EndLine()
		c.P.SetMargin(old)
		c.Printf("\n")
	}()
	c.Printf("PC: %a\n", t.PC)
	err = printFoundStack(c, v, addr, func(sp uint64) error {
		return c.Session.Eval.Call(c, "$c", sp, true, core.Arg{IsImm: true, Imm: count})
	})
	if errors.Is(err, core.ErrFailed) {
		return nil // the list goes on, as MDB's does
	}
	return err
}

// stackPattern fills the stacks of new threads when kmem_stackinfo is set:
// KMEM_STKINFO_PATTERN, of sys/kmem_impl.h.
const stackPattern = 0xbadcbadcbadcbadc

// maxStackSize is the largest stack that is believed, bytes.
const maxStackSize = 1 << 20

var stackinfoTable = &core.Table{
	Head: "%<u>%?s%</u> %<u>%?s%</u>%<u>%s%s%s%s%</u>\n", Line: "%0?p %0?p %6x %3d%% %4s %s\n", Type: "kthread_t",
	Cols: []core.Field{
		{Name: "thread", Head: "THREAD"}, {Name: "stack", Head: "STACK"}, {Name: "size", Head: "   SIZE"},
		{Name: "cur", Head: "  CUR"}, {Name: "max", Head: "  MAX"}, {Name: "lwp", Head: " LWP"},
	},
}

func runStackinfo(c *core.Ctx) error {
	v := viewOf(c)
	pattern, err := v.variable("genunix", "kmem_stackinfo")
	if err != nil {
		c.Warnf("failed to read 'kmem_stackinfo'\n")
	}
	if c.Opt('h') {
		return stackHistory(c, v, pattern != 0)
	}
	if pattern == 0 && c.Header() && !c.Opts.JSON {
		c.Printf("Tunable kmem_stackinfo is unset, MAX value is not available.\nUse ::help stackinfo for more details.\n")
	}
	withTable(c, stackinfoTable)
	return perAddress(allThreads, func(c *core.Ctx, v *view, addr uint64) error {
		return stackUse(c, v, addr, pattern != 0)
	})(c)
}

// stackUse is the row of ::stackinfo for one thread.
func stackUse(c *core.Ctx, v *view, addr uint64, filled bool) error {
	c.Head()
	t, err := v.thread(addr)
	if err != nil {
		return c.Warn(err, "can't read kthread_t at %#lx", addr)
	}
	if t.State == stateFree && !c.Opt('a') {
		return nil
	}
	base, top := min(t.StkBase, t.Stk), max(t.StkBase, t.Stk)
	if top <= base || top-base > maxStackSize {
		c.Warnf("thread %p: t_stk/t_stkbase problem\n", addr)
		return core.ErrFailed
	}
	descr, err := v.describe(c, t)
	if err != nil {
		return err
	}
	most := "n/a"
	if filled {
		p, err := v.stackHighWater(base, top)
		if err != nil {
			return c.Warn(err, "couldn't read entire stack of thread %p", addr)
		}
		if first, _ := v.variable("genunix", "allthreads"); p != 0 && addr != first {
			most = out.Sprintf(nil, "%3d%%", p)
		}
	}
	c.Row(out.Addr(addr), out.Addr(base), out.Hex(top-base), stackPercent(t.Stk, t.StkBase, t.SP), most, descr)
	return nil
}

// stackHighWater is how much of a stack was ever used, percent; 0 if it never was.
func (v *view) stackHighWater(base, top uint64) (uint64, error) {
	base, top = (base+7)&^7, top&^7
	b := make([]byte, top-base)
	if err := mem.ReadFull(v.w.Space, b, mem.Addr(base)); err != nil {
		return 0, err
	}
	const loaded = 6 * 8 // what thread_load puts there before the thread ever runs
	end := uint64(len(b)) - min(loaded, uint64(len(b)))
	for off := uint64(0); off < end; off += 8 {
		if mem.Uint(b[off:off+8], v.w.Order) != stackPattern {
			return stackPercent(end, 0, off), nil
		}
	}
	return 0, nil
}

// stackPercent is the part of a stack from its top that a stack pointer has behind
// it, rounded up as MDB does.
func stackPercent(top, base, sp uint64) uint64 {
	if top <= base { // grows up
		switch {
		case sp < top:
			return 0
		case sp > base:
			return 100
		}
		return min(100*(sp-top+1)/(base-top+1)+1, 100)
	}
	switch {
	case sp > top:
		return 0
	case sp < base:
		return 100
	}
	return min(100*(top-sp+1)/(top-base+1)+1, 100)
}

// stackLogSize is KMEM_STKINFO_LOG_SIZE, entries.
const stackLogSize = 16

var stackHistoryTable = &core.Table{
	Head: "%<u>%?s%</u> %<u>%?s%</u>%<u>%s%s%s%</u>\n", Line: "%0?p %0?p %6x %3d%% %s\n",
	Cols: []core.Field{
		{Name: "thread", Head: "THREAD"}, {Name: "stack", Head: "STACK"}, {Name: "size", Head: "   SIZE"},
		{Name: "max", Head: "  MAX"}, {Name: "lwp", Head: " LWP"},
	},
}

func stackHistory(c *core.Ctx, v *view, filled bool) error {
	withTable(c, stackHistoryTable)
	if !c.Opts.JSON && !c.PipeOut {
		c.Printf("Dead kthreads stack usage history:\n")
		if !filled {
			c.Printf("Tunable kmem_stackinfo is unset, history feature is off.\nUse ::help stackinfo for more details.\n")
			return nil
		}
	}
	c.Head()
	log, err := v.variable("genunix", "kmem_stkinfo_log")
	if err != nil || log == 0 {
		return err
	}
	t, err := v.typ("kmem_stkinfo_t")
	if err != nil {
		return err
	}
	for i := range uint64(stackLogSize) {
		var e struct {
			Thread  uint64 `ctf:"kthread"`
			Start   uint64 `ctf:"start"`
			Size    uint64 `ctf:"stksz"`
			Percent uint64 `ctf:"percent"`
			Tid     int64  `ctf:"t_tid"`
			StartPC uint64 `ctf:"t_startpc"`
			Cmd     string `ctf:"cmd"`
		}
		at := log + i*v.w.Size(t)
		if err := v.load("kmem_stkinfo_t", at, &e); err != nil {
			return c.Warn(err, "failed to read %p", at)
		}
		if e.Thread == 0 {
			continue
		}
		descr := out.Sprintf(c.OutEnv(), "%a()", e.StartPC)
		if e.Tid != 0 {
			descr = out.Sprintf(nil, "%s/%u", e.Cmd, uint32(e.Tid))
		}
		c.Row(out.Addr(e.Thread), out.Addr(e.Start), out.Hex(e.Size), e.Percent, descr)
	}
	return nil
}

// runDid2thread finds a thread by its t_did.
func runDid2thread(c *core.Ctx) error {
	if len(c.Args) != 1 {
		return core.ErrUsage
	}
	want, err := number(c, c.Args[0])
	if err != nil {
		return err
	}
	return matchThreads(c, want, true, "t_did")
}

// runTSDtoThread finds the threads whose t_tsd is the address.
func runTSDtoThread(c *core.Ctx) error {
	if c.Addr == 0 || len(c.Args) != 0 {
		return core.ErrUsage
	}
	return matchThreads(c, c.Addr, false, "t_tsd")
}

// matchThreads prints the threads in which a member has a value; only the first if
// there can be no other.
func matchThreads(c *core.Ctx, want uint64, one bool, member string) error {
	v := viewOf(c)
	for a, err := range v.allThreads() {
		if err != nil {
			return err
		}
		got, err := v.member("kthread_t", member, a)
		if err != nil {
			return badRead("thread", a, err)
		}
		if got == want {
			emitAddr(c, a, "kthread_t")
			if one {
				break
			}
		}
	}
	return nil
}

// emitAddr prints an address as MDB's %p does, or puts it into the pipe.
func emitAddr(c *core.Ctx, a uint64, typ string) {
	if c.PipeOut {
		t, _ := viewOf(c).typ(typ)
		c.Emit(a, t)
		return
	}
	c.Record(func() { c.Printf("%p\n", a) }, out.Field{Name: "addr", Value: out.Addr(a)})
}

// runTSD prints a thread's value of a key.
func runTSD(c *core.Ctx) error {
	key, _ := c.OptUint('v')
	if key == 0 || len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := viewOf(c)
	tsd, err := v.member("kthread_t", "t_tsd", c.Addr)
	if err != nil {
		return c.Warn(err, "failed to read thread at %p", c.Addr)
	}
	val := uint64(0)
	if tsd != 0 {
		var ts struct {
			N     uint64 `ctf:"ts_nkeys"`
			Value uint64 `ctf:"ts_value"`
		}
		if err := v.load("struct tsd_thread", tsd, &ts); err != nil {
			return c.Warn(err, "failed to read tsd at %p", tsd)
		}
		if key <= ts.N {
			at := ts.Value + (key-1)*uint64(c.Arch().PtrSize)
			if val, err = v.ptr(at); err != nil {
				return c.Warn(err, "failed to read t->t_tsd[%d] at %p", key-1, at)
			}
		}
	}
	if val != 0 || !c.PipeIn {
		emitAddr(c, val, "")
	}
	return nil
}

// walkTSD walks the list of all threads' specific data.
func walkTSD(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	first := uint64(start)
	if !has {
		var err error
		if first, err = v.variable("genunix", "tsd_list"); err != nil {
			return viewOf(c).elems("struct tsd_thread", noWalk[uint64](err))
		}
	}
	return viewOf(c).elems("struct tsd_thread", v.chain("tsd_list", "struct tsd_thread", "ts_next", first))
}
