package genunix

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func contractDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "contract", Usage: "?", AnyAddr: true, Descr: "display a contract", Type: "contract_t", Table: contractTable, Run: noArgs(perAddress(allContracts, contractRow)),
			Help: "Lists all contracts, or the one at the address: id, type, state, and the process\nor contract that holds it.\n"},
		{Name: "ctid", Usage: ":", Descr: "convert id to a contract pointer", Type: "contract_t", Run: needAddr(runCtid),
			Help: "The address is the id of a contract. Prints the address of its contract_t.\n"},
		{Name: "ctevent", Usage: ":", Descr: "display a contract event", Type: "ct_kevent_t", Table: cteventTable, Run: needAddr(runCtevent),
			Help: "Prints an event of a contract.\n"},
	}
}

func contractWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "contract", Descr: "walk all contracts, or those of the specified type", Addr: core.AddrOptional, Type: "contract_t", Walk: walkContracts},
		{Name: "ct_event", Descr: "walk events on a contract event queue", Addr: core.AddrOptional, Type: "ct_kevent_t",
			Walk: walkQueue("ctq_events", "ct_event", "ct_kevent_t")},
		{Name: "ct_listener", Descr: "walk contract event queue listeners", Addr: core.AddrOptional, Type: "ct_listener_t",
			Walk: walkQueue("ctq_listeners", "ct_listener", "ct_listener_t")},
	}
}

func walkContracts(c *core.Ctx, typ mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	var tree uint64
	var err error
	if has {
		tree, err = v.ref("ct_type_t", uint64(typ), "ct_type_avl")
	} else {
		tree, err = v.address("genunix", "contract_avl")
	}
	if err != nil {
		return noWalk[core.Elem](err)
	}
	return v.elems("contract_t", v.treeOf("contract_t", tree))
}

func allContracts(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] {
	return walkContracts(c, 0, false)
}

// walkQueue walks a list of a ct_equeue_t.
func walkQueue(member, name, typ string) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, queue mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		v := viewOf(c)
		if !has {
			c.Warnf("%s walker requires ct_equeue address", name)
			return noWalk[core.Elem](core.ErrFailed)
		}
		list, err := v.ref("ct_equeue_t", uint64(queue), member)
		if err != nil {
			return noWalk[core.Elem](err)
		}
		return v.elems(typ, v.listOf(typ, list))
	}
}

var contractTable = &core.Table{
	Head: "%<u>%?s %8s %8s %8s %?s %?s%</u>\n", Line: "%0?p %8d %8s %8s %?p %?p\n", Type: "contract_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "id", Head: "ID"}, {Name: "type", Head: "TYPE"}, {Name: "state", Head: "STATE"},
		{Name: "owner", Head: "OWNER"}, {Name: "regent", Head: "REGENT"}},
}

func contractRow(c *core.Ctx, v *view, addr uint64) error {
	var ct struct {
		ID     int32  `ctf:"ct_id"`
		State  uint32 `ctf:"ct_state"`
		Type   uint64 `ctf:"ct_type"`
		Owner  uint64 `ctf:"ct_owner"`
		Regent uint64 `ctf:"ct_regent"`
	}
	if err := v.load("contract_t", addr, &ct); err != nil {
		return c.Warn(err, "error reading contract_t at %p", addr)
	}
	name, err := v.member("ct_type_t", "ct_type_name", ct.Type)
	if err != nil {
		return c.Warn(err, "error reading ct_type_t at %p", ct.Type)
	}
	typ, err := v.text(name, 32)
	if err != nil {
		return c.Warn(err, "error reading contract type name at %p", name)
	}
	state := "dead"
	if states := []string{"owned", "inherit", "orphan"}; int(ct.State) < len(states) {
		state = states[ct.State]
	}
	c.Row(out.Hex(addr), ct.ID, typ, state, out.Hex(ct.Owner), out.Hex(ct.Regent))
	return nil
}

func runCtid(c *core.Ctx) error {
	v := viewOf(c)
	want := int32(c.Addr)
	for e, err := range allContracts(c, v) {
		if err != nil {
			return err
		}
		id, err := v.member("contract_t", "ct_id", e.Val)
		if err != nil {
			return badRead("contract_t", e.Val, err)
		}
		if int32(id) != want {
			continue
		}
		if c.PipeOut || c.Opts.JSON {
			emitAddr(c, e.Val, "contract_t")
		} else {
			c.Printf("%lr", e.Val)
		}
		return nil
	}
	return core.ErrFailed
}

// eventFlags are the bits of cte_flags.
var eventFlags = out.Bits{{Name: "ACK", Mask: 1, Bits: 1}, {Name: "INFO", Mask: 2, Bits: 2}, {Name: "NEG", Mask: 4, Bits: 4}}

var cteventTable = &core.Table{
	Head: "%<u>%12s %8s %12s %6s %12s %12s %s%</u>\n", Line: "%12p %8llu %12p %6d %12p %12p %s\n", Type: "ct_kevent_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "id", Head: "ID"}, {Name: "contract", Head: "CONTRACT"}, {Name: "type", Head: "TYPE"},
		{Name: "data", Head: "DATA"}, {Name: "gdata", Head: "GDATA"}, {Name: "flags", Head: "FLAGS"}},
}

func runCtevent(c *core.Ctx) error {
	var e struct {
		ID       uint64 `ctf:"cte_id"`
		Type     uint32 `ctf:"cte_type"`
		Flags    int32  `ctf:"cte_flags"`
		Contract uint64 `ctf:"cte_contract"`
		Data     uint64 `ctf:"cte_data"`
		Gdata    uint64 `ctf:"cte_gdata"`
	}
	if err := viewOf(c).load("ct_kevent_t", c.Addr, &e); err != nil {
		return c.Warn(err, "error reading ct_kevent_t at %p", c.Addr)
	}
	c.Row(out.Hex(c.Addr), e.ID, out.Hex(e.Contract), e.Type, out.Hex(e.Data), out.Hex(e.Gdata), eventFlags.Format(uint64(e.Flags), false))
	return nil
}
