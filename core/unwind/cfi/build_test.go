package cfi

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core/unwind/cursor"
)

// builder assembles sections for tests.
type builder struct {
	b     []byte
	order binary.AppendByteOrder
	debug bool
	wide  bool // 64-bit DWARF
	// lsb makes CIE pointers of 64-bit .eh_frame entries 4 bytes wide.
	lsb bool
}

func (s *builder) u32(v uint32) { s.b = s.order.AppendUint32(s.b, v) }
func (s *builder) u64(v uint64) { s.b = s.order.AppendUint64(s.b, v) }

// offset appends a number as wide as the section's CIE ids.
func (s *builder) offset(v uint64) {
	if s.wide && !(s.lsb && !s.debug) {
		s.u64(v)
	} else {
		s.u32(uint32(v))
	}
}

// entry appends an entry with the given id and body and gives its offset.
func (s *builder) entry(id func(idOff int) uint64, body []byte) uint64 {
	start := len(s.b)
	if s.wide {
		s.u32(0xffffffff)
		s.u64(0)
	} else {
		s.u32(0)
	}
	idOff := len(s.b)
	s.offset(id(idOff))
	s.b = append(s.b, body...)
	n := len(s.b) - idOff
	if s.wide {
		s.patch64(start+4, uint64(n))
	} else {
		s.patch32(start, uint32(n))
	}
	return uint64(start)
}

func (s *builder) patch32(at int, v uint32) { copy(s.b[at:], s.order.AppendUint32(nil, v)) }
func (s *builder) patch64(at int, v uint64) { copy(s.b[at:], s.order.AppendUint64(nil, v)) }

func (s *builder) cie(body ...byte) uint64 {
	return s.entry(func(int) uint64 {
		if s.debug {
			return ^uint64(0)
		}
		return 0
	}, body)
}

func (s *builder) fde(cie uint64, body ...byte) uint64 {
	return s.entry(func(idOff int) uint64 {
		if s.debug {
			return cie
		}
		return uint64(idOff) - cie
	}, body)
}

// cat joins bytes and byte slices.
func cat(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case byte:
			b = append(b, p)
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// plainCIE is the body of a version 1 CIE as for amd64: code 1, data -8, RA 16,
// CFA r7+8, RA at c-8.
var plainCIE = []byte{1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1}

// debugTable makes a table with one CIE and an FDE for [0x1000, 0x1100) in
// .debug_frame.
func debugTable(cieBody []byte, prog ...byte) *Table {
	s := builder{order: binary.LittleEndian, debug: true}
	c := s.cie(cieBody...)
	s.fde(c, cat(le64(0x1000), le64(0x100), prog)...)
	t, err := New(Config{DebugFrame: Section{Data: s.b}, PtrSize: 8, Order: binary.LittleEndian})
	if err != nil {
		panic(err)
	}
	return t
}

func uleb(v uint64) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		if v >>= 7; v == 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func sleb(u uint64) []byte {
	v := int64(u)
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// newCursor is a cursor over b that has already read skip bytes.
func newCursor(b []byte, skip int) cursor.Cursor {
	c := cursor.New(b, binary.LittleEndian)
	c.Seek(skip)
	return c
}
