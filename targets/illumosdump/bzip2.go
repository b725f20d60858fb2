package illumosdump

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"sync"
)

// bitReader reads a sequence of pieces, the most significant bit first.
type bitReader struct {
	buf  []byte
	next func() []byte // the piece after buf; empty at the end
	pos  int           // of the next byte in buf
	base uint64        // bytes before buf
	acc  uint64        // the next bits, at the top
	have uint
	over bool // more was asked for than there is
}

// fill makes 56 bits available, zeros past the end.
func (r *bitReader) fill() {
	if r.pos+8 <= len(r.buf) {
		r.acc |= binary.BigEndian.Uint64(r.buf[r.pos:]) >> r.have
		n := (63 - r.have) >> 3
		r.pos += int(n)
		r.have += 8 * n
		return
	}
	for r.have <= 56 {
		if r.pos == len(r.buf) && !r.more() {
			return
		}
		r.acc |= uint64(r.buf[r.pos]) << (56 - r.have)
		r.pos++
		r.have += 8
	}
}

func (r *bitReader) more() bool {
	if r.next == nil {
		return false
	}
	b := r.next()
	if len(b) == 0 {
		r.next = nil
		return false
	}
	r.base += uint64(len(r.buf))
	r.buf, r.pos = b, 0
	return true
}

// bits reads n bits, at most 56.
func (r *bitReader) bits(n uint) uint64 {
	if r.have < n {
		r.fill()
	}
	v := r.acc >> (64 - n)
	r.skip(n)
	return v
}

func (r *bitReader) skip(n uint) {
	if r.have < n {
		r.over = true
		r.acc, r.have = 0, 0
		return
	}
	r.acc <<= n
	r.have -= n
}

func (r *bitReader) bit() bool { return r.bits(1) != 0 }

// offset is how many bits were read.
func (r *bitReader) offset() uint64 { return 8*(r.base+uint64(r.pos)) - uint64(r.have) }

// align goes to the next byte.
func (r *bitReader) align() {
	if n := uint(-r.offset() & 7); n > 0 {
		r.bits(n)
	}
}

// Magic numbers of bzip2.
const (
	bzBlock = 0x314159265359
	bzEnd   = 0x177245385090
)

// Sizes of bzip2.
const (
	bzUnit     = 100000 // bytes of a block before the last step, per level
	bzGroup    = 50     // symbols coded by one table
	bzMaxLen   = 20     // of a code, bits
	bzAlphabet = 258
	lookupBits = 10
)

var errBzip2 = errors.New("bad bzip2 data")

// bzDecoder decodes blocks of bzip2, one at a time. Its buffers serve again.
type bzDecoder struct {
	tt        []uint32
	selectors []uint8
	tables    [6]huffman
}

// bzDecoders are those not in use.
var bzDecoders = sync.Pool{New: func() any { return &bzDecoder{} }}

// huffman decodes the codes of one table.
type huffman struct {
	fast  [1 << lookupBits]uint16 // symbol<<4 | length, by the first bits; 0 for longer codes
	limit [bzMaxLen + 2]uint32    // first code not of a length, at the top of 20 bits
	base  [bzMaxLen + 2]int32     // place in perm less the code
	perm  [bzAlphabet]uint16      // symbols by code
	least int                     // length
}

// block decodes the block at r, whose magic is still to be read, and appends its
// bytes to out. size is 100,000 times the level of the stream.
func (d *bzDecoder) block(r *bitReader, size int, out []byte) ([]byte, error) {
	if r.bits(48) != bzBlock {
		return out, errBzip2
	}
	want := uint32(r.bits(32))
	if r.bit() {
		return out, errors.New("bzip2 data of a version before 0.9.5")
	}
	row := int(r.bits(24))
	symbols, n, err := d.head(r)
	if err != nil {
		return out, err
	}
	var counts [256]uint32
	length, err := d.symbols(r, size, symbols, n, &counts)
	if err != nil {
		return out, err
	}
	if row >= length || r.over {
		return out, errBzip2
	}
	from := len(out)
	out = d.text(out, length, row, &counts)
	if crcOf(out[from:]) != want {
		return out[:from], errors.New("bzip2 data with a wrong checksum")
	}
	return out, nil
}

// head reads which bytes occur, the selectors and the tables. n is the number of
// different symbols.
func (d *bzDecoder) head(r *bitReader) (symbols [256]uint8, n int, err error) {
	rows := uint(r.bits(16))
	used := 0
	for row := range 16 {
		if rows>>(15-row)&1 == 0 {
			continue
		}
		for m := uint16(r.bits(16)); m != 0; {
			c := bits.LeadingZeros16(m)
			m &^= 0x8000 >> c
			symbols[used] = uint8(16*row + c)
			used++
		}
	}
	tables, selectors := int(r.bits(3)), int(r.bits(15))
	if used == 0 || tables < 2 || tables > 6 || selectors == 0 {
		return symbols, 0, errBzip2
	}
	d.selectors = d.selectors[:0]
	front := [6]uint8{0, 1, 2, 3, 4, 5}
	for range selectors {
		at := 0
		for r.bit() {
			if at++; at >= tables {
				return symbols, 0, errBzip2
			}
		}
		t := front[at]
		copy(front[1:at+1], front[:at])
		front[0] = t
		d.selectors = append(d.selectors, t)
	}
	n = used + 2
	for t := range tables {
		if err := d.tables[t].read(r, n); err != nil {
			return symbols, 0, err
		}
	}
	return symbols, n, nil
}

