package zfs

import (
	mathbits "math/bits"

	"github.com/xmdb/xmdb/modules/kernel"
)

// arcBlocks finds blocks of a pool in the ARC by where they are on disk, as ZFS itself
// does: by the hash of the pool, the first copy's place and the transaction group that
// wrote it. That hash is cityhash4 since 2016 (arc.c, buf_hash); in older kernels, whose
// hash is another, no block is found.
type arcBlocks struct {
	v     *kernel.View
	pool  uint64 // what the ARC knows the pool by
	table uint64
	mask  uint64
	l     *arcDataLayout
	buf   []byte
	first uint64 // ARC_FLAG_HAS_L1HDR
	shift uint   // of the way of compression in the flags
}

// arcDataLayout is what of a header tells where its block is. What is shared and perhaps
// compressed has had several names and forms.
type arcDataLayout struct {
	Pool    kernel.Field `ctf:"b_spa"`
	DVA0    kernel.Field `ctf:"b_dva.dva_word[0]"`
	DVA1    kernel.Field `ctf:"b_dva.dva_word[1]"`
	Birth   kernel.Field `ctf:"b_birth"`
	Next    kernel.Field `ctf:"b_hash_next"`
	Flags   kernel.Field `ctf:"b_flags"`
	PSize   kernel.Field `ctf:"b_psize"`
	LSize   kernel.Field `ctf:"b_lsize"`
	Buf     kernel.Field `ctf:"b_l1hdr.b_buf"`
	Scatter kernel.Field `ctf:"b_l1hdr.b_pabd,optional"`  // abd_t
	Plain   kernel.Field `ctf:"b_l1hdr.b_pdata,optional"` // 2016 to 2017
}

// span is how much of a header that has data is looked at.
func (l *arcDataLayout) span() uint64 {
	n := l.key()
	for _, f := range []kernel.Field{l.PSize, l.LSize, l.Buf, l.Scatter, l.Plain} {
		n = max(n, f.Off+f.Size)
	}
	return n
}

// key is how much of any header is looked at.
func (l *arcDataLayout) key() uint64 {
	return max(l.Pool.Off, l.DVA0.Off, l.DVA1.Off, l.Birth.Off, l.Next.Off, l.Flags.Off) + 8
}

type arcBufLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Data  kernel.Field `ctf:"b_data"`
	Flags kernel.Field `ctf:"b_flags,optional"`
}

// abdLayout is a buffer of the ARC: in one piece, or in pages, which an illumos kernel
// lists behind it.
type abdLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Flags     kernel.Field `ctf:"abd_flags"`
	Linear    kernel.Field `ctf:"abd_u.abd_linear.abd_buf"`
	Chunks    kernel.Field `ctf:"abd_u.abd_scatter.abd_chunk_size,optional"`
	ChunkOff  kernel.Field `ctf:"abd_u.abd_scatter.abd_offset,optional"`
	ChunkList kernel.Field `ctf:"abd_u.abd_scatter.abd_chunks[0],optional"`
}

// abdLinear is ABD_FLAG_LINEAR.
const abdLinear = 1

// newARCBlocks finds a pool's blocks in the ARC; nil if its table cannot be found.
func newARCBlocks(v *kernel.View, spa uint64) *arcBlocks {
	type layout struct {
		GUID kernel.Field `ctf:"spa_load_guid"`
	}
	a := &arcBlocks{v: v}
	sl, err := kernel.Lay[layout](v, "spa_t")
	if err != nil {
		return nil
	}
	if a.pool, err = v.Pointer(spa + sl.GUID.Off); err != nil {
		return nil
	}
	h, err := arcHash(v)
	if err != nil {
		return nil
	}
	a.table, a.mask = h.table, h.buckets-1
	if a.l, err = kernel.Lay[arcDataLayout](v, "arc_buf_hdr_t"); err != nil {
		return nil
	}
	a.first, _ = enumValue(v, "enum arc_flags", "ARC_FLAG_HAS_L1HDR")
	n, _ := enumValue(v, "enum arc_flags", "ARC_FLAG_COMPRESS_0")
	a.shift = uint(mathbits.TrailingZeros64(n | 1<<24))
	return a
}

// longestChain bounds how far a chain of headers is followed.
const longestChain = 1 << 10

