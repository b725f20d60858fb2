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
are what zfs(8) prints. One that nobody holds has no address: it was found by the maps
of names that the pool has on disk, in dbufs, block pointers and the ARC. Whether one is
a file system or a volume is known while it is open, or if its first block is in the
ARC. A snapshot whose name is not in memory is shown by the number of its object; what
else is not in memory has dashes. How many data sets there are whose children or
snapshots memory does not tell is said below each pool.
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

	pool *dslPool
	tree *dslTree
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
	if pool == nil || pool.objset == 0 {
		return err
	}
	tree, stopped := newDslTree(d.c, d.v, d.names, spa, pool)
	if stopped != nil {
		return stopped
	}
	d.pool, d.tree = pool, tree
	type keyed struct {
		*dslDir
		key string
	}
	var dirs []keyed
	for _, dir := range tree.list {
		if !dir.own() || d.c.Opt('a') {
			dirs = append(dirs, keyed{dir, strings.ReplaceAll(dir.name, "/", "\x00")}) // what is below one comes before its neighbours
		}
	}
	slices.SortStableFunc(dirs, func(x, y keyed) int { return cmp.Compare(x.key, y.key) })
	for _, dir := range dirs {
		if d.c.Err() != nil {
			return core.ErrIntr
		}
		d.show(dir.dslDir)
	}
	if len(dirs) > 0 {
		d.tell(tree.list)
	}
	return err
}

// tell says of how many data sets memory does not have all that is below them, or all
// snapshots: there may be more than were listed.
func (d *datasetLister) tell(dirs []*dslDir) {
	all, untold, lost := 0, 0, 0
	for _, dir := range dirs {
		if dir.own() || !d.wanted(dir.name) {
			continue
		}
		all++
		if dir.untold {
			untold++
		}
		if dir.lost {
			lost++
		}
	}
	pool, _, _ := strings.Cut(dirs[0].name, "/")
	if untold != 0 {
		d.c.Warnf("%s: memory does not tell all that is below %d of %d data sets", pool, untold, all)
	}
	if lost != 0 {
		d.c.Warnf("%s: memory does not tell all snapshots of %d of %d data sets", pool, lost, all)
	}
}

// show prints a directory's file system or volume and its snapshots.
func (d *datasetLister) show(dir *dslDir) {
	l, head := d.pool.physical, d.tree.head(dir)
	if d.wanted(dir.name) {
		used := d.size(d.pool.dirPhys.Used, dir.phys)
		d.row(head.addr, d.tree.kind(head), d.exact(l.GUID, head.phys), used, d.size(l.Referenced, head.phys), dir.name)
		d.details(dir, head)
	}
	if !d.c.Opt('s') || dir.own() && dir.addr == 0 {
		return
	}
	for _, s := range d.tree.snapshots(dir) {
		snap := dir.name + "@" + snapName(s)
		if d.wanted(snap) {
			d.row(s.addr, "snap", d.exact(l.GUID, s.phys), d.size(l.Unique, s.phys), d.size(l.Referenced, s.phys), snap)
			d.details(nil, s)
		}
	}
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
	if ds.addr == 0 && ds.from != nowhere {
		add("not held: read from %s", ds.from)
	}
	if dir != nil {
		l := d.pool.dirPhys
		created = cmp.Or(created, l.Created.Of(dir.phys))
		if dir.addr != 0 {
			add("dsl_dir %x", dir.addr)
		} else {
			add("directory %d", dir.object)
		}
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
	if s := d.tree.byNum[object]; object == 0 || s != nil && s.addr == d.pool.origin {
		return ""
	}
	return d.tree.name(object)
}
