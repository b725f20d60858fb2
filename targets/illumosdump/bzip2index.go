package illumosdump

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/xmdb/xmdb/core/out"
)

// bzPart is one block of bzip2 in a stream of the dump.
type bzPart struct {
	bit   uint64 // where its magic begins in the stream, bits
	out   uint64 // where its bytes are in what the stream decompresses to
	n     uint32 // bytes
	bytes uint32 // compressed, from the byte of bit on
	level uint8
}

// pageRange is a range of pages in what a stream decompresses to.
type pageRange struct {
	page, n uint64
	out     uint64 // of the first page
	tag     int    // less one
}

// bzStream is the walk through one stream: it decompresses all of it, as only then
// it is known where blocks end and what they hold.
type bzStream struct {
	a      *area
	tag    int
	parts  []bzPart
	ranges []pageRange
	kept   uint64

	out  uint64                 // bytes decompressed before this block
	head [streamHeaderSize]byte // the header being read
	have int                    // bytes of it
	skip uint64                 // bytes of pages until the next header
}

// bytes goes through what a block decompressed to.
func (s *bzStream) bytes(b []byte) error {
	for at := uint64(0); at < uint64(len(b)); {
		if s.skip > 0 {
			n := min(s.skip, uint64(len(b))-at)
			at += n
			s.skip -= n
			continue
		}
		n := copy(s.head[s.have:], b[at:])
		s.have += n
		at += uint64(n)
		if s.have < streamHeaderSize {
			return nil
		}
		s.have = 0
		h, err := s.a.parseStreamHeader(s.head[:])
		if err != nil {
			return err
		}
		s.ranges = append(s.ranges, pageRange{page: h.page, n: h.n, out: s.out + at, tag: s.tag})
		s.skip = h.n * s.a.pageSize
	}
	return nil
}

// stream decompresses all blocks. What cannot be read ends it, for that stream;
// that the data ends is no reason to complain.
func (s *bzStream) stream(ctx context.Context, chunks []chunk, m *out.Meter) (why error, err error) {
	src := &chunkReader{r: s.a.r, chunks: chunks, meter: m}
	r := &bitReader{next: src.next}
	d := bzDecoders.Get().(*bzDecoder)
	defer bzDecoders.Put(d)
	var out []byte
	why = func() error {
		level := uint8(0)
		for {
			if err = ctx.Err(); err != nil {
				return nil
			}
			r.fill()
			if r.have == 0 {
				return nil
			}
			if level == 0 { // at the beginning of a bzip2 stream
				if head := r.bits(32); head>>8 != 'B'<<16|'Z'<<8|'h' || head&0xff < '1' || head&0xff > '9' {
					return errBzip2
				} else {
					level = uint8(head&0xff - '0')
				}
				continue
			}
			if r.acc>>16 == bzEnd {
				r.bits(48)
				r.bits(32)
				r.align()
				level = 0
				continue
			}
			start := r.offset()
			var bad error
			if out, bad = d.block(r, bzUnit*int(level), out[:0]); bad != nil {
				return bad
			}
			if s.a.budget.Add(-int64(len(out))) < 0 {
				return errors.New("more bytes than the dump has pages for")
			}
			s.parts = append(s.parts, bzPart{start, s.out, uint32(len(out)), uint32((r.offset()+7)/8 - start/8), level})
			if bad := s.bytes(out); bad != nil {
				return bad
			}
			s.out += uint64(len(out))
		}
	}()
	s.cut()
	if why != nil {
		why = fmt.Errorf("%w in stream %d at its byte %d", why, s.tag+1, r.offset()/8)
	}
	return why, err
}

// cut takes from the last range what was not decompressed, and counts.
func (s *bzStream) cut() {
	if n := len(s.ranges); n > 0 {
		last := &s.ranges[n-1]
		last.n -= (s.skip + s.a.pageSize - 1) / s.a.pageSize
	}
	for _, r := range s.ranges {
		s.kept += r.n
	}
}

// chunkReader gives the bytes of a stream block by block.
type chunkReader struct {
	r      io.ReaderAt
	chunks []chunk
	buf    []byte
	meter  *out.Meter
}

func (c *chunkReader) next() []byte {
	if len(c.chunks) == 0 {
		return nil
	}
	this := c.chunks[0]
	c.chunks = c.chunks[1:]
	if uint32(cap(c.buf)) < this.n {
		c.buf = make([]byte, this.n)
	}
	n, _ := c.r.ReadAt(c.buf[:this.n], int64(this.off))
	if n < int(this.n) {
		c.chunks = nil
	}
	c.meter.Add(int64(this.n))
	return c.buf[:n]
}
