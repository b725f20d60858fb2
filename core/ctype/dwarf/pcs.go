package dwarf

import (
	"cmp"
	stddwarf "debug/dwarf"
	"errors"
	"slices"
	"sort"
	"sync"
)

// span is a range of code and the unit it belongs to.
type span struct {
	Range
	unit int
}

// pcState maps addresses to units: by .debug_aranges, which is quick to read, and
// by what all units say themselves, which is asked for addresses that the
// former does not have.
type pcState struct {
	quick, full spanSet
}

// spanSet is a set of spans, once it is built.
type spanSet struct {
	once  sync.Once
	spans []span   // by Lo
	maxHi []uint64 // the largest Hi among the spans up to each
	err   error
}

// at calls f for the units of the spans that contain an address until it
// returns false, and tells whether there was one.
func (p *spanSet) at(d *Data, pc uint64, f func(*unit) bool) (found bool, err error) {
	i := sort.Search(len(p.spans), func(i int) bool { return p.spans[i].Lo > pc })
	for i--; i >= 0 && p.maxHi[i] > pc; i-- {
		if !p.spans[i].Contains(pc) {
			continue
		}
		found = true
		u, err := d.unitNumber(p.spans[i].unit)
		if err != nil || !f(u) {
			return true, err
		}
	}
	return found, nil
}

// unitsAt calls f for the units that claim an address until it returns false.
func (d *Data) unitsAt(pc uint64, f func(*unit) bool) error {
	for _, p := range [...]*spanSet{&d.pcs.quick, &d.pcs.full} {
		p.once.Do(func() { p.err = p.build(d, p == &d.pcs.quick) })
		if p.err != nil {
			return p.err
		}
		if found, err := p.at(d, pc, f); found || err != nil {
			return err
		}
	}
	return nil
}

// build reads the root DIEs of all units, or quickly .debug_aranges and those of
// the units that it does not cover: only some compilers write it.
func (p *spanSet) build(d *Data, quick bool) error {
	hs, err := d.headers()
	if err != nil {
		return err
	}
	covered := make([]bool, len(hs))
	if quick {
		p.spans = d.readAranges(covered)
	}
	for i := range hs {
		if covered[i] || hs[i].split != nil || hs[i].isType() || hs[i].kind == utPartial {
			continue
		}
		rs, err := d.rootRanges(i)
		if err != nil {
			continue // a malformed unit has no code that could be found
		}
		for _, r := range rs {
			p.spans = append(p.spans, span{r, i})
		}
	}
	if !d.im.reloc {
		// Linkers leave the debug data of code they dropped, at address 0.
		p.spans = slices.DeleteFunc(p.spans, func(s span) bool { return s.Lo == 0 })
	}
	slices.SortFunc(p.spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.Lo, b.Lo), cmp.Compare(a.unit, b.unit))
	})
	p.maxHi = make([]uint64, len(p.spans))
	hi := uint64(0)
	for i := range p.spans {
		hi = max(hi, p.spans[i].Hi)
		p.maxHi[i] = hi
	}
	return nil
}

// rootPrefix is how much of a unit is read to see its root DIE.
const rootPrefix = 1 << 10

// rootRanges gives the ranges of a unit's code. Of a large unit only the start
// is read.
func (d *Data) rootRanges(i int) ([]Range, error) {
	u := d.units.get(i)
	if u == nil {
		h := d.headerList[i]
		if h.size > 4*rootPrefix {
			h.size = rootPrefix
		}
		var err error
		if u, err = d.loadUnit(h, nil, &d.tables); err != nil && h.size == rootPrefix {
			u, err = d.loadUnit(d.headerList[i], nil, &d.tables)
		}
		if err != nil {
			return nil, err
		}
	}
	return u.root.ranges()
}

// readAranges reads .debug_aranges (DWARF 5 section 6.1.2) and marks the units
// it has entries for. What is malformed ends it; other units are looked at
// themselves.
func (d *Data) readAranges(covered []bool) (spans []span) {
	b, err := d.aranges.whole()
	if err != nil {
		return nil
	}
	c := cursor{b: b, big: d.im.big}
	for c.left() > 0 {
		start := c.off
		n, is64 := c.initialLength()
		set := cursor{b: c.take(n), big: c.big}
		if c.err != nil || n == 0 {
			return spans
		}
		head := c.off - int(n) - start
		version := set.u16()
		at := set.offset(is64)
		addrSize, segSize := int(set.u8()), set.u8()
		i := d.unitIndex(ref(at))
		if version != 2 || segSize != 0 || i < 0 || at > uint64(maxRef) || d.headerList[i].off != ref(at) ||
			addrSize != 4 && addrSize != 8 {
			continue
		}
		// Tuples are aligned to their size from the start of the set.
		if over := (head + set.off) % (2 * addrSize); over != 0 {
			set.skip(uint64(2*addrSize - over))
		}
		for set.left() >= 2*addrSize {
			lo, size := set.uint(addrSize), set.uint(addrSize)
			if lo == 0 && size == 0 {
				break
			}
			if size != 0 && lo+size > lo {
				spans = append(spans, span{Range{lo, lo + size}, i})
				covered[i] = true
			}
		}
	}
	return spans
}

// ErrNoFunction is returned for an address that no function known to the debug
// information contains.
var ErrNoFunction = errors.New("no function in the debug information at that address")

// funcRange is one range of a function's code.
type funcRange struct {
	Range
	off int // of the function's DIE from the unit's header
}

// functions lists the functions of a unit by address, those inside others
// (GNU C's nested functions, the bodies of C++ lambdas) apart: to find them
// the whole unit has to be read.
func (u *unit) functions(nested bool) []funcRange {
	once, list := &u.funcsOnce, &u.funcList
	if nested {
		once, list = &u.nestedOnce, &u.nestedList
	}
	once.Do(func() {
		// A malformed unit has the functions before the malformed entry.
		*list = u.addFunctions(nil, u.root, 0, false, nested)
		slices.SortFunc(*list, func(a, b funcRange) int { return cmp.Compare(a.Lo, b.Lo) })
	})
	return *list
}

func (u *unit) addFunctions(list []funcRange, parent die, depth int, inside, nested bool) []funcRange {
	if depth > maxScopes {
		return list
	}
	_ = u.children(parent, func(e die) bool {
		t := e.tag()
		if e.isFunction() && inside == nested {
			rs, _ := e.ranges()
			for _, r := range rs {
				list = append(list, funcRange{r, e.off})
			}
		}
		switch {
		case !e.ab.children:
		case isScope(t) && (!u.cLike || inside):
			list = u.addFunctions(list, e, depth+1, inside, nested)
		case nested && (t == stddwarf.TagSubprogram || t == stddwarf.TagLexDwarfBlock):
			list = u.addFunctions(list, e, depth+1, true, nested)
		}
		return true
	})
	return list
}

// functionAt finds the function of a unit that contains pc.
func (u *unit) functionAt(pc uint64) (die, bool) {
	for _, nested := range [...]bool{false, true} {
		fs := u.functions(nested)
		i := sort.Search(len(fs), func(i int) bool { return fs[i].Lo > pc })
		// Functions overlap when one was folded into another; the last one
		// that begins before pc is usually the one.
		for n := 0; i > 0 && n < 64; n++ {
			i--
			if fs[i].Contains(pc) {
				e, err := u.dieAt(fs[i].off)
				return e, err == nil && e.ab != nil
			}
		}
	}
	return die{}, false
}
