package dwarf

import (
	stddwarf "debug/dwarf"
	"fmt"
)

// Tags and attributes are the standard library's numbers, under short names.
type (
	tag  = stddwarf.Tag
	attr = stddwarf.Attr
)

// Attributes and tags the standard library does not name.
const (
	attrGNUCallSiteValue attr = 0x2111
	attrGNUAllCallSites  attr = 0x2117
	attrMIPSLinkageName  attr = 0x2007
	attrGNUDwoName       attr = 0x2130
	attrGNUAddrBase      attr = 0x2133
	attrGNURangesBase    attr = 0x2132
	tagGNUCallSite       tag  = 0x4109
	tagGNUCallSiteParam  tag  = 0x410a
	maxAttrsPerAbbrev         = 1 << 12
	firstAbbrevRead           = 1 << 13
	maxAbbrevTableBytes       = 1 << 26
)

// attrSpec is one attribute of an abbreviation.
type attrSpec struct {
	at       attr
	form     form
	implicit int64
}

// abbrev is one entry of an abbreviation table, for units of one encoding.
type abbrev struct {
	tag      tag
	children bool
	sibling  bool // has a DW_AT_sibling
	fixed    int  // size of all attributes if it is the same everywhere, else -1
	attrs    []attrSpec
}

// abbrevs is an abbreviation table. Producers number codes from 1 in order: such
// codes are in dense, others in sparse.
type abbrevs struct {
	dense  []abbrev
	sparse map[uint64]*abbrev
	pool   []attrSpec // what the attrs of all are cut from
}

func (t *abbrevs) get(code uint64) *abbrev {
	if code-1 < uint64(len(t.dense)) {
		return &t.dense[code-1]
	}
	return t.sparse[code]
}

// readAbbrevs reads the table at off of .debug_abbrev. The table's length is not
// written anywhere, so it is read in growing pieces until its end is met.
func readAbbrevs(s *section, off uint64, e encoding) (*abbrevs, error) {
	for n := uint64(firstAbbrevRead); ; n *= 4 {
		b, err := s.upTo(off, n)
		if err != nil {
			return nil, fmt.Errorf("read abbreviations: %w", err)
		}
		t := &abbrevs{}
		if err = t.parse(b, e); err == nil {
			return t, nil
		}
		if err != errShort || uint64(len(b)) < n || n > maxAbbrevTableBytes {
			return nil, fmt.Errorf("read abbreviations at %#x: %w", off, err)
		}
	}
}

// parse replaces the table by the one that b begins with.
func (t *abbrevs) parse(b []byte, e encoding) error {
	c := cursor{b: b}
	t.dense, t.pool, t.sparse = t.dense[:0], t.pool[:0], nil
	for {
		code := c.uleb()
		if c.err != nil {
			return c.err
		}
		if code == 0 {
			return nil
		}
		a := abbrev{tag: tag(c.uleb()), children: c.u8() != 0}
		if err := t.attributes(&c, &a, e); err != nil {
			return err
		}
		switch {
		case code == uint64(len(t.dense))+1:
			t.dense = append(t.dense, a)
		case t.get(code) == nil:
			if t.sparse == nil {
				t.sparse = map[uint64]*abbrev{}
			}
			t.sparse[code] = &a
		}
	}
}

// attributes reads the attributes of an abbreviation.
func (t *abbrevs) attributes(c *cursor, a *abbrev, e encoding) error {
	start := len(t.pool)
	for {
		s := attrSpec{at: attr(c.uleb()), form: form(c.uleb())}
		if s.form == formImplicitConst {
			s.implicit = c.sleb()
		}
		if c.err != nil {
			return c.err
		}
		if s.at == 0 && s.form == 0 {
			break
		}
		if len(t.pool)-start >= maxAttrsPerAbbrev {
			return fmt.Errorf("abbreviation with over %d attributes", maxAttrsPerAbbrev)
		}
		t.pool = append(t.pool, s)
		a.sibling = a.sibling || s.at == stddwarf.AttrSibling
		if n := e.fixedSize(s.form); n < 0 || a.fixed < 0 {
			a.fixed = -1
		} else {
			a.fixed += n
		}
	}
	// When the pool grows, what was cut off it before keeps the old array.
	a.attrs = t.pool[start:len(t.pool):len(t.pool)]
	return nil
}
