package dwarf

import (
	"bytes"
	stddwarf "debug/dwarf"
	"debug/elf"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/fixtures"
)

// variant is a way to compile a program of testdata.
type variant struct {
	name, src, tool string
	args            []string
}

func variants() []variant {
	var vs []variant
	for _, opt := range []string{"-O0", "-O2"} {
		for version := 2; version <= 5; version++ {
			g := fmt.Sprintf("-gdwarf-%d", version)
			vs = append(vs,
				variant{"c" + opt + g, "types.c", "gcc", []string{opt, g}},
				variant{"c++" + opt + g, "types.cc", "g++", []string{opt, g}})
		}
	}
	for _, extra := range [][]string{
		{"-gdwarf-4", "-fdebug-types-section"},
		{"-gdwarf-5", "-fdebug-types-section"},
		{"-gdwarf-5", "-gdwarf64"},
		{"-gdwarf-4", "-gstrict-dwarf"},
		{"-g", "-gz=zlib"},
		{"-g", "-gz=zlib-gnu"},
		{"-g", "-flto", "-O2"},
	} {
		tag := strings.Join(extra, "")
		vs = append(vs,
			variant{"c" + tag, "types.c", "gcc", extra},
			variant{"c++" + tag, "types.cc", "g++", extra})
	}
	vs = append(vs,
		variant{"object", "types.c", "gcc", []string{"-g", "-c"}},
		variant{"object-c++", "types.cc", "g++", []string{"-g", "-c", "-gz"}},
		variant{"i386", "plain.c", "gcc", []string{"-g", "-m32", "-c"}},
		variant{"i386-2", "plain.c", "gcc", []string{"-gdwarf-2", "-m32", "-c"}},
		variant{"rust", "types.rs", "rustc", []string{"-g"}},
	)
	if rustVersions() {
		vs = append(vs, variant{"rust-5", "types.rs", "rustc", []string{"-g", "-O", "-Cdwarf-version=5"}})
	}
	return vs
}

// rustVersions tells whether rustc can be told the version of DWARF to write.
func rustVersions() bool {
	out, err := exec.Command("rustc", "-C", "help").Output()
	return err == nil && bytes.Contains(out, []byte("dwarf-version"))
}

// build gives the program's path. Without a compiler it is a file of testdata, or
// the Go program.
func (v variant) build(t testing.TB) string {
	if v.tool == "" && v.src != "" {
		return filepath.Join(sources(t), v.src)
	}
	if v.tool == "" {
		return compileGo(t, v.args...)
	}
	return compile(t, v.src, v.tool, v.args...)
}

// TestAgainstStandardLibrary reads every type of programs compiled in many ways
// and compares what it sees with debug/dwarf.
func TestAgainstStandardLibrary(t *testing.T) {
	vs := append(variants(),
		variant{name: "go"},
		variant{name: "go-plain", args: []string{"-ldflags=-compressdwarf=false"}})
	for _, v := range vs {
		t.Run(v.name, func(t *testing.T) {
			compareAll(t, v.build(t))
		})
	}
}

// TestObjects does the same with the committed objects: LLVM's, and those of other
// machines.
func TestObjects(t *testing.T) {
	paths, err := filepath.Glob("testdata/plain-*.o")
	if err != nil || len(paths) < 9 {
		t.Fatalf("%d objects in testdata: %v", len(paths), err)
	}
	for _, path := range append(paths, "testdata/llvm-4.elf", "testdata/llvm-5.elf") {
		if strings.Contains(path, "types") {
			continue // debug/dwarf sees one of the sections named .debug_info
		}
		t.Run(filepath.Base(path), func(t *testing.T) { compareAll(t, path) })
	}
}

