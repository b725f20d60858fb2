package genunix

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// eventDcmds are the commands of system events.
func eventDcmds() []*core.Dcmd {
	named := func(next string) *core.Table {
		return &core.Table{Head: "%<u>%-?s %-24s %-?s%</u>\n", Line: "%-?p %-24s %-?p\n",
			Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "name", Head: "NAME"}, {Name: "list", Head: next}}}
	}
	return []*core.Dcmd{
		{Name: "sysevent", Usage: "?[-sv]", Descr: "print sysevent pending or sent queue", Type: "sysevent_impl_t", Run: noArgs(runSysevent), Opts: []core.Opt{
			{Letter: 's', Help: "those that were sent"}, {Letter: 'v', Help: "all of each event"}}},
		{Name: "sysevent_channel", Usage: "?", Descr: "print sysevent channel database", Type: "sysevent_channel_descriptor_t", Run: noArgs(runEventChannel), Table: &core.Table{
			Head: "%<u>%-?s %-16s %-8s %-?s%</u>\n", Line: "%-?p %-16s %-8lu %-?p\n", Type: "sysevent_channel_descriptor_t",
			Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "name", Head: "NAME"}, {Name: "refs", Head: "REF CNT"}, {Name: "classes", Head: "CLASS LST ADDR"}}}},
		{Name: "sysevent_class_list", Usage: ":", Descr: "print sysevent class list", Table: named("SUBCLASS LIST ADDR"), Run: noArgs(needAddr(func(c *core.Ctx) error {
			v := viewOf(c)
			return v.eventNames(c, v.eventChains(c.Addr, eventClasses, "class list", "class_lst_t", "cl_next"), "class_lst_t", "cl_name", func(at uint64) (uint64, error) {
				return v.member("class_lst_t", "cl_subclass_list", at)
			})
		}))},
		{Name: "sysevent_subclass_list", Usage: ":", Descr: "print sysevent subclass list", Table: named("SUBSCRIBER DATA ADDR"), Run: noArgs(needAddr(func(c *core.Ctx) error {
			v := viewOf(c)
			return v.eventNames(c, v.chain("class list", "subclass_lst_t", "sl_next", c.Addr), "subclass_lst_t", "sl_name", func(at uint64) (uint64, error) {
				return v.ref("subclass_lst_t", at, "sl_num")
			})
		}))},
	}
}

// eventWalkers are their walkers.
func eventWalkers() []*core.Walker {
	required := func(name, descr, typ string, walk func(v *view, at uint64) seq2) *core.Walker {
		return &core.Walker{Name: name, Descr: descr, Addr: core.AddrRequired, Type: typ, Walk: func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems(typ, walk(v, uint64(at)))
		}}
	}
	queue := func(name, descr, global string) *core.Walker {
		return &core.Walker{Name: name, Descr: descr, Addr: core.AddrOptional, Type: "sysevent_impl_t", Walk: func(c *core.Ctx, at mem.Addr, has bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems("sysevent_impl_t", v.events(global, uint64(at), has))
		}}
	}
	return []*core.Walker{
		queue("sysevent_pend", "walk sysevent pending queue", "log_eventq_head"),
		queue("sysevent_sent", "walk sysevent sent queue", "log_eventq_sent"),
		required("sysevent_class_list", "walk sysevent subscription's class list", "class_lst_t", func(v *view, at uint64) seq2 {
			return v.eventChains(at, eventClasses, "class list", "class_lst_t", "cl_next")
		}),
		required("sysevent_subclass_list", "walk sysevent subscription's subclass list", "subclass_lst_t", func(v *view, at uint64) seq2 {
			return v.chain("class list", "subclass_lst_t", "sl_next", at)
		}),
		{Name: "sysevent_channel", Descr: "walk sysevent channel subscriptions", Addr: core.AddrNone, Type: "sysevent_channel_descriptor_t", Walk: func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems("sysevent_channel_descriptor_t", v.eventChannels())
		}},
	}
}

// How many chains the hash tables of channels and of classes have.
const (
	eventChannelChains = 32
	eventClasses       = 64
)

// events walks the events of a queue.
func (v *view) events(global string, at uint64, has bool) seq2 {
	return func(yield func(uint64, error) bool) {
		var err error
		if !has {
			at, err = v.variable("genunix", global)
		}
		var event uint64
		if err == nil {
			event, err = v.offset("log_eventq_t", "arg.buf")
		}
		if err != nil {
			yield(0, err)
			return
		}
		for q, err := range v.chain("event queue", "log_eventq_t", "next", at) {
			if !yield(q+event, err) || err != nil {
				return
			}
		}
	}
}

// eventChains walks the elements of a hash table.
func (v *view) eventChains(table, n uint64, what, typ, link string) seq2 {
	return func(yield func(uint64, error) bool) {
		heads, err := v.pointers(table, n)
		if err != nil {
			yield(0, badRead(what+" hash table", table, err))
			return
		}
		for _, first := range heads {
			for a, err := range v.chain(what, typ, link, first) {
				if !yield(a, err) || err != nil {
					return
				}
			}
		}
	}
}

