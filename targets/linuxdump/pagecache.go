package linuxdump

import "sync/atomic"

// pageCache keeps a bounded number of decompressed pages. A page never changes
// once it is in it, so hits take no lock and who has a page keeps it.
type pageCache struct {
	slots  []atomic.Pointer[cachedPage] // sets of cacheWays
	mask   uint64
	victim atomic.Uint32
}

type cachedPage struct {
	pfn  uint64
	data []byte
}

const cacheWays = 4

// newPageCache keeps at most n pages, a power of two that is at least cacheWays.
func newPageCache(n int) *pageCache {
	return &pageCache{slots: make([]atomic.Pointer[cachedPage], n), mask: uint64(n/cacheWays - 1)}
}

func (c *pageCache) set(pfn uint64) []atomic.Pointer[cachedPage] {
	return c.slots[(pfn&c.mask)*cacheWays:][:cacheWays]
}

func (c *pageCache) get(pfn uint64) []byte {
	s := c.set(pfn)
	for k := range s {
		if p := s[k].Load(); p != nil && p.pfn == pfn {
			return p.data
		}
	}
	return nil
}

func (c *pageCache) put(pfn uint64, data []byte) {
	s := c.set(pfn)
	for k := range s {
		if old := s[k].Load(); old == nil || old.pfn == pfn {
			s[k].Store(&cachedPage{pfn, data})
			return
		}
	}
	s[c.victim.Add(1)%cacheWays].Store(&cachedPage{pfn, data})
}
