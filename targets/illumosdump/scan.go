package illumosdump

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/out"
)

// A chunk is one block of a stream in the file.
type chunk struct {
	off uint64 // of its bytes
	n   uint32
}

// segment is a run of consecutive pages, each a size word and lzjb, that follow
// one another in the file.
type segment struct {
	page  uint64 // of the pfn table
	off   uint64 // of the first size word
	n     uint32 // pages
	bytes uint32 // words and pages
}

// segmentPages is how many pages a segment has at most: so many size words are
// looked at to find one page.
const segmentPages = 32

// addPage adds a page of n compressed bytes whose size word is at off.
func addPage(segs []segment, page, off uint64, n uint32) []segment {
	if len(segs) > 0 {
		s := &segs[len(segs)-1]
		if s.n < segmentPages && s.page+uint64(s.n) == page && s.off+uint64(s.bytes) == off {
			s.n++
			s.bytes += 4 + n
			return segs
		}
	}
	return append(segs, segment{page, off, 1, 4 + n})
}

// outline is what the words of a data area tell: single pages, numbered from 0,
// and the blocks of each stream.
type outline struct {
	singles []segment
	count   uint64    // single pages
	chunks  [][]chunk // by tag - 1
	broken  string    // where and how the data breaks off before the end; ""
}

// limits of a data area.
type area struct {
	r        io.ReaderAt
	off, end uint64
	pageSize uint64
	pages    uint64
	hdr      dataHeader
	budget   atomic.Int64 // bytes that streams of bzip2 may still decompress to
}

// scan goes from word to word through the data area. A word is a tag of 12 bits
// and a size of 20: tag 0 is a page, another the stream that the block is of, and
// a word of zeros is the end.
func (a *area) scan(ctx context.Context, m *out.Meter) (*outline, error) {
	o := &outline{}
	w := words{r: a.r, end: a.end}
	told := a.off
	for off, turn := a.off, 0; ; turn++ {
		if turn&0x3fff == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if len(o.chunks) == 0 { // to hop over blocks takes no time
				m.Add(int64(off - told))
				told = off
			}
		}
		if o.count >= a.pages && len(o.chunks) == 0 {
			return o, nil // pages alone need no word of zeros after them
		}
		word, ok := w.at(off)
		if !ok {
			o.broken = fmt.Sprintf("data ends at offset %#x", off)
			return o, nil
		}
		tag, n := word>>20, word&0xfffff
		if word == 0 {
			return o, nil
		}
		if why := a.refuse(tag, n); why != "" {
			o.broken = fmt.Sprintf("%s at offset %#x", why, off)
			return o, nil
		}
		next := off + 4 + uint64(n)
		if tag != 0 {
			o.addChunk(tag, off+4, uint32(min(uint64(n), a.end-off-4)))
		} else if next <= a.end {
			o.singles = addPage(o.singles, o.count, off, n)
			o.count++
		}
		if next > a.end {
			o.broken = fmt.Sprintf("data ends at offset %#x", a.end)
			return o, nil
		}
		off = next
	}
}

// refuse tells a word that no kernel writes.
func (a *area) refuse(tag, n uint32) string {
	switch {
	case tag == 0 && uint64(n) > a.pageSize:
		return fmt.Sprintf("bad size of a page (%d)", n)
	case tag != 0 && n == 0:
		return "empty block"
	case tag != 0 && a.hdr.haveHeader && int(tag) > a.hdr.streams:
		return fmt.Sprintf("bad stream (%d)", tag)
	case tag != 0 && a.hdr.haveHeader && n > a.hdr.maxBlock:
		return fmt.Sprintf("bad size of a block (%d)", n)
	}
	return ""
}

func (o *outline) addChunk(tag uint32, off uint64, n uint32) {
	for uint32(len(o.chunks)) < tag {
		o.chunks = append(o.chunks, nil)
	}
	o.chunks[tag-1] = append(o.chunks[tag-1], chunk{off, n})
}

// words reads size words of a file: many at once while they are near one another.
type words struct {
	r    io.ReaderAt
	end  uint64
	buf  []byte
	base uint64 // file offset of buf
	next uint64 // the offset where a sequence of reads goes on
}

const (
	farRead  = 4 << 10
	nearRead = 1 << 20
)

func (w *words) at(off uint64) (uint32, bool) {
	if off < w.base || off+4 > w.base+uint64(len(w.buf)) {
		if off > w.end || w.end-off < 4 {
			return 0, false
		}
		size := uint64(farRead)
		if off >= w.base && off <= w.next+farRead {
			size = nearRead
		}
		w.read(off, min(size, w.end-off))
		if len(w.buf) < 4 {
			return 0, false
		}
	}
	return le.Uint32(w.buf[off-w.base:]), true
}

func (w *words) read(off, n uint64) {
	if uint64(cap(w.buf)) < n {
		w.buf = make([]byte, n)
	}
	w.buf = w.buf[:n]
	got, _ := w.r.ReadAt(w.buf, int64(off))
	w.buf = w.buf[:got]
	w.base, w.next = off, off+uint64(got)
}
