package dwarf

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"sync"

	stddwarf "debug/dwarf"
)

// This file reads split DWARF (DWARF 5 section 7.3, and GCC's DWARF 4 "fission"):
// a skeleton unit in the program has addresses, code ranges and lines; everything
// else is in a unit of a .dwo file or of a .dwp package, which the skeleton names
// and identifies. A split unit is listed among the others, at offsets beyond those
// of the program's own sections.

// ErrSplit is returned when the .dwo or .dwp file that holds a unit cannot be had.
var ErrSplit = errors.New("debug data lies in a .dwo file")

const (
	inSplit ref = 1 << 52
	// maxSplit bounds the offsets of split units, and is the last of the others.
	maxSplit = 1 << 50
	// keepSplit is the size up to which strings of split units stay in memory: they
	// are read through a table of offsets, one by one.
	keepSplit = 256 << 20
	// maxDwoErrors bounds what is kept of the files that are missing.
	maxDwoErrors = 16
)

// attrGNUDwoID identifies a split unit in DWARF 4.
const attrGNUDwoID attr = 0x2131

// sections are the debug sections that a unit's data lies in.
type sections struct {
	info, types, abbrev, strs, lineStr, strOffsets, addr *section
	ranges, rnglists, loc, loclists, line                *section
}

// newSections picks the sections with a suffix of their names.
func newSections(im *image, suffix string) sections {
	get := func(name string) *section { return im.sections[name+suffix] }
	return sections{
		info: get("info"), types: get("types"), abbrev: get("abbrev"), strs: get("str"),
		lineStr: get("line_str"), strOffsets: get("str_offsets"), addr: get("addr"),
		ranges: get("ranges"), rnglists: get("rnglists"), loc: get("loc"),
		loclists: get("loclists"), line: get("line"),
	}
}

// splitUnit is what a split unit has beyond its header.
type splitUnit struct {
	secs     *sections
	base     ref // of its section's offset 0
	skeleton int // number of its skeleton unit, -1 of a type unit
	at       contributions
}

// contributions are where a unit's parts of a package's sections begin, all 0 in a
// .dwo file.
type contributions struct {
	info, types, abbrev, line, loc, strOffsets, rnglists uint64
}

// DwoName is how a skeleton unit names the file with its split unit.
type DwoName struct {
	Name, CompDir string
	ID            uint64
}

// splitState is what was opened for split units.
type splitState struct {
	mu      sync.Mutex
	next    ref // where the next section goes
	pack    *dwp
	tried   bool
	missing []error
	bytes   uint64 // of split units
	sum     uint64 // identifies them
}

// MissingSplit tells which .dwo files were looked for in vain, a few of them, as
// far as anything was read yet.
func (d *Data) MissingSplit() []error {
	d.split.mu.Lock()
	defer d.split.mu.Unlock()
	return slices.Clone(d.split.missing)
}

// readSplit lists the split units of all skeleton units, and the type units with
// them. What cannot be read is noted and left out.
func (d *Data) readSplit() {
	d.split.mu.Lock()
	defer d.split.mu.Unlock()
	d.split.next = inSplit
	h := fnv.New64a()
	for i := range d.headerList {
		q, ok := d.dwoName(i)
		if !ok {
			continue
		}
		if err := d.addSplit(i, q); err != nil && len(d.split.missing) < maxDwoErrors {
			d.split.missing = append(d.split.missing, fmt.Errorf("%w: %s: %w", ErrSplit, q.Name, err))
		}
		fmt.Fprintf(h, "%x %d;", q.ID, d.split.next)
	}
	for i := range d.headerList {
		if d.headerList[i].split != nil {
			d.split.bytes += d.headerList[i].size
		}
	}
	d.split.sum = h.Sum64()
	slices.SortStableFunc(d.headerList, func(a, b header) int { return cmp.Compare(a.off, b.off) })
	d.splitOf = map[ref]int{}
	for i := range d.headerList {
		if s := d.headerList[i].split; s != nil && s.skeleton >= 0 {
			d.splitOf[d.headerList[s.skeleton].off] = i
		}
	}
}

// dwoName tells what a unit's split unit is, if it has one.
func (d *Data) dwoName(i int) (q DwoName, ok bool) {
	h := d.headerList[i]
	// A skeleton of DWARF 4 is told by its root DIE only, but it is short.
	const small = 1 << 10
	if h.kind != utSkeleton && (h.kind != utCompile || h.enc.version != 4 || h.size > small) {
		return q, false
	}
	u, err := d.loadUnit(h, nil, &d.tables)
	if err != nil || !u.skeleton {
		return q, false
	}
	q.ID, q.CompDir = h.sig, u.compDir()
	u.root.each(func(at attr, v value) bool {
		switch at {
		case stddwarf.AttrDwoName, attrGNUDwoName:
			q.Name, _ = u.str(v)
		case attrGNUDwoID:
			q.ID = v.u
		}
		return true
	})
	return q, q.Name != ""
}

