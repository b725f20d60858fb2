package objfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/core/system"
)

var (
	_ core.Target         = (*Target)(nil)
	_ core.Virtual        = (*Target)(nil)
	_ core.ObjectFile     = (*Target)(nil)
	_ core.Mapped         = (*Target)(nil)
	_ core.Variables      = (*Target)(nil)
	_ core.StatusReporter = (*Target)(nil)
	_ core.Reopener       = (*Target)(nil)
	_ core.Stater         = (*Target)(nil)
	_ core.Machine        = (*Target)(nil)
	_ core.Xdata          = (*Target)(nil)
	_ system.FileSource   = (*Target)(nil)

	// What is recognised in an ELF file adds the rest.
	_ core.Symbols   = (*system.Image)(nil)
	_ core.Types     = (*system.Image)(nil)
	_ core.DebugInfo = (*system.Image)(nil)
)

// opened is a file with what is recognised in it, as a session has it.
type opened struct {
	*Target
	*system.Image
}

func recognise(t *testing.T, tg *Target) *opened {
	t.Helper()
	sys, err := system.Recognise(t.Context(), tg)
	if err != nil {
		t.Fatal(err)
	}
	return &opened{tg, sys.(*system.Image)}
}

// open opens a copy of one of the observed programs.
func open(t *testing.T, name string, writable bool) *opened {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o700); err != nil {
		t.Fatal(err)
	}
	tg, err := Open(path, nil, writable)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	return recognise(t, tg)
}

func label(tg *opened, addr uint64) string {
	s, ok := tg.Namespace().Format(addr, 0, 16)
	if !ok {
		return "?"
	}
	return s
}

// The answers are MDB's (conformance groups elf and elf_fmt).
func TestExecutable(t *testing.T) {
	tg := open(t, "prog", false)
	ns := tg.Namespace()
	for name, want := range map[string]uint64{"main": 0x40059e, "n1": 0x401b60, "vfunc": 0x40051d} {
		if m, err := ns.LookupName("", name); err != nil || m.Value != want {
			t.Errorf("%s = %#x, %v; want %#x", name, m.Value, err, want)
		}
	}
	for addr, want := range map[uint64]string{
		0x40059e: "main", 0x40059f: "main+1", 0x4005aa: "main+0xc", 0x401b60: "prog`n1", 0x401b64: "prog`n1+4",
		0x40069e: "?", 0x400658: "ro", 0x401d50: "?", 0: "?",
	} {
		if got := label(tg, addr); got != want {
			t.Errorf("%#x is %s, want %s", addr, got, want)
		}
	}
	if m, err := ns.LookupName("prog.c", "sfunc"); err != nil || m.Value != 0x400512 {
		t.Errorf("prog.c`sfunc = %#x, %v", m.Value, err)
	}
	if m, err := ns.LookupName("prog", "n1"); err != nil || m.Value != 0x401b60 {
		t.Errorf("prog`n1 = %#x, %v", m.Value, err)
	}
	if _, err := ns.LookupName("nosuch", "n1"); err == nil || err.Error() != "unknown object file name" {
		t.Errorf("nosuch`n1: %v", err)
	}
	if _, err := ns.LookupName("", "x"); err == nil || err.Error() != "unknown symbol name" {
		t.Errorf("x: %v", err)
	}
	for name, want := range map[string]uint64{"e": 0x400410, "m": 0x464c457f, "b": 0x4017e0, "d": 0x580, "t": 0x7e0} {
		if v, ok := tg.Variable(name); !ok || v != want {
			t.Errorf("variable %s = %#x, want %#x", name, v, want)
		}
	}
}

func TestSpaces(t *testing.T) {
	tg := open(t, "prog", true)
	var b [4]byte
	if err := mem.ReadFull(tg.Virtual(), b[:], 0x40059e); err != nil || b != [4]byte{0x55, 0x48, 0x89, 0xe5} {
		t.Errorf("/ at main: %x, %v", b, err)
	}
	// .bss: nothing for `/`, zeros for `?`.
	if err := mem.ReadFull(tg.Virtual(), b[:], 0x401d50); !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("/ at bss: %v", err)
	}
	b = [4]byte{1, 1, 1, 1}
	if err := mem.ReadFull(tg.ObjectFile(), b[:], 0x401d50); err != nil || b != [4]byte{} {
		t.Errorf("? at bss: %x, %v", b, err)
	}
	if err := mem.ReadFull(tg.ObjectFile(), b[:], 0x10); !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("? at 10: %v", err)
	}
	if _, err := tg.Virtual().(mem.Writer).WriteAt([]byte{1}, 0x401b60); !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("/W: %v", err)
	}
	w := tg.ObjectFile().(mem.Writer)
	if _, err := w.WriteAt([]byte{0x77, 0, 0, 0}, 0x401b60); err != nil {
		t.Fatal(err)
	}
	for _, s := range []mem.Space{tg.Virtual(), tg.ObjectFile()} {
		if err := mem.ReadFull(s, b[:], 0x401b60); err != nil || b[0] != 0x77 {
			t.Errorf("after ?W: %x, %v", b, err)
		}
	}
	if err := tg.SetWritable(false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte{1}, 0x401b60); !errors.Is(err, mem.ErrReadOnly) {
		t.Errorf("?W without -w: %v", err)
	}
}

// An object file: symbols are at the file offset of their section, `?` reads
// them there, and `/` has nothing.
func TestRelocatable(t *testing.T) {
	tg := open(t, "prog.o", false)
	m, err := tg.Namespace().LookupName("", "n1")
	if err != nil || m.Value != 0x3c0 {
		t.Fatalf("n1 = %#x, %v; want 3c0", m.Value, err)
	}
	if got := label(tg, m.Value); got != "?" {
		t.Errorf("3c0 is %s", got)
	}
	var b [4]byte
	if err := mem.ReadFull(tg.ObjectFile(), b[:], 0x3c0); err != nil || b[0] != 1 {
		t.Errorf("? at n1: %x, %v", b, err)
	}
	if err := mem.ReadFull(tg.Virtual(), b[:], 0x3c0); !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("/ at n1: %v", err)
	}
}

func TestTypes(t *testing.T) {
	tg := open(t, "prog", false)
	o := tg.Namespace().Main()
	s := tg.TypeScope(o)
	if s == nil {
		t.Fatal("no types")
	}
	typ, err := s.Lookup("struct node")
	if err != nil || typ.Body().Size != 0x40 {
		t.Errorf("struct node: %v, %v", typ, err)
	}
}

func TestNotELF(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(p, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(p, nil, false); !errors.Is(err, elffile.ErrNotELF) {
		t.Errorf("%v", err)
	}
}
