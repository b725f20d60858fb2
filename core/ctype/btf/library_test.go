package btf

import (
	"bytes"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/xmdb/xmdb/core/ctype"
)

// TestAgainstLibrary compares every type of a kernel with what cilium/ebpf's reader
// says of it.
func TestAgainstLibrary(t *testing.T) {
	b := testKernel(t)
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	f, err := OpenBytes(b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, bad := 0, 0
	for want, err := range spec.All() {
		if err != nil {
			t.Fatal(err)
		}
		if _, void := want.(*btf.Void); void {
			continue
		}
		id, err := spec.TypeID(want)
		if err != nil {
			t.Fatal(err)
		}
		if _, tag := want.(*btf.TypeTag); tag {
			continue
		}
		n++
		if msg := differ(f.typ(uint32(id)), want); msg != "" {
			if bad++; bad < 10 {
				t.Errorf("type %d (%v): %s", id, want, msg)
			}
		}
	}
	if n < 10000 || n > len(f.x.offs) {
		t.Errorf("%d types were compared of %d", n, len(f.x.offs))
	}
}

var kindOf = map[ctype.Kind]func(btf.Type) bool{
	ctype.Pointer:  func(b btf.Type) bool { _, ok := b.(*btf.Pointer); return ok },
	ctype.Volatile: func(b btf.Type) bool { _, ok := b.(*btf.Volatile); return ok },
	ctype.Const:    func(b btf.Type) bool { _, ok := b.(*btf.Const); return ok },
	ctype.Restrict: func(b btf.Type) bool { _, ok := b.(*btf.Restrict); return ok },
	ctype.Forward:  func(b btf.Type) bool { _, ok := b.(*btf.Fwd); return ok },
}

// differ says how a type differs from what the library has; "" if it does not.
func differ(got *ctype.Type, want btf.Type) string {
	switch w := want.(type) {
	case *btf.Struct:
		return differMembers(got, ctype.Struct, w.Name, w.Size, w.Members)
	case *btf.Union:
		return differMembers(got, ctype.Union, w.Name, w.Size, w.Members)
	case *btf.Enum:
		if got.Kind() != ctype.Enum || got.Name() != w.Name || got.Size() != uint64(w.Size) || len(got.Enums()) != len(w.Values) {
			return "another enum"
		}
		for i, v := range w.Values {
			e := got.Enums()[i]
			if e.Name != v.Name || uint64(e.Value)&(1<<(8*w.Size-1)) != v.Value&(1<<(8*w.Size-1)) || uint32(e.Value) != uint32(v.Value) {
				return "enumerator " + v.Name
			}
		}
	case *btf.Int:
		if (got.Kind() != ctype.Integer && got.Kind() != ctype.Float) || got.Size() != uint64(w.Size) ||
			got.Kind() == ctype.Integer && got.Enc().Signed != (w.Encoding == btf.Signed || w.Encoding == btf.Char) {
			return "another integer"
		}
	case *btf.Array:
		if got.Kind() != ctype.Array || got.Count() != uint64(w.Nelems) {
			return "another array"
		}
		return differName(got.Elem(), w.Type)
	case *btf.Typedef:
		if got.Kind() != ctype.Typedef || got.Name() != w.Name {
			return "another typedef"
		}
		return differName(got.Elem(), w.Type)
	case *btf.FuncProto:
		b := got.Body()
		params := len(b.Params)
		if b.Variadic {
			params++
		}
		if got.Kind() != ctype.Function || params != len(w.Params) {
			return "another function"
		}
		for i := range b.Params {
			if b.Params[i].Name != w.Params[i].Name {
				return "parameter " + w.Params[i].Name
			}
			if msg := differName(b.Params[i].Type, w.Params[i].Type); msg != "" {
				return msg
			}
		}
		return differName(b.Elem, w.Return)
	default:
		if is := kindOf[got.Kind()]; is != nil && !is(want) {
			return "is of another kind"
		}
	}
	return ""
}

func differMembers(got *ctype.Type, kind ctype.Kind, name string, size uint32, want []btf.Member) string {
	if got.Kind() != kind || got.Name() != name || got.Size() != uint64(size) || len(got.Members()) != len(want) {
		return "another structure"
	}
	for i, w := range want {
		m := got.Members()[i]
		if m.Name != w.Name || m.Off != uint64(w.Offset) || m.Bits != uint32(w.BitfieldSize) {
			return "member " + w.Name
		}
		if msg := differName(m.Type, w.Type); msg != "" {
			return "member " + w.Name + ": " + msg
		}
	}
	return ""
}

// differName compares types that another refers to by their names.
func differName(got *ctype.Type, want btf.Type) string {
	for {
		tag, ok := want.(*btf.TypeTag)
		if !ok {
			break
		}
		want = tag.Type
	}
	switch want.(type) {
	case nil, *btf.Void:
		if got != nil {
			return "is not void"
		}
		return ""
	case *btf.Int, *btf.Float, *btf.FuncProto:
		return "" // names are spelled otherwise
	}
	if got.Name() != want.TypeName() {
		return "refers to " + got.Name() + ", not " + want.TypeName()
	}
	return ""
}
