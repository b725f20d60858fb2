package linux

import (
	"iter"

	"github.com/xmdb/xmdb/modules/kernel"
)

// slabs yields the slabs of a cache, or of all caches if it is 0: full ones are on no list,
// so that the struct page of every frame is looked at.
func slabs(v *kernel.View, of uint64) iter.Seq2[slab, error] {
	return func(yield func(slab, error) bool) {
		p, err := pagesOf(v)
		if err != nil {
			yield(slab{}, err)
			return
		}
		l, err := kernel.Lay[slabLayout](v, slabStruct)
		if err != nil {
			yield(slab{}, err)
			return
		}
		ranges, err := frames(v)
		if err != nil {
			yield(slab{}, err)
			return
		}
		for _, r := range ranges {
			if !p.scan(r, l, of, func(page uint64) bool {
				s, err := readSlab(v, p, page)
				return yield(s, err)
			}) {
				return
			}
		}
	}
}

// frameRange is a range of page frames: [first, end).
type frameRange struct{ first, end uint64 }

// frames are the ranges of frames of each node's zones.
func frames(v *kernel.View) ([]frameRange, error) {
	at, err := address(v, "node_data")
	if err != nil {
		return nil, err
	}
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Start kernel.Field `ctf:"node_start_pfn"`
		Span  kernel.Field `ctf:"node_spanned_pages"`
	}
	n, _ := nodeCount(v)
	var list []frameRange
	for i := range n {
		node, err := v.Pointer(at + 8*i)
		if err != nil {
			return list, kernel.BadRead("node_data", at+8*i, err)
		}
		if node == 0 {
			continue
		}
		l, b, err := read(v, "struct pglist_data", node, func(l *layout) uint64 { return l.Size })
		if err != nil {
			return list, err
		}
		start := l.Start.Of(b)
		list = append(list, frameRange{start, start + l.Span.Of(b)})
	}
	return list, nil
}

// scan gives the heads of slabs among the structs page of a range, until yield returns
// false. Where the map has no memory, which is where there are no frames, it goes on with
// the next page of it.
func (p *pages) scan(r frameRange, l *slabLayout, of uint64, yield func(page uint64) bool) bool {
	var buf []byte
	for pfn := r.first; pfn < r.end; {
		n := min(p.perPage(pfn), r.end-pfn)
		b, err := p.v.Bytes(p.page(pfn), n*p.size, buf)
		if err != nil {
			pfn += n
			continue
		}
		for i := range n {
			o := b[i*p.size : (i+1)*p.size]
			if !p.slabHead(o) || of != 0 && l.Cache.Of(o) != of {
				continue
			}
			if !yield(p.page(pfn + i)) {
				return false
			}
		}
		pfn += n
	}
	return true
}

// perPage is how many structs page begin in the page of the map that a frame's lies in,
// from that on.
func (p *pages) perPage(pfn uint64) uint64 {
	rest := pageSize - p.page(pfn)%pageSize
	return max((rest+p.size-1)/p.size, 1)
}

// slabHead tells whether a struct page's bytes are those of the first page of a slab.
func (p *pages) slabHead(b []byte) bool {
	if p.head.Of(b)&1 != 0 {
		return false // a further page of a compound one
	}
	if p.typed {
		return p.pageType.Of(b)>>24&0xff == slabType
	}
	return kernel.Field{Size: 8}.Of(b)&p.slabFlag != 0
}
