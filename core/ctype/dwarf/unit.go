package dwarf

import (
	stddwarf "debug/dwarf"
	"fmt"
	"sync"
)

// unit is a unit whose bytes have been read.
type unit struct {
	header
	d    *Data
	s    *sections
	skel *unit  // of a split unit
	data []byte // the whole unit: offsets of DIEs in it count from its header
	tab  *abbrevs

	lang     Language
	cLike    bool // no name of the unit's types has a scope
	root     die
	skeleton bool // its DIEs are in a .dwo file

	strOffsetsBase, addrBase, loclistsBase, rnglistsBase uint64
	lowPC                                                uint64

	scopesOnce sync.Once
	scopeList  []scope
	funcsOnce  sync.Once
	funcList   []funcRange
	nestedOnce sync.Once
	nestedList []funcRange
	linesOnce  sync.Once
	lines      *LineTable
	linesErr   error
}

// tableSource gives abbreviation tables: a cache, or a scanner's own.
type tableSource interface {
	get(s *sections, off uint64, e encoding) (*abbrevs, error)
}

// loadUnit reads a unit past the cache. h is a header of the list, or one that
// claims a part of the unit only. buf is used for the bytes if it is large
// enough and they are not in memory.
func (d *Data) loadUnit(h header, buf []byte, tables tableSource) (*unit, error) {
	u := &unit{header: h, d: d, s: &d.sections}
	abbrevOff := u.abbrevOff
	if h.split != nil {
		u.s = h.split.secs
		abbrevOff += h.split.at.abbrev
	}
	s, off := h.place(d)
	var err error
	if u.data, err = s.into(buf, off, u.size); err != nil {
		return nil, fmt.Errorf("read unit at %#x: %w", u.off.offset(), err)
	}
	if u.tab, err = tables.get(u.s, abbrevOff, u.enc); err != nil {
		return nil, fmt.Errorf("unit at %#x: %w", u.off.offset(), err)
	}
	if err := u.readRoot(); err != nil {
		return nil, fmt.Errorf("unit at %#x: %w", u.off.offset(), err)
	}
	return u, nil
}

// readRoot takes from the unit's root DIE what other DIEs need.
func (u *unit) readRoot() error {
	var err error
	if u.root, err = u.dieAt(int(u.length)); err != nil {
		return err
	}
	if u.root.ab == nil {
		return nil
	}
	// The default bases are those of split files and of producers that leave
	// the attribute out when there is one table only.
	size := uint64(8)
	if u.enc.is64 {
		size = 16
	}
	if u.enc.version >= 5 {
		u.strOffsetsBase, u.addrBase = size, size
	}
	if err := u.joinSkeleton(); err != nil {
		return err
	}
	u.root.each(func(at attr, v value) bool {
		switch at {
		case stddwarf.AttrStrOffsetsBase:
			u.strOffsetsBase = v.u
		case stddwarf.AttrAddrBase, attrGNUAddrBase:
			u.addrBase = v.u
		case stddwarf.AttrLoclistsBase:
			u.loclistsBase = v.u
		case stddwarf.AttrRnglistsBase, attrGNURangesBase:
			u.rnglistsBase = v.u
		case stddwarf.AttrLanguage:
			u.lang = languageOf(v.u)
		case stddwarf.AttrDwoName, attrGNUDwoName:
			u.skeleton = true
		}
		return true
	})
	// After the bases: a low_pc may be an index into .debug_addr.
	if v, ok := u.root.get(stddwarf.AttrLowpc); ok {
		if u.lowPC, err = u.address(v); err != nil {
			return err
		}
	}
	u.cLike = u.lang == C || u.lang == Go || u.lang == Assembly
	return nil
}

// unit gives the unit that holds a DIE.
func (d *Data) unit(r ref) (*unit, error) {
	i := d.unitIndex(r)
	if i < 0 {
		return nil, fmt.Errorf("no debug data at offset %#x", r.offset())
	}
	return d.unitNumber(i)
}

func (d *Data) unitNumber(i int) (*unit, error) {
	if u := d.units.get(i); u != nil {
		return u, nil
	}
	u, err := d.loadUnit(d.headerList[i], nil, &d.tables)
	if err != nil {
		return nil, err
	}
	return d.units.add(i, u), nil
}

// die gives the DIE at an offset.
func (d *Data) die(r ref) (die, error) {
	if r&inAlt != 0 {
		alt, err := d.supplementary()
		if err != nil {
			return die{}, err
		}
		return alt.die(r &^ inAlt)
	}
	u, err := d.unit(r)
	if err != nil {
		return die{}, err
	}
	e, err := u.dieAt(int(r - u.off))
	if err == nil && e.ab == nil {
		err = fmt.Errorf("no debugging information entry at %#x", r.offset())
	}
	return e, err
}

// maxUnitBytes bounds the bytes of the units that are kept. Units in use by a
// caller stay valid when they are dropped from the cache.
const maxUnitBytes = 24 << 20

// unitCache keeps the units used last.
type unitCache struct {
	mu    sync.Mutex
	byNum map[int]*unit
	order []int // least recently added first
	bytes uint64
}

func (c *unitCache) get(i int) *unit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byNum[i]
}

// add keeps u, or gives the unit that another goroutine added meanwhile.
func (c *unitCache) add(i int, u *unit) *unit {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.byNum[i]; old != nil {
		return old
	}
	if c.byNum == nil {
		c.byNum = map[int]*unit{}
	}
	for len(c.order) > 0 && c.bytes+u.size > maxUnitBytes {
		c.bytes -= c.byNum[c.order[0]].size
		delete(c.byNum, c.order[0])
		c.order = c.order[1:]
	}
	c.byNum[i] = u
	c.order = append(c.order, i)
	c.bytes += u.size
	return u
}

// abbrevCache keeps the abbreviation tables used last: in files made by Go's
// linker and by dwz, units share them.
type abbrevCache struct {
	mu    sync.Mutex
	byKey map[abbrevKey]*abbrevs
	order []abbrevKey
}

type abbrevKey struct {
	secs *sections
	off  uint64
	enc  encoding
}

const maxAbbrevTables = 32

func (c *abbrevCache) get(s *sections, off uint64, e encoding) (*abbrevs, error) {
	k := abbrevKey{s, off, e}
	c.mu.Lock()
	t := c.byKey[k]
	c.mu.Unlock()
	if t != nil {
		return t, nil
	}
	t, err := readAbbrevs(s.abbrev, off, e)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[abbrevKey]*abbrevs{}
	}
	if len(c.order) >= maxAbbrevTables {
		delete(c.byKey, c.order[0])
		c.order = c.order[1:]
	}
	if c.byKey[k] == nil {
		c.order = append(c.order, k)
	}
	c.byKey[k] = t
	return t, nil
}
