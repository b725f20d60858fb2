package genunix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// The instances of a STREAMS module are kept in a ring of MI_O, each with the module's
// own data behind it; the first of the ring is its head and has none (inet/mi.h).

func miDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "mi", Usage: ":[-p] [-d | -m]", Descr: "filter and display MI object or payload", Type: "MI_O", Table: miTable, Run: needAddr(noArgs(runMI)),
		Help: "Shows the instance of a STREAMS device or module at the address. With an option only\nthe address of one that fits is printed.\n",
		Opts: []core.Opt{{Letter: 'p', Help: "the address of the data behind it"}, {Letter: 'd', Help: "only if it is a device"}, {Letter: 'm', Help: "only if it is a module"}},
	}}
}

func miWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "mi", Descr: "given a MI_O, walk the MI", Addr: core.AddrRequired, Walk: walkMI},
		{Name: "icmp", Descr: "walk ICMP control structures using MI for all stacks", Addr: core.AddrOptional, Type: "icmp_t", Walk: walkICMP},
	}
}

// instances walks the data of the instances in the ring whose head is given.
func (v *view) instances(head uint64) iter.Seq2[uint64, error] {
	size, err := v.size("MI_O")
	if err != nil {
		return noWalk[uint64](err)
	}
	return func(yield func(uint64, error) bool) {
		for at, err := range v.ring("MI object", "MI_O", "mi_o_next", head) {
			if err == nil && at == head {
				continue
			}
			if !yield(at+size, err) || err != nil {
				return
			}
		}
	}
}

func walkMI(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return func(yield func(core.Elem, error) bool) {
		for at, err := range v.instances(uint64(start)) {
			if !yield(core.Elem{Val: at}, err) || err != nil {
				return
			}
		}
	}
}

// walkICMP walks the open instances of ICMP in every network stack.
func walkICMP(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return v.elems("icmp_t", func(yield func(uint64, error) bool) {
		for e, err := range walkStacks("nu_icmp")(c, 0, false) {
			var head uint64
			if err == nil {
				if head, err = v.member("struct icmp_stack", "is_head", e.Val); err != nil {
					err = fmt.Errorf("can't read address of mi head at %x for icmp_stacks: %w", e.Val, err)
				}
			}
			if err != nil {
				yield(0, err)
				return
			}
			if head == 0 {
				continue
			}
			for at, err := range v.instances(head) {
				if !yield(at, err) || err != nil {
					return
				}
			}
		}
	})
}

var miTable = &core.Table{
	Head: "%<u>%-?s %-?s %-?s %s %s%</u>\n", Line: "%0?p %0?p %0?p %-5s %0?p\n", Type: "MI_O",
	Cols: []core.Field{{Name: "addr", Head: "MI_O"}, {Name: "next", Head: "Next"}, {Name: "prev", Head: "Prev"}, {Name: "isdev", Head: "IsDev"}, {Name: "dev", Head: "Dev"}},
}

func runMI(c *core.Ctx) error {
	v := viewOf(c)
	var o struct {
		Next  uint64 `ctf:"mi_o_next"`
		Prev  uint64 `ctf:"mi_o_prev"`
		IsDev uint32 `ctf:"mi_o_isdev"`
		Dev   uint64 `ctf:"mi_o_dev"`
	}
	if c.Opt('d') && c.Opt('m') {
		c.Warnf("at most one filter, d for devices or m for modules, may be specified")
		return core.ErrUsage
	}
	if err := v.load("MI_O", c.Addr, &o); err != nil {
		return c.Warn(err, "failed to read mi object MI_O at %p", c.Addr)
	}
	if !anyOpt(c, "pdm") {
		c.Row(out.Hex(c.Addr), out.Hex(o.Next), out.Hex(o.Prev), map[bool]string{true: "TRUE", false: "FALSE"}[o.IsDev != 0], out.Hex(o.Dev))
		return nil
	}
	if c.Opt('d') && o.IsDev == 0 || c.Opt('m') && o.IsDev != 0 {
		return nil
	}
	at, typ := c.Addr, "MI_O"
	if c.Opt('p') {
		size, err := v.size("MI_O")
		if err != nil {
			return err
		}
		at, typ = at+size, ""
	}
	emitAddr(c, at, typ)
	return nil
}