func (v *view) eventChannels() seq2 {
	table, err := v.address("genunix", "registered_channels")
	if err != nil {
		return noWalk[uint64](err)
	}
	return v.eventChains(table, eventChannelChains, "channel", "sysevent_channel_descriptor_t", "scd_next")
}

// cut cuts a name that does not fit into a field of n bytes, as MDB does.
func cut(s string, n int) string {
	if len(s) >= n-1 {
		return s[:n-4] + "..."
	}
	return s
}

// Sizes of the fields of names.
const (
	classField    = 9
	subclassField = 10
	listField     = 24
	channelField  = 14
)

// runSysevent is ::sysevent.
func runSysevent(c *core.Ctx) error {
	v := viewOf(c)
	if c.HasAddr {
		return v.event(c, c.Addr, c.Header())
	}
	global := "log_eventq_head"
	if c.Opt('s') {
		global = "log_eventq_sent"
	}
	head := !c.PipeOut
	for at, err := range v.events(global, 0, false) {
		if err == nil {
			err = v.event(c, at, head)
		}
		if err != nil {
			return err
		}
		head = false
	}
	return nil
}

// event prints an event: its strings lie behind its header.
func (v *view) event(c *core.Ctx, at uint64, head bool) error {
	if c.PipeOut {
		c.Emit(at, v.typeOrNil("sysevent_impl_t"))
		return nil
	}
	verbose := c.Opt('v')
	if head && !verbose && !c.Opts.JSON {
		c.Printf("%<u>%-?s %-16s %-9s %-10s %-?s%</u>\n", "ADDRESS", "SEQUENCE ID", "CLASS", "SUBCLASS", "NVPAIR BUF ADDR")
	}
	var e struct {
		Seq      uint64 `ctf:"se_header.se_id.eid_seq"`
		Time     int64  `ctf:"se_header.se_id.eid_ts"`
		Subclass uint64 `ctf:"se_header.se_subclass_off"`
		Pub      uint64 `ctf:"se_header.se_pub_off"`
	}
	if err := v.load("sysevent_impl_t", at, &e); err != nil {
		return badRead("event header", at, err)
	}
	first, err := v.ref("sysevent_impl_t", at, "se_class_name")
	if err != nil {
		return err
	}
	var texts [3]string
	for i, a := range []uint64{first, at + e.Subclass, at + e.Pub} {
		if texts[i], err = v.str(a); err != nil {
			return badRead("sysevent", at, err)
		}
	}
	class, subclass, pub := texts[0], texts[1], texts[2]
	attrs := at + e.Pub + (uint64(len(pub))+8)&^7
	c.Record(func() {
		if !verbose {
			c.Printf("%-?p %-16llu %-9s %-10s %-?p\n", at, e.Seq, cut(class, classField), cut(subclass, subclassField), attrs)
			return
		}
		c.Printf("%<b>Sequence ID\t : %llu%</b>\n", e.Seq)
		c.Printf("%16s : %s\n%16s : %p\n%16s : %s\n%16s : %s\n%16s : %llu\n%16s : %p\n", "publisher", pub, "event address", at,
			"class", class, "subclass", subclass, "time stamp", uint64(e.Time), "nvpair buf addr", attrs)
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "sequence", Value: e.Seq}, out.Field{Name: "class", Value: class}, out.Field{Name: "subclass", Value: subclass},
		out.Field{Name: "publisher", Value: pub}, out.Field{Name: "time", Value: e.Time}, out.Field{Name: "nvpairs", Value: out.Addr(attrs)})
	return nil
}

// runEventChannel is ::sysevent_channel.
func runEventChannel(c *core.Ctx) error {
	v := viewOf(c)
	return perAddress(func(c *core.Ctx, v *view) iter.Seq2[core.Elem, error] {
		return v.elems("sysevent_channel_descriptor_t", v.eventChannels())
	}, func(c *core.Ctx, _ *view, at uint64) error {
		var d struct {
			Name uint64 `ctf:"scd_channel_name"`
			Refs int64  `ctf:"scd_ref_cnt"`
		}
		if err := v.load("sysevent_channel_descriptor_t", at, &d); err != nil {
			return badRead("channel table", at, err)
		}
		name, err := v.text(d.Name, channelField)
		if err != nil {
			return badRead("channel name", d.Name, err)
		}
		classes, err := v.ref("sysevent_channel_descriptor_t", at, "scd_class_list_tbl")
		if err != nil {
			return err
		}
		c.Row(out.Addr(at), cut(name, channelField), d.Refs, out.Addr(classes))
		return nil
	})(c)
}

// eventNames prints classes, or subclasses.
func (v *view) eventNames(c *core.Ctx, list seq2, typ, member string, next func(at uint64) (uint64, error)) error {
	for at, err := range list {
		if err != nil {
			return err
		}
		p, err := v.member(typ, member, at)
		var name string
		if err == nil {
			name, err = v.text(p, listField)
		}
		if err != nil {
			return badRead("class name", p, err)
		}
		data, err := next(at)
		if err != nil {
			return badRead("class list", at, err)
		}
		c.Row(out.Addr(at), cut(name, listField), out.Addr(data))
	}
	return nil
}
