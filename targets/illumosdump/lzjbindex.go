package illumosdump

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/xmdb/xmdb/core/out"
)

// streamHeader is dumpstreamhdr_t: which pages follow.
type streamHeader struct {
	page, n uint64
}

const streamHeaderSize = 24

// parseStreamHeader reads a header of a range of pages.
func (a *area) parseStreamHeader(b []byte) (streamHeader, error) {
	h := streamHeader{le.Uint64(b[8:]), le.Uint64(b[16:])}
	if string(b[:8]) != "StrmHdr\x00" {
		return h, fmt.Errorf("bad stream header %q", b[:8])
	}
	most := uint64(1 << 20)
	if a.hdr.haveHeader {
		most = uint64(a.hdr.maxRange)
	}
	if h.n > most || h.page > a.pages || h.n > a.pages-h.page {
		return h, fmt.Errorf("bad range of pages: %d from %d", h.n, h.page)
	}
	return h, nil
}

// eachStream runs do for every stream that has blocks, on all processors. The
// first error that is the context's ends it.
func eachStream(ctx context.Context, chunks [][]chunk, do func(ctx context.Context, tag int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(chunks)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for tag := range work {
				if err := do(ctx, tag); err != nil {
					cancel(err)
				}
			}
		}()
	}
	for tag := range chunks {
		if len(chunks[tag]) > 0 && ctx.Err() == nil {
			work <- tag
		}
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}

// lzjbStream is the walk through one stream of lzjb: headers of ranges, and their
// pages, none of which is split over two blocks.
type lzjbStream struct {
	a    *area
	segs []segment
	kept uint64
	at   streamHeader // what is left of the range
}

// block walks one block, which is at off in the file.
func (s *lzjbStream) block(b []byte, off uint64) error {
	for at := 0; at < len(b); {
		if s.at.n == 0 {
			if len(b)-at < streamHeaderSize {
				return io.ErrUnexpectedEOF
			}
			h, err := s.a.parseStreamHeader(b[at:])
			if err != nil {
				return err
			}
			s.at = h
			at += streamHeaderSize
			continue
		}
		if len(b)-at < 4 {
			return io.ErrUnexpectedEOF
		}
		n := le.Uint32(b[at:])
		if n == 0 || uint64(n) > s.a.pageSize {
			return fmt.Errorf("bad size of a page (%d)", n)
		}
		if uint64(len(b)-at-4) < uint64(n) {
			return io.ErrUnexpectedEOF
		}
		s.segs = addPage(s.segs, s.at.page, off+uint64(at), n)
		s.kept++
		s.at.page++
		s.at.n--
		at += 4 + int(n)
	}
	return nil
}

// stream walks all blocks of a stream. What cannot be read ends it, for that
// stream.
func (s *lzjbStream) stream(ctx context.Context, chunks []chunk, m *out.Meter) (why error, err error) {
	var buf []byte
	for _, c := range chunks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if uint32(cap(buf)) < c.n {
			buf = make([]byte, c.n)
		}
		got, _ := s.a.r.ReadAt(buf[:c.n], int64(c.off))
		if err := s.block(buf[:got], c.off); err != nil {
			return fmt.Errorf("%w in the block at offset %#x", err, c.off), nil
		}
		m.Add(int64(c.n))
	}
	return nil, nil
}
