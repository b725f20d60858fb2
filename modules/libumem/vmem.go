package libumem

import (
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// arena is a vmem_t.
type arena struct {
	addr     uint64
	Name     string `ctf:"vm_name"`
	Source   uint64 `ctf:"vm_source"`
	Next     uint64 `ctf:"vm_next"`
	InUse    uint64 `ctf:"vm_kstat.vk_mem_inuse"`
	Import   uint64 `ctf:"vm_kstat.vk_mem_import"`
	Total    uint64 `ctf:"vm_kstat.vk_mem_total"`
	Allocs   uint64 `ctf:"vm_kstat.vk_alloc"`
	Frees    uint64 `ctf:"vm_kstat.vk_free"`
	Fails    uint64 `ctf:"vm_kstat.vk_fail"`
	parent   *arena
	children []*arena
}

func (u *umem) arenaAt(at uint64) (*arena, error) {
	a := &arena{addr: at}
	if err := u.load("vmem_t", at, a); err != nil {
		return nil, fmt.Errorf("couldn't read vmem_t at %x: %w", at, err)
	}
	return a, nil
}

// arenas reads vmem_list into trees by where arenas get their memory: the roots, and
// all by address.
func (u *umem) arenas() (roots []*arena, byAddr map[uint64]*arena, err error) {
	at, err := u.variable("vmem_list")
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't read 'vmem_list': %w", err)
	}
	var list []*arena
	byAddr = map[uint64]*arena{}
	for at != 0 {
		if byAddr[at] != nil || len(list) >= maxArenas {
			return nil, nil, fmt.Errorf("vmem_t at %x: list does not end", at)
		}
		a, err := u.arenaAt(at)
		if err != nil {
			return nil, nil, err
		}
		byAddr[at] = a
		list = append(list, a)
		at = a.Next
	}
	for _, a := range list {
		if a.Source == 0 {
			roots = append(roots, a)
			continue
		}
		if a.parent = byAddr[a.Source]; a.parent == nil {
			return nil, nil, fmt.Errorf("couldn't find %x's parent (%x)", a.addr, a.Source)
		}
		a.parent.children = append(a.parent.children, a)
	}
	return roots, byAddr, nil
}

// prefix yields a tree of arenas, parents first. Trees are no deeper than arenas are
// many, and an arena that is its own ancestor hangs from no root.
func prefix(l []*arena, yield func(*arena) bool) bool {
	for _, a := range l {
		if !yield(a) || !prefix(a.children, yield) {
			return false
		}
	}
	return true
}

func postfix(l []*arena, yield func(*arena) bool) bool {
	for _, a := range l {
		if !postfix(a.children, yield) || !yield(a) {
			return false
		}
	}
	return true
}

// depth is how many arenas there are above one.
func (a *arena) depth() int {
	n := 0
	for p := a.parent; p != nil && n < maxArenas; p = p.parent {
		n++
	}
	return n
}

// Types of segments (VMEM_*).
const (
	segAlloc = 0x01
	segFree  = 0x02
	segSpan  = 0x10
	segRotor = 0x20
	segWalk  = 0x40
)

// segTypes are the types' names in output, and those -T takes besides.
var segTypes = []struct {
	typ         uint8
	short, long string
}{{segAlloc, "ALLC", "ALLOC"}, {segFree, "FREE", "FREE"}, {segSpan, "SPAN", "SPAN"}, {segRotor, "ROTR", "ROTOR"}, {segWalk, "WLKR", "WALKER"}}

// segment is a vmem_seg_t.
type segment struct {
	at        uint64
	Start     uint64     `ctf:"vs_start"`
	End       uint64     `ctf:"vs_end"`
	Next      uint64     `ctf:"vs_anext"`
	Type      uint8      `ctf:"vs_type"`
	Depth     uint8      `ctf:"vs_depth"`
	Thread    uint32     `ctf:"vs_thread"`
	Timestamp int64      `ctf:"vs_timestamp"`
	Stack     [20]uint64 `ctf:"vs_stack"`
}

// stack is the stack of a segment that has one: only allocated ones do.
func (s *segment) stack() []uint64 {
	if s.Type != segAlloc || int(s.Depth) > len(s.Stack) {
		return nil
	}
	return s.Stack[:s.Depth]
}

// segs walks an arena's segments from vm_seg0 on, by address; those of one type, or
// all with 0.
func (u *umem) segs(at uint64, typ uint8) iter.Seq2[*segment, error] {
	return func(yield func(*segment, error) bool) {
		off, err := u.offset("vmem_t", "vm_seg0")
		if err != nil {
			yield(nil, err)
			return
		}
		first := at + off
		seen := map[uint64]bool{}
		for a := first; ; {
			if seen[a] || len(seen) >= maxSegs {
				yield(nil, fmt.Errorf("vmem_seg at %x: list does not end", a))
				return
			}
			seen[a] = true
			s := &segment{at: a}
			if err := u.load("vmem_seg_t", a, s); err != nil {
				yield(nil, fmt.Errorf("couldn't read vmem_seg at %x: %w", a, err))
				return
			}
			if (typ == 0 || s.Type == typ) && !yield(s, nil) {
				return
			}
			if a = s.Next; a == first {
				return
			}
		}
	}
}

