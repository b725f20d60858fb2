package zfs

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// maxMetaslabs bounds a vdev's metaslabs: there are about 200 of a device, and at most
// 2^17 (zfs_vdev_ms_count_limit).
const maxMetaslabs = 1 << 17

// noFragmentation is ZFS_FRAG_INVALID.
const noFragmentation = ^uint64(0)

// deviceLayout is what of a vdev_t is about its space.
type deviceLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Array kernel.Field `ctf:"vdev_ms"`
	Count kernel.Field `ctf:"vdev_ms_count"`
}

// metaslabLayout is how the release lays out metaslab_t. What of its space map is not
// yet on disk is in two range trees, where there is a log of space maps.
type metaslabLayout struct {
	Size   uint64       `ctf:"sizeof"`
	ID     kernel.Field `ctf:"ms_id"`
	Start  kernel.Field `ctf:"ms_start"`
	Length kernel.Field `ctf:"ms_size"`
	Frag   kernel.Field `ctf:"ms_fragmentation"`
	Map    kernel.Field `ctf:"ms_sm"`
	Frees  kernel.Field `ctf:"ms_unflushed_frees,optional"`
	Allocs kernel.Field `ctf:"ms_unflushed_allocs,optional"`
}

type spaceMapLayout struct {
	Size uint64       `ctf:"sizeof"`
	Phys kernel.Field `ctf:"sm_phys"`
}

type spaceMapPhysLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Alloc kernel.Field `ctf:"smp_alloc"`
}

type rangeTreeLayout struct {
	Size     uint64       `ctf:"sizeof"`
	Space    kernel.Field `ctf:"rt_space"`
	Elems    kernel.Field `ctf:"rt_root.bt_num_elems|rt_root.avl_numnodes"`
	ElemSize kernel.Field `ctf:"rt_root.bt_elem_size|rt_root.avl_size"`
}

// metaslabs are the addresses of a vdev's metaslabs.
func metaslabs(v *kernel.View, vdev uint64) ([]uint64, error) {
	l, b, err := read(v, "vdev_t", vdev, func(l *deviceLayout) uint64 { return l.Size })
	if err != nil || l.Count.Of(b) == 0 {
		return nil, err
	}
	return pointers(v, "vdev_ms", l.Array.Of(b), l.Count.Of(b), maxMetaslabs)
}

// walkMetaslabs walks the metaslabs of a pool's devices.
func walkMetaslabs(c *core.Ctx, spa mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return elems(c, "metaslab_t", func(v *kernel.View, yield func(uint64) bool) error {
		sl, sb, err := readSpa(v, uint64(spa))
		if err != nil {
			return err
		}
		l, b, err := readVdev(v, sl.Root.Of(sb))
		if err != nil {
			return err
		}
		tops, err := pointers(v, "vdev children", l.Child.Of(b), l.Children.Of(b), maxChildren)
		if err != nil {
			return err
		}
		for _, top := range tops {
			list, err := metaslabs(v, top)
			if err != nil {
				return err
			}
			for _, a := range list {
				if !yield(a) {
					return nil
				}
			}
		}
		return nil
	})
}

// unflushed is what a range tree holds: bytes of the device, and of memory; nothing
// if there is no tree.
func unflushed(v *kernel.View, tree uint64) (space, memory uint64, err error) {
	if tree == 0 {
		return 0, 0, nil
	}
	l, b, err := read(v, "range_tree_t", tree, func(l *rangeTreeLayout) uint64 { return l.Size })
	if err != nil {
		return 0, 0, err
	}
	return l.Space.Of(b), l.Elems.Of(b) * l.ElemSize.Of(b), nil
}

// metaslabFree is how much of a metaslab is free, in bytes, and the memory that
// changes take which are not in its space map yet.
func metaslabFree(v *kernel.View, l *metaslabLayout, b []byte) (free, memory uint64, err error) {
	free = l.Length.Of(b)
	if sm := l.Map.Of(b); sm != 0 {
		ml, mb, err := read(v, "space_map_t", sm, func(l *spaceMapLayout) uint64 { return l.Size })
		if err != nil {
			return 0, 0, err
		}
		if phys := ml.Phys.Of(mb); phys != 0 {
			pl, pb, err := read(v, "space_map_phys_t", phys, func(l *spaceMapPhysLayout) uint64 { return l.Size })
			if err != nil {
				return 0, 0, err
			}
			free -= pl.Alloc.Of(pb)
		}
	}
	frees, m1, err := unflushed(v, l.Frees.Of(b))
	if err != nil {
		return 0, 0, err
	}
	allocs, m2, err := unflushed(v, l.Allocs.Of(b))
	return free + frees - allocs, m1 + m2, err
}

// metaslabTable prints the metaslabs of a vdev.
func (p *vdevPrinter) metaslabTable(addr uint64) error {
	list, err := metaslabs(p.v, addr)
	if err != nil || len(list) == 0 {
		return err
	}
	return indented(p.c, func() error {
		p.c.Printf("%<u>%-?s %6s %20s %10s %10s %10s%</u>\n", "ADDR", "ID", "OFFSET", "FREE", "FRAG", "UCMU")
		for _, a := range list {
			l, b, err := read(p.v, "metaslab_t", a, func(l *metaslabLayout) uint64 { return l.Size })
			if err != nil {
				return err
			}
			free, memory, err := metaslabFree(p.v, l, b)
			if err != nil {
				return err
			}
			frag := fmt.Sprintf("%9s", "-")
			if n := l.Frag.Of(b); n != noFragmentation {
				frag = fmt.Sprintf("%9d%%", n)
			}
			p.c.Printf("%0?p %6llu %20llx %10s %s %10s\n", a, l.ID.Of(b), l.Start.Of(b), out.NiceNum(free), frag, out.NiceNum(memory))
		}
		return nil
	})
}
