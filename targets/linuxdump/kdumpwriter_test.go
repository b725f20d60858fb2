package linuxdump

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// kdumpSpec says what kind of kdump file to write.
type kdumpSpec struct {
	name     string
	word     int    // of the program that wrote it: 8 or 4
	version  uint32 // of the header
	codec    uint32 // flag of the pages
	status   uint32
	level    uint32
	block    uint64
	pages    uint64          // page frames
	hole     [2]uint64       // frames that are no memory
	excluded map[uint64]bool // frames that are left out
	parts    []uint64        // frames at which a split dump is cut, the end last; nil: one file
	oneMap   bool            // one bitmap for both
	machine  string
	notes    []byte
	info     []byte
}

// sample is a dump with a bit of everything.
func sample(codec uint32) kdumpSpec {
	s := kdumpSpec{
		name: "sample", word: 8, version: 6, codec: codec, status: codec, level: 31, block: 4096, pages: 1700,
		hole: [2]uint64{640, 900}, excluded: map[uint64]bool{}, machine: "x86_64",
		notes: testNotes(2, true), info: []byte("OSRELEASE=6.1.0-test\nPAGESIZE=4096\n"),
	}
	for pfn := uint64(100); pfn < 1600; pfn += 1 + pfn%7 {
		s.excluded[pfn] = true
	}
	for pfn := uint64(1000); pfn < 1200; pfn++ {
		s.excluded[pfn] = true
	}
	return s
}

// pageOf is the content of a page frame.
func (s *kdumpSpec) pageOf(pfn uint64) []byte {
	b := make([]byte, s.block)
	r := rand.New(rand.NewPCG(pfn, 7))
	switch pfn % 6 {
	case 0, 1: // zeros, many of them
	case 2: // what no codec makes smaller
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	case 3: // words from a short list, as pointers in memory
		for i := 0; i < len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], 0xffff888000000000|uint64(r.IntN(40))<<12)
		}
	case 4: // text with repeats near and far
		for i := range b {
			b[i] = "the quick brown fox jumps over the lazy dog"[(i*int(1+pfn%3)+r.IntN(2))%43]
		}
		copy(b[len(b)/2:], b[:len(b)/4])
	default: // long runs
		for i := range b {
			b[i] = byte(i / (300 + int(pfn%800)))
		}
	}
	return b
}

func (s *kdumpSpec) isRAM(pfn uint64) bool {
	return pfn < s.pages && (pfn < s.hole[0] || pfn >= s.hole[1])
}
func (s *kdumpSpec) isDumped(pfn uint64) bool { return s.isRAM(pfn) && !s.excluded[pfn] }

// files writes the dump: one file, or as many as it has parts.
func (s *kdumpSpec) files(t testing.TB) [][]byte {
	if s.parts == nil {
		return [][]byte{s.file(t, 0, s.pages)}
	}
	var out [][]byte
	from := uint64(0)
	for _, to := range s.parts {
		out = append(out, s.file(t, from, to))
		from = to
	}
	return out
}

// file writes the pages from one frame to another.
func (s *kdumpSpec) file(t testing.TB, from, to uint64) []byte {
	bs := s.block
	one := (s.pages + 8*bs - 1) / (8 * bs) * bs
	maps := 2 * one
	if s.oneMap {
		maps = one
	}
	out := make([]byte, (1+subBlocks)*bs+maps)
	ram, dumped := out[(1+subBlocks)*bs:], out[(1+subBlocks)*bs+maps-one:]
	var list []uint64
	for pfn := range s.pages {
		if s.isRAM(pfn) {
			ram[pfn/8] |= 1 << (pfn % 8)
		}
		if s.isDumped(pfn) {
			dumped[pfn/8] |= 1 << (pfn % 8)
			if pfn >= from && pfn < to {
				list = append(list, pfn)
			}
		}
	}
	s.headers(out, maps, from, to)
	at := uint64(len(out))
	out = append(out, make([]byte, descriptorSize*len(list))...)
	zero := uint64(len(out)) // the page that all pages of zeros share
	out = append(out, make([]byte, bs)...)
	for _, pfn := range list {
		page := s.pageOf(pfn)
		off, size, flags := zero, bs, uint32(0)
		if !allZero(page) {
			data := page
			if c := compressPage(t, page, s.codec); c != nil && len(c) < len(page) {
				data, flags = c, s.codec
			}
			off, size = uint64(len(out)), uint64(len(data))
			out = append(out, data...)
		}
		binary.LittleEndian.PutUint64(out[at:], off)
		binary.LittleEndian.PutUint32(out[at+8:], uint32(size))
		binary.LittleEndian.PutUint32(out[at+12:], flags)
		at += descriptorSize
	}
	return out
}

