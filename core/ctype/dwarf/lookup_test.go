package dwarf

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
)

// TestLookup finds types by name in programs of every language.
func TestLookup(t *testing.T) {
	type want struct {
		kind ctype.Kind
		size uint64
		text string
	}
	cxx := map[string]want{
		"ns::vec<int>":           {ctype.Struct, 16, "struct ns::vec<int>"},
		"struct ns::vec<int>":    {ctype.Struct, 16, "struct ns::vec<int>"},
		"class ns::Derived":      {ctype.Struct, 56, "struct ns::Derived"},
		"ns::Derived::Nested *":  {ctype.Pointer, 8, "struct ns::Derived::Nested *"},
		"ns::inner::mode":        {ctype.Enum, 1, "enum ns::inner::mode"},
		"ns::vec<int>::iter":     {ctype.Struct, 8, "struct ns::vec<int>::iter"},
		"intvec":                 {ctype.Typedef, 16, "intvec"},
		"unsigned char":          {ctype.Integer, 1, "unsigned char"},
		"enum plain":             {ctype.Enum, 4, "enum plain"},
		"ns::inner::deep[4]":     {ctype.Array, 32, "struct ns::inner::deep [4]"},
		"ns::Derived &":          {ctype.Reference, 8, "struct ns::Derived &"},
		"ns::Base":               {ctype.Struct, 16, "struct ns::Base"},
		"struct ns::inner::deep": {ctype.Struct, 8, "struct ns::inner::deep"},
	}
	for _, c := range []struct {
		v    variant
		want map[string]want
	}{
		{variant{"c", "types.c", "gcc", []string{"-g"}}, map[string]want{
			"struct node":            {ctype.Struct, 24, "struct node"},
			"node_t":                 {ctype.Typedef, 24, "node_t"},
			"node_t **":              {ctype.Pointer, 8, "node_t **"},
			"union anything":         {ctype.Union, 16, "union anything"},
			"unsigned long":          {ctype.Integer, 8, "unsigned long"},
			"long unsigned int":      {ctype.Integer, 8, "unsigned long"},
			"unsigned":               {ctype.Integer, 4, "unsigned int"},
			"short int unsigned":     {ctype.Integer, 2, "unsigned short"},
			"signed char":            {ctype.Integer, 1, "signed char"},
			"char[4]":                {ctype.Array, 4, "char [4]"},
			"const struct node *":    {ctype.Pointer, 8, "struct node *"},
			"struct opaque":          {ctype.Forward, 0, "struct opaque"},
			"void *":                 {ctype.Pointer, 8, "void *"},
			"handler":                {ctype.Typedef, 8, "handler"},
			"struct local":           {ctype.Struct, 8, "struct local"},
			"enum bits":              {ctype.Enum, 4, "enum bits"},
			"struct outer":           {ctype.Struct, 208, "struct outer"},
			"long double":            {ctype.Float, 16, "long double"},
			"_Bool":                  {ctype.Integer, 1, "_Bool"},
			"int [2][3]":             {ctype.Array, 24, "int [2][3]"},
			"struct  node\t*":        {ctype.Pointer, 8, "struct node *"},
			"volatile unsigned char": {ctype.Integer, 1, "unsigned char"},
		}},
		{variant{"c++", "types.cc", "g++", []string{"-g"}}, cxx},
		{variant{"c++ with .debug_types", "types.cc", "g++", []string{"-gdwarf-4", "-fdebug-types-section"}}, cxx},
		{variant{"c++ with type units", "types.cc", "g++", []string{"-gdwarf-5", "-fdebug-types-section", "-gz"}}, cxx},
		{variant{"c++ object with type units", "types.cc", "g++", []string{"-c", "-gdwarf-5", "-fdebug-types-section"}}, cxx},
		{variant{"c++ object with .debug_types", "types.cc", "g++", []string{"-c", "-gdwarf-4", "-fdebug-types-section", "-gz"}}, cxx},
		{variant{name: "llvm", src: "llvm-5.elf"}, map[string]want{
			"struct node":  {ctype.Struct, 32, "struct node"},
			"union mixed":  {ctype.Union, 40, "union mixed"},
			"enum kind":    {ctype.Enum, 4, "enum kind"},
			"unsigned int": {ctype.Integer, 4, "unsigned int"},
		}},
		{variant{"rust", "types.rs", "rustc", []string{"-g", "--crate-name=types"}}, map[string]want{
			"types::Point<i32>": {ctype.Struct, 8, "struct types::Point<i32>"},
			"types::Shape":      {ctype.Struct, 16, "struct types::Shape"},
			"types::Level":      {ctype.Enum, 1, "enum types::Level"},
			"u64":               {ctype.Integer, 8, "u64"},
			"(u8, i64)":         {ctype.Struct, 16, "struct (u8, i64)"},
		}},
		{variant{"go", "", "", nil}, map[string]want{
			"main.node":            {ctype.Typedef, 96, "main.node"},
			"main.node *":          {ctype.Pointer, 8, "main.node *"},
			"main.celsius":         {ctype.Float, 8, "main.celsius"},
			"int":                  {ctype.Integer, 8, "int"},
			"[]int":                {ctype.Struct, 24, "struct []int"},
			"string":               {ctype.Struct, 16, "struct string"},
			"runtime.g":            {ctype.Struct, 0, ""},
			"main.list[main.node]": {ctype.Typedef, 16, "main.list[main.node]"},
		}},
	} {
		t.Run(c.v.name, func(t *testing.T) {
			d := open(t, c.v.build(t), Options{})
			for name, w := range c.want {
				ty, err := d.Lookup(name)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if w.text == "" {
					continue
				}
				if got := (want{ty.Kind(), ty.Size(), ty.String()}); got != w {
					t.Errorf("%s: got %v, want %v", name, got, w)
				}
			}
			for _, name := range []string{"struct nosuch", "nosuch", "ns::nosuch", "enum node", "node"} {
				if ty, err := d.Lookup(name); !errors.Is(err, ctype.ErrNoType) {
					t.Errorf("%s: %v, %v; want ErrNoType", name, ty, err)
				}
			}
		})
	}
}

