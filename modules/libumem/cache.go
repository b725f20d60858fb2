package libumem

import (
	"fmt"
	"iter"
	"sort"
)

// cache is a umem_cache_t.
type cache struct {
	addr        uint64
	Name        string `ctf:"cache_name"`
	BufSize     uint64 `ctf:"cache_bufsize"`
	Flags       int32  `ctf:"cache_flags"`
	CFlags      int32  `ctf:"cache_cflags"`
	Arena       uint64 `ctf:"cache_arena"`
	Next        uint64 `ctf:"cache_next"`
	Chunk       uint64 `ctf:"cache_chunksize"`
	SlabSize    uint64 `ctf:"cache_slabsize"`
	Bufctl      uint64 `ctf:"cache_bufctl"`
	Buftag      uint64 `ctf:"cache_buftag"`
	Verify      uint64 `ctf:"cache_verify"`
	HashShift   uint64 `ctf:"cache_hash_shift"`
	HashMask    uint64 `ctf:"cache_hash_mask"`
	HashTable   uint64 `ctf:"cache_hash_table"`
	FreeList    uint64 `ctf:"cache_freelist"`
	FirstSlab   uint64 `ctf:"cache_nullslab.slab_next"`
	LastSlab    uint64 `ctf:"cache_nullslab.slab_prev"`
	MagType     uint64 `ctf:"cache_magtype"`
	Full        uint64 `ctf:"cache_full.ml_list"`
	FullTotal   int64  `ctf:"cache_full.ml_total"`
	FullAllocs  uint64 `ctf:"cache_full.ml_alloc"`
	BufTotal    uint64 `ctf:"cache_buftotal"`
	SlabCreate  uint64 `ctf:"cache_slab_create"`
	SlabDestroy uint64 `ctf:"cache_slab_destroy"`
	SlabAlloc   uint64 `ctf:"cache_slab_alloc"`
	AllocFail   uint64 `ctf:"cache_alloc_fail"`
}

func (k *cache) has(flag int32) bool { return k.Flags&flag != 0 }

// cacheAt reads a cache.
func (u *umem) cacheAt(at uint64) (*cache, error) {
	k := &cache{addr: at}
	if err := u.load("umem_cache_t", at, k); err != nil {
		return nil, fmt.Errorf("couldn't read umem_cache at %x: %w", at, err)
	}
	return k, nil
}

// caches walks the ring of caches that umem_null_cache begins and ends.
func (u *umem) caches() iter.Seq2[*cache, error] {
	return func(yield func(*cache, error) bool) {
		m, err := u.lookup("umem_null_cache")
		if err != nil {
			yield(nil, fmt.Errorf("couldn't find umem_null_cache: %w", err))
			return
		}
		null, err := u.cacheAt(m.Value)
		if err != nil {
			yield(nil, err)
			return
		}
		seen := map[uint64]bool{m.Value: true}
		for at := null.Next; at != m.Value; {
			if seen[at] || len(seen) > maxCaches {
				yield(nil, fmt.Errorf("umem_cache at %x: list does not end", at))
				return
			}
			seen[at] = true
			k, err := u.cacheAt(at)
			if !yield(k, err) || err != nil {
				return
			}
			at = k.Next
		}
	}
}

// slab is a umem_slab_t.
type slab struct {
	addr   uint64
	Cache  uint64 `ctf:"slab_cache"`
	Base   uint64 `ctf:"slab_base"`
	Next   uint64 `ctf:"slab_next"`
	Head   uint64 `ctf:"slab_head"`
	Refs   int64  `ctf:"slab_refcnt"`
	Chunks int64  `ctf:"slab_chunks"`
}