// compareAll compares every DIE of a type with what the standard library makes
// of it.
func compareAll(t *testing.T, path string) {
	d := open(t, path, Options{})
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	std, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[ctype.Kind]int{}
	unread := 0
	hs, err := d.headers()
	if err != nil {
		t.Fatal(err)
	}
	r := std.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			break
		}
		if !isTypeTag(e.Tag) {
			continue
		}
		if e.Val(stddwarf.AttrSignature) != nil {
			continue // stands for a type unit, which debug/dwarf does not go to
		}
		want, err := std.Type(e.Offset)
		if err != nil {
			unread++ // it refuses char16_t in DWARF 2
			continue
		}
		got := d.typeAt(nil, ref(e.Offset))
		if got != nil && got.Err() != nil {
			t.Errorf("type at %#x: %v", e.Offset, got.Err())
		}
		compareType(t, got, want, e)
		counts[got.Kind()]++
		if t.Failed() {
			t.Fatalf("stopped at the first difference; %d units", len(hs))
		}
	}
	t.Logf("%d structures compared, %d types not read by debug/dwarf", counts[ctype.Struct], unread)
	if counts[ctype.Struct] == 0 || counts[ctype.Integer] == 0 || counts[ctype.Pointer] == 0 {
		t.Errorf("hardly any types were seen: %v", counts)
	}
}

func isTypeTag(t stddwarf.Tag) bool {
	switch t {
	case stddwarf.TagStructType, stddwarf.TagClassType, stddwarf.TagUnionType, stddwarf.TagEnumerationType,
		stddwarf.TagArrayType, stddwarf.TagBaseType, stddwarf.TagTypedef, stddwarf.TagPointerType,
		stddwarf.TagConstType, stddwarf.TagVolatileType, stddwarf.TagSubroutineType:
		return true
	}
	return false
}

// compareType compares one type, without what it refers to but for sizes.
func compareType(t *testing.T, got *ctype.Type, want stddwarf.Type, e *stddwarf.Entry) {
	t.Helper()
	where := fmt.Sprintf("%v %v at %#x", e.Tag, e.Val(stddwarf.AttrName), e.Offset)
	switch w := want.(type) {
	case *stddwarf.StructType:
		if w.Incomplete {
			return // the standard library does not look for the definition
		}
		compareStruct(t, where, got, w, e)
	case *stddwarf.EnumType:
		if decl, _ := e.Val(stddwarf.AttrDeclaration).(bool); decl {
			return
		}
		if got.Kind() != ctype.Enum || len(got.Enums()) != len(w.Val) {
			t.Errorf("%s: %v with %d values, want %d", where, got.Kind(), len(got.Enums()), len(w.Val))
			return
		}
		for i, v := range w.Val {
			if g := got.Enums()[i]; g.Name != v.Name || g.Value != v.Val {
				t.Errorf("%s: value %v, want %v", where, g, v)
			}
		}
	case *stddwarf.ArrayType:
		n := w.Count
		flexible := n < 0
		if flexible {
			n = 0
		}
		if got.Kind() != ctype.Array || got.Count() != uint64(n) || got.Body().Flexible != flexible && n != 0 {
			t.Errorf("%s: %v of %d, want %d", where, got.Kind(), got.Count(), w.Count)
		}
	case *stddwarf.TypedefType:
		if got.Kind() != ctype.Typedef || !strings.HasSuffix(got.Name(), w.Name) {
			t.Errorf("%s: %v %q", where, got.Kind(), got.Name())
		}
	case *stddwarf.PtrType:
		if got.Kind() != ctype.Pointer {
			t.Errorf("%s: %v", where, got.Kind())
		}
	case *stddwarf.FuncType:
		if got.Kind() != ctype.Function {
			t.Errorf("%s: %v", where, got.Kind())
			return
		}
		n := len(w.ParamType)
		variadic := false
		if n > 0 {
			if _, variadic = w.ParamType[n-1].(*stddwarf.DotDotDotType); variadic {
				n--
			}
		}
		if len(got.Body().Params) != n || got.Body().Variadic != variadic {
			t.Errorf("%s: %d parameters, want %d", where, len(got.Body().Params), n)
		}
	}
	if n := want.Size(); n >= 0 && got.Size() != uint64(n) && got.Kind() != ctype.Function && !oddSize(want) {
		t.Errorf("%s: size %d, want %d", where, got.Size(), n)
	}
}

// oddSize tells types whose size the standard library does not know: those of
// aliases of structures that it holds incomplete, and of arrays of them.
func oddSize(t stddwarf.Type) bool {
	for {
		switch x := t.(type) {
		case *stddwarf.TypedefType:
			t = x.Type
		case *stddwarf.QualType:
			t = x.Type
		case *stddwarf.ArrayType:
			t = x.Type
		case *stddwarf.StructType:
			return x.Incomplete
		case *stddwarf.EnumType, *stddwarf.UnsupportedType, *stddwarf.UnspecifiedType, *stddwarf.FuncType, *stddwarf.VoidType:
			return true
		default:
			return false
		}
	}
}