// TestRustVariants reads how to tell the variants of Rust's enums.
func TestRustVariants(t *testing.T) {
	d := open(t, compile(t, "types.rs", "rustc", "-g", "--crate-name=types"), Options{})
	ty, err := d.Lookup("types::Shape")
	if err != nil {
		t.Fatal(err)
	}
	v := ty.Body().Variants
	if v == nil || v.Tag == nil || len(v.Alts) != 3 {
		t.Fatalf("variants of types::Shape: %+v", v)
	}
	var got []string
	for i := range uint64(3) {
		a, ok := v.Active(i)
		if !ok {
			t.Fatalf("no variant for %d", i)
		}
		got = append(got, a.Member.Name)
	}
	if diff := cmp.Diff([]string{"Circle", "Rect", "Unit"}, got); diff != "" {
		t.Error(diff)
	}
	rect, _ := v.Active(1)
	var names []string
	for _, m := range rect.Member.Type.Members() {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"w", "h"}, names); diff != "" {
		t.Error(diff)
	}
}

// TestBases reads base classes, references and pointers to members.
func TestBases(t *testing.T) {
	d := open(t, compile(t, "types.cc", "g++", "-g"), Options{})
	ty, err := d.Lookup("ns::Derived")
	if err != nil {
		t.Fatal(err)
	}
	type member struct {
		Name, Type string
		Off        uint64
		Base       bool
	}
	var got []member
	for _, m := range ty.Members() {
		got = append(got, member{m.Name, m.Type.String(), m.Off / 8, m.Base})
	}
	want := []member{
		{"", "struct ns::Base", 0, true},
		{"", "struct ns::Other", 16, true},
		{"own", "int", 24, false},
		{"nested", "struct ns::Derived::Nested *", 32, false},
		{"ref", "int &", 40, false},
		{"rref", "int &&", 48, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if m, err := ty.FindMember("other_field"); err != nil || m.Off != 16*8 {
		t.Errorf("member of a base: %+v, %v", m, err)
	}
	for name, size := range map[string]uint64{"member_pointer": 8, "method_pointer": 16, "null_value": 8} {
		ty, err := d.SymbolType(name, 0, 0)
		if err != nil || ty.Size() != size {
			t.Errorf("%s: size %d, %v; want %d", name, ty.Size(), err, size)
		}
	}
	if got := d.Language(ty); got != CPlusPlus {
		t.Errorf("language %v", got)
	}
}
