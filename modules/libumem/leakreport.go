package libumem

import (
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// runFindleaks is ::findleaks.
func runFindleaks(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := of(c)
	if err != nil {
		return err
	}
	if u.ready == 0 {
		return fmt.Errorf("findleaks: umem is not loaded in the address space")
	}
	res, cached, err := u.findleaks(c, c.Opt('f'))
	if err != nil {
		return err
	}
	if c.Opt('v') && !c.PipeOut && !c.Opts.JSON {
		res.verbose(c, cached)
	}
	filter := uint64(0)
	if c.HasAddr {
		filter = c.Addr
	}
	rep := &leakReport{u: u, c: c, filter: filter}
	rep.table(res)
	if c.Opt('d') && rep.shown && !c.PipeOut && !c.Opts.JSON {
		c.Printf("\n")
		rep.details(res)
	}
	return nil
}

// verbose says how much was searched.
func (r *leakResult) verbose(c *core.Ctx, cached bool) {
	if cached {
		c.Printf("findleaks: using cached results (use '-f' to force a full run)\n")
		return
	}
	line := func(name string, n uint64) { c.Printf("findleaks: %*s => %lld\n", 30, name, n) }
	line("maximum buffers", uint64(r.most))
	line("actual buffers", uint64(r.regions))
	c.Printf("findleaks: \n")
	total := r.dismissals + r.misses + r.dups + r.follows
	line("potential pointers", total)
	for _, b := range []struct {
		name string
		n    uint64
	}{{"dismissals", r.dismissals}, {"misses", r.misses}, {"dups", r.dups}, {"follows", r.follows}} {
		t := max(total, 1)
		c.Printf("findleaks: %*s => %-13lld (%2d.%1d%%)\n", 30, b.name, b.n, b.n*100/t, b.n*1000/t%10)
	}
	c.Printf("findleaks: \n")
}

// leakReport prints leaks.
type leakReport struct {
	u      *umem
	c      *core.Ctx
	filter uint64
	shown  bool
	vmem   bool // a heading of the kind has been printed
	caches bool
	umem   bool
	count  uint64
	bytes  uint64
}

// takes tells whether a leak's stack has the function or address asked for.
func (r *leakReport) takes(l *leak) bool {
	if r.filter == 0 {
		return true
	}
	for _, pc := range l.stack {
		if m, ok := r.u.known(pc); pc == r.filter || ok && m.Value == r.filter {
			return true
		}
	}
	return false
}

func (r *leakReport) table(res *leakResult) {
	text := !r.c.PipeOut && !r.c.Opts.JSON
	for t, list := range res.groups {
		if t == int(leakMmap) || t >= int(leakCache) {
			r.count, r.bytes = 0, 0
		}
		for _, l := range list {
			if r.takes(l) {
				r.shown = true
				r.row(l, text)
			}
		}
		if text {
			r.total(leakType(t))
		}
	}
	switch {
	case r.shown || !text:
	case r.filter != 0:
		r.c.Printf("findleaks: no memory leaks matching %a found\n", r.filter)
	default:
		r.c.Printf("findleaks: no memory leaks detected\n")
	}
}

// head prints a kind's heading once.
func (r *leakReport) head(l *leak) {
	c := r.c
	switch {
	case l.typ <= leakVmem && !r.vmem:
		r.vmem = true
		c.Printf("%-16s %7s %?s %s\n", "BYTES", "LEAKED", "VMEM_SEG", "CALLER")
	case l.typ == leakCache && !r.caches:
		if r.caches = true; r.vmem {
			c.Printf("\n")
		}
		c.Printf("%-?s %7s %?s %s\n", "CACHE", "LEAKED", "BUFFER", "CALLER")
	case l.typ == leakUmem && !r.umem:
		if r.umem = true; r.vmem || r.caches {
			c.Printf("\n")
		}
		c.Printf("%-?s %7s %?s %s\n", "CACHE", "LEAKED", "BUFCTL", "CALLER")
	}
}

// sizes gives the least and greatest size of a group of what is no buffers.
func (l *leak) sizes() (least, most, sum uint64) {
	least, most, sum = l.data, l.data, l.data
	for _, m := range l.more {
		least, most, sum = min(least, m.data), max(most, m.data), sum+m.data
	}
	return least, most, sum
}

func (r *leakReport) row(l *leak, text bool) {
	c, n := r.c, uint64(len(l.more)+1)
	if c.PipeOut {
		c.Emit(l.addr, nil)
		return
	}
	_, _, bytes := l.sizes()
	size := uint64(0)
	if l.typ >= leakCache {
		k, err := r.u.cacheAt(l.cache)
		if err != nil {
			c.Warnf("can't read cache %p for leaked buffer %p", l.cache, l.addr)
			return
		}
		size = k.BufSize
		bytes = n * size
	}
	r.count += n
	r.bytes += bytes
	if text {
		r.head(l)
	}
	pc, _ := r.u.leakCaller(l.stack)
	c.Record(func() { r.line(l, n, pc) },
		out.Field{Name: "kind", Value: leakNames[l.typ]}, out.Field{Name: "cache", Value: out.Addr(l.cache)}, out.Field{Name: "leaked", Value: n},
		out.Field{Name: "bytes", Value: bytes}, out.Field{Name: "addr", Value: out.Addr(l.addr)}, out.Field{Name: "buffer", Value: out.Addr(l.buf)},
		out.Field{Name: "stack", Value: addrList(l.stack)})
}

var leakNames = [leakTypes]string{"MMAP", "SBRK", "vmem", "cache", "umem"}

func (r *leakReport) line(l *leak, n, pc uint64) {
	c := r.c
	switch l.typ {
	case leakMmap, leakSbrk:
		for _, m := range append([]*leak{l}, l.more...) {
			c.Printf("%-16d %7d %?p %s\n", m.data, n, m.addr, leakNames[l.typ])
			n = 1
		}
	case leakVmem:
		least, most, _ := l.sizes()
		size := fmt.Sprint(least)
		if most != least {
			size = fmt.Sprintf("%d-%d", least, most)
		}
		c.Printf("%-16s %7d %?p %a\n", size, n, l.addr, pc)
	case leakCache:
		c.Printf("%0?p %7d %0?p %s\n", l.cache, n, l.addr, "?")
	default:
		c.Printf("%0?p %7d %0?p %a\n", l.cache, n, l.addr, pc)
	}
}

// total prints the sum of a kind behind its rows.
func (r *leakReport) total(t leakType) {
	width, what := 2*int(r.u.ptr), "buffer"
	switch {
	case t == leakVmem && r.vmem:
		width, what = 16, "oversized leak"
	case t == leakCache && r.caches, t == leakUmem && r.umem:
	default:
		return
	}
	plural := func(n uint64) string {
		if n == 1 {
			return ""
		}
		return "s"
	}
	r.c.Printf("%s\n%*s %7ld %s%s, %ld byte%s\n", strings.Repeat("-", 72), width, "Total", int64(r.count), what, plural(r.count), int64(r.bytes), plural(r.bytes))
}

// details is what -d prints of each group.
func (r *leakReport) details(res *leakResult) {
	for _, list := range res.groups {
		for _, l := range list {
			if r.takes(l) {
				r.detail(l)
			}
		}
	}
}

func (r *leakReport) detail(l *leak) {
	c, n := r.c, uint64(len(l.more)+1)
	least, most, sum := l.sizes()
	switch l.typ {
	case leakMmap, leakSbrk:
		name := map[leakType]string{leakMmap: "mmap(2)", leakSbrk: "sbrk(2)"}[l.typ]
		for _, m := range append([]*leak{l}, l.more...) {
			c.Printf("%s leak: [%p, %p), %ld bytes\n", name, m.addr, m.addr+m.data, int64(m.data))
		}
	case leakVmem:
		if n == 1 {
			c.Printf("umem_oversize leak: 1 vmem_seg, %ld bytes\n", int64(sum))
		} else {
			size := fmt.Sprint(least)
			if most != least {
				size = fmt.Sprintf("%d-%d", least, most)
			}
			c.Printf("umem_oversize leak: %d vmem_segs, %s bytes each, %ld bytes total\n", n, size, int64(sum))
		}
		c.Printf("%16s %4s %16s %16s %16s\n%<u>%16s %4s %16s %16s %16s%</u>\n", "ADDR", "TYPE", "START", "END", "SIZE", "", "", "THREAD", "TIMESTAMP", "")
		_ = r.u.showSeg(c, nil, l.addr, true) // it says itself what is wrong
	default:
		k, err := r.u.cacheAt(l.cache)
		if err != nil {
			c.Warn(mem.Reason(err), "can't read cache %p for leaked buffer %p", l.cache, l.addr)
			return
		}
		end := "\n"
		if l.typ == leakCache {
			end = ",\n"
		}
		if n == 1 {
			c.Printf("%s leak: 1 buffer, %ld bytes"+end, k.Name, int64(k.BufSize))
		} else {
			c.Printf("%s leak: %d buffers, %ld bytes each, %ld bytes total"+end, k.Name, n, int64(k.BufSize), int64(n*k.BufSize))
		}
		if l.typ == leakCache {
			c.Printf("    sample addr %p\n", l.addr)
			return
		}
		_ = r.u.showBufctl(c, &filter{u: r.u}, l.addr, true, true) // it says itself what is wrong
	}
}

// walkLeaks walks leaks with the stack of the one whose address is given, or all:
// what ::findleaks calls them by, or with buf the leaked memory.
func walkLeaks(buf bool) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		return func(yield func(core.Elem, error) bool) {
			u, err := of(c)
			if err == nil && u.leaks == nil {
				err = fmt.Errorf("::findleaks must be run before leaks can be walked")
			}
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			found := false
			for _, list := range u.leaks.groups {
				for _, g := range list {
					all := append([]*leak{g}, g.more...)
					if has && !anyLeak(all, uint64(start)) {
						continue
					}
					found = true
					for _, l := range all {
						v := l.addr
						if buf {
							v = l.buf
						}
						if !yield(core.Elem{Val: v}, nil) {
							return
						}
					}
				}
			}
			if has && !found {
				yield(core.Elem{}, fmt.Errorf("%x is not a leaked ctl address", uint64(start)))
			}
		}
	}
}

func anyLeak(l []*leak, addr uint64) bool {
	for _, x := range l {
		if x.addr == addr {
			return true
		}
	}
	return false
}
