package elffile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/fixtures"
)

// hasMain tells whether a Set finds the symbol main in .symtab.
func hasMain(t *testing.T, s *Set) bool {
	t.Helper()
	tab, err := s.Symbols(sym.Symtab, sym.RuleProcess, 0)
	if err != nil {
		t.Error(err)
	}
	_, ok := tab.ByName("main")
	return ok
}

func copyTo(t *testing.T, dir string, files ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDebugLink(t *testing.T) {
	s := fixtures.BuildProgram(t, "c/debuglink")
	debug := filepath.Join(filepath.Dir(s.Exe), "crash.debug")
	places := map[string]func(dir string) (exe, dbg string, fd Finder){
		"beside": func(d string) (string, string, Finder) { return d, d, Finder{} },
		".debug": func(d string) (string, string, Finder) { return d, filepath.Join(d, ".debug"), Finder{} },
		"debug dir": func(d string) (string, string, Finder) {
			return d, filepath.Join(d, "dbg", d), Finder{DebugDirs: []string{filepath.Join(d, "dbg")}}
		},
		"sysroot": func(d string) (string, string, Finder) {
			return filepath.Join(d, "root/usr/bin"), filepath.Join(d, "root/usr/lib/debug/usr/bin"), Finder{Sysroot: filepath.Join(d, "root")}
		},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			exe, dbg, fd := place(t.TempDir())
			copyTo(t, exe, s.Exe)
			copyTo(t, dbg, debug)
			set := NewSet(open(t, filepath.Join(exe, "crash")), &fd)
			if !hasMain(t, set) || set.Debug() == nil || len(set.Missing()) != 0 {
				t.Errorf("debug file not taken: %v", set.Missing())
			}
		})
	}
}

func TestDebugLinkRefusesAnotherFile(t *testing.T) {
	s := fixtures.BuildProgram(t, "c/debuglink")
	other := fixtures.BuildProgram(t, "c/O0")
	dir := t.TempDir()
	copyTo(t, dir, s.Exe)
	b, err := os.ReadFile(other.Exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "crash.debug"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, filepath.Join(dir, "crash"))
	set := NewSet(f, &Finder{})
	if hasMain(t, set) {
		t.Error("symbols of another program were taken")
	}
	m := set.Missing()
	if len(m) != 1 || !errors.Is(m[0].Err, ErrMismatch) || m[0].BuildID != f.BuildID() {
		t.Errorf("missing: %v", m)
	}
}

// Without build-ids the CRC decides.
func TestDebugLinkCRC(t *testing.T) {
	g := open(t, fixtures.BuildProgram(t, "c/O2").Exe)
	if err := g.answersLink("", 1); err == nil || !strings.Contains(err.Error(), "CRC") {
		t.Errorf("wrong CRC: %v", err)
	}
	s := fixtures.BuildProgram(t, "c/debuglink")
	_, crc, ok := open(t, s.Exe).DebugLink()
	if !ok {
		t.Fatal("no debuglink")
	}
	if err := open(t, filepath.Join(filepath.Dir(s.Exe), "crash.debug")).answersLink("", crc); err != nil {
		t.Errorf("right CRC: %v", err)
	}
}

