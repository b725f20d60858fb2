package kmem

import (
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// recordsBy are the last transactions on buffers that a thread made: on allocated
// ones or on free ones. The latest is first.
func recordsBy(c *core.Ctx, v *kernel.View, thread uint64, free bool) ([]*record, error) {
	var list []*record
	for k, err := range caches(v) {
		if err != nil {
			return nil, err
		}
		if k.flags&kmfAudit == 0 || k.cflags&kmcNotouch != 0 && k.flags&kmfHash == 0 {
			continue
		}
		err := k.buffers(c, v, kind{free: free, bufctl: true}, func(_, ctl uint64) bool {
			r, err := readRecord(v, ctl)
			if err != nil {
				c.Fail(err)
			} else if r.thread == thread {
				list = append(list, r)
			}
			return c.Err() == nil
		})
		c.Fail(err)
	}
	slices.SortStableFunc(list, func(a, b *record) int {
		switch x, y := int64(a.time), int64(b.time); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return list, nil
}

func walkBy(name string, free bool) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		if !has || start == 0 {
			return noWalk(fmt.Errorf("%s walk doesn't support global walks", name))
		}
		v := kernel.Of(c.Session)
		list, err := recordsBy(c, v, uint64(start), free)
		if err != nil {
			return noWalk(err)
		}
		t := v.TypeOrNil("kmem_bufctl_audit_t")
		return func(yield func(core.Elem, error) bool) {
			for _, r := range list {
				if !yield(core.Elem{Val: r.addr, Type: t, Obj: r}, nil) {
					return
				}
			}
		}
	}
}

var byTable = &core.Table{
	Head: "%-?s %12s %s\n", Line: "%0?p %12llx %s\n", Type: "kmem_bufctl_audit_t",
	Cols: []core.Field{{Name: "bufctl", Head: "BUFCTL"}, {Name: "timestamp", Head: "TIMESTAMP", Descr: "of the transaction, ns"},
		{Name: "caller", Head: "CALLER", Descr: "the first that is not kmem's"}},
}

// runBy makes ::allocdby and ::freedby.
func runBy(free bool) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if len(c.Args) != 0 {
			return core.ErrUsage
		}
		v := kernel.Of(c.Session)
		list, err := recordsBy(c, v, c.Addr, free)
		if err != nil {
			return err
		}
		c.Head()
		for _, r := range list {
			name := ""
			if pc := caller(c, r.stack, "kmem_", false); pc != 0 {
				if m, err := c.Namespace().LookupAddr(pc, ^uint64(0)); err == nil {
					name = out.Sprintf(c.OutEnv(), "%s+0x%lx", m.Name, pc-m.Value)
				}
			}
			c.Row(out.Hex(r.addr), out.Hex(r.time), name)
		}
		return nil
	}
}
