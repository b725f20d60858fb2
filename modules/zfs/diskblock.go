package zfs

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core/lz"
	"github.com/xmdb/xmdb/modules/kernel"
)

// What a pool has on disk is in memory in several places: decompressed in dbufs, small
// blocks in the pointers to them, compressed or not in the ARC. This is how to get at a
// block by the pointer to it, whichever of the latter two has it.

// origin is where in memory a block of a pool was found.
type origin uint8

const (
	nowhere origin = iota
	inHole         // a block of zeroes, which has none on disk
	inDbuf
	inPointer // compressed in the block pointer
	inARC
)

// String names where a block was found, for -v of ::zfs_datasets.
func (o origin) String() string {
	return [...]string{"nowhere", "a hole", "a dbuf", "a block pointer", "the ARC"}[o]
}

// Ways of compression (enum zio_compress), which are numbers on disk. What belongs to a
// pool itself is compressed by LZ4 or, in pools without the feature, LZJB.
const (
	compressOff  = 2
	compressLZJB = 3
	compressLZ4  = 15
)

// maxDiskBlock is the largest block there is (SPA_MAXBLOCKSIZE).
const maxDiskBlock = 16 << 20

// blockAt takes a block pointer out of bytes.
func blockAt(b []byte) *blkptr {
	p := new(blkptr)
	for i := range p {
		p[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return p
}

func (p *blkptr) compression() uint64  { return bits(p[wordProp], 32, 7) }
func (p *blkptr) littleEndian() bool   { return bits(p[wordProp], 63, 1) != 0 }
func (p *blkptr) embeddedType() uint64 { return bits(p[wordProp], 40, 8) }

// physBirth is the transaction group that wrote the block to where it is.
func (p *blkptr) physBirth() uint64 {
	if n := p[wordPhysBirth]; n != 0 {
		return n
	}
	return p[wordBirth]
}

// payload is what an embedded block pointer holds: all its words but the properties and
// the birth.
func (p *blkptr) payload() []byte {
	var b []byte
	for i, w := range p {
		if i != wordProp && i != wordBirth {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
	}
	return b
}

// decompress makes size bytes of a block; nil if the data is damaged or compressed in
// another way.
func decompress(how uint64, src []byte, size uint64) []byte {
	if size > maxDiskBlock {
		return nil
	}
	switch how {
	case compressOff:
		if uint64(len(src)) >= size {
			return src[:size]
		}
	case compressLZJB:
		if dst := make([]byte, size); lz.LZJB(dst, src) {
			return dst
		}
	case compressLZ4: // the length in front is big-endian
		if len(src) < 4 {
			return nil
		}
		n := uint64(binary.BigEndian.Uint32(src))
		if src = src[4:]; n > uint64(len(src)) {
			return nil
		}
		if dst, err := lz.LZ4Block(make([]byte, 0, size), src[:n], int(size)); err == nil && uint64(len(dst)) == size {
			return dst
		}
	}
	return nil
}

// embedded is the content of an embedded block pointer.
func (p *blkptr) embeddedData() []byte {
	logical, physical := p.sizes()
	b := p.payload()
	if p.embeddedType() != 0 || physical > uint64(len(b)) { // BP_EMBEDDED_TYPE_DATA
		return nil
	}
	return decompress(p.compression(), b[:physical], logical)
}

// blockReader reads blocks of one pool by their pointers.
type blockReader struct {
	v   *kernel.View
	arc *arcBlocks // nil if the ARC's table is not known
}

// read gives what a block pointer points to, decompressed; nil if it is not in memory.
func (r *blockReader) read(p *blkptr) ([]byte, origin) {
	var b []byte
	from := inPointer
	switch {
	case p.hole():
		return nil, inHole
	case !p.littleEndian(): // written by a machine of the other order, as which ZFS then keeps it
	case p.embedded():
		b = p.embeddedData()
	case r.arc != nil && !p.crypt():
		b, from = r.arc.read(p), inARC
	}
	if b == nil {
		return nil, nowhere
	}
	return b, from
}