// subBlocks is the size of the sub header with the notes behind it, blocks.
const subBlocks = 2

func (s *kdumpSpec) headers(out []byte, maps, from, to uint64) {
	bs := s.block
	copy(out, kdumpSignature)
	le := binary.LittleEndian
	le.PutUint32(out[8:], s.version)
	for i, text := range []string{"Linux", "host", "6.1.0-test", "#1", s.machine} {
		copy(out[12+65*i:], text)
	}
	status, time := 424, 408
	if s.word == 4 {
		status, time = 412, 404
	}
	le.PutUint32(out[time:], 1700000000)
	for i, v := range []uint32{s.status, uint32(bs), subBlocks, uint32(maps / bs), uint32(s.pages)} {
		le.PutUint32(out[status+4*i:], v)
	}
	sub := out[bs:]
	notes := bs + bs
	copy(out[notes:], s.notes)
	infoAt := notes + uint64(len(s.notes))
	copy(out[infoAt:], s.info)
	var b []byte
	word := func(v uint64) {
		if s.word == 4 {
			b = le.AppendUint32(b, uint32(v))
		} else {
			b = le.AppendUint64(b, v)
		}
	}
	split := uint32(0)
	if s.parts != nil {
		split = 1
	}
	word(0)
	b = le.AppendUint32(b, s.level)
	b = le.AppendUint32(b, split)
	word(from)
	word(to)
	for _, r := range [][2]uint64{{infoAt, uint64(len(s.info))}, {notes, uint64(len(s.notes))}, {0, 0}} {
		b = le.AppendUint64(b, r[0])
		word(r[1])
	}
	if s.version >= 6 {
		b = le.AppendUint64(b, from)
		b = le.AppendUint64(b, to)
		b = le.AppendUint64(b, s.pages)
	}
	copy(sub, b)
}

var zstdEncoder, _ = zstd.NewWriter(nil)

func compressPage(t testing.TB, page []byte, codec uint32) []byte {
	switch codec {
	case pageZlib:
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		if _, err := w.Write(page); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	case pageLZO:
		return lzo(page)
	case pageSnappy:
		return s2.EncodeSnappy(nil, page)
	case pageZstd:
		return zstdEncoder.EncodeAll(page, nil)
	}
	return nil
}

// flatten puts a file into the flattened format: in records of some size, in an order
// in which the first is written twice, with holes where there is nothing.
func flatten(b []byte, size int, ended bool) []byte {
	out := make([]byte, flatHeaderSize)
	copy(out, flatSignature)
	be := binary.BigEndian
	be.PutUint64(out[16:], 1)
	be.PutUint64(out[24:], 1)
	record := func(off int, b []byte) {
		out = be.AppendUint64(out, uint64(off))
		out = be.AppendUint64(out, uint64(len(b)))
		out = append(out, b...)
	}
	record(0, bytes.Repeat([]byte{0xee}, min(size, len(b)))) // overwritten
	var offs []int
	for off := 0; off < len(b); off += size {
		offs = append(offs, off)
	}
	slices.Reverse(offs[len(offs)/2:])
	for _, off := range offs {
		part := b[off:min(off+size, len(b))]
		if ended && len(bytes.Trim(part, "\x00")) == 0 {
			continue
		}
		record(off, part)
	}
	if ended {
		out = be.AppendUint64(out, ^uint64(0))
		out = be.AppendUint64(out, ^uint64(0))
	}
	return out
}
