package dwarf

import (
	stddwarf "debug/dwarf"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
)

// typeKey names a type: a DIE and, for arrays of several dimensions, the
// dimension from which on it is meant.
type typeKey struct {
	at  ref
	dim uint8
}

const dimShift = 56

func (k typeKey) id() uint64 { return uint64(k.dim)<<dimShift | uint64(k.at) }

// refOfID is the DIE of a type's ID.
func refOfID(id uint64) ref { return ref(id & (1<<dimShift - 1)) }

// maxTypes bounds the types that are remembered, so that a walk over everything
// does not keep everything. Types in use stay valid.
const maxTypes = 1 << 18

// typeAt gives the type that a DIE describes. What cannot be read is a type of
// Kind Unknown whose Err tells why. A type of void is nil.
func (d *Data) typeAt(near *unit, r ref) *ctype.Type { return d.typeDepth(near, r, 0) }

// maxIndirect bounds the DIEs that merely point to the DIE of a type.
const maxIndirect = 32

func (d *Data) typeDepth(near *unit, r ref, depth int) *ctype.Type {
	if r&inAlt != 0 {
		alt, err := d.supplementary()
		if err != nil {
			return d.unknown(r, err)
		}
		return alt.typeDepth(nil, r&^inAlt, depth)
	}
	k := typeKey{at: r}
	d.typesMu.Lock()
	t, ok := d.made[k]
	d.typesMu.Unlock()
	if ok {
		return t
	}
	var e die
	var err error
	if near != nil {
		e, err = d.dieNear(near, r)
	} else {
		e, err = d.die(r)
	}
	switch {
	case err != nil:
		t = d.unknown(r, err)
	case depth > maxIndirect:
		t = d.unknown(r, fmt.Errorf("type at %#x is defined by itself", r.offset()))
	default:
		t = d.makeType(e, depth)
	}
	return d.keep(k, t)
}

func (d *Data) keep(k typeKey, t *ctype.Type) *ctype.Type {
	d.typesMu.Lock()
	defer d.typesMu.Unlock()
	if old, ok := d.made[k]; ok {
		return old
	}
	if len(d.made) >= maxTypes {
		clear(d.made)
	}
	d.made[k] = t
	return t
}

func (d *Data) unknown(r ref, err error) *ctype.Type {
	return ctype.NewLazy(d, uint64(r), ctype.Unknown, "", func() (*ctype.Body, error) { return nil, err })
}

// typeOf gives the type in DW_AT_type; nil, void, if there is none.
func (e die) typeOf() *ctype.Type { return e.typeOfDepth(0) }

func (e die) typeOfDepth(depth int) *ctype.Type {
	at, v, ok := e.inherited(stddwarf.AttrType)
	if !ok {
		return nil
	}
	r, err := at.u.ref(v)
	if err != nil {
		return e.u.d.unknown(e.ref(), err)
	}
	return at.u.d.typeDepth(at.u, r, depth) // at may be in the supplementary file
}

// lazy makes a type whose body is filled from its DIE, which is read again by
// then: a type does not keep its unit in memory.
func (d *Data) lazy(e die, k ctype.Kind, name string, fill func(die) (*ctype.Body, error)) *ctype.Type {
	r := e.ref()
	return ctype.NewLazy(d, uint64(r), k, name, func() (*ctype.Body, error) {
		e, err := d.die(r)
		if err != nil {
			return nil, err
		}
		return fill(e)
	})
}

// makeType makes the type of a DIE. Only what its kind and name depend on is
// read now.
func (d *Data) makeType(e die, depth int) *ctype.Type {
	if k, ok := aliasKinds[e.tag()]; ok {
		return d.lazy(e, k, "", fillAlias)
	}
	switch e.tag() {
	case stddwarf.TagBaseType:
		return d.baseType(e)
	case stddwarf.TagTypedef, stddwarf.TagTemplateAlias:
		return d.lazy(e, ctype.Typedef, e.qualifiedName(), fillAlias)
	case stddwarf.TagPointerType:
		return d.lazy(e, ctype.Pointer, "", fillPointer)
	case stddwarf.TagReferenceType:
		return d.lazy(e, ctype.Reference, "", fillPointer)
	case stddwarf.TagRvalueReferenceType:
		return d.lazy(e, ctype.RvalueReference, "", fillPointer)
	case stddwarf.TagPtrToMemberType:
		return d.pointerToMember(e)
	case stddwarf.TagStructType, stddwarf.TagClassType, stddwarf.TagInterfaceType:
		return d.tagged(e, ctype.Struct, depth, fillStruct)
	case stddwarf.TagUnionType:
		return d.tagged(e, ctype.Union, depth, fillStruct)
	case stddwarf.TagEnumerationType:
		return d.tagged(e, ctype.Enum, depth, fillEnum)
	case stddwarf.TagArrayType:
		return d.array(e, 0)
	case stddwarf.TagSubroutineType, stddwarf.TagSubprogram:
		return d.lazy(e, ctype.Function, "", fillFunction)
	case stddwarf.TagUnspecifiedType:
		return d.unspecified(e)
	case stddwarf.TagSubrangeType, stddwarf.TagPackedType, stddwarf.TagSharedType, tagImmutableType:
		return e.typeOfDepth(depth + 1)
	}
	size, _ := e.uint(stddwarf.AttrByteSize)
	return ctype.NewLazy(d, uint64(e.ref()), ctype.Unknown, e.name(), func() (*ctype.Body, error) {
		return &ctype.Body{Size: size}, fmt.Errorf("type of unknown kind %v", e.tag())
	})
}

