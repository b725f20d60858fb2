package zfs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// A directory has a map of the names of those below it, a file system or volume one of
// its snapshots' names; each snapshot has the number of the one before it. By these, as
// far as they are in memory, data sets are found that nobody holds.

// dslTree is a pool's data sets: those held, and those found on disk.
type dslTree struct {
	c     *core.Ctx
	v     *kernel.View
	pool  *dslPool
	disk  *mosObjects
	list  []*dslDir
	dirs  map[uint64]*dslDir     // by their numbers
	at    map[uint64]*dslDir     // those held, by their addresses
	byNum map[uint64]*dslDataset // those held
}

// maxDirs bounds how many directories a pool has.
const maxDirs = 1 << 22

// newDslTree makes the tree of a pool. An error, after a part of the tree, is an
// interrupt.
func newDslTree(c *core.Ctx, v *kernel.View, names *names, spa uint64, pool *dslPool) (*dslTree, error) {
	t := &dslTree{c: c, v: v, pool: pool, dirs: map[uint64]*dslDir{}, at: map[uint64]*dslDir{}, byNum: map[uint64]*dslDataset{}}
	var err error
	if t.disk, err = newMOSObjects(v, spa, pool.objset, pool.maps); err != nil {
		c.Warnf("%s", err.Error())
	}
	for _, dir := range pool.dirs {
		if dir.name, err = names.dir(dir.addr); err != nil {
			c.Warnf("%s", err.Error())
			continue
		}
		t.list, t.dirs[dir.object], t.at[dir.addr] = append(t.list, dir), dir, dir
	}
	for _, ds := range pool.datasets {
		t.byNum[ds.object] = ds
		switch dir := t.at[ds.dir]; {
		case dir == nil:
		case pool.snapshot(ds):
			dir.snaps = append(dir.snaps, ds)
		default:
			dir.head = ds
		}
	}
	return t, t.expand()
}

// own tells whether a directory is one that ZFS keeps for itself.
func (d *dslDir) own() bool { return strings.Contains(d.name, "/$") }

// expand adds the directories that are found by the maps of those above them.
func (t *dslTree) expand() error {
	l := t.pool.dirPhys
	for i := 0; i < len(t.list); i++ {
		if t.c.Err() != nil {
			return core.ErrIntr
		}
		dir := t.list[i]
		object := l.Names.Of(dir.phys)
		if dir.own() || !l.Names.OK() {
			continue
		}
		if object == 0 {
			dir.untold = true // nothing of the directory itself is in memory
			continue
		}
		z := t.names(object)
		dir.untold = !z.whole
		for _, e := range z.entries {
			if t.dirs[e.value] != nil || len(t.list) == maxDirs {
				continue
			}
			child := &dslDir{object: e.value, name: dir.name + "/" + plainText(e.name)}
			child.phys, child.from = t.disk.bonus(e.value, bonusDir, l.Size)
			t.list, t.dirs[e.value] = append(t.list, child), child
		}
	}
	return nil
}

// names is what is in memory of a map of names. What of it cannot be read is warned of.
func (t *dslTree) names(object uint64) *nameMap {
	z, err := t.disk.names(object)
	if err != nil {
		t.c.Warnf("%s", err.Error())
	}
	return z
}

// head is a directory's file system or volume; one that nobody holds is as it is on disk,
// as far as that is in memory.
func (t *dslTree) head(dir *dslDir) *dslDataset {
	if dir.head == nil {
		dir.head = t.onDisk(t.pool.dirPhys.Head.Of(dir.phys))
	}
	return dir.head
}

// onDisk is a data set that nobody holds.
func (t *dslTree) onDisk(object uint64) *dslDataset {
	ds := &dslDataset{object: object}
	ds.phys, ds.from = t.disk.bonus(object, bonusDataset, t.pool.physical.Size)
	return ds
}

// of tells whether a snapshot is one of a directory's file system; also if that is not
// known.
func (t *dslTree) of(s *dslDataset, dir *dslDir) bool {
	if s.addr != 0 {
		return s.dir == dir.addr
	}
	l := t.pool.physical
	return s.phys == nil || !l.Dir.OK() || l.Dir.Of(s.phys) == dir.object
}

// maxSnapshots bounds a chain of snapshots.
const maxSnapshots = 1 << 20

