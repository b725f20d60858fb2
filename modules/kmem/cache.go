package kmem

import (
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Flags of caches: KMF_* in cache_flags, KMC_* in cache_cflags (sys/kmem.h,
// sys/kmem_impl.h).
const (
	kmfAudit      = 0x1
	kmfDeadbeef   = 0x2
	kmfRedzone    = 0x4
	kmfBuftag     = kmfDeadbeef | kmfRedzone
	kmfNomagazine = 0x20
	kmfLite       = 0x100
	kmfHash       = 0x200
	kmfDumpdivert = 0x1000

	kmcNotouch    = 0x10000
	kmcIdentifier = 0x400000
)

// Bounds of what is believed of a cache.
const (
	maxCPUs     = 4096
	maxSlabSize = 1 << 30
	maxHash     = 1 << 26 // buckets
	maxChunks   = 1 << 22 // of a slab
)

// cacheLayout is how the release lays out kmem_cache_t.
type cacheLayout struct {
	Size        uint64       `ctf:"sizeof"`
	Name        kernel.Field `ctf:"cache_name"`
	BufSize     kernel.Field `ctf:"cache_bufsize"`
	Flags       kernel.Field `ctf:"cache_flags"`
	CFlags      kernel.Field `ctf:"cache_cflags"`
	BufTotal    kernel.Field `ctf:"cache_buftotal"`
	SlabCreate  kernel.Field `ctf:"cache_slab_create"`
	SlabDestroy kernel.Field `ctf:"cache_slab_destroy"`
	SlabAlloc   kernel.Field `ctf:"cache_slab_alloc"`
	AllocFail   kernel.Field `ctf:"cache_alloc_fail"`
	Constructor kernel.Field `ctf:"cache_constructor"`
	Arena       kernel.Field `ctf:"cache_arena"`
	ChunkSize   kernel.Field `ctf:"cache_chunksize"`
	SlabSize    kernel.Field `ctf:"cache_slabsize"`
	MaxChunks   kernel.Field `ctf:"cache_maxchunks,optional"`
	MaxColor    kernel.Field `ctf:"cache_maxcolor"`
	Bufctl      kernel.Field `ctf:"cache_bufctl"`
	Buftag      kernel.Field `ctf:"cache_buftag"`
	HashTable   kernel.Field `ctf:"cache_hash_table"`
	HashMask    kernel.Field `ctf:"cache_hash_mask"`
	HashShift   kernel.Field `ctf:"cache_hash_shift"`
	Complete    kernel.Field `ctf:"cache_complete_slabs"`
	Partial     kernel.Field `ctf:"cache_partial_slabs"`
	NPartial    kernel.Field `ctf:"cache_partial_slabs.avl_numnodes"`
	MagType     kernel.Field `ctf:"cache_magtype"`
	FullList    kernel.Field `ctf:"cache_full.ml_list"`
	FullTotal   kernel.Field `ctf:"cache_full.ml_total"`
	FullAlloc   kernel.Field `ctf:"cache_full.ml_alloc"`
	CPU         kernel.Field `ctf:"cache_cpu"`
}

// cpuLayout is that of kmem_cpu_cache_t.
type cpuLayout struct {
	Size        uint64       `ctf:"sizeof"`
	Alloc       kernel.Field `ctf:"cc_alloc"`
	Loaded      kernel.Field `ctf:"cc_loaded"`
	PLoaded     kernel.Field `ctf:"cc_ploaded"`
	Flags       kernel.Field `ctf:"cc_flags"`
	Rounds      kernel.Field `ctf:"cc_rounds"`
	PRounds     kernel.Field `ctf:"cc_prounds"`
	MagSize     kernel.Field `ctf:"cc_magsize"`
	DumpRounds  kernel.Field `ctf:"cc_dump_rounds,optional"`
	DumpPRounds kernel.Field `ctf:"cc_dump_prounds,optional"`
}

// Cache is a kmem_cache_t, read.
type Cache struct {
	Addr    uint64
	Name    string
	BufSize uint64

	l      *cacheLayout
	raw    []byte
	flags  uint64
	cflags uint64
	cpus   []cpuCache // of every CPU there may be; nil if not asked for
}

// cpuCache is a kmem_cpu_cache_t: its magazines and how much is in them.
type cpuCache struct {
	allocs          uint64
	loaded, spare   uint64
	rounds, prounds int
	magSize         int
}

func (c *Cache) get(f kernel.Field) uint64 { return f.Of(c.raw) }

// readCache reads a cache without its per-CPU part.
func readCache(v *kernel.View, addr uint64) (*Cache, error) {
	l, err := kernel.Lay[cacheLayout](v, "kmem_cache_t")
	if err != nil {
		return nil, err
	}
	b, err := v.Bytes(addr, l.CPU.Off, nil)
	if err != nil {
		return nil, kernel.BadRead("kmem_cache", addr, err)
	}
	return &Cache{Addr: addr, Name: l.Name.Text(b), BufSize: l.BufSize.Of(b), l: l, raw: b,
		flags: l.Flags.Of(b), cflags: l.CFlags.Of(b)}, nil
}

// readCPUs reads the per-CPU part of a cache.
func (c *Cache) readCPUs(v *kernel.View) error {
	n, err := v.Variable("genunix", "max_ncpus")
	if err != nil {
		return kernel.Failed(err, "failed to read 'max_ncpus'")
	}
	if n == 0 || n > maxCPUs {
		return fmt.Errorf("max_ncpus is %d", n)
	}
	l, err := kernel.Lay[cpuLayout](v, "kmem_cpu_cache_t")
	if err != nil {
		return err
	}
	at := c.Addr + c.l.CPU.Off
	b, err := v.Bytes(at, n*l.Size, nil)
	if err != nil {
		return kernel.BadRead("cache", c.Addr, err)
	}
	c.cpus = make([]cpuCache, n)
	for i := range c.cpus {
		c.cpus[i].take(l, b[uint64(i)*l.Size:][:l.Size])
	}
	return nil
}

func (cc *cpuCache) take(l *cpuLayout, b []byte) {
	cc.allocs, cc.loaded, cc.spare = l.Alloc.Of(b), l.Loaded.Of(b), l.PLoaded.Of(b)
	cc.rounds, cc.prounds = int(int16(l.Rounds.Of(b))), int(int16(l.PRounds.Of(b)))
	cc.magSize = int(int16(l.MagSize.Of(b)))
	if l.Flags.Of(b)&kmfDumpdivert != 0 && l.DumpRounds.OK() {
		cc.rounds, cc.prounds = int(int16(l.DumpRounds.Of(b))), int(int16(l.DumpPRounds.Of(b)))
	}
}

// caches walks the kernel's caches.
func caches(v *kernel.View) iter.Seq2[*Cache, error] {
	return func(yield func(*Cache, error) bool) {
		head, err := v.Symbol("genunix", "kmem_caches")
		if err != nil {
			yield(nil, fmt.Errorf("couldn't find kmem_caches: %w", err))
			return
		}
		for at, err := range v.List("kmem_cache", head.Value) {
			var c *Cache
			if err == nil {
				c, err = readCache(v, at)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func walkCaches(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return elems(kernel.Of(c.Session), "kmem_cache_t", caches(kernel.Of(c.Session)), func(k *Cache) uint64 { return k.Addr })
}

// elems makes elements for the engine of what a walk yields.
func elems[T any](v *kernel.View, typ string, seq iter.Seq2[T, error], addr func(T) uint64) iter.Seq2[core.Elem, error] {
	t := v.TypeOrNil(typ)
	return func(yield func(core.Elem, error) bool) {
		for o, err := range seq {
			e := core.Elem{Type: t, Obj: o}
			if err == nil {
				e.Val = addr(o)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// noWalk is a walk that fails before its first element.
func noWalk(err error) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) { yield(core.Elem{}, err) }
}

var cacheTable = &core.Table{
	Head: "%-?s %-25s %4s %6s %8s %8s\n", Line: "%0?p %-25s %04x %06x %8ld %8lld\n", Type: "kmem_cache_t",
	Cols: []core.Field{
		{Name: "addr", Head: "ADDR", Descr: "address of the cache"}, {Name: "name", Head: "NAME"},
		{Name: "flags", Head: "FLAG", Descr: "state and debugging (KMF_*)"},
		{Name: "cflags", Head: "CFLAG", Descr: "flags of its making (KMC_*)"},
		{Name: "bufsize", Head: "BUFSIZE", Descr: "bytes of an object"},
		{Name: "buftotal", Head: "BUFTOTL", Descr: "buffers there are, allocated and free"},
	},
}

func runKmemCache(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	return eachCache(c, func(k *Cache) error {
		c.Head()
		if name, ok := c.OptStr('n'); !ok || strings.Contains(k.Name, name) {
			c.Row(out.Hex(k.Addr), k.Name, out.Hex(k.flags), out.Hex(k.cflags), k.BufSize, k.get(k.l.BufTotal))
		}
		return nil
	})
}

// eachCache runs f for the cache at the address given, or for all.
func eachCache(c *core.Ctx, f func(*Cache) error) error {
	v := kernel.Of(c.Session)
	if c.HasAddr {
		k, err := readCache(v, c.Addr)
		if err != nil {
			return err
		}
		return f(k)
	}
	for k, err := range caches(v) {
		if err != nil {
			c.Fail(err)
			c.Warnf("can't walk kmem_cache")
			return core.ErrFailed
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if err := f(k); err != nil {
			return err
		}
	}
	return nil
}
