package dwarf

import (
	"bytes"
	stddwarf "debug/dwarf"

	"github.com/xmdb/xmdb/core/ctype"
)

// nameKey is a name of the index while it is being built.
type nameKey struct {
	hash  uint64
	class class
}

// scanner collects names, unit by unit in ascending order.
type scanner struct {
	d    *Data
	strs []byte // .debug_str; nil to read each string by itself
	deep bool   // look inside functions, at nothing else
	buf  []byte // for the bytes of units

	// The abbreviations of the unit at hand, and a buffer for their bytes.
	table    abbrevs
	tableKey abbrevKey
	tableBuf []byte

	types map[nameKey]ref
	names []entry
	vars  []address

	// seen has a bit per class and offset in .debug_str: the linker merges equal
	// strings, so most repeated types are recognised without hashing.
	seen []uint8
}

// maxSeen bounds the memory of scanner.seen.
const maxSeen = 64 << 20

func newScanner(d *Data, strs []byte, deep bool) *scanner {
	s := &scanner{d: d, strs: strs, deep: deep, types: map[nameKey]ref{}}
	if len(strs) <= maxSeen {
		s.seen = make([]uint8, len(strs))
	}
	return s
}

// unit collects the names of the unit with the given number.
func (s *scanner) unit(i int) {
	h := &s.d.headerList[i]
	sec, _ := h.place(s.d)
	if sec.r != nil && sec.size > sec.keep && uint64(cap(s.buf)) < h.size {
		s.buf = make([]byte, h.size+h.size/4)
	}
	u, err := s.d.loadUnit(*h, s.buf, s)
	if err != nil || u.root.ab == nil || !u.root.ab.children {
		return
	}
	w := walker{scanner: s, u: u, c: cursor{b: u.data, off: u.root.next, big: s.d.im.big}}
	if u.lang != C && u.lang != Assembly {
		w.modifier = classTagless
	}
	w.level(hashStart, 0, !s.deep)
}

// get implements tableSource: a scanner needs one table at a time and reuses
// its memory, which makes a fourth of the work of building an index otherwise.
func (s *scanner) get(d *sections, off uint64, e encoding) (*abbrevs, error) {
	k := abbrevKey{d, off, e}
	if len(s.table.dense) > 0 && s.tableKey == k {
		return &s.table, nil
	}
	if s.tableBuf == nil {
		s.tableBuf = make([]byte, firstAbbrevRead)
	}
	n := min(firstAbbrevRead, d.abbrev.length()-min(off, d.abbrev.length()))
	b, err := d.abbrev.into(s.tableBuf, off, n)
	if err == nil {
		err = s.table.parse(b, e)
	}
	if err != nil { // a longer table than usual, or a broken one
		s.table = abbrevs{}
		return readAbbrevs(d.abbrev, off, e)
	}
	s.tableKey = k
	return &s.table, nil
}

// walker is a scanner in a unit.
type walker struct {
	*scanner
	u        *unit
	c        cursor
	modifier class
}

// found is what of a DIE's attributes the index is interested in.
type found struct {
	name                   value
	hasName, decl, hasCode bool
	hasOrigin, hasConst    bool
	sibling                value
	location               []byte
}

// level collects the names of the children that begin at the cursor and leaves
// it past the null entry that ends them. hash is that of the scopes around;
// record tells whether the names count (in a deep scan, only those in functions).
func (w *walker) level(hash uint64, depth int, record bool) {
	c := &w.c
	for c.left() > 0 {
		off := c.off
		code := c.uleb()
		if code == 0 {
			return
		}
		ab := w.u.tab.get(code)
		if ab == nil {
			c.fail(errShort)
			return
		}
		t := ab.tag
		cl := classOf(t)
		if cl == 0 && t != stddwarf.TagSubprogram && t != stddwarf.TagVariable && !isScope(t) && !w.descends(t) {
			w.skip(ab)
			continue
		}
		f := w.attributes(ab)
		if c.err != nil {
			return
		}
		next := c.off
		if record {
			w.record(t, cl, &f, hash, off)
			c.off = next
		}
		if !ab.children {
			continue
		}
		in, into := record, false
		switch {
		case isScope(t):
			into = !w.u.cLike
		case w.descends(t):
			into, in = true, true
		}
		if into && depth < maxScopes {
			if isScope(t) {
				hash := w.scopeHash(hash, t, &f, off)
				c.off = next
				w.level(hash, depth+1, in)
			} else {
				w.level(hash, depth+1, in)
			}
			continue
		}
		w.pass(ab, &f, next)
	}
}

// descends tells the tags a deep scan enters beyond scopes.
func (w *walker) descends(t tag) bool {
	return w.deep && (t == stddwarf.TagSubprogram || t == stddwarf.TagLexDwarfBlock)
}

// skip steps over a DIE of no interest.
func (w *walker) skip(ab *abbrev) {
	c := &w.c
	start := c.off
	w.u.skipAttrs(c, ab)
	if !ab.children || c.err != nil {
		return
	}
	var f found
	if ab.sibling {
		f.sibling, _ = die{u: w.u, ab: ab, attrs: start}.get(stddwarf.AttrSibling)
	}
	w.pass(ab, &f, c.off)
}

// pass steps over the children that begin at next.
func (w *walker) pass(ab *abbrev, f *found, next int) {
	var err error
	if ab.sibling {
		next, err = w.u.siblingOffset(f.sibling, next)
	} else {
		next, err = w.u.skipTree(next)
	}
	if err != nil {
		w.c.fail(err)
		return
	}
	w.c.off = next
}

