package linux

import (
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// addCacheWalkers adds a walker for each cache of the slab allocator, named as the cache
// where that can be a walker's name, and for those of SPL that are made of one: where SLUB
// has merged caches of one size, SPL still knows the name. What cannot be read is left for
// the commands to say.
func addCacheWalkers(s *core.Session, m *core.Module) {
	v := kernel.Of(s)
	add := func(name string, cache uint64) {
		if name == "" || len(s.Reg.Walkers(name)) > 0 {
			return
		}
		// A name that cannot be a walker's ("kmalloc-64") is an error nobody needs to hear of.
		_ = s.Reg.AddWalker(m, &core.Walker{Name: name, Descr: "objects in use of the cache " + name, Addr: core.AddrNone,
			Walk: func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
				return elements(c, "", func(v *kernel.View) iter.Seq2[uint64, error] { return objects(v, cache, false) })
			}}, false)
	}
	for a, err := range caches(v) {
		if err != nil {
			break
		}
		k, err := readCache(v, a)
		if err != nil {
			break
		}
		if name, err := v.Text(k.l.Name.Of(k.b), 256); err == nil {
			add(name, a)
		}
	}
	for a, err := range splCaches(v) {
		if err != nil {
			break
		}
		name, err1 := stringAt(v, splCache, "skc_name", a)
		f, err2 := v.Member(splCache, "skc_linux_cache")
		if err1 != nil || err2 != nil {
			break
		}
		if cache, err := v.Pointer(a + f.Off); err == nil && cache != 0 {
			add(name, cache)
		}
	}
}

const splCache = "struct spl_kmem_cache"

// splCaches yields the caches of OpenZFS' porting layer, none if it is not loaded.
func splCaches(v *kernel.View) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		head, err := v.Symbol("spl", "spl_kmem_cache_list")
		if err != nil {
			return
		}
		link, err := v.Member(splCache, "skc_list")
		if err != nil {
			return
		}
		for a, err := range members(v, "spl_kmem_cache", head.Value, link) {
			if !yield(a, err) {
				return
			}
		}
	}
}
