package libumem

import (
	"fmt"
	"iter"
	"sort"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// audit is a umem_bufctl_audit_t with its stack.
type audit struct {
	at        uint64
	Addr      uint64 `ctf:"bc_addr"`
	Slab      uint64 `ctf:"bc_slab"`
	Cache     uint64 `ctf:"bc_cache"`
	Timestamp int64  `ctf:"bc_timestamp"`
	Thread    uint32 `ctf:"bc_thread"`
	LastLog   uint64 `ctf:"bc_lastlog"`
	Contents  uint64 `ctf:"bc_contents"`
	Depth     int32  `ctf:"bc_depth"`
	stack     []uint64
}

// auditAt reads an audit record. Its depth is not believed beyond umem_stack_depth.
func (u *umem) auditAt(at uint64) (*audit, error) {
	b := &audit{at: at}
	if err := u.load("umem_bufctl_audit_t", at, b); err != nil {
		return nil, err
	}
	off, err := u.offset("umem_bufctl_audit_t", "bc_stack")
	if err != nil {
		return nil, err
	}
	if n := min(max(int64(b.Depth), 0), int64(u.depth)); n > 0 {
		if b.stack, err = u.words(at+off, uint64(n)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// auditSize is the size of an audit record, bytes.
func (u *umem) auditSize() (uint64, error) {
	off, err := u.offset("umem_bufctl_audit_t", "bc_stack")
	return off + uint64(u.depth)*u.ptr, err
}

// history walks the records of a buffer's transactions, the last one first. A record
// counts only if it is of the same buffer and older than the one before it.
func (u *umem) history(at uint64) iter.Seq2[*audit, error] {
	return func(yield func(*audit, error) bool) {
		first, err := u.auditAt(at)
		if err != nil {
			yield(nil, fmt.Errorf("unable to read bufctl at %x: %w", at, err))
			return
		}
		next := at
		// The first log entry may be what the bufctl itself says.
		if l, err := u.auditAt(first.LastLog); first.LastLog != 0 && err == nil && l.same(first) && l.Timestamp == first.Timestamp && l.Thread == first.Thread {
			next = first.LastLog
		}
		last := int64(0)
		for next != 0 {
			b, err := u.auditAt(next)
			if err != nil {
				yield(nil, fmt.Errorf("unable to read bufctl at %x: %w", next, err))
				return
			}
			if !b.same(first) || last != 0 && b.Timestamp >= last {
				return
			}
			if !yield(b, nil) {
				return
			}
			next, last = b.LastLog, b.Timestamp
		}
	}
}

func (b *audit) same(o *audit) bool {
	return b.Addr == o.Addr && b.Cache == o.Cache && b.Slab == o.Slab
}

// ownCode tells that an address is in a function of libumem whose name begins with
// prefix.
func (u *umem) ownCode(pc uint64, prefix string) bool {
	m, err := u.s.Namespace().LookupAddr(pc, u.s.Opts.SymDist)
	return err == nil && m.Object != nil && strings.HasPrefix(m.Object.Name, "libumem") && strings.HasPrefix(m.Name, prefix)
}

// known tells that a symbol stands for an address.
func (u *umem) known(pc uint64) (sym.Match, bool) {
	m, err := u.s.Namespace().LookupAddr(pc, u.s.Opts.SymDist)
	return m, err == nil
}

// caller gives the first address of a stack that has a symbol and is not in libumem's
// functions of the prefix.
func (u *umem) caller(stack []uint64, prefix string) (uint64, bool) {
	for _, pc := range stack {
		if _, ok := u.known(pc); ok && !u.ownCode(pc, prefix) {
			return pc, true
		}
	}
	return 0, false
}

// filter is what ::bufctl and ::vmem_seg select records by.
type filter struct {
	u                *umem
	low, high        uint64 // of addresses in the stack; high 0 is any
	thread, buf      uint64
	earliest, latest uint64
}

// newFilter reads the options -c -t -e -l. A caller that is a function's address
// stands for all of the function.
func (u *umem) newFilter(c *core.Ctx) *filter {
	f := &filter{u: u}
	if caller, ok := c.OptUint('c'); ok && caller != 0 {
		f.low, f.high = caller, caller+u.ptr
		if m, ok := u.known(caller); ok && m.Value == caller {
			f.high = caller + m.Size
		}
	}
	f.thread, _ = c.OptUint('t')
	f.earliest, _ = c.OptUint('e')
	f.latest, _ = c.OptUint('l')
	return f
}

func (f *filter) any() bool { return f.high != 0 || f.thread != 0 || f.earliest != 0 || f.latest != 0 }

func (f *filter) takes(stack []uint64, thread uint64, when int64) bool {
	if f.high != 0 {
		found := false
		for _, pc := range stack {
			found = found || pc >= f.low && pc < f.high
		}
		if !found {
			return false
		}
	}
	return (f.thread == 0 || thread == f.thread) && (f.earliest == 0 || uint64(when) >= f.earliest) && (f.latest == 0 || uint64(when) <= f.latest)
}

func runBufctl(c *core.Ctx) error {
	if len(c.Args) != 0 || c.Opt('H') && !c.Opt('h') {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	f := u.newFilter(c)
	f.buf, _ = c.OptUint('a')
	if !c.Opt('h') {
		return u.showBufctl(c, f, c.Addr, c.Opt('v'), c.Header())
	}
	first := true
	for b, err := range u.history(c.Addr) {
		if err != nil {
			c.Warnf("%s", err.Error())
			return c.Warn(err, "unable to walk bufctl_history")
		}
		if err := u.showBufctl(c, f, b.at, c.Opt('v'), first && !c.PipeOut); err != nil {
			return err
		}
		first = false
	}
	if !c.PipeOut && !c.Opts.JSON {
		c.Printf("\n")
	}
	return nil
}

func runBufctlAudit(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	return u.showBufctl(c, &filter{u: u}, c.Addr, true, c.Header())
}

// stackIndent is how far ::bufctl -v and ::vmem_seg -v indent stacks.
const stackIndent = 17

func (u *umem) showBufctl(c *core.Ctx, f *filter, at uint64, verbose, header bool) error {
	if header && !c.PipeOut && !c.Opts.JSON {
		if verbose {
			c.Printf("%16s %16s %16s %16s\n%<u>%16s %16s %16s %16s%</u>\n",
				"ADDR", "BUFADDR", "TIMESTAMP", "THREAD", "", "CACHE", "LASTLOG", "CONTENTS")
		} else {
			c.Printf("%<u>%-?s %-?s %-12s %5s %s%</u>\n", "ADDR", "BUFADDR", "TIMESTAMP", "THRD", "CALLER")
		}
	}
	b, err := u.auditAt(at)
	if err != nil {
		return c.Warn(mem.Reason(err), "couldn't read bufctl at %p", at)
	}
	if !f.takes(b.stack, uint64(b.Thread), b.Timestamp) || f.buf != 0 && b.Addr != f.buf {
		return nil
	}
	if c.PipeOut {
		t, _ := u.typ("umem_bufctl_audit_t")
		c.Emit(at, t)
		return nil
	}
	c.Record(func() {
		if verbose {
			u.printAudit(c, b)
			return
		}
		c.Printf("%0?p %0?p %12llx %5d", at, b.Addr, b.Timestamp, b.Thread)
		if pc, ok := u.caller(b.stack, "umem_"); ok {
			c.Printf(" %a", pc)
		}
		c.Printf("\n")
	}, auditFields(b)...)
	return nil
}

func (u *umem) printAudit(c *core.Ctx, b *audit) {
	c.Printf("%<b>%16p%</b> %16p %16llx %16d\n%16s %16p %16p %16p\n",
		b.at, b.Addr, b.Timestamp, b.Thread, "", b.Cache, b.LastLog, b.Contents)
	u.printStack(c, b.stack)
}

// printStack prints the addresses of a stack as ::bufctl -v does.
func (u *umem) printStack(c *core.Ctx, stack []uint64) {
	old := c.P.IncIndent(stackIndent)
	for _, pc := range stack {
		c.Printf("%a\n", pc)
	}
	c.P.SetMargin(old)
	c.Printf("\n")
}

// byThread walks the bufctls of one thread's last transactions, the newest first:
// of allocated buffers, or of free ones.
func (u *umem) byThread(c *core.Ctx, thread uint64, free bool) ([]*audit, error) {
	var out []*audit
	for k, err := range u.caches() {
		if err != nil {
			return nil, fmt.Errorf("couldn't walk umem_cache: %w", err)
		}
		if !k.has(umfHash) {
			continue
		}
		walk := u.allocated(c, k)
		if free {
			walk = u.freed(c, k)
		}
		for b, err := range walk {
			if err != nil {
				c.Warnf("couldn't walk bufctl for cache %p: %s", k.addr, err.Error())
				break
			}
			if !k.has(umfAudit) || b.bufctl == 0 {
				continue
			}
			a, err := u.auditAt(b.bufctl)
			if err != nil {
				c.Warnf("unable to read bufctl at %p: %s", b.bufctl, core.Reason(err))
				continue
			}
			if uint64(a.Thread) == thread {
				out = append(out, a)
			}
		}
		if c.Err() != nil {
			return nil, core.ErrIntr
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Timestamp > out[j].Timestamp })
	return out, nil
}

// runByThread is ::allocdby and ::freedby.
func runByThread(free bool) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if len(c.Args) != 0 {
			return core.ErrUsage
		}
		u, err := must(c)
		if err != nil {
			return err
		}
		if !c.Opts.JSON && !c.PipeOut {
			c.Printf("%-?s %12s %s\n", "BUFCTL", "TIMESTAMP", "CALLER")
		}
		list, err := u.byThread(c, c.Addr, free)
		if err != nil {
			return err
		}
		for _, b := range list {
			if c.PipeOut {
				t, _ := u.typ("umem_bufctl_audit_t")
				c.Emit(b.at, t)
				continue
			}
			c.Record(func() {
				c.Printf("%0?p %12llx ", b.at, b.Timestamp)
				for _, pc := range b.stack {
					if m, ok := u.known(pc); ok && !u.ownCode(pc, "umem_") {
						c.Printf("%s+0x%lx", u.s.Namespace().Label(m, pc), pc-m.Value)
						break
					}
				}
				c.Printf("\n")
			}, auditFields(b)...)
		}
		return nil
	}
}
