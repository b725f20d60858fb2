package ctf

import (
	"debug/elf"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
)

// testdata/prog and prog.o are shared/conformance/files/elf/prog and prog.o, made
// by the illumos tools from prog.c beside them.
func open(t testing.TB, name string) *File {
	t.Helper()
	ef, err := elf.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer ef.Close()
	f, err := FromELF(ef, name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestNames(t *testing.T) {
	f := open(t, "prog")
	var got []string
	for ty := range f.All() {
		got = append(got, ty.String())
	}
	want := strings.Split("wchar_t,__uint8_t,__uint16_t,__uint32_t,__uint64_t,uint8_t,uint16_t,uint32_t,"+
		"uint64_t,uint_t,enum color,enum flags,color_t,struct ,union u,struct node,node_t,struct inner,"+
		"struct ,struct outer,struct fwd,outer_t,int [8],char [64],char *[4],double [3],color_t [4],int [4],"+
		"short [2][2][2],node_t [2],node_t *[3],long double,float,void,void (*)(),char **,const char *", ",")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLookup(t *testing.T) {
	f := open(t, "prog")
	for name, size := range map[string]uint64{
		"int": 4, "node_t": 64, "struct node": 64, "const struct  node": 64, "node_t *": 8, "enum color": 4,
		"char *": 8, "char **": 8, "union u": 8, "wchar_t *": 8, "unsigned int": 4, "void": 0, "struct fwd": 0,
		"unsigned int:3": 1, "const volatile int": 4,
	} {
		ty, err := f.Lookup(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if ty.Size() != size {
			t.Errorf("sizeof (%s) = %d, want %d", name, ty.Size(), size)
		}
	}
	for _, name := range []string{"int *", "char [4]", "char[4]", "struct bogus", "node", "struct color", "color", "", "*"} {
		if _, err := f.Lookup(name); !ctype.IsUnknown(err) {
			t.Errorf("%q: %v, want an unknown name", name, err)
		}
	}
}

func TestMembers(t *testing.T) {
	f := open(t, "prog")
	n, err := f.Lookup("node_t")
	if err != nil {
		t.Fatal(err)
	}
	type member struct {
		Name, Type string
		Off        uint64
		Bits       uint32
	}
	var got []member
	for _, m := range n.Resolve().Members() {
		got = append(got, member{m.Name, m.Type.String(), m.Off, m.Bits})
	}
	want := []member{
		{"val", "int", 0, 0}, {"col", "color_t", 32, 0}, {"next", "struct node *", 64, 0},
		{"prev", "struct node *", 128, 0}, {"name", "char [12]", 192, 0}, {"un", "union u", 320, 0},
		{"bf1", "unsigned int:3", 384, 3}, {"bf2", "unsigned int:5", 387, 5}, {"bf3", "int:7", 392, 7},
		{"bf4", "unsigned long:33", 399, 33}, {"fn", "int (*)()", 448, 0},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	c, _ := f.Lookup("enum color")
	wantEnum := []ctype.Enumerator{{Name: "RED"}, {Name: "GREEN", Value: 5}, {Name: "BLUE", Value: 6},
		{Name: "BIG", Value: 0x7fffffff}, {Name: "NEG", Value: -3}}
	if d := cmp.Diff(wantEnum, c.Enums()); d != "" {
		t.Error(d)
	}
}

func TestSymbols(t *testing.T) {
	for _, file := range []string{"prog", "prog.o"} {
		ef, err := elf.Open("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		defer ef.Close()
		f := open(t, file)
		syms, _ := ef.Symbols()
		got := map[string]string{}
		for i, s := range syms {
			if ty, err := f.SymbolType(s.Name, s.Value, uint32(i+1)); err == nil {
				got[s.Name] = ty.String()
			} else if s.Name == "main" || s.Name == "n1" {
				t.Errorf("%s: %s: %v", file, s.Name, err)
			}
		}
		for name, want := range map[string]string{
			"n1": "node_t", "o": "outer_t", "ints": "int [8]", "strs": "char *[4]", "matrix": "short [2][2][2]",
			"fp": "void (*)()", "ro": "const char [9]", "main": "int ()", "u64": "uint64_t", "hidden": "int",
		} {
			if got[name] != want {
				t.Errorf("%s: %s has type %q, want %q", file, name, got[name], want)
			}
		}
		fn, err := f.SymbolType("func", 0, 1<<31)
		if err != nil || len(fn.Body().Params) != 2 || fn.Body().Params[1].Type.String() != "char *" {
			t.Errorf("%s: func by name: %v %v", file, fn, err)
		}
		v, err := f.SymbolType("varargs", 0, 1<<31)
		if err != nil || !v.Body().Variadic || len(v.Body().Params) != 1 {
			t.Errorf("%s: varargs: %v %v", file, v, err)
		}
	}
}

func TestPath(t *testing.T) {
	f := open(t, "prog")
	n, _ := f.Lookup("node_t")
	o, _ := f.Lookup("outer_t")
	tests := []struct {
		from  *ctype.Type
		path  string
		typ   string
		steps []ctype.Step
		err   string
	}{
		{n, "next->val", "int", []ctype.Step{{Add: 8}, {Ptr: 8}}, ""},
		{n, "next->next->col", "color_t", []ctype.Step{{Add: 8}, {Ptr: 8}, {Add: 8}, {Ptr: 8}, {Add: 4}}, ""},
		{n, ".un.s.hi", "short", []ctype.Step{{Add: 42}}, ""},
		{n, "next[2].val", "int", []ctype.Step{{Add: 8}, {Ptr: 8}, {Add: 128}}, ""},
		{o, "m[1][2]", "int", []ctype.Step{{Add: 92}}, ""},
		{o, "m[5]", "int [3]", []ctype.Step{{Add: 72}, {Warn: "index 5 is outside of array bounds [0 .. 1]"}, {Add: 60}}, ""},
		{n, "next.", "struct node *", []ctype.Step{{Add: 8}}, "struct node * is not a struct or union type"},
		{n, "val->x", "int", nil, "int is not a pointer type"},
		{n, "*next", "node_t", nil, "failed to find member *next of node_t: no such member of structure or union"},
		{n, "name[1", "char [12]", []ctype.Step{{Add: 24}}, "no trailing ']'"},
		{n, "name!", "char [12]", []ctype.Step{{Add: 24}}, "'!' is not a valid delimiter"},
		{o, "fwd->x", "struct fwd", []ctype.Step{{Add: 192}, {Ptr: 8}}, "failed to find member x of struct fwd: Type is not a struct or union"},
		{o, "v[1]", "void", []ctype.Step{{Add: 112}, {Ptr: 8}}, "cannot dereference void type"},
		{n, "", "node_t", nil, ""},
	}
	for _, tc := range tests {
		p, err := ctype.CompilePath(tc.from, tc.path, ctype.PathOptions{})
		if err != nil {
			t.Errorf("%s: %v", tc.path, err)
			continue
		}
		msg := ""
		if p.Err != nil {
			msg = p.Err.Error()
		}
		if msg != tc.err || p.Type.String() != tc.typ {
			t.Errorf("%s: type %s, error %q; want %s, %q", tc.path, p.Type, msg, tc.typ, tc.err)
		}
		if d := cmp.Diff(tc.steps, p.Steps); d != "" {
			t.Errorf("%s: %s", tc.path, d)
		}
	}
}

func TestBad(t *testing.T) {
	ef, err := elf.Open("testdata/prog")
	if err != nil {
		t.Fatal(err)
	}
	defer ef.Close()
	data, err := ef.Section(".SUNW_ctf").Data()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		data []byte
		want error
	}{
		"empty":       {nil, ErrNoCTF},
		"text":        {[]byte("hello, world"), ErrFormat},
		"header only": {data[:20], ErrCorrupt},
		"no body":     {data[:36], ErrDecompress},
		"cut body":    {data[:200], ErrDecompress},
		"version 9":   {append([]byte{data[0], data[1], 9}, data[3:]...), ErrVersion},
	} {
		if _, err := Open(tc.data, Options{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if _, err := OpenFile(strings.NewReader("raw"), 3, "raw"); !errors.Is(err, ErrFormat) {
		t.Errorf("raw file: %v", err)
	}
	elfFile, err := os.Open("testdata/prog")
	if err != nil {
		t.Fatal(err)
	}
	defer elfFile.Close()
	if _, err := OpenFile(elfFile, 0, "prog"); err != nil {
		t.Error(err)
	}
}
