package zfs

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func saDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "sa_attr_table", Usage: ":", Descr: "print SA attribute table from sa_os_t", Type: "sa_os_t", Table: attrTable, Run: noArgs(runAttrTable)},
		{Name: "sa_attr", Usage: ": attr_id", Descr: "print SA attribute address when given sa_handle_t", Type: "sa_handle_t", Run: runAttr,
			Help: "Prints where a system attribute of a file is: in the bonus buffer of its dnode, or in\nthe spill block. ::sa_attr_table lists the numbers.\n"},
	}
}

var attrTable = &core.Table{
	Head: "%<u>%-10s %-10s %-10s %-10s %s%</u>\n", Line: "%5x   %8x %8x %8x          %-s\n",
	Cols: []core.Field{{Name: "id", Head: "ATTR ID"}, {Name: "registered", Head: "REGISTERED"}, {Name: "length", Head: "LENGTH"},
		{Name: "bswap", Head: "BSWAP", Descr: "the type of number by which it is brought into the other byte order"}, {Name: "name", Head: "NAME"}},
}

// Bounds of what is believed of tables of attributes.
const (
	maxAttrs    = 1 << 16 // sa_attr_type_t has 16 bits
	maxAttrName = 1024
)

// saLayout is how the release lays out sa_os_t: what a dataset knows of system
// attributes.
type saLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Count kernel.Field `ctf:"sa_num_attrs"`
	Table kernel.Field `ctf:"sa_attr_table"`
}

type attrLayout struct {
	Size       uint64       `ctf:"sizeof"`
	ID         kernel.Field `ctf:"sa_attr"`
	Registered kernel.Field `ctf:"sa_registered"`
	Length     kernel.Field `ctf:"sa_length"`
	Swap       kernel.Field `ctf:"sa_byteswap"`
	Name       kernel.Field `ctf:"sa_name"`
}

func runAttrTable(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	l, b, err := read(v, "sa_os_t", c.Addr, func(l *saLayout) uint64 { return l.Size })
	if err != nil {
		return kernel.Failed(err, "failed to read sa_os at %x", c.Addr)
	}
	al, err := kernel.Lay[attrLayout](v, "sa_attr_table_t")
	if err != nil {
		return err
	}
	n, at := l.Count.Of(b), l.Table.Of(b)
	if n > maxAttrs {
		return fmt.Errorf("sa_os %x: there cannot be %d attributes", c.Addr, int64(n))
	}
	c.Head()
	for i := range n {
		b, err := v.Bytes(at+i*al.Size, al.Size, nil)
		if err != nil {
			return kernel.Failed(err, "failed to read sa_attr_table at %x", at+i*al.Size)
		}
		name, err := v.Text(al.Name.Of(b), maxAttrName)
		if err != nil {
			name = fmt.Sprintf("?%x", al.Name.Of(b))
		}
		c.Row(al.ID.Of(b), al.Registered.Of(b), al.Length.Of(b), al.Swap.Of(b), name)
	}
	return nil
}

// handleLayout is how the release lays out sa_handle_t: the attributes of a file are in
// the bonus buffer of its dnode, and what it has no room for in a spill block. A table for
// each says where.
type handleLayout struct {
	Size     uint64       `ctf:"sizeof"`
	Bonus    kernel.Field `ctf:"sa_bonus"`
	BonusTab kernel.Field `ctf:"sa_bonus_tab"`
	Spill    kernel.Field `ctf:"sa_spill"`
	SpillTab kernel.Field `ctf:"sa_spill_tab"`
	Objset   kernel.Field `ctf:"sa_os"`
}

type objsetSALayout struct {
	Size uint64       `ctf:"sizeof"`
	SA   kernel.Field `ctf:"os_sa"`
}

type indexLayout struct {
	Size uint64       `ctf:"sizeof"`
	Tab  kernel.Field `ctf:"sa_idx_tab"`
}

// said ends a command with a text that is no warning, as MDB's ::sa_attr does.
func said(c *core.Ctx, text string) error {
	if c.Opts.JSON {
		c.Warnf("%s", text)
	}
	heading(c, "%s\n", text)
	return core.ErrFailed
}

func runAttr(c *core.Ctx) error {
	if len(c.Args) != 1 {
		return core.ErrUsage
	}
	id, err := argNumber(c, c.Args[0])
	if err != nil {
		return err
	}
	v := kernel.Of(c.Session)
	l, b, err := read(v, "sa_handle_t", c.Addr, func(l *handleLayout) uint64 { return l.Size })
	if err != nil {
		c.Warnf("%s", err.Error())
		return said(c, "Can't find necessary information in sa_handle in sa_handle")
	}
	ol, ob, err := read(v, "objset_t", l.Objset.Of(b), func(l *objsetSALayout) uint64 { return l.Size })
	if err != nil {
		c.Warnf("%s", err.Error())
		return said(c, "Can't find os_sa in objset")
	}
	sl, sb, err := read(v, "sa_os_t", ol.SA.Of(ob), func(l *saLayout) uint64 { return l.Size })
	if err != nil {
		c.Warnf("%s", err.Error())
		return said(c, "Can't find sa_num_attrs")
	}
	if n := sl.Count.Of(sb); id >= n || n > maxAttrs {
		return said(c, "attribute id number is out of range")
	}
	for _, at := range []struct {
		name       string
		table, buf uint64
	}{{"bonus", l.BonusTab.Of(b), l.Bonus.Of(b)}, {"spill", l.SpillTab.Of(b), l.Spill.Of(b)}} {
		if at.table == 0 {
			continue
		}
		off, present, err := attrOffset(v, at.table, id)
		if err != nil {
			c.Warnf("%s", err.Error())
			return said(c, "can't find offset table in sa_idx_tab")
		}
		if present {
			return showAttr(c, v, at.name, at.buf, off)
		}
	}
	return said(c, "Attribute does not exist")
}

// attrOffset is where an attribute is in a buffer, by the sa_idx_tab_t for it: a word
// whose first bit tells whether the attribute is there, the last ones where.
func attrOffset(v *kernel.View, table, id uint64) (off uint64, present bool, err error) {
	l, b, err := read(v, "sa_idx_tab_t", table, func(l *indexLayout) uint64 { return l.Size })
	if err != nil {
		return 0, false, err
	}
	w, err := v.Bytes(l.Tab.Of(b)+4*id, 4, nil)
	if err != nil {
		return 0, false, kernel.Failed(err, "failed to read attribute offset table %x", l.Tab.Of(b))
	}
	n := kernel.Field{Size: 4}.Of(w)
	return bits(n, 0, 23), bits(n, 31, 1) != 0, nil
}

// showAttr prints where an attribute is, by its offset in the data of a buffer.
func showAttr(c *core.Ctx, v *kernel.View, name string, buf, off uint64) error {
	l, b, err := read(v, "dmu_buf_t", buf, func(l *dmuBufLayout) uint64 { return l.Size })
	if err != nil {
		c.Warnf("%s", err.Error())
		return said(c, "can't find db_data in "+name+" dbuf")
	}
	at := l.Data.Of(b) + off
	if c.PipeOut {
		c.Emit(at, nil)
		return nil
	}
	c.Record(func() { c.Printf("%p\n", at) }, out.Field{Name: "addr", Value: out.Hex(at)}, out.Field{Name: "in", Value: name}, out.Field{Name: "offset", Value: off})
	return nil
}
