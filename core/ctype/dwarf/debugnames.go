package dwarf

import (
	stddwarf "debug/dwarf"
	"fmt"
)

const tagVariable = stddwarf.TagVariable

// debugNames is .debug_names (DWARF 5 section 6.1.1): one name index of the whole
// file, or one for each unit that the linker put behind one another.
type debugNames struct {
	d     *Data
	s     *section
	parts []namePart
}

// namePart is one name index. Offsets are of the section.
type namePart struct {
	off64                         bool
	units, types                  table  // of offsets in .debug_info
	foreign                       uint64 // type units elsewhere
	nBuckets, nNames              uint64
	buckets, hashes, strs, ptrs   uint64
	abbrevs, abbrevSize, pool, to uint64
	table                         map[uint64]nameAbbrev
}

// nameAbbrev is an abbreviation of entries.
type nameAbbrev struct {
	tag   tag
	attrs []attrSpec // at is an index attribute
}

// maxNameParts bounds the name indexes of a file.
const maxNameParts = maxUnits

// newDebugNames reads the headers.
func newDebugNames(d *Data, s *section) (*debugNames, error) {
	x := &debugNames{d: d, s: s}
	for off := uint64(0); off < s.size; {
		p, err := x.readPart(off)
		if err != nil {
			return nil, fmt.Errorf("%w: .debug_names at %#x: %w", errAccel, off, err)
		}
		if len(x.parts) >= maxNameParts {
			return nil, fmt.Errorf("%w: too many parts of .debug_names", errAccel)
		}
		x.parts = append(x.parts, p)
		off = p.to
	}
	return x, nil
}

// readPart reads the header of a name index.
func (x *debugNames) readPart(off uint64) (p namePart, err error) {
	const most = 256 // with a usual augmentation
	b, err := x.s.upTo(off, most)
	if err != nil {
		return p, err
	}
	c := cursor{b: b, big: x.d.im.big}
	n, is64 := c.initialLength()
	start := off + uint64(c.off)
	version := c.u16()
	c.u16()
	var count [7]uint64 // units, local and foreign type units, buckets, names, abbreviations, augmentation
	for i := range count {
		count[i] = uint64(c.u32())
	}
	if c.err != nil {
		return p, c.err
	}
	if n > x.s.size-start {
		return p, errShort
	}
	if version != 5 {
		return p, fmt.Errorf("unknown version %d", version)
	}
	width := uint64(4)
	if is64 {
		width = 8
	}
	at := off + uint64(c.off) + (count[6]+3)&^3
	next := func(n, width uint64) uint64 {
		was := at
		at += n * width
		return was
	}
	p.off64, p.nBuckets, p.nNames, p.abbrevSize, p.to = is64, count[3], count[4], count[5], start+n
	p.units = table{next(count[0], width), count[0], width}
	p.types = table{next(count[1], width), count[1], width}
	p.foreign = count[2]
	next(p.foreign, 8)
	p.buckets = next(p.nBuckets, 4)
	if p.nBuckets > 0 {
		p.hashes = next(p.nNames, 4)
	}
	p.strs, p.ptrs = next(p.nNames, width), next(p.nNames, width)
	p.abbrevs = next(p.abbrevSize, 1)
	p.pool = at
	if at > p.to {
		return p, errShort
	}
	return p, p.readAbbrevs(x)
}

// number reads a number of the section.
func (x *debugNames) number(at, width uint64) (uint64, error) {
	b, err := x.s.bytes(at, width)
	if err != nil {
		return 0, err
	}
	c := cursor{b: b, big: x.d.im.big}
	return c.uint(int(width)), c.err
}

// candidates implements nameIndex.
func (x *debugNames) candidates(name string, kind accelKind, match func(tag) bool) ([]ref, error) {
	if !isASCII(name) {
		return nil, nil
	}
	var out []ref
	h := foldedHash(name, 5381, func(h uint32, c byte) uint32 { return h*33 + uint32(c) })
	for i := range x.parts {
		var err error
		if out, err = x.parts[i].find(x, name, h, match, out); err != nil {
			return nil, fmt.Errorf("%w: .debug_names: %w", errAccel, err)
		}
	}
	return out, nil
}

