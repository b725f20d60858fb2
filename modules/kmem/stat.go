package kmem

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// The headings of ::kmastat: of the caches and of the arenas.
var (
	cacheHeads = [][]string{
		{"cache                         ", "  buf", "      buf", "      buf", "memory", "     alloc", "alloc"},
		{"name                          ", " size", "   in use", "    total", "in use", "   succeed", " fail"},
		{"------------------------------", "-----", "---------", "---------", "------", "----------", "-----"},
	}
	arenaHeads = [][]string{
		{"vmem                          ", "   memory", "    memory", "   memory", "     alloc", "alloc"},
		{"name                          ", "   in use", "     total", "   import", "   succeed", " fail"},
		{"------------------------------", "---------", "----------", "---------", "----------", "-----"},
	}
)

// usage is what a cache holds.
type usage struct {
	memory       uint64
	avail, total uint32 // as MDB counts: in 32 bits
	allocs       uint32
	fails        uint32
}

// usage counts a cache's buffers: free are those on slabs and in magazines.
func (k *Cache) usage(c *core.Ctx, v *kernel.View) usage {
	u := usage{memory: (k.get(k.l.SlabCreate) - k.get(k.l.SlabDestroy)) * k.get(k.l.SlabSize), total: uint32(k.get(k.l.BufTotal)),
		fails: uint32(k.get(k.l.AllocFail)), allocs: uint32(k.get(k.l.SlabAlloc) + k.get(k.l.FullAlloc))}
	if err := k.readCPUs(v); err != nil {
		c.Fail(err)
	}
	u.avail = uint32(k.get(k.l.FullTotal)) * uint32(k.magSize(c, v))
	for i := range k.cpus {
		cc := &k.cpus[i]
		u.allocs += uint32(cc.allocs)
		u.avail += uint32(max(cc.rounds, 0)) + uint32(max(cc.prounds, 0))
	}
	r, err := newSlabReader(v, k)
	if err == nil {
		err = r.partialOrFirst(func(s *slab) bool {
			u.avail += uint32(s.chunks - s.refcnt)
			return true
		})
	}
	c.Fail(err)
	return u
}

func runKmastat(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	v := kernel.Of(c.Session)
	heads(c, cacheHeads, "")
	sums := map[uint64]*usage{} // by arena
	for k, err := range caches(v) {
		if err != nil {
			c.Fail(err)
			c.Warnf("can't walk 'kmem_cache'")
			return core.ErrFailed
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		u := k.usage(c, v)
		arena := k.get(k.l.Arena)
		if sums[arena] == nil {
			sums[arena] = &usage{}
		}
		s := sums[arena]
		s.memory, s.allocs, s.fails = s.memory+u.memory, s.allocs+u.allocs, s.fails+u.fails
		c.Record(func() {
			c.Printf("%-30s %5H %9u %9u %6lH %10u %5u\n", k.Name, k.BufSize, u.total-u.avail, u.total, u.memory, u.allocs, u.fails)
		}, out.Field{Name: "cache", Value: k.Name}, out.Field{Name: "bufsize", Value: k.BufSize},
			out.Field{Name: "inuse", Value: u.total - u.avail}, out.Field{Name: "total", Value: u.total},
			out.Field{Name: "memory", Value: u.memory}, out.Field{Name: "succeed", Value: u.allocs}, out.Field{Name: "fail", Value: u.fails})
	}
	heads(c, cacheHeads[2:], "")
	_, roots, err := arenas(v)
	if err != nil {
		c.Fail(err)
		c.Warnf("can't walk 'vmem'")
		return core.ErrFailed
	}
	list := preorder(roots)
	for _, a := range list {
		if s := sums[a.Addr]; s != nil && s.allocs != 0 {
			statTotal(c, a, s)
		}
	}
	heads(c, cacheHeads[2:], "")
	if !c.Opts.JSON {
		c.Printf("\n")
	}
	heads(c, arenaHeads, " ")
	for _, a := range list {
		statArena(c, a)
	}
	heads(c, arenaHeads[2:], " ")
	return nil
}

// heads prints lines of headings, each with an end.
func heads(c *core.Ctx, lines [][]string, end string) {
	if c.Opts.JSON {
		return
	}
	for _, l := range lines {
		c.Printf("%s%s\n", strings.Join(l, " "), end)
	}
}

// statTotal prints what the caches of an arena hold together.
func statTotal(c *core.Ctx, a *Arena, s *usage) {
	c.Record(func() {
		c.Printf("Total [%s]%*s %5s %9s %9s %6lH %10u %5u\n", a.Name, 22-min(22, len(a.Name)), "", "", "", "", s.memory, s.allocs, s.fails)
	}, out.Field{Name: "caches_of", Value: a.Name}, out.Field{Name: "memory", Value: s.memory},
		out.Field{Name: "succeed", Value: s.allocs}, out.Field{Name: "fail", Value: s.fails})
}

func statArena(c *core.Ctx, a *Arena) {
	indent := 4 * a.depth()
	c.Record(func() {
		c.Printf("%*s", indent, "")
		c.Printf("%-*s %9llH %10llH %9llH %10llu %5llu \n", max(30-indent, 0), a.Name, a.get(a.l.InUse), a.get(a.l.Total), a.get(a.l.Import),
			a.get(a.l.Alloc), a.get(a.l.Fail))
	}, out.Field{Name: "arena", Value: a.Name}, out.Field{Name: "inuse", Value: a.get(a.l.InUse)},
		out.Field{Name: "total", Value: a.get(a.l.Total)}, out.Field{Name: "import", Value: a.get(a.l.Import)},
		out.Field{Name: "succeed", Value: a.get(a.l.Alloc)}, out.Field{Name: "fail", Value: a.get(a.l.Fail)})
}