func (w *walker) attributes(ab *abbrev) (f found) {
	c := &w.c
	for i := range ab.attrs {
		s := ab.attrs[i]
		switch s.at {
		case stddwarf.AttrName:
			f.name, f.hasName = w.u.enc.readForm(c, s), true
		case stddwarf.AttrSibling:
			f.sibling = w.u.enc.readForm(c, s)
		case stddwarf.AttrDeclaration:
			f.decl = w.u.enc.readForm(c, s).u != 0
		case stddwarf.AttrLowpc, stddwarf.AttrRanges:
			f.hasCode = true
			w.u.enc.skipForm(c, s.form)
		case stddwarf.AttrSpecification, stddwarf.AttrAbstractOrigin:
			f.hasOrigin = true
			w.u.enc.skipForm(c, s.form)
		case stddwarf.AttrConstValue:
			f.hasConst = true
			w.u.enc.skipForm(c, s.form)
		case stddwarf.AttrLocation:
			f.location = w.u.enc.readForm(c, s).b
		default:
			w.u.enc.skipForm(c, s.form)
		}
	}
	return f
}

// record notes the name of a DIE.
func (w *walker) record(t tag, cl class, f *found, hash uint64, off int) {
	at := w.u.off + ref(off)
	switch {
	case cl != 0:
		w.recordType(t, cl, f, hash, at)
	case t == stddwarf.TagSubprogram:
		if f.hasCode {
			w.recordLeaf(classFunction, f, at, off)
		}
	case t == stddwarf.TagVariable:
		addr, ok := w.u.staticAddress(f.location)
		if ok {
			w.vars = append(w.vars, address{addr, at})
		}
		if ok || !f.decl && (f.hasConst || len(f.location) > 0) && !w.deep {
			w.recordLeaf(classVariable, f, at, off)
		}
	}
}

func (w *walker) recordType(t tag, cl class, f *found, hash uint64, at ref) {
	if f.decl {
		cl |= classDeclared
	}
	if f.hasOrigin {
		w.recordOutside(cl, at)
		return
	}
	if !f.hasName {
		return
	}
	if hash == hashStart && f.name.form == formStrp && w.u.split == nil && f.name.u < uint64(len(w.seen)) {
		bit := uint8(1) << (cl&classMask - 1)
		if f.decl {
			bit <<= 4
		}
		p := &w.seen[f.name.u]
		if *p&bit != 0 {
			return
		}
		*p |= bit
	}
	name := w.text(f.name)
	if name == "" {
		return
	}
	if t == stddwarf.TagBaseType {
		name = ctype.CanonicalBase(name)
	}
	w.add(nameKey{hashName(hash, name), cl | w.modifier}, at)
}

// recordOutside notes a class that is defined outside the class or namespace
// that declares it.
func (w *walker) recordOutside(cl class, at ref) {
	e, err := w.u.dieAt(int(at - w.u.off))
	if err != nil {
		return
	}
	if name := e.qualifiedName(); name != "" {
		w.add(nameKey{hashName(hashStart, name), cl | w.modifier}, at)
	}
}

func (w *walker) add(k nameKey, at ref) {
	if _, dup := w.types[k]; !dup {
		w.types[k] = at
	}
}

// recordLeaf notes a function or a variable by the last part of its name.
func (w *walker) recordLeaf(cl class, f *found, at ref, off int) {
	var name string
	switch {
	case f.hasName:
		name = w.text(f.name)
	case f.hasOrigin:
		if e, err := w.u.dieAt(off); err == nil {
			name = e.fullName()
		}
	}
	if name != "" {
		w.names = append(w.names, makeEntry(hashName(hashStart, name), cl, at))
	}
}

// scopeHash continues the hash of the scopes around by a DIE's own name.
func (w *walker) scopeHash(hash uint64, t tag, f *found, off int) uint64 {
	var name string
	switch {
	case f.hasOrigin:
		if e, err := w.u.dieAt(off); err == nil {
			return hashName(hashName(hashStart, e.qualifiedName()), scopeSep)
		}
	case f.hasName:
		name = w.text(f.name)
	}
	if name == "" {
		if t != stddwarf.TagNamespace {
			return hash
		}
		name = anonymousNamespace
	}
	return hashName(hashName(hash, name), scopeSep)
}

// text is unit.str with .debug_str at hand.
func (w *walker) text(v value) string {
	if w.u.split != nil || w.strs == nil {
		s, _ := w.u.str(v)
		return s
	}
	off := v.u
	switch v.form {
	case formStrp:
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4, formGNUStrIndex:
		var err error
		if off, err = w.u.strOffset(v.u); err != nil {
			return ""
		}
	default:
		s, _ := w.u.str(v)
		return s
	}
	if off >= uint64(len(w.strs)) {
		return ""
	}
	b := w.strs[off:]
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		return ""
	}
	return string(b[:n])
}

// staticAddress tells the address of a variable whose location is nothing but
// an address.
func (u *unit) staticAddress(expr []byte) (uint64, bool) {
	if len(expr) < 2 {
		return 0, false
	}
	c := cursor{b: expr, off: 1, big: u.d.im.big}
	var addr uint64
	var err error
	switch expr[0] {
	case opAddr:
		addr = c.uint(int(u.enc.addrSize))
	case opAddrx, opGNUAddrIndex:
		addr, err = u.addrx(c.uleb())
	default:
		return 0, false
	}
	if c.left() > 0 && c.u8() == opPlusUconst { // LLVM addresses several variables from one
		addr += c.uleb()
	}
	return addr, err == nil && c.err == nil && c.left() == 0
}

// Operations of location expressions that are understood without evaluation.
const (
	opAddr         = 0x03
	opConstu       = 0x10
	opPlus         = 0x22
	opPlusUconst   = 0x23
	opAddrx        = 0xa1
	opGNUAddrIndex = 0xfb
)
