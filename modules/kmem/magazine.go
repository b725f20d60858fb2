package kmem

import (
	"encoding/binary"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// magLayout is how the release lays out kmem_magazine_t, and kmem_magtype_t.
type magLayout struct {
	Next  kernel.Field `ctf:"mag_next"`
	Round kernel.Field `ctf:"mag_round"`
}

type magtypeLayout struct {
	Size    uint64       `ctf:"sizeof"`
	MagSize kernel.Field `ctf:"mt_magsize"`
}

// maxMagazine is the largest magazine that is believed: MDB's half a page.
const maxMagazine = 2048 / 8

// magSize is how many rounds a magazine of the cache has; 0 if it has no magazines.
func (k *Cache) magSize(c *core.Ctx, v *kernel.View) int {
	if len(k.cpus) > 0 && k.cpus[0].magSize != 0 {
		return k.cpus[0].magSize
	}
	if k.flags&kmfNomagazine != 0 {
		return 0
	}
	at := k.get(k.l.MagType)
	l, err := kernel.Lay[magtypeLayout](v, "kmem_magtype_t")
	if err != nil {
		c.Fail(err)
		return 0
	}
	if m, err := v.Symbol("genunix", "kmem_magtype"); err != nil {
		c.Warnf("unable to read 'kmem_magtype': %s", err.Error())
	} else if at-m.Value >= m.Size || (at-m.Value)%l.Size != 0 {
		c.Warnf("cache '%s' has invalid magtype pointer (%p)", k.Name, at)
		return 0
	}
	b, err := v.Bytes(at, l.Size, nil)
	if err != nil {
		c.Warnf("unable to read magtype at %a: %s", at, core.Reason(err))
		return 0
	}
	return int(int16(l.MagSize.Of(b)))
}

// magazines collects the buffers in magazines: those of the depot, then those of the
// CPUs. The order is MDB's. ok is false if they cannot be told.
func (k *Cache) magazines(c *core.Ctx, v *kernel.View) (rounds []uint64, ok bool) {
	size := k.magSize(c, v)
	if size == 0 {
		return nil, true
	}
	if size < 0 || size > maxMagazine {
		c.Warnf("magazine size for cache %p unreasonable (%x)", k.Addr, size)
		return nil, false
	}
	l, err := kernel.Lay[magLayout](v, "kmem_magazine_t")
	if err != nil {
		c.Fail(err)
		return nil, false
	}
	r := magReader{c: c, v: v, l: l, size: uint64(size), most: int(k.get(k.l.FullTotal)&0xffffff) + 2*len(k.cpus) + 100}
	met := kernel.Met{}
	for at := k.get(k.l.FullList); at != 0; {
		if met.Again(at) {
			c.Warnf("magazine %p is in the depot of cache %p twice", at, k.Addr)
			break
		}
		if !r.take(at, size) {
			return nil, false
		}
		at = r.next
	}
	for i := range k.cpus {
		cc := &k.cpus[i]
		if cc.rounds > 0 && cc.loaded != 0 && !r.take(cc.loaded, cc.rounds) ||
			cc.prounds > 0 && cc.spare != 0 && !r.take(cc.spare, cc.prounds) {
			return nil, false
		}
	}
	return r.rounds, true
}

// magReader reads magazines.
type magReader struct {
	c      *core.Ctx
	v      *kernel.View
	l      *magLayout
	size   uint64 // rounds of a magazine
	most   int    // magazines that the cache can have
	taken  int
	rounds []uint64
	next   uint64 // mag_next of the last one read
	buf    []byte
}

// take appends the first n rounds of a magazine.
func (r *magReader) take(at uint64, n int) bool {
	if r.taken++; r.taken > r.most {
		r.c.Warnf("%d magazines exceeds fudge factor: magazine %p", r.taken, at)
		return false
	}
	if uint64(n) > r.size {
		r.c.Warnf("magazine %p is said to hold %d rounds of %d", at, n, int(r.size))
		return false
	}
	b, err := r.v.Bytes(at, r.l.Round.Off+8*r.size, r.buf)
	if err != nil {
		r.c.Warnf("couldn't read magazine at %p: %s", at, core.Reason(err))
		return false
	}
	r.next = r.l.Next.Of(b)
	for i := range n {
		r.rounds = append(r.rounds, binary.LittleEndian.Uint64(b[r.l.Round.Off+8*uint64(i):]))
	}
	return true
}

// sorted are rounds in the order of addresses, to look one up.
type sorted []uint64

func sortRounds(rounds []uint64) sorted {
	slices.Sort(rounds)
	return rounds
}

func (s sorted) has(buf uint64) bool {
	if len(s) == 0 {
		return false
	}
	_, ok := slices.BinarySearch(s, buf)
	return ok
}

// within calls f for those from an address to another.
func (s sorted) within(from, to uint64, f func(buf uint64)) {
	i, _ := slices.BinarySearch(s, from)
	for ; i < len(s) && s[i] < to; i++ {
		f(s[i])
	}
}
