package golang

import (
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/value"
)

// typeHeader is what every run-time type begins with (internal/abi.Type).
type typeHeader struct {
	Size  uint64 `ctf:"Size_"`
	TFlag uint8  `ctf:"TFlag"`
	Kind  uint8  `ctf:"Kind_"`
	Str   int32  `ctf:"Str"`
	Align uint8  `ctf:"Align_"`
	Hash  uint32 `ctf:"Hash"`
}

// Bits of typeHeader: internal/abi/type.go.
const (
	tflagExtraStar = 1 << 1
	tflagNamed     = 1 << 2
	tflagDirect    = 1 << 5 // Go 1.26
	kindDirect     = 1 << 5 // before Go 1.26
	kindMask       = 1<<5 - 1
)

// Bounds of what is believed of run-time types.
const (
	maxTypeName = 4096 // bytes
	maxFields   = 1 << 14
	maxTypeSize = 1 << 40 // bytes
)

// fromRuntime makes a Go type of the run-time type data at an address, as the
// words of an interface lead to it.
func (tt *typeTable) fromRuntime(addr uint64) (*goType, error) {
	if t, ok := tt.runtime[addr]; ok {
		return t, nil
	}
	v, err := tt.r.at(addr, "internal/abi.Type", "runtime._type")
	if err != nil {
		return nil, err
	}
	var h typeHeader
	if err := value.Load(v, &h); err != nil {
		return nil, fmt.Errorf("read type at %#x: %w", addr, err)
	}
	k := kind(h.Kind & kindMask)
	if k == kindInvalid || k >= kindEnd || h.Size > maxTypeSize || h.Align == 0 || h.Align&(h.Align-1) != 0 {
		return nil, fmt.Errorf("no type at %#x: kind %d, %d bytes, alignment %d", addr, k, h.Size, h.Align)
	}
	name, err := tt.typeName(addr, &h)
	if err != nil {
		return nil, err
	}
	if len(tt.runtime) > maxTypes {
		clear(tt.runtime)
	}
	t := &goType{
		name: name, kind: k, size: h.Size, addr: addr, named: h.TFlag&tflagNamed != 0,
		direct: h.Kind&kindDirect != 0 || h.TFlag&tflagDirect != 0,
	}
	t.fill = func() { t.bad = tt.complete(t) }
	tt.runtime[addr] = t
	return t, nil
}

// typeName reads the name of a type, an offset from where the types of its module
// begin.
func (tt *typeTable) typeName(addr uint64, h *typeHeader) (string, error) {
	md, err := tt.r.moduleOf(addr)
	if err != nil {
		return "", fmt.Errorf("no type at %#x: %w", addr, err)
	}
	name, _, err := tt.name(md.Types + uint64(int64(h.Str)))
	if err != nil {
		return "", fmt.Errorf("read name of the type at %#x: %w", addr, err)
	}
	if h.TFlag&tflagExtraStar != 0 && len(name) > 1 && name[0] == '*' {
		name = name[1:]
	}
	return name, nil
}

// name reads an internal/abi.Name: a byte of flags, the length as a varint, the
// text. embedded is one of the flags.
func (tt *typeTable) name(addr uint64) (s string, embedded bool, err error) {
	if addr == 0 {
		return "", false, nil
	}
	var b [4]byte
	if err := tt.r.read(b[:], addr); err != nil {
		return "", false, err
	}
	n, used := uint64(0), 0
	for i := range 3 {
		n |= uint64(b[1+i]&0x7f) << (7 * i)
		if b[1+i]&0x80 == 0 {
			used = i + 1
			break
		}
	}
	if used == 0 || n > maxTypeName {
		return "", false, fmt.Errorf("name at %#x has no believable length", addr)
	}
	text := make([]byte, n)
	err = tt.r.read(text, addr+1+uint64(used))
	return string(text), b[0]&(1<<3) != 0, err
}

// load fills dst from the run-time type of a kind at an address.
func (tt *typeTable) load(addr uint64, dst any, names ...string) error {
	v, err := tt.r.at(addr, names...)
	if err != nil {
		return err
	}
	if err := value.Load(v, dst); err != nil {
		return fmt.Errorf("read type at %#x: %w", addr, err)
	}
	return nil
}

