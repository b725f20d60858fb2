package cdecl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/ctf"
)

func lp64() *Types {
	c := New(8)
	c.CreateBase(LP64)
	return c
}

func layout(t *ctype.Type) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:", t.Size())
	for _, m := range t.Resolve().Members() {
		fmt.Fprintf(&b, " %s %s@%d", m.Type, m.Name, m.Off/8)
	}
	return b.String()
}

func TestDefine(t *testing.T) {
	for def, want := range map[string]string{
		"struct { int a; char b; long c; }":     "16: int a@0 char b@4 long c@8",
		"struct { long a; char b; }":            "9: long a@0 char b@8",
		"union { int a; char b[4]; long c; }":   "8: int a@0 char [4] b@0 long c@0",
		"struct { int b; int a[]; }":            "4: int b@0 int [0] a@4",
		"struct { int b; int a[10]; }":          "44: int b@0 int [10] a@4",
		"struct { char c; int a[0x10]; }":       "68: char c@0 int [16] a@4",
		"struct { char *s; void **p; int *q; }": "24: char *s@0 void **p@8 int *q@16",
		"struct { char * s; }":                  "8: char *s@0",
		"struct l { struct l *n; int v; }":      "12: struct l *n@0 int v@8",
		"struct {   int a;int b;   }":           "8: int a@0 int b@4",
		"struct { const char c; uint64_t x; }":  "16: char c@0 uint64_t x@8",
		"struct { int m[2][3]; }":               "8: int [2] m@0",
		"struct { long double d; _Bool b; }":    "17: long double d@0 _Bool b@16",
	} {
		c := lp64()
		if err := c.Define(def, "x", c.Lookup); err != nil {
			t.Errorf("%s: %v", def, err)
			continue
		}
		x, err := c.Lookup("x")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(layout(x), "* ", "*")
		if got != want {
			t.Errorf("%s: %s, want %s", def, got, want)
		}
	}
}

func TestDefineErrors(t *testing.T) {
	for def, want := range map[string]string{
		"struct { int a }":                  "Cannot find semi-colon to delineate the end of a member.",
		"struct { }":                        "Cannot find semi-colon to delineate the end of a member.",
		"struct { int a[0]; }":              "Structs must have members aside from a flexible member",
		"struct { int a[]; int b; }":        "Flexible array entries are only allowed to be the last entry in a struct",
		"union { int a; int b[]; }":         "Flexible array members are only valid in structs.",
		"struct { int a[-1]; }":             "Array lengths cannot be negative",
		"struct { int a[3; }":               "Found the beginning of an array size but no closing ']' in [3",
		"enum { A, B }":                     "Invalid start of definition. Expected 'struct' or 'union'. Found: 'enum'",
		"struct{ int a; }":                  "Invalid start of definition. Expected 'struct' or 'union'. Found: 'struct{'",
		"struct { int a; int a; }":          "duplicate name detected: a",
		"struct { int 1a; }":                "The name 1a is not a valid C identifier.",
		"struct { a; }":                     "Missing both a name and a type declaration for a member. Instead, found 'a'",
		"struct { union { int x; } u; }":    "failed to add member x: type union { int does not exist",
		"struct { bogus a; }":               "failed to add member a: type bogus does not exist",
		"struct s":                          "Missing opening brace for struct s definition. Expected '{'. Found: 's'",
		"struct { int a; ":                  "Missing closing brace for struct declaration. Expected '}'.",
		"struct s { struct s in; }":         "failed to create member in",
		"{":                                 "Invalid structure definition. Structure must start with either 'struct {' or 'union {'",
		"struct { int a; long long int d;}": "failed to add member d: type long long int does not exist",
	} {
		c := lp64()
		before := len(c.list)
		err := c.Define(def, "x", c.Lookup)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", def, err, want)
		}
		if _, err := c.Lookup("struct s"); err == nil || len(c.list) != before {
			t.Errorf("%q: a failed definition leaves types behind", def)
		}
	}
	c := lp64()
	if err := c.Define("struct s { int a; }", "int", c.Lookup); err.Error() != "typedef name int already exists" {
		t.Error(err)
	}
	if err := c.Define("struct s { int a; }", "s_t", c.Lookup); err != nil {
		t.Error(err)
	}
	if err := c.Define("struct s { int a; }", "s2_t", c.Lookup); err == nil || err.Error() != "type name struct s already in use" {
		t.Error(err)
	}
	if _, err := c.Lookup("int *"); err == nil {
		t.Error("a pointer is found that nobody made")
	}
}

func TestModels(t *testing.T) {
	sizes := func(m Model) string {
		c := New(8)
		c.CreateBase(m)
		var b strings.Builder
		for ty := range c.All() {
			fmt.Fprintf(&b, "%s %d,", ty, ty.Size())
		}
		return b.String()
	}
	want := "void 0,signed 4,unsigned 4,char 1,short 2,int 4,long 4,long long 8,signed char 1,signed short 2," +
		"signed int 4,signed long 4,signed long long 8,unsigned char 1,unsigned short 2,unsigned int 4," +
		"unsigned long 4,unsigned long long 8,_Bool 1,float 4,double 8,long double 16,float imaginary 4," +
		"double imaginary 8,long double imaginary 16,float complex 8,double complex 16,long double complex 32," +
		"int8_t 1,int16_t 2,int32_t 4,int64_t 8,intptr_t 4,uint8_t 1,uint16_t 2,uint32_t 4,uint64_t 8," +
		"uchar_t 1,ushort_t 2,uint_t 4,ulong_t 4,u_longlong_t 8,ptrdiff_t 4,uintptr_t 4,"
	if d := cmp.Diff(want, sizes(ILP32)); d != "" {
		t.Error(d)
	}
	if got := sizes(LP64); !strings.Contains(got, "uintptr_t 8,") || !strings.Contains(got, "long 8,") {
		t.Error(got)
	}
	for s, want := range map[string]Model{"lp64": LP64, "LP32": ILP32, "ilp32": ILP32} {
		if m, err := ParseModel(s); err != nil || m != want {
			t.Errorf("%s: %v %v", s, m, err)
		}
	}
	if _, err := ParseModel("bogus"); err == nil || err.Error() != "invalid data model: bogus" {
		t.Error(err)
	}
}

func TestEncode(t *testing.T) {
	c := lp64()
	if err := c.Define("struct node { struct node *next; char name[8]; int val; }", "node_t", c.Lookup); err != nil {
		t.Fatal(err)
	}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	f, err := ctf.Open(data, ctf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	back := New(8)
	back.Import(f.All())
	names := func(c *Types) (all []string) {
		for ty := range c.All() {
			all = append(all, fmt.Sprint(ty, ty.Size()))
		}
		return all
	}
	if d := cmp.Diff(names(c), names(back)); d != "" {
		t.Error(d)
	}
	n, err := back.Lookup("node_t")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := c.Lookup("node_t")
	if layout(n) != layout(want) {
		t.Errorf("%s, want %s", layout(n), layout(want))
	}
}

func FuzzDefine(f *testing.F) {
	f.Add("struct { int a; char *b[3]; }")
	f.Add("union u { union u *p; long double d; }")
	f.Fuzz(func(t *testing.T, s string) {
		c := lp64()
		if c.Define(s, "x", c.Lookup) == nil {
			x, err := c.Lookup("x")
			if err != nil {
				t.Fatal(err)
			}
			_ = layout(x)
		}
	})
}
