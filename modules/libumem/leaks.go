package libumem

import (
	"fmt"
	"sort"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// leakType is a kind of leak, in the order they are reported.
type leakType uint8

const (
	leakMmap leakType = iota
	leakSbrk
	leakVmem
	leakCache // of a cache without audit records
	leakUmem
	leakTypes
)

// region is memory that may be led to: a buffer, an oversize allocation, a mapping.
type region struct {
	base, limit uint64
	typ         leakType
	ctl         uint64 // bufctl, vmem_seg or cache
	marked      bool
}

// leak is one leaked region, and those with the same stack.
type leak struct {
	typ   leakType
	addr  uint64 // bufctl, vmem_seg, else what leaked
	buf   uint64
	when  int64
	stack []uint64
	cache uint64
	data  uint64 // size of what is no buffer
	more  []*leak
}

// leakResult is what a search found.
type leakResult struct {
	groups                            [leakTypes][]*leak
	most, regions                     int
	dismissals, misses, dups, follows uint64
}

// finder searches a process's memory for what leads to its regions.
type finder struct {
	u    *umem
	c    *core.Ctx
	list []region
	work []int
	res  *leakResult
	buf  []byte
}

// findleaks runs a search, or gives the result of the last one.
func (u *umem) findleaks(c *core.Ctx, force bool) (*leakResult, bool, error) {
	if u.leaks != nil && !force {
		return u.leaks, true, nil
	}
	f := &finder{u: u, c: c, res: &leakResult{}, buf: make([]byte, 64<<10)}
	for _, step := range []func() error{f.ready, f.mappings, f.oversize, f.caches, f.sortRegions, f.roots} {
		if err := step(); err != nil {
			return nil, false, err
		}
		if c.Err() != nil {
			return nil, false, core.ErrIntr
		}
	}
	f.collect()
	u.leaks = f.res
	return f.res, false, nil
}

// ready tells why there is nothing to search; with what there is it makes an estimate.
func (f *finder) ready() error {
	switch f.u.ready {
	case ready:
	case readyFailed:
		return fmt.Errorf("findleaks: umem initialization failed -- no possible leaks")
	default:
		return fmt.Errorf("findleaks: No allocations have occured -- no possible leaks")
	}
	for k, err := range f.u.caches() {
		if err != nil {
			return fmt.Errorf("couldn't walk 'umem_cache': %w", err)
		}
		if f.u.interesting(k) {
			f.res.most += int(f.u.estimate(k))
		}
	}
	return nil
}

// interesting tells a cache whose buffers are given to the program.
func (u *umem) interesting(k *cache) bool {
	a, err := u.arenaAt(k.Arena)
	return err == nil && (a.Name == "umem_default" || a.Name == "umem_firewall")
}

func (f *finder) add(r region) {
	if r.limit > r.base {
		f.list = append(f.list, r)
	}
}

// brk gives the extent of the break, by pstatus_t.
func (f *finder) brk() (base, size uint64) {
	if p, ok := core.As[interface{ Break() (uint64, uint64) }](f.c.Session.Context()); ok {
		return p.Break()
	}
	return 0, 0
}

// mappings adds private memory that is not of a file, not in the break and not the
// heap's, and the parts of the break that are not.
func (f *finder) mappings() error {
	at, err := f.u.variable("heap_arena")
	if err != nil || at == 0 {
		return fmt.Errorf("couldn't read heap_arena")
	}
	seen := map[uint64]bool{}
	for !seen[at] {
		seen[at] = true
		a, err := f.u.arenaAt(at)
		if err != nil {
			return err
		}
		if a.Source == 0 {
			break
		}
		at = a.Source
	}
	var spans []mem.Mapping
	for s, err := range f.u.segs(at, segSpan) {
		if err != nil {
			return fmt.Errorf("couldn't walk vmem_span for vmem %x: %w", at, err)
		}
		if s.End > s.Start {
			spans = append(spans, mem.Mapping{Base: mem.Addr(s.Start), Size: s.End - s.Start})
		}
	}
	sort.Slice(spans, func(i, j int) bool { return spans[i].Base < spans[j].Base })
	base, size := f.brk()
	maps, _ := core.As[core.Mapped](f.c.Session.Context())
	if maps == nil {
		return core.ErrNotSup
	}
	for _, m := range maps.Mappings() {
		inBreak := uint64(m.End()) > base && uint64(m.Base) < base+size
		if m.Prot&(mem.ProtRead|mem.ProtWrite) != mem.ProtRead|mem.ProtWrite || named(m) || inBreak || within(spans, m.Base) {
			continue
		}
		f.add(region{base: uint64(m.Base), limit: uint64(m.End()), typ: leakMmap, ctl: uint64(m.Base)})
	}
	at = base
	for _, s := range spans {
		if uint64(s.Base) < base || uint64(s.End()) > base+size {
			continue
		}
		f.add(region{base: at, limit: uint64(s.Base), typ: leakSbrk, ctl: at})
		at = uint64(s.End())
	}
	f.add(region{base: at, limit: base + size, typ: leakSbrk, ctl: at})
	return nil
}

// named tells a mapping of a file.
func named(m mem.Mapping) bool { return m.Name != "" && !strings.HasPrefix(m.Name, "[") }

func within(l []mem.Mapping, a mem.Addr) bool {
	i := sort.Search(len(l), func(i int) bool { return l[i].End() > a })
	return i < len(l) && l[i].Contains(a)
}

// oversize adds what malloc got from arenas, past the caches.
func (f *finder) oversize() error {
	roots, _, err := f.u.arenas()
	if err != nil {
		return fmt.Errorf("couldn't walk 'vmem': %w", err)
	}
	prefix(roots, func(a *arena) bool {
		if a.Name != "umem_oversize" && a.Name != "umem_memalign" {
			return true
		}
		for s, err := range f.u.segs(a.addr, segAlloc) {
			if err != nil {
				f.c.Warnf("can't walk vmem_alloc for %s (%p): %s", a.Name, a.addr, err.Error())
				break
			}
			f.add(region{base: s.Start, limit: s.End, typ: leakVmem, ctl: s.at})
		}
		return true
	})
	return nil
}

// caches adds the allocated buffers.
func (f *finder) caches() error {
	for k, err := range f.u.caches() {
		if err != nil {
			return err
		}
		if !f.u.interesting(k) {
			continue
		}
		for b, err := range f.u.allocated(f.c, k) {
			if err != nil {
				f.c.Warnf("can't walk umem for cache %p (%s): %s", k.addr, k.Name, err.Error())
				break
			}
			r := region{base: b.addr, limit: b.addr + k.BufSize, typ: leakCache, ctl: k.addr}
			if k.has(umfAudit) {
				r.typ, r.ctl = leakUmem, b.bufctl
			}
			f.add(r)
		}
		if f.c.Err() != nil {
			return core.ErrIntr
		}
	}
	return nil
}

// sortRegions orders the regions by address. Such as overlap say that the heap is
// corrupt.
func (f *finder) sortRegions() error {
	sort.Slice(f.list, func(i, j int) bool { return f.list[i].base < f.list[j].base })
	for i := 1; i < len(f.list); i++ {
		a, b := &f.list[i-1], &f.list[i]
		if a.limit > b.base {
			return fmt.Errorf("[%x, %x) and [%x, %x): overlapping mtabs", a.base, a.limit, b.base, b.limit)
		}
	}
	if f.res.regions = len(f.list); f.res.regions == 0 {
		return fmt.Errorf("findleaks: No allocated buffers found")
	}
	return nil
}

// find gives the index of the region an address lies in, -1 if there is none.
func (f *finder) find(a uint64) int {
	i := sort.Search(len(f.list), func(i int) bool { return f.list[i].limit > a })
	if i < len(f.list) && a >= f.list[i].base {
		return i
	}
	return -1
}

// word takes a word that may be a pointer.
func (f *finder) word(w uint64, follow bool) {
	if w < f.list[0].base || w > f.list[len(f.list)-1].limit {
		f.res.dismissals++
		return
	}
	i := f.find(w)
	switch {
	case i < 0:
		f.res.misses++
	case f.list[i].marked:
		f.res.dups++
	default:
		f.res.follows++
		f.list[i].marked = true
		if follow {
			f.work = append(f.work, i)
		}
	}
}

// grep takes every word of a range, and of what that leads to.
func (f *finder) grep(at, end uint64) {
	f.scan(at, end)
	for len(f.work) > 0 && f.c.Err() == nil {
		i := f.work[len(f.work)-1]
		f.work = f.work[:len(f.work)-1]
		f.scan(f.list[i].base, f.list[i].limit)
	}
}

func (f *finder) scan(at, end uint64) {
	ptr := f.u.ptr
	at = (at + ptr - 1) &^ (ptr - 1)
	for at+ptr <= end && f.c.Err() == nil {
		want := min(uint64(len(f.buf)), (end-at)&^(ptr-1))
		n, err := f.u.space.ReadAt(f.buf[:want], mem.Addr(at))
		b := f.buf[:uint64(n)&^(ptr-1)]
		for ; len(b) > 0; b = b[ptr:] {
			f.word(mem.Uint(b[:ptr], f.u.w.Order), true)
		}
		if err != nil {
			f.c.Warnf("[%p, %p): couldn't read %ld bytes at %p", at, end, int64(want), at+uint64(n))
			return
		}
		at += want
	}
}

// roots searches registers, stacks, and the data of load objects but libumem's.
func (f *finder) roots() error {
	cx := f.c.Session.Context()
	threads, ok1 := core.As[core.Threads](cx)
	regs, ok2 := core.As[core.Registers](cx)
	if !ok1 || !ok2 {
		return core.ErrNoProc
	}
	list := threads.Threads()
	for _, t := range list {
		if r, err := regs.Registers(t.ID); err == nil {
			f.word(r.SP(), false)
		}
	}
	for _, t := range list {
		r, err := regs.Registers(t.ID)
		if err != nil {
			continue
		}
		for _, reg := range r.Arch.Registers {
			if v, known := r.Get(reg.Name); known && reg.Name != r.Arch.SP {
				f.word(v, true)
				f.grep(0, 0)
			}
		}
		if i := f.find(r.SP()); i >= 0 {
			f.grep(r.SP(), f.list[i].limit)
		}
	}
	base, _ := f.brk()
	maps, _ := core.As[core.Mapped](cx)
	for _, m := range maps.Mappings() {
		start, end := uint64(m.Base), uint64(m.End())
		switch {
		case m.Prot&(mem.ProtRead|mem.ProtWrite) != mem.ProtRead|mem.ProtWrite, !named(m), strings.Contains(m.Name, "/libumem.so"):
			continue
		case start <= base && end > base: // bss and the break in one
			end = base
		}
		f.grep(start, end)
	}
	return nil
}

// collect groups what nothing led to by cache and stack.
func (f *finder) collect() {
	groups := map[string]*leak{}
	for i := range f.list {
		r := &f.list[i]
		if r.marked {
			continue
		}
		l := f.describe(r)
		if l == nil {
			continue
		}
		key := fmt.Sprint(l.typ, l.cache, l.stack)
		g := groups[key]
		if g == nil {
			groups[key] = l
			f.res.groups[l.typ] = append(f.res.groups[l.typ], l)
			continue
		}
		if l.when < g.when { // the oldest stands for them
			l.addr, g.addr = g.addr, l.addr
			l.buf, g.buf = g.buf, l.buf
			l.data, g.data = g.data, l.data
			l.when, g.when = g.when, l.when
		}
		g.more = append(g.more, l)
	}
	for t := range f.res.groups {
		l := f.res.groups[t]
		sort.SliceStable(l, func(i, j int) bool { return f.u.less(l[i], l[j]) })
	}
}

// describe makes a leak of a region; nil if its record cannot be read.
func (f *finder) describe(r *region) *leak {
	l := &leak{typ: r.typ, addr: r.base, buf: r.base}
	switch r.typ {
	case leakUmem:
		b, err := f.u.auditAt(r.ctl)
		if err != nil {
			f.c.Warn(mem.Reason(err), "couldn't read leaked bufctl at addr %p", r.ctl)
			return nil
		}
		l.addr, l.buf, l.when, l.cache = r.ctl, b.Addr, b.Timestamp, b.Cache
		if len(b.stack) > 0 {
			l.stack = b.stack[1:] // the first is in umem_cache_alloc
		}
	case leakVmem:
		s := &segment{at: r.ctl}
		if err := f.u.load("vmem_seg_t", r.ctl, s); err != nil {
			f.c.Warn(mem.Reason(err), "couldn't read leaked vmem_seg at addr %p", r.ctl)
			return nil
		}
		l.addr, l.buf, l.when, l.data, l.stack = r.ctl, s.Start, s.Timestamp, s.End-s.Start, s.stack()
	case leakCache:
		l.cache = r.ctl
	default:
		l.data = r.limit - r.base
	}
	return l
}

// leakCaller gives the first caller outside of libumem and its name.
func (u *umem) leakCaller(stack []uint64) (pc uint64, name string) {
	for _, pc = range stack {
		m, ok := u.known(pc)
		if !ok {
			continue
		}
		if m.Object != nil && strings.HasPrefix(m.Object.Name, "libumem.so") {
			continue
		}
		return pc, u.s.Namespace().Label(m, pc)
	}
	return pc, ""
}

func (u *umem) less(a, b *leak) bool {
	ap, an := u.leakCaller(a.stack)
	bp, bn := u.leakCaller(b.stack)
	switch {
	case an != bn:
		return an < bn
	case ap != bp:
		return ap < bp
	case a.cache != b.cache:
		return a.cache < b.cache
	}
	return a.data < b.data
}
