package zfs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func datasetDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "zfs_datasets", Usage: "?[-aspv] [name ...]", Descr: "the data sets of pools", Type: "dsl_dataset_t", Table: datasetTable, Run: runDatasets,
			Help: `Lists what is in memory of pools' file systems and volumes, in the order of their
names: of all pools, of the pool at the address, or what is at and below the data set
whose objset_t is there; with names, what is at and below those. GUID, USED and REFER
are what zfs(8) prints. One that nobody holds, but one below it, has no address.
Whether one is a file system or a volume is known while it is open. A snapshot whose
name is not in memory is shown by the number of its object; one of which nothing else
is in memory has dashes.
`,
			Opts: []core.Opt{{Letter: 'a', Help: "also those that ZFS keeps for itself: $MOS, $FREE, $ORIGIN"}, {Letter: 's', Help: "with the snapshots"},
				{Letter: 'p', Help: "exact sizes, in bytes"}, {Letter: 'v', Help: "with objset, directory, creation, compression, quota and origin"}}},
	}
}

var datasetTable = &core.Table{
	Head: "%<u>%-?s %-4s %20s %14s %14s %s%</u>\n", Line: "%0?p %-4s %20s %14s %14s %s\n", Type: "dsl_dataset_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR", Descr: "its dsl_dataset_t; 0 if that is not in memory"}, {Name: "type", Head: "TYPE"},
		{Name: "guid", Head: "GUID"}, {Name: "used", Head: "USED", Descr: "by it and all below; by a snapshot alone"},
		{Name: "refer", Head: "REFER", Descr: "what it shows"}, {Name: "name", Head: "NAME"}},
}

// datasetLister lists the data sets of pools.
type datasetLister struct {
	c     *core.Ctx
	v     *kernel.View
	names *names
	only  []string // names; all if there are none
	shown bool

	pool  *dslPool
	heads map[uint64]*dslDataset   // by the addresses of directories
	snaps map[uint64][]*dslDataset // by the addresses of directories
	byNum map[uint64]*dslDataset
	dirs  map[uint64]*dslDir // by their objects' numbers
	disk  *diskObjects
}

func runDatasets(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	d := &datasetLister{c: c, v: v, names: newNames(v)}
	for _, a := range c.Args {
		if a.IsImm || a.Str == "" {
			return core.ErrUsage
		}
		d.only = append(d.only, strings.TrimSuffix(a.Str, "/"))
	}
	var list []uint64
	failed := false
	if c.HasAddr {
		spa, err := d.start(c.Addr)
		if err != nil {
			return err
		}
		list = append(list, spa)
	} else if err := pools(v, func(a uint64) bool { list = append(list, a); return true }); err != nil {
		// The pools before what is damaged are listed all the same.
		c.Warnf("can't walk spa: %s", err.Error())
		failed = true
	}
	for _, spa := range list {
		if c.Err() != nil {
			return core.ErrIntr
		}
		if err := d.listPool(spa); err != nil {
			c.Warnf("%s", err.Error())
			failed = true
		}
	}
	switch {
	case failed:
		return core.ErrFailed
	case !d.shown && len(c.Args) > 0:
		return fmt.Errorf("no data set of the name is in memory")
	}
	return nil
}

// start is the pool to list for an address: a pool's, or that of an object set, of
// which then only what is at and below it is listed.
func (d *datasetLister) start(addr uint64) (spa uint64, err error) {
	if isPool(d.v, addr) {
		return addr, nil
	}
	l, b, err := read(d.v, "objset_t", addr, func(l *objsetLayout) uint64 { return l.Size })
	if err != nil {
		return 0, err
	}
	if spa = l.Spa.Of(b); !isPool(d.v, spa) {
		return 0, fmt.Errorf("%x is neither a pool's spa_t nor an objset_t", addr)
	}
	if ds := l.Dataset.Of(b); ds != 0 {
		name, err := d.names.dataset(ds)
		if err != nil {
			return 0, err
		}
		d.only = append(d.only, name)
	}
	return spa, nil
}