// complete reads what a type is made of.
func (tt *typeTable) complete(t *goType) (err error) {
	switch t.kind {
	case kindPointer:
		t.elem, err = tt.elemOf(t.addr, "internal/abi.PtrType")
	case kindSlice:
		t.elem, err = tt.elemOf(t.addr, "internal/abi.SliceType")
	case kindChan:
		t.elem, err = tt.elemOf(t.addr, "internal/abi.ChanType")
	case kindArray:
		var a struct {
			Elem uint64 `ctf:"Elem"`
			Len  uint64 `ctf:"Len"`
		}
		if err = tt.load(t.addr, &a, "internal/abi.ArrayType"); err == nil {
			t.n = a.Len
			t.elem, err = tt.fromRuntime(a.Elem)
		}
		if err == nil && (t.elem.size != 0 && t.n > t.size/t.elem.size) {
			err = fmt.Errorf("array type at %#x has %d elements in %d bytes", t.addr, t.n, t.size)
		}
	case kindMap:
		err = tt.completeMap(t)
	case kindStruct:
		err = tt.completeStruct(t)
	case kindInterface:
		var i struct {
			Methods sliceHeader `ctf:"Methods"`
		}
		if err = tt.load(t.addr, &i, "internal/abi.InterfaceType"); err == nil {
			t.methods = i.Methods.Len > 0
		}
	}
	return err
}

func (tt *typeTable) elemOf(addr uint64, name string) (*goType, error) {
	var e struct {
		Elem uint64 `ctf:"Elem"`
	}
	if err := tt.load(addr, &e, name); err != nil {
		return nil, err
	}
	return tt.fromRuntime(e.Elem)
}

func (tt *typeTable) completeMap(t *goType) error {
	var m struct {
		Key   uint64 `ctf:"Key"`
		Elem  uint64 `ctf:"Elem"`
		Group uint64 `ctf:"Group|Bucket"` // Go 1.24, before
	}
	// Go 1.24 and 1.25 have both kinds of map in the source, one in the program.
	err := tt.load(t.addr, &m, "internal/abi.SwissMapType", "internal/abi.MapType", "internal/abi.OldMapType")
	if err != nil {
		return err
	}
	if t.key, err = tt.fromRuntime(m.Key); err != nil {
		return err
	}
	if t.elem, err = tt.fromRuntime(m.Elem); err != nil {
		return err
	}
	t.group, err = tt.fromRuntime(m.Group)
	return err
}

func (tt *typeTable) completeStruct(t *goType) error {
	var s struct {
		Fields sliceHeader `ctf:"Fields"`
	}
	if err := tt.load(t.addr, &s, "internal/abi.StructType"); err != nil {
		return err
	}
	if err := s.Fields.check(maxFields); err != nil {
		return fmt.Errorf("read fields of the type at %#x: %w", t.addr, err)
	}
	ft, err := tt.r.typeNamed("internal/abi.StructField")
	if err != nil {
		return err
	}
	for i := range uint64(s.Fields.Len) {
		var f struct {
			Name   uint64 `ctf:"Name.Bytes"`
			Type   uint64 `ctf:"Typ"`
			Offset uint64 `ctf:"Offset"`
		}
		v := tt.r.w.At(ft, mem.Addr(s.Fields.Array+i*ft.Size()))
		if err := value.Load(v, &f); err != nil {
			return fmt.Errorf("read field %d of the type at %#x: %w", i, t.addr, err)
		}
		typ, err := tt.fromRuntime(f.Type)
		if err != nil {
			return err
		}
		name, embedded, err := tt.name(f.Name)
		if err != nil {
			return err
		}
		if f.Offset > t.size || typ.size > t.size-f.Offset {
			return fmt.Errorf("field %s of the type at %#x lies outside of it", name, t.addr)
		}
		t.fields = append(t.fields, goField{name: name, off: f.Offset, typ: typ, embedded: embedded})
	}
	return nil
}

// itab reads the types of an itab: that of the interface and of what it holds.
func (r *goRuntime) itab(addr uint64) (inter, typ uint64, err error) {
	var t struct {
		Inter uint64 `ctf:"Inter|inter"` // Go 1.22 has runtime.itab
		Type  uint64 `ctf:"Type|_type"`
	}
	v, err := r.at(addr, "internal/abi.ITab", "runtime.itab")
	if err != nil {
		return 0, 0, err
	}
	if err := value.Load(v, &t); err != nil {
		return 0, 0, fmt.Errorf("read itab at %#x: %w", addr, err)
	}
	return t.Inter, t.Type, nil
}
