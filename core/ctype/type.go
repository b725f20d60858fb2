package ctype

import (
	"errors"
	"sync"
)

// Kind says what a Type is. The kinds are CTF's, with Reference, RvalueReference
// and Variant added for what C++ and Rust debug data have beyond C.
type Kind uint8

// Kinds of types.
const (
	Unknown Kind = iota // void has Kind Void; Unknown is a type that could not be decoded
	Void
	Integer // includes char and _Bool: see Encoding
	Float
	Pointer
	Array
	Function
	Struct // C++ and Rust classes too
	Union
	Enum
	Forward // declared, never defined; ForwardKind says as what
	Typedef
	Volatile
	Const
	Restrict
	Atomic
	Reference       // C++ T&
	RvalueReference // C++ T&&
)

// Encoding tells how an Integer or Float is stored.
type Encoding struct {
	Signed  bool
	Char    bool
	Bool    bool
	Varargs bool
	Float   FloatKind
	Bits    uint32 // width of the value; may be less than 8*Size
	Offset  uint32 // bit offset of the value in its storage
}

// FloatKind is the format of a Float.
type FloatKind uint8

// Formats of floating point types.
const (
	NotFloat   FloatKind = iota
	Single               // IEEE 754 binary32
	Double               // IEEE 754 binary64
	LongDouble           // x87 80-bit extended, or binary128, by the target's ABI
	Complex
	Imaginary
)

// Member is a member of a Struct or Union, or a base class (Base set).
type Member struct {
	Name string // "" for an anonymous member
	Type *Type
	Off  uint64 // bit offset from the start of the whole
	Bits uint32 // width of a bit-field; 0 if the member is none
	Base bool   // a C++ base class
}

// Enumerator is a named value of an Enum.
type Enumerator struct {
	Name  string
	Value int64
}

// Param is a parameter of a Function type.
type Param struct {
	Name string
	Type *Type
}

// Body is what a Type holds beyond its name and kind. A decoder fills it.
type Body struct {
	Size     uint64       // bytes; 0 for Void, Function, Forward
	Enc      Encoding     // Integer, Float
	Elem     *Type        // pointee, element, aliased or qualified type, result; nil means void
	Count    uint64       // Array: number of elements
	Flexible bool         // Array without a length
	Index    *Type        // Array: index type, may be nil
	Members  []Member     // Struct, Union
	Enums    []Enumerator // Enum, in declaration order
	Unsigned bool         // Enum whose values are unsigned
	Params   []Param      // Function
	Variadic bool         // Function: ends in ...
	Forward  Kind         // Forward: Struct, Union or Enum
	Variants *Variants    // Rust enums with data: how to tell the active variant
}

// Variants describes a tagged union (DW_TAG_variant_part).
type Variants struct {
	Tag  *Member // discriminant, nil if there is one variant only
	Alts []Alt
}

// Alt is one alternative of Variants.
type Alt struct {
	Values  [][2]uint64 // ranges, inclusive, of discriminant values
	Default bool        // taken when no other alternative matches
	Member  Member
}

// Type is a C-like type. Make one with New or NewLazy.
type Type struct {
	kind Kind
	name string
	id   uint64
	own  Container

	once sync.Once
	fill func() (*Body, error)
	body *Body
	err  error
}

// Container is where a Type was decoded from: a CTF dictionary, a debug file.
type Container interface {
	// Label names the container in messages: an object's name, "(synthetic)".
	Label() string
	// PointerSize is the width of pointers in it, bytes.
	PointerSize() int
}

// ErrIncomplete is returned by a body that could not be decoded.
var ErrIncomplete = errors.New("type data is incomplete")

// New makes a type whose body is known.
func New(c Container, id uint64, k Kind, name string, b *Body) *Type {
	t := &Type{kind: k, name: name, id: id, own: c, body: b}
	t.once.Do(func() {})
	return t
}

// NewLazy makes a type whose body fill decodes when it is first asked for.
// fill may refer to the type itself.
func NewLazy(c Container, id uint64, k Kind, name string, fill func() (*Body, error)) *Type {
	return &Type{kind: k, name: name, id: id, own: c, fill: fill}
}

var emptyBody = &Body{}

func (t *Type) get() *Body {
	if t == nil { // void
		return emptyBody
	}
	t.once.Do(func() {
		t.body, t.err = t.fill()
		t.fill = nil
		if t.body == nil {
			t.body = emptyBody
			if t.err == nil {
				t.err = ErrIncomplete
			}
		}
	})
	return t.body
}

// Err tells why the body of the type could not be decoded, nil if it could.
func (t *Type) Err() error {
	if t == nil {
		return nil
	}
	t.get()
	return t.err
}

// Kind is the kind of the type itself, typedefs and qualifiers not resolved.
func (t *Type) Kind() Kind {
	if t == nil {
		return Void
	}
	return t.kind
}

// Name is the C name without tag keyword; "" if it has none.
func (t *Type) Name() string {
	if t == nil {
		return "void"
	}
	return t.name
}

// ID identifies the type in its container: a CTF type id, a DWARF offset.
func (t *Type) ID() uint64 {
	if t == nil {
		return 0
	}
	return t.id
}

// Container is where the type comes from; nil for built-in types.
func (t *Type) Container() Container {
	if t == nil {
		return nil
	}
	return t.own
}

// Enc is the encoding of an Integer or Float.
func (t *Type) Enc() Encoding { return t.get().Enc }

// Elem is the pointee, element, aliased, qualified or result type; nil is void.
func (t *Type) Elem() *Type {
	if t == nil {
		return nil
	}
	return t.get().Elem
}

// Count is the number of elements of an Array.
func (t *Type) Count() uint64 { return t.get().Count }

// Members are the members of a Struct or Union in declaration order.
func (t *Type) Members() []Member { return t.get().Members }

// Enums are the enumerators of an Enum in declaration order.
func (t *Type) Enums() []Enumerator { return t.get().Enums }

// Body gives everything the type holds. Callers must not change it.
func (t *Type) Body() *Body { return t.get() }