// find appends the units of a name in one name index.
func (p *namePart) find(x *debugNames, name string, hash uint32, match func(tag) bool, out []ref) ([]ref, error) {
	if p.nBuckets == 0 {
		return out, nil // without hashes reading the units is as quick
	}
	bucket := uint64(hash) % p.nBuckets
	i, err := x.number(p.buckets+4*bucket, 4)
	if err != nil || i == 0 {
		return out, err
	}
	if i > p.nNames {
		return nil, fmt.Errorf("bucket %d begins at name %d of %d", bucket, i, p.nNames)
	}
	width := p.units.width
	for ; i <= p.nNames; i++ {
		h, err := x.number(p.hashes+4*(i-1), 4)
		if err != nil {
			return nil, err
		}
		if h%p.nBuckets != bucket {
			break
		}
		if h != uint64(hash) {
			continue
		}
		at, err := x.number(p.strs+width*(i-1), width)
		if err != nil {
			return nil, err
		}
		s, err := x.d.strs.str(at)
		if err != nil {
			return nil, err
		}
		if s != name {
			continue
		}
		at, err = x.number(p.ptrs+width*(i-1), width)
		if err != nil {
			return nil, err
		}
		if out, err = p.entries(x, at, match, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Attributes of the entries (DWARF 5 table 6.1).
const (
	idxCompileUnit attr = 1
	idxTypeUnit    attr = 2
	// maxEntries bounds the entries of one name.
	maxEntries = 1 << 18
)

// entries appends the units of the entries that begin at an offset of the pool.
func (p *namePart) entries(x *debugNames, at uint64, match func(tag) bool, out []ref) ([]ref, error) {
	enc := encoding{version: 5, is64: p.off64, addrSize: 8}
	size := p.to - p.pool
	var c cursor
	base := uint64(0) // of c.b in the pool
	refill := func(at uint64) error {
		const most = 512
		if at >= size {
			return errShort
		}
		b, err := x.s.upTo(p.pool+at, min(most, size-at))
		c, base = cursor{b: b, big: x.d.im.big}, at
		return err
	}
	if err := refill(at); err != nil {
		return nil, err
	}
	for range maxEntries {
		if c.left() < 64 && base+uint64(len(c.b)) < size {
			if err := refill(base + uint64(c.off)); err != nil {
				return nil, err
			}
		}
		code := c.uleb()
		if code == 0 {
			return out, c.err
		}
		ab, ok := p.table[code]
		if !ok {
			return nil, fmt.Errorf("entry at %#x of the pool has the unknown abbreviation %d", base+uint64(c.off), code)
		}
		unit, have, inTable := uint64(0), p.units.n == 1, p.units
		for _, a := range ab.attrs {
			v := enc.readForm(&c, attrSpec{form: a.form, implicit: a.implicit})
			switch a.at {
			case idxCompileUnit:
				unit, have, inTable = v.u, true, p.units
			case idxTypeUnit:
				unit, have, inTable = v.u, true, p.types
			}
		}
		if c.err != nil {
			return nil, c.err
		}
		if !have || !match(ab.tag) {
			continue
		}
		if inTable.off == p.types.off && unit >= inTable.n && unit < inTable.n+p.foreign {
			continue // it is in a .dwo file
		}
		if unit >= inTable.n {
			return nil, fmt.Errorf("no unit %d of %d", unit, inTable.n)
		}
		off, err := x.number(inTable.off+inTable.width*unit, inTable.width)
		if err != nil {
			return nil, err
		}
		if off > uint64(maxRef) {
			return nil, fmt.Errorf("unit at %#x", off)
		}
		out = append(out, ref(off))
	}
	return nil, fmt.Errorf("entries of a name do not end")
}

// readAbbrevs reads the abbreviations of entries.
func (p *namePart) readAbbrevs(x *debugNames) error {
	const most = 1 << 20
	if p.abbrevSize > most {
		return fmt.Errorf("%d bytes of abbreviations", p.abbrevSize)
	}
	b, err := x.s.bytes(p.abbrevs, p.abbrevSize)
	if err != nil {
		return err
	}
	t := map[uint64]nameAbbrev{}
	c := cursor{b: b, big: x.d.im.big}
	for c.left() > 0 {
		code := c.uleb()
		if code == 0 {
			break
		}
		ab := nameAbbrev{tag: tag(c.uleb())}
		for c.err == nil {
			a := attrSpec{at: attr(c.uleb()), form: form(c.uleb())}
			if a.form == formImplicitConst {
				a.implicit = c.sleb()
			}
			if a.at == 0 && a.form == 0 {
				break
			}
			if len(ab.attrs) >= maxAttrsPerAbbrev {
				return errShort
			}
			ab.attrs = append(ab.attrs, a)
		}
		t[code] = ab
	}
	if c.err != nil {
		return c.err
	}
	p.table = t
	return nil
}
