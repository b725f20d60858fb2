package ctype

// maxChain bounds the chains of typedefs, qualifiers and anonymous members that
// are followed: type data is not trusted to be free of loops.
const maxChain = 64

// maxVisits bounds how many structures are looked into to find a member or an
// alignment: types that contain each other twice over multiply with each level.
const maxVisits = 10000

// isAlias tells the kinds that only name or qualify another type.
func (k Kind) isAlias() bool {
	switch k {
	case Typedef, Volatile, Const, Restrict, Atomic:
		return true
	}
	return false
}

// IsStruct tells structs, unions and classes.
func (k Kind) IsStruct() bool { return k == Struct || k == Union }

// IsPointer tells pointers and references.
func (k Kind) IsPointer() bool { return k == Pointer || k == Reference || k == RvalueReference }

// Resolve strips typedefs and qualifiers. A chain that loops gives a type of
// Kind Unknown. nil (void) stays nil.
func (t *Type) Resolve() *Type {
	for range maxChain {
		if t == nil || !t.kind.isAlias() {
			return t
		}
		t = t.get().Elem
	}
	return New(nil, 0, Unknown, "", &Body{})
}

// ptrSize is the width of a pointer in the container of t, bytes.
func (t *Type) ptrSize() uint64 {
	if t.own != nil {
		if n := t.own.PointerSize(); n > 0 {
			return uint64(n)
		}
	}
	return 8
}

// Size is the size of a value of the type in bytes: typedefs are followed, an
// array is its elements. Functions, void and undefined structures have size 0.
func (t *Type) Size() uint64 {
	t = t.Resolve()
	n := uint64(1)
	for range maxChain {
		if t == nil {
			return 0
		}
		b := t.get()
		switch {
		case t.kind.IsPointer():
			if b.Size != 0 {
				return mul(n, b.Size)
			}
			return mul(n, t.ptrSize())
		case t.kind == Array:
			if b.Size != 0 {
				return mul(n, b.Size)
			}
			n, t = mul(n, b.Count), b.Elem.Resolve()
		case t.kind == Function || t.kind == Forward:
			return 0
		default:
			return mul(n, b.Size)
		}
	}
	return 0
}

// mul multiplies sizes; what overflows is a nonsensical size and counts as 0.
func mul(a, b uint64) uint64 {
	if a != 0 && b > 1<<62/a {
		return 0
	}
	return a * b
}

// Align is the natural alignment of the type in bytes, at least 1: of a scalar
// its size (at most 16), of an aggregate that of its most aligned member.
func (t *Type) Align() uint64 {
	budget := maxVisits
	return t.align(0, &budget)
}

func (t *Type) align(depth int, budget *int) uint64 {
	t = t.Resolve()
	if *budget--; t == nil || depth > maxChain || *budget < 0 {
		return 1
	}
	switch t.kind {
	case Array:
		return t.Elem().align(depth+1, budget)
	case Struct, Union:
		most := uint64(1)
		for _, m := range t.Members() {
			most = max(most, m.Type.align(depth+1, budget))
		}
		return most
	}
	n := min(t.Size(), 16)
	for n&(n-1) != 0 {
		n &= n - 1 // the largest power of two that is not above the size
	}
	return max(n, 1)
}

// FindMember finds a member by name, looking through anonymous members and base
// classes. The offset in the result counts from the start of t. ErrNotStruct if
// t has no members, ErrNoMember if none has the name.
func (t *Type) FindMember(name string) (Member, error) {
	r := t.Resolve()
	if r == nil || !r.kind.IsStruct() {
		return Member{}, ErrNotStruct
	}
	budget := maxVisits
	if m, ok := r.findMember(name, 0, &budget); ok {
		return m, nil
	}
	return Member{}, ErrNoMember
}

func (t *Type) findMember(name string, depth int, budget *int) (Member, bool) {
	if *budget--; depth > maxChain || *budget < 0 {
		return Member{}, false
	}
	for _, m := range t.Members() {
		if m.Name == name {
			return m, true
		}
		if m.Name != "" && !m.Base {
			continue
		}
		in := m.Type.Resolve()
		if in == nil || !in.kind.IsStruct() {
			continue
		}
		if found, ok := in.findMember(name, depth+1, budget); ok {
			found.Off += m.Off
			return found, true
		}
	}
	if v := t.get().Variants; v != nil {
		return v.find(name, depth, budget)
	}
	return Member{}, false
}

// find looks for a member of a tagged union: the discriminant, an alternative by
// its name, or a member of one.
func (v *Variants) find(name string, depth int, budget *int) (Member, bool) {
	if v.Tag != nil && v.Tag.Name == name {
		return *v.Tag, true
	}
	for _, a := range v.Alts {
		if a.Member.Name == name {
			return a.Member, true
		}
	}
	for _, a := range v.Alts {
		in := a.Member.Type.Resolve()
		if in == nil || !in.kind.IsStruct() {
			continue
		}
		if found, ok := in.findMember(name, depth+1, budget); ok {
			found.Off += a.Member.Off
			return found, true
		}
	}
	return Member{}, false
}

// Active finds the alternative for a value of the discriminant.
func (v *Variants) Active(tag uint64) (*Alt, bool) {
	var other *Alt
	for i := range v.Alts {
		a := &v.Alts[i]
		for _, r := range a.Values {
			if r[0] <= tag && tag <= r[1] {
				return a, true
			}
		}
		if a.Default || v.Tag == nil {
			other = a
		}
	}
	return other, other != nil
}

// Encoding is the storage of an integer or enum member: the member's own width
// if it is a bit-field, else the type's.
func (m *Member) Encoding() Encoding {
	e := IntEncoding(m.Type)
	if m.Bits != 0 {
		e.Bits = m.Bits
	}
	return e
}

// IntEncoding is the encoding of an integer type; an enum counts as an integer
// of its size.
func IntEncoding(t *Type) Encoding {
	t = t.Resolve()
	if t == nil {
		return Encoding{}
	}
	b := t.get()
	e := b.Enc
	if t.kind == Enum {
		e = Encoding{Signed: !b.Unsigned, Bits: uint32(8 * b.Size)}
	}
	return e
}

// IsChar tells MDB's notion of a character: an 8-bit signed char.
func (e Encoding) IsChar() bool { return e.Char && e.Signed && e.Bits == 8 }

// IsBitField tells whether a value of this encoding at the bit offset off has to
// be shifted and masked out of its bytes: it is not 1, 2, 4 or 8 whole bytes.
func (e Encoding) IsBitField(off uint64) bool {
	n := e.Bits / 8
	return e.Bits%8 != 0 || off%8 != 0 || n > 8 || n&(n-1) != 0
}
