package elfcore

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/xmdb/xmdb/core/lz"
)

// LZ4 frames, after lz4_Frame_format.md and lz4_Block_format.md of the LZ4
// project: frames that follow each other, skippable frames, dependent and
// independent blocks, all checksums verified. Not handled: dictionaries and the
// legacy format.

const (
	lz4Magic     = 0x184d2204
	lz4Skippable = 0x184d2a50 // and the 15 after it
	lz4Window    = 64 << 10   // how far back a match may reach, bytes
)

var errLZ4 = errors.New("damaged LZ4 data")

// lz4Reader decompresses a sequence of frames.
type lz4Reader struct {
	r       *bufio.Reader
	in      []byte // a block as read
	buf     []byte // window, then the output of the last block
	out     []byte // what is left to hand out; part of buf
	frame   lz4Frame
	inFrame bool
	frames  int
	err     error
}

// lz4Frame is a frame descriptor and the state of its content checksum.
type lz4Frame struct {
	maxBlock      int
	independent   bool
	blockChecksum bool
	checksum      bool
	size          uint64 // of the content, if hasSize
	hasSize       bool
	got           uint64
	sum           xxh32
}

func newLZ4Reader(r io.Reader) *lz4Reader { return &lz4Reader{r: bufio.NewReaderSize(r, 256<<10)} }

// Read implements io.Reader.
func (z *lz4Reader) Read(p []byte) (int, error) {
	for len(z.out) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		z.err = z.next()
	}
	n := copy(p, z.out)
	z.out = z.out[n:]
	return n, nil
}

// next reads a frame header or a block.
func (z *lz4Reader) next() error {
	if !z.inFrame {
		return z.header()
	}
	size, err := z.u32()
	if err != nil {
		return err
	}
	if size == 0 {
		return z.endFrame()
	}
	raw := size&(1<<31) != 0
	size &^= 1 << 31
	if int64(size) > int64(z.frame.maxBlock) {
		return fmt.Errorf("%w: block of %d bytes", errLZ4, size)
	}
	if cap(z.in) < int(size) {
		z.in = make([]byte, z.frame.maxBlock)
	}
	z.in = z.in[:size]
	if _, err := io.ReadFull(z.r, z.in); err != nil {
		return unexpected(err)
	}
	if z.frame.blockChecksum {
		want, err := z.u32()
		if err != nil {
			return err
		}
		if got := xxh32Of(z.in); got != want {
			return fmt.Errorf("%w: block checksum %#x, not %#x", errLZ4, got, want)
		}
	}
	return z.block(raw)
}

// block appends the content of the block in z.in to the window.
func (z *lz4Reader) block(raw bool) error {
	keep := z.buf
	switch {
	case z.frame.independent:
		keep = keep[:0]
	case len(keep) > lz4Window:
		keep = keep[:copy(keep, keep[len(keep)-lz4Window:])]
	}
	start := len(keep)
	if raw {
		z.buf = append(keep, z.in...)
	} else {
		var err error
		if z.buf, err = lz.LZ4Block(keep, z.in, start+z.frame.maxBlock); err != nil {
			return fmt.Errorf("%w: %w", errLZ4, err)
		}
	}
	z.out = z.buf[start:]
	f := &z.frame
	f.got += uint64(len(z.out))
	if f.checksum {
		f.sum.write(z.out)
	}
	return nil
}

func (z *lz4Reader) endFrame() error {
	f := &z.frame
	if f.checksum {
		want, err := z.u32()
		if err != nil {
			return err
		}
		if got := f.sum.sum(); got != want {
			return fmt.Errorf("%w: content checksum %#x, not %#x", errLZ4, got, want)
		}
	}
	if f.hasSize && f.got != f.size {
		return fmt.Errorf("%w: %d bytes of content, not %d", errLZ4, f.got, f.size)
	}
	z.inFrame = false
	z.buf = z.buf[:0]
	return nil
}

// header reads the magic number and descriptor of a frame, or skips a skippable
// one. io.EOF at the end of the last frame.
func (z *lz4Reader) header() error {
	magic, err := z.u32()
	if err != nil {
		if z.frames > 0 && errors.Is(err, errLZ4AtEnd) {
			return io.EOF
		}
		return err
	}
	if magic&^0xf == lz4Skippable {
		n, err := z.u32()
		if err != nil {
			return err
		}
		_, err = io.CopyN(io.Discard, z.r, int64(n))
		return unexpected(err)
	}
	if magic != lz4Magic {
		return fmt.Errorf("%w: not a frame", errLZ4)
	}
	z.frames++
	return z.descriptor()
}

