package zfs

import (
	"fmt"
	mathbits "math/bits"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func blkstatsDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "zfs_blkstats", Usage: ":[-v]", Descr: "given a spa_t, print block type stats from last scrub", Type: "spa_t", Run: noArgs(runBlkstats),
			Help: "Prints what the last scrub counted in a pool: by types of objects, how many blocks\nthere are, their logical, physical and allocated sizes, the average, the compression\nratio and the share of all that is allocated. OpenZFS since 2.1 counts if its parameter\nzfs_scan_blkstats is 1 when the scrub begins.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "by levels of indirection, too"}}},
	}
}

type blkstatsPointerLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Stats kernel.Field `ctf:"dp_blkstats"`
}

// blkstatsLayout is how the release lays out zfs_all_blkstats_t: an array of levels, the
// last of which is their sum, each of types, the last two of which are the others and the
// sum.
type blkstatsLayout struct {
	Size  uint64       `ctf:"sizeof"`
	All   kernel.Field `ctf:"zab_type"`
	Level kernel.Field `ctf:"zab_type[0]"`
	One   kernel.Field `ctf:"zab_type[0][0],optional"` // BTF makes one array of both
}

type blkstatLayout struct {
	Count  kernel.Field `ctf:"zb_count"`
	Asize  kernel.Field `ctf:"zb_asize"`
	Lsize  kernel.Field `ctf:"zb_lsize"`
	Psize  kernel.Field `ctf:"zb_psize"`
	Gangs  kernel.Field `ctf:"zb_gangs"`
	Ditto2 kernel.Field `ctf:"zb_ditto_2_of_2_samevdev"`
	Ditto1 kernel.Field `ctf:"zb_ditto_2_of_3_samevdev"`
	Ditto3 kernel.Field `ctf:"zb_ditto_3_of_3_samevdev"`
}

// blkstats are the counts of a pool.
type blkstats struct {
	c             *core.Ctx
	v             *kernel.View
	l             *blkstatsLayout
	one           *blkstatLayout
	b             []byte
	levels, types uint64
}

func runBlkstats(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	at := c.Addr
	s, err := readBlkstats(c, v, &at)
	if err != nil {
		err := c.Warn(err, "failed to read data at %p;", at)
		heading(c, "maybe no stats? run \"zpool scrub\" first.")
		return err
	}
	total := s.stat(s.levels-1, s.types-1)
	if n := s.one.Gangs.Of(total); n != 0 {
		heading(c, "Ganged blocks: %llu\n", n)
	}
	if n := s.one.Ditto1.Of(total) + s.one.Ditto2.Of(total) + s.one.Ditto3.Of(total); n != 0 {
		heading(c, "Dittoed blocks on same vdev: %llu\n", n)
	}
	heading(c, "\nBlocks\tLSIZE\tPSIZE\tASIZE\t  avg\t comp\t%%Total\tType\n")
	for t := range s.types {
		s.showType(t, s.one.Asize.Of(total))
	}
	return nil
}

