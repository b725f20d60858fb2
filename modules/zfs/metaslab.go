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
	Group kernel.Field `ctf:"vdev_mg,optional"`
}

// metaslabLayout is how the release lays out metaslab_t. What of its space map is not
// yet on disk is in two range trees, where there is a log of space maps.
type metaslabLayout struct {
	Size   uint64       `ctf:"sizeof"`
	ID     kernel.Field `ctf:"ms_id"`
	Start  kernel.Field `ctf:"ms_start"`
	Length kernel.Field `ctf:"ms_size"`
	Frag   kernel.Field `ctf:"ms_fragmentation,optional"`
	Map    kernel.Field `ctf:"ms_sm"`
	Frees  kernel.Field `ctf:"ms_unflushed_frees,optional"`
	Allocs kernel.Field `ctf:"ms_unflushed_allocs,optional"`
}

type spaceMapLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Length kernel.Field `ctf:"sm_size"`
	Shift  kernel.Field `ctf:"sm_shift,optional"`
	Phys   kernel.Field `ctf:"sm_phys"`
}

type spaceMapPhysLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Alloc kernel.Field `ctf:"smp_alloc"`
	Histo kernel.Field `ctf:"smp_histogram,optional"`
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

// held is what a range tree holds: bytes of the device, and of memory; nothing if
// there is no tree.
func held(v *kernel.View, tree uint64) (space, memory uint64, err error) {
	if tree == 0 {
		return 0, 0, nil
	}
	l, b, err := readRangeTree(v, tree)
	if err != nil {
		return 0, 0, err
	}
	if l.Nodes.OK() {
		return l.Space.Of(b), l.Nodes.Of(b) * btreeLeaf, nil
	}
	size, err := v.Size("range_seg_t")
	return l.Space.Of(b), l.Elems.Of(b) * size, err
}

// slabSpace is what the space map of a metaslab says, and what is not in it yet.
type slabSpace struct {
	size, alloc   uint64   // of the space map: what it covers, and what of that is allocated
	buckets       []uint64 // its histogram of free segments, by powers of two from 2^shift bytes on
	shift         uint64
	frees, allocs uint64 // not flushed
	memory        uint64 // that these take
}

// readSpace reads the space of a metaslab. One that nothing was allocated in has no
// space map.
func readSpace(v *kernel.View, l *metaslabLayout, b []byte) (s slabSpace, err error) {
	if sm := l.Map.Of(b); sm != 0 {
		ml, mb, err := read(v, "space_map_t", sm, func(l *spaceMapLayout) uint64 { return l.Size })
		if err != nil {
			return s, err
		}
		s.size, s.shift = ml.Length.Of(mb), ml.Shift.Of(mb)
		if phys := ml.Phys.Of(mb); phys != 0 {
			pl, pb, err := read(v, "space_map_phys_t", phys, func(l *spaceMapPhysLayout) uint64 { return l.Size })
			if err != nil {
				return s, err
			}
			s.alloc, s.buckets = pl.Alloc.Of(pb), words(pl.Histo, pb)
		}
	}
	var m1, m2 uint64
	if s.frees, m1, err = held(v, l.Frees.Of(b)); err == nil {
		s.allocs, m2, err = held(v, l.Allocs.Of(b))
	}
	s.memory = m1 + m2
	return s, err
}

// space prints the metaslabs of a vdev and their group, as far as the options ask for
// them. What is wrong with them is said, and the vdevs below are printed.
func (p *vdevPrinter) space(addr uint64) {
	if !p.groups && !p.slabs {
		return
	}
	l, b, err := read(p.v, "vdev_t", addr, func(l *deviceLayout) uint64 { return l.Size })
	if err != nil {
		p.c.Warnf("%s", err.Error())
		return
	}
	if group := l.Group.Of(b); p.groups && group != 0 {
		if err := indented(p.c, func() error { return p.group(addr, group) }); err != nil {
			p.c.Warnf("%s", err.Error())
		}
	}
	if p.slabs && l.Array.Of(b) != 0 {
		if err := indented(p.c, func() error { return p.metaslabTable(addr) }); err != nil {
			p.c.Warnf("%s", err.Error())
		}
	}
}

// metaslabTable prints the metaslabs of a vdev.
func (p *vdevPrinter) metaslabTable(addr uint64) error {
	list, err := metaslabs(p.v, addr)
	if err != nil {
		return err
	}
	p.c.Printf("%<u>%-?s %6s %20s %10s %10s %10s%</u>\n", "ADDR", "ID", "OFFSET", "FREE", "FRAG", "UCMU")
	for _, a := range list {
		if p.c.Err() != nil {
			return core.ErrIntr
		}
		l, b, err := read(p.v, "metaslab_t", a, func(l *metaslabLayout) uint64 { return l.Size })
		if err != nil {
			return err
		}
		s, err := readSpace(p.v, l, b)
		if err != nil {
			return err
		}
		frag := fmt.Sprintf("%9s", "-")
		if n := l.Frag.Of(b); l.Frag.OK() && n != noFragmentation {
			frag = fmt.Sprintf("%9d%%", n)
		}
		p.c.Printf("%0?p %6llu %20llx %10s %s %10s\n", a, l.ID.Of(b), l.Start.Of(b), out.NiceNum(l.Length.Of(b)-s.alloc+s.frees-s.allocs), frag, out.NiceNum(s.memory))
		if p.histo {
			histogram(p.c, s.buckets, int(s.shift))
		}
	}
	return nil
}