// read reads the lengths of n codes and makes the table of them.
func (h *huffman) read(r *bitReader, n int) error {
	var lens [bzAlphabet]uint8
	cur := int(r.bits(5))
	for i := range n {
		for {
			if cur < 1 || cur > bzMaxLen {
				return errBzip2
			}
			if !r.bit() {
				break
			}
			if r.bit() {
				cur--
			} else {
				cur++
			}
		}
		lens[i] = uint8(cur)
	}
	if r.over {
		return errBzip2
	}
	h.build(lens[:n])
	return nil
}

// build makes canonical codes: shorter ones first, then by symbol. Lengths that do
// not make a complete code are taken as they are, as bzip2 takes them: what is not
// a code ends the block.
func (h *huffman) build(lens []uint8) {
	clear(h.fast[:])
	code, place := uint32(0), 0
	h.least = 0
	for l := 1; l <= bzMaxLen; l++ {
		h.base[l] = int32(place) - int32(code)
		for s, sl := range lens {
			if int(sl) != l {
				continue
			}
			if h.least == 0 {
				h.least = l
			}
			h.perm[place] = uint16(s)
			if l <= lookupBits && code < 1<<l {
				first := code << (lookupBits - l)
				for k := range uint32(1) << (lookupBits - l) {
					h.fast[first+k] = uint16(s)<<4 | uint16(l)
				}
			}
			place++
			code++
		}
		h.limit[l] = code << (bzMaxLen - l)
		code <<= 1
	}
}

// symbol reads one symbol.
func (h *huffman) symbol(r *bitReader) (int, bool) {
	if r.have < bzMaxLen {
		r.fill()
	}
	if f := h.fast[r.acc>>(64-lookupBits)]; f != 0 {
		r.skip(uint(f & 15))
		return int(f >> 4), true
	}
	top := uint32(r.acc >> (64 - bzMaxLen))
	for l := max(h.least, 1); l <= bzMaxLen; l++ {
		if top < h.limit[l] {
			at := int(top>>(bzMaxLen-l)) + int(h.base[l])
			if at < 0 || at >= len(h.perm) {
				return 0, false
			}
			r.skip(uint(l))
			return int(h.perm[at]), true
		}
	}
	return 0, false
}

// symbols decodes to the last column of the sorted rotations, in the low bytes of
// tt, and counts its bytes.
func (d *bzDecoder) symbols(r *bitReader, size int, list [256]uint8, n int, counts *[256]uint32) (int, error) {
	if cap(d.tt) < size {
		d.tt = make([]uint32, size)
	}
	tt := d.tt[:size]
	end := n - 1
	at, run, digit := 0, 0, 1
	left, group := 0, 0
	var table *huffman
	for {
		if left == 0 {
			if group == len(d.selectors) {
				return 0, errBzip2
			}
			table = &d.tables[d.selectors[group]]
			group++
			left = bzGroup
		}
		left--
		s, ok := table.symbol(r)
		if !ok {
			return 0, errBzip2
		}
		if s <= 1 { // a digit of the length of a run
			if digit > size {
				return 0, errBzip2
			}
			run += digit << s
			digit <<= 1
			continue
		}
		if run > 0 {
			if run > size-at {
				return 0, errBzip2
			}
			c := uint32(list[0])
			counts[c] += uint32(run)
			for i := range tt[at : at+run] {
				tt[at+i] = c
			}
			at += run
			run, digit = 0, 1
		}
		if s == end {
			return at, nil
		}
		if s > end || at == size {
			return 0, errBzip2
		}
		k := s - 1
		c := list[k]
		copy(list[1:k+1], list[:k])
		list[0] = c
		counts[c]++
		tt[at] = uint32(c)
		at++
	}
}

// text undoes the Burrows-Wheeler transform and the first run-length coding, and
// appends the bytes to out.
func (d *bzDecoder) text(out []byte, n, row int, counts *[256]uint32) []byte {
	tt := d.tt[:n]
	sum := uint32(0)
	for i, c := range counts {
		counts[i] = sum
		sum += c
	}
	for i, v := range tt {
		c := v & 0xff
		tt[counts[c]] |= uint32(i) << 8
		counts[c]++
	}
	at := tt[row] >> 8
	last, same := -1, 0
	var more [255]byte // of the byte filled
	filled := byte(0)
	for range n {
		v := tt[at]
		at = v >> 8
		c := byte(v)
		if same == 4 {
			if byte(last) != filled {
				filled = byte(last)
				for i := range more {
					more[i] = filled
				}
			}
			out = append(out, more[:c]...)
			last, same = -1, 0
			continue
		}
		if int(c) == last {
			same++
		} else {
			last, same = int(c), 1
		}
		out = append(out, c)
	}
	return out
}

// crcTables are of the polynomial 0x04c11db7, most significant bit first, for eight
// bytes at a time.
var crcTables = func() (t [8][256]uint32) {
	for i := range 256 {
		c := uint32(i) << 24
		for range 8 {
			c = c<<1 ^ 0x04c11db7&uint32(int32(c)>>31)
		}
		t[0][i] = c
	}
	for i := range 256 {
		for k := 1; k < len(t); k++ {
			c := t[k-1][i]
			t[k][i] = c<<8 ^ t[0][c>>24]
		}
	}
	return t
}()

func crcOf(b []byte) uint32 {
	c := ^uint32(0)
	t := &crcTables
	for ; len(b) >= 8; b = b[8:] {
		v := binary.BigEndian.Uint64(b) ^ uint64(c)<<32
		c = t[7][v>>56] ^ t[6][v>>48&0xff] ^ t[5][v>>40&0xff] ^ t[4][v>>32&0xff] ^
			t[3][v>>24&0xff] ^ t[2][v>>16&0xff] ^ t[1][v>>8&0xff] ^ t[0][v&0xff]
	}
	for _, x := range b {
		c = c<<8 ^ t[0][byte(c>>24)^x]
	}
	return ^c
}
