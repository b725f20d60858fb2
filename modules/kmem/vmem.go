package kmem

import (
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// vmcIdentifier is the flag of arenas of identifiers, not addresses (sys/vmem.h).
const vmcIdentifier = 0x40000

// arenaLayout is how the release lays out vmem_t.
type arenaLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Name    kernel.Field `ctf:"vm_name"`
	CFlags  kernel.Field `ctf:"vm_cflags"`
	Quantum kernel.Field `ctf:"vm_quantum"`
	Source  kernel.Field `ctf:"vm_source"`
	Next    kernel.Field `ctf:"vm_next"`
	Seg0    kernel.Field `ctf:"vm_seg0"`
	InUse   kernel.Field `ctf:"vm_kstat.vk_mem_inuse.value.ui64"`
	Import  kernel.Field `ctf:"vm_kstat.vk_mem_import.value.ui64"`
	Total   kernel.Field `ctf:"vm_kstat.vk_mem_total.value.ui64"`
	Alloc   kernel.Field `ctf:"vm_kstat.vk_alloc.value.ui64"`
	Fail    kernel.Field `ctf:"vm_kstat.vk_fail.value.ui64"`
}

// Arena is a vmem_t, read.
type Arena struct {
	Addr   uint64
	Name   string
	Source uint64

	l        *arenaLayout
	raw      []byte
	parent   *Arena
	children []*Arena
}

func (a *Arena) get(f kernel.Field) uint64 { return f.Of(a.raw) }

func readArena(v *kernel.View, addr uint64) (*Arena, error) {
	l, err := kernel.Lay[arenaLayout](v, "vmem_t")
	if err != nil {
		return nil, err
	}
	b, err := v.Bytes(addr, l.Size, nil)
	if err != nil {
		return nil, kernel.BadRead("vmem_t", addr, err)
	}
	return &Arena{Addr: addr, Name: l.Name.Text(b), Source: l.Source.Of(b), l: l, raw: b}, nil
}

// arenas reads all arenas in the order of their making and joins each to what it
// imports from. The roots are those that import from none.
func arenas(v *kernel.View) (all, roots []*Arena, err error) {
	at, err := v.Variable("genunix", "vmem_list")
	if err != nil {
		return nil, nil, kernel.Failed(err, "couldn't read 'vmem_list'")
	}
	byAddr := map[uint64]*Arena{}
	for at != 0 {
		if byAddr[at] != nil {
			return nil, nil, fmt.Errorf("vmem_t %x is on vmem_list twice", at)
		}
		a, err := readArena(v, at)
		if err != nil {
			return nil, nil, err
		}
		byAddr[at] = a
		all = append(all, a)
		at = a.get(a.l.Next)
	}
	for _, a := range all {
		if a.Source == 0 {
			roots = append(roots, a)
			continue
		}
		if a.parent = byAddr[a.Source]; a.parent == nil {
			return nil, nil, fmt.Errorf("couldn't find %x's parent (%x)", a.Addr, a.Source)
		}
		a.parent.children = append(a.parent.children, a)
	}
	for _, a := range all {
		if a.depth() > len(all) {
			return nil, nil, fmt.Errorf("vmem_t %x imports from itself", a.Addr)
		}
	}
	return all, roots, nil
}

// depth is how many arenas a's memory came through.
func (a *Arena) depth() int {
	n := 0
	for p := a.parent; p != nil && n < 1<<16; p = p.parent {
		n++
	}
	return n
}

// preorder lists arenas, each before those that import from it.
func preorder(list []*Arena) []*Arena {
	var all []*Arena
	for _, a := range list {
		all = append(append(all, a), preorder(a.children)...)
	}
	return all
}

// postorder lists arenas, each behind those that import from it.
func postorder(list []*Arena) []*Arena {
	var all []*Arena
	for _, a := range list {
		all = append(append(all, postorder(a.children)...), a)
	}
	return all
}

// walkArenas makes the walkers vmem and vmem_postfix. With an address of an arena the
// walk begins there.
func walkArenas(order func([]*Arena) []*Arena) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		v := kernel.Of(c.Session)
		_, roots, err := arenas(v)
		if err != nil {
			return noWalk(err)
		}
		list := order(roots)
		for i, a := range list {
			if has && a.Addr == uint64(start) {
				list = list[i:]
				break
			}
		}
		t := v.TypeOrNil("vmem_t")
		return func(yield func(core.Elem, error) bool) {
			for _, a := range list {
				if !yield(core.Elem{Val: a.Addr, Type: t, Obj: a}, nil) {
					return
				}
			}
		}
	}
}

// nameWidth is VMEM_NAMEWIDTH: of the column, whose text is one shorter.
const nameWidth = 22

var vmemTable = &core.Table{
	Head: "%-?s %-22s %10s %12s %9s %5s\n", Line: "%0?p %-22s %10llu %12llu %9llu %5llu\n", Type: "vmem_t",
	Cols: []core.Field{
		{Name: "addr", Head: "ADDR", Descr: "address of the arena"},
		{Name: "name", Head: "NAME", Descr: "indented below the arena it imports from"},
		{Name: "inuse", Head: "INUSE", Descr: "bytes allocated"}, {Name: "total", Head: "TOTAL", Descr: "bytes it has"},
		{Name: "succeed", Head: "SUCCEED", Descr: "allocations"}, {Name: "fail", Head: "FAIL", Descr: "allocations that failed"},
	},
}

func runVmem(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := kernel.Of(c.Session)
	if c.HasAddr {
		a, err := readArena(v, c.Addr)
		if err != nil {
			return err
		}
		return rowVmem(c, a, ancestry(c, v, a))
	}
	_, roots, err := arenas(v)
	if err != nil {
		c.Fail(err)
		c.Warnf("can't walk vmem")
		return core.ErrFailed
	}
	for _, a := range preorder(roots) {
		if err := rowVmem(c, a, a.depth()); err != nil {
			return err
		}
	}
	return nil
}

// ancestry counts the arenas above one; 0 with a warning if they cannot be told.
func ancestry(c *core.Ctx, v *kernel.View, a *Arena) int {
	met := kernel.Met{a.Addr: {}}
	n := 0
	for at := a.Source; at != 0; n++ {
		p, err := readArena(v, at)
		if err != nil || met.Again(at) {
			c.Warnf("couldn't trace %p's ancestry", a.Addr)
			return 0
		}
		at = p.Source
	}
	return n
}

func rowVmem(c *core.Ctx, a *Arena, depth int) error {
	name := a.Name
	if !c.Opts.JSON {
		name = strings.Repeat("  ", depth) + name
		name = name[:min(len(name), nameWidth-1)]
	}
	c.Row(out.Hex(a.Addr), name, a.get(a.l.InUse), a.get(a.l.Total), a.get(a.l.Alloc), a.get(a.l.Fail))
	return nil
}