// wanted tells whether a name is asked for, or below one that is.
func (d *datasetLister) wanted(name string) bool {
	if len(d.only) == 0 {
		return true
	}
	return slices.ContainsFunc(d.only, func(o string) bool {
		rest, ok := strings.CutPrefix(name, o)
		return ok && (rest == "" || rest[0] == '/' || rest[0] == '@')
	})
}

// listPool lists what is in memory of a pool; an error comes after what was found.
func (d *datasetLister) listPool(spa uint64) error {
	pool, err := readDslPool(d.c, d.v, spa)
	if pool == nil {
		return err
	}
	d.sort(pool)
	type named struct {
		*dslDir
		name, key string
	}
	var dirs []named
	for _, dir := range pool.dirs {
		name, err := d.names.dir(dir.addr)
		if err != nil {
			d.c.Warnf("%s", err.Error())
			continue
		}
		if strings.Contains(name, "/$") && !d.c.Opt('a') {
			continue
		}
		dirs = append(dirs, named{dir, name, strings.ReplaceAll(name, "/", "\x00")}) // what is below one comes before its neighbours
	}
	slices.SortStableFunc(dirs, func(x, y named) int { return cmp.Compare(x.key, y.key) })
	for _, dir := range dirs {
		if d.c.Err() != nil {
			return core.ErrIntr
		}
		d.show(dir.dslDir, dir.name)
	}
	return err
}

// sort tells the file systems from the snapshots.
func (d *datasetLister) sort(pool *dslPool) {
	d.pool, d.heads, d.snaps, d.byNum = pool, map[uint64]*dslDataset{}, map[uint64][]*dslDataset{}, map[uint64]*dslDataset{}
	d.dirs = map[uint64]*dslDir{}
	for _, dir := range pool.dirs {
		d.dirs[dir.object] = dir
	}
	for _, ds := range pool.datasets {
		d.byNum[ds.object] = ds
		if pool.snapshot(ds) {
			d.snaps[ds.dir] = append(d.snaps[ds.dir], ds)
		} else {
			d.heads[ds.dir] = ds
		}
	}
	d.openDisk(d.c)
}

// show prints a directory's file system or volume and its snapshots.
func (d *datasetLister) show(dir *dslDir, name string) {
	l, head := d.pool.physical, d.head(dir)
	if d.wanted(name) {
		used := d.size(d.pool.dirPhys.Used, dir.phys)
		d.row(head.addr, d.kind(head), d.exact(l.GUID, head.phys), used, d.size(l.Referenced, head.phys), name)
		d.details(dir, head)
	}
	if !d.c.Opt('s') {
		return
	}
	list := d.snapshots(dir, head)
	slices.SortFunc(list, func(x, y *dslDataset) int {
		return cmp.Or(cmp.Compare(l.Txg.Of(x.phys), l.Txg.Of(y.phys)), cmp.Compare(x.object, y.object))
	})
	for _, s := range list {
		snap := name + "@" + snapName(s)
		if d.wanted(snap) {
			d.row(s.addr, "snap", d.exact(l.GUID, s.phys), d.size(l.Unique, s.phys), d.size(l.Referenced, s.phys), snap)
			d.details(nil, s)
		}
	}
}

// head is a directory's file system or volume; one that nobody holds is as it is on disk,
// as far as that is in memory.
func (d *datasetLister) head(dir *dslDir) *dslDataset {
	if head := d.heads[dir.addr]; head != nil {
		return head
	}
	object := d.pool.dirPhys.Head.Of(dir.phys)
	return &dslDataset{dir: dir.addr, object: object, phys: d.disk.bonus(object, bonusDataset, d.pool.physical.Size)}
}

// snapName is a snapshot's name, or the number of its object if nobody asked for it.
func snapName(s *dslDataset) string {
	if s.snapname != "" {
		return s.snapname
	}
	return fmt.Sprintf("#%d", s.object)
}

// row prints a row; a pipe gets none of what is not in memory.
func (d *datasetLister) row(addr uint64, kind string, guid, used, refer any, name string) {
	d.shown = true
	if addr != 0 || !d.c.PipeOut {
		d.c.Row(out.Hex(addr), kind, guid, used, refer, name)
	}
}

