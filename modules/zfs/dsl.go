package zfs

import (
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Data sets are objects of a pool's own object set, the MOS: a directory (dsl_dir_t)
// for each, with the space that it and all below it take, and for the file system or
// volume and for each snapshot a dsl_dataset_t. What of them somebody holds is in memory: the
// object's dnode_t is on the MOS' list of dnodes, its bonus buffer has what is on disk
// (dsl_dir_phys_t, dsl_dataset_phys_t), and that buffer's user is the structure.
// No other structure lists them; those that nobody holds are found by the maps of names
// on disk (dsltree.go).

// Types of bonus buffers and objects (enum dmu_object_type), which are numbers on disk.
const (
	bonusDir     = 12 // DMU_OT_DSL_DIR
	bonusDataset = 16 // DMU_OT_DSL_DATASET
	childMap     = 13 // DMU_OT_DSL_DIR_CHILD_MAP: no bonus buffer, but a map of directories' names
	snapMap      = 14 // DMU_OT_DSL_DS_SNAP_MAP: one of snapshots' names
)

// dslPoolLayout is where a pool has its own object set and the snapshot $ORIGIN@$ORIGIN:
// that is empty, and all file systems that are clones of no other are clones of it.
type dslPoolLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Spa    kernel.Field `ctf:"dp_spa"`
	Meta   kernel.Field `ctf:"dp_meta_objset"`
	Origin kernel.Field `ctf:"dp_origin_snap,optional"`
}

// dirLayout is what beside its name a dsl_dir_t has. Until 2015 the user of a buffer
// was the structure itself, not a member.
type dirLayout struct {
	Size   uint64       `ctf:"sizeof"`
	User   kernel.Field `ctf:"dd_dbu,optional"`
	Object kernel.Field `ctf:"dd_object"`
}

type dslDirPhysLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Head    kernel.Field `ctf:"dd_head_dataset_obj,optional"`
	Names   kernel.Field `ctf:"dd_child_dir_zapobj,optional"`
	Origin  kernel.Field `ctf:"dd_origin_obj,optional"`
	Used    kernel.Field `ctf:"dd_used_bytes,optional"`
	Created kernel.Field `ctf:"dd_creation_time,optional"`
	Quota   kernel.Field `ctf:"dd_quota,optional"`
}

// datasetLayout is how the release lays out dsl_dataset_t.
type datasetLayout struct {
	Size     uint64       `ctf:"sizeof"`
	User     kernel.Field `ctf:"ds_dbu,optional"`
	Dir      kernel.Field `ctf:"ds_dir"`
	Object   kernel.Field `ctf:"ds_object"`
	Objset   kernel.Field `ctf:"ds_objset"`
	Snapname kernel.Field `ctf:"ds_snapname"`
}

// datasetPhysLayout is what of a data set is on disk. A snapshot is what has children:
// the next one, or the file system.
type datasetPhysLayout struct {
	Size         uint64       `ctf:"sizeof"`
	Children     kernel.Field `ctf:"ds_num_children"`
	Dir          kernel.Field `ctf:"ds_dir_obj,optional"`
	Prev         kernel.Field `ctf:"ds_prev_snap_obj,optional"`
	Names        kernel.Field `ctf:"ds_snapnames_zapobj,optional"`
	GUID         kernel.Field `ctf:"ds_guid,optional"`
	Referenced   kernel.Field `ctf:"ds_referenced_bytes|ds_used_bytes,optional"`
	Unique       kernel.Field `ctf:"ds_unique_bytes,optional"`
	Compressed   kernel.Field `ctf:"ds_compressed_bytes,optional"`
	Uncompressed kernel.Field `ctf:"ds_uncompressed_bytes,optional"`
	Created      kernel.Field `ctf:"ds_creation_time,optional"`
	Txg          kernel.Field `ctf:"ds_creation_txg,optional"`
	Flags        kernel.Field `ctf:"ds_flags,optional"`
	Root         kernel.Field `ctf:"ds_bp,optional"`
}

// dslDir is a directory.
type dslDir struct {
	addr, object uint64 // of a dsl_dir_t, 0 if nobody holds it; its number
	phys         []byte // dsl_dir_phys_t; nil if it is not in memory or cannot be read
	from         origin // where that is, if nobody holds it
	name         string // with all above it
	head         *dslDataset
	snaps        []*dslDataset // those held
	untold, lost bool          // there may be more below it than was found; more snapshots
}

// dslDataset is a data set.
type dslDataset struct {
	addr, object, objset uint64
	dir                  uint64 // its dsl_dir_t; 0 if nobody holds the data set
	snapname             string
	phys                 []byte // dsl_dataset_phys_t; nil if it is not in memory or cannot be read
	from                 origin // where that is, if nobody holds it
}

// dslPool is what is in memory of a pool's data sets.
type dslPool struct {
	v        *kernel.View
	dirPhys  *dslDirPhysLayout
	physical *datasetPhysLayout
	dirs     []*dslDir
	datasets []*dslDataset
	objset   uint64            // the MOS
	origin   uint64            // the dsl_dataset_t of $ORIGIN@$ORIGIN
	maps     map[uint64]uint64 // dnode_t of maps of names by their objects' numbers
}

// readDsl reads a pool's dsl_pool_t.
func readDsl(v *kernel.View, spa uint64) (dsl uint64, l *dslPoolLayout, b []byte, err error) {
	sl, sb, err := readSpa(v, spa)
	if err != nil {
		return 0, nil, nil, err
	}
	if dsl = sl.Dsl.Of(sb); dsl == 0 {
		return 0, nil, nil, fmt.Errorf("spa_t %x has no dsl_pool_t", spa)
	}
	l, b, err = read(v, "dsl_pool_t", dsl, func(l *dslPoolLayout) uint64 { return l.Size })
	return dsl, l, b, err
}

