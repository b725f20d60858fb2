package dwarf

import (
	"errors"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core/ctype"
)

var (
	_ ctype.Scope       = (*Data)(nil)
	_ ctype.SymbolTyper = (*Data)(nil)
)

// Lookup implements ctype.Scope. C++, Rust and Go types are found by their full
// names, with or without a keyword: "ns::vec<int>", "struct ns::vec<int>",
// "main.T". A type local to a function is found if no other has the name and
// the file is not large.
func (d *Data) Lookup(name string) (*ctype.Type, error) {
	n, err := ctype.ParseName(name)
	if err != nil {
		return nil, err
	}
	t, err := d.lookupBase(&n)
	if err != nil {
		return nil, err
	}
	return n.Form(t), nil
}

func (d *Data) lookupBase(n *ctype.Name) (*ctype.Type, error) {
	base := n.Base
	if n.Tag == ctype.Unknown {
		if base == "void" {
			return ctype.New(d, 0, ctype.Void, "void", &ctype.Body{}), nil
		}
		base = ctype.CanonicalBase(base)
	}
	ctx := d.context()
	if t := d.accelLookup(ctx, n, base); t != nil {
		return t, nil
	}
	x, err := d.names(ctx)
	if err != nil {
		return nil, err
	}
	if t := d.lookupIn(x, n, base); t != nil {
		return t, nil
	}
	if d.hasSupplementary() {
		if alt, err := d.supplementary(); err == nil {
			if t, err := alt.lookupBase(n); err == nil || !ctype.IsUnknown(err) {
				return t, err
			}
		}
	}
	if d.infoSize() <= maxDeep {
		if x, err = d.localNames(ctx); err != nil {
			return nil, err
		}
		if t := d.lookupIn(x, n, base); t != nil {
			return t, nil
		}
	}
	return nil, ctype.ErrNoType
}

// lookupIn tries the name as what it says it is, then as the name of a tagged
// type of a language that needs no keyword.
func (d *Data) lookupIn(x *index, n *ctype.Name, base string) *ctype.Type {
	found := x.find(hashName(hashStart, base), wantedClass(n))
	// Ordinary names first, definitions before declarations.
	slices.SortStableFunc(found, func(a, b entry) int { return rank(a) - rank(b) })
	for _, e := range found {
		if d.isNamed(e, base) {
			return d.typeAt(nil, e.ref())
		}
	}
	return nil
}

// wantedClass tells the classes that a name may mean.
func wantedClass(n *ctype.Name) func(class) bool {
	return func(c class) bool {
		k := c & classMask
		switch {
		case n.Class:
			return k == classStruct || k == classUnion
		case n.Tag == ctype.Struct:
			return k == classStruct
		case n.Tag == ctype.Union:
			return k == classUnion
		case n.Tag == ctype.Enum:
			return k == classEnum
		}
		return k == classOrdinary || k < classFunction && c&classTagless != 0
	}
}

func rank(e entry) int {
	r := int(e.class() & classMask)
	if e.class()&classDeclared != 0 {
		r += int(classMask)
	}
	return r
}

// All implements ctype.Scope: types by name, in the order of the file, then those
// of a supplementary file, which are not all the program's. Those inside functions
// are left out. If the index cannot be built it yields nothing.
func (d *Data) All() iter.Seq[*ctype.Type] {
	return func(yield func(*ctype.Type) bool) {
		x, err := d.names(d.context())
		if err != nil {
			return
		}
		var at []ref
		for _, e := range x.names {
			if c := e.class() & classMask; c != 0 && c < classFunction {
				at = append(at, e.ref())
			}
		}
		slices.Sort(at)
		for _, r := range at {
			if t := d.typeAt(nil, r); t.Kind() != ctype.Unknown && t != nil && !yield(t) {
				return
			}
		}
		if alt, err := d.supplementary(); err == nil {
			for t := range alt.All() {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// SymbolType implements ctype.SymbolTyper. A symbol is found by its address,
// with the name to choose between several there, else by its name.
func (d *Data) SymbolType(name string, addr uint64, index uint32) (*ctype.Type, error) {
	if !d.im.reloc { // in a relocatable file addresses are not unique
		f, err := d.Function(addr)
		if err == nil && f.Entry() == addr {
			return d.typeAt(nil, f.at), nil // without an index of names
		}
		if err != nil && !errors.Is(err, ErrNoFunction) {
			return nil, err
		}
	}
	if e, ok := d.accelVariable(d.context(), name, addr); ok {
		return symbolType(e)
	}
	x, err := d.names(d.context())
	if err != nil {
		return nil, err
	}
	if !d.im.reloc {
		if e, ok := d.variableAt(x, name, addr); ok {
			return symbolType(e)
		}
	}
	for _, want := range [...]class{classVariable, classFunction} {
		for _, f := range x.find(hashName(hashStart, name), func(c class) bool { return c&classMask == want }) {
			if !d.isNamed(f, name) {
				continue
			}
			e, err := d.die(f.ref())
			if err != nil {
				return nil, err
			}
			return symbolType(e)
		}
	}
	return nil, ctype.ErrNoSymType
}

func symbolType(e die) (*ctype.Type, error) {
	d := e.u.d
	if classifySymbol(e) == classFunction {
		return d.typeAt(e.u, e.ref()), nil
	}
	if t := e.typeOf(); t != nil {
		return t, nil
	}
	return nil, ctype.ErrNoSymType
}

// variableAt finds the variable at an address: among several the one of that
// name. A static variable of a function, whose symbol the compiler numbered
// ("count.0"), is looked for inside functions.
func (d *Data) variableAt(x *index, name string, addr uint64) (die, bool) {
	if e, ok := d.variableIn(x, name, addr); ok {
		return e, true
	}
	if !numbered(name) && d.infoSize() > maxDeep {
		return die{}, false
	}
	x, err := d.localNames(d.context())
	if err != nil {
		return die{}, false
	}
	return d.variableIn(x, name, addr)
}

func (d *Data) variableIn(x *index, name string, addr uint64) (die, bool) {
	i, _ := slices.BinarySearchFunc(x.vars, addr, func(v address, a uint64) int {
		switch {
		case v.addr < a:
			return -1
		case v.addr > a:
			return 1
		}
		return 0
	})
	var first die
	for n := 0; i < len(x.vars) && x.vars[i].addr == addr && n < 64; i, n = i+1, n+1 {
		e, err := d.die(x.vars[i].at)
		if err != nil || classifySymbol(e) != classVariable {
			continue
		}
		if first.ab == nil || e.fullName() == name {
			first = e
		}
	}
	return first, first.ab != nil
}

// numbered tells the name of a symbol that the compiler made unique.
func numbered(name string) bool {
	for i := len(name) - 1; i > 0; i-- {
		switch c := name[i]; {
		case c == '.':
			return i < len(name)-1
		case c < '0' || c > '9':
			return false
		}
	}
	return false
}

// Language is the language of the unit a type of this Data was read from.
func (d *Data) Language(t *ctype.Type) Language {
	if t == nil || t.Container() != ctype.Container(d) {
		return OtherLanguage
	}
	u, err := d.unit(refOfID(t.ID()))
	if err != nil {
		return OtherLanguage
	}
	return u.lang
}
