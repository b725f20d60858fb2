package genunix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func rctlDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "rctl_dict", Usage: "?", Descr: "print systemwide default rctl definitions", Type: "rctl_dict_entry_t", Table: rctlDictTable, Run: perAddress(allRctlDicts, rctlDictRow),
			Help: "Lists the resource controls that there are, or the one at the address.\n"},
		{Name: "rctl_list", Usage: ":[handle]", Descr: "print rctls for the given proc", Type: "proc_t", Run: needAddr(runRctlList),
			Help: "Prints the resource controls of the process at the address, of its task, project and\nzone; with a handle only the one of that id.\n"},
		{Name: "rctl", Usage: ":[handle]", Descr: "print a rctl_t, only if it matches the handle", Type: "rctl_t", Run: needAddr(runRctl),
			Help: "Prints a resource control and its values; (cur) stands before the one enforced.\n"},
		{Name: "rctl_validate", Usage: ":[-v] [-n #]", Descr: "test resource control value sequence", Type: "rctl_t", Run: needAddr(noArgs(runRctlValidate)),
			Help: "Checks the list of values of a resource control: order, links, and the value that\nis enforced. Prints the address if something is wrong.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "what is wrong"}, {Letter: 'n', Kind: core.Uint, Arg: "#", Help: "as many values are too many"}}},
	}
}

func rctlWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "rctl_dict_list", Descr: "walk all rctl_dict_entry_t's from rctl_lists", Addr: core.AddrOptional, Type: "rctl_dict_entry_t", Walk: walkRctlDicts},
		{Name: "rctl_set", Descr: "given a rctl_set, walk all rctls", Addr: core.AddrRequired, Type: "rctl_t", Walk: walkRctlSet},
		{Name: "rctl_val", Descr: "given a rctl_t, walk all rctl_val entries associated", Addr: core.AddrRequired, Type: "rctl_val_t", Walk: walkRctlValues},
	}
}

// maxChains bounds tables of pointers.
const maxChains = 1 << 16

func walkRctlDicts(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	m, err := v.symbol("genunix", "rctl_lists")
	if err != nil {
		return noWalk[core.Elem](unread("rctl_lists", err))
	}
	return v.elems("rctl_dict_entry_t", v.buckets(m.Value, m.Size/8, "rctl_dict_entry_t", "rcd_next"))
}

func allRctlDicts(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] {
	return walkRctlDicts(c, 0, false)
}

// buckets walks the chains that begin in a table of n pointers.
func (v *view) buckets(table, n uint64, typ, link string) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		if n > maxChains {
			yield(0, fmt.Errorf("table at %x cannot have %d buckets", table, n))
			return
		}
		heads, err := v.pointers(table, n)
		if err != nil {
			yield(0, badRead("table", table, err))
			return
		}
		for _, h := range heads {
			for a, err := range v.chain(typ, typ, link, h) {
				if !yield(a, err) || err != nil {
					return
				}
			}
		}
	}
}

func walkRctlSet(c *core.Ctx, set mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	table, err := v.member("rctl_set_t", "rcs_ctls", uint64(set))
	if err != nil {
		return noWalk[core.Elem](badRead("rset", uint64(set), err))
	}
	n, err := v.variable("genunix", "rctl_set_size")
	if err != nil {
		return noWalk[core.Elem](err)
	}
	if n == 0 {
		return noWalk[core.Elem](fmt.Errorf("rctl_set_size not found or invalid"))
	}
	return v.elems("rctl_t", v.buckets(table, n, "rctl_t", "rc_next"))
}

func walkRctlValues(c *core.Ctx, rctl mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	first, err := v.member("rctl_t", "rc_values", uint64(rctl))
	if err != nil {
		return noWalk[core.Elem](badRead("rctl", uint64(rctl), err))
	}
	return v.elems("rctl_val_t", v.chain("rctl_val", "rctl_val_t", "rcv_next", first))
}

var rctlDictTable = &core.Table{
	Head: "%<u>%2s %-27s %?s %7s %s%</u>\n", Line: "%2d %-27s %0?p %7s 0x%08x\n", Type: "rctl_dict_entry_t", Pipe: 2,
	Cols: []core.Field{{Name: "id", Head: "ID"}, {Name: "name", Head: "NAME"}, {Name: "addr", Head: "ADDR"}, {Name: "type", Head: "TYPE"},
		{Name: "flags", Head: "GLOBAL_FLAGS"}},
}

// rctlEntities are the values of rctl_entity_t.
var rctlEntities = []string{"process", "task", "project", "zone"}

// dictEntry is what is read of a rctl_dict_entry_t.
type dictEntry struct {
	ID     int32  `ctf:"rcd_id"`
	Name   uint64 `ctf:"rcd_name"`
	Entity uint32 `ctf:"rcd_entity"`
	Flags  int32  `ctf:"rcd_flagaction"`
}

func rctlDictRow(c *core.Ctx, v *view, addr uint64) error {
	var d dictEntry
	if err := v.load("rctl_dict_entry_t", addr, &d); err != nil {
		return c.Warn(err, "failed to read rctl_dict at %p", addr)
	}
	name, err := v.text(d.Name, 256)
	if err != nil {
		return c.Warn(err, "failed to read rctl_dict name for %p", addr)
	}
	typ := "unknown"
	if int(d.Entity) < len(rctlEntities) {
		typ = rctlEntities[d.Entity]
	}
	c.Row(d.ID, name, out.Hex(addr), typ, uint32(d.Flags))
	return nil
}

