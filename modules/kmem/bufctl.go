package kmem

import (
	"encoding/binary"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// auditLayout is how the release lays out kmem_bufctl_audit_t.
type auditLayout struct {
	Size     uint64       `ctf:"sizeof"`
	Addr     kernel.Field `ctf:"bc_addr"`
	Slab     kernel.Field `ctf:"bc_slab"`
	Cache    kernel.Field `ctf:"bc_cache"`
	Time     kernel.Field `ctf:"bc_timestamp"`
	Thread   kernel.Field `ctf:"bc_thread"`
	Lastlog  kernel.Field `ctf:"bc_lastlog"`
	Contents kernel.Field `ctf:"bc_contents"`
	Depth    kernel.Field `ctf:"bc_depth"`
	Stack    kernel.Field `ctf:"bc_stack"`
}

// record is a kmem_bufctl_audit_t: a transaction on a buffer.
type record struct {
	addr, buf, slab, cache uint64
	time, thread           uint64
	lastlog, contents      uint64
	stack                  []uint64
}

func (r *record) take(l *auditLayout, addr uint64, b []byte) {
	*r = record{addr: addr, buf: l.Addr.Of(b), slab: l.Slab.Of(b), cache: l.Cache.Of(b), time: l.Time.Of(b), thread: l.Thread.Of(b),
		lastlog: l.Lastlog.Of(b), contents: l.Contents.Of(b)}
	// A wrong depth is that of something else than a bufctl.
	depth := min(l.Depth.Of(b), l.Stack.Size/8)
	if int32(l.Depth.Of(b)) < 0 {
		depth = 0
	}
	for i := range depth {
		r.stack = append(r.stack, binary.LittleEndian.Uint64(b[l.Stack.Off+8*i:]))
	}
}

func readRecord(v *kernel.View, addr uint64) (*record, error) {
	l, err := kernel.Lay[auditLayout](v, "kmem_bufctl_audit_t")
	if err != nil {
		return nil, err
	}
	b, err := v.Bytes(addr, l.Size, nil)
	if err != nil {
		return nil, kernel.BadRead("bufctl", addr, err)
	}
	r := new(record)
	r.take(l, addr, b)
	return r, nil
}

// whoFilter is what of transactions ::bufctl and ::vmem_seg were asked for.
type whoFilter struct {
	callers        bool
	low, high      uint64 // return addresses
	thread         uint64
	earliest, last uint64
}

func whoFilterOf(c *core.Ctx) whoFilter {
	var f whoFilter
	f.thread, _ = c.OptUint('t')
	f.earliest, _ = c.OptUint('e')
	f.last, _ = c.OptUint('l')
	if pc, _ := c.OptUint('c'); pc != 0 {
		f.callers, f.low, f.high = true, pc, pc+8
		// A function's own address stands for all of it.
		if m, err := c.Namespace().LookupAddr(pc, ^uint64(0)); err == nil && m.Value == pc {
			f.high = pc + m.Size
		}
	}
	return f
}

func (f *whoFilter) none() bool { return !f.callers && f.thread == 0 && f.earliest == 0 && f.last == 0 }

func (f *whoFilter) wants(thread, time uint64, stack []uint64) bool {
	in := !f.callers
	for _, pc := range stack {
		in = in || pc >= f.low && pc < f.high
	}
	return in && (f.thread == 0 || thread == f.thread) && (f.earliest == 0 || int64(time) >= int64(f.earliest)) &&
		(f.last == 0 || int64(time) <= int64(f.last))
}

func runBufctl(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := kernel.Of(c.Session)
	if !c.Opt('h') {
		bufctlHead(c, c.Opt('v'), c.Header())
		r, err := readRecord(v, c.Addr)
		if err != nil {
			return err
		}
		showBufctl(c, v, r)
		return nil
	}
	first := true
	for r, err := range history(v, c.Addr) {
		if err != nil {
			c.Fail(err)
			c.Warnf("unable to walk bufctl_history")
			return core.ErrFailed
		}
		bufctlHead(c, c.Opt('v'), first && !c.PipeOut)
		showBufctl(c, v, r)
		first = false
	}
	if !c.PipeOut && !c.Opts.JSON {
		c.Printf("\n")
	}
	return nil
}

func bufctlHead(c *core.Ctx, verbose, due bool) {
	switch {
	case !due || c.Opts.JSON:
	case verbose:
		c.Printf("%16s %16s %16s %16s\n%<u>%16s %16s %16s %16s%</u>\n", "ADDR", "BUFADDR", "TIMESTAMP", "THREAD",
			"", "CACHE", "LASTLOG", "CONTENTS")
	default:
		c.Printf("%<u>%-?s %-?s %-12s %-?s %s%</u>\n", "ADDR", "BUFADDR", "TIMESTAMP", "THREAD", "CALLER")
	}
}

// showBufctl prints or emits a transaction if it is wanted.
func showBufctl(c *core.Ctx, v *kernel.View, r *record) {
	f := whoFilterOf(c)
	if buf, _ := c.OptUint('a'); buf != 0 && r.buf != buf || !f.wants(r.thread, r.time, r.stack) {
		return
	}
	if c.PipeOut {
		c.Emit(r.addr, v.TypeOrNil("kmem_bufctl_audit_t"))
		return
	}
	c.Record(func() { printBufctl(c, r, c.Opt('v')) },
		out.Field{Name: "addr", Value: out.Hex(r.addr)}, out.Field{Name: "bufaddr", Value: out.Hex(r.buf)},
		out.Field{Name: "timestamp", Value: out.Hex(r.time)}, out.Field{Name: "thread", Value: out.Hex(r.thread)},
		out.Field{Name: "cache", Value: out.Hex(r.cache)}, out.Field{Name: "lastlog", Value: out.Hex(r.lastlog)},
		out.Field{Name: "contents", Value: out.Hex(r.contents)}, out.Field{Name: "stack", Value: stackList(c, r.stack)})
}

// printBufctl prints a transaction as ::bufctl does.
func printBufctl(c *core.Ctx, r *record, verbose bool) {
	if verbose {
		c.Printf("%<b>%16p%</b> %16p %16llx %16p\n%16s %16p %16p %16p\n", r.addr, r.buf, r.time, r.thread,
			"", r.cache, r.lastlog, r.contents)
		printStack(c, r.stack)
		c.Printf("\n")
		return
	}
	c.Printf("%0?p %0?p %12llx %0?p", r.addr, r.buf, r.time, r.thread)
	if pc := caller(c, r.stack, "kmem_", false); pc != 0 {
		c.Printf(" %a", pc)
	}
	c.Printf("\n")
}

// history walks the transactions on a buffer, the last first, as far as the log has
// them: each record leads to the one before.
func history(v *kernel.View, ctl uint64) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		base, err := readRecord(v, ctl)
		if err != nil {
			yield(nil, err)
			return
		}
		at := ctl
		// The last transaction may be in the log, too.
		if l, err := readRecord(v, base.lastlog); base.lastlog != 0 && err == nil && l.buf == base.buf && l.cache == base.cache &&
			l.slab == base.slab && l.time == base.time && l.thread == base.thread {
			at = base.lastlog
		}
		for last := uint64(0); at != 0; {
			r, err := readRecord(v, at)
			if err != nil {
				yield(nil, err)
				return
			}
			// Times go down: a log that was written over ends the history.
			if r.buf != base.buf || r.cache != base.cache || r.slab != base.slab || last != 0 && int64(r.time) >= int64(last) {
				return
			}
			if !yield(r, nil) {
				return
			}
			last, at = r.time, r.lastlog
			if last == 0 {
				return
			}
		}
	}
}

func walkHistory(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := kernel.Of(c.Session)
	return elems(v, "kmem_bufctl_audit_t", history(v, uint64(start)), func(r *record) uint64 { return r.addr })
}
