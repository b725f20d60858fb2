package zfs

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Of snapshots that nobody holds there is no structure, but often what is on disk: the
// MOS keeps 32 objects in a block (sys/dnode.h), and the block is in memory while one
// of them is. Each snapshot has the number of the one before it; their names are in a
// map (a ZAP) that the file system has the number of.

// diskObjects reads objects of a MOS out of its blocks that are in memory.
type diskObjects struct {
	v      *kernel.View
	blocks map[uint64]diskBlock // by number
	per    uint64               // objects in a block
	phys   *dnodePhysLayout
}

type diskBlock struct{ data, size uint64 }

// dnodePhysLayout is what of an object is on disk; the bonus buffer follows the block
// pointers.
type dnodePhysLayout struct {
	Type      kernel.Field `ctf:"dn_type"`
	BonusType kernel.Field `ctf:"dn_bonustype"`
	BonusLen  kernel.Field `ctf:"dn_bonuslen"`
	Pointers  kernel.Field `ctf:"dn_nblkptr"`
	First     kernel.Field `ctf:"dn_blkptr"`
}

// dnodeShift is DNODE_SHIFT: an object takes 512 bytes of a block.
const dnodeShift = 9

// newDiskObjects finds the blocks of a MOS; what was found before an error counts.
func newDiskObjects(v *kernel.View, objset uint64) (*diskObjects, error) {
	d := &diskObjects{v: v, blocks: map[uint64]diskBlock{}}
	var err error
	if d.phys, err = kernel.Lay[dnodePhysLayout](v, "dnode_phys_t"); err != nil {
		return d, err
	}
	l, b, err := read(v, "objset_t", objset, func(l *objsetLayout) uint64 { return l.Size })
	if err != nil {
		return d, err
	}
	err = dnodeBlocks(v, l.Meta.Of(b), func(level, id, data, size uint64) {
		if level == 0 && data != 0 && size>>dnodeShift != 0 {
			d.blocks[id] = diskBlock{data, size}
			d.per = size >> dnodeShift
		}
	})
	return d, err
}

// bonus is an object's bonus buffer of a type; nil if its block is not in memory, or it
// is of another type or shorter than size.
func (d *diskObjects) bonus(object, typ, size uint64) []byte {
	if d.per == 0 {
		return nil
	}
	block, ok := d.blocks[object/d.per]
	if !ok {
		return nil
	}
	b, err := d.v.Bytes(block.data+object%d.per<<dnodeShift, 1<<dnodeShift, nil)
	if err != nil || d.phys.BonusType.Of(b) != typ || d.phys.BonusLen.Of(b) < size {
		return nil
	}
	start := d.phys.First.Off + d.phys.Pointers.Of(b)*blkptrSize
	if start+size > uint64(len(b)) {
		return nil
	}
	return bytes.Clone(b[start : start+size])
}

// A small map (sys/zap_impl.h): a header of 64 bytes, then entries of 64: a value, 6
// bytes, a name.
const (
	microZap   = 1<<63 + 3 // ZBT_MICRO
	microEntry = 64
	microName  = 14
	maxMicro   = 128 << 10 // the largest block of one; it is made a large one then
)

// names reads a small map of names: by their values. Of one that is larger than a
// block, or not in memory, there are none.
func (d *diskObjects) names(dnode uint64) (map[uint64]string, error) {
	var data, size uint64
	err := dnodeBlocks(d.v, dnode, func(level, id, at, n uint64) {
		if level == 0 && id == 0 {
			data, size = at, n
		}
	})
	if err != nil || data == 0 || size > maxMicro {
		return nil, err
	}
	b, err := d.v.Bytes(data, size, nil)
	if err != nil {
		return nil, kernel.BadRead("mzap_phys_t", data, err)
	}
	list := map[uint64]string{}
	if len(b) < microEntry || binary.LittleEndian.Uint64(b) != microZap {
		return nil, nil
	}
	for b = b[microEntry:]; len(b) >= microEntry; b = b[microEntry:] {
		name, _, _ := bytes.Cut(b[microName:microEntry], []byte{0})
		if len(name) > 0 {
			list[binary.LittleEndian.Uint64(b)] = plainText(string(name))
		}
	}
	return list, nil
}

// maxSnapshots bounds a chain of snapshots.
const maxSnapshots = 1 << 20

// snapshots are those of a directory's file system: those held, and those that are
// found from the newest on. The last of these may be one of which nothing is in memory
// but that it is there.
func (d *datasetLister) snapshots(dir *dslDir, head *dslDataset) []*dslDataset {
	l := d.pool.physical
	held := d.snaps[dir.addr]
	seen := map[uint64]bool{}
	for _, s := range held {
		seen[s.object] = true
	}
	list, met := held, kernel.Met{}
	for object := l.Prev.Of(head.phys); object != 0; {
		if met.Again(object) || len(met) == maxSnapshots {
			d.c.Warnf("%s", fmt.Sprintf("snapshots of dsl_dir_t %x: object %d is before itself", dir.addr, object))
			break
		}
		s := d.byNum[object]
		if s == nil {
			s = &dslDataset{object: object, dir: dir.addr, phys: d.disk.bonus(object, bonusDataset, l.Size)}
		}
		if s.dir != dir.addr || s.phys != nil && l.Dir.OK() && l.Dir.Of(s.phys) != dir.object {
			break // what the first is a clone of
		}
		if !seen[object] {
			seen[object] = true
			list = append(list, s)
		}
		object = l.Prev.Of(s.phys)
	}
	d.nameSnapshots(list, l.Names.Of(head.phys))
	return list
}

// nameSnapshots gives snapshots the names that their file system's map has for them.
func (d *datasetLister) nameSnapshots(list []*dslDataset, object uint64) {
	dnode := d.pool.maps[object]
	if dnode == 0 {
		return
	}
	names, err := d.disk.names(dnode)
	if err != nil {
		d.c.Warnf("%s", err.Error())
	}
	for _, s := range list {
		if s.snapname == "" {
			s.snapname = names[s.object]
		}
	}
}

// openDisk finds what of the pool's own object set is in memory as it is on disk.
func (d *datasetLister) openDisk(c *core.Ctx) {
	var err error
	if d.disk, err = newDiskObjects(d.v, d.pool.objset); err != nil {
		c.Warnf("%s", err.Error())
	}
}