// addSplit finds a skeleton's split unit in the package or its own file.
func (d *Data) addSplit(skeleton int, q DwoName) error {
	if p := d.packageFile(); p != nil {
		if at, ok := p.cus[q.ID]; ok {
			return d.addFrom(&p.secs, p.info, at, skeleton, q.ID)
		}
	}
	if d.opts.Split == nil {
		return errors.New("not looked for")
	}
	r, err := d.opts.Split(q)
	if err != nil {
		return err
	}
	secs, err := d.openSplit(r)
	if err != nil {
		return err
	}
	info, err := d.place(secs.info)
	if err != nil {
		return err
	}
	if err := d.addFile(secs, info, skeleton, q.ID); err != nil {
		return err
	}
	if !secs.types.present() {
		return nil
	}
	types, err := d.place(secs.types)
	if err != nil {
		return err
	}
	return d.addTypes(secs, secs.types, types)
}

// openSplit finds the sections of a .dwo or .dwp file. Addresses and the ranges of
// DWARF 4 stay in the program.
func (d *Data) openSplit(r io.ReaderAt) (*sections, error) {
	im, err := parseImage(r)
	if err != nil {
		return nil, err
	}
	if im.big != d.im.big {
		return nil, errors.New("file of another byte order")
	}
	secs := newSections(im, ".dwo")
	if !secs.info.present() {
		return nil, ErrNoDWARF
	}
	for _, s := range []*section{secs.strs, secs.strOffsets, secs.abbrev} {
		if s != nil {
			s.keep = keepSplit
		}
	}
	secs.addr, secs.ranges = d.addr, d.ranges
	return &secs, nil
}

// place gives the offsets from which on a section's units are listed.
func (d *Data) place(s *section) (ref, error) {
	base := d.split.next
	if s.length() > maxSplit || uint64(base-inSplit)+s.length() > maxSplit {
		return 0, errors.New("too much debug data")
	}
	d.split.next += ref(s.length())
	return base, nil
}

// addFile lists the units of a .dwo file's .debug_info: one with the id, and type
// units. Nothing is listed if the id is not there.
func (d *Data) addFile(secs *sections, base ref, skeleton int, id uint64) error {
	first, found := len(d.headerList), false
	err := d.eachHeader(secs.info, 0, secs.info.size, false, func(h header) {
		h.split = &splitUnit{secs: secs, base: base, skeleton: -1}
		h.off += base
		if !h.isType() {
			if found || d.splitID(h) != id {
				return
			}
			found, h.split.skeleton = true, skeleton
		}
		d.headerList = append(d.headerList, h)
	})
	if !found {
		d.headerList = d.headerList[:first]
		return firstOf(err, fmt.Errorf("the file is of another build: it has no unit %#016x", id))
	}
	return nil
}

// addTypes lists the type units in .debug_types of a .dwo file.
func (d *Data) addTypes(secs *sections, s *section, base ref) error {
	return d.eachHeader(s, 0, s.size, true, func(h header) {
		h.split = &splitUnit{secs: secs, base: base, skeleton: -1}
		h.off += base
		d.headerList = append(d.headerList, h)
	})
}

// addFrom lists a unit of a package.
func (d *Data) addFrom(secs *sections, base ref, at contributions, skeleton int, id uint64) error {
	found := false
	err := d.eachHeader(secs.info, at.info, at.info+1, false, func(h header) {
		h.split = &splitUnit{secs: secs, base: base, skeleton: skeleton, at: at}
		h.off += base
		if found = d.splitID(h) == id; found {
			d.headerList = append(d.headerList, h)
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("the package has another unit in place of %#016x", id)
	}
	return err
}

// splitID is the identity of a split unit: in its header or, in DWARF 4, its root.
func (d *Data) splitID(h header) uint64 {
	if h.enc.version >= 5 {
		return h.sig
	}
	sp := *h.split
	h.split, sp.skeleton = &sp, -1 // whether it is the skeleton's is the question
	u, err := d.loadUnit(h, nil, &d.tables)
	if err != nil {
		return ^h.sig
	}
	v, ok := u.root.get(attrGNUDwoID)
	if !ok {
		return ^h.sig
	}
	return v.u
}

// joinSkeleton gives a split unit what only its skeleton says.
func (u *unit) joinSkeleton() error {
	s := u.split
	if s == nil {
		return nil
	}
	size := uint64(u.enc.offsetSize())
	u.strOffsetsBase = s.at.strOffsets
	if u.enc.version >= 5 {
		u.strOffsetsBase += 2 * size // a header
		u.loclistsBase = s.at.loc + 2*size + 4
		u.rnglistsBase = s.at.rnglists + 2*size + 4
	}
	if s.skeleton < 0 {
		return nil
	}
	k, err := u.d.loadUnit(u.d.headerList[s.skeleton], nil, &u.d.tables)
	if err != nil {
		return err
	}
	u.skel, u.addrBase, u.lowPC = k, k.addrBase, k.lowPC
	if u.enc.version < 5 {
		u.rnglistsBase = k.rnglistsBase
	}
	return nil
}

// code is the unit that describes the code of a unit: of a skeleton its split unit,
// if that is there.
func (u *unit) code() *unit {
	if !u.skeleton || u.split != nil {
		return u
	}
	i, ok := u.d.splitOf[u.off]
	if !ok {
		return u
	}
	s, err := u.d.unitNumber(i)
	if err != nil {
		return u
	}
	return s
}
