package dwarf

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/fixtures"
)

// splitProgram compiles sources twice, with -gsplit-dwarf and without, into two
// directories.
func splitProgram(t *testing.T, tool string, files []string, args ...string) (plain, split string) {
	t.Helper()
	fixtures.Need(t, tool)
	make := func(extra ...string) string {
		dir := t.TempDir()
		cmd := append(append([]string{"-o", "prog"}, args...), extra...)
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(sources(t), f))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, f), b, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd = append(cmd, f)
		}
		runIn(t, dir, tool, cmd...)
		return filepath.Join(dir, "prog")
	}
	return make(), make("-gsplit-dwarf")
}

func runIn(t *testing.T, dir, tool string, args ...string) {
	t.Helper()
	fixtures.Need(t, tool)
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// openDwo opens .dwo files where their names say.
func openDwo(q DwoName) (io.ReaderAt, error) {
	p := q.Name
	if !filepath.IsAbs(p) {
		p = filepath.Join(q.CompDir, p)
	}
	return os.Open(p)
}

// TestSplit compares programs with split debug data, in .dwo files and in a .dwp
// package, with the same programs without.
func TestSplit(t *testing.T) {
	cxx := []string{"types.cc", "second.cc"}
	for _, tt := range []struct {
		version    int
		name, tool string
		files      []string
		args       []string
	}{
		{4, "c-4", "gcc", []string{"types.c"}, []string{"-gdwarf-4", "-O0"}},
		{5, "c-5", "gcc", []string{"types.c"}, []string{"-gdwarf-5", "-O0"}},
		{4, "c++-4", "g++", cxx, []string{"-gdwarf-4", "-O2"}},
		{5, "c++-5", "g++", cxx, []string{"-gdwarf-5", "-O2"}},
		{4, "c++-4-types", "g++", cxx, []string{"-gdwarf-4", "-fdebug-types-section"}},
		{5, "c++-5-types", "g++", cxx, []string{"-gdwarf-5", "-fdebug-types-section"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plain, split := splitProgram(t, tt.tool, tt.files, tt.args...)
			want := open(t, plain, Options{})
			t.Run("dwo", func(t *testing.T) {
				d := open(t, split, Options{Split: openDwo})
				compareSplit(t, want, d, plain)
			})
			if tt.version == 5 {
				return // Debian 12's dwp cannot; see TestPackage5
			}
			runIn(t, filepath.Dir(split), "dwp", "-e", "prog", "-o", "prog.dwp")
			t.Run("dwp", func(t *testing.T) {
				d := open(t, split, Options{Package: func() (io.ReaderAt, error) { return os.Open(split + ".dwp") }})
				compareSplit(t, want, d, plain)
			})
		})
	}
}

func compareSplit(t *testing.T, want, got *Data, path string) {
	t.Helper()
	compareData(t, want, got, path)
	if bad := got.MissingSplit(); len(bad) != 0 {
		t.Error(bad)
	}
	for ty := range got.All() {
		if ty.Err() != nil || ty.Kind() == ctype.Unknown {
			t.Errorf("%s: %v", ty, ty.Err())
		}
	}
}

// TestSplitMissing reads a program whose .dwo files are gone, or another build's.
func TestSplitMissing(t *testing.T) {
	_, split := splitProgram(t, "gcc", []string{"types.c"}, "-gdwarf-5")
	_, other := splitProgram(t, "gcc", []string{"types.c"}, "-gdwarf-5", "-O2")
	for name, dir := range map[string]string{"gone": t.TempDir(), "another build": filepath.Dir(other)} {
		d := open(t, split, Options{Split: func(q DwoName) (io.ReaderAt, error) { return os.Open(filepath.Join(dir, q.Name)) }})
		for ty := range d.All() {
			t.Errorf("%s: type %s", name, ty)
		}
		if bad := d.MissingSplit(); len(bad) != 1 || !errors.Is(bad[0], ErrSplit) {
			t.Errorf("%s: %v", name, bad)
		}
		// Lines are in the program.
		pc := symbolAddress(t, split, "main")
		if file, line, err := d.Line(pc); err != nil || line == 0 {
			t.Errorf("%s: %s:%d, %v", name, file, line, err)
		}
	}
}

// FuzzUnitIndex decodes indexes of packages.
func FuzzUnitIndex(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x11\x22\x33\x44\x55\x66\x77\x88" + "\x00\x00\x00\x00\x01\x00\x00\x00" +
		"\x01\x00\x00\x00\x03\x00\x00\x00" + "\x10\x00\x00\x00\x20\x00\x00\x00" + "\x30\x00\x00\x00\x40\x00\x00\x00"))
	f.Add([]byte("\x05\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, big := range []bool{false, true} {
			rows, err := parseUnitIndex(b, big)
			if err == nil && len(rows)*12 > len(b) {
				t.Errorf("%d rows from %d bytes", len(rows), len(b))
			}
		}
	})
}

// TestPackage5 reads a package of DWARF 5, made by llvm-dwp 14 of two units that
// gcc 12 compiled with -gdwarf-5 -O2.
func TestPackage5(t *testing.T) {
	plain := "testdata/split-5-plain.elf"
	d := open(t, "testdata/split-5.elf", Options{Package: func() (io.ReaderAt, error) { return os.Open("testdata/split-5.elf.dwp") }})
	compareSplit(t, open(t, plain, Options{}), d, plain)
}

// TestSplitMutated damages a package, a few bytes at a time: messages, no panics.
func TestSplitMutated(t *testing.T) {
	program, pack := read(t, "testdata/split-5.elf"), read(t, "testdata/split-5.elf.dwp")
	r := rand.New(rand.NewPCG(3, 5))
	for range 400 {
		b := bytes.Clone(pack)
		for range 1 + r.IntN(8) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		exerciseSplit(program, b)
	}
}

// exerciseSplit reads a program whose package, or one .dwo file, is b.
func exerciseSplit(program, b []byte) {
	file := func() (io.ReaderAt, error) { return bytes.NewReader(b), nil }
	for _, o := range []Options{{Package: file}, {Split: func(DwoName) (io.ReaderAt, error) { return file() }}} {
		if d, err := New(bytes.NewReader(program), o); err == nil {
			exercise(d)
		}
	}
}

// FuzzSplit reads packages and .dwo files of a program that is whole.
func FuzzSplit(f *testing.F) {
	program, err := os.ReadFile("testdata/split-5.elf")
	if err != nil {
		f.Fatal(err)
	}
	pack, err := os.ReadFile("testdata/split-5.elf.dwp")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pack)
	f.Fuzz(func(t *testing.T, b []byte) { exerciseSplit(program, b) })
}

// FuzzSplitLoc decodes location lists of split DWARF 4.
func FuzzSplitLoc(f *testing.F) {
	f.Add([]byte("\x03\x00\x10\x00\x00\x00\x01\x00\x50\x00"))
	f.Add([]byte("\x01\x00\x04\x00\x00\x00\x00\x20\x00\x00\x00\x01\x00\x51\x09\x01\x02\x02\x00\x00\x01\x00\x52\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		addrs := newSection(".debug_addr", bytes.NewReader(make([]byte, 64)), 64)
		u := &unit{header: header{enc: encoding{addrSize: 8, version: 4}}, d: &Data{im: &image{}}, s: &sections{addr: addrs}}
		for _, pc := range []uint64{0, 5, 1 << 20} {
			if expr, _ := u.parseSplitLoc(&cursor{b: b}, pc); len(expr) > len(b) {
				t.Errorf("%d bytes from %d", len(expr), len(b))
			}
		}
	})
}
