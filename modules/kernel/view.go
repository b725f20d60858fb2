package kernel

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/value"
)

// View is a kernel's memory, looked at by names.
type View struct {
	W *value.World

	space mem.Space
	view  mem.Viewer // nil if the space is none
	s     *core.Session
	types map[string]*ctype.Type
	lays  map[layKey]any
}

type viewKey struct{}

type layKey struct {
	typ   string
	local reflect.Type
}

// Of gives the session's view.
func Of(s *core.Session) *View {
	v, _ := core.Memo(s, viewKey{}, func() (*View, error) {
		v := &View{W: s.World(), s: s, types: map[string]*ctype.Type{}, lays: map[layKey]any{}}
		v.space = v.W.Space
		if v.space == nil {
			v.space = value.Bytes(nil)
		}
		v.view, _ = v.space.(mem.Viewer)
		return v, nil
	})
	return v
}

// Session is the session the view belongs to.
func (v *View) Session() *core.Session { return v.s }

// Space is the memory the view looks at.
func (v *View) Space() mem.Space { return v.space }

// Type gives a type by name.
func (v *View) Type(name string) (*ctype.Type, error) {
	if t, ok := v.types[name]; ok {
		return t, nil
	}
	t, err := v.s.LookupType(name)
	if err != nil {
		return nil, fmt.Errorf("failed to look up type %s: %w", name, err)
	}
	v.types[name] = t
	return t, nil
}

// TypeOrNil is Type for what is only good to have: the type of a walker's elements.
func (v *View) TypeOrNil(name string) *ctype.Type {
	t, _ := v.Type(name)
	return t
}

// Size is the size of a type in bytes.
func (v *View) Size(name string) (uint64, error) {
	t, err := v.Type(name)
	if err != nil {
		return 0, err
	}
	return v.W.Size(t), nil
}

// Field is where a member lies in an object: bytes from its start, and how many.
type Field struct {
	Off, Size uint64
	signed    bool
}

// OK tells whether the release has the member.
func (f Field) OK() bool { return f.Size != 0 }

// Of takes the number out of an object's bytes; what lies beyond them is zero.
func (f Field) Of(b []byte) uint64 {
	if f.Off+f.Size > uint64(len(b)) {
		return 0
	}
	switch p := b[f.Off:]; f.Size {
	case 8:
		return binary.LittleEndian.Uint64(p)
	case 4:
		if f.signed {
			return uint64(int64(int32(binary.LittleEndian.Uint32(p))))
		}
		return uint64(binary.LittleEndian.Uint32(p))
	case 2:
		if f.signed {
			return uint64(int64(int16(binary.LittleEndian.Uint16(p))))
		}
		return uint64(binary.LittleEndian.Uint16(p))
	case 1:
		if f.signed {
			return uint64(int64(int8(p[0])))
		}
		return uint64(p[0])
	}
	return 0
}

// Text takes a NUL-terminated array of characters out of an object's bytes.
func (f Field) Text(b []byte) string {
	if f.Off+f.Size > uint64(len(b)) {
		return ""
	}
	s, _, _ := strings.Cut(string(b[f.Off:f.Off+f.Size]), "\x00")
	return s
}

// Lay gives the layout L of a type: a structure whose Fields have the names of
// members in `ctf` tags, alternatives separated by bars, ",optional" behind what a
// release need not have. A field of type uint64 tagged "sizeof" gets the type's size.
func Lay[L any](v *View, typ string) (*L, error) {
	key := layKey{typ, reflect.TypeFor[L]()}
	if l, ok := v.lays[key]; ok {
		return l.(*L), nil
	}
	t, err := v.Type(typ)
	if err != nil {
		return nil, err
	}
	l := new(L)
	rv := reflect.ValueOf(l).Elem()
	for i := range rv.NumField() {
		tag, ok := rv.Type().Field(i).Tag.Lookup("ctf")
		if !ok {
			continue
		}
		if tag == "sizeof" {
			rv.Field(i).SetUint(v.W.Size(t))
			continue
		}
		f, err := v.field(t, tag)
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", typ, err)
		}
		rv.Field(i).Set(reflect.ValueOf(f))
	}
	v.lays[key] = l
	return l, nil
}

func (v *View) field(t *ctype.Type, tag string) (Field, error) {
	names, opt, _ := strings.Cut(tag, ",")
	var first error
	for name := range strings.SplitSeq(names, "|") {
		m, err := v.W.At(t, 0).Path(name)
		if err == nil {
			return Field{Off: uint64(m.Addr), Size: m.Size(), signed: m.Signed()}, nil
		}
		if first == nil {
			first = err
		}
	}
	if opt == "optional" {
		return Field{}, nil
	}
	return Field{}, first
}

// Bytes gives n bytes of memory, in buf if they have to be copied (which it may
// have to grow for). They must not be changed. What it gave may be the next call's
// buf: what is memory itself, which must not be written to, has no room behind it,
// and what was copied has.
func (v *View) Bytes(addr, n uint64, buf []byte) ([]byte, error) {
	if v.view != nil {
		if b := v.view.View(mem.Addr(addr), int(n)); b != nil {
			return b[:n:n], nil
		}
	}
	if uint64(cap(buf)) <= n || cap(buf) == len(buf) {
		buf = make([]byte, n, n+1)
	}
	buf = buf[:n]
	return buf, mem.ReadFull(v.space, buf, mem.Addr(addr))
}

// Pointer reads a pointer, or another number of 8 bytes.
func (v *View) Pointer(addr uint64) (uint64, error) {
	return mem.ReadUint(v.space, mem.Addr(addr), 8, v.W.Order)
}

// Text reads a string of at most n bytes.
func (v *View) Text(addr uint64, n int) (string, error) {
	return mem.ReadString(v.space, mem.Addr(addr), n)
}

// Symbol finds a variable of the kernel: that of the module named, where a static of
// another could have the name, else wherever it is.
func (v *View) Symbol(module, name string) (sym.Match, error) {
	ns := v.s.Namespace()
	m, err := ns.LookupName(module, name)
	if err != nil && module != "" {
		m, err = ns.LookupName("", name)
	}
	return m, err
}

// Variable reads a variable of 1, 2, 4 or 8 bytes, unsigned.
func (v *View) Variable(module, name string) (uint64, error) {
	m, err := v.Symbol(module, name)
	if err != nil {
		return 0, err
	}
	n := int(m.Size)
	if n != 1 && n != 2 && n != 4 {
		n = 8
	}
	return mem.ReadUint(v.space, mem.Addr(m.Value), n, v.W.Order)
}

// BadRead is MDB's message for an object that cannot be read.
func BadRead(what string, addr uint64, err error) error {
	return &ReadError{What: what, Addr: addr, Err: err}
}

// ReadError is an object that cannot be read.
type ReadError struct {
	What string
	Addr uint64
	Err  error
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("couldn't read %s at %x: %s", e.What, e.Addr, core.Reason(e.Err))
}
func (e *ReadError) Unwrap() error { return e.Err }

// Failed is a message that ends in the reason of err, as MDB's warnings end in that of
// errno.
func Failed(err error, format string, args ...any) error {
	if err == nil {
		return fmt.Errorf(format, args...)
	}
	return &failure{fmt.Sprintf(format, args...) + ": " + core.Reason(err), err}
}

type failure struct {
	text string
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }
