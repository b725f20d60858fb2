package linux

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// cacheLayout is struct kmem_cache of SLUB (mm/slab.h).
type cacheLayout struct {
	Struct uint64       `ctf:"sizeof"`
	Name   kernel.Field `ctf:"name"`
	Object kernel.Field `ctf:"object_size"` // what was asked for
	Step   kernel.Field `ctf:"size"`        // from one object to the next
	Free   kernel.Field `ctf:"offset"`      // of the free pointer in a free object
	Order  kernel.Field `ctf:"oo.x"`        // order << 16 | objects
	Red    kernel.Field `ctf:"red_left_pad,optional"`
	Random kernel.Field `ctf:"random,optional"` // CONFIG_SLAB_FREELIST_HARDENED
	CPU    kernel.Field `ctf:"cpu_slab"`
	Nodes  kernel.Field `ctf:"node"`
	Link   kernel.Field `ctf:"list"`
}

// cache is a cache of objects.
type cache struct {
	addr uint64
	l    *cacheLayout
	b    []byte
}

func readCache(v *kernel.View, addr uint64) (*cache, error) {
	l, b, err := read(v, "struct kmem_cache", addr, func(l *cacheLayout) uint64 { return l.Struct })
	if err != nil {
		return nil, err
	}
	return &cache{addr, l, b}, nil
}

func (k *cache) step() uint64 { return k.l.Step.Of(k.b) }

// red is how many bytes of padding are before an object.
func (k *cache) red() uint64 { return k.l.Red.Of(k.b) }

// caches yields the caches, the newest first.
func caches(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		head, err := address(v, "slab_caches")
		if err != nil {
			yield(0, err)
			return
		}
		l, err := kernel.Lay[cacheLayout](v, "struct kmem_cache")
		if err != nil {
			yield(0, err)
			return
		}
		for a, err := range members(v, "struct kmem_cache", head, l.Link) {
			if !yield(a, err) {
				return
			}
		}
	}
}

// slabLayout is struct slab, which lies over the struct page of its first page (mm/slab.h
// since 5.17).
type slabLayout struct {
	Struct   uint64       `ctf:"sizeof"`
	Cache    kernel.Field `ctf:"slab_cache"`
	Link     kernel.Field `ctf:"slab_list|lru"`
	Freelist kernel.Field `ctf:"freelist"`
	Counters kernel.Field `ctf:"counters"` // inuse:16 objects:15 frozen:1
}

const slabStruct = "struct slab"

// slab is the pages that hold some objects of a cache.
type slab struct {
	addr    uint64
	cache   uint64
	base    uint64 // VA of its first object
	free    uint64 // first of its free list
	objects uint64
	inuse   uint64
	frozen  bool // a CPU takes from it
}

// maxObjects bounds those of a slab.
const maxObjects = 1<<15 - 1

func readSlab(v *kernel.View, p *pages, addr uint64) (s slab, err error) {
	l, b, err := read(v, slabStruct, addr, func(l *slabLayout) uint64 { return l.Struct })
	if err != nil {
		return s, err
	}
	n := l.Counters.Of(b)
	return slab{addr: addr, cache: l.Cache.Of(b), base: p.address(addr), free: l.Freelist.Of(b),
		inuse: n & 0xffff, objects: n >> 16 & maxObjects, frozen: n>>31&1 != 0}, nil
}

// nodeLayout is struct kmem_cache_node.
type nodeLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Partial kernel.Field `ctf:"partial"`
	Slabs   kernel.Field `ctf:"nr_slabs.counter,optional"`
	Objects kernel.Field `ctf:"total_objects.counter,optional"`
}

// usage is how much of a cache is used, as /proc/slabinfo counts it: what CPUs keep for
// themselves counts as used.
type usage struct {
	slabs, objects, free uint64
	counted              bool // the kernel keeps these numbers (CONFIG_SLUB_DEBUG)
}

// maxNodes is more than MAX_NUMNODES.
const maxNodes = 1 << 10

func (k *cache) usage(v *kernel.View) (u usage, err error) {
	p, err := pagesOf(v)
	if err != nil {
		return u, err
	}
	nodes, err := k.nodes(v)
	if err != nil {
		return u, err
	}
	for _, at := range nodes {
		l, b, err := read(v, "struct kmem_cache_node", at, func(l *nodeLayout) uint64 { return l.Size })
		if err != nil {
			return u, err
		}
		u.counted = l.Slabs.OK() && l.Objects.OK()
		u.slabs += l.Slabs.Of(b)
		u.objects += l.Objects.Of(b)
		for a, err := range partial(v, at, l) {
			if err != nil {
				return u, err
			}
			s, err := readSlab(v, p, a)
			if err != nil {
				return u, err
			}
			u.free += s.objects - min(s.inuse, s.objects)
		}
	}
	return u, nil
}