// slabs walks a cache's slabs, or only those with free buffers, and then at least one.
func (u *umem) slabs(k *cache, partial bool) iter.Seq2[*slab, error] {
	return func(yield func(*slab, error) bool) {
		off, err := u.offset("umem_cache_t", "cache_nullslab")
		if err != nil {
			yield(nil, err)
			return
		}
		null, at := k.addr+off, k.FirstSlab
		if partial {
			if at = k.FreeList; at == null {
				at = k.LastSlab
			}
		}
		seen := map[uint64]bool{}
		for at != null {
			if seen[at] || len(seen) >= maxSlabs {
				yield(nil, fmt.Errorf("slab %x in cache %x: list does not end", at, k.addr))
				return
			}
			seen[at] = true
			s := &slab{addr: at}
			if err := u.load("umem_slab_t", at, s); err != nil {
				yield(nil, fmt.Errorf("failed to read slab at %x: %w", at, err))
				return
			}
			if s.Cache != k.addr {
				yield(nil, fmt.Errorf("slab %x isn't in cache %x (in cache %x)", at, k.addr, s.Cache))
				return
			}
			if !yield(s, nil) {
				return
			}
			at = s.Next
		}
	}
}

// hash walks the bufctls of a cache's allocated buffers.
func (u *umem) hash(k *cache) iter.Seq2[bufctl, error] {
	return func(yield func(bufctl, error) bool) {
		if k.HashMask >= maxHash {
			yield(bufctl{}, fmt.Errorf("hash table of cache %x has %d buckets", k.addr, k.HashMask+1))
			return
		}
		table, err := u.words(k.HashTable, k.HashMask+1)
		if err != nil {
			yield(bufctl{}, fmt.Errorf("failed to read hash table at %x: %w", k.HashTable, err))
			return
		}
		seen := map[uint64]bool{}
		for _, at := range table {
			for at != 0 {
				if seen[at] {
					yield(bufctl{}, fmt.Errorf("umem_bufctl_t at %x: hash chain does not end", at))
					return
				}
				seen[at] = true
				b, err := u.bufctlAt(at)
				if err != nil {
					yield(b, err)
					return
				}
				if !yield(b, nil) {
					return
				}
				at = b.Next
			}
		}
	}
}

// bufctl is a umem_bufctl_t.
type bufctl struct {
	at   uint64
	Next uint64 `ctf:"bc_next"`
	Addr uint64 `ctf:"bc_addr"`
	Slab uint64 `ctf:"bc_slab"`
}

func (u *umem) bufctlAt(at uint64) (bufctl, error) {
	b := bufctl{at: at}
	if err := u.load("umem_bufctl_t", at, &b); err != nil {
		return b, fmt.Errorf("couldn't read umem_bufctl_t at addr %x: %w", at, err)
	}
	return b, nil
}

// cpuCache is a umem_cpu_cache_t.
type cpuCache struct {
	addr    uint64
	Alloc   uint32 `ctf:"cc_alloc"`
	Loaded  uint64 `ctf:"cc_loaded"`
	PLoaded uint64 `ctf:"cc_ploaded"`
	Rounds  int32  `ctf:"cc_rounds"`
	PRounds int32  `ctf:"cc_prounds"`
	MagSize int32  `ctf:"cc_magsize"`
}

// cpuCaches gives a cache's part for each CPU, by the CPUs' offsets.
func (u *umem) cpuCaches(k *cache) ([]cpuCache, error) {
	cpus, err := u.cpus()
	if err != nil {
		return nil, err
	}
	var out []cpuCache
	for _, cpu := range cpus {
		var o struct {
			Offset uint32 `ctf:"cpu_cache_offset"`
		}
		if err := u.load("umem_cpu_t", cpu, &o); err != nil {
			return out, fmt.Errorf("failed to read cpu at %x: %w", cpu, err)
		}
		cc := cpuCache{addr: k.addr + uint64(o.Offset)}
		if err := u.load("umem_cpu_cache_t", cc.addr, &cc); err != nil {
			return out, fmt.Errorf("couldn't read umem_cpu_cache at %x: %w", cc.addr, err)
		}
		out = append(out, cc)
	}
	return out, nil
}

// cpus gives the addresses of the umem_cpu_ts.
func (u *umem) cpus() ([]uint64, error) {
	base, err := u.variable("umem_cpus")
	if err != nil {
		return nil, fmt.Errorf("failed to read 'umem_cpus': %w", err)
	}
	size, err := u.size("umem_cpu_t")
	if err != nil {
		return nil, err
	}
	out := make([]uint64, u.ncpus)
	for i := range out {
		out[i] = base + uint64(i)*size
	}
	return out, nil
}

