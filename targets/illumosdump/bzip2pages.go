package illumosdump

import (
	"cmp"
	"io"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
)

// bzPages are pages in streams of bzip2: to read one is to decompress the block, or
// the two blocks, that it lies in.
type bzPages struct {
	r       io.ReaderAt
	size    uint64
	n       uint64 // by the header
	ranges  []pageRange
	streams []bzIndex
	cache   *pageCache
	blocks  *lru[blockKey, []byte]
	lost    lostPages
}

// bzIndex is one stream.
type bzIndex struct {
	chunks []chunk
	starts []uint64 // of each chunk in the stream, bytes
	parts  []bzPart
}

type blockKey struct{ tag, part int }

// blockCache is how many bytes of decompressed blocks are kept.
const blockCache = 24 << 20

func (x *bzIndex) setChunks(chunks []chunk) {
	x.chunks = chunks
	x.starts = make([]uint64, len(chunks))
	at := uint64(0)
	for i, c := range chunks {
		x.starts[i] = at
		at += uint64(c.n)
	}
}

func (p *bzPages) coverage() system.Coverage { return p.lost.coverage(p.n) }

func (p *bzPages) spans() []span {
	var out []span
	for _, r := range p.ranges {
		out = addSpan(out, r.page, r.n)
	}
	return out
}

func (p *bzPages) page(i uint64) ([]byte, error) {
	if b := p.cache.get(i); b != nil {
		return b, nil
	}
	k, ok := slices.BinarySearchFunc(p.ranges, i, func(r pageRange, i uint64) int { return cmp.Compare(r.page, i) })
	if !ok {
		k--
	}
	if k < 0 || i-p.ranges[k].page >= p.ranges[k].n {
		return nil, p.lost.reason()
	}
	r := p.ranges[k]
	dst := make([]byte, p.size)
	if err := p.read(r.tag, dst, r.out+(i-r.page)*p.size); err != nil {
		return nil, err
	}
	p.cache.put(i, dst)
	return dst, nil
}

// read fills dst from an offset of what a stream decompresses to.
func (p *bzPages) read(tag int, dst []byte, off uint64) error {
	parts := p.streams[tag].parts
	k, ok := slices.BinarySearchFunc(parts, off, func(b bzPart, off uint64) int { return cmp.Compare(b.out, off) })
	if !ok {
		k--
	}
	for ; len(dst) > 0; k++ {
		if k < 0 || k >= len(parts) || off-parts[k].out >= uint64(parts[k].n) {
			return damaged("the index has no block for offset %#x of stream %d", off, tag+1)
		}
		b, err := p.block(tag, k)
		if err != nil {
			return err
		}
		n := copy(dst, b[off-parts[k].out:])
		dst = dst[n:]
		off += uint64(n)
	}
	return nil
}

// block gives a decompressed block.
func (p *bzPages) block(tag, k int) ([]byte, error) {
	key := blockKey{tag, k}
	if b, ok := p.blocks.get(key); ok {
		return b, nil
	}
	part := p.streams[tag].parts[k]
	src, err := p.streams[tag].read(p.r, part.bit/8, part.bytes)
	if err != nil {
		return nil, err
	}
	d := bzDecoders.Get().(*bzDecoder)
	defer bzDecoders.Put(d)
	r := &bitReader{buf: src}
	r.bits(uint(part.bit & 7))
	out, err := d.block(r, bzUnit*int(part.level), make([]byte, 0, part.n))
	if err != nil || len(out) != int(part.n) {
		return nil, damaged("a block of stream %d does not decompress as when the index was made", tag+1)
	}
	p.blocks.put(key, out, len(out))
	return out, nil
}

// read reads n bytes of a stream, which may lie in several blocks of the dump.
func (x *bzIndex) read(r io.ReaderAt, off uint64, n uint32) ([]byte, error) {
	b := make([]byte, n)
	k, ok := slices.BinarySearch(x.starts, off)
	if !ok {
		k--
	}
	for at := uint64(0); at < uint64(n); k++ {
		if k < 0 || k >= len(x.chunks) {
			return nil, damaged("a stream ends too early")
		}
		c, in := x.chunks[k], off+at-x.starts[k]
		if in >= uint64(c.n) {
			return nil, damaged("a stream ends too early")
		}
		want := b[at:min(uint64(n), at+uint64(c.n)-in)]
		if got, err := r.ReadAt(want, int64(c.off+in)); got < len(want) {
			if err == nil || err == io.EOF {
				err = mem.ErrTruncated
			}
			return nil, err
		}
		at += uint64(len(want))
	}
	return b, nil
}
