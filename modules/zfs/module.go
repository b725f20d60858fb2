package zfs

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Module is MDB's module zfs.
func Module() *core.Module {
	m := &core.Module{Name: "zfs", Descr: "ZFS: pools, devices, I/O", Objects: []string{"zfs"}}
	m.Dcmds = append(append(append(poolDcmds(), zioDcmds()...), stateDcmds()...), blockDcmds()...)
	m.Walkers = append(append(poolWalkers(), zioWalkers()...), txgWalkers()...)
	m.Dcmds = append(append(append(m.Dcmds, dbufDcmds()...), arcDcmds()...), datasetDcmds()...)
	m.Walkers = append(m.Walkers, arcWalkers()...)
	for _, more := range []func() []*core.Dcmd{spaceDcmds, weightDcmds, spaceMapDcmds, rangeDcmds, refcountDcmds, blkstatsDcmds, zapDcmds, aclDcmds, saDcmds} {
		m.Dcmds = append(m.Dcmds, more()...)
	}
	m.Walkers = append(append(m.Walkers, rangeWalkers()...), aclWalkers()...)
	return m
}

// noArgs refuses words behind the options.
func noArgs(run func(*core.Ctx) error) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if len(c.Args) != 0 {
			return core.ErrUsage
		}
		return run(c)
	}
}

// elems makes a walker's elements of a function that yields addresses.
func elems(c *core.Ctx, typ string, run func(v *kernel.View, yield func(uint64) bool) error) iter.Seq2[core.Elem, error] {
	v := kernel.Of(c.Session)
	t := v.TypeOrNil(typ)
	return func(yield func(core.Elem, error) bool) {
		stopped := false
		err := run(v, func(a uint64) bool {
			stopped = !yield(core.Elem{Val: a, Type: t}, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(core.Elem{}, err)
		}
	}
}

// walkOf is another walker's walk.
func walkOf(c *core.Ctx, name string, at uint64) iter.Seq2[core.Elem, error] {
	list := c.Reg.Walkers(name)
	if len(list) == 0 {
		return func(yield func(core.Elem, error) bool) {
			yield(core.Elem{}, kernel.Failed(core.ErrNoWalk, "can't walk '%s'", name))
		}
	}
	return list[0].Walk(c, mem.Addr(at), at != 0)
}

// read reads an object of a layout's size.
func read[L any](v *kernel.View, typ string, addr uint64, size func(*L) uint64) (*L, []byte, error) {
	l, err := kernel.Lay[L](v, typ)
	if err != nil {
		return nil, nil, err
	}
	b, err := v.Bytes(addr, size(l), nil)
	if err != nil {
		return nil, nil, kernel.BadRead(typ, addr, err)
	}
	return l, b, nil
}

// words are the 64-bit numbers of an array that lies in an object.
func words(f kernel.Field, b []byte) []uint64 {
	list := make([]uint64, 0, f.Size/8)
	for off := uint64(0); off+8 <= f.Size; off += 8 {
		list = append(list, kernel.Field{Off: f.Off + off, Size: 8}.Of(b))
	}
	return list
}

// pointers reads an array of n pointers.
func pointers(v *kernel.View, what string, addr, n, limit uint64) ([]uint64, error) {
	if n > limit {
		return nil, kernel.Failed(nil, "%s at %x: there cannot be %d", what, addr, n)
	}
	b, err := v.Bytes(addr, n*8, nil)
	if err != nil {
		return nil, kernel.Failed(err, "failed to read %s at %x", what, addr)
	}
	return words(kernel.Field{Size: n * 8}, b), nil
}
