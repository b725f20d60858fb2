package libumem

import (
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// buffer is a buffer of a cache and its bufctl, 0 if it has none.
type buffer struct{ addr, bufctl uint64 }

// check tells whether what is at a cache's address is one: its sizes are sane and its
// arena can be read.
func (u *umem) check(k *cache) error {
	var a struct {
		Quantum uint64 `ctf:"vm_quantum"`
	}
	err := u.load("vmem_t", k.Arena, &a)
	q := a.Quantum
	if err != nil || q == 0 || q&(q-1) != 0 || k.SlabSize < q || k.SlabSize%q != 0 || k.Chunk == 0 || k.Chunk > k.SlabSize {
		return fmt.Errorf("%x is not a valid umem_cache_t", k.addr)
	}
	return nil
}

// inMagazines are the buffers that lie free in the magazines of a cache; some is false
// of one that cannot be read or has no buffers yet.
func (u *umem) inMagazines(k *cache) (mags []uint64, some bool, err error) {
	if err := u.check(k); err != nil || k.BufTotal == 0 {
		return nil, false, err
	}
	mags, err = u.magazines(k)
	return mags, err == nil, err
}

// allocated walks the allocated buffers of a cache.
func (u *umem) allocated(c *core.Ctx, k *cache) iter.Seq2[buffer, error] {
	return func(yield func(buffer, error) bool) {
		mags, some, err := u.inMagazines(k)
		if err != nil {
			yield(buffer{}, err)
		}
		if !some {
			return
		}
		slices.Sort(mags)
		if k.has(umfHash) {
			for b, err := range u.hash(k) {
				if err != nil {
					yield(buffer{}, err)
					return
				}
				if !sortedHas(mags, b.Addr) && !yield(buffer{b.Addr, b.at}, nil) {
					return
				}
			}
			return
		}
		for s, err := range u.slabs(k, false) {
			if err != nil {
				yield(buffer{}, err)
				return
			}
			if !u.slabAllocated(c, k, s, mags, yield) {
				return
			}
		}
	}
}

// slabAllocated yields the buffers of a small slab that are on no free list.
func (u *umem) slabAllocated(c *core.Ctx, k *cache, s *slab, mags []uint64, yield func(buffer, error) bool) bool {
	n := uint64(s.Chunks)
	if s.Chunks < 0 || n > k.SlabSize/k.Chunk || n > maxChunks {
		return yield(buffer{}, fmt.Errorf("slab %x in cache %x has %d chunks", s.addr, k.addr, s.Chunks))
	}
	free := make([]bool, n)
	for b := range u.freeList(c, k, s) {
		if i := (b.addr - s.Base) / k.Chunk; i < n {
			free[i] = true
		}
	}
	for i := range n {
		buf := s.Base + i*k.Chunk
		if !free[i] && !sortedHas(mags, buf) && !yield(buffer{addr: buf}, nil) {
			return false
		}
	}
	return true
}

// freeList walks a slab's free list. It may be one longer than the count says, while a
// buffer is being allocated.
func (u *umem) freeList(c *core.Ctx, k *cache, s *slab) iter.Seq[buffer] {
	return func(yield func(buffer) bool) {
		at := s.Head
		most := min(k.SlabSize/k.Chunk, maxChunks) + 1
		for i := s.Refs; i <= s.Chunks; i++ {
			if most == 0 {
				c.Warnf("slab %p in cache %p freelist too long (%p)", s.addr, k.addr, at)
				return
			}
			most--
			if at == 0 {
				if i != s.Chunks {
					c.Warnf("slab %p in cache %p freelist too short by %d", s.addr, k.addr, s.Chunks-i)
				}
				return
			}
			b := buffer{bufctl: at}
			var next uint64
			if k.has(umfHash) {
				bc, err := u.bufctlAt(at)
				if err != nil {
					c.Warn(mem.Reason(err), "failed to read bufctl ptr at %p", at)
					return
				}
				b.addr, next = bc.Addr, bc.Next
			} else {
				var err error
				if next, err = u.word(at); err != nil {
					c.Warn(mem.Reason(err), "failed to read slab contents at %p", at)
					return
				}
				b.addr = at - k.Bufctl
			}
			if b.addr-s.Base >= k.SlabSize {
				c.Warnf("buf %p is out of range for slab %p, cache %p", b.addr, s.addr, k.addr)
			} else if !yield(b) {
				return
			}
			at = next
		}
	}
}

// freed walks the free buffers of a cache: those in magazines, then those of slabs.
func (u *umem) freed(c *core.Ctx, k *cache) iter.Seq2[buffer, error] {
	return func(yield func(buffer, error) bool) {
		mags, some, err := u.inMagazines(k)
		if err != nil {
			yield(buffer{}, err)
		}
		if !some {
			return
		}
		for _, m := range mags {
			bc, err := u.bufctlOf(k, m)
			if err != nil {
				c.Warnf("%s", err.Error())
			}
			if !yield(buffer{m, bc}, nil) {
				return
			}
		}
		for s, err := range u.slabs(k, true) {
			if err != nil {
				yield(buffer{}, err)
				return
			}
			for b := range u.freeList(c, k, s) {
				if !k.has(umfHash) {
					b.bufctl = 0
				}
				if !yield(b, nil) {
					return
				}
			}
		}
	}
}

// buftag is a umem_buftag_t.
type buftag struct {
	Redzone uint64 `ctf:"bt_redzone"`
	Bufctl  uint64 `ctf:"bt_bufctl"`
	Stat    int64  `ctf:"bt_bxstat"`
}

// bufctlOf finds the bufctl of a buffer in a magazine, which is allocated as far as the
// slab knows: its buftag has it, or the hash table. 0 if the cache has none.
func (u *umem) bufctlOf(k *cache, buf uint64) (uint64, error) {
	if !k.has(umfHash) {
		return 0, nil
	}
	if k.has(umfBuftag) {
		var t buftag
		if err := u.load("umem_buftag_t", buf+k.Buftag, &t); err != nil {
			return 0, fmt.Errorf("reading buftag for %x at %x: %w", buf, buf+k.Buftag, err)
		}
		return t.Bufctl, nil
	}
	at, err := u.word(k.HashTable + u.ptr*(buf>>(k.HashShift&63)&k.HashMask))
	if err != nil {
		return 0, fmt.Errorf("unable to read hash bucket for %x in cache %x: %w", buf, k.addr, err)
	}
	for n := 0; at != 0 && n < maxChunks; n++ {
		b, err := u.bufctlAt(at)
		if err != nil {
			return 0, err
		}
		if b.Addr == buf {
			return at, nil
		}
		at = b.Next
	}
	return 0, fmt.Errorf("unable to find bufctl for %x in cache %x", buf, k.addr)
}

// mallocSizes are the sizes of the caches malloc(3C) uses, umem_alloc_sizes.
func (u *umem) mallocSizes() ([]uint64, error) {
	if u.mallos != nil {
		return u.mallos, nil
	}
	m, err := u.lookup("umem_alloc_sizes")
	if err != nil {
		return nil, fmt.Errorf("unable to look up umem_alloc_sizes: %w", err)
	}
	b := make([]byte, min(m.Size, 1<<16)&^3)
	if err := mem.ReadFull(u.space, b, mem.Addr(m.Value)); err != nil {
		return nil, fmt.Errorf("unable to read umem_alloc_sizes (%x): %w", m.Value, err)
	}
	for ; len(b) > 0; b = b[4:] {
		n := uint64(u.w.Order.Uint32(b))
		if n == 0 {
			break
		}
		u.mallos = append(u.mallos, n)
	}
	return u.mallos, nil
}

// threadCached gives the buffers of a cache in threads' own lists: ul_tmem of each
// ulwp_t has a root for each size of umem_alloc_sizes.
func (u *umem) threadCached(k *cache) ([]uint64, error) {
	if !k.has(umfPTC) {
		return nil, nil
	}
	threads, err := u.threads()
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, t := range threads {
		l, err := u.threadList(k, t)
		if err != nil {
			return nil, err
		}
		out = append(out, l...)
	}
	return out, nil
}

// threadList gives the buffers of a cache in one thread's list, linked by their first
// words.
func (u *umem) threadList(k *cache, thread uint64) ([]uint64, error) {
	sizes, err := u.mallocSizes()
	if err != nil {
		return nil, err
	}
	i := slices.Index(sizes, k.BufSize)
	if i < 0 {
		return nil, fmt.Errorf("cache %s is cached per-thread, but could not find size in umem_alloc_sizes", k.Name)
	}
	t, err := u.typ("ulwp_t")
	if err != nil {
		return nil, err
	}
	p, err := u.w.Compile(t, fmt.Sprintf("ul_tmem.tm_roots[0t%d]", i))
	if err != nil || p.Err != nil {
		return nil, fmt.Errorf("index for %s (%d) exceeds root slots", k.Name, i)
	}
	v, err := u.w.At(t, mem.Addr(thread)).Path(fmt.Sprintf("ul_tmem.tm_roots[0t%d]", i))
	if err != nil {
		return nil, err
	}
	at, err := v.Uint()
	var out []uint64
	seen := map[uint64]bool{}
	for err == nil && at != 0 {
		if seen[at] {
			return nil, fmt.Errorf("ptc buffer at %x: list does not end", at)
		}
		seen[at] = true
		out = append(out, at)
		at, err = u.word(at)
	}
	return out, err
}

// threads gives the ulwp_ts, by libc's ring.
func (u *umem) threads() ([]uint64, error) {
	p, ok := u.s.Context().System.(interface{ Uberdata() (uint64, error) })
	if !ok {
		return nil, core.ErrNoProc
	}
	uber, err := p.Uberdata()
	if err != nil {
		return nil, err
	}
	var root struct {
		All uint64 `ctf:"all_lwps"`
	}
	if err := u.load("uberdata_t", uber, &root); err != nil {
		return nil, err
	}
	var out []uint64
	seen := map[uint64]bool{}
	for at := root.All; at != 0 && !seen[at]; {
		seen[at] = true
		out = append(out, at)
		var t struct {
			Forw uint64 `ctf:"ul_forw"`
		}
		if err := u.load("ulwp_t", at, &t); err != nil {
			return nil, err
		}
		at = t.Forw
	}
	return out, nil
}