const tagImmutableType tag = 0x4b

var aliasKinds = map[tag]ctype.Kind{
	stddwarf.TagConstType:    ctype.Const,
	stddwarf.TagVolatileType: ctype.Volatile,
	stddwarf.TagRestrictType: ctype.Restrict,
	stddwarf.TagAtomicType:   ctype.Atomic,
}

func fillAlias(e die) (*ctype.Body, error) { return &ctype.Body{Elem: e.typeOf()}, nil }

func fillPointer(e die) (*ctype.Body, error) {
	size, ok := e.uint(stddwarf.AttrByteSize)
	if !ok {
		size = uint64(e.u.enc.addrSize)
	}
	return &ctype.Body{Size: size, Elem: e.typeOf()}, nil
}

// unspecified makes the type of nullptr, and void for others: what a language
// has no name for, Rust's never type.
func (d *Data) unspecified(e die) *ctype.Type {
	name := e.name()
	if !strings.Contains(name, "nullptr") {
		return ctype.New(d, uint64(e.ref()), ctype.Void, name, &ctype.Body{})
	}
	p := ctype.New(d, uint64(e.ref()), ctype.Pointer, "", &ctype.Body{Size: uint64(e.u.enc.addrSize)})
	return ctype.New(d, uint64(e.ref()), ctype.Typedef, name, &ctype.Body{Elem: p})
}

// pointerToMember makes the type of a C++ pointer to a member as the Itanium
// ABI stores it: an offset, or for functions a pair of words.
func (d *Data) pointerToMember(e die) *ctype.Type {
	id, size := uint64(e.ref()), uint64(e.u.enc.addrSize)
	word := ctype.New(d, id, ctype.Integer, "ptrdiff_t", &ctype.Body{
		Size: size, Enc: ctype.Encoding{Signed: true, Bits: uint32(8 * size)}})
	if t := e.typeOf(); t.Resolve().Kind() != ctype.Function {
		return word
	}
	return ctype.New(d, id, ctype.Struct, "", &ctype.Body{Size: 2 * size, Members: []ctype.Member{
		{Name: "ptr", Type: word}, {Name: "adj", Type: word, Off: 8 * size},
	}})
}

// tagged makes a struct, union or enum. A declaration stands for its definition
// elsewhere in the file, if there is one.
func (d *Data) tagged(e die, k ctype.Kind, depth int, fill func(die) (*ctype.Body, error)) *ctype.Type {
	// GCC does not always mark what stands for a type unit as a declaration.
	if r, ok, err := e.refAttr(stddwarf.AttrSignature); ok {
		if err != nil {
			return d.unknown(e.ref(), err)
		}
		return d.typeDepth(nil, r, depth+1)
	}
	name := e.qualifiedName()
	if !e.flag(stddwarf.AttrDeclaration) {
		return d.lazy(e, k, name, fill)
	}
	if r, ok := d.definition(classOf(e.tag()), name); ok && r != e.ref() {
		return d.typeDepth(nil, r, depth+1)
	}
	return ctype.New(d, uint64(e.ref()), ctype.Forward, name, &ctype.Body{Forward: k})
}

// definition finds the definition of a declared type. Failure to build the index
// (the user cancelled) leaves it unresolved.
func (d *Data) definition(c class, name string) (ref, bool) {
	if name == "" {
		return 0, false
	}
	if r, ok := d.accelDefinition(c, name); ok {
		return r, true
	}
	x, err := d.names(d.context())
	if err != nil {
		return 0, false
	}
	if r, ok := d.definitionIn(x, c, name); ok {
		return r, true
	}
	if alt, err := d.supplementary(); err == nil {
		r, ok := alt.definition(c, name)
		return r | inAlt, ok
	}
	return 0, false
}

// definitionIn finds the definition of a type in an index.
func (d *Data) definitionIn(x *index, c class, name string) (ref, bool) {
	for _, e := range x.find(hashName(hashStart, name), func(k class) bool { return k&(classMask|classDeclared) == c }) {
		if d.isNamed(e, name) {
			return e.ref(), true
		}
	}
	return 0, false
}

// isNamed makes sure that an entry of the index is what it was looked up as: an
// index from the cache may belong to another file after all.
func (d *Data) isNamed(x entry, name string) bool {
	e, err := d.die(x.ref())
	if err != nil {
		return false
	}
	c := x.class() & classMask
	switch {
	case c == classFunction:
		return e.tag() == stddwarf.TagSubprogram && e.fullName() == name
	case c == classVariable:
		return e.tag() == stddwarf.TagVariable && e.fullName() == name
	case classOf(e.tag()) != c:
		return false
	}
	n := e.qualifiedName()
	return n == name || e.tag() == stddwarf.TagBaseType && ctype.CanonicalBase(n) == name
}
