package dwarf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/store"
)

// cached opens a file whose index is cached however small it is.
func cached(t *testing.T, path string, s *store.Store) (*Data, *int) {
	t.Helper()
	passes := new(int)
	d := open(t, path, Options{Cache: s, Progress: func(done, total int64) {
		if done == total {
			*passes++
		}
	}})
	d.cacheAbove = 0
	return d, passes
}

// TestCachedIndex builds an index, reads it back from the cache in place of the
// file, and does without when the entry is damaged or of another file.
func TestCachedIndex(t *testing.T) {
	path := compile(t, "types.cc", "g++", "-g", "-Wl,--build-id")
	dir := t.TempDir()
	s, err := store.Open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	first, passes := cached(t, path, s)
	if first.BuildID() == "" {
		t.Fatal("the program has no build-id")
	}
	want, err := first.names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if *passes != 1 {
		t.Errorf("the index was built in %d passes", *passes)
	}
	second, passes := cached(t, path, s)
	got, err := second.names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if *passes != 0 {
		t.Error("the index was built again")
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(index{}, entry{}, address{})); diff != "" {
		t.Error(diff)
	}
	if ty, err := second.Lookup("ns::Derived"); err != nil || ty.Size() != 56 {
		t.Errorf("lookup by the cached index: %v, %v", ty, err)
	}
	if _, err := second.Lookup("nosuch"); err == nil || *passes != 1 {
		t.Errorf("a name that is not there: %v after %d passes, want one for the names in functions", err, *passes)
	}
	again, passes := cached(t, path, s)
	if _, err := again.Lookup("nosuch"); err == nil || *passes != 0 {
		t.Errorf("a name that is not there, with both indexes cached: %v after %d passes", err, *passes)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files in the cache: %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	third, passes := cached(t, path, s)
	if _, err := third.Lookup("ns::Derived"); err != nil || *passes != 1 {
		t.Errorf("lookup with a damaged cache: %v after %d passes", err, *passes)
	}
}

// TestForeignIndex gives a file the index of another, as a build-id that lies
// would: names are not found, or found rightly.
func TestForeignIndex(t *testing.T) {
	d := open(t, compile(t, "types.c", "gcc", "-g"), Options{})
	other := open(t, compile(t, "types.cc", "g++", "-g"), Options{})
	x, err := other.names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.index.top = x
	for _, e := range x.names {
		if !d.isNamed(e, "node_t") {
			continue
		}
		if ty := d.typeAt(nil, e.ref()); ty.Name() != "node_t" {
			t.Errorf("%#x passes for node_t and is %v", e.ref(), ty)
		}
	}
	if ty, err := d.Lookup("ns::Derived"); err == nil {
		t.Errorf("found %v of another file", ty)
	}
}

func FuzzIndex(f *testing.F) {
	x := &index{names: []entry{makeEntry(1, classStruct, 2)}, vars: []address{{3, 4}}}
	f.Add(x.encode())
	f.Add([]byte{1})
	d := fromSections(seeds(f)[0], false)
	f.Fuzz(func(t *testing.T, b []byte) {
		x := decodeIndex(b)
		if x == nil {
			return
		}
		d.index.top = x
		for i, e := range x.names {
			if i > 50 {
				break
			}
			d.isNamed(e, "node")
			d.typeAt(nil, e.ref())
		}
		_, _ = d.SymbolType("head", 0, 0)
	})
}
