package zfs

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func spaceDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "spa_space", Usage: ":[-b]", Descr: "print spa_t on-disk space usage", Type: "spa_t", Run: noArgs(runSpaSpace),
			Help: "Prints what a pool uses on its devices, what is about to be written, and what its\nmetaslabs have free and in which state: allocated in each transaction group, being\nfreed, freed, deferred, not flushed. In megabytes. Of OpenZFS since 2.2 also what is\ncloned, and what that saves.\n",
			Opts: []core.Opt{{Letter: 'b', Help: "in bytes"}}},
	}
}

// The way from a pool to what its root directory uses.
type poolDirLayout struct {
	Size uint64       `ctf:"sizeof"`
	Root kernel.Field `ctf:"dp_root_dir"`
}

type dirSpaceLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Dbuf    kernel.Field `ctf:"dd_dbuf"`
	ToWrite kernel.Field `ctf:"dd_space_towrite"`
}

// dmuBufLayout is what a dmu_buf_t says of its data.
type dmuBufLayout struct {
	Size uint64       `ctf:"sizeof"`
	Data kernel.Field `ctf:"db_data"`
}

type dirPhysLayout struct {
	Size         uint64       `ctf:"sizeof"`
	Used         kernel.Field `ctf:"dd_used_bytes"`
	Compressed   kernel.Field `ctf:"dd_compressed_bytes"`
	Uncompressed kernel.Field `ctf:"dd_uncompressed_bytes"`
}

// slabTreesLayout are the range trees of a metaslab_t: those of transaction groups are
// arrays. Releases before the log of space maps have none of what is not flushed, and
// those before checkpoints none of these.
type slabTreesLayout struct {
	Size          uint64       `ctf:"sizeof"`
	Allocating    kernel.Field `ctf:"ms_allocating|ms_alloctree"`
	Checkpointing kernel.Field `ctf:"ms_checkpointing,optional"`
	Freeing       kernel.Field `ctf:"ms_freeing|ms_freeingtree"`
	Freed         kernel.Field `ctf:"ms_freed|ms_freedtree"`
	Frees         kernel.Field `ctf:"ms_unflushed_frees,optional"`
	Allocs        kernel.Field `ctf:"ms_unflushed_allocs,optional"`
	Allocatable   kernel.Field `ctf:"ms_allocatable|ms_tree"`
	Defer         kernel.Field `ctf:"ms_deferspace"`
}

// spaceFigure is a line of ::spa_space.
type spaceFigure struct {
	name   string
	values []uint64
}

func runSpaSpace(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	list, err := directorySpace(v, c.Addr)
	if err != nil {
		return err
	}
	// What the directory uses is printed even where a metaslab cannot be read.
	more, failed := metaslabSpace(c, v)
	for _, f := range append(list, more...) {
		f.show(c)
	}
	cloned, err := clonedSpace(v, c.Addr)
	for _, f := range cloned {
		f.show(c)
	}
	if failed != nil {
		return fmt.Errorf("can't walk metaslabs: %w", failed)
	}
	return err
}

func (f spaceFigure) show(c *core.Ctx) {
	shift, unit := uint(20), "M"
	if c.Opt('b') {
		shift, unit = 0, ""
	}
	var text []string
	for _, n := range f.values {
		if strings.HasPrefix(f.name, "dd_space") || f.name == "ms_deferspace" { // they may be negative
			n = uint64(int64(n) >> shift)
		} else {
			n >>= shift
		}
		text = append(text, fmt.Sprintf("%d%s", n, unit))
	}
	var value any = f.values
	if len(f.values) == 1 {
		value = f.values[0]
	}
	c.Record(func() { c.Printf("%s = %s\n", f.name, strings.Join(text, " ")) }, out.Field{Name: "name", Value: f.name}, out.Field{Name: "bytes", Value: value})
}

// directorySpace is what the root directory of a pool uses, and what is to be written.
func directorySpace(v *kernel.View, spa uint64) ([]spaceFigure, error) {
	sl, sb, err := readSpa(v, spa)
	if err != nil {
		return nil, err
	}
	pl, pb, err := read(v, "dsl_pool_t", sl.Dsl.Of(sb), func(l *poolDirLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	dl, db, err := read(v, "dsl_dir_t", pl.Root.Of(pb), func(l *dirSpaceLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	list := []spaceFigure{{"dd_space_towrite", words(dl.ToWrite, db)}}
	bl, bb, err := read(v, "dmu_buf_t", dl.Dbuf.Of(db), func(l *dmuBufLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	l, b, err := read(v, "dsl_dir_phys_t", bl.Data.Of(bb), func(l *dirPhysLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name string
		f    kernel.Field
	}{{"used", l.Used}, {"compressed", l.Compressed}, {"uncompressed", l.Uncompressed}} {
		list = append(list, spaceFigure{"dd_phys.dd_" + f.name + "_bytes", []uint64{f.f.Of(b)}})
	}
	return list, nil
}

// metaslabSpace sums up the metaslabs of the pool at the command's address.
func metaslabSpace(c *core.Ctx, v *kernel.View) ([]spaceFigure, error) {
	l, err := kernel.Lay[slabTreesLayout](v, "metaslab_t")
	if err != nil {
		return nil, err
	}
	ml, err := kernel.Lay[metaslabLayout](v, "metaslab_t")
	if err != nil {
		return nil, err
	}
	trees := []struct {
		name string
		f    kernel.Field
	}{{"ms_allocmap", l.Allocating}, {"ms_checkpointing", l.Checkpointing}, {"ms_freeing", l.Freeing}, {"ms_freed", l.Freed},
		{"ms_unflushed_frees", l.Frees}, {"ms_unflushed_allocs", l.Allocs}, {"ms_allocatable", l.Allocatable}}
	var list []spaceFigure
	for _, t := range trees {
		list = append(list, spaceFigure{t.name, make([]uint64, max(t.f.Size/8, 1))})
	}
	deferred, avail := uint64(0), uint64(0)
	add := func(a uint64) error {
		b, err := v.Bytes(a, l.Size, nil)
		if err != nil {
			return kernel.BadRead("metaslab_t", a, err)
		}
		for i, t := range trees {
			for j, tree := range words(t.f, b) {
				n, _, err := held(v, tree)
				if err != nil {
					return fmt.Errorf("metaslab_t %x: %w", a, err)
				}
				list[i].values[j] += n
			}
		}
		s, err := readSpace(v, ml, b)
		deferred += l.Defer.Of(b)
		avail += s.size - s.alloc + s.frees - s.allocs
		return err
	}
	for e, err := range walkMetaslabs(c, mem.Addr(c.Addr), true) {
		if err == nil {
			err = add(e.Val)
		}
		if err != nil {
			return list, err
		}
		if c.Err() != nil {
			return list, core.ErrIntr
		}
	}
	return append(list, spaceFigure{"ms_deferspace", []uint64{deferred}}, spaceFigure{"current avail", []uint64{avail}}), nil
}
