package dwarf

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
)

func dwz(t *testing.T, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("dwz")
	if err != nil {
		t.Skip("dwz is not installed")
	}
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
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

// TestSupplementary reads two programs whose common DIEs dwz moved into a third
// file: what lies there is refused by name.
func TestSupplementary(t *testing.T) {
	a := copyFile(t, compile(t, "types.cc", "g++", "-gdwarf-4"))
	b := copyFile(t, compile(t, "types.cc", "g++", "-gdwarf-4", "-O1"))
	dwz(t, "-m", filepath.Join(t.TempDir(), "common"), "-L", "none", a, b)
	d := open(t, a, Options{})
	refused := 0
	for ty := range d.All() {
		for _, m := range ty.Members() {
			if errors.Is(m.Type.Err(), ErrSupplementary) {
				refused++
			}
		}
	}
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
	if refused == 0 {
		t.Error("nothing of the program lies in the supplementary file")
	}
}
