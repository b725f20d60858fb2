package sym

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Namespace is what a session looks names up in: private symbols, then the load
// objects in load order, the executable first.
type Namespace struct {
	Private PrivateTable
	// Demangle makes Format print C++ and Rust names demangled ($G).
	Demangle bool
	// DemangleFlags say how (DemangleAs).
	DemangleFlags uint32
	// ShowLMID makes Format print link map ids of the base link map's objects too
	// (::set -o showlmid).
	ShowLMID bool
	// Kernel is a table of the symbols of all objects at once, as a kernel has one
	// (ksyms, unix.N); nil if there is none. It is not among the objects. Names are
	// looked up in it before the objects, its symbols print without an object's
	// name, and an object's symbol is preferred to its only if it is closer.
	Kernel *Object

	objs  []*Object
	spans []span // ranges of the objects, ascending by base
}

type span struct {
	r Range
	o *Object
}

// NewNamespace makes a namespace of objects in load order.
func NewNamespace(objs ...*Object) *Namespace {
	ns := &Namespace{DemangleFlags: KeepScope}
	ns.SetObjects(objs)
	return ns
}

// SetObjects replaces the load objects; private symbols stay.
func (ns *Namespace) SetObjects(objs []*Object) {
	ns.objs = objs
	ns.spans = nil
	for _, o := range objs {
		if o.Ranges == nil {
			ns.spans = append(ns.spans, span{Range{o.Base, o.Size}, o})
		}
		for _, r := range o.Ranges {
			ns.spans = append(ns.spans, span{r, o})
		}
	}
	slices.SortStableFunc(ns.spans, func(a, b span) int { return cmp.Compare(a.r.Base, b.r.Base) })
}

// Objects are the load objects in load order.
func (ns *Namespace) Objects() []*Object { return ns.objs }

// Main is the executable, nil if it is not known: of a kernel, Kernel.
func (ns *Namespace) Main() *Object {
	if ns.Kernel != nil {
		return ns.Kernel
	}
	for _, o := range ns.objs {
		if o.Main {
			return o
		}
	}
	return nil
}

// ObjectAt gives the object that addr is mapped from; nil if none.
func (ns *Namespace) ObjectAt(addr uint64) *Object {
	i, found := slices.BinarySearchFunc(ns.spans, addr, func(s span, a uint64) int { return cmp.Compare(s.r.Base, a) })
	if !found {
		i--
	}
	// Ranges of different objects rarely overlap (kernel modules' may): look back
	// a little for one that reaches addr.
	for k, steps := i, 0; k >= 0 && steps < 8; k, steps = k-1, steps+1 {
		if ns.spans[k].r.Contains(addr) {
			return ns.spans[k].o
		}
	}
	return nil
}

// Object finds a load object by name: its path or base name, or the base name up
// to a dot ("libc"); "a.out" is the executable; "LM1`libc.so.6" names the one on
// a link map. ErrNoObject, or ErrNoLMID if only another link map has it.
func (ns *Namespace) Object(name string) (*Object, error) {
	lmid, bare, hasLM := cutLMID(name)
	if !hasLM {
		bare = name
	}
	other := false
	for _, match := range [...]func(*Object, string) bool{(*Object).answers, (*Object).answersPart} {
		for _, o := range ns.objs {
			if bare == "" || !match(o, bare) {
				continue
			}
			if !hasLM || o.LMID == lmid {
				return o, nil
			}
			other = true
		}
	}
	if other {
		return nil, ErrNoLMID
	}
	if bare == "a.out" {
		if m := ns.Main(); m != nil {
			return m, nil
		}
	}
	return nil, ErrNoObject
}

// cutLMID splits "LM<hex>`object".
func cutLMID(name string) (lmid uint64, rest string, ok bool) {
	s, ok := strings.CutPrefix(name, "LM")
	if !ok {
		return 0, "", false
	}
	id, rest, ok := strings.Cut(s, "`")
	if !ok {
		return 0, "", false
	}
	lmid, err := strconv.ParseUint(id, 16, 64)
	return lmid, rest, err == nil
}

// Match is the answer to a lookup.
type Match struct {
	Symbol
	Object *Object // nil for a private symbol
	Kind   Kind
	// PLT is "PLT=" or "PLT:" if the address was a slot of a procedure linkage
	// table: bound to the symbol, or not yet (then only its name is known).
	PLT string
}

// LookupName finds a symbol: in one object, or if object is "" among private
// symbols and then all objects, where a defined symbol beats an undefined one
// met before it. An object name no load object has may be that of a source file,
// whose locals in the executable are then searched. Mangled names and
// demangled ones ("ns::f(int)", "ns::f") are both known. Errors: ErrNoSymbol,
// ErrNoObject, ErrNoLMID.
func (ns *Namespace) LookupName(object, name string) (Match, error) {
	if object == "" {
		if s, ok := ns.Private.ByName(name); ok {
			return Match{Symbol: s, Kind: Private}, nil
		}
		if ns.Kernel != nil {
			if m, err := ns.lookupIn([]*Object{ns.Kernel}, name); err == nil {
				return m, nil
			}
		}
		return ns.lookupIn(ns.objs, name)
	}
	o, err := ns.Object(object)
	if err == nil {
		return ns.lookupIn([]*Object{o}, name)
	}
	if m := ns.Main(); m != nil && err == ErrNoObject {
		if s, ferr := m.Table(Symtab).inFile(object, name); ferr != ErrNoObject {
			return Match{Symbol: s, Object: m, Kind: Symtab}, ferr
		}
	}
	return Match{}, err
}

