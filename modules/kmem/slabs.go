package kmem

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

const slabsHelp = "Prints for each cache how many slabs and buffers it has, how many slabs have free\n" +
	"buffers, how many buffers those are and what share of all.\n" +
	"\n" +
	"-b and -B print how full the slabs are: a line for those that are complete, then one\n" +
	"for each range of allocated buffers. -b 0 is a line for each number.\n" +
	"-v lists the allocated buffers of each partial slab in the order in which they are\n" +
	"allocated from, a star behind those that hold a buffer which its owner would not\n" +
	"move.\n"

var slabsOpts = []core.Opt{
	{Letter: 'v', Help: "list the partial slabs"},
	{Letter: 'n', Kind: core.Str, Arg: "name", Help: "only caches whose names contain this"},
	{Letter: 'N', Kind: core.Str, Arg: "name", Help: "only the cache of exactly this name"},
	{Letter: 'b', Kind: core.Uint, Arg: "maxbins", Help: "how full slabs are, in at most so many lines"},
	{Letter: 'B', Kind: core.Uint, Arg: "minbinsize", Help: "how full slabs are, in lines of at least so many buffers"},
}

// slabStats is how full the slabs of a cache are.
type slabStats struct {
	slabs, partial int
	unused         uint64
	chunks         int      // of a slab, at most
	bucket         []uint64 // slabs by buffers in use
	use            []slabUse
}

type slabUse struct {
	refcnt int64
	nomove bool
}

func (k *Cache) slabStats(c *core.Ctx, v *kernel.View) slabStats {
	st := slabStats{chunks: int(min(k.get(k.l.SlabSize)/max(k.get(k.l.ChunkSize), 1), maxChunks))}
	st.bucket = make([]uint64, st.chunks+1)
	r, err := newSlabReader(v, k)
	if err == nil {
		err = r.slabs(true, true, func(s *slab) bool {
			st.slabs++
			if s.refcnt < int64(len(st.bucket)) {
				st.bucket[s.refcnt]++
			}
			if s.chunks != s.refcnt {
				st.partial++
				st.unused += uint64(s.chunks - s.refcnt)
				st.use = append(st.use, slabUse{s.refcnt, s.nomove})
			}
			return c.Err() == nil
		})
	}
	c.Fail(err)
	return st
}

// waste is the share of unused buffers in tenths of a percent, as MDB rounds it.
func (st *slabStats) waste(total uint64) (percent, tenths uint64) {
	if total == 0 {
		return 0, 0
	}
	n := st.unused * 10000 / total
	percent, tenths = n/100, (n%100+5)/10
	if tenths == 10 {
		percent, tenths = percent+1, 0
	}
	return percent, tenths
}

func slabsHead(c *core.Ctx) {
	if c.Opts.JSON {
		return
	}
	const line = "%-25s %8s %8s %9s %9s %6s\n"
	c.Printf(line, "", "", "Partial", "", "Unused", "")
	c.Printf(line, "Cache Name", "Slabs", "Slabs", "Buffers", "Buffers", "Waste")
	c.Printf(line, "-------------------------", "--------", "--------", "---------", "---------", "------")
}

func runKmemSlabs(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := kernel.Of(c.Session)
	most, least := uint64(1), uint64(0)
	if c.Opt('b') {
		most, _ = c.OptUint('b')
	}
	if c.Opt('B') {
		least, _ = c.OptUint('B')
	}
	detailed := c.Opt('v') || most != 1 || least != 0
	first := !c.HasAddr || c.Header()
	return eachCache(c, func(k *Cache) error {
		skip := !slabsWanted(c, k.Name)
		head := first
		first = false
		if skip {
			if head && !detailed {
				slabsHead(c)
			}
			return nil
		}
		st := k.slabStats(c, v)
		if head || detailed && (c.Opt('v') && st.partial > 0 || !c.Opt('v') && st.slabs > 0) {
			slabsHead(c)
		}
		st.show(c, k, most, least)
		return nil
	})
}

func slabsWanted(c *core.Ctx, name string) bool {
	part, byPart := c.OptStr('n')
	whole, byWhole := c.OptStr('N')
	if !byPart && !byWhole {
		return true
	}
	return byWhole && name == whole || byPart && strings.Contains(name, part)
}

func (st *slabStats) show(c *core.Ctx, k *Cache, most, least uint64) {
	total := k.get(k.l.BufTotal)
	percent, tenths := st.waste(total)
	use := out.List{}
	for _, u := range st.use {
		use = append(use, u.refcnt)
	}
	c.Record(func() {
		c.Printf("%-25s %8d %8d %9lld %9lld %3d.%1d%%\n", k.Name, st.slabs, st.partial, total, st.unused, percent, tenths)
		if most == 0 {
			most = uint64(st.chunks)
		}
		if (most > 1 || least > 0) && st.slabs > 0 {
			c.Printf("\n")
			st.distribution(c, most, least)
		}
		if c.Opt('v') && st.partial > 0 {
			c.Printf("  %d complete (%d), %d partial:", st.slabs-st.partial, st.chunks, st.partial)
			for _, u := range st.use {
				star := ""
				if u.nomove {
					star = "*"
				}
				c.Printf(" %d%s", u.refcnt, star)
			}
			c.Printf("\n\n")
		}
	}, out.Field{Name: "addr", Value: out.Hex(k.Addr)}, out.Field{Name: "cache", Value: k.Name}, out.Field{Name: "slabs", Value: st.slabs},
		out.Field{Name: "partial", Value: st.partial}, out.Field{Name: "buffers", Value: total},
		out.Field{Name: "unused", Value: st.unused}, out.Field{Name: "partial_in_use", Value: use})
}

// Widths of MDB's distributions.
const (
	distLabel = 11
	distChars = 50
)

// distribution prints how many slabs have how many buffers in use: the complete ones,
// then ranges from the fullest down.
func (st *slabStats) distribution(c *core.Ctx, most, least uint64) {
	per := uint64(st.chunks)
	lines := per
	if most > 1 {
		lines = min(lines, most)
	}
	if least > 1 {
		lines = min(lines, 1+(per-1)/least)
		if lines < 2 && per > 1 {
			lines = 2
		}
	}
	var total uint64
	for _, n := range st.bucket {
		total += n
	}
	dashes := strings.Repeat("-", (distChars-len(" Distribution "))/2)
	c.Printf("%*s\n", distLabel, "Allocated")
	c.Printf("%*s  %s%s%s %s\n", distLabel, "Buffers", dashes, " Distribution ", dashes, "Slabs")
	st.bar(c, per, per+1, total)
	for i := lines; i > 1; i-- {
		from := func(n uint64) uint64 { return 1 + n*(per-1)/(lines-1) }
		st.bar(c, from(i-2), from(i-1), total)
	}
	c.Printf("\n")
}

// bar prints the slabs with at least from and fewer than to buffers in use.
func (st *slabStats) bar(c *core.Ctx, from, to, total uint64) {
	var count uint64
	for i := from; i < to && i < uint64(len(st.bucket)); i++ {
		count += st.bucket[i]
	}
	n := int(distChars * count / max(total, 1))
	label := out.Sprintf(c.OutEnv(), "%d", from)
	if to-1 != from {
		label = out.Sprintf(c.OutEnv(), "%d-%d", from, to-1)
	}
	c.Printf("%*s |%s%s %lld\n", distLabel, label, strings.Repeat("@", n), strings.Repeat(" ", distChars-n), count)
}
