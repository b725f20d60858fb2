package dwarf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/fixtures"
)

// indexed are programs that come with an index of their names.
var indexed = []string{"c/gdbindex", "c/gdbnames", "c/goldindex", "c/llvmnames", "cxx/gdbindex", "cxx/gdbnames", "cxx/llvmnames"}

func openIndexed(t testing.TB, r io.ReaderAt, o Options) *Data {
	t.Helper()
	o.Name = "crash"
	if o.Warn == nil {
		o.Warn = func(s string) { t.Errorf("warns: %s", s) }
	}
	d, err := New(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// keywords are those of tags.
var keywords = map[ctype.Kind]string{ctype.Struct: "struct ", ctype.Union: "union ", ctype.Enum: "enum "}

// typeNames are the names of all types, as a user writes them.
func typeNames(d *Data) []string {
	var names []string
	for ty := range d.All() {
		if n := ty.Name(); n != "" && ty.Kind() != ctype.Forward {
			names = append(names, keywords[ty.Kind()]+n)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readsAll tells whether the index of all units was built.
func readsAll(d *Data) bool { return d.haveNames() }

// TestNameIndex looks up every type and variable by the index of the file and by
// reading all units.
func TestNameIndex(t *testing.T) {
	for _, name := range indexed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fixtures.BuildProgram(t, name)
			f, err := os.ReadFile(s.Exe)
			if err != nil {
				t.Fatal(err)
			}
			full := openIndexed(t, bytes.NewReader(f), Options{NoNameIndex: true})
			quick := 0
			names := typeNames(full)
			d := openIndexed(t, bytes.NewReader(f), Options{})
			for i, n := range names {
				if readsAll(d) {
					if i%4 != 0 {
						continue // it takes long where the index lacks many names
					}
					d = openIndexed(t, bytes.NewReader(f), Options{})
				}
				want, wantErr := full.Lookup(n)
				got, err := d.Lookup(n)
				if wantErr != nil || err != nil {
					if (wantErr == nil) != (err == nil) {
						t.Errorf("%s: error %v, without the index %v", n, err, wantErr)
					}
					continue
				}

				if got.ID() != want.ID() || got.Kind() != want.Kind() {
					t.Errorf("%s is at %#x, without the index at %#x", n, got.ID(), want.ID())
				}
				if !readsAll(d) {
					quick++
				}
			}
			variables, quickVars := compareVariables(t, f, full)
			t.Logf("%d of %d types, %d of %d variables by the index", quick, len(names), quickVars, variables)
			if quick < len(names)/4 || quickVars < variables/2 || variables < 5 {
				t.Error("the index is hardly used")
			}
		})
	}
}

func compareVariables(t *testing.T, f []byte, full *Data) (n, quick int) {
	t.Helper()
	e, err := elf.NewFile(bytes.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	syms, err := e.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	d := openIndexed(t, bytes.NewReader(f), Options{})
	for _, s := range syms {
		if elf.ST_TYPE(s.Info) != elf.STT_OBJECT || s.Size == 0 {
			continue
		}
		if readsAll(d) {
			d = openIndexed(t, bytes.NewReader(f), Options{})
		}
		want, wantErr := full.SymbolType(s.Name, s.Value, 0)
		got, err := d.SymbolType(s.Name, s.Value, 0)
		if wantErr != nil || err != nil {
			if (wantErr == nil) != (err == nil) {
				t.Errorf("%s: error %v, without the index %v", s.Name, err, wantErr)
			}
			continue
		}
		if want.ID() != got.ID() && want.String() != got.String() {
			t.Errorf("%s has the type at %#x, without the index at %#x", s.Name, got.ID(), want.ID())
		}
		if n++; !readsAll(d) {
			quick++
		}
	}
	return n, quick
}

// indexSection is where the index lies in a program's file.
func indexSection(t testing.TB, f []byte) *elf.Section {
	e, err := elf.NewFile(bytes.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".gdb_index", ".debug_names"} {
		if s := e.Section(name); s != nil {
			return s
		}
	}
	t.Fatal("no index in the file")
	return nil
}

// TestDamagedNameIndex changes bytes of the index: a type that is found has the name
// that was asked for, one that is not found this way is found without the index, and
// an index that contradicts the file is given up with a warning.
func TestDamagedNameIndex(t *testing.T) {
	for _, name := range indexed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fixtures.BuildProgram(t, name)
			f, err := os.ReadFile(s.Exe)
			if err != nil {
				t.Fatal(err)
			}
			full := openIndexed(t, bytes.NewReader(f), Options{NoNameIndex: true})
			names := typeNames(full)
			sec := indexSection(t, f)
			warned, mutations, every := 0, 0, 5
			if len(names) > 200 {
				every = 50
			}
			for m := range fixtures.Mutations(20261122, bytes.NewReader(f[sec.Offset:sec.Offset+sec.Size]), int64(sec.Size)) {
				if m.Index%every != 0 || m.Size != int64(sec.Size) {
					continue
				}
				mutations++
				bad := slices.Clone(f)
				if _, err := m.ReadAt(bad[sec.Offset:sec.Offset+sec.Size], 0); err != nil {
					t.Fatal(err)
				}
				said := false
				d := openIndexed(t, bytes.NewReader(bad), Options{Warn: func(string) { said = true }})
				for i := m.Index % 7; i < len(names); i += 7 {
					n := names[i]
					want, wantErr := full.Lookup(n)
					got, err := d.Lookup(n)
					if (err == nil) != (wantErr == nil) {
						t.Fatalf("mutation %d (%s): %s: error %v, without damage %v", m.Index, m.What, n, err, wantErr)
					}
					if err == nil && (got.Name() != want.Name() || got.Kind() != want.Kind() || got.Size() != want.Size()) {
						t.Fatalf("mutation %d (%s): %s is %s, without damage %s", m.Index, m.What, n, got.Name(), want.Name())
					}
				}
				if said {
					warned++
				}
			}
			t.Logf("%d mutations, %d with a warning", mutations, warned)
			if warned == 0 && every == 5 {
				t.Error("no damage was noticed")
			}
		})
	}
}

