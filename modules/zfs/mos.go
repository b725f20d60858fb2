package zfs

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/xmdb/xmdb/modules/kernel"
)

// What nobody holds has no structure in memory, but often there is what is on disk. The
// MOS keeps 32 objects in a block (sys/dnode.h); an object's dnode_phys_t is in it, with
// its bonus buffer and the pointers to its blocks. Blocks are in dbufs, in their pointers,
// in the ARC (diskblock.go); those of the object that has the others' dnodes are so too.

// mosObjects reads objects of a MOS as they are on disk.
type mosObjects struct {
	v    *kernel.View
	phys *dnodePhysLayout
	read *blockReader
	meta *mosObject
	per  uint64            // objects in a block
	held map[uint64]uint64 // dnode_t of objects in memory, by their numbers
}

// mosObject is an object whose blocks are looked for.
type mosObject struct {
	phys  []byte // dnode_phys_t; nil if it is not in memory
	dbufs map[blockID]dbufData
	kept  map[blockID]keptBlock // what is in no dbuf
}

type blockID struct{ level, id uint64 }

type dbufData struct{ data, size uint64 }

type keptBlock struct {
	b    []byte
	from origin
}

// maxKept bounds how many blocks of an object are kept decompressed: they have 16K, those
// of pointers 128K.
const maxKept = 64

// dnodePhysLayout is what of an object is on disk; the bonus buffer follows the block
// pointers.
type dnodePhysLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Type      kernel.Field `ctf:"dn_type"`
	Indirect  kernel.Field `ctf:"dn_indblkshift"`
	Levels    kernel.Field `ctf:"dn_nlevels"`
	Pointers  kernel.Field `ctf:"dn_nblkptr"`
	BonusType kernel.Field `ctf:"dn_bonustype"`
	Sectors   kernel.Field `ctf:"dn_datablkszsec"`
	BonusLen  kernel.Field `ctf:"dn_bonuslen"`
	First     kernel.Field `ctf:"dn_blkptr"`
}

// dnodeShift is DNODE_SHIFT: an object takes 512 bytes of a block.
const dnodeShift = 9

// newMOSObjects opens a pool's own object set; held are the objects that have a dnode_t.
// What was found before an error counts.
func newMOSObjects(v *kernel.View, spa, objset uint64, held map[uint64]uint64) (*mosObjects, error) {
	m := &mosObjects{v: v, held: held, meta: &mosObject{}}
	var err error
	if m.phys, err = kernel.Lay[dnodePhysLayout](v, "dnode_phys_t"); err != nil {
		return m, err
	}
	m.read = &blockReader{v: v, arc: newARCBlocks(v, spa)}
	l, b, err := read(v, "objset_t", objset, func(l *objsetLayout) uint64 { return l.Size })
	if err != nil {
		return m, err
	}
	if f, err := v.Member("objset_phys_t", "os_meta_dnode"); err == nil {
		if phys, err := v.Bytes(l.Phys.Of(b)+f.Off, m.phys.Size, nil); err == nil {
			m.meta.phys = bytes.Clone(phys)
			m.per = m.phys.Sectors.Of(phys) << sector >> dnodeShift
		}
	}
	m.meta.dbufs, err = cachedBlocks(v, l.Meta.Of(b))
	for id, d := range m.meta.dbufs {
		if id.level == 0 && m.per == 0 {
			m.per = d.size >> dnodeShift
		}
	}
	return m, err
}

// cachedBlocks are the blocks of an object whose contents are in dbufs.
func cachedBlocks(v *kernel.View, dnode uint64) (map[blockID]dbufData, error) {
	list := map[blockID]dbufData{}
	err := dnodeBlocks(v, dnode, func(level, id, data, size uint64) {
		if data != 0 && size != 0 && size <= maxDiskBlock {
			list[blockID{level, id}] = dbufData{data, size}
		}
	})
	return list, err
}

// dnode is an object's dnode_phys_t and where it was found; nil if it is not in memory.
func (m *mosObjects) dnode(object uint64) ([]byte, origin) {
	if m.per == 0 {
		return nil, nowhere
	}
	id, at := blockID{0, object / m.per}, object%m.per<<dnodeShift
	if d, ok := m.meta.dbufs[id]; ok && at+1<<dnodeShift <= d.size {
		if b, err := m.v.Bytes(d.data+at, 1<<dnodeShift, nil); err == nil {
			return b, inDbuf
		}
		return nil, nowhere
	}
	b, from, err := m.block(m.meta, id)
	if err != nil || at+1<<dnodeShift > uint64(len(b)) {
		return nil, nowhere
	}
	return b[at : at+1<<dnodeShift], from
}

