package dwarf

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/fixtures"
)

func dwz(t *testing.T, args ...string) {
	t.Helper()
	fixtures.Need(t, "dwz")
	if out, err := exec.Command("dwz", args...).CombinedOutput(); err != nil {
		t.Fatalf("dwz: %v\n%s", err, out)
	}
}

// copyFile copies a program that a tool is to change.
func copyFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(out, b, 0o700); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPartialUnits reads a program whose duplicate DIEs dwz moved into partial
// units: references leave their units.
func TestPartialUnits(t *testing.T) {
	path := copyFile(t, compile(t, "types.cc", "g++", "-gdwarf-4", filepath.Join(sources(t), "second.cc")))
	dwz(t, path)
	d := open(t, path, Options{})
	hs, err := d.headers()
	if err != nil || len(hs) < 3 {
		t.Fatalf("%d units, %v: dwz made no partial unit", len(hs), err)
	}
	compareAll(t, path)
	for name, size := range map[string]uint64{"ns::Shared": 40, "ns::vec<int>": 16, "ns::Derived": 56} {
		if ty, err := d.Lookup(name); err != nil || ty.Size() != size {
			t.Errorf("%s: %v, %v", name, ty, err)
		}
	}
	pcs := textPCs(t, d, path)
	for _, pc := range pcs {
		if _, err := framesAt(d, pc); err != nil {
			t.Fatalf("%#x: %v", pc, err)
		}
	}
}

// TestSupplementary reads programs whose common DIEs dwz moved into a third file:
// with it, they say what they said before; without it, what lies there is
// refused by name.
func TestSupplementary(t *testing.T) {
	t.Run("4", func(t *testing.T) { checkSupplementary(t, "-gdwarf-4") })
	t.Run("5", func(t *testing.T) { checkSupplementary(t, "-gdwarf-5", "-5") })
}

func checkSupplementary(t *testing.T, version string, options ...string) {
	before := compile(t, "types.cc", "g++", version, "-Wl,--build-id")
	a := copyFile(t, before)
	b := copyFile(t, compile(t, "types.cc", "g++", version, "-O1", "-Wl,--build-id"))
	common := filepath.Join(t.TempDir(), "common")
	dwz(t, append(options, "-m", common, "-M", common, a, b)...)

	d := open(t, a, Options{})
	if !d.hasSupplementary() {
		t.Fatal("dwz moved nothing")
	}
	if refused := countRefused(t, d); refused == 0 {
		t.Error("nothing of the program lies in the supplementary file")
	}
	if _, err := d.supplementary(); !errors.Is(err, ErrSupplementary) {
		t.Errorf("supplementary file without a way to open it: %v", err)
	}

	asked := ""
	d = open(t, a, Options{Supplementary: func(path, id string) (io.ReaderAt, error) {
		asked = path
		f, err := os.Open(common)
		if err == nil {
			t.Cleanup(func() { f.Close() })
		}
		return f, err
	}})
	if refused := countRefused(t, d); refused != 0 {
		t.Errorf("%d types are refused with the supplementary file at hand", refused)
	}
	if filepath.Base(asked) != "common" {
		t.Errorf("asked for %q", asked)
	}
	compareData(t, open(t, before, Options{}), d, before)

	wrong := open(t, a, Options{Supplementary: func(path, id string) (io.ReaderAt, error) {
		return bytes.NewReader(read(t, b)), nil
	}})
	if _, err := wrong.supplementary(); !errors.Is(err, ErrSupplementary) {
		t.Errorf("a file with another build-id was taken: %v", err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// countRefused counts the types that are in no reach.
func countRefused(t *testing.T, d *Data) (refused int) {
	t.Helper()
	hs, err := d.headers()
	if err != nil {
		t.Fatal(err)
	}
	for i := range hs {
		u, err := d.unitNumber(i)
		if err != nil {
			t.Fatal(err)
		}
		_ = u.children(u.root, func(e die) bool {
			if ty := e.typeOf(); ty != nil && ty.Kind() == ctype.Unknown && errors.Is(ty.Err(), ErrSupplementary) {
				refused++
			}
			return true
		})
	}
	return refused
}

// compareData compares all types and frames of two forms of one program.
func compareData(t *testing.T, want, got *Data, path string) {
	t.Helper()
	n := 0
	for w := range want.All() {
		if w.Kind() == ctype.Forward || w.Kind() == ctype.Void {
			continue
		}
		g, err := got.Lookup(w.String())
		if err != nil {
			t.Errorf("%s: %v", w, err)
			continue
		}
		if g.Kind() != w.Kind() || g.Size() != w.Size() || len(g.Members()) != len(w.Members()) {
			t.Errorf("%s: %v of %d bytes with %d members, want %v of %d with %d", w,
				g.Kind(), g.Size(), len(g.Members()), w.Kind(), w.Size(), len(w.Members()))
			continue
		}
		for i, m := range w.Members() {
			if o := g.Members()[i]; o.Name != m.Name || o.Off != m.Off || o.Type.String() != m.Type.String() {
				t.Errorf("%s: member %s %s, want %s %s", w, o.Type, o.Name, m.Type, m.Name)
			}
		}
		n++
	}
	if n < 30 {
		t.Errorf("only %d types were compared", n)
	}
	for _, pc := range textPCs(t, want, path) {
		w, err := framesAt(want, pc)
		if err != nil {
			t.Fatal(err)
		}
		g, err := framesAt(got, pc)
		if diff := cmp.Diff(w, g); err != nil || diff != "" {
			t.Fatalf("%#x: %v %s", pc, err, diff)
		}
	}
}
