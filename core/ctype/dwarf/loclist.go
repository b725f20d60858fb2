package dwarf

import (
	stddwarf "debug/dwarf"
	"errors"
	"fmt"
)

// ErrOptimisedOut is returned when the debug information gives no place or value
// for an object at a PC.
var ErrOptimisedOut = errors.New("optimised out")

// Expr is a DWARF expression and the unit it belongs to, which its evaluation
// needs.
type Expr struct {
	Bytes []byte
	Unit  *Unit
}

// locationAt gives the expression in an attribute of class exprloc or loclist
// that holds at pc.
func (u *unit) locationAt(v value, pc uint64) (Expr, error) {
	out := Expr{Unit: &Unit{u}}
	if v.isBlock() {
		out.Bytes = v.b
		if len(v.b) == 0 {
			return out, ErrOptimisedOut
		}
		return out, nil
	}
	var found []byte
	var err error
	switch {
	case u.enc.version < 5 && u.split != nil:
		err = u.s.loc.window(v.u+u.split.at.loc, u.d.im.big, func(c *cursor) error {
			found, err = u.parseSplitLoc(c, pc)
			return err
		})
	case u.enc.version < 5:
		err = u.s.loc.window(v.u, u.d.im.big, func(c *cursor) error {
			found = u.parseLoc(c, pc)
			return nil
		})
	default:
		off := v.u
		if v.form == formLoclistx {
			if off, err = u.listOffset(u.s.loclists, u.loclistsBase, v.u); err != nil {
				return out, fmt.Errorf("location list: %w", err)
			}
		}
		err = u.s.loclists.window(u.listAt(v, off, u.contribution().loc), u.d.im.big, func(c *cursor) error {
			found, err = u.parseLoclist(c, pc)
			return err
		})
	}
	if err != nil {
		return out, fmt.Errorf("location list: %w", err)
	}
	if len(found) == 0 {
		return out, ErrOptimisedOut
	}
	out.Bytes = found
	return out, nil
}

// parseLoc decodes .debug_loc (DWARF 4 section 2.6.2).
func (u *unit) parseLoc(c *cursor, pc uint64) []byte {
	base := u.lowPC
	for range maxList {
		lo, hi := c.uint(int(u.enc.addrSize)), c.uint(int(u.enc.addrSize))
		switch {
		case c.err != nil || lo == 0 && hi == 0:
			return nil
		case lo == u.maxAddress():
			base = hi
			continue
		}
		expr := c.take(uint64(c.u16()))
		if (Range{base + lo, base + hi}).Contains(pc) {
			return expr
		}
	}
	return nil
}

// parseSplitLoc decodes .debug_loc.dwo of DWARF 4, GCC's forerunner of DWARF 5's
// lists: kinds of entries of the same names, whose operands are of fixed width and
// whose expressions have a length of two bytes.
func (u *unit) parseSplitLoc(c *cursor, pc uint64) (expr []byte, err error) {
	base := u.lowPC
	for range maxList {
		var r Range
		switch kind := c.u8(); kind {
		case 0:
			return nil, nil
		case 1: // base address
			if base, err = u.addrx(c.uleb()); err != nil {
				return nil, err
			}
			continue
		case lleViewPair:
			c.uleb()
			c.uleb()
			continue
		case 2, 3: // start and end, start and length
			if r.Lo, err = u.addrx(c.uleb()); err != nil {
				return nil, err
			}
			if kind == 3 {
				r.Hi = r.Lo + uint64(c.u32())
			} else if r.Hi, err = u.addrx(c.uleb()); err != nil {
				return nil, err
			}
		case 4: // offsets from the base
			r.Lo, r.Hi = base+uint64(c.u32()), base+uint64(c.u32())
		default:
			return nil, fmt.Errorf("unknown entry %#x", kind)
		}
		expr := c.take(uint64(c.u16()))
		if c.err != nil {
			return nil, nil
		}
		if r.Contains(pc) {
			return expr, nil
		}
	}
	return nil, nil
}

// Entries of location lists (DWARF 5 section 7.7.3) and GCC's view pair.
const (
	lleEnd             = 0x00
	lleBaseAddressx    = 0x01
	lleStartxEndx      = 0x02
	lleStartxLength    = 0x03
	lleOffsetPair      = 0x04
	lleDefaultLocation = 0x05
	lleBaseAddress     = 0x06
	lleStartEnd        = 0x07
	lleStartLength     = 0x08
	lleViewPair        = 0x09
)

// parseLoclist decodes .debug_loclists (DWARF 5 section 2.6.2).
func (u *unit) parseLoclist(c *cursor, pc uint64) (fallback []byte, err error) {
	base := u.lowPC
	size := int(u.enc.addrSize)
	for range maxList {
		var r Range
		kind := c.u8()
		switch kind {
		case lleEnd:
			return fallback, nil
		case lleBaseAddressx:
			if base, err = u.addrx(c.uleb()); err != nil {
				return nil, err
			}
			continue
		case lleBaseAddress:
			base = c.uint(size)
			continue
		case lleViewPair:
			c.uleb()
			c.uleb()
			continue
		case lleStartxEndx, lleStartxLength:
			if r.Lo, err = u.addrx(c.uleb()); err != nil {
				return nil, err
			}
			if r.Hi = c.uleb(); kind == lleStartxLength {
				r.Hi += r.Lo
			} else if r.Hi, err = u.addrx(r.Hi); err != nil {
				return nil, err
			}
		case lleOffsetPair:
			r.Lo, r.Hi = base+c.uleb(), base+c.uleb()
		case lleStartEnd:
			r.Lo, r.Hi = c.uint(size), c.uint(size)
		case lleStartLength:
			r.Lo = c.uint(size)
			r.Hi = r.Lo + c.uleb()
		case lleDefaultLocation:
		default:
			return nil, fmt.Errorf("unknown entry %#x", kind)
		}
		expr := c.take(c.uleb())
		switch {
		case c.err != nil:
			return nil, nil
		case kind == lleDefaultLocation:
			fallback = expr
		case r.Contains(pc):
			return expr, nil
		}
	}
	return fallback, nil
}

// expr gives the expression in an attribute of a DIE that holds at pc.
func (e die) expr(at attr, pc uint64) (Expr, error) {
	in, v, ok := e.inherited(at)
	if !ok {
		return Expr{}, ErrOptimisedOut
	}
	return in.u.locationAt(v, pc)
}

// locationExpr is DW_AT_location's, anywhere: for what does not move.
func (e die) locationExpr() []byte {
	_, v, ok := e.inherited(stddwarf.AttrLocation)
	if !ok || !v.isBlock() {
		return nil
	}
	return v.b
}
