package dwarf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/sym"
)

// A file may come with an index of its names: .debug_names of DWARF 5, as LLVM and gdb
// write it, or .gdb_index, as gdb-add-index and the linkers do. Either tells which
// units define a name; those are read, and no others. What an index says is a hint:
// the DIE is looked for in the unit, and a name that is not found this way is looked
// for in the index of our own, which reads every unit.
//
// An answer is the one of our own index, the first definition in the order of the
// file, if the index of the file is complete. Where ordinary names and tags share a
// name space (C++, Rust), a tag hides an ordinary name beyond the first maxAccelUnits
// units that have either.

// accelKind is what a name of an index stands for.
type accelKind uint8

const (
	accelType accelKind = iota
	accelVariable
)

// nameIndex is an index of names that a file came with.
type nameIndex interface {
	// candidates gives the offsets of the units that define something of a kind and
	// name, in no order, possibly several times.
	candidates(name string, kind accelKind, match func(tag) bool) ([]ref, error)
}

// errAccel is why an index is not used: it contradicts itself or the file.
var errAccel = errors.New("index of names is damaged")

// errAccelVersion is why another is not.
var errAccelVersion = errors.New("index of names of an unknown version")

// maxAccelUnits bounds the units that are read for one name.
const maxAccelUnits = 64

// accelState is the index of a file, nil if it has none or a wrong one.
type accelState struct {
	once sync.Once
	mu   sync.Mutex
	x    nameIndex
	off  bool
	// units are small indexes of single units, the last ones used.
	units map[int]*index
}