func compareStruct(t *testing.T, where string, got *ctype.Type, w *stddwarf.StructType, e *stddwarf.Entry) {
	t.Helper()
	kind := ctype.Struct
	if w.Kind == "union" {
		kind = ctype.Union
	}
	if got.Kind() != kind || !strings.HasSuffix(got.Name(), w.StructName) {
		t.Errorf("%s: %v %q, want %s %q", where, got.Kind(), got.Name(), w.Kind, w.StructName)
		return
	}
	members := got.Members()
	var plain []ctype.Member
	for _, m := range members {
		if !m.Base {
			plain = append(plain, m)
		}
	}
	if len(plain) != len(w.Field) {
		if len(plain) < len(w.Field) && staticMembers(w) {
			return
		}
		t.Errorf("%s: %d members, want %d", where, len(plain), len(w.Field))
		return
	}
	for i, f := range w.Field {
		m := plain[i]
		off := uint64(8 * f.ByteOffset)
		switch {
		case f.BitSize != 0 && f.DataBitOffset != 0:
			off = uint64(f.DataBitOffset)
		case f.BitSize != 0 && (f.BitOffset != 0 || f.ByteSize != 0):
			size := f.ByteSize
			if size == 0 {
				size = f.Type.Size()
			}
			off = uint64(8*f.ByteOffset + 8*size - f.BitOffset - f.BitSize)
			if got.Container().(*Data).im.big {
				off = uint64(8*f.ByteOffset + f.BitOffset)
			}
		}
		if m.Name != f.Name || m.Off != off || uint64(m.Bits) != uint64(f.BitSize) {
			t.Errorf("%s: member %s at %d of %d bits, want %s at %d of %d", where,
				m.Name, m.Off, m.Bits, f.Name, off, f.BitSize)
		}
	}
}

// staticMembers tells whether the standard library's members, which it takes
// static ones for, may be more than the real ones.
func staticMembers(w *stddwarf.StructType) bool {
	return w.Kind == "class" || w.Kind == "struct"
}

// TestAgainstPahole compares the layout of C structures with pahole's text.
func TestAgainstPahole(t *testing.T) {
	fixtures.Need(t, "pahole")
	for _, args := range [][]string{{"-gdwarf-5"}, {"-gdwarf-4", "-O2"}, {"-gdwarf-2"}} {
		path := compile(t, "types.c", "gcc", args...)
		d := open(t, path, Options{})
		seen := 0
		for ty := range d.All() {
			if !ty.Kind().IsStruct() || ty.Name() == "" || strings.HasPrefix(ty.Name(), "_") {
				continue
			}
			out, err := exec.Command("pahole", "-F", "dwarf", "-C", ty.Name(), path).Output()
			if err != nil {
				t.Fatal(err)
			}
			seen += comparePahole(t, ty, string(out))
		}
		if seen < 30 {
			t.Errorf("%v: only %d members compared", args, seen)
		}
	}
}

// comparePahole compares top members: pahole writes "/* off size */" behind
// each, "off: bit" for bit-fields.
func comparePahole(t *testing.T, ty *ctype.Type, text string) int {
	n := 0
	for _, m := range ty.Members() {
		if m.Name == "" {
			continue
		}
		for line := range strings.Lines(text) {
			decl, comment, ok := strings.Cut(line, "/*")
			fields := strings.FieldsFunc(decl, func(r rune) bool { return strings.ContainsRune(" \t;:[]()*,", r) })
			if !ok || !strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "\t\t") {
				continue
			}
			has := false
			for _, f := range fields {
				has = has || f == m.Name
			}
			if !has {
				continue
			}
			var off, bit uint64
			if m.Bits != 0 {
				if k, _ := fmt.Sscanf(comment, "%d:%d", &off, &bit); k != 2 {
					continue
				}
			} else if k, _ := fmt.Sscanf(comment, "%d", &off); k != 1 {
				continue
			}
			if m.Off != 8*off+bit {
				t.Errorf("struct %s: member %s at bit %d, pahole says %d", ty.Name(), m.Name, m.Off, 8*off+bit)
			}
			n++
			break
		}
	}
	return n
}
