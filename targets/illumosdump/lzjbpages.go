package illumosdump

import (
	"cmp"
	"io"
	"slices"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/lz"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
)

// lzjbPages are pages that are compressed one by one.
type lzjbPages struct {
	r     io.ReaderAt
	size  int
	n     uint64 // by the header
	segs  []segment
	cache *pageCache
	raw   [64]atomic.Pointer[rawSegment] // read lately, by place in segs
	lost  lostPages
}

// rawSegment is a segment as it is in the file.
type rawSegment struct {
	seg   int
	bytes []byte
}

// lostPages counts the pages that the index does not have.
type lostPages struct {
	kept uint64
	cut  bool // because the file ends early, and not because it is damaged
}

func (l lostPages) coverage(n uint64) system.Coverage {
	c := system.Coverage{Pages: n, Kept: min(l.kept, n)}
	if l.cut {
		c.Cut = n - c.Kept
	} else {
		c.Missing = n - c.Kept
	}
	return c
}

// reason is why a page is not in the index.
func (l lostPages) reason() error {
	if l.cut {
		return mem.ErrTruncated
	}
	return mem.ErrNotDumped
}

func (p *lzjbPages) coverage() system.Coverage { return p.lost.coverage(p.n) }

func (p *lzjbPages) spans() []span {
	var out []span
	for _, s := range p.segs {
		out = addSpan(out, s.page, uint64(s.n))
	}
	return out
}

// addSpan adds n pages from one on, which is not before what is there.
func addSpan(spans []span, from, n uint64) []span {
	if k := len(spans) - 1; k >= 0 {
		last := &spans[k]
		end := last.from + last.n
		if from < end { // a damaged dump has a page twice
			n -= min(n, end-from)
			from = end
		}
		if from == end {
			last.n += n
			return spans
		}
	}
	if n == 0 {
		return spans
	}
	return append(spans, span{from: from, n: n})
}

func (p *lzjbPages) page(i uint64) ([]byte, error) {
	if b := p.cache.get(i); b != nil {
		return b, nil
	}
	k, ok := slices.BinarySearchFunc(p.segs, i, func(s segment, i uint64) int { return cmp.Compare(s.page, i) })
	if !ok {
		k--
	}
	if k < 0 || i-p.segs[k].page >= uint64(p.segs[k].n) {
		return nil, p.lost.reason()
	}
	src, err := p.compressed(k, int(i-p.segs[k].page))
	if err != nil {
		return nil, err
	}
	dst := make([]byte, p.size)
	if !lz.LZJB(dst, src) {
		return nil, damaged("page %d of the dump does not decompress", i)
	}
	p.cache.put(i, dst)
	return dst, nil
}

// compressed gives what is stored of the nth page of a segment.
func (p *lzjbPages) compressed(seg, nth int) ([]byte, error) {
	s := p.segs[seg]
	slot := &p.raw[seg%len(p.raw)]
	raw := slot.Load()
	if raw == nil || raw.seg != seg {
		b := make([]byte, s.bytes)
		if n, err := p.r.ReadAt(b, int64(s.off)); n < len(b) {
			if err == nil || err == io.EOF {
				err = mem.ErrTruncated
			}
			return nil, err
		}
		raw = &rawSegment{seg, b}
		slot.Store(raw)
	}
	for b := raw.bytes; len(b) >= 4; nth-- {
		n := uint64(le.Uint32(b))
		if n > uint64(len(b)-4) {
			break
		}
		if nth == 0 {
			return b[4 : 4+n], nil
		}
		b = b[4+n:]
	}
	return nil, damaged("page %d of the dump has another size than when the index was made", s.page+uint64(nth))
}
