package libumem

import (
	"fmt"
	"math"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Tags before what malloc(3C) returns: a size and, to be told from other data, a word
// that makes one of these with it (umem_impl.h).
const (
	mallocMagic  = 0x3a10c000
	secondMagic  = 0x16ba7000 // LP64, 16-byte tag
	mallocTag    = 8          // bytes
	secondAlign  = 16         // LP64: larger buffers have the 16-byte tag
	maxBuf       = 131072     // UMEM_MAXBUF
	mallocPrefix = "umem_alloc_"
)

// overhead is the size of the tag in a cache's buffers, bytes.
func (u *umem) overhead(k *cache) uint64 {
	if u.ptr == 8 && k.BufSize > secondAlign {
		return 2 * mallocTag
	}
	return mallocTag
}

// mallocs is what malloc has of one cache.
type mallocs struct {
	count, bytes, overhead uint64
	bySize                 map[uint64]uint64
}

// countMallocs looks at the allocated buffers of a cache for malloc's tags.
func (u *umem) countMallocs(c *core.Ctx, k *cache, m *mallocs) error {
	tag := u.overhead(k)
	for b, err := range u.allocated(c, k) {
		if err != nil {
			return fmt.Errorf("can't walk 'umem' for cache %x: %w", k.addr, err)
		}
		var t [mallocTag]byte
		if err := mem.ReadFull(u.space, t[:], mem.Addr(b.addr+tag-mallocTag)); err != nil {
			c.Warn(mem.Reason(err), "unable to read malloc header at %p", b.addr+tag-mallocTag)
			continue
		}
		size, stat := u.w.Order.Uint32(t[:]), u.w.Order.Uint32(t[4:])
		if kind := stat + size; kind != mallocMagic && (u.ptr == 4 || kind != secondMagic) || uint64(size) < tag || uint64(size) > k.Chunk {
			continue
		}
		n := uint64(size) - tag
		m.count++
		m.bytes += n
		m.overhead += tag + k.Chunk - uint64(size)
		m.bySize[n]++
	}
	if c.Err() != nil {
		return core.ErrIntr
	}
	return nil
}

// slabOverhead is what malloc's buffers cost besides their chunks: each its share of
// what a slab has beyond its chunks.
func (u *umem) slabOverhead(c *core.Ctx, k *cache, m *mallocs) uint64 {
	if m.count == 0 {
		return 0
	}
	var s slab
	if err := u.load("umem_slab_t", k.FirstSlab, &s); err != nil {
		c.Warnf("unable to read slab at %p", k.FirstSlab)
		return 0
	}
	n := uint64(s.Chunks)
	if s.Chunks <= 0 || k.Chunk == 0 || n > k.SlabSize/k.Chunk {
		c.Warnf("invalid #chunks (%d) in slab %p", s.Chunks, k.FirstSlab)
		return 0
	}
	per := k.SlabSize - k.Chunk*n
	if k.has(umfHash) {
		ctl := "umem_bufctl_t"
		if k.has(umfAudit) {
			ctl = "umem_bufctl_audit_t"
		}
		slabSize, _ := u.size("umem_slab_t")
		ctlSize, _ := u.size(ctl)
		per += slabSize + n*ctlSize
	}
	return per * m.count / n
}

var mallocTable = &core.Table{
	Head: "%<ul>%-?s %6s %6s %8s %8s %10s %10s %6s%</ul>\n", Line: "%0?p %6ld %6ld %8ld %8ld %10ld %10ld %s\n", Type: "umem_cache_t",
	Cols: []core.Field{
		{Name: "cache", Head: "CACHE"}, {Name: "bufsz", Head: "BUFSZ"}, {Name: "maxmal", Head: "MAXMAL"}, {Name: "bufmallc", Head: "BUFMALLC"},
		{Name: "avg_mal", Head: "AVG_MAL"}, {Name: "malloced", Head: "MALLOCED"}, {Name: "overhead", Head: "OVERHEAD"}, {Name: "over", Head: "%OVER"},
	},
}

// runMallocInfo is ::umem_malloc_info.
func runMallocInfo(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	if !c.HasAddr {
		for k, err := range u.caches() {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(k.Name, mallocPrefix) {
				continue
			}
			if err := u.mallocInfo(c, k); err != nil {
				return err
			}
		}
		return nil
	}
	k, err := u.cacheAt(c.Addr)
	if err != nil {
		return c.Warn(mem.Reason(err), "unable to read cache at %p", c.Addr)
	}
	if !strings.HasPrefix(k.Name, mallocPrefix) {
		if !c.Loop {
			c.Warnf("umem_malloc_info: cache \"%s\" is not used by malloc()", k.Name)
		}
		return nil
	}
	return u.mallocInfo(c, k)
}

// distOpts are the options that ask for a distribution.
func distOpts(c *core.Ctx) (dump, geometric bool, bins, least uint64) {
	bins, _ = c.OptUint('b')
	least, _ = c.OptUint('B')
	return c.Opt('d'), c.Opt('g'), bins, least
}

func (u *umem) mallocInfo(c *core.Ctx, k *cache) error {
	m := &mallocs{bySize: map[uint64]uint64{}}
	if err := u.countMallocs(c, k, m); err != nil {
		return err
	}
	over, avg := m.overhead+u.slabOverhead(c, k, m), uint64(0)
	if m.count != 0 {
		avg = (m.bytes + (m.count-1)/2) / m.count
	}
	pct := uint64(0)
	if m.bytes != 0 {
		pct = 1000 * over / m.bytes
	}
	most := k.BufSize - u.overhead(k)
	dump, geometric, bins, least := distOpts(c)
	verbose := dump || geometric || bins != 0 || least != 0
	row := []any{out.Addr(k.addr), int64(k.BufSize), int64(most), int64(m.count), int64(avg), int64(m.bytes), int64(over), fmt.Sprintf("%3d.%01d%%", pct/10, pct%10)}
	if verbose && !c.Opts.JSON && !c.PipeOut { // the heading again for each
		t := mallocTable
		heads := make([]any, len(t.Cols))
		for i, col := range t.Cols {
			heads[i] = col.Head
		}
		c.Printf(t.Head, heads...)
		c.Printf(t.Line, row...)
	} else {
		c.Row(row...)
		return nil
	}
	if !dump {
		c.Printf("\n")
	}
	low, err := u.leastMalloc(k)
	if err != nil {
		return err
	}
	if dump {
		for n := low; n <= most; n++ {
			c.Printf("%d\t%d\n", n, m.bySize[n])
		}
		c.Printf("\n")
		return nil
	}
	printDist(c, m.bySize, low, most, bins, least, geometric)
	return nil
}

// leastMalloc is the smallest request that malloc serves from a cache.
func (u *umem) leastMalloc(k *cache) (uint64, error) {
	sizes, err := u.mallocSizes()
	if err != nil {
		return 0, err
	}
	for i, n := range sizes {
		if n != k.BufSize {
			continue
		}
		if i == 0 {
			return 0, nil
		}
		low := sizes[i-1]
		if u.ptr == 8 && low > secondAlign {
			low -= mallocTag
		}
		return low - mallocTag + 1, nil
	}
	return 0, fmt.Errorf("cache %x's size (%d) not in umem_alloc_sizes", k.addr, k.BufSize)
}

// runMallocDist is ::umem_malloc_dist.
func runMallocDist(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	m := &mallocs{bySize: map[uint64]uint64{}}
	for k, err := range u.caches() {
		if err != nil {
			return err
		}
		if strings.HasPrefix(k.Name, mallocPrefix) {
			if err := u.countMallocs(c, k, m); err != nil {
				return err
			}
		}
	}
	most := uint64(maxBuf - mallocTag)
	if u.ptr == 8 {
		most -= mallocTag
	}
	dump, geometric, bins, least := distOpts(c)
	if dump {
		for n := uint64(0); n <= most; n++ {
			c.Printf("%d\t%d\n", n, m.bySize[n])
		}
		return nil
	}
	printDist(c, m.bySize, 0, most, bins, least, geometric)
	return nil
}

// distWidth is the width of the bars.
const distWidth = 50

// printDist prints counts of sizes from low to high in bins: at most so many, each at
// least so wide, of equal widths or of equal ratios.
func printDist(c *core.Ctx, counts map[uint64]uint64, low, high, bins, least uint64, geometric bool) {
	n := high - low + 1
	buckets := n
	if bins != 0 {
		buckets = min(buckets, bins)
	}
	if least > 1 {
		if buckets = min(buckets, n/least); buckets == 0 {
			buckets, least = 1, n
		}
	}
	edges := linear(int(buckets), int(low), int(high))
	if geometric {
		edges = ratios(int(buckets), int(low), int(high), int(max(least, 1)))
	}
	total := uint64(0)
	for s, k := range counts {
		if s >= low && s <= high {
			total += k
		}
	}
	total = max(total, 1)
	dashes := strings.Repeat("-", (distWidth-len(" Distribution "))/2)
	c.Printf("%*s  %s%s%s %s\n", 11, "malloc size", dashes, " Distribution ", dashes, "count")
	for i := range buckets {
		if c.Err() != nil {
			return
		}
		from, to := edges[i], edges[i+1]-1
		count := uint64(0)
		for s := from; s <= to; s++ {
			count += counts[uint64(s)]
		}
		label := fmt.Sprint(from)
		if from != to {
			label = fmt.Sprintf("%d-%d", from, to)
		}
		bar := int(distWidth * count / total)
		c.Record(func() {
			c.P.WriteString(fmt.Sprintf("%11s |%s%s %d\n", label, strings.Repeat("@", bar), strings.Repeat(" ", distWidth-bar), count))
		}, out.Field{Name: "from", Value: from}, out.Field{Name: "to", Value: to}, out.Field{Name: "count", Value: count})
	}
	c.Printf("\n")
}

// linear gives the bounds of bins of equal widths, one more than there are bins.
func linear(n, low, high int) []int {
	out := make([]int, n+1)
	for i := range n {
		out[i] = low + i*(high-low+1)/n
	}
	out[n] = high + 1
	return out
}

// ratios gives the bounds of bins that grow by a constant ratio, those at the start
// widened to least.
func ratios(n, low, high, least int) []int {
	out := make([]int, n+1)
	out[n] = high + 1
	if n == 1 {
		out[0] = low
		return out
	}
	last := low
	low = max(low, 1)
	r := math.Exp(math.Log(float64(high+1)/float64(low)) / float64(n))
	b := float64(low)
	for i := range n {
		out[i] = last
		b *= r
		if next := int(b); next > last+least-1 {
			last = next
		} else {
			last += least
		}
	}
	return out
}