// handle is the number given to ::rctl and ::rctl_list, 0 if there is none.
func handle(c *core.Ctx) (int32, error) {
	switch {
	case len(c.Args) > 1:
		return 0, core.ErrUsage
	case len(c.Args) == 0:
		return 0, nil
	case c.Args[0].IsImm:
		return int32(c.Args[0].Imm), nil
	}
	n, err := c.Strtoull(c.Args[0].Str)
	return int32(n), err
}

func runRctl(c *core.Ctx) error {
	h, err := handle(c)
	if err != nil {
		return err
	}
	return printRctl(c, viewOf(c), c.Addr, h, len(c.Args) != 0)
}

// valueFlags are the local flags of a value.
var valueFlags = out.Bits{{Name: "SIGNAL", Mask: 1, Bits: 1}, {Name: "DENY", Mask: 2, Bits: 2}, {Name: "MAX", Mask: 0x80000000, Bits: 0x80000000}}

var privileges = map[int32]string{0x01000000: "basic", 0x04000000: "privileged", 0x07000000: "system"}

func printRctl(c *core.Ctx, v *view, addr uint64, h int32, only bool) error {
	var r struct {
		ID     int32  `ctf:"rc_id"`
		Dict   uint64 `ctf:"rc_dict_entry"`
		Cursor uint64 `ctf:"rc_cursor"`
	}
	if err := v.load("rctl_t", addr, &r); err != nil {
		return c.Warn(err, "failed to read rctl_t structure at %p", addr)
	}
	if only && r.ID != h {
		return nil
	}
	if c.PipeOut {
		c.Emit(addr, v.typeOrNil("rctl_t"))
		return nil
	}
	at, err := v.member("rctl_dict_entry_t", "rcd_name", r.Dict)
	if err != nil {
		return c.Warn(err, "failed to read dict entry for rctl_t %p at %p", addr, r.Dict)
	}
	name, err := v.text(at, 256)
	if err != nil {
		return c.Warn(err, "failed to read name for rctl_t %p", addr)
	}
	values, werr := v.rctlValues(c, addr)
	list := out.List{}
	for _, x := range values {
		list = append(list, out.Object{{Name: "value", Value: x.Value}, {Name: "privilege", Value: x.privilege()},
			{Name: "flags", Value: flagNames(valueFlags, uint64(x.Flags))}, {Name: "current", Value: x.addr == r.Cursor}})
	}
	c.Record(func() {
		c.Printf("%0?p\t%3d : %s\n", addr, r.ID, name)
		for _, x := range values {
			mark := "     "
			if x.addr == r.Cursor {
				mark = "(cur)"
			}
			c.Printf("\t%s %-#18llx %11s\tflags=<%b>\n", mark, x.Value, x.privilege(), x.Flags, valueFlags)
		}
	}, out.Field{Name: "addr", Value: out.Hex(addr)}, out.Field{Name: "id", Value: r.ID}, out.Field{Name: "name", Value: name}, out.Field{Name: "values", Value: list})
	if werr != nil {
		c.Warnf("%s", werr.Error())
		c.Warnf("failed to walk all values for rctl_t %p", addr)
		return core.ErrFailed
	}
	return nil
}

// rctlValue is what is read of a rctl_val_t.
type rctlValue struct {
	addr      uint64
	Prev      uint64 `ctf:"rcv_prev"`
	Next      uint64 `ctf:"rcv_next"`
	Privilege int32  `ctf:"rcv_privilege"`
	Value     uint64 `ctf:"rcv_value"`
	Flags     uint32 `ctf:"rcv_flagaction"`
}

func (x rctlValue) privilege() string {
	if p, ok := privileges[x.Privilege]; ok {
		return p
	}
	return "???"
}

// rctlValues reads the values of a control; with an error those before it.
func (v *view) rctlValues(c *core.Ctx, rctl uint64) ([]rctlValue, error) {
	var list []rctlValue
	for e, err := range walkRctlValues(c, mem.Addr(rctl), true) {
		if err != nil {
			return list, err
		}
		x := rctlValue{addr: e.Val}
		if err := v.load("rctl_val_t", e.Val, &x); err != nil {
			return list, badRead("rctl_val", e.Val, err)
		}
		list = append(list, x)
	}
	return list, nil
}

func runRctlList(c *core.Ctx) error {
	h, err := handle(c)
	if err != nil {
		return err
	}
	v := viewOf(c)
	entity := -1
	if h != 0 {
		if entity, err = rctlEntity(c, v, h); err != nil {
			return err
		}
	}
	var p struct {
		Process uint64 `ctf:"p_rctls"`
		Task    uint64 `ctf:"p_task->tk_rctls"`
		Project uint64 `ctf:"p_task->tk_proj->kpj_rctls"`
		Zone    uint64 `ctf:"p_zone->zone_rctls"`
	}
	if err := v.load("proc_t", c.Addr, &p); err != nil {
		return c.Warn(err, "failed to read proc at %p", c.Addr)
	}
	for i, set := range []uint64{p.Process, p.Task, p.Project, p.Zone} {
		if entity >= 0 && entity != i {
			continue
		}
		for e, err := range walkRctlSet(c, mem.Addr(set), true) {
			if err != nil {
				c.Warnf("%s", err.Error())
				c.Warnf("failed to walk rctls in set %p", set)
				return core.ErrFailed
			}
			if err := printRctl(c, v, e.Val, h, h != 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// rctlEntity is what the control of an id is for.
func rctlEntity(c *core.Ctx, v *view, h int32) (int, error) {
	for e, err := range walkRctlDicts(c, 0, false) {
		if err != nil {
			return 0, err
		}
		var d dictEntry
		if err := v.load("rctl_dict_entry_t", e.Val, &d); err != nil {
			return 0, badRead("rctl_dict_entry_t", e.Val, err)
		}
		if d.ID == h {
			return int(d.Entity), nil
		}
	}
	return 0, core.ErrFailed
}
