package dwarf

import (
	"encoding/binary"
	"errors"
)

// errShort is a read past the end of the data.
var errShort = errors.New("unexpected end of DWARF data")

// cursor reads DWARF's primitive encodings from bytes. The first failure sticks:
// every later read gives zero, and callers look at err once they are done.
type cursor struct {
	b   []byte
	off int
	big bool
	err error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.off = len(c.b)
}

// left is the number of bytes not yet read.
func (c *cursor) left() int { return len(c.b) - c.off }

func (c *cursor) skip(n uint64) {
	if n > uint64(c.left()) {
		c.fail(errShort)
		return
	}
	c.off += int(n)
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(c.left()) {
		c.fail(errShort)
		return nil
	}
	p := c.b[c.off : c.off+int(n) : c.off+int(n)]
	c.off += int(n)
	return p
}

func (c *cursor) u8() uint8 {
	if c.off >= len(c.b) {
		c.fail(errShort)
		return 0
	}
	v := c.b[c.off]
	c.off++
	return v
}

func (c *cursor) u16() uint16 {
	p := c.take(2)
	if p == nil {
		return 0
	}
	if c.big {
		return binary.BigEndian.Uint16(p)
	}
	return binary.LittleEndian.Uint16(p)
}

func (c *cursor) u24() uint32 {
	p := c.take(3)
	if p == nil {
		return 0
	}
	if c.big {
		return uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2])
	}
	return uint32(p[2])<<16 | uint32(p[1])<<8 | uint32(p[0])
}

func (c *cursor) u32() uint32 {
	p := c.take(4)
	if p == nil {
		return 0
	}
	if c.big {
		return binary.BigEndian.Uint32(p)
	}
	return binary.LittleEndian.Uint32(p)
}

func (c *cursor) u64() uint64 {
	p := c.take(8)
	if p == nil {
		return 0
	}
	if c.big {
		return binary.BigEndian.Uint64(p)
	}
	return binary.LittleEndian.Uint64(p)
}

// uint reads an unsigned integer of 1, 2, 3, 4 or 8 bytes.
func (c *cursor) uint(size int) uint64 {
	switch size {
	case 1:
		return uint64(c.u8())
	case 2:
		return uint64(c.u16())
	case 3:
		return uint64(c.u24())
	case 4:
		return uint64(c.u32())
	case 8:
		return c.u64()
	}
	c.fail(errors.New("integer of an impossible size in DWARF data"))
	return 0
}

// offset reads an offset of the DWARF format: 4 bytes, or 8 in 64-bit DWARF.
func (c *cursor) offset(is64 bool) uint64 {
	if is64 {
		return c.u64()
	}
	return uint64(c.u32())
}

// initialLength reads a unit_length and tells whether it announces 64-bit DWARF.
func (c *cursor) initialLength() (n uint64, is64 bool) {
	n = uint64(c.u32())
	switch {
	case n == 0xffffffff:
		return c.u64(), true
	case n >= 0xfffffff0:
		c.fail(errors.New("reserved length in DWARF data"))
		return 0, false
	}
	return n, false
}

// uleb reads an unsigned LEB128 number; bits past the 64th are lost.
func (c *cursor) uleb() uint64 {
	b, i := c.b, c.off
	if i < len(b) && b[i] < 0x80 {
		c.off++
		return uint64(b[i])
	}
	var v uint64
	for shift := uint(0); i < len(b); shift += 7 {
		x := b[i]
		i++
		if shift < 64 {
			v |= uint64(x&0x7f) << shift
		}
		if x < 0x80 {
			c.off = i
			return v
		}
	}
	c.fail(errShort)
	return 0
}

func (c *cursor) sleb() int64 {
	var v uint64
	b, i := c.b, c.off
	for shift := uint(0); i < len(b); {
		x := b[i]
		i++
		if shift < 64 {
			v |= uint64(x&0x7f) << shift
		}
		shift += 7
		if x < 0x80 {
			if x&0x40 != 0 && shift < 64 {
				v |= ^uint64(0) << shift
			}
			c.off = i
			return int64(v)
		}
	}
	c.fail(errShort)
	return 0
}

// cstr reads a NUL-terminated string; the result aliases the data.
func (c *cursor) cstr() []byte {
	for i := c.off; i < len(c.b); i++ {
		if c.b[i] == 0 {
			p := c.b[c.off:i:i]
			c.off = i + 1
			return p
		}
	}
	c.fail(errShort)
	return nil
}
