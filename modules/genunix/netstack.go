package genunix

import (
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func netstackDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "netstack", AnyAddr: true, Descr: "show stack instances", Type: "netstack_t", Table: netstackTable, Run: noArgs(runNetstack),
			Help: "Lists the network stacks: the zones with exclusive ones have their own.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "no more than without: MDB takes it, too"}, {Letter: 'q', Help: "addresses only"}}},
		{Name: "netstackid2netstack", Usage: ":", Descr: "translate a netstack id to its netstack_t", Type: "netstack_t", Run: needAddr(noArgs(runNetstackID)),
			Help: "The address is the id of a network stack. Prints the address of its netstack_t.\n"},
		{Name: "sonode", Usage: "?[-f inet | inet6 | unix | #] [-t stream | dgram | raw | #] [-p #]", Descr: "filter and display sonodes", Type: "struct sonode",
			Help:  "Lists the sockets over streams, or the socket at the address. With an option only\nthe addresses of those that fit are printed.\n",
			Table: sonodeTable, Run: noArgs(runSonode),
			Opts: []core.Opt{{Letter: 'f', Kind: core.Str, Arg: "family", Help: "of an address family"}, {Letter: 't', Kind: core.Str, Arg: "type", Help: "of a type"},
				{Letter: 'p', Kind: core.Str, Arg: "protocol", Help: "of a protocol"}}},
	}
}

func netstackWalkers() []*core.Walker {
	w := []*core.Walker{
		{Name: "netstack", Descr: "walk a list of kernel netstacks", Addr: core.AddrOptional, Type: "netstack_t", Walk: walkNetstacks},
		{Name: "sonode", Descr: "given a sonode, walk its children", Addr: core.AddrOptional, Type: "struct sonode", Walk: walkSonodes},
	}
	for _, s := range []struct{ name, member string }{{"icmp_stacks", "nu_icmp"}, {"tcp_stacks", "nu_tcp"}, {"udp_stacks", "nu_udp"}} {
		w = append(w, &core.Walker{Name: s.name, Descr: "walk all the " + strings.TrimSuffix(s.name, "_stacks") + "_stack_t",
			Addr: core.AddrOptional, Walk: walkStacks(s.member)})
	}
	return w
}

func walkNetstacks(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	return v.elems("netstack_t", v.from("genunix", "netstack_head", func(first uint64) iter.Seq2[uint64, error] {
		return v.chain("netstack", "netstack_t", "netstack_next", first)
	}))
}

func allNetstacks(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] {
	return walkNetstacks(c, 0, false)
}

