package ctf

import (
	"iter"

	"github.com/xmdb/xmdb/core/ctype"
)

// The name spaces.
const (
	nsOther = iota
	nsStruct
	nsUnion
	nsEnum
)

func nameSpace(k ctype.Kind) int {
	switch k {
	case ctype.Struct:
		return nsStruct
	case ctype.Union:
		return nsUnion
	case ctype.Enum:
		return nsEnum
	}
	return nsOther
}

// buildNames makes the tables of names and of pointers.
func (f *File) buildNames() {
	for i := range f.names {
		f.names[i] = map[string]uint32{}
	}
	f.ptrs = map[uint32]uint32{}
	for i, off := range f.offs {
		if r, _, err := f.record(off); err == nil {
			f.addName(&r, f.id(i+1))
		}
	}
	f.anonymousTypedefs()
}

func (f *File) addName(r *record, id uint32) {
	name := f.str(r.name)
	ns := nameSpace(r.kind)
	switch r.kind {
	case ctype.Pointer:
		f.ptrs[r.ref] = id
	case ctype.Array, ctype.Unknown:
		return
	case ctype.Integer, ctype.Float:
		// Bit-fields repeat the names of their base types.
		if _, known := f.names[ns][name]; known && !r.root {
			return
		}
	case ctype.Forward:
		tag := ctype.Struct
		if r.ref == 7 || r.ref == 8 {
			tag = kinds[r.ref]
		}
		ns = nameSpace(tag)
		if _, known := f.names[ns][name]; known {
			return
		}
	}
	if name != "" {
		f.names[ns][name] = id
	}
}

// anonymousTypedefs makes a pointer to a nameless typedef count as one to what
// it stands for.
func (f *File) anonymousTypedefs() {
	for i, off := range f.offs {
		p, ok := f.ptrs[f.id(i+1)]
		if !ok {
			continue
		}
		if r, _, err := f.record(off); err == nil && r.kind == ctype.Typedef && f.str(r.name) == "" {
			f.ptrs[r.ref] = p
		}
	}
}

// Lookup implements ctype.Scope.
func (f *File) Lookup(name string) (*ctype.Type, error) {
	n, err := ctype.ParseName(name)
	if err != nil {
		return nil, err
	}
	if id, ok := f.find(&n); ok {
		return f.Type(id), nil
	}
	if f.parent != nil {
		return f.parent.Lookup(name)
	}
	return nil, ctype.ErrNoType
}

func (f *File) find(n *ctype.Name) (uint32, bool) {
	f.namesOnce.Do(f.buildNames)
	id, ok := f.names[nameSpace(n.Tag)][n.Base]
	if !ok && n.Class {
		id, ok = f.names[nsUnion][n.Base]
	}
	for _, s := range n.Suffix {
		if !ok || s.Kind != ctype.Pointer {
			return 0, false
		}
		id, ok = f.pointerTo(id)
	}
	return id, ok
}

// pointerTo finds the pointer to a type, or to what the type is a typedef of.
func (f *File) pointerTo(id uint32) (uint32, bool) {
	if p, ok := f.ptrs[id]; ok {
		return p, true
	}
	base := f.Type(id).Resolve()
	if base == nil || base.Container() != ctype.Container(f) {
		return 0, false
	}
	p, ok := f.ptrs[uint32(base.ID())]
	return p, ok
}

// All implements ctype.Scope: the root types, in the order of their ids.
func (f *File) All() iter.Seq[*ctype.Type] {
	return func(yield func(*ctype.Type) bool) {
		for i, off := range f.offs {
			if r, _, err := f.record(off); err != nil || !r.root || r.kind == ctype.Unknown {
				continue
			}
			if !yield(f.Type(f.id(i + 1))) {
				return
			}
		}
	}
}
