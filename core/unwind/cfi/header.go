package cfi

import (
	"encoding/binary"
	"fmt"

	"github.com/xmdb/xmdb/core/unwind/cursor"
)

// header is .eh_frame_hdr: the address of .eh_frame and a table of (start of
// code, address of FDE) pairs, sorted by the former.
type header struct {
	sec    Section
	frames uint64 // VA of .eh_frame
	count  uint64
	first  uint64 // offset of the first pair
	enc    byte
	size   int // width of one number
	ptr    int
	order  binary.ByteOrder
}

func (t *Table) parseHeader(sec Section) (*header, error) {
	n := min(sec.size(), 4+2*8)
	b, err := sec.bytes(0, n)
	if err != nil && sec.Size == 0 && sec.Data == nil {
		b, err = sec.bytes(0, 4+2*4) // a header at the very end of its mapping
	}
	if err != nil {
		return nil, err
	}
	c := cursor.New(b, t.order)
	if v := c.U8(); v != 1 {
		return nil, fmt.Errorf("version %d: %w", v, ErrUnsupported)
	}
	ptrEnc, countEnc := c.U8(), c.U8()
	h := &header{sec: sec, enc: c.U8(), ptr: t.ptrSize, order: t.order}
	base := bases{start: sec.Addr, text: t.text, data: sec.Addr}
	p, err := pointer(&c, ptrEnc, t.ptrSize, base)
	if err != nil {
		return nil, err
	}
	if p.Indirect || p.Null {
		return nil, fmt.Errorf("no .eh_frame: %w", ErrUnsupported)
	}
	h.frames = p.Addr
	if countEnc == peOmit || h.enc == peOmit {
		return h, nil
	}
	count, err := pointer(&c, countEnc, t.ptrSize, base)
	if err != nil {
		return nil, err
	}
	h.first = uint64(c.Pos())
	h.size = formSize(h.enc, t.ptrSize)
	if rel := h.enc &^ 0x0f; h.size == 0 || rel != peAbsptr && rel != peDataRel {
		return h, nil // no table that can be searched
	}
	h.count = min(count.Addr, (sec.size()-h.first)/uint64(2*h.size))
	return h, nil
}

// pair reads one pair of the table.
func (h *header) pair(i uint64) (start, fde uint64, err error) {
	b, err := h.sec.bytes(h.first+i*uint64(2*h.size), uint64(2*h.size))
	if err != nil {
		return 0, 0, err
	}
	c := cursor.New(b, h.order)
	base := bases{data: h.sec.Addr}
	s, err := pointer(&c, h.enc, h.ptr, base)
	if err != nil {
		return 0, 0, err
	}
	f, err := pointer(&c, h.enc, h.ptr, base)
	return s.Addr, f.Addr, err
}

// search gives the offset in .eh_frame of the FDE with the last start at or
// before pc.
func (h *header) search(pc uint64) (off uint64, ok bool, err error) {
	lo, hi := uint64(0), h.count
	var fde uint64
	for lo < hi {
		mid := lo + (hi-lo)/2
		start, f, err := h.pair(mid)
		if err != nil {
			return 0, false, err
		}
		if start <= pc {
			fde, ok, lo = f, true, mid+1
		} else {
			hi = mid
		}
	}
	if ok && fde < h.frames {
		return 0, false, fmt.Errorf("FDE address %#x is before .eh_frame: %w", fde, ErrMalformed)
	}
	return fde - h.frames, ok, nil
}
