package ctype

import (
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	tInt  = New(nil, 1, Integer, "int", &Body{Size: 4, Enc: Encoding{Signed: true, Bits: 32}})
	tChar = New(nil, 2, Integer, "char", &Body{Size: 1, Enc: Encoding{Signed: true, Char: true, Bits: 8}})
)

func ptr(t *Type) *Type              { return Derive(t, Pointer, 0) }
func arr(t *Type, n uint64) *Type    { return Derive(t, Array, n) }
func fn(t *Type) *Type               { return New(nil, 0, Function, "", &Body{Elem: t}) }
func qual(k Kind, t *Type) *Type     { return New(nil, 0, k, "", &Body{Elem: t}) }
func def(name string, t *Type) *Type { return New(nil, 0, Typedef, name, &Body{Elem: t}) }

func TestString(t *testing.T) {
	for want, ty := range map[string]*Type{
		"int":                  tInt,
		"void":                 nil,
		"void *":               ptr(nil),
		"char **":              ptr(ptr(tChar)),
		"const char *":         ptr(qual(Const, tChar)),
		"char *const":          qual(Const, ptr(tChar)),
		"char *const [3]":      arr(qual(Const, ptr(tChar)), 3),
		"const char [9]":       qual(Const, arr(qual(Const, tChar), 9)),
		"const char *const *":  ptr(qual(Const, qual(Const, ptr(qual(Const, tChar))))),
		"const volatile int":   qual(Const, qual(Volatile, tInt)),
		"int [2][3]":           arr(arr(tInt, 3), 2),
		"int (*)()":            ptr(fn(tInt)),
		"int ()":               fn(tInt),
		"int (*)[4]":           ptr(arr(tInt, 4)),
		"int (*[4])()":         arr(ptr(fn(tInt)), 4),
		"char *()":             fn(ptr(tChar)),
		"struct node *":        ptr(New(nil, 0, Struct, "node", &Body{})),
		"union ":               New(nil, 0, Union, "", &Body{}),
		"enum color":           New(nil, 0, Enum, "color", &Body{}),
		"struct fwd":           New(nil, 0, Forward, "fwd", &Body{Forward: Struct}),
		"size_t":               def("size_t", tInt),
		"struct ns::v<int> &":  Derive(New(nil, 0, Struct, "ns::v<int>", &Body{}), Reference, 0),
		"struct ns::v<int> &&": Derive(New(nil, 0, Struct, "ns::v<int>", &Body{}), RvalueReference, 0),
	} {
		if got := ty.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	loop := NewLazy(nil, 0, Typedef, "t", nil)
	loop.fill = func() (*Body, error) { return &Body{Elem: ptr(loop)}, nil }
	if got := loop.String(); got != "t" {
		t.Errorf("loop: %q", got)
	}
	anon := NewLazy(nil, 0, Typedef, "", nil)
	anon.fill = func() (*Body, error) { return &Body{Elem: anon}, nil }
	if got := anon.String(); got != "(?)" {
		t.Errorf("anonymous loop: %q", got)
	}
	if k := anon.Resolve().Kind(); k != Unknown {
		t.Errorf("a typedef of itself resolves to kind %d", k)
	}
}

func TestSizeAlign(t *testing.T) {
	s := New(nil, 0, Struct, "s", &Body{Size: 24, Members: []Member{
		{Name: "c", Type: tChar}, {Name: "p", Type: ptr(tInt), Off: 64}, {Name: "a", Type: arr(tChar, 3), Off: 128},
	}})
	huge := arr(arr(tInt, 1<<40), 1<<40)
	for _, tc := range []struct {
		t           *Type
		size, align uint64
	}{
		{tInt, 4, 4}, {ptr(nil), 8, 8}, {arr(tInt, 3), 12, 4}, {s, 24, 8}, {def("s_t", arr(s, 2)), 48, 8},
		{nil, 0, 1}, {fn(tInt), 0, 1}, {huge, 0, 4},
	} {
		if tc.t.Size() != tc.size || tc.t.Align() != tc.align {
			t.Errorf("%s: size %d align %d, want %d %d", tc.t, tc.t.Size(), tc.t.Align(), tc.size, tc.align)
		}
	}
}

func TestFindMember(t *testing.T) {
	in := New(nil, 0, Union, "", &Body{Size: 4, Members: []Member{{Name: "i", Type: tInt}, {Name: "c", Type: tChar, Off: 8}}})
	base := New(nil, 0, Struct, "base", &Body{Size: 4, Members: []Member{{Name: "b", Type: tInt}}})
	s := New(nil, 0, Struct, "s", &Body{Size: 16, Members: []Member{
		{Name: "base", Type: base, Base: true}, {Name: "a", Type: tInt, Off: 32}, {Type: in, Off: 64},
		{Name: "f", Type: tInt, Off: 99, Bits: 5},
	}})
	for name, off := range map[string]uint64{"b": 0, "a": 32, "i": 64, "c": 72, "f": 99, "base": 0} {
		m, err := s.FindMember(name)
		if err != nil || m.Off != off {
			t.Errorf("%s: %d %v, want %d", name, m.Off, err, off)
		}
	}
	if _, err := s.FindMember("x"); err != ErrNoMember {
		t.Errorf("x: %v", err)
	}
	if _, err := tInt.FindMember("x"); err != ErrNotStruct {
		t.Errorf("int: %v", err)
	}
}

func enum(vals ...any) *Type {
	b := &Body{Size: 4}
	for i := 0; i < len(vals); i += 2 {
		b.Enums = append(b.Enums, Enumerator{vals[i].(string), int64(vals[i+1].(int))})
	}
	return New(nil, 0, Enum, "e", b)
}

func TestFlags(t *testing.T) {
	f := enum("PFX_NONE", 0, "PFX_A", 1, "PFX_B", 2, "PFX_B2", 2, "PFX_C", 4)
	for v, want := range map[int64]string{
		0: "0", 1: "PFX_A", 2: "PFX_B", 3: "PFX_{A|B}", 7: "PFX_{A|B|C}", 0x10: "0x10", 0x11: "PFX_A|0x10",
		0x13: "PFX_{A|B}|0x10",
	} {
		if got, ok := f.FlagNames(v, false); !ok || got != want {
			t.Errorf("%#x: %q %v, want %q", v, got, ok, want)
		}
	}
	if got, _ := f.FlagNames(3, true); got != "A|B" {
		t.Errorf("bare: %q", got)
	}
	if got, _ := enum("READ", 1, "WRITE", 2).FlagNames(3, false); got != "READ|WRITE" {
		t.Errorf("no prefix: %q", got)
	}
	for _, e := range []*Type{enum("A", 1, "B", 3), enum("A", 0), enum("N", -1, "A", 1), tInt} {
		if e.IsFlags() {
			t.Errorf("%v is taken for flags", e.Enums())
		}
	}
}

func TestParseName(t *testing.T) {
	for in, want := range map[string]Name{
		"int":                        {Base: "int"},
		"  unsigned   long  long ":   {Base: "unsigned long long"},
		"struct proc *":              {Tag: Struct, Base: "proc", Suffix: []Suffix{{Kind: Pointer}}},
		"const char *const *":        {Base: "char", Suffix: []Suffix{{Kind: Pointer}, {Kind: Pointer}}},
		"char [4]":                   {Base: "char", Suffix: []Suffix{{Array, 4}}},
		"int[2][0x10]":               {Base: "int", Suffix: []Suffix{{Array, 16}, {Array, 2}}},
		"class ns::map<int, char *>": {Tag: Struct, Class: true, Base: "ns::map<int, char *>"},
		"ns::vec<unsigned int> &":    {Base: "ns::vec<unsigned int>", Suffix: []Suffix{{Kind: Reference}}},
		"struct []uint8":             {Tag: Struct, Base: "[]uint8"},
		"map[string]int":             {Base: "map[string]int"},
		"*main.T":                    {Base: "*main.T"},
		"enum color":                 {Tag: Enum, Base: "color"},
	} {
		got, err := ParseName(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
	for _, in := range []string{"", "int [", "int *foo", "int [x]"} {
		if n, err := ParseName(in); err == nil {
			t.Errorf("%q parses as %+v", in, n)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("const struct foo<int, char *> *[3]")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseName(s); err == nil {
			_ = n.Form(tInt).String()
		}
	})
}

type scope struct {
	Container
	types map[string]*Type
}

func (s scope) Lookup(name string) (*Type, error) {
	if t := s.types[name]; t != nil {
		return t, nil
	}
	return nil, ErrNoType
}
func (s scope) All() iter.Seq[*Type] { return nil }

func TestComposite(t *testing.T) {
	fwd := New(nil, 1, Forward, "s", &Body{Forward: Struct})
	full := New(nil, 2, Struct, "s", &Body{Size: 4})
	exec := scope{types: map[string]*Type{"struct s": fwd, "int": tInt, "struct t": fwd}}
	lib := scope{types: map[string]*Type{"struct s": full}}
	c := Composite{
		Exec:   func() (Scope, error) { return exec, nil },
		Object: func(n string) (Scope, error) { return map[string]Scope{"lib": lib, "prog": exec}[n], nil },
		Objects: func() iter.Seq[Scope] {
			return func(y func(Scope) bool) { _ = y(exec) && y(lib) }
		},
		Synthetic: scope{types: map[string]*Type{"synth_t": tChar}},
	}
	for name, want := range map[string]*Type{
		"struct s": full, "int": tInt, "struct t": fwd, "synth_t": tChar,
		"struct prog`s": fwd, "prog`int": tInt, "lib`struct s": full, "`int": tInt,
	} {
		if got, err := c.Lookup(name); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", name, got, err, want)
		}
	}
	if _, err := c.Lookup("bogus"); err != ErrNoType {
		t.Errorf("bogus: %v", err)
	}
	c.Exec = func() (Scope, error) { return nil, ErrNoData }
	if _, err := c.Lookup("bogus"); err != ErrNoData {
		t.Errorf("bogus without an executable's types: %v", err)
	}
	if c.Forward(fwd) != full {
		t.Error("a declaration does not lead to its definition")
	}
}

func TestBasePath(t *testing.T) {
	vec := New(nil, 0, Struct, "v<a<int>>", &Body{Size: 4, Members: []Member{{Name: "b", Type: tInt}}})
	s := New(nil, 0, Struct, "s", &Body{Size: 8, Members: []Member{{Name: "x", Type: tInt}, {Name: "v<a<int>>", Type: vec, Base: true, Off: 32}}})
	for _, path := range []string{"<v<a<int>>>.b", "b"} {
		p, err := CompilePath(s, path, PathOptions{})
		if err != nil || p.Err != nil || p.Type != tInt || !cmp.Equal(p.Steps, []Step{{Add: 4}}) {
			t.Errorf("%s: %+v %v", path, p, err)
		}
	}
	if p, _ := CompilePath(s, "<bogus>.b", PathOptions{}); p.Err == nil {
		t.Error("a base class that is none")
	}
}
