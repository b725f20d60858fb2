package illumosdump

import (
	"sync"
	"sync/atomic"
)

// pageCache keeps a bounded number of decompressed pages. A page never changes
// once it is in it, so hits take no lock and who has a page keeps it.
type pageCache struct {
	slots  []atomic.Pointer[cachedPage] // sets of cacheWays
	mask   uint64
	victim atomic.Uint32
}

type cachedPage struct {
	i    uint64
	data []byte
}

const cacheWays = 4

// newPageCache keeps at most n pages, a power of two.
func newPageCache(n int) *pageCache {
	return &pageCache{slots: make([]atomic.Pointer[cachedPage], n), mask: uint64(n/cacheWays - 1)}
}

func (c *pageCache) set(i uint64) []atomic.Pointer[cachedPage] {
	return c.slots[(i&c.mask)*cacheWays:][:cacheWays]
}

func (c *pageCache) get(i uint64) []byte {
	s := c.set(i)
	for k := range s {
		if p := s[k].Load(); p != nil && p.i == i {
			return p.data
		}
	}
	return nil
}

func (c *pageCache) put(i uint64, data []byte) {
	s := c.set(i)
	for k := range s {
		if old := s[k].Load(); old == nil || old.i == i {
			s[k].Store(&cachedPage{i, data})
			return
		}
	}
	s[c.victim.Add(1)%cacheWays].Store(&cachedPage{i, data})
}

// lru keeps values up to a sum of their sizes.
type lru[K comparable, V any] struct {
	mu    sync.Mutex
	limit int
	used  int
	clock uint64
	m     map[K]*lruEntry[V]
}

type lruEntry[V any] struct {
	v    V
	size int
	last uint64
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	return &lru[K, V]{limit: limit, m: map[K]*lruEntry[V]{}}
}

func (l *lru[K, V]) get(k K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.m[k]
	if e == nil {
		var none V
		return none, false
	}
	l.clock++
	e.last = l.clock
	return e.v, true
}

// put keeps v; what was used least recently makes room.
func (l *lru[K, V]) put(k K, v V, size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m[k] != nil {
		return
	}
	for l.used+size > l.limit && len(l.m) > 0 {
		var oldest K
		last := ^uint64(0)
		for k, e := range l.m {
			if e.last < last {
				oldest, last = k, e.last
			}
		}
		l.used -= l.m[oldest].size
		delete(l.m, oldest)
	}
	l.clock++
	l.m[k] = &lruEntry[V]{v, size, l.clock}
	l.used += size
}
