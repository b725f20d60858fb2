package sym

import (
	"strings"
	"sync"
)

// Range is a range of addresses, [Base, Base+Size).
type Range struct{ Base, Size uint64 }

// Contains tells whether addr lies in the range.
func (r Range) Contains(addr uint64) bool { return addr-r.Base < r.Size }

// Object is a load object: the program, a library, a kernel module. What it
// holds beyond its name is loaded when it is first asked for.
type Object struct {
	Name    string // base name as MDB prints it before the backquote
	Path    string // as the target names it
	File    string // the file opened for it on this host, "" if none was found
	Base    uint64 // lowest VA
	Size    uint64 // bytes
	Bias    uint64 // VA minus the file's own address
	BuildID string // hex, as wanted by the target; "" if unknown
	FileID  string // hex, of File
	Main    bool   // the executable (MDB's EXEC)
	LMID    uint64 // link map id; 0 is the base link map

	// Ranges are the mapped ranges, ascending. nil means Base and Size: one range.
	Ranges []Range
	// Text is the part of a Main object whose symbols print without its name, as
	// MDB does; a zero Text is the whole object.
	Text Range

	mu     sync.Mutex
	tables [Private + 1]*Table
	asked  [Private + 1]bool
	errs   [Private + 1]error
	load   func(*Object, Kind) (*Table, error)
	plt    func(addr uint64) (PLTSlot, bool)
}

// PLTSlot is one entry of a procedure linkage table.
type PLTSlot struct {
	Name string // the function it is for
	// Bound is the address the slot leads to once the run-time linker has
	// resolved it; 0 before.
	Bound uint64
}

// SetLoader gives the function that loads a table of the object; it is called
// once a kind and may return nil: the object has no such table.
func (o *Object) SetLoader(load func(*Object, Kind) (*Table, error)) { o.load = load }

// SetPLT gives the function that tells which PLT slot lies at an address.
func (o *Object) SetPLT(plt func(addr uint64) (PLTSlot, bool)) { o.plt = plt }

// Table gives the object's table of a kind, loading it on the first call; nil if
// it has none or it cannot be read (see TableErr).
func (o *Object) Table(k Kind) *Table {
	t, _ := o.TableErr(k)
	return t
}

// TableErr is Table with the reason why a table that should be there is not.
func (o *Object) TableErr(k Kind) (*Table, error) {
	if int(k) >= len(o.tables) {
		return nil, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.asked[k] {
		o.asked[k] = true
		if o.load != nil {
			o.tables[k], o.errs[k] = o.load(o, k)
		}
	}
	return o.tables[k], o.errs[k]
}

// Contains tells whether addr is mapped from the object.
func (o *Object) Contains(addr uint64) bool {
	if o.Ranges == nil {
		return addr-o.Base < o.Size
	}
	for _, r := range o.Ranges {
		if r.Contains(addr) {
			return true
		}
	}
	return false
}

// LookupName finds a symbol of the object by its name as in the table: in
// .symtab, else in .dynsym. An undefined symbol of .symtab gives way to a
// defined one of .dynsym.
func (o *Object) LookupName(name string) (Symbol, Kind, bool) {
	s, ok := o.Table(Symtab).ByName(name)
	if ok && s.Defined() {
		return s, Symtab, true
	}
	if d, dok := o.Table(Dynsym).ByName(name); dok && (!ok || d.Defined()) {
		return d, Dynsym, true
	}
	return s, Symtab, ok
}

// LookupAddr finds the symbol that stands for addr: of the one in .symtab and
// the one in .dynsym the closer, or the preferred one of two equals.
func (o *Object) LookupAddr(addr, distance uint64) (Symbol, Kind, bool) {
	st, dt := o.Table(Symtab), o.Table(Dynsym)
	s, ok := st.ByAddr(addr, distance)
	d, dok := dt.ByAddr(addr, distance)
	switch {
	case !ok:
		return d, Dynsym, dok
	case !dok, s.Value > d.Value:
		return s, Symtab, true
	case d.Value > s.Value, dt.prefers(&d, &s):
		return d, Dynsym, true
	}
	return s, Symtab, true
}

// prefers tells whether a is preferred to b, of one value, by t's rule.
func (t *Table) prefers(a, b *Symbol) bool {
	x, y := *a, *b
	x.Index, y.Index = 0, 0
	if t.src.Rule != RuleKernel {
		return preferProcess(&x, x.Name, &y, y.Name) < 0
	}
	return preferKernel(&x, x.Name, &y, y.Name) < 0
}

// answers tells whether name means this object: its path or base name in full.
func (o *Object) answers(name string) bool {
	return name == o.Name || name == o.Path || name == baseName(o.Path)
}

// answersPart tells whether name is the base name up to one of its dots: libc,
// libc.so for libc.so.6.
func (o *Object) answersPart(name string) bool {
	for _, b := range [...]string{o.Name, baseName(o.Path)} {
		if len(b) > len(name) && strings.HasPrefix(b, name) && b[len(name)] == '.' {
			return true
		}
	}
	return false
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