// nodes are the addresses of the cache's kmem_cache_node of each NUMA node.
func (k *cache) nodes(v *kernel.View) (list []uint64, err error) {
	f := k.l.Nodes
	n := f.Size / 8
	if m, ok := nodeCount(v); ok {
		n = min(n, m)
	}
	b := k.b
	if f.Off+8*n > uint64(len(b)) { // an array that is allocated as long as it has to be
		if b, err = v.Bytes(k.addr, f.Off+8*n, nil); err != nil {
			return nil, kernel.BadRead("struct kmem_cache", k.addr, err)
		}
	}
	for _, a := range words(kernel.Field{Off: f.Off, Size: 8 * n}, b) {
		if a != 0 {
			list = append(list, a)
		}
	}
	return list, nil
}

// nodeCount is how many NUMA nodes there may be.
func nodeCount(v *kernel.View) (uint64, bool) {
	n, err := v.Variable("", "nr_node_ids")
	if err != nil {
		return 1, true // a kernel without NUMA
	}
	n &= 0xffffffff
	return n, n > 0 && n <= maxNodes
}

func partial(v *kernel.View, node uint64, l *nodeLayout) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		f, err := kernel.Lay[slabLayout](v, slabStruct)
		if err != nil {
			yield(0, err)
			return
		}
		for a, err := range members(v, "slab", node+l.Partial.Off, f.Link) {
			if !yield(a, err) {
				return
			}
		}
	}
}

var slabTable = &core.Table{
	Head: "%<u>%-?s %-24s %8s %8s %9s %9s %7s %10s%</u>\n", Line: "%0?p %-24s %8d %8d %9d %9d %7d %10d\n", Type: "struct kmem_cache",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "name", Head: "NAME"}, {Name: "object", Head: "OBJSIZE", Descr: "bytes that were asked for"},
		{Name: "size", Head: "BUFSIZE", Descr: "bytes from one object to the next"}, {Name: "active", Head: "INUSE", Descr: "objects in use, or kept by a CPU"},
		{Name: "objects", Head: "TOTAL"}, {Name: "slabs", Head: "SLABS"}, {Name: "memory", Head: "MEMORY", Descr: "bytes"}},
}

func slabDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "slabs", Usage: "?", Descr: "caches of kernel objects", Type: "struct kmem_cache", Table: slabTable,
		Help: `Lists the caches of the slab allocator (SLUB), or the one at the address: address, name,
size of an object as it was asked for and with what lies around it, objects in use and in
all, slabs, and the memory of these. What CPUs keep for themselves counts as used, as in
/proc/slabinfo.

    ADDR::walk slab_object       objects in use
    ADDR::walk slab_free         free objects
    ADDR::walk slab              slabs
`,
		Run: noArgs(perAddress(caches, slabRow)),
	}}
}

func slabRow(c *core.Ctx, v *kernel.View, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, v.TypeOrNil("struct kmem_cache"))
		return nil
	}
	k, err := readCache(v, addr)
	if err != nil {
		return err
	}
	name, nerr := v.Text(k.l.Name.Of(k.b), 256)
	u, uerr := k.usage(v)
	num := func(n uint64) any { return cell(c, n, uerr, "usage", addr) }
	row := []any{out.Hex(addr), cell(c, name, nerr, "name", addr), k.l.Object.Of(k.b), k.step(), num(u.objects - min(u.free, u.objects)), u.objects, u.slabs,
		u.slabs * pageSize << (k.l.Order.Of(k.b) >> 16 & 0xf)}
	c.Row(row...)
	return nil
}

func slabWalkers() []*core.Walker {
	return []*core.Walker{
		walker("slab_cache", "caches of the slab allocator", "struct kmem_cache", caches),
		{Name: "slab", Descr: "slabs of a cache, or all", Addr: core.AddrOptional, Type: slabStruct,
			Walk: func(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
				return func(yield func(core.Elem, error) bool) {
					v := kernel.Of(c.Session)
					t := v.TypeOrNil(slabStruct)
					for s, err := range slabs(v, uint64(start)) {
						if !yield(core.Elem{Val: s.addr, Type: t}, err) {
							return
						}
					}
				}
			}},
		nodes("slab_object", "objects in use of a cache", "", func(v *kernel.View, _ string, at uint64) iter.Seq2[uint64, error] { return objects(v, at, false) }),
		nodes("slab_free", "free objects of a cache", "", func(v *kernel.View, _ string, at uint64) iter.Seq2[uint64, error] { return objects(v, at, true) }),
	}
}