// readBlkstats reads the counts of the pool at an address, which it leaves at what
// could not be read.
func readBlkstats(c *core.Ctx, v *kernel.View, at *uint64) (*blkstats, error) {
	sl, sb, err := readSpa(v, *at)
	if err != nil {
		return nil, err
	}
	*at = sl.Dsl.Of(sb)
	pl, pb, err := read(v, "dsl_pool_t", *at, func(l *blkstatsPointerLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	*at = pl.Stats.Of(pb)
	s := &blkstats{c: c, v: v}
	if s.one, err = kernel.Lay[blkstatLayout](v, "zfs_blkstat_t"); err != nil {
		return nil, err
	}
	if s.l, s.b, err = read(v, "zfs_all_blkstats_t", *at, func(l *blkstatsLayout) uint64 { return l.Size }); err != nil {
		return nil, err
	}
	if !s.l.One.OK() {
		if s.l, err = flatBlkstats(v, s.l); err != nil {
			return nil, err
		}
	}
	if s.l.One.Size == 0 || s.l.Level.Size/max(s.l.One.Size, 1) < 3 {
		return nil, fmt.Errorf("type zfs_all_blkstats_t has %d bytes for a level", s.l.Level.Size)
	}
	s.levels, s.types = s.l.All.Size/s.l.Level.Size, s.l.Level.Size/s.l.One.Size
	return s, nil
}

// flatBlkstats is the layout where type data knows one array only: a level has all types
// of objects, the others and the sum.
func flatBlkstats(v *kernel.View, l *blkstatsLayout) (*blkstatsLayout, error) {
	n, ok := v.Enumerator("enum dmu_object_type", "DMU_OT_NUMTYPES")
	if !ok || n <= 0 || n > 1<<16 {
		return nil, fmt.Errorf("enum dmu_object_type does not tell how many types there are")
	}
	flat := *l
	flat.One = l.Level
	flat.Level.Size = uint64(n+2) * l.Level.Size
	return &flat, nil
}

// stat are the counts of a type of objects at a level.
func (s *blkstats) stat(level, typ uint64) []byte {
	off := s.l.All.Off + level*s.l.Level.Size + typ*s.l.One.Size
	return s.b[off : off+s.l.One.Size]
}

func (s *blkstats) typeName(t uint64) string {
	switch t {
	case 0:
		return "deferred free"
	case s.types - 2:
		return "other"
	case s.types - 1:
		return "Total"
	}
	if name := enumerator(s.v, "enum dmu_object_type", "DMU_OT_", t); name != "" {
		return name
	}
	return fmt.Sprintf("? (%d)", t)
}

// showType prints the sum of a type's levels and then, if wanted, the levels, unless
// all is of level 0.
func (s *blkstats) showType(t, total uint64) {
	all := s.one.Asize.Of(s.stat(s.levels-1, t))
	if all == 0 {
		return
	}
	s.row(s.levels-1, t, total, s.typeName(t))
	if !s.c.Opt('v') {
		return
	}
	for level := range s.levels - 1 {
		n := s.one.Asize.Of(s.stat(level, t))
		if n == 0 || level == 0 && n == all {
			continue
		}
		s.row(level, t, total, fmt.Sprintf("  L%d %s", level, s.typeName(t)))
	}
}

func (s *blkstats) row(level, t, total uint64, name string) {
	b := s.stat(level, t)
	count, lsize, psize, asize := s.one.Count.Of(b), s.one.Lsize.Of(b), s.one.Psize.Of(b), s.one.Asize.Of(b)
	avg := "-"
	if count != 0 {
		avg = out.NiceNum(asize / count)
	}
	var lev any
	if level < s.levels-1 {
		lev = level
	}
	s.c.Record(func() {
		s.c.Printf("%6s\t%5s\t%5s\t%5s\t%5s\t%5s\t%6s\t%s\n", out.NiceNum(count), out.NiceNum(lsize), out.NiceNum(psize), out.NiceNum(asize), avg,
			fraction(lsize, 1, psize), fraction(asize, 100, total), name)
	}, out.Field{Name: "type", Value: s.typeName(t)}, out.Field{Name: "level", Value: lev}, out.Field{Name: "count", Value: count},
		out.Field{Name: "lsize", Value: lsize}, out.Field{Name: "psize", Value: psize}, out.Field{Name: "asize", Value: asize})
}

// fraction is n*times/of with two decimals, cut to the five characters that
// mdb_snprintfrac has room for here.
func fraction(n, times, of uint64) string {
	hi, lo := mathbits.Mul64(n, 100*times)
	if hi >= of { // damaged: of is nothing, or the quotient is too large
		return "-"
	}
	q, _ := mathbits.Div64(hi, lo, of)
	s := fmt.Sprintf("%d.%02d", q/100, q%100)
	return s[:min(len(s), 5)]
}
