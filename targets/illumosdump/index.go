package illumosdump

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/xmdb/xmdb/core/out"
)

// index is what has to be found out once to read a vmdump.N: where its pages are,
// and its translations in order. It is kept in the cache.
type index struct {
	bzip2   bool
	segs    []segment   // lzjb: by page
	chunks  [][]chunk   // bzip2: by tag - 1
	parts   [][]bzPart  // likewise
	ranges  []pageRange // likewise, by page
	kept    uint64      // pages
	cut     bool        // the rest is missing because the file ends early
	broken  string      // what is wrong with the data; ""
	extents []extent
}

// makeIndex goes through the data area of a vmdump.N. What cannot be read is no
// error: the index has the rest.
func makeIndex(ctx context.Context, t *Target, a *area, cut bool) (*index, error) {
	m := out.NewMeter(int64(a.end-min(a.off, a.end)), t.progress)
	defer m.End()
	o, err := a.scan(ctx, m)
	if err != nil {
		return nil, err
	}
	x := &index{segs: o.singles, broken: o.broken}
	if len(o.chunks) > 0 {
		err = x.readStreams(ctx, a, o, m)
	} else {
		x.kept = o.count
	}
	if err != nil {
		return nil, err
	}
	x.cut = cut
	if x.kept >= a.pages {
		x.broken = ""
	}
	x.extents, err = readExtents(ctx, t)
	return x, err
}

// readStreams finds the pages in the streams.
func (x *index) readStreams(ctx context.Context, a *area, o *outline, m *out.Meter) error {
	x.bzip2 = a.usesBzip2(o.chunks)
	a.budget.Store(int64(a.pages*(a.pageSize+streamHeaderSize)) + 1)
	singles := x.segs
	x.segs = nil
	var mu sync.Mutex
	var broken []string
	x.parts = make([][]bzPart, len(o.chunks))
	err := eachStream(ctx, o.chunks, func(ctx context.Context, tag int) (err error) {
		var why error
		lz, bz := lzjbStream{a: a}, bzStream{a: a, tag: tag}
		if x.bzip2 {
			why, err = bz.stream(ctx, o.chunks[tag], m)
		} else {
			why, err = lz.stream(ctx, o.chunks[tag], m)
		}
		mu.Lock()
		defer mu.Unlock()
		if why != nil && !errors.Is(why, io.ErrUnexpectedEOF) {
			broken = append(broken, why.Error())
		}
		x.parts[tag] = bz.parts
		x.ranges = append(x.ranges, bz.ranges...)
		x.segs = append(x.segs, lz.segs...)
		x.kept += lz.kept + bz.kept
		return err
	})
	if err != nil {
		return err
	}
	if x.bzip2 {
		x.chunks = o.chunks
	}
	if x.broken == "" && len(broken) > 0 {
		slices.Sort(broken)
		x.broken = strings.Join(broken, "; ")
	}
	// Pages that follow the streams are those after all that the streams have.
	for _, s := range singles {
		s.page += x.kept
		if s.page < a.pages {
			s.n = uint32(min(uint64(s.n), a.pages-s.page))
			x.segs = append(x.segs, s)
		}
	}
	x.kept = min(x.kept+o.count, max(x.kept, a.pages))
	slices.SortFunc(x.segs, func(a, b segment) int { return cmp.Compare(a.page, b.page) })
	slices.SortFunc(x.ranges, func(a, b pageRange) int { return cmp.Compare(a.page, b.page) })
	return nil
}

// usesBzip2 tells the method of the streams, by the data itself if the header that
// says so is gone.
func (a *area) usesBzip2(chunks [][]chunk) bool {
	if a.hdr.haveHeader {
		return a.hdr.level == levelBzip2
	}
	for _, c := range chunks {
		if len(c) > 0 {
			var b [3]byte
			a.r.ReadAt(b[:], int64(c[0].off))
			return string(b[:]) == "BZh"
		}
	}
	return false
}

// newPages makes the reader of the pages that an index knows.
func (x *index) newPages(t *Target) pages {
	size := t.h.PageSize()
	lost := lostPages{kept: x.kept, cut: x.cut}
	if !x.bzip2 {
		return &lzjbPages{r: t.r, size: int(size), n: t.h.Pages, segs: x.segs, cache: newPageCache(t.cachedPages()), lost: lost}
	}
	p := &bzPages{r: t.r, size: size, n: t.h.Pages, ranges: x.ranges, lost: lost,
		streams: make([]bzIndex, len(x.chunks)),
		cache:   newPageCache(t.cachedPages()),
		blocks:  newLRU[blockKey, []byte](blockCache)}
	for tag := range p.streams {
		p.streams[tag].setChunks(x.chunks[tag])
		p.streams[tag].parts = x.parts[tag]
	}
	if len(x.segs) == 0 {
		return p
	}
	tail := &lzjbPages{r: t.r, size: int(size), n: t.h.Pages, segs: x.segs, cache: p.cache, lost: lost}
	return &mixedPages{bzPages: p, first: x.segs[0].page, tail: tail}
}

// mixedPages are streams of bzip2 with a few pages of lzjb after them.
type mixedPages struct {
	*bzPages
	first uint64
	tail  *lzjbPages
}

func (p *mixedPages) page(i uint64) ([]byte, error) {
	if i >= p.first {
		return p.tail.page(i)
	}
	return p.bzPages.page(i)
}

// breakage words what is wrong with the data for the user.
func (x *index) breakage(pages uint64) string {
	if x.kept >= pages {
		return ""
	}
	s := fmt.Sprintf("%d of %d pages are missing", pages-x.kept, pages)
	if x.broken != "" {
		s += ": " + x.broken
	}
	return s
}

func (p *mixedPages) spans() []span {
	out := p.bzPages.spans()
	for _, s := range p.tail.segs {
		out = addSpan(out, s.page, uint64(s.n))
	}
	return out
}