// TestWrongNameIndex is about an index that is well-formed but of another file: units
// that are none, and such as do not have the names.
func TestWrongNameIndex(t *testing.T) {
	s := fixtures.BuildProgram(t, "c/gdbindex")
	f, err := os.ReadFile(s.Exe)
	if err != nil {
		t.Fatal(err)
	}
	full := openIndexed(t, bytes.NewReader(f), Options{NoNameIndex: true})
	want, err := full.Lookup("struct tree")
	if err != nil {
		t.Fatal(err)
	}
	sec := indexSection(t, f)
	le := binary.LittleEndian
	units := sec.Offset + uint64(le.Uint32(f[sec.Offset+4:]))
	for what, damage := range map[string]func(b []byte){
		"no unit": func(b []byte) {
			for i := range 3 {
				b[i*16]++
			}
		},
		"other units": func(b []byte) { // the first for all
			copy(b[16:], b[:16])
			copy(b[32:], b[:16])
		},
	} {
		bad := slices.Clone(f)
		damage(bad[units:])
		var said []string
		d := openIndexed(t, bytes.NewReader(bad), Options{Warn: func(s string) { said = append(said, s) }})
		for _, name := range []string{"struct tree", "struct pollfd", "struct city"} {
			w, err := full.Lookup(name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := d.Lookup(name); err != nil || got.ID() != w.ID() {
				t.Errorf("%s: %s: %v, %v", what, name, got, err)
			}
		}
		if len(said) != 1 || !strings.Contains(said[0], "index of names is damaged") {
			t.Errorf("%s: warnings %q, want one", what, said)
		}
	}
	// Left alone it is not even read.
	bad := slices.Clone(f)
	clear(bad[sec.Offset : sec.Offset+sec.Size])
	if got, err := openIndexed(t, bytes.NewReader(bad), Options{NoNameIndex: true}).Lookup("struct tree"); err != nil || got.ID() != want.ID() {
		t.Errorf("%v, %v", got, err)
	}
}

// fuzzNameIndex asks an index for names that may or may not be in it.
func fuzzNameIndex(t *testing.T, x nameIndex) {
	for _, name := range []string{"node", "int", "list_head", "", "ns::vec<int>", "long unsigned int"} {
		for _, kind := range []accelKind{accelType, accelVariable} {
			refs, err := x.candidates(name, kind, func(tag) bool { return true })
			if err != nil && len(refs) > 0 {
				t.Fatalf("units and %v", err)
			}
		}
	}
}

// FuzzGDBIndex: any bytes as .gdb_index end with an answer or an error.
func FuzzGDBIndex(f *testing.F) {
	seedIndex(f, "c/gdbindex", "c/goldindex")
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := newGDBIndex(newSection(".gdb_index", bytes.NewReader(b), uint64(len(b))), len(b)%2 == 0)
		if err == nil {
			fuzzNameIndex(t, x)
		}
	})
}

// FuzzDebugNames: the same for .debug_names.
func FuzzDebugNames(f *testing.F) {
	seedIndex(f, "c/gdbnames", "c/llvmnames")
	strs := []byte("\x00node\x00int\x00list_head\x00ns::vec<int>\x00long unsigned int\x00")
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &Data{im: &image{}}
		d.sections.strs = newSection(".debug_str", bytes.NewReader(strs), uint64(len(strs)))
		x, err := newDebugNames(d, newSection(".debug_names", bytes.NewReader(b), uint64(len(b))))
		if err == nil {
			fuzzNameIndex(t, x)
		}
	})
}

// seedIndex adds the indexes of programs, and small ones made by hand.
func seedIndex(f *testing.F, programs ...string) {
	f.Add([]byte{8, 0, 0, 0, 24, 0, 0, 0, 24, 0, 0, 0, 24, 0, 0, 0, 24, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 'i', 'n', 't', 0})
	f.Add([]byte{28, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	for _, name := range programs {
		s, err := fixtures.MakeProgram(f.Context(), name)
		if err != nil {
			continue // without the tools the hand-made ones have to do
		}
		if b, err := os.ReadFile(s.Exe); err == nil {
			sec := indexSection(f, b)
			f.Add(b[sec.Offset : sec.Offset+sec.Size])
		}
	}
}