func (z *lz4Reader) descriptor() error {
	var d [15]byte
	read := func(at, n int) error {
		_, err := io.ReadFull(z.r, d[at:at+n])
		return unexpected(err)
	}
	if err := read(0, 2); err != nil {
		return err
	}
	flg, bd := d[0], d[1]
	if flg>>6 != 1 || flg&2 != 0 || bd&0x8f != 0 || bd>>4 < 4 {
		return fmt.Errorf("%w: frame descriptor %#x %#x", errLZ4, flg, bd)
	}
	if flg&1 != 0 {
		return errors.New("LZ4 frame needs a dictionary")
	}
	n := 2
	z.frame = lz4Frame{
		maxBlock: 1 << (8 + 2*(bd>>4)), independent: flg&0x20 != 0, blockChecksum: flg&0x10 != 0,
		checksum: flg&4 != 0, hasSize: flg&8 != 0, sum: newXXH32(),
	}
	if z.frame.hasSize {
		if err := read(n, 8); err != nil {
			return err
		}
		z.frame.size = binary.LittleEndian.Uint64(d[n:])
		n += 8
	}
	if err := read(n, 1); err != nil {
		return err
	}
	if got := byte(xxh32Of(d[:n]) >> 8); got != d[n] {
		return fmt.Errorf("%w: header checksum %#x, not %#x", errLZ4, got, d[n])
	}
	z.inFrame = true
	return nil
}

// errLZ4AtEnd is the end of input before the first byte of a number.
var errLZ4AtEnd = fmt.Errorf("%w: %w", errLZ4, io.ErrUnexpectedEOF)

func (z *lz4Reader) u32() (uint32, error) {
	var b [4]byte
	n, err := io.ReadFull(z.r, b[:])
	if n == 0 && err == io.EOF {
		return 0, errLZ4AtEnd
	}
	return binary.LittleEndian.Uint32(b[:]), unexpected(err)
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// xxh32 is XXH32 with seed 0 (xxhash_spec.md of the xxHash project).
type xxh32 struct {
	v     [4]uint32
	total uint64
	buf   [16]byte
	held  int
}

const (
	xxPrime1 uint32 = 2654435761
	xxPrime2 uint32 = 2246822519
	xxPrime3 uint32 = 3266489917
	xxPrime4 uint32 = 668265263
	xxPrime5 uint32 = 374761393
)

func newXXH32() xxh32 {
	p1, p2 := xxPrime1, xxPrime2
	return xxh32{v: [4]uint32{p1 + p2, p2, 0, -p1}}
}

func (x *xxh32) stripe(b []byte) {
	for i := range x.v {
		x.v[i] = bits.RotateLeft32(x.v[i]+binary.LittleEndian.Uint32(b[4*i:])*xxPrime2, 13) * xxPrime1
	}
}

func (x *xxh32) write(b []byte) {
	x.total += uint64(len(b))
	if x.held > 0 {
		n := copy(x.buf[x.held:], b)
		x.held += n
		b = b[n:]
		if x.held < len(x.buf) {
			return
		}
		x.stripe(x.buf[:])
		x.held = 0
	}
	for ; len(b) >= 16; b = b[16:] {
		x.stripe(b)
	}
	x.held = copy(x.buf[:], b)
}

func (x *xxh32) sum() uint32 {
	h := xxPrime5
	if x.total >= 16 {
		h = bits.RotateLeft32(x.v[0], 1) + bits.RotateLeft32(x.v[1], 7) + bits.RotateLeft32(x.v[2], 12) + bits.RotateLeft32(x.v[3], 18)
	}
	h += uint32(x.total)
	b := x.buf[:x.held]
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*xxPrime3, 17) * xxPrime4
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*xxPrime5, 11) * xxPrime1
	}
	h = (h ^ h>>15) * xxPrime2
	h = (h ^ h>>13) * xxPrime3
	return h ^ h>>16
}

func xxh32Of(b []byte) uint32 {
	x := newXXH32()
	x.write(b)
	return x.sum()
}
