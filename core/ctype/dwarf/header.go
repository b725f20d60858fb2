package dwarf

import (
	"errors"
	"fmt"
	"sort"
)

// Unit types (DWARF 5 section 7.5.1).
const (
	utCompile      = 0x01
	utType         = 0x02
	utPartial      = 0x03
	utSkeleton     = 0x04
	utSplitCompile = 0x05
	utSplitType    = 0x06
)

// maxUnits bounds the number of units of a file.
const maxUnits = 1 << 21

// header is a unit header.
type header struct {
	off       ref    // of the header
	size      uint64 // of the whole unit, bytes
	abbrevOff uint64
	sig       uint64 // of type units; the identity of a skeleton and its split unit
	typeOff   uint64 // type units: offset of the type's DIE from off
	enc       encoding
	kind      uint8
	length    uint8 // of the header itself
	inTypes   bool  // in .debug_types
	split     *splitUnit
}

func (h *header) isType() bool { return h.kind == utType || h.kind == utSplitType }

// headers lists the units of the file: .debug_info, then .debug_types, each in
// order of offset. What precedes a malformed header is listed.
func (d *Data) headers() ([]header, error) {
	d.headersOnce.Do(func() {
		if d.headersErr = d.readHeaders(d.info, 0); d.headersErr == nil {
			d.readSplit()
			d.headersErr = d.readHeaders(d.types, inTypes)
		}
		for i := range d.headerList {
			h := &d.headerList[i]
			if !h.isType() {
				continue
			}
			if d.sigs == nil {
				d.sigs = map[uint64]int{}
			}
			if _, dup := d.sigs[h.sig]; !dup {
				d.sigs[h.sig] = i
			}
		}
	})
	if len(d.headerList) == 0 {
		return nil, d.headersErr
	}
	return d.headerList, nil
}

func (d *Data) readHeaders(s *section, in ref) error {
	if !s.present() {
		return nil
	}
	return d.eachHeader(s, 0, s.size, in != 0, func(h header) {
		h.off |= in
		d.headerList = append(d.headerList, h)
	})
}

// eachHeader calls f for the headers of the units that begin from off to end of a
// section.
func (d *Data) eachHeader(s *section, off, end uint64, types bool, f func(header)) error {
	// Enough for any header.
	const most = 48
	for off < end {
		b, err := s.upTo(off, most)
		if err != nil {
			return err
		}
		if len(b) == 0 {
			return nil
		}
		if len(d.headerList) >= maxUnits || off > uint64(maxRef) {
			return fmt.Errorf("section %s: too many units", s.name)
		}
		h, err := parseHeader(b, types, d.im.big)
		if err == nil && h.size > s.size-off && s.r != nil {
			err = errShort
		}
		if err != nil {
			return fmt.Errorf("unit at %#x of section %s: %w", off, s.name, err)
		}
		h.off, h.inTypes = ref(off), types
		if h.size > uint64(h.length) { // else it is padding
			f(h)
		}
		off += h.size
	}
	return nil
}

// parseHeader decodes a unit header (DWARF 5 section 7.5.1, DWARF 4 section 7.5.1).
func parseHeader(b []byte, types, big bool) (h header, err error) {
	c := cursor{b: b, big: big}
	n, is64 := c.initialLength()
	h.size = n + uint64(c.off)
	if c.err != nil || h.size < n {
		return h, errShort
	}
	h.enc.is64 = is64
	if n == 0 {
		h.length = uint8(c.off)
		return h, nil
	}
	h.enc.version = c.u16()
	h.kind = utCompile
	switch v := h.enc.version; {
	case c.err != nil:
		return h, c.err
	case v < 2 || v > 5:
		return h, fmt.Errorf("unknown DWARF version %d", v)
	case v == 5:
		h.kind = c.u8()
		h.enc.addrSize = c.u8()
		h.abbrevOff = c.offset(is64)
	default:
		h.abbrevOff = c.offset(is64)
		h.enc.addrSize = c.u8()
	}
	if types {
		h.kind = utType
	}
	switch h.kind {
	case utType, utSplitType:
		h.sig = c.u64()
		h.typeOff = c.offset(is64)
	case utSkeleton, utSplitCompile:
		h.sig = c.u64()
	}
	switch h.enc.addrSize {
	case 2, 4, 8:
	default:
		return h, errors.New("impossible address size")
	}
	if c.err == nil && uint64(c.off) > h.size {
		return h, errShort
	}
	h.length = uint8(c.off)
	return h, c.err
}

// unitIndex finds the unit that holds a DIE; -1 if none does.
func (d *Data) unitIndex(r ref) int {
	hs, _ := d.headers()
	// inTypes is above every offset, so the list is in order of ref.
	i := sort.Search(len(hs), func(i int) bool { return hs[i].off > r }) - 1
	if i < 0 || uint64(r-hs[i].off) >= hs[i].size {
		return -1
	}
	return i
}
