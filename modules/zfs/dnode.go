package zfs

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// dnodeLayout is how the release lays out dnode_t.
type dnodeLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Object    kernel.Field `ctf:"dn_object"`
	Type      kernel.Field `ctf:"dn_type"`
	BonusType kernel.Field `ctf:"dn_bonustype"`
	Bonus     kernel.Field `ctf:"dn_bonus"`
	Dbufs     kernel.Field `ctf:"dn_dbufs"`
}

// span is how much of a dnode_t has what is looked at.
func (l *dnodeLayout) span() uint64 {
	n := uint64(0)
	for _, f := range []kernel.Field{l.Object, l.Type, l.BonusType, l.Bonus} {
		n = max(n, f.Off+f.Size)
	}
	return n
}

// eachDnode goes through the objects of an object set that are in memory. The list is
// the kernel's; that of the dnodes themselves is not on it.
func eachDnode(c *core.Ctx, v *kernel.View, objset uint64, f func(addr uint64, l *dnodeLayout, b []byte) error) error {
	ol, err := kernel.Lay[objsetLayout](v, "objset_t")
	if err != nil {
		return err
	}
	l, err := kernel.Lay[dnodeLayout](v, "dnode_t")
	if err != nil {
		return err
	}
	size := l.span()
	var buf []byte
	n := 0
	for a, err := range v.List("dnode_t", objset+ol.Dnodes.Off) {
		if err != nil {
			return err
		}
		if n++; n%1024 == 0 && c.Err() != nil {
			return core.ErrIntr
		}
		if buf, err = v.Bytes(a, size, buf); err != nil {
			return kernel.BadRead("dnode_t", a, err)
		}
		if err := f(a, l, buf); err != nil {
			return err
		}
	}
	return nil
}

// dnodeBlocks goes through the blocks of an object whose contents are in memory: on which
// level one is, its number, where what it holds lies, and how many bytes that has.
func dnodeBlocks(v *kernel.View, dnode uint64, f func(level, id, data, size uint64)) error {
	l, err := kernel.Lay[dnodeLayout](v, "dnode_t")
	if err != nil {
		return err
	}
	dl, err := kernel.Lay[dbufLayout](v, "dmu_buf_impl_t")
	if err != nil {
		return err
	}
	walk := v.Tree
	if n, err := v.Size("list_t"); err == nil && n == l.Dbufs.Size {
		walk = v.List // until 2015
	}
	cached, known := enumValue(v, "enum dbuf_states", "DB_CACHED")
	var buf []byte
	for a, err := range walk("dmu_buf_impl_t", dnode+l.Dbufs.Off) {
		if err != nil {
			return err
		}
		if buf, err = v.Bytes(a, dl.Size, buf); err != nil {
			return kernel.BadRead("dmu_buf_impl_t", a, err)
		}
		if known && dl.State.OK() && dl.State.Of(buf) != cached {
			continue // it is being read or overwritten
		}
		f(dl.Level.Of(buf), dl.Blkid.Of(buf), dl.Data.Of(buf), dl.Bytes.Of(buf))
	}
	return nil
}