// snapshots are those of a directory's file system: those held, those that its map of
// names has, and those that are found from the newest on. Of some nothing is in memory but
// that they are there.
func (t *dslTree) snapshots(dir *dslDir) []*dslDataset {
	list, seen := slices.Clone(dir.snaps), map[uint64]*dslDataset{}
	for _, s := range list {
		seen[s.object] = s
	}
	find := func(object uint64) *dslDataset {
		if s := cmp.Or(seen[object], t.byNum[object]); s != nil {
			return s
		}
		return t.onDisk(object)
	}
	add := func(s *dslDataset) {
		if seen[s.object] == nil {
			seen[s.object], list = s, append(list, s)
		}
	}
	head := t.head(dir)
	if head.object == 0 && dir.phys != nil {
		return list // one that ZFS keeps for itself
	}
	z := t.snapNames(head)
	for _, e := range z.entries {
		s := find(e.value)
		if !t.of(s, dir) {
			continue
		}
		if s.snapname == "" {
			s.snapname = plainText(e.name)
		}
		add(s)
	}
	met, whole := kernel.Met{}, head.phys != nil
	for object := t.pool.physical.Prev.Of(head.phys); object != 0; {
		if met.Again(object) || len(met) == maxSnapshots {
			t.c.Warnf("snapshots of %s, dsl_dir_t %x: object %d is before itself", dir.name, dir.addr, object)
			whole = false
			break
		}
		s := find(object)
		if !t.of(s, dir) {
			break // what the first is a clone of
		}
		add(s)
		whole = whole && s.phys != nil
		object = t.pool.physical.Prev.Of(s.phys)
	}
	dir.lost = !whole && !z.whole
	l := t.pool.physical
	slices.SortFunc(list, func(x, y *dslDataset) int {
		return cmp.Or(cmp.Compare(l.Txg.Of(x.phys), l.Txg.Of(y.phys)), cmp.Compare(x.object, y.object))
	})
	return list
}

// snapNames is the map of the names of a file system's snapshots.
func (t *dslTree) snapNames(head *dslDataset) *nameMap {
	object := t.pool.physical.Names.Of(head.phys)
	if object == 0 {
		return &nameMap{}
	}
	return t.names(object)
}

// name is a snapshot's full name by its number: of what is a clone of it.
func (t *dslTree) name(object uint64) string {
	s := t.byNum[object]
	if s == nil {
		s = t.onDisk(object)
	}
	dir := t.at[s.dir]
	if s.addr == 0 {
		dir = t.dirs[t.pool.physical.Dir.Of(s.phys)]
	}
	if dir == nil {
		return fmt.Sprintf("object %d", object)
	}
	if s.snapname == "" {
		for _, e := range t.snapNames(t.head(dir)).entries {
			if e.value == object {
				s.snapname = plainText(e.name)
			}
		}
	}
	return dir.name + "@" + snapName(s)
}

// kind is what a data set is, by its object set: open, or as it is on disk.
func (t *dslTree) kind(ds *dslDataset) string {
	type layout struct {
		Type kernel.Field `ctf:"os_type"`
	}
	pl, err := kernel.Lay[layout](t.v, "objset_phys_t")
	if err != nil {
		return "-"
	}
	var n uint64
	if ds.objset != 0 {
		l, err := kernel.Lay[objsetLayout](t.v, "objset_t")
		if err != nil {
			return "-"
		}
		phys, err := t.v.Pointer(ds.objset + l.Phys.Off)
		if err != nil {
			t.c.Warnf("%s", kernel.BadRead("objset_t", ds.objset, err).Error())
			return "?"
		}
		if n, err = t.v.Pointer(phys + pl.Type.Off); err != nil {
			t.c.Warnf("%s", kernel.BadRead("objset_phys_t", phys, err).Error())
			return "?"
		}
	} else {
		root := t.pool.physical.Root
		if !root.OK() || ds.phys == nil {
			return "-"
		}
		b, _ := t.disk.read.read(blockAt(ds.phys[root.Off:]))
		if pl.Type.Off+8 > uint64(len(b)) {
			return "-"
		}
		n = pl.Type.Of(b)
	}
	switch s := enumerator(t.v, "enum dmu_objset_type", "DMU_OST_", n); s {
	case "ZFS":
		return "fs"
	case "ZVOL":
		return "vol"
	case "":
		return "?"
	default:
		return strings.ToLower(s)
	}
}