var vmemTable = &core.Table{
	Head: "%-?s %-22s %10s %12s %9s %5s\n", Line: "%0?p %-22s %10llu %12llu %9llu %5llu\n", Type: "vmem_t",
	Cols: []core.Field{
		{Name: "addr", Head: "ADDR"}, {Name: "name", Head: "NAME"}, {Name: "inuse", Head: "INUSE"}, {Name: "total", Head: "TOTAL"},
		{Name: "succeed", Head: "SUCCEED"}, {Name: "fail", Head: "FAIL"},
	},
}

// vmemNameWidth is VMEM_NAMEWIDTH: of a name with its indentation and a NUL.
const vmemNameWidth = 22

func runVmem(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	row := func(a *arena, depth int) {
		name := strings.Repeat("  ", depth) + a.Name
		c.Row(out.Addr(a.addr), name[:min(len(name), vmemNameWidth-1)], a.InUse, a.Total, a.Allocs, a.Fails)
	}
	if !c.HasAddr {
		roots, _, err := u.arenas()
		if err != nil {
			return fmt.Errorf("can't walk vmem: %w", err)
		}
		prefix(roots, func(a *arena) bool { row(a, a.depth()); return true })
		return nil
	}
	a, err := u.arenaAt(c.Addr)
	if err != nil {
		return c.Warn(mem.Reason(err), "couldn't read vmem at %p", c.Addr)
	}
	depth, seen := 0, map[uint64]bool{a.addr: true}
	for at := a.Source; at != 0; depth++ {
		p, err := u.arenaAt(at)
		if err != nil || seen[at] {
			c.Warnf("couldn't trace %p's ancestry", c.Addr)
			depth = 0
			break
		}
		seen[at] = true
		at = p.Source
	}
	row(a, depth)
	return nil
}

// segFilter is what ::vmem_seg's options select.
type segFilter struct {
	*filter
	typ      uint8
	min, max uint64
}

func (u *umem) newSegFilter(c *core.Ctx) (*segFilter, error) {
	f := &segFilter{filter: u.newFilter(c)}
	f.min, _ = c.OptUint('m')
	f.max, _ = c.OptUint('M')
	if name, ok := c.OptStr('T'); ok {
		for _, t := range segTypes {
			if name == t.short || name == t.long {
				f.typ = t.typ
			}
		}
		if f.typ == 0 {
			c.Warnf("\"%s\" is not a recognized vmem_seg type", name)
			return nil, core.ErrFailed
		}
	}
	return f, nil
}

func (f *segFilter) takes(s *segment) bool {
	size := s.End - s.Start
	if f.typ != 0 && s.Type != f.typ || f.min != 0 && size < f.min || f.max != 0 && size > f.max {
		return false
	}
	if len(s.stack()) == 0 {
		return !f.any()
	}
	return f.filter.takes(s.stack(), uint64(s.Thread), s.Timestamp)
}

func runVmemSeg(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	f, err := u.newSegFilter(c)
	if err != nil {
		return err
	}
	if c.Header() && !c.Opts.JSON {
		end := "END"
		if c.Opt('s') {
			end = "SIZE"
		}
		if c.Opt('v') {
			c.Printf("%16s %4s %16s %16s %16s\n%<u>%16s %4s %16s %16s %16s%</u>\n",
				"ADDR", "TYPE", "START", "END", "SIZE", "", "", "THREAD", "TIMESTAMP", "")
		} else {
			c.Printf("%?s %4s %?s %?s %s\n", "ADDR", "TYPE", "START", end, "WHO")
		}
	}
	return u.showSeg(c, f, c.Addr, c.Opt('v'))
}

func (u *umem) showSeg(c *core.Ctx, f *segFilter, at uint64, verbose bool) error {
	s := &segment{at: at}
	if err := u.load("vmem_seg_t", at, s); err != nil {
		return c.Warn(mem.Reason(err), "couldn't read vmem_seg at %p", at)
	}
	if f != nil && !f.takes(s) {
		return nil
	}
	if c.PipeOut {
		t, _ := u.typ("vmem_seg_t")
		c.Emit(at, t)
		return nil
	}
	typ := "????"
	for _, t := range segTypes {
		if t.typ == s.Type {
			typ = t.short
		}
	}
	size := s.End - s.Start
	c.Record(func() {
		if verbose {
			c.Printf("%<b>%16p%</b> %4s %16p %16p %16d\n", at, typ, s.Start, s.End, size)
			if len(s.stack()) > 0 {
				c.Printf("%16s %4s %16d %16llx\n", "", "", s.Thread, s.Timestamp)
				u.printStack(c, s.stack())
			}
			return
		}
		end := s.End
		if c.Opt('s') {
			end = size
		}
		c.Printf("%0?p %4s %0?p %0?p", at, typ, s.Start, end)
		if st := s.stack(); len(st) > 0 {
			pc, ok := u.caller(st, "vmem_")
			if !ok {
				pc = st[len(st)-1]
			}
			c.Printf(" %a", pc)
		}
		c.Printf("\n")
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "type", Value: typ}, out.Field{Name: "start", Value: out.Addr(s.Start)},
		out.Field{Name: "end", Value: out.Addr(s.End)}, out.Field{Name: "size", Value: size}, out.Field{Name: "thread", Value: s.Thread},
		out.Field{Name: "timestamp", Value: out.Hex(uint64(s.Timestamp))}, out.Field{Name: "stack", Value: addrList(s.stack())})
	return nil
}
