package illumosdump

import (
	"sync/atomic"

	"github.com/xmdb/xmdb/core/mem"
)

// pfnTable finds pages in the pfn table, which stays in the file: a search takes
// about twenty looks into the cache of the file, and what was found lately is
// remembered.
type pfnTable struct {
	file *mem.Cache
	off  uint64
	n    uint64 // entries that are there
	memo [1 << memoBits]atomic.Uint64
}

// A memo is (pfn >> memoBits) + 1 above, index below; pfns below 2^40.
const (
	memoBits  = 13
	indexBits = 36
)

// newPFNTable bounds the table by the end of the file.
func newPFNTable(file *mem.Cache, size uint64, h *header) *pfnTable {
	p := &pfnTable{file: file, off: h.pfn, n: h.Pages}
	if h.pfn >= size {
		p.n = 0
	} else {
		p.n = min(p.n, (size-h.pfn)/8)
	}
	return p
}

// at gives the pfn of entry i.
func (p *pfnTable) at(i uint64) (uint64, bool) {
	if i >= p.n {
		return 0, false
	}
	v, err := mem.ReadUint(p.file, mem.Addr(p.off+8*i), 8, le)
	return v, err == nil
}

// find gives the place of a pfn in the table.
func (p *pfnTable) find(pfn uint64) (uint64, bool) {
	memo := &p.memo[pfn&(1<<memoBits-1)]
	tag := pfn>>memoBits + 1
	if m := memo.Load(); m>>indexBits == tag {
		return m & (1<<indexBits - 1), true
	}
	lo, hi := uint64(0), p.n
	for lo < hi {
		mid := lo + (hi-lo)/2
		v, ok := p.at(mid)
		switch {
		case !ok:
			return 0, false
		case v == pfn:
			p.remember(pfn, mid)
			return mid, true
		case v < pfn:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0, false
}

// remember saves the next search for pfn.
func (p *pfnTable) remember(pfn, i uint64) {
	if pfn < 1<<40 && i < 1<<indexBits {
		p.memo[pfn&(1<<memoBits-1)].Store((pfn>>memoBits+1)<<indexBits | i)
	}
}
