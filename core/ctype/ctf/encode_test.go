package ctf

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
)

// describe spells a type with all that its body says, for comparison.
func describe(t *ctype.Type) string {
	b := t.Body()
	s := fmt.Sprintf("%s kind %d size %d enc %+v", t, t.Kind(), t.Size(), b.Enc)
	for _, m := range b.Members {
		s += fmt.Sprintf("\n  %s %s %d:%d", m.Name, m.Type, m.Off, m.Bits)
	}
	for _, e := range b.Enums {
		s += fmt.Sprintf("\n  %s=%d", e.Name, e.Value)
	}
	for _, p := range b.Params {
		s += "\n  " + p.Type.String()
	}
	return s
}

func describeAll(f *File) []string {
	var all []string
	for t := range f.All() {
		all = append(all, describe(t))
	}
	return all
}

func TestEncode(t *testing.T) {
	f := open(t, "prog")
	types := slices.Collect(f.All())
	for _, compress := range []bool{false, true} {
		data, err := Encode(&Content{Types: types, Compress: compress, Labels: []string{"test"}})
		if err != nil {
			t.Fatal(err)
		}
		g, err := Open(data, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(describeAll(f), describeAll(g)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"test"}, g.Labels()); d != "" {
			t.Error(d)
		}
	}
}

func TestParent(t *testing.T) {
	in := ctype.New(nil, 1, ctype.Integer, "int", &ctype.Body{Size: 4, Enc: ctype.Encoding{Signed: true, Bits: 32}})
	data, err := Encode(&Content{Types: []*ctype.Type{in}})
	if err != nil {
		t.Fatal(err)
	}
	parent, err := Open(data, Options{Label: "genunix"})
	if err != nil {
		t.Fatal(err)
	}
	pint, err := parent.Lookup("int")
	if err != nil {
		t.Fatal(err)
	}
	big := ctype.New(nil, 2, ctype.Struct, "big", &ctype.Body{Size: 70000, Members: []ctype.Member{
		{Name: "a", Type: pint}, {Name: "flag", Type: pint, Off: 32, Bits: 3},
		{Name: "z", Type: ctype.Derive(pint, ctype.Pointer, 0), Off: 8 * 69992},
	}})
	fn := ctype.New(nil, 3, ctype.Function, "", &ctype.Body{Elem: pint, Params: []ctype.Param{{Type: pint}}, Variadic: true})
	data, err = Encode(&Content{Types: []*ctype.Type{big}, Parent: parent, ParentName: "genunix",
		Objects: []*ctype.Type{nil, big}, Functions: []*ctype.Type{nil, fn}})
	if err != nil {
		t.Fatal(err)
	}
	syms := []Symbol{{}, {"x", 1, 1, 1}, {"undef", 0, 1, 0}, {"f", 1, 2, 1}, {"y", 1, 1, 1}, {"g", 1, 2, 1}}
	child, err := Open(data, Options{Label: "zfs", Symbols: syms})
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := child.Lookup("struct big")
	if err != nil {
		t.Fatal(err)
	}
	if a, _ := orphan.FindMember("a"); a.Type.Err() == nil {
		t.Error("a type of a missing parent has no error")
	}
	if child, err = Open(data, Options{Label: "zfs", Parent: parent, Symbols: syms}); err != nil {
		t.Fatal(err)
	}
	got, err := child.Lookup("struct big")
	if err != nil {
		t.Fatal(err)
	}
	want := "struct big kind 7 size 70000 enc {Signed:false Char:false Bool:false Varargs:false Float:0 Bits:0 Offset:0}\n" +
		"  a int 0:0\n  flag int:3 32:3\n  z int * 559936:0"
	if d := cmp.Diff(want, describe(got)); d != "" {
		t.Error(d)
	}
	if _, err := child.Lookup("int"); err != nil {
		t.Errorf("a parent's type by name: %v", err)
	}
	if child.ParentName() != "genunix" {
		t.Errorf("parent name %q", child.ParentName())
	}
	y, err := child.SymbolType("y", 1, 4)
	if err != nil || y.String() != "struct big" {
		t.Errorf("y: %v %v", y, err)
	}
	if _, err := child.SymbolType("x", 1, 1); err == nil {
		t.Error("a symbol without data has a type")
	}
	g, err := child.SymbolType("g", 1, 5)
	if err != nil || g.String() != "int ()" || !g.Body().Variadic {
		t.Errorf("g: %v %v", g, err)
	}
}

func FuzzOpen(f *testing.F) {
	file := open(f, "prog")
	data, err := Encode(&Content{Types: slices.Collect(file.All())})
	if err != nil {
		f.Fatal(err)
	}
	z, _ := Encode(&Content{Types: slices.Collect(file.All()), Compress: true})
	f.Add(data)
	f.Add(z)
	f.Add(data[:300])
	syms := []Symbol{{}, {"n1", 1, 1, 1}, {"main", 1, 2, 1}, {"o", 1, 1, 1}}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Open(b, Options{Symbols: syms})
		if err != nil {
			return
		}
		for ty := range g.All() {
			_ = describe(ty)
			_ = ty.Align()
			_, _ = ty.FindMember("next")
			_ = ty.IsFlags()
		}
		for i, s := range syms {
			if ty, err := g.SymbolType(s.Name, s.Value, uint32(i)); err == nil {
				_ = ty.String()
			}
		}
		_, _ = g.Lookup("struct node *")
	})
}
