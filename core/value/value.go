package value

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
)

// Errors of operations that do not fit the type of a value.
var (
	ErrNotInteger = errors.New("expected integer type")
	ErrNotPointer = errors.New("expected pointer type")
	ErrNotArray   = errors.New("expected array type")
	ErrNotFloat   = errors.New("expected floating point type")
	ErrBounds     = errors.New("index is outside of array bounds")
)

// World is what values are read in. The zero World reads nothing.
type World struct {
	Space mem.Space
	Order binary.ByteOrder // nil is little-endian
	// Types completes structures that are declared in one object and defined
	// in another; may be nil.
	Types *ctype.Composite
	// Symbol names an address, for JSON; may be nil. The text printer uses its
	// out.Printer's %a.
	Symbol func(addr uint64) (name string, ok bool)
	// Path gives the number format of array indices in member paths.
	Path ctype.PathOptions
	// Show prints values with Options.Pretty as their language means them; may
	// be nil.
	Show Shower

	forward map[*ctype.Type]*ctype.Type
	plans   map[planKey]*loadPlan // of Load
}

func (w *World) order() binary.ByteOrder {
	if w.Order == nil {
		return binary.LittleEndian
	}
	return w.Order
}

// Resolve strips typedefs and qualifiers and goes from a declaration to the
// definition in whatever object has it.
func (w *World) Resolve(t *ctype.Type) *ctype.Type {
	r := t.Resolve()
	if r.Kind() != ctype.Forward || w.Types == nil {
		return r
	}
	d, known := w.forward[r]
	if !known {
		d = w.Types.Forward(r)
		if w.forward == nil {
			w.forward = map[*ctype.Type]*ctype.Type{}
		}
		w.forward[r] = d
	}
	if d == nil {
		return r
	}
	return d.Resolve()
}

// Size is the size of a type in bytes, of declared structures that of their
// definition.
func (w *World) Size(t *ctype.Type) uint64 { return w.Resolve(t).Size() }

// Compile compiles a member path from a type.
func (w *World) Compile(t *ctype.Type, path string) (*ctype.Path, error) {
	o := w.Path
	o.Forward = func(f *ctype.Type) *ctype.Type {
		if d := w.Resolve(f); d.Kind() != ctype.Forward {
			return d
		}
		return nil
	}
	return ctype.CompilePath(t, path, o)
}

// At is a value of type t at an address.
func (w *World) At(t *ctype.Type, a mem.Addr) Value { return Value{Type: t, W: w, Addr: a} }

// Value is a type at a place.
type Value struct {
	Type  *ctype.Type
	W     *World
	Space mem.Space // nil: the World's
	Addr  mem.Addr
	Off   uint32 // bit offset in the byte at Addr, 0 to 7
	Bits  uint32 // width if it is a bit-field, else 0
}

// Bytes is a Space of a few bytes at address 0, for values that lie nowhere: what
// an address itself means as data.
type Bytes []byte

// ReadAt implements mem.Space.
func (b Bytes) ReadAt(p []byte, a mem.Addr) (int, error) {
	if uint64(a) >= uint64(len(b)) {
		return 0, mem.Fault(a, mem.ErrUnmapped)
	}
	n := copy(p, b[a:])
	if n < len(p) {
		return n, mem.Fault(a+mem.Addr(n), mem.ErrUnmapped)
	}
	return n, nil
}

func (v Value) space() mem.Space {
	if v.Space != nil {
		return v.Space
	}
	if v.W.Space == nil {
		return Bytes(nil)
	}
	return v.W.Space
}

// Base is the type without typedefs and qualifiers.
func (v Value) Base() *ctype.Type { return v.W.Resolve(v.Type) }

// Size is the size of the value in bytes.
func (v Value) Size() uint64 { return v.Base().Size() }

// Member is a member by name, found through anonymous members and base classes.
func (v Value) Member(name string) (Value, error) {
	m, err := v.Base().FindMember(name)
	if err != nil {
		return Value{}, &ctype.NoMemberError{Member: name, Type: v.Type.String(), Err: err}
	}
	return v.sub(&m), nil
}

// sub is the value of a member.
func (v Value) sub(m *ctype.Member) Value {
	v.Type, v.Bits = m.Type, m.Bits
	v.Addr, v.Off = v.Addr+mem.Addr(m.Off/8), uint32(m.Off%8)
	return v
}

// Index is element i of an array, or what lies i elements behind what a pointer
// points to. An array's bounds are not checked: flexible arrays have none.
func (v Value) Index(i uint64) (Value, error) {
	b := v.Base()
	if b.Kind() == ctype.Pointer {
		p, err := v.Deref()
		if err != nil {
			return Value{}, err
		}
		p.Addr += mem.Addr(i * p.Size())
		return p, nil
	}
	if b.Kind() != ctype.Array {
		return Value{}, ErrNotArray
	}
	v.Type, v.Bits, v.Off = b.Elem(), 0, 0
	v.Addr += mem.Addr(i * v.W.Size(v.Type))
	return v, nil
}

// Len is the number of elements of an array, 0 of anything else.
func (v Value) Len() uint64 {
	if b := v.Base(); b.Kind() == ctype.Array {
		return b.Count()
	}
	return 0
}