// exact is a number of what is on disk, - if there is none.
func (d *datasetLister) exact(f kernel.Field, b []byte) any {
	switch {
	case !f.OK() || b == nil:
		return "-"
	case d.c.Opts.JSON:
		return f.Of(b)
	}
	return fmt.Sprint(f.Of(b))
}

// size is a number of bytes as it is to be printed.
func (d *datasetLister) size(f kernel.Field, b []byte) any {
	if !f.OK() || b == nil || d.c.Opts.JSON || d.c.Opt('p') {
		return d.exact(f, b)
	}
	return out.NiceNum(f.Of(b))
}

// kind is what an open data set is.
func (d *datasetLister) kind(ds *dslDataset) string {
	type layout struct {
		Type kernel.Field `ctf:"os_type"`
	}
	if ds.objset == 0 {
		return "-"
	}
	l, err := kernel.Lay[objsetLayout](d.v, "objset_t")
	if err != nil {
		return "-"
	}
	phys, err := d.v.Pointer(ds.objset + l.Phys.Off)
	if err != nil {
		d.c.Warnf("%s", kernel.BadRead("objset_t", ds.objset, err).Error())
		return "?"
	}
	pl, err := kernel.Lay[layout](d.v, "objset_phys_t")
	if err != nil {
		return "-"
	}
	n, err := d.v.Pointer(phys + pl.Type.Off)
	if err != nil {
		d.c.Warnf("%s", kernel.BadRead("objset_phys_t", phys, err).Error())
		return "?"
	}
	switch s := enumerator(d.v, "enum dmu_objset_type", "DMU_OST_", n); s {
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

// inconsistent is DS_FLAG_INCONSISTENT: a data set that is being received or destroyed.
const inconsistent = 1

// details are what -v adds.
func (d *datasetLister) details(dir *dslDir, ds *dslDataset) {
	if !d.c.Opt('v') || d.c.PipeOut || d.c.Opts.JSON {
		return
	}
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	l := d.pool.physical
	created := l.Created.Of(ds.phys)
	add("object %d", ds.object)
	if ds.objset != 0 {
		add("objset %x", ds.objset)
	}
	if n, from := l.Compressed.Of(ds.phys), l.Uncompressed.Of(ds.phys); n != 0 && from != 0 {
		add("ratio %.2fx", float64(from)/float64(n))
	}
	if l.Flags.Of(ds.phys)&inconsistent != 0 {
		add("inconsistent")
	}
	if dir != nil {
		l := d.pool.dirPhys
		created = cmp.Or(created, l.Created.Of(dir.phys))
		add("dsl_dir %x", dir.addr)
		if n := l.Quota.Of(dir.phys); n != 0 {
			add("quota %v", d.size(l.Quota, dir.phys))
		}
		if o := d.origin(l.Origin.Of(dir.phys)); o != "" {
			add("origin %s", o)
		}
	}
	if created != 0 {
		d.c.Printf("    created %Y, %s\n", created, strings.Join(words, ", "))
	} else {
		d.c.Printf("    %s\n", strings.Join(words, ", "))
	}
}

// origin names the snapshot that has a number in the pool; "" is that which all are
// clones of.
func (d *datasetLister) origin(object uint64) string {
	s := d.byNum[object]
	if object == 0 || s != nil && s.addr == d.pool.origin {
		return ""
	}
	if s == nil { // nobody holds it
		phys := d.disk.bonus(object, bonusDataset, d.pool.physical.Size)
		if dir := d.dirs[d.pool.physical.Dir.Of(phys)]; dir != nil {
			s = &dslDataset{object: object, dir: dir.addr, phys: phys}
			d.nameSnapshots([]*dslDataset{s}, d.pool.physical.Names.Of(d.head(dir).phys))
		}
	}
	if s != nil {
		if name, err := d.names.dir(s.dir); err == nil {
			return name + "@" + snapName(s)
		}
	}
	return fmt.Sprintf("object %d", object)
}