// isPool tells whether a spa_t lies at an address: one whose dsl_pool_t says so.
func isPool(v *kernel.View, addr uint64) bool {
	_, l, b, err := readDsl(v, addr)
	return err == nil && l.Spa.Of(b) == addr
}

// metaObjset is the object set of a pool itself, and the snapshot that is empty.
func metaObjset(v *kernel.View, spa uint64) (mos, origin uint64, err error) {
	dsl, pl, pb, err := readDsl(v, spa)
	if err != nil {
		return 0, 0, err
	}
	if mos = pl.Meta.Of(pb); mos == 0 {
		return 0, 0, fmt.Errorf("dsl_pool_t %x has no object set", dsl)
	}
	return mos, pl.Origin.Of(pb), nil
}

// readDslPool collects a pool's data sets. What of it cannot be read is warned of; an
// error comes with what was found before it.
func readDslPool(c *core.Ctx, v *kernel.View, spa uint64) (*dslPool, error) {
	p := &dslPool{v: v, maps: map[uint64]uint64{}}
	var err error
	if p.dirPhys, err = kernel.Lay[dslDirPhysLayout](v, "dsl_dir_phys_t"); err != nil {
		return nil, err
	}
	if p.physical, err = kernel.Lay[datasetPhysLayout](v, "dsl_dataset_phys_t"); err != nil {
		return nil, err
	}
	mos, origin, err := metaObjset(v, spa)
	if err != nil {
		return p, err
	}
	p.objset, p.origin = mos, origin
	dl, err := kernel.Lay[dbufLayout](v, "dmu_buf_impl_t")
	if err != nil {
		return nil, err
	}
	var buf []byte
	err = eachDnode(c, v, mos, func(addr uint64, l *dnodeLayout, b []byte) (err error) {
		kind, bonus := l.BonusType.Of(b), l.Bonus.Of(b)
		if typ := l.Type.Of(b); typ == snapMap || typ == childMap {
			p.maps[l.Object.Of(b)] = addr
		}
		if bonus == 0 || kind != bonusDir && kind != bonusDataset {
			return nil
		}
		if buf, err = v.Bytes(bonus, dl.Size, buf); err != nil {
			c.Warnf("%s", kernel.BadRead("dmu_buf_impl_t", bonus, err).Error())
			return nil
		}
		user, data := dl.User.Of(buf), dl.Data.Of(buf)
		if user == 0 {
			return nil // on its way in or out
		}
		if kind == bonusDir {
			err = p.addDir(c, user, data)
		} else {
			err = p.addDataset(c, user, data)
		}
		if err != nil {
			c.Warnf("%s", err.Error())
		}
		return nil
	})
	return p, err
}

// disk reads what of an object is on disk: nil, with a warning, if it cannot. It is a
// copy, as it is kept, and memory that was given without copying keeps a page with it.
func (p *dslPool) disk(c *core.Ctx, typ string, addr, size uint64) []byte {
	b, err := p.v.Bytes(addr, size, nil)
	if err != nil {
		c.Warnf("%s", kernel.BadRead(typ, addr, err).Error())
		return nil
	}
	return slices.Clone(b)
}

func (p *dslPool) addDir(c *core.Ctx, user, data uint64) error {
	l, err := kernel.Lay[dirLayout](p.v, "dsl_dir_t")
	if err != nil {
		return err
	}
	addr := user - l.User.Off
	object, err := p.v.Pointer(addr + l.Object.Off)
	if err != nil {
		return kernel.BadRead("dsl_dir_t", addr, err)
	}
	p.dirs = append(p.dirs, &dslDir{addr: addr, object: object, phys: p.disk(c, "dsl_dir_phys_t", data, p.dirPhys.Size)})
	return nil
}

func (p *dslPool) addDataset(c *core.Ctx, user, data uint64) error {
	l, err := kernel.Lay[datasetLayout](p.v, "dsl_dataset_t")
	if err != nil {
		return err
	}
	addr := user - l.User.Off
	b, err := p.v.Bytes(addr, l.Size, nil)
	if err != nil {
		return kernel.BadRead("dsl_dataset_t", addr, err)
	}
	p.datasets = append(p.datasets, &dslDataset{addr: addr, dir: l.Dir.Of(b), object: l.Object.Of(b), objset: l.Objset.Of(b),
		snapname: plainText(l.Snapname.Text(b)), phys: p.disk(c, "dsl_dataset_phys_t", data, p.physical.Size)})
	return nil
}

// snapshot tells whether a data set is one.
func (p *dslPool) snapshot(d *dslDataset) bool {
	return d.snapname != "" || p.physical.Children.Of(d.phys) != 0
}

// eachObjset goes through the object sets of all pools that are in memory.
func eachObjset(c *core.Ctx, v *kernel.View, f func(objset uint64) error) error {
	var failed error
	err := pools(v, func(spa uint64) bool {
		mos, _, err := metaObjset(v, spa)
		if err != nil {
			c.Warnf("%s", err.Error())
			return true
		}
		if failed = f(mos); failed != nil {
			return false
		}
		p, err := readDslPool(c, v, spa)
		if err != nil {
			failed = err
			return false
		}
		for _, d := range p.datasets {
			if d.objset == 0 {
				continue
			}
			if failed = f(d.objset); failed != nil {
				return false
			}
		}
		return true
	})
	if failed != nil {
		return failed
	}
	return err
}