// read is the content of the block that a pointer points to, decompressed; nil if it is
// not in memory.
func (a *arcBlocks) read(p *blkptr) []byte {
	d, birth := p.dva(0), p.physBirth()
	bucket := cityHash4(a.pool, d[0], d[1], birth) & a.mask
	at, err := a.v.Pointer(a.table + bucket*8)
	for range longestChain {
		if at == 0 || err != nil {
			return nil
		}
		if a.buf, err = a.v.Bytes(at, a.l.key(), a.buf); err != nil {
			return nil
		}
		l, b := a.l, a.buf
		if l.Pool.Of(b) == a.pool && l.DVA0.Of(b) == d[0] && l.DVA1.Of(b) == d[1] && l.Birth.Of(b) == birth {
			if l.Flags.Of(b)&a.first == 0 {
				return nil
			}
			return a.data(at, p)
		}
		at = l.Next.Of(b)
	}
	return nil
}

// data is what a header has of its block. What a dbuf has is used before what is shared,
// as it is not compressed.
func (a *arcBlocks) data(header uint64, p *blkptr) []byte {
	b, err := a.v.Bytes(header, a.l.span(), a.buf)
	if err != nil {
		return nil
	}
	a.buf = b
	logical, _ := p.sizes()
	if buf := a.l.Buf.Of(b); buf != 0 {
		l, bb, err := read(a.v, "arc_buf_t", buf, func(l *arcBufLayout) uint64 { return l.Size })
		compressed, _ := enumValue(a.v, "enum arc_buf_flags", "ARC_BUF_FLAG_COMPRESSED")
		if err == nil && l.Flags.Of(bb)&compressed == 0 && l.Data.Of(bb) != 0 && logical <= maxDiskBlock {
			if data, err := a.v.Bytes(l.Data.Of(bb), logical, nil); err == nil {
				return data
			}
		}
	}
	how, size := a.l.Flags.Of(b)>>a.shift&0x7f, a.l.PSize.Of(b)<<sector
	if how == 0 || how == compressOff {
		how, size = compressOff, logical
	}
	if size > maxDiskBlock {
		return nil
	}
	var src []byte
	switch abd, plain := a.l.Scatter.Of(b), a.l.Plain.Of(b); {
	case abd != 0:
		src = a.pieces(abd, size)
	case plain != 0:
		src, _ = a.v.Bytes(plain, size, nil)
	}
	if src == nil {
		return nil
	}
	return decompress(how, src, logical)
}

// pieces reads what an abd_t holds; nil if it cannot.
func (a *arcBlocks) pieces(abd, size uint64) []byte {
	l, b, err := read(a.v, "abd_t", abd, func(l *abdLayout) uint64 { return l.Size })
	if err != nil {
		return nil
	}
	if l.Flags.Of(b)&abdLinear != 0 {
		data, err := a.v.Bytes(l.Linear.Of(b), size, nil)
		if err != nil {
			return nil
		}
		return data
	}
	chunk, off := l.Chunks.Of(b), l.ChunkOff.Of(b)
	if !l.ChunkList.OK() || chunk == 0 || off >= chunk {
		return nil // Linux has pages
	}
	list, err := pointers(a.v, "abd_chunks", abd+l.ChunkList.Off, (off+size+chunk-1)/chunk, maxDiskBlock/512)
	if err != nil {
		return nil
	}
	var data []byte
	for _, at := range list {
		piece, err := a.v.Bytes(at+off, min(chunk-off, size-uint64(len(data))), nil)
		if err != nil {
			return nil
		}
		data, off = append(data, piece...), 0
	}
	return data
}

// cityHash4 is the hash of four words by which ZFS finds dbufs and headers (cityhash.c):
// CityHash64 of Google's 1.1 for 32 bytes that are these words.
func cityHash4(w1, w2, w3, w4 uint64) uint64 {
	const k1, k2 = 0xb492b66fbe98f273, 0x9ae16a3b2f90404f
	mul := uint64(64)
	mul += k2
	a, c, d := w1*k1, w4*mul, w3*k2
	rotate := func(w uint64, by int) uint64 { return mathbits.RotateLeft64(w, -by) }
	u, v := rotate(a+w2, 43)+rotate(c, 30)+d, a+rotate(w2+k2, 18)+c
	x := (u ^ v) * mul
	x ^= x >> 47
	y := (v ^ x) * mul
	return (y ^ y>>47) * mul
}
