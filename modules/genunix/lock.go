package genunix

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

var lminfoTable = &core.Table{
	Head: "%<u>%-?s %2s %4s %6s %-16s %-?s %s%</u>\n", Line: "%-?p %2s %04x %6d %-16s %-?p %s\n", Type: "lock_descriptor_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "type", Head: "TP"}, {Name: "flag", Head: "FLAG"}, {Name: "pid", Head: "PID"},
		{Name: "comm", Head: "COMM"}, {Name: "vnode", Head: "VNODE"}, {Name: "path", Head: "PATH"}},
}

// lockPathWidth is the size of MDB's buffer for the path, with its NUL.
const lockPathWidth = 20

func runLminfo(c *core.Ctx) error {
	v := viewOf(c)
	c.Head()
	return each(c, walkLockGraph(c, 0, false), func(a uint64) error {
		var l struct {
			Type  int32  `ctf:"l_type"`
			State int32  `ctf:"l_state"`
			PID   int32  `ctf:"l_flock.l_pid"`
			Vnode uint64 `ctf:"l_vnode"`
		}
		if err := v.load("lock_descriptor_t", a, &l); err != nil {
			return err
		}
		typ := "??"
		switch l.Type {
		case 1:
			typ = "RD"
		case 2:
			typ = "WR"
		}
		comm := "<kernel>"
		if l.PID != 0 {
			comm = "<defunct>"
			if p, err := v.pid2proc(l.PID); err == nil {
				if name, err := v.comm(p); err == nil {
					comm = name
				}
			}
		}
		path, err := v.vnodePath(c, l.Vnode)
		if err != nil {
			c.Warnf("%s", err.Error())
		}
		if len(path) >= lockPathWidth && !c.Opts.JSON {
			path = path[:lockPathWidth-1]
		}
		c.Row(out.Hex(a), typ, uint32(l.State), l.PID, comm, out.Hex(l.Vnode), path)
		return nil
	})
}

// walkLocks walks a ring of locks from one on.
func walkLocks(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return v.elems("lock_descriptor_t", v.ring("lock_descriptor_t", "lock_descriptor_t", "l_next", uint64(start)))
}

// walkLockGraph walks the locks of all graphs: those held and those waited for. The
// head of each ring is a lock in form only.
func walkLockGraph(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		v := viewOf(c)
		m, err := v.symbol("genunix", "lock_graph")
		if err != nil {
			yield(core.Elem{}, unread("lock_graph", err))
			return
		}
		graphs, err := v.pointers(m.Value, min(m.Size/8, 4096))
		if err != nil {
			yield(core.Elem{}, unread("lock_graph", err))
			return
		}
		t := v.typeOrNil("lock_descriptor_t")
		for _, g := range graphs {
			if g == 0 {
				continue
			}
			for _, list := range []string{"active_locks", "sleeping_locks"} {
				head, err := v.ref("graph_t", g, list)
				if err != nil {
					yield(core.Elem{}, err)
					return
				}
				for a, err := range v.ring("lock_descriptor_t", "lock_descriptor_t", "l_next", head) {
					if a == head && err == nil {
						continue
					}
					if !yield(core.Elem{Val: a, Type: t}, err) || err != nil {
						return
					}
				}
			}
		}
	}
}