// Deref is what a pointer points to.
func (v Value) Deref() (Value, error) {
	b := v.Base()
	if !b.Kind().IsPointer() {
		return Value{}, ErrNotPointer
	}
	p, err := v.Uint()
	if err != nil {
		return Value{}, err
	}
	return Value{Type: b.Elem(), W: v.W, Addr: mem.Addr(p)}, nil
}

// Path follows a member path: "a.b->c[3]".
func (v Value) Path(path string) (Value, error) {
	p, err := v.W.Compile(v.Type, path)
	if err != nil {
		return Value{}, err
	}
	a := NewAccess(v.W, p)
	at, sp, err := a.Follow(v.space(), uint64(v.Addr), nil)
	if err != nil {
		return Value{}, err
	}
	return Value{Type: p.Type, W: v.W, Space: sp, Addr: mem.Addr(at), Off: p.Off, Bits: p.Bits}, nil
}

// encoding is that of the value as an integer: of pointers, enums and bit-fields
// too. ok is false for other types.
func (v Value) encoding() (ctype.Encoding, bool) {
	return intEncoding(v.Base(), v.Bits)
}

func intEncoding(b *ctype.Type, bits uint32) (ctype.Encoding, bool) {
	var e ctype.Encoding
	switch k := b.Kind(); {
	case k == ctype.Integer || k == ctype.Enum:
		e = ctype.IntEncoding(b)
	case k.IsPointer():
		e = ctype.Encoding{Bits: uint32(8 * b.Size())}
	case k == ctype.Function:
		e = ctype.Encoding{Bits: 64}
	default:
		return e, false
	}
	if bits != 0 {
		e.Bits = bits
	}
	return e, true
}

// Uint reads an integer, enum, pointer or bit-field, zero-extended to 64 bits.
func (v Value) Uint() (uint64, error) {
	e, ok := v.encoding()
	if !ok {
		return 0, ErrNotInteger
	}
	var buf [9]byte
	return readBits(v.space(), &buf, v.W.order(), uint64(v.Addr), v.Off, e.Bits)
}

// Int is Uint sign-extended if the type is signed.
func (v Value) Int() (int64, error) {
	u, err := v.Uint()
	if err != nil {
		return 0, err
	}
	if e, _ := v.encoding(); e.Signed {
		return signExtend(u, e.Bits), nil
	}
	return int64(u), nil
}

// Signed tells whether the value's type is a signed integer or enum.
func (v Value) Signed() bool {
	e, ok := v.encoding()
	return ok && e.Signed
}

func signExtend(u uint64, bits uint32) int64 {
	if bits == 0 || bits >= 64 {
		return int64(u)
	}
	s := 64 - bits
	return int64(u<<s) >> s
}

// readBits reads bits bits from off bits beyond addr. Offsets count from the low
// end on little-endian machines, from the high end on big-endian ones. Up to 64
// bits are read in up to nine bytes.
func readBits(sp mem.Space, buf *[9]byte, o binary.ByteOrder, addr uint64, off, bits uint32) (uint64, error) {
	n := (off + bits + 7) / 8
	if bits > 64 || n > 9 {
		return 0, fmt.Errorf("read integer: no integer of %d bits", bits)
	}
	if err := mem.ReadFull(sp, buf[:n], mem.Addr(addr)); err != nil {
		return 0, err
	}
	if off == 0 && bits == 8*n {
		return mem.Uint(buf[:n], o), nil
	}
	low := min(n, 8)
	var u uint64
	if o == binary.ByteOrder(binary.BigEndian) {
		u = mem.Uint(buf[:low], o)
		if n == 9 { // off > 0: the ninth byte has the last bits
			return (u<<(off+bits-64) | uint64(buf[8])>>(72-off-bits)) & mask(bits), nil
		}
		return u >> (8*n - off - bits) & mask(bits), nil
	}
	u = mem.Uint(buf[:low], o) >> off
	if n == 9 {
		u |= uint64(buf[8]) << (64 - off)
	}
	return u & mask(bits), nil
}

func mask(bits uint32) uint64 {
	if bits >= 64 {
		return math.MaxUint64
	}
	return 1<<bits - 1
}

// Read reads the value's bytes, at most max of them.
func (v Value) Read(max uint64) ([]byte, error) {
	n := min(v.Size(), max)
	b := make([]byte, n)
	if err := mem.ReadFull(v.space(), b, v.Addr); err != nil {
		return nil, err
	}
	return b, nil
}

// Text reads the string that a character array holds or a pointer points to, up
// to its NUL or max bytes.
func (v Value) Text(max int) (string, error) {
	b := v.Base()
	switch {
	case b.Kind() == ctype.Array:
		n := b.Count()
		if n == 0 || n > uint64(max) { // a flexible array ends at its NUL
			n = uint64(max)
		}
		return mem.ReadString(v.space(), v.Addr, int(n))
	case b.Kind().IsPointer():
		p, err := v.Uint()
		if err != nil {
			return "", err
		}
		return mem.ReadString(v.W.At(nil, 0).space(), mem.Addr(p), max)
	}
	return "", ErrNotArray
}

// EnumName is the name of an enum's value: of flags all names ("PFX_{A|B}").
func (v Value) EnumName() (string, bool) {
	n, err := v.Int()
	if err != nil {
		return "", false
	}
	b := v.Base()
	if s, ok := b.EnumName(n); ok {
		return s, true
	}
	if n != 0 && b.IsFlags() {
		return b.FlagNames(n, false)
	}
	return "", false
}
