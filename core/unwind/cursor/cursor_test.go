package cursor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

func TestLEB(t *testing.T) {
	for _, tt := range []struct {
		in  []byte
		u   uint64
		s   int64
		err error
	}{
		{[]byte{0x00}, 0, 0, nil},
		{[]byte{0x02}, 2, 2, nil},
		{[]byte{0x7f}, 127, -1, nil},
		{[]byte{0x80, 0x01}, 128, 128, nil},
		{[]byte{0x80, 0x7f}, 16256, -128, nil},
		{[]byte{0x80, 0x80, 0x00}, 0, 0, nil},
		{[]byte{0xe5, 0x8e, 0x26}, 624485, 624485, nil},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 1 << 63, math.MinInt64, nil},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 0, 0, nil},
		{[]byte{0x80}, 0, 0, ErrShort},
		{nil, 0, 0, ErrShort},
		{append(bytes.Repeat([]byte{0x80}, 15), 0), 0, 0, nil},
		{append(bytes.Repeat([]byte{0x80}, 16), 0), 0, 0, ErrOverflow},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02}, 0, 0, ErrOverflow},
	} {
		c := New(tt.in, binary.LittleEndian)
		if u := c.ULEB(); u != tt.u || !errors.Is(c.Err(), tt.err) {
			t.Errorf("ULEB(% x) = %d, %v; want %d, %v", tt.in, u, c.Err(), tt.u, tt.err)
		}
		c = New(tt.in, binary.LittleEndian)
		if s := c.SLEB(); s != tt.s || !errors.Is(c.Err(), tt.err) {
			t.Errorf("SLEB(% x) = %d, %v; want %d, %v", tt.in, s, c.Err(), tt.s, tt.err)
		}
	}
	c := New([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, binary.LittleEndian)
	if s := c.SLEB(); s != -1 || c.Err() != nil {
		t.Errorf("ten-byte -1 = %d, %v", s, c.Err())
	}
}

func TestErrorSticks(t *testing.T) {
	c := New([]byte{1, 2, 3}, binary.BigEndian)
	if v := c.U16(); v != 0x0102 {
		t.Errorf("U16 = %#x", v)
	}
	if c.U32() != 0 || c.Err() != ErrShort {
		t.Errorf("U32 past the end gave no error")
	}
	if c.U8() != 0 || c.Bytes(1) != nil || c.CString() != "" {
		t.Errorf("a read after an error gave data")
	}
}