// bonus is an object's bonus buffer of a type and where it was found; nil if it is not in
// memory, or of another type, or shorter than size.
func (m *mosObjects) bonus(object, typ, size uint64) ([]byte, origin) {
	b, from := m.dnode(object)
	if b == nil || m.phys.BonusType.Of(b) != typ || m.phys.BonusLen.Of(b) < size {
		return nil, nowhere
	}
	start := m.phys.First.Off + m.phys.Pointers.Of(b)*blkptrSize
	if start+size > uint64(len(b)) {
		return nil, nowhere
	}
	return bytes.Clone(b[start : start+size]), from
}

// open gets at an object that is not the first.
func (m *mosObjects) open(object uint64) (*mosObject, error) {
	o := &mosObject{}
	o.phys, _ = m.dnode(object)
	dnode := m.held[object]
	if dnode == 0 {
		return o, nil
	}
	var err error
	o.dbufs, err = cachedBlocks(m.v, dnode)
	return o, err
}

// block is a block of an object: out of a dbuf, or by the pointer to it, which is in the
// block above it or, at the top, in the dnode.
func (m *mosObjects) block(o *mosObject, id blockID) ([]byte, origin, error) {
	if d, ok := o.dbufs[id]; ok {
		b, err := m.v.Bytes(d.data, d.size, nil)
		if err != nil {
			return nil, nowhere, kernel.BadRead("a dbuf's data", d.data, err)
		}
		return b, inDbuf, nil
	}
	if k, ok := o.kept[id]; ok {
		return k.b, k.from, nil
	}
	p, err := m.pointer(o, id)
	if p == nil || err != nil {
		return nil, nowhere, err
	}
	b, from := m.read.read(p)
	if o.kept == nil || len(o.kept) >= maxKept {
		o.kept = map[blockID]keptBlock{}
	}
	o.kept[id] = keptBlock{b, from}
	return b, from, nil
}

// maxLevels is how many levels of blocks an object may have (DN_MAX_LEVELS, and more).
const maxLevels = 16

// pointer is the pointer to a block of an object; nil if it is not in memory, or there is
// none.
func (m *mosObjects) pointer(o *mosObject, id blockID) (*blkptr, error) {
	if o.phys == nil {
		return nil, nil
	}
	levels, n := m.phys.Levels.Of(o.phys), m.phys.Pointers.Of(o.phys)
	shift := m.phys.Indirect.Of(o.phys)
	if levels > maxLevels || id.level >= levels {
		return nil, nil
	}
	if id.level == levels-1 {
		at := m.phys.First.Off + id.id*blkptrSize
		if id.id >= n || at+blkptrSize > uint64(len(o.phys)) {
			return nil, nil
		}
		return blockAt(o.phys[at:]), nil
	}
	if shift <= 7 || shift > 24 {
		return nil, nil
	}
	shift -= 7 // pointers in a block of them
	b, _, err := m.block(o, blockID{id.level + 1, id.id >> shift})
	at := id.id & (1<<shift - 1) * blkptrSize
	if err != nil || at+blkptrSize > uint64(len(b)) {
		return nil, err
	}
	return blockAt(b[at:]), nil
}

// nameMap is what is in memory of a map of names to numbers.
type nameMap struct {
	entries []zapEntry
	whole   bool // all of it is
}

// maxZapBlocks bounds the blocks of a map, and maxZapEntries its entries.
const (
	maxZapBlocks  = 1 << 16
	maxZapEntries = 1 << 22
)

// names reads a map. An error is of what cannot be read and comes with what could.
func (m *mosObjects) names(object uint64) (*nameMap, error) {
	o, err := m.open(object)
	z, failed := m.namesOf(o)
	return z, cmp.Or(err, failed)
}

func (m *mosObjects) namesOf(o *mosObject) (*nameMap, error) {
	first, _, failed := m.block(o, blockID{})
	if zapKind(first) == zapMicroBlock {
		return &nameMap{microEntries(first), true}, failed
	}
	header, known := parseZapHeader(first)
	z := &nameMap{}
	for _, id := range m.leaves(o, header) {
		b, _, err := m.block(o, blockID{0, id})
		failed = cmp.Or(failed, err)
		if z.entries = append(z.entries, leafEntries(b)...); len(z.entries) > maxZapEntries {
			break
		}
	}
	z.whole = known && uint64(len(z.entries)) == header.entries
	return z, failed
}

// leaves are the numbers of the blocks of a large map that may be leaves.
func (m *mosObjects) leaves(o *mosObject, h zapHeader) (list []uint64) {
	last := h.blocks // none if the header is not in memory: then only what is in dbufs is found
	for id := uint64(1); id < min(last, maxZapBlocks); id++ {
		if id-h.table >= h.tableBlocks { // not of the table of pointers
			list = append(list, id)
		}
	}
	for id := range o.dbufs {
		if id.level == 0 && id.id >= max(last, 1) && id.id < maxZapBlocks {
			list = append(list, id.id)
		}
	}
	slices.Sort(list)
	return list
}