// magSize gives how many buffers a magazine of the cache holds; 0 if it has none.
func (u *umem) magSize(k *cache, cpus []cpuCache) (uint64, error) {
	if len(cpus) > 0 && cpus[0].MagSize > 0 {
		return uint64(cpus[0].MagSize), nil
	}
	if k.has(umfNomagazine) || len(cpus) > 0 && cpus[0].MagSize != 0 {
		return 0, nil
	}
	m, err := u.lookup("umem_magtype")
	if err != nil {
		return 0, fmt.Errorf("unable to read 'umem_magtype': %w", err)
	}
	size, err := u.size("umem_magtype_t")
	if err != nil {
		return 0, err
	}
	if k.MagType < m.Value || k.MagType+size > m.Value+m.Size || (k.MagType-m.Value)%size != 0 {
		return 0, fmt.Errorf("cache '%s' has invalid magtype pointer (%x)", k.Name, k.MagType)
	}
	var t struct {
		Size int32 `ctf:"mt_magsize"`
	}
	if err := u.load("umem_magtype_t", k.MagType, &t); err != nil {
		return 0, fmt.Errorf("unable to read magtype at %x: %w", k.MagType, err)
	}
	return uint64(max(t.Size, 0)), nil
}

// magazines gives the free buffers of a cache that wait above its slabs: in the
// depot's full magazines, on the CPUs, in threads.
func (u *umem) magazines(k *cache) ([]uint64, error) {
	cpus, err := u.cpuCaches(k)
	if err != nil {
		return nil, err
	}
	size, err := u.magSize(k, cpus)
	if err != nil {
		return nil, err
	}
	var out []uint64
	if size > maxRounds || size*u.ptr >= max(u.page, 4096)/2 {
		return nil, fmt.Errorf("magazine size for cache %x unreasonable (%x)", k.addr, size*u.ptr)
	}
	if size != 0 {
		if out, err = u.fullMagazines(k, size); err != nil {
			return nil, err
		}
		for _, cc := range cpus {
			for _, m := range []struct {
				at     uint64
				rounds int32
			}{{cc.Loaded, cc.Rounds}, {cc.PLoaded, cc.PRounds}} {
				if m.rounds <= 0 || m.at == 0 {
					continue
				}
				r, err := u.rounds(m.at, min(uint64(m.rounds), size))
				if err != nil {
					return nil, err
				}
				out = append(out, r...)
			}
		}
	}
	ptc, err := u.threadCached(k)
	return append(out, ptc...), err
}

// rounds reads the first n buffers of a magazine.
func (u *umem) rounds(at, n uint64) ([]uint64, error) {
	off, err := u.offset("umem_magazine_t", "mag_round")
	if err != nil {
		return nil, err
	}
	r, err := u.words(at+off, n)
	if err != nil {
		return nil, fmt.Errorf("couldn't read magazine at %x: %w", at, err)
	}
	return r, nil
}

// fullMagazines reads the depot's list.
func (u *umem) fullMagazines(k *cache, size uint64) ([]uint64, error) {
	var out []uint64
	seen := map[uint64]bool{}
	for at := k.Full; at != 0 && !seen[at]; {
		if seen[at] = true; len(seen) > maxMags {
			return nil, fmt.Errorf("%d magazines exceeds fudge factor", len(seen))
		}
		r, err := u.rounds(at, size)
		if err != nil {
			return nil, err
		}
		out = append(out, r...)
		if at, err = u.word(at); err != nil { // mag_next is the first member
			return nil, fmt.Errorf("couldn't read magazine at %x: %w", at, err)
		}
	}
	return out, nil
}

// estimate gives an upper bound of the allocated buffers of a cache.
func (u *umem) estimate(k *cache) uint64 {
	n := k.BufTotal
	for s, err := range u.slabs(k, true) {
		if err != nil {
			break
		}
		n -= min(n, uint64(max(s.Chunks-s.Refs, 0)))
	}
	return n
}

// sortedHas looks an address up in ascending ones.
func sortedHas(list []uint64, a uint64) bool {
	i := sort.Search(len(list), func(i int) bool { return list[i] >= a })
	return i < len(list) && list[i] == a
}