func TestBuildIDDirectory(t *testing.T) {
	s := fixtures.BuildProgram(t, "c/buildid")
	dir := s.Debug
	f := open(t, s.Exe)
	set := NewSet(f, &Finder{DebugDirs: []string{dir}})
	if !hasMain(t, set) {
		t.Errorf("no symbols from %s: %v", dir, set.Missing())
	}
	// Beside the file.
	here := t.TempDir()
	copyTo(t, here, s.Exe)
	if err := os.CopyFS(filepath.Join(here, ".debug"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if set := NewSet(open(t, filepath.Join(here, "crash")), &Finder{DebugDirs: []string{t.TempDir()}}); !hasMain(t, set) {
		t.Errorf("no symbols from beside the file: %v", set.Missing())
	}
	none := NewSet(f, &Finder{DebugDirs: []string{t.TempDir()}})
	if hasMain(t, none) {
		t.Error("symbols from nowhere")
	}
	if m := none.Missing(); len(m) != 1 || m[0].BuildID != f.BuildID() {
		t.Errorf("missing: %v", m)
	}
}

func TestMiniDebugInfo(t *testing.T) {
	s := fixtures.BuildProgram(t, "c/minidebug")
	if !hasMain(t, NewSet(open(t, s.Exe), nil)) {
		t.Error("no symbols from .gnu_debugdata")
	}
}

func TestFinderOpen(t *testing.T) {
	s := fixtures.BuildProgram(t, "c/O2")
	id := open(t, s.Exe).BuildID()
	root := t.TempDir()
	copyTo(t, filepath.Join(root, "opt/app"), s.Exe)
	fd := &Finder{Sysroot: root}
	f, refused := fd.Open("/opt/app/crash", id)
	if f == nil || len(refused) != 0 || !strings.HasPrefix(f.Path, root) {
		t.Fatalf("on the sysroot: %v, %v", f, refused)
	}
	f.Close()
	f, refused = fd.Open("/opt/app/crash", "00112233")
	if f != nil || len(refused) != 1 || !errors.Is(refused[0].Err, ErrMismatch) {
		t.Errorf("another build-id: %v, %v", f, refused)
	}
	if f, refused = fd.Open("/opt/app/none", id); f != nil || refused != nil {
		t.Errorf("no such file: %v, %v", f, refused)
	}
}

// A path in a core may lead to anything: a directory, a device, a pipe.
func TestOpenRegularFilesOnly(t *testing.T) {
	for _, p := range []string{t.TempDir(), os.DevNull, ""} {
		if f, err := Open(p); err == nil {
			f.Close()
			t.Errorf("%q opened", p)
		}
	}
}

func TestParseDebugLink(t *testing.T) {
	le := binary.LittleEndian
	for _, tt := range []struct {
		in   string
		name string
		crc  uint32
		ok   bool
	}{
		{"a.debug\x00\x01\x02\x03\x04", "a.debug", 0x04030201, true},
		{"abc\x00\x01\x02\x03\x04", "abc", 0x04030201, true},
		{"ab\x00\x00\x01\x02\x03\x04", "ab", 0x04030201, true},
		{"../x\x00\x00\x00\x00\x01\x02\x03\x04", "", 0, false},
		{"/etc/passwd\x00\x01\x02\x03\x04", "", 0, false},
		{"abc\x00\x01\x02", "", 0, false},
		{"\x00\x00\x00\x00\x01\x02\x03\x04", "", 0, false},
		{"abc", "", 0, false},
		{"", "", 0, false},
	} {
		name, crc, ok := parseDebugLink([]byte(tt.in), le)
		if name != tt.name || crc != tt.crc || ok != tt.ok {
			t.Errorf("%q: %q %#x %v", tt.in, name, crc, ok)
		}
	}
}

func TestNotes(t *testing.T) {
	note := func(name string, typ uint32, desc string, pad int) []byte {
		var b bytes.Buffer
		binary.Write(&b, binary.LittleEndian, []uint32{uint32(len(name) + 1), uint32(len(desc)), typ})
		b.WriteString(name + "\x00")
		for b.Len()%pad != 0 {
			b.WriteByte(0)
		}
		b.WriteString(desc)
		for b.Len()%pad != 0 {
			b.WriteByte(0)
		}
		return b.Bytes()
	}
	for _, pad := range []int{4, 8} {
		in := append(note("GNU", 3, "abcde", pad), note("CORE", 1, "", pad)...)
		in = append(in, note("LINUX", 2, "1234", pad)...)
		var got []string
		for n := range Notes(in, binary.LittleEndian, uint64(pad)) {
			got = append(got, n.Name+":"+string(n.Desc))
		}
		if strings.Join(got, " ") != "GNU:abcde CORE: LINUX:1234" {
			t.Errorf("padding %d: %q", pad, got)
		}
		// Cut anywhere: whole notes only.
		for i := range in {
			for n := range Notes(in[:i], binary.LittleEndian, uint64(pad)) {
				if n.Name != "GNU" && n.Name != "CORE" && n.Name != "LINUX" {
					t.Errorf("cut at %d: %+v", i, n)
				}
			}
		}
	}
}

func FuzzNew(f *testing.F) {
	b, err := os.ReadFile("testdata/small.elf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:200])
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := New(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		s := NewSet(e, nil)
		for _, k := range []sym.Kind{sym.Symtab, sym.Dynsym} {
			tab, _ := s.Symbols(k, sym.RuleLinux, 0x1000)
			for x := range tab.All() {
				tab.ByAddr(x.Value, 0)
				break
			}
		}
		e.BuildID()
		e.Stubs()
		e.Needed()
		e.DebugLink()
		for _, sec := range e.Sections {
			if d, err := e.Data(sec); err == nil && uint64(len(d)) > sec.Size {
				t.Errorf("section of %d bytes gave %d", sec.Size, len(d))
			}
		}
	})
}
