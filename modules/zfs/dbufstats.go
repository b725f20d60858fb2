package zfs

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// dbufTableLayout is how the release lays out dbuf_hash_table_t.
type dbufTableLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Mask  kernel.Field `ctf:"hash_table_mask"`
	Table kernel.Field `ctf:"hash_table"`
}

// dbufHash is the kernel's hash table of dbufs.
func dbufHash(v *kernel.View) (*hashTable, error) {
	m, err := v.Symbol("zfs", "dbuf_hash_table")
	if err != nil {
		return nil, kernel.Failed(err, "failed to read 'dbuf_hash_table'")
	}
	tl, tb, err := read(v, "dbuf_hash_table_t", m.Value, func(l *dbufTableLayout) uint64 { return max(l.Mask.Off+8, l.Table.Off+8) })
	if err != nil {
		return nil, err
	}
	l, err := kernel.Lay[dbufLayout](v, "dmu_buf_impl_t")
	if err != nil {
		return nil, err
	}
	return newHashTable(v, "dmu_buf_impl_t", tl.Table.Of(tb), tl.Mask.Of(tb), l.Size, l.Next)
}

// tableDbufs goes through the dbufs of the hash table, then the bonus buffers of the
// objects in memory.
func tableDbufs(c *core.Ctx, v *kernel.View, f func(addr uint64) error) error {
	h, err := dbufHash(v)
	if err != nil {
		return err
	}
	err = h.each(c, func(addr uint64, _ []byte, _ int) error { return f(addr) }, func(int) {})
	if err != nil {
		return err
	}
	return eachObjset(c, v, func(os uint64) error {
		return eachDnode(c, v, os, func(_ uint64, dn *dnodeLayout, b []byte) error {
			if bonus := dn.Bonus.Of(b); bonus != 0 {
				return f(bonus)
			}
			return nil
		})
	})
}

// histogramSize is how many lengths ::dbuf_stats tells apart; the last stands for all
// that are longer.
const histogramSize = 32

func runDbufStats(c *core.Ctx) error {
	h, err := dbufHash(kernel.Of(c.Session))
	if err != nil {
		return err
	}
	var lengths, depths [histogramSize]uint64
	count := uint64(0)
	err = h.each(c, func(_ uint64, _ []byte, depth int) error {
		depths[min(depth, histogramSize-1)]++
		count++
		return nil
	}, func(length int) { lengths[min(length, histogramSize-1)]++ })
	if err != nil {
		return err
	}
	for i := histogramSize - 2; i >= 0; i-- { // so many or more
		depths[i] += depths[i+1]
	}
	of := func(a, b uint64) uint64 { return a / max(b, 1) }
	c.Record(func() {
		c.Printf("hash table has %llu buckets, %llu dbufs (avg %llu buckets/dbuf)\n\nhash chain length\tnumber of buckets\n",
			h.buckets, count, of(h.buckets, count))
	}, out.Field{Name: "buckets", Value: h.buckets}, out.Field{Name: "dbufs", Value: count})
	for i := range last(lengths[:]) + 1 {
		c.Record(func() { c.Printf("%u\t\t\t%llu\n", i, lengths[i]) },
			out.Field{Name: "length", Value: i}, out.Field{Name: "buckets", Value: lengths[i]})
	}
	if !c.Opts.JSON {
		c.Printf("\nhash chain depth\tnumber of dbufs\n")
	}
	for i := range last(depths[:]) + 1 {
		c.Record(func() { c.Printf("%u or more\t\t%llu\t%llu%%\n", i, depths[i], of(depths[i]*100, count)) },
			out.Field{Name: "depth", Value: i}, out.Field{Name: "dbufs", Value: depths[i]})
	}
	return nil
}

// last is the place of the last number that is not zero, 0 if all are.
func last(list []uint64) int {
	for i := len(list) - 1; i > 0; i-- {
		if list[i] != 0 {
			return i
		}
	}
	return 0
}