// nameIndex gives the index that the file came with, nil if there is none to use.
// Split units and those that dwz made of parts of others are not where such an index
// has them.
func (d *Data) nameIndex() nameIndex {
	a := &d.accel
	a.once.Do(func() {
		if d.opts.NoNameIndex || d.im.reloc || d.hasSupplementary() {
			return
		}
		if _, err := d.headers(); err != nil || len(d.splitOf) > 0 {
			return
		}
		var x nameIndex
		var err error
		switch {
		case d.im.sections["names"].present():
			x, err = newDebugNames(d, d.im.sections["names"])
		case d.im.gdbIndex.present():
			x, err = newGDBIndex(d.im.gdbIndex, d.types.present())
		}
		switch {
		case err == nil:
			a.x = x
		case err != errAccelVersion:
			d.accelWrong(err)
		}
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.off {
		return nil
	}
	return a.x
}

// accelWrong gives up the file's own index, with a warning.
func (d *Data) accelWrong(err error) {
	d.accel.mu.Lock()
	was := d.accel.off
	d.accel.off = true
	d.accel.mu.Unlock()
	if !was && d.opts.Warn != nil {
		d.opts.Warn(fmt.Sprintf("warning: %s: %v: it is not used", d.opts.Name, err))
	}
}

// haveNames tells whether our own index is in memory.
func (d *Data) haveNames() bool {
	d.index.mu.Lock()
	defer d.index.mu.Unlock()
	return d.index.top != nil
}

// accelUnits gives the numbers of the units that the file's index names, ascending.
func (d *Data) accelUnits(names []string, kind accelKind, match func(tag) bool) []int {
	x := d.nameIndex()
	if x == nil || d.haveNames() {
		return nil
	}
	var out []int
	for _, name := range names {
		refs, err := x.candidates(name, kind, match)
		if err != nil {
			d.accelWrong(err)
			return nil
		}
		for _, r := range refs {
			i := d.unitIndex(r)
			if i < 0 || d.headerList[i].off != r {
				d.accelWrong(fmt.Errorf("%w: no unit at %#x, where it has %q", errAccel, r.offset(), name))
				return nil
			}
			out = append(out, i)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxAccelUnits)]
}

// unitNames is the index of one unit.
func (d *Data) unitNames(i int) *index {
	a := &d.accel
	a.mu.Lock()
	x := a.units[i]
	a.mu.Unlock()
	if x != nil {
		return x
	}
	s := newScanner(d, nil, false)
	s.unit(i)
	x = mergeIndex([]*scanner{s})
	const most = 256
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.units == nil || len(a.units) >= most {
		a.units = map[int]*index{}
	}
	a.units[i] = x
	return x
}

// spellings are the names by which compilers know what is called base here.
func spellings(base string) []string {
	names := []string{base}
	for _, s := range []string{
		"long int", "long unsigned int", "unsigned long int", "short int", "short unsigned int", "unsigned short int",
		"unsigned int", "long long int", "long long unsigned int", "unsigned long long int", "signed char", "unsigned char",
	} {
		if s != base && ctype.CanonicalBase(s) == base {
			names = append(names, s)
		}
	}
	if leaf := leafName(base); leaf != base { // LLVM's index has names without scopes
		names = append(names, leaf)
	}
	return names
}

// accelLookup finds a type by the file's own index; nil if that does not tell.
func (d *Data) accelLookup(ctx context.Context, n *ctype.Name, base string) *ctype.Type {
	match := func(t tag) bool { c := classOf(t); return c != 0 && (n.Tag == ctype.Unknown || c != classOrdinary) }
	wanted := wantedClass(n)
	var best entry
	for _, i := range d.accelUnits(spellings(base), accelType, match) {
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range d.unitNames(i).find(hashName(hashStart, base), wanted) {
			if e.class()&classDeclared == 0 && (best.at == 0 || rank(e) < rank(best)) && d.isNamed(e, base) {
				best = e
			}
		}
		if best.at == 0 && !d.confirms(i, base) {
			return nil
		}
		if best.at != 0 && (n.Tag != ctype.Unknown && !n.Class || best.class()&classMask == classOrdinary) {
			break // there is no better one
		}
	}
	if best.at == 0 {
		return nil
	}
	return d.typeAt(nil, best.ref())
}

// confirms tells whether a unit, in which a name was not found as expected, has it
// at all. Otherwise the index is wrong; but gold names a unit where it means the type
// units that belong to it.
func (d *Data) confirms(i int, name string) bool {
	if len(d.sigs) > 0 {
		return false
	}
	u, err := d.unitNumber(i)
	if err != nil {
		return true // then it is the unit that is damaged
	}
	leaf := leafName(name)
	c := cursor{b: u.data, off: int(u.length), big: d.im.big}
	for c.left() > 0 {
		e, err := u.dieAt(c.off)
		if err != nil {
			return true
		}
		c.off = max(e.next, c.off+1)
		if s := e.name(); s == leaf || s == name || s != "" && ctype.CanonicalBase(s) == name {
			return true
		}
	}
	d.accelWrong(fmt.Errorf("%w: the unit at %#x does not have %q", errAccel, u.off.offset(), name))
	return false
}

// accelDefinition finds the definition of a declared type by the file's own index.
func (d *Data) accelDefinition(c class, name string) (ref, bool) {
	match := func(t tag) bool { return classOf(t) == c }
	for _, i := range d.accelUnits([]string{name, leafName(name)}, accelType, match) {
		if r, ok := d.definitionIn(d.unitNames(i), c, name); ok {
			return r, true
		}
		if !d.confirms(i, name) {
			break
		}
	}
	return 0, false
}

// accelVariable finds the variable of a symbol at an address by the file's own index.
func (d *Data) accelVariable(ctx context.Context, symbol string, addr uint64) (die, bool) {
	names := []string{symbol}
	if plain := sym.Demangle(symbol); plain != symbol {
		names = append(names, plain, leafName(plain))
	}
	isVariable := func(t tag) bool { return t == tagVariable }
	for _, i := range d.accelUnits(names, accelVariable, isVariable) {
		if ctx.Err() != nil {
			break
		}
		if e, ok := d.variableIn(d.unitNames(i), symbol, addr); ok && slices.Contains(names, e.qualifiedName()) {
			return e, true
		}
	}
	return die{}, false
}

// foldedHash hashes the bytes of a name, upper case as lower.
func foldedHash(s string, start uint32, step func(h uint32, c byte) uint32) uint32 {
	h := start
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = step(h, c)
	}
	return h
}

// isASCII tells names whose case both kinds of index fold alike.
func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}
