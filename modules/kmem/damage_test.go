package kmem_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// damage is a list or a tree of the allocator spoilt, and what commands must say.
type damage struct {
	name string
	// spoil damages the finished kernel, and gives what messages must name.
	spoil func(k *image) uint64
	cmds  []string
}

const wild = 0xdead0008

// The walks end on lists that are damaged, and name what is; the others go on.
func TestDamaged(t *testing.T) {
	damages := []damage{
		{"ring of slabs", func(k *image) uint64 {
			c := k.cache("file_cache")
			first := c.Get("cache_complete_slabs.list_head.list_next")
			k.PutU64(first, first)
			return first - c.Get("cache_complete_slabs.list_offset")
		}, []string{"::walk file_cache", "::kmem_slabs -n file_cache", "CACHE::walk kmem_slab"}},
		{"wild slab", func(k *image) uint64 {
			c := k.cache("file_cache")
			k.PutU64(c.Get("cache_complete_slabs.list_head.list_next"), wild)
			return wild - c.Get("cache_complete_slabs.list_offset")
		}, []string{"::walk file_cache", "CACHE::walk kmem_slab"}},
		{"tree of slabs", func(k *image) uint64 {
			c := k.cache("file_cache")
			root := c.Get("cache_partial_slabs.avl_root")
			k.PutU64(root, root)
			return root - c.Get("cache_partial_slabs.avl_offset")
		}, []string{"::walk file_cache", "CACHE::walk kmem_slab_partial"}},
		{"slab of another cache", func(k *image) uint64 {
			root := k.cache("file_cache").Get("cache_partial_slabs.avl_root")
			slab := root - k.cache("file_cache").Get("cache_partial_slabs.avl_offset")
			k.At("kmem_slab_t", slab).Set("slab_cache", wild)
			return slab
		}, []string{"::walk file_cache"}},
		{"wild magazine", func(k *image) uint64 {
			k.At("kmem_cpu_cache_t", k.cache("file_cache").Ref("cache_cpu")).Set("cc_loaded", wild).Set("cc_rounds", 5)
			return wild
		}, []string{"::walk file_cache"}},
		{"depot that closes", func(k *image) uint64 {
			c := k.cache("file_cache")
			m := c.Get("cache_full.ml_list")
			k.At("kmem_magazine_t", m).Set("mag_next", m)
			return m
		}, []string{"::walk file_cache"}},
		{"list of caches", func(k *image) uint64 {
			c := k.cache("file_cache")
			k.PutU64(c.Ref("cache_link"), c.Ref("cache_link"))
			return c.Addr
		}, []string{"::kmem_cache", "::walk kmem_cache", "::kmastat", "::walk kmem"}},
		{"ring of segments", func(k *image) uint64 {
			a := k.arenas()[0]
			s := k.At("vmem_seg_t", a.Ref("vm_seg0")).Get("vs_anext")
			k.At("vmem_seg_t", s).Set("vs_anext", s)
			return s
		}, []string{"ARENA::walk vmem_seg", "ARENA::walk vmem_alloc", "1000::whatis"}},
		{"wild segment", func(k *image) uint64 {
			a := k.arenas()[0]
			k.At("vmem_seg_t", k.At("vmem_seg_t", a.Ref("vm_seg0")).Get("vs_anext")).Set("vs_anext", wild)
			return wild
		}, []string{"ARENA::walk vmem_seg", "1000::whatis"}},
		{"list of arenas", func(k *image) uint64 {
			a := k.arenas()[2]
			a.Set("vm_next", a.Addr)
			return a.Addr
		}, []string{"::vmem", "::walk vmem"}},
	}
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			k := build(plain)
			for range 3 { // fill the depot
				for _, f := range k.files {
					k.Free("file_cache", f)
				}
				for i := range k.files {
					k.files[i] = k.New("file_cache", "file_t")
				}
			}
			for _, f := range k.files[:len(k.files)/2] {
				k.Free("file_cache", f)
			}
			var bad uint64
			var cache, arena string
			s := open(t, k, func() {
				cache, arena = fmt.Sprintf("%x", k.cache("file_cache").Addr), fmt.Sprintf("%x", k.arenas()[0].Addr)
				bad = d.spoil(k)
			})
			if bad == 0 {
				t.Skip("the image has none")
			}
			for _, cmd := range d.cmds {
				cmd = strings.NewReplacer("CACHE", cache, "ARENA", arena).Replace(cmd)
				start := time.Now()
				r := s.Run(cmd)
				if !strings.Contains(r.Err, fmt.Sprintf("%x", bad)) {
					t.Errorf("%s does not name %x: %.300s\n%s", cmd, bad, r.Out, r.Err)
				}
				if d := time.Since(start); d > time.Minute {
					t.Errorf("%s took %v", cmd, d)
				}
			}
		})
	}
}
