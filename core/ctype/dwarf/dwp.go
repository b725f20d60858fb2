package dwarf

import (
	"errors"
	"fmt"
)

// This file reads the indexes of a .dwp package (DWARF 5 section 7.3.5; version 2,
// GCC's for DWARF 4, differs in its header and the numbers of its columns): for
// each unit, by its identity, where its part of each section begins.

// dwp is a package.
type dwp struct {
	secs sections
	info ref // where .debug_info is listed
	cus  map[uint64]contributions
}

// Bounds of an index.
const (
	maxIndexBytes = 1 << 30
	maxColumns    = 16
)

// packageFile gives the program's package, nil if there is none. Its type units
// are listed when it is opened.
func (d *Data) packageFile() *dwp {
	if d.split.tried {
		return d.split.pack
	}
	d.split.tried = true
	if d.opts.Package == nil {
		return nil
	}
	p, err := d.openPackage()
	if err != nil {
		d.split.missing = append(d.split.missing, fmt.Errorf("%w: package: %w", ErrSplit, err))
	}
	d.split.pack = p
	return p
}

func (d *Data) openPackage() (*dwp, error) {
	r, err := d.opts.Package()
	if r == nil || err != nil {
		return nil, err
	}
	im, err := parseImage(r)
	if err != nil {
		return nil, err
	}
	secs, err := d.openSplit(r)
	if err != nil {
		return nil, err
	}
	p := &dwp{secs: *secs}
	if p.info, err = d.place(secs.info); err != nil {
		return nil, err
	}
	types, err := d.place(secs.types)
	if err != nil {
		return nil, err
	}
	if p.cus, err = readUnitIndex(im.sections["cu_index"], im.big); err != nil {
		return nil, err
	}
	tus, err := readUnitIndex(im.sections["tu_index"], im.big)
	if err != nil {
		return nil, err
	}
	for _, at := range tus {
		s, base, off := secs.types, types, at.types
		if !s.present() {
			s, base, off = secs.info, p.info, at.info
		}
		err = firstOf(err, d.eachHeader(s, off, off+1, s == secs.types, func(h header) {
			h.split = &splitUnit{secs: &p.secs, base: base, skeleton: -1, at: at}
			h.off += base
			d.headerList = append(d.headerList, h)
		}))
	}
	return p, err
}

// readUnitIndex reads .debug_cu_index or .debug_tu_index; nil if there is none.
func readUnitIndex(s *section, big bool) (map[uint64]contributions, error) {
	if !s.present() {
		return nil, nil
	}
	if s.size > maxIndexBytes {
		return nil, fmt.Errorf("section %s: too large", s.name)
	}
	b, err := s.whole()
	if err != nil {
		return nil, err
	}
	out, err := parseUnitIndex(b, big)
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", s.name, err)
	}
	return out, nil
}

// parseUnitIndex decodes an index: a header, a hash table of identities, one of row
// numbers, the columns' sections, the rows' offsets. The sizes behind them are not
// needed: units and lists have lengths of their own.
func parseUnitIndex(b []byte, big bool) (map[uint64]contributions, error) {
	c := cursor{b: b, big: big}
	version := c.u32()
	if version != 2 {
		c.off = 0
		if version = uint32(c.u16()); version != 5 {
			return nil, fmt.Errorf("unknown version %d", version)
		}
		c.u16()
	}
	columns, units, slots := uint64(c.u32()), uint64(c.u32()), uint64(c.u32())
	left := uint64(c.left())
	if c.err != nil || columns > maxColumns || slots > left/12 || units > slots || units > left/4/max(columns, 1) {
		return nil, errShort
	}
	ids := cursor{b: c.take(8 * slots), big: big}
	rows := cursor{b: c.take(4 * slots), big: big}
	names := cursor{b: c.take(4 * columns), big: big}
	table := c.take(4 * columns * units)
	if c.err != nil {
		return nil, c.err
	}
	kinds := make([]uint32, columns)
	for i := range kinds {
		kinds[i] = names.u32()
	}
	out := map[uint64]contributions{}
	for range slots {
		id, row := ids.u64(), uint64(rows.u32())
		if row == 0 {
			continue
		}
		if row > units {
			return nil, errors.New("row number is too large")
		}
		line := cursor{b: table[4*columns*(row-1):], big: big}
		var at contributions
		for _, k := range kinds {
			at.set(k, version, uint64(line.u32()))
		}
		out[id] = at
	}
	return out, nil
}

// Columns of an index (DW_SECT_...). Version 5 has no section for types, and lists
// of ranges in place of macros.
const (
	sectInfo       = 1
	sectTypes      = 2
	sectAbbrev     = 3
	sectLine       = 4
	sectLoc        = 5
	sectStrOffsets = 6
	sectRnglists   = 8
)

func (at *contributions) set(column, version uint32, off uint64) {
	switch column {
	case sectInfo:
		at.info = off
	case sectTypes:
		at.types = off
	case sectAbbrev:
		at.abbrev = off
	case sectLine:
		at.line = off
	case sectLoc:
		at.loc = off
	case sectStrOffsets:
		at.strOffsets = off
	case sectRnglists:
		if version == 5 {
			at.rnglists = off
		}
	}
}