func (ns *Namespace) lookupIn(objs []*Object, name string) (Match, error) {
	var undef Match
	for _, o := range objs {
		s, k, ok := o.LookupName(name)
		switch {
		case !ok:
		case s.Defined():
			return Match{Symbol: s, Object: o, Kind: k}, nil
		case undef.Object == nil:
			undef = Match{Symbol: s, Object: o, Kind: k}
		}
	}
	if undef.Object != nil {
		return undef, nil
	}
	if looksDemangled(name) {
		for _, o := range objs {
			for _, k := range [...]Kind{Symtab, Dynsym} {
				if s, ok := o.Table(k).byDemangled(name); ok {
					return Match{Symbol: s, Object: o, Kind: k}, nil
				}
			}
		}
	}
	return Match{}, ErrNoSymbol
}

// LookupAddr finds the symbol that stands for addr. distance is 0 in smart mode,
// else the greatest distance from a symbol's value, exclusive.
func (ns *Namespace) LookupAddr(addr, distance uint64) (Match, error) {
	if s, ok := ns.Private.ByAddr(addr, distance); ok {
		return Match{Symbol: s, Kind: Private}, nil
	}
	if ns.Kernel != nil {
		return ns.kernelAddr(addr, distance)
	}
	o := ns.ObjectAt(addr)
	if o == nil {
		return Match{}, ErrNoAddr
	}
	plt := ""
	if o.plt != nil {
		if slot, ok := o.plt(addr); ok {
			if to := ns.ObjectAt(slot.Bound); slot.Bound != 0 && to != nil {
				plt, addr, o = "PLT=", slot.Bound, to
			} else {
				s := Symbol{Name: slot.Name, Value: addr, Info: 0x12, Section: 1}
				return Match{Symbol: s, Object: o, PLT: "PLT:"}, nil
			}
		}
	}
	if s, k, ok := o.LookupAddr(addr, distance); ok {
		return Match{Symbol: s, Object: o, Kind: k, PLT: plt}, nil
	}
	return Match{}, ErrNoAddr
}

// kernelAddr looks at the table of the whole kernel and, unless a symbol of it
// holds the address, at that of the module there. Which is nearest is decided
// before it is asked whether it reaches the address.
func (ns *Namespace) kernelAddr(addr, distance uint64) (Match, error) {
	s, ok := ns.Kernel.Table(Symtab).ByAddr(addr, distance)
	m := Match{Symbol: s, Object: ns.Kernel, Kind: Symtab}
	if holds := addr-s.Value < max(s.Size, 1); !holds || s.Name == "" {
		if o := ns.ObjectAt(addr); o != nil {
			c, reaches := o.Table(Symtab).ByAddr(addr, distance)
			if c.Name != "" && (s.Name == "" || c.Value > s.Value) {
				m, ok = Match{Symbol: c, Object: o, Kind: Symtab}, reaches
			}
		}
	}
	if !ok {
		return Match{}, ErrNoAddr
	}
	return m, nil
}

// Label is how MDB prints the matched symbol without an offset:
// "main", "libc.so.6`read", "LM1`libc.so.6`read", "PLT=libc.so.6`malloc",
// "PLT:malloc". addr is the address that was looked up.
func (ns *Namespace) Label(m Match, addr uint64) string {
	name := m.Name
	if ns.Demangle {
		name = DemangleAs(name, ns.DemangleFlags)
	}
	if m.PLT == "PLT:" {
		return m.PLT + name
	}
	if m.PLT != "" {
		addr = m.Value
	}
	o := m.Object
	if o == nil || o.Main && (o.Text == Range{} || o.Text.Contains(addr)) {
		return m.PLT + name
	}
	if o.LMID != 0 || ns.ShowLMID {
		return m.PLT + "LM" + strconv.FormatUint(o.LMID, 16) + "`" + o.Name + "`" + name
	}
	return m.PLT + o.Name + "`" + name
}

// Format gives addr as MDB's %a does: "main", "libc.so.6`read+1", or ok false if
// no symbol stands for it. radix is that of the offset, 2 to 16.
func (ns *Namespace) Format(addr, distance uint64, radix int) (text string, ok bool) {
	m, err := ns.LookupAddr(addr, distance)
	if err != nil {
		return "", false
	}
	s := ns.Label(m, addr)
	if off := addr - m.Value; off != 0 && m.PLT == "" {
		s += "+" + Offset(off, radix)
	}
	return s, true
}

// Offset writes n in a radix with MDB's prefix 0i 0o 0t 0x, which is left out
// where a single digit means the same in every base.
func Offset(n uint64, radix int) string {
	s := strconv.FormatUint(n, radix)
	switch {
	case radix == 2 && n > 1:
		return "0i" + s
	case radix == 8 && n > 7:
		return "0o" + s
	case radix == 10 && n > 9:
		return "0t" + s
	case radix == 16 && n > 9:
		return "0x" + s
	}
	return s
}
