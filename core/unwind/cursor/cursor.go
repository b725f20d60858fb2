// Package cursor reads the primitive encodings of DWARF (fixed-width integers,
// LEB128, strings, blocks) from bytes.
//
// A cursor's error sticks: after the first read past the end or over-long number
// every further read gives zero, so a parser reads a whole record and asks once.
// What a parser read before it asked must not be used if Err is not nil.
package cursor

import (
	"encoding/binary"
	"errors"
)

// Errors of a cursor.
var (
	ErrShort    = errors.New("unexpected end of data")
	ErrOverflow = errors.New("number exceeds 64 bits")
)

// Cursor is a position in bytes.
type Cursor struct {
	buf   []byte
	pos   int
	order binary.ByteOrder
	err   error
}

// New starts at the first byte of b.
func New(b []byte, order binary.ByteOrder) Cursor { return Cursor{buf: b, order: order} }

// Err is the first error.
func (c *Cursor) Err() error { return c.err }

// Pos is the offset of the next byte; Len is how many are left.
func (c *Cursor) Pos() int { return c.pos }

// Len is how many bytes are left.
func (c *Cursor) Len() int { return len(c.buf) - c.pos }

// Seek moves to an offset in [0, length].
func (c *Cursor) Seek(pos int) {
	if pos < 0 || pos > len(c.buf) {
		c.fail(ErrShort)
		return
	}
	c.pos = pos
}

// Bytes gives the next n bytes, which alias the input; nil after an error.
func (c *Cursor) Bytes(n uint64) []byte {
	if c.err != nil || n > uint64(len(c.buf)-c.pos) {
		c.fail(ErrShort)
		return nil
	}
	b := c.buf[c.pos : c.pos+int(n) : c.pos+int(n)]
	c.pos += int(n)
	return b
}

// Rest gives all bytes that are left.
func (c *Cursor) Rest() []byte { return c.Bytes(uint64(c.Len())) }

// Block gives a ULEB128 length and as many bytes.
func (c *Cursor) Block() []byte { return c.Bytes(c.ULEB()) }

// CString gives the bytes up to a NUL, which it skips.
func (c *Cursor) CString() string {
	for i := c.pos; c.err == nil && i < len(c.buf); i++ {
		if c.buf[i] == 0 {
			s := string(c.buf[c.pos:i])
			c.pos = i + 1
			return s
		}
	}
	c.fail(ErrShort)
	return ""
}

// U8 reads one byte.
func (c *Cursor) U8() uint8 {
	if c.err != nil || c.pos >= len(c.buf) {
		c.fail(ErrShort)
		return 0
	}
	v := c.buf[c.pos]
	c.pos++
	return v
}

// U16 reads 2 bytes.
func (c *Cursor) U16() uint16 {
	if b := c.Bytes(2); b != nil {
		return c.order.Uint16(b)
	}
	return 0
}

// U32 reads 4 bytes.
func (c *Cursor) U32() uint32 {
	if b := c.Bytes(4); b != nil {
		return c.order.Uint32(b)
	}
	return 0
}

// U64 reads 8 bytes.
func (c *Cursor) U64() uint64 {
	if b := c.Bytes(8); b != nil {
		return c.order.Uint64(b)
	}
	return 0
}

// Uint reads an unsigned integer of 1, 2, 4 or 8 bytes.
func (c *Cursor) Uint(size int) uint64 {
	switch size {
	case 1:
		return uint64(c.U8())
	case 2:
		return uint64(c.U16())
	case 4:
		return uint64(c.U32())
	case 8:
		return c.U64()
	}
	c.fail(errors.New("no integer of this size"))
	return 0
}

// maxLEB is the most bytes a LEB128 number may have, padding included.
const maxLEB = 16

// ULEB reads an unsigned LEB128 number. Padding bytes of zero value beyond 64
// bits are allowed, as linkers write them, up to 16 bytes in all.
func (c *Cursor) ULEB() uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := c.U8()
		if c.err != nil {
			return 0
		}
		low := uint64(b & 0x7f)
		if shift >= 64 && low != 0 || shift == 63 && low > 1 || shift >= 7*maxLEB {
			c.fail(ErrOverflow)
			return 0
		}
		if shift < 64 {
			v |= low << shift
		}
		if b&0x80 == 0 {
			return v
		}
	}
}

// SLEB reads a signed LEB128 number. Bytes beyond 64 bits must repeat the sign.
func (c *Cursor) SLEB() int64 {
	var v int64
	for shift := uint(0); ; shift += 7 {
		b := c.U8()
		if c.err != nil {
			return 0
		}
		low := b & 0x7f
		if shift >= 63 && low != 0 && low != 0x7f && !(shift == 63 && low == 1) || shift >= 7*maxLEB {
			c.fail(ErrOverflow)
			return 0
		}
		if shift < 64 {
			v |= int64(low) << shift
		}
		if b&0x80 == 0 {
			if shift < 57 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

func (c *Cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}
