package cfi

import (
	"fmt"

	"github.com/xmdb/xmdb/core/unwind/cursor"
)

// Pointer encodings, LSB Core 5.0 section 10.5.1: the low four bits are the form,
// the next three what it is relative to.
const (
	peAbsptr   = 0x00
	peULEB     = 0x01
	peUdata2   = 0x02
	peUdata4   = 0x03
	peUdata8   = 0x04
	peSigned   = 0x08
	peSLEB     = 0x09
	peSdata2   = 0x0a
	peSdata4   = 0x0b
	peSdata8   = 0x0c
	pePCRel    = 0x10
	peTextRel  = 0x20
	peDataRel  = 0x30
	peFuncRel  = 0x40
	peAligned  = 0x50
	peIndirect = 0x80
	peOmit     = 0xff
)

// Pointer is an encoded pointer's value.
type Pointer struct {
	Addr uint64
	// Indirect says that Addr is where the pointer is stored; its value depends
	// on relocations.
	Indirect bool
	Null     bool // absent, or zero before it was made relative
}

// bases are what relative pointers are relative to.
type bases struct {
	start, text, data, fn uint64 // start: VA of the cursor's first byte
}

// form reads the plain number of an encoding.
func form(c *cursor.Cursor, enc byte, addrSize int) (uint64, error) {
	switch enc & 0x0f {
	case peAbsptr:
		return c.Uint(addrSize), nil
	case peSigned:
		v := c.Uint(addrSize)
		shift := 64 - 8*addrSize
		return uint64(int64(v<<shift) >> shift), nil
	case peULEB:
		return c.ULEB(), nil
	case peUdata2:
		return uint64(c.U16()), nil
	case peUdata4:
		return uint64(c.U32()), nil
	case peUdata8, peSdata8:
		return c.U64(), nil
	case peSLEB:
		return uint64(c.SLEB()), nil
	case peSdata2:
		return uint64(int64(int16(c.U16()))), nil
	case peSdata4:
		return uint64(int64(int32(c.U32()))), nil
	}
	return 0, fmt.Errorf("pointer encoding %#x: %w", enc, ErrUnsupported)
}

// formSize is the width of a fixed-size form, 0 for others.
func formSize(enc byte, addrSize int) int {
	switch enc & 0x0f {
	case peAbsptr, peSigned:
		return addrSize
	case peUdata2, peSdata2:
		return 2
	case peUdata4, peSdata4:
		return 4
	case peUdata8, peSdata8:
		return 8
	}
	return 0
}

// pointer reads an encoded pointer.
func pointer(c *cursor.Cursor, enc byte, addrSize int, b bases) (Pointer, error) {
	if enc == peOmit {
		return Pointer{Null: true}, nil
	}
	rel := enc & 0x70
	if rel == peAligned {
		align(c, addrSize, b.start)
		enc = peAbsptr
	}
	at := b.start + uint64(c.Pos())
	v, err := form(c, enc, addrSize)
	if err != nil {
		return Pointer{}, err
	}
	if c.Err() != nil {
		return Pointer{}, fmt.Errorf("pointer: %v: %w", c.Err(), ErrMalformed)
	}
	p := Pointer{Indirect: enc&peIndirect != 0, Null: v == 0}
	switch rel {
	case pePCRel:
		v += at
	case peTextRel:
		v += b.text
	case peDataRel:
		v += b.data
	case peFuncRel:
		v += b.fn
	case peAbsptr, peAligned:
	default:
		return Pointer{}, fmt.Errorf("pointer encoding %#x: %w", enc, ErrUnsupported)
	}
	p.Addr = truncate(v, addrSize)
	return p, nil
}

// align skips to the next multiple of the address size in VA.
func align(c *cursor.Cursor, addrSize int, start uint64) {
	if rest := (start + uint64(c.Pos())) % uint64(addrSize); rest != 0 {
		c.Bytes(uint64(addrSize) - rest)
	}
}

func truncate(v uint64, addrSize int) uint64 {
	if addrSize < 8 {
		v &= 1<<(8*addrSize) - 1
	}
	return v
}
