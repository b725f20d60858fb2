package dwarf

import (
	stddwarf "debug/dwarf"
	"fmt"
)

// Range is a range of addresses, [Lo, Hi), as in the file.
type Range struct{ Lo, Hi uint64 }

// Contains tells whether pc is in the range.
func (r Range) Contains(pc uint64) bool { return r.Lo <= pc && pc < r.Hi }

func inRanges(rs []Range, pc uint64) bool {
	for _, r := range rs {
		if r.Contains(pc) {
			return true
		}
	}
	return false
}

// maxList bounds the entries of a range or location list.
const maxList = 1 << 20

// ranges gives the addresses of a DIE's code: none if it has no code.
func (e die) ranges() ([]Range, error) {
	var low, high, list value
	var hasLow, hasHigh, hasList bool
	e.each(func(at attr, v value) bool {
		switch at {
		case stddwarf.AttrLowpc:
			low, hasLow = v, true
		case stddwarf.AttrHighpc:
			high, hasHigh = v, true
		case stddwarf.AttrRanges:
			list, hasList = v, true
		}
		return true
	})
	if hasList {
		return e.u.rangeList(list)
	}
	if !hasLow || !hasHigh {
		return nil, nil
	}
	lo, err := e.u.address(low)
	if err != nil {
		return nil, err
	}
	hi := high.u
	if high.isConst() {
		hi += lo
	} else if hi, err = e.u.address(high); err != nil {
		return nil, err
	}
	if hi <= lo {
		return nil, nil
	}
	return []Range{{lo, hi}}, nil
}

// window calls parse on growing pieces of a section from off until it does not
// run out of bytes.
func (s *section) window(off uint64, big bool, parse func(*cursor) error) error {
	for n := uint64(256); ; n *= 16 {
		b, err := s.upTo(off, n)
		if err != nil {
			return err
		}
		c := &cursor{b: b, big: big}
		err = parse(c)
		if c.err == nil || c.err != errShort || uint64(len(b)) < n {
			if err == nil {
				err = c.err
			}
			return err
		}
	}
}

// rangeList reads a list of ranges.
func (u *unit) rangeList(v value) (out []Range, err error) {
	big := u.d.im.big
	if u.enc.version < 5 {
		off := v.u
		if u.split != nil { // the base is that of the split unit, not of the skeleton
			off += u.rnglistsBase
		}
		err = u.s.ranges.window(off, big, func(c *cursor) error {
			out, err = u.parseRanges(c)
			return err
		})
	} else {
		off := v.u
		if v.form == formRnglistx {
			if off, err = u.listOffset(u.s.rnglists, u.rnglistsBase, v.u); err != nil {
				return nil, fmt.Errorf("range list: %w", err)
			}
		}
		err = u.s.rnglists.window(u.listAt(v, off, u.contribution().rnglists), big, func(c *cursor) error {
			out, err = u.parseRnglist(c)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("range list: %w", err)
	}
	return out, nil
}

// contribution is where a unit of a package has its parts of the sections.
func (u *unit) contribution() (at contributions) {
	if u.split != nil {
		at = u.split.at
	}
	return at
}

// listAt adds a unit's part of a section to an offset that was not taken from its
// table of offsets.
func (u *unit) listAt(v value, off, part uint64) uint64 {
	if v.form == formSecOffset {
		off += part
	}
	return off
}

// listOffset gives the place of a list by its index in the table of offsets that
// base points to.
func (u *unit) listOffset(s *section, base, i uint64) (uint64, error) {
	if base == 0 { // there is one table, behind its header
		base = 12
		if u.enc.is64 {
			base = 20
		}
	}
	off, err := u.d.tableEntry(s, base, i, u.enc.offsetSize())
	return base + off, err
}

// maxAddress is the largest address of the unit, which selects a base address in
// lists of DWARF 2 to 4.
func (u *unit) maxAddress() uint64 {
	return ^uint64(0) >> (64 - 8*uint(u.enc.addrSize))
}

// parseRanges decodes .debug_ranges (DWARF 4 section 2.17.3).
func (u *unit) parseRanges(c *cursor) (out []Range, err error) {
	base := u.lowPC
	for len(out) < maxList {
		lo, hi := c.uint(int(u.enc.addrSize)), c.uint(int(u.enc.addrSize))
		switch {
		case c.err != nil || lo == 0 && hi == 0:
			return out, nil
		case lo == u.maxAddress():
			base = hi
		case lo < hi:
			out = append(out, Range{base + lo, base + hi})
		}
	}
	return out, nil
}

// Entries of range lists (DWARF 5 section 7.25).
const (
	rleEnd          = 0x00
	rleBaseAddressx = 0x01
	rleStartxEndx   = 0x02
	rleStartxLength = 0x03
	rleOffsetPair   = 0x04
	rleBaseAddress  = 0x05
	rleStartEnd     = 0x06
	rleStartLength  = 0x07
)

// parseRnglist decodes .debug_rnglists (DWARF 5 section 2.17.3).
func (u *unit) parseRnglist(c *cursor) (out []Range, err error) {
	base := u.lowPC
	size := int(u.enc.addrSize)
	for n := 0; n < maxList; n++ {
		var r Range
		switch kind := c.u8(); kind {
		case rleEnd:
			return out, nil
		case rleBaseAddressx:
			if base, err = u.addrx(c.uleb()); err != nil {
				return nil, err
			}
			continue
		case rleBaseAddress:
			base = c.uint(size)
			continue
		case rleStartxEndx, rleStartxLength:
			if r.Lo, err = u.addrx(c.uleb()); err != nil {
				return nil, err
			}
			if r.Hi = c.uleb(); kind == rleStartxLength {
				r.Hi += r.Lo
			} else if r.Hi, err = u.addrx(r.Hi); err != nil {
				return nil, err
			}
		case rleOffsetPair:
			r.Lo, r.Hi = base+c.uleb(), base+c.uleb()
		case rleStartEnd:
			r.Lo, r.Hi = c.uint(size), c.uint(size)
		case rleStartLength:
			r.Lo = c.uint(size)
			r.Hi = r.Lo + c.uleb()
		default:
			return nil, fmt.Errorf("unknown entry %#x", kind)
		}
		if c.err != nil {
			return nil, nil
		}
		if r.Lo < r.Hi {
			out = append(out, r)
		}
	}
	return out, nil
}