// walkStacks walks the part of one protocol in every network stack.
func walkStacks(member string) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
		return func(yield func(core.Elem, error) bool) {
			v := viewOf(c)
			for e, err := range walkNetstacks(c, 0, false) {
				if err == nil {
					e.Val, err = v.member("netstack_t", "netstack_u.nu_s."+member, e.Val)
					e.Type = nil
				}
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

var netstackTable = &core.Table{
	Head: "%?s %-7s %6s\n", Line: "%0?p %6d    %06x\n", Type: "netstack_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "stackid", Head: "STACKID"}, {Name: "flags", Head: "FLAGS"}},
}

var addressTable = &core.Table{Line: "%0?p\n", Cols: []core.Field{{Name: "addr"}}}

func runNetstack(c *core.Ctx) error {
	if c.Opt('q') {
		withTable(c, addressTable)
	}
	return perAddress(allNetstacks, func(c *core.Ctx, v *view, addr uint64) error {
		var n struct {
			ID    int32 `ctf:"netstack_stackid"`
			Flags int32 `ctf:"netstack_flags"`
		}
		if err := v.load("netstack_t", addr, &n); err != nil {
			return c.Warn(err, "couldn't read netstack at %p", addr)
		}
		if c.Opt('q') {
			c.Row(out.Hex(addr))
			return nil
		}
		c.Row(out.Hex(addr), n.ID, uint32(n.Flags))
		return nil
	})(c)
}

func runNetstackID(c *core.Ctx) error {
	v := viewOf(c)
	want := int32(c.Addr)
	for e, err := range walkNetstacks(c, 0, false) {
		if err != nil {
			return err
		}
		id, err := v.member("netstack_t", "netstack_stackid", e.Val)
		if err != nil {
			return badRead("netstack", e.Val, err)
		}
		if int32(id) == want {
			emitAddr(c, e.Val, "netstack_t")
		}
	}
	return nil
}

// walkSonodes walks the list of sockets over streams, from one on or all.
func walkSonodes(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	first := uint64(start)
	if !has {
		m, err := v.symbol("sockfs", "socklist")
		if err != nil {
			return noWalk[core.Elem](unread("sockfs`socklist", err))
		}
		if first, err = v.member("struct socklist", "sl_list", m.Value); err != nil {
			return noWalk[core.Elem](badRead("address of initial sonode", m.Value, err))
		}
	}
	return v.elems("struct sonode", v.chain("sonode", "sotpi_sonode_t", "st_info.sti_next_so", first))
}

func allSonodes(c *core.Ctx, _ *view) iter.Seq2[core.Elem, error] { return walkSonodes(c, 0, false) }

var sonodeTable = &core.Table{
	Head: "%<u>%-?s Family Type Proto State Mode Flag AccessVP%</u>\n", Line: "%0?p %-6s %-4s %5hi %05x %04x %04hx\n", Type: "struct sonode",
	Cols: []core.Field{{Name: "addr", Head: "Sonode:"}, {Name: "family", Head: "Family"}, {Name: "type", Head: "Type"}, {Name: "protocol", Head: "Proto"},
		{Name: "state", Head: "State"}, {Name: "mode", Head: "Mode"}, {Name: "flag", Head: "Flag"}},
}

// sonodeFilter is what ::sonode is to show.
type sonodeFilter struct {
	family, typ, proto          int16
	hasFamily, hasType, hasProt bool
}

func (f *sonodeFilter) any() bool { return f.hasFamily || f.hasType || f.hasProt }

func (f *sonodeFilter) fits(so sonode) bool {
	return !(f.hasFamily && so.Family != f.family || f.hasType && so.Type != f.typ || f.hasProt && so.Protocol != f.proto)
}

// nameOrNumber reads an option that is one of some names or a number.
func nameOrNumber(c *core.Ctx, letter byte, names map[string]int16) (int16, bool, error) {
	s, ok := c.OptStr(letter)
	if !ok {
		return 0, false, nil
	}
	if n, ok := names[s]; ok {
		return n, true, nil
	}
	n, err := c.Strtoull(s)
	return int16(n), true, err
}

// nameOr is the name of a number, else the number itself.
func nameOr(c *core.Ctx, names map[int16]string, n int16, format string) any {
	if name, ok := names[n]; ok {
		return name
	}
	if c.Opts.JSON {
		return n
	}
	return out.Sprintf(c.OutEnv(), format, n)
}

func runSonode(c *core.Ctx) error {
	var f sonodeFilter
	var err error
	if f.family, f.hasFamily, err = nameOrNumber(c, 'f', map[string]int16{"inet": afInet, "inet6": afInet6, "unix": afUnix}); err != nil {
		return err
	}
	if f.typ, f.hasType, err = nameOrNumber(c, 't', map[string]int16{"stream": sockStream, "dgram": sockDgram, "raw": sockRaw}); err != nil {
		return err
	}
	if f.proto, f.hasProt, err = nameOrNumber(c, 'p', nil); err != nil {
		return err
	}
	if f.any() {
		withTable(c, addressTable)
	}
	return perAddress(allSonodes, func(c *core.Ctx, v *view, addr uint64) error {
		var so sonode
		if err := v.load("struct sonode", addr, &so); err != nil {
			return c.Warn(err, "failed to read sonode at %p", addr)
		}
		switch {
		case !f.fits(so):
			return nil
		case f.any():
			c.Row(out.Hex(addr))
			return nil
		}
		c.Row(out.Hex(addr), nameOr(c, map[int16]string{afUnix: "unix", afInet: "inet", afInet6: "inet6"}, so.Family, "%6hi"),
			nameOr(c, map[int16]string{sockStream: "strm", sockDgram: "dgrm", sockRaw: "raw"}, so.Type, "%4hi"),
			so.Protocol, so.State, so.Mode, so.Flag)
		return nil
	})(c)
}
