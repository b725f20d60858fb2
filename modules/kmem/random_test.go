package kmem_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/xmdb/xmdb/fixtures/illumos"
)

// structures are the allocator's: caches, slabs, magazines, bufctls, arenas, segments.
func (k *image) structures() []illumos.Obj {
	var objs []illumos.Obj
	for _, c := range k.caches() {
		objs = append(objs, c)
		for i := range uint64(2) {
			cc := k.At("kmem_cpu_cache_t", c.Ref("cache_cpu")+i*k.Size("kmem_cpu_cache_t"))
			objs = append(objs, cc)
			for _, m := range []string{"cc_loaded", "cc_ploaded"} {
				if at := cc.Get(m); at != 0 {
					objs = append(objs, k.At("kmem_magazine_t", at))
				}
			}
		}
		if root := c.Get("cache_partial_slabs.avl_root"); root != 0 {
			objs = append(objs, k.At("kmem_slab_t", root-c.Get("cache_partial_slabs.avl_offset")))
		}
		list := c.Ref("cache_complete_slabs.list_head")
		if at := k.GetU64(list); at != list {
			objs = append(objs, k.At("kmem_slab_t", at-c.Get("cache_complete_slabs.list_offset")))
		}
	}
	for _, a := range k.arenas() {
		objs = append(objs, a)
		head := a.Ref("vm_seg0")
		for at := k.At("vmem_seg_t", head).Get("vs_anext"); at != head; at = k.At("vmem_seg_t", at).Get("vs_anext") {
			objs = append(objs, k.At("vmem_seg_t", at))
		}
	}
	return objs
}

// No damage makes a command fault or hang.
func TestRandomDamage(t *testing.T) {
	cmds := []string{"::kmem_cache", "::kmastat", "::kmem_slabs -v", "::vmem", "::walk vmem | ::walk vmem_seg | ::vmem_seg -v", "::walk vmem_postfix",
		"::walk kmem", "::walk freemem", "::walk kmem_cache | ::walk kmem_slab", "::walk kmem_cache | ::walk kmem_hash", "::walk kmem_cache | ::walk bufctl",
		"::walk kmem_cache | ::walk freectl", "::walk kmem_cache | ::walk kmem_cpu_cache", "::kmem_log", "::kmalog", "::kmalog fail", "::kmausers",
		"1000::whatis -a", "fffffe0384300000::whatis -a", "fffffe0384300000::whatis -ab", "5::whatis -ai", "::walk kmem_log | ::bufctl -v"}
	for _, flags := range []uint32{plain, lite, audit} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%x-%d", flags, seed), func(t *testing.T) {
				k := build(flags)
				s := open(t, k, func() { k.Spoil(k.structures(), rand.New(rand.NewPCG(seed, uint64(flags))), 50<<(2*seed)) })
				t.Parallel() // building is not for several at once
				for _, cmd := range cmds {
					start := time.Now()
					if r := s.Run(cmd); len(r.Out)+len(r.Err) > 32<<20 {
						t.Errorf("%s: %d bytes of output, %d of messages", cmd, len(r.Out), len(r.Err))
					}
					if d := time.Since(start); d > time.Minute {
						t.Errorf("%s took %v", cmd, d)
					}
				}
			})
		}
	}
}
