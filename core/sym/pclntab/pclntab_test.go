package pclntab

import (
	"debug/elf"
	"debug/gosym"
	"os"
	"runtime"
	"testing"

	"github.com/xmdb/xmdb/core/sym"
)

// self reads the table of a Go program: the test itself.
func self(t testing.TB) (data []byte, text uint64) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(exe)
	if err != nil {
		t.Skipf("the test program is no ELF file: %v", err)
	}
	defer f.Close()
	s, x := f.Section(".gopclntab"), f.Section(".text")
	if s == nil || x == nil {
		t.Fatal("the test program has no function table")
	}
	if data, err = s.Data(); err != nil {
		t.Fatal(err)
	}
	return data, x.Addr
}

// TestAgreesWithGosym compares functions, and lines of every 97th address, with
// the standard library's reader.
func TestAgreesWithGosym(t *testing.T) {
	data, text := self(t)
	tab, err := Open(data, text)
	if err != nil {
		t.Fatal(err)
	}
	want, err := gosym.NewTable(nil, gosym.NewLineTable(data, text))
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Funcs) != tab.Len() || tab.Len() < 1000 {
		t.Fatalf("%d functions, gosym has %d", tab.Len(), len(want.Funcs))
	}
	lines := 0
	for i := range want.Funcs {
		w := &want.Funcs[i]
		f, ok := tab.At(i)
		if !ok || f.Name != w.Name || f.Entry != w.Entry || f.End != w.End {
			t.Fatalf("function %d is %+v, gosym says %s [%#x, %#x)", i, f, w.Name, w.Entry, w.End)
		}
		for pc := f.Entry; pc < f.End; pc += 97 {
			file, line, ok := tab.Line(pc)
			wfile, wline, _ := want.PCToLine(pc)
			if ok && (file != wfile || line != wline) || !ok && wline > 0 && wfile != "" {
				t.Fatalf("%#x in %s is %s:%d (%v), gosym says %s:%d", pc, f.Name, file, line, ok, wfile, wline)
			}
			lines++
		}
	}
	t.Logf("%d functions, %d lines", tab.Len(), lines)
}

func TestSymbols(t *testing.T) {
	data, text := self(t)
	tab, err := Open(data, text)
	if err != nil {
		t.Fatal(err)
	}
	const bias = 0x10000000
	st := tab.Symbols(sym.RuleLinux, 1, bias)
	s, ok := st.ByName("runtime.gopark")
	f, found := tab.Find(s.Value - bias)
	if !ok || !found || f.Name != "runtime.gopark" || f.Entry != s.Value-bias || s.Size != f.End-f.Entry {
		t.Errorf("runtime.gopark is %+v, found %+v", s, f)
	}
	if at, ok := st.ByAddr(s.Value+5, 0); !ok || at.Name != "runtime.gopark" {
		t.Errorf("the symbol at +5 is %+v", at)
	}
}

// TestFrameSize finds frames where the compiler says how large they are: a
// function has none at its entry.
func TestFrameSize(t *testing.T) {
	data, text := self(t)
	tab, err := Open(data, text)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("frames are compared on amd64")
	}
	for i := range tab.Len() {
		f, _ := tab.At(i)
		if f.Name != "runtime.gopark" {
			continue
		}
		at, ok := tab.FrameSize(f.Entry)
		in, ok2 := tab.FrameSize(f.Entry + 40)
		if !ok || !ok2 || at != 0 || in < 16 || in%8 != 0 {
			t.Errorf("frame at entry %d (%v), inside %d (%v)", at, ok, in, ok2)
		}
	}
}

func TestRefuses(t *testing.T) {
	data, text := self(t)
	for _, cut := range []int{0, 4, 8, 40, 71, 100} {
		if _, err := Open(data[:cut], text); err == nil {
			t.Errorf("%d bytes were taken for a table", cut)
		}
	}
	bad := append([]byte(nil), data[:4096]...)
	bad[8+3] = 0x7f // functions
	if _, err := Open(bad, text); err == nil {
		t.Error("a table of too many functions was taken")
	}
}

func FuzzTable(f *testing.F) {
	data, text := self(f)
	tab, err := Open(data, text)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small(tab, data), text)
	f.Add([]byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}, uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, text uint64) {
		tab, err := Open(b, text)
		if err != nil {
			return
		}
		for i := range min(tab.Len(), 100) {
			fn, ok := tab.At(i)
			if !ok {
				continue
			}
			tab.Find(fn.Entry)
			tab.Line(fn.Entry)
			tab.FrameSize(fn.End - 1)
		}
		if tab.Len() < 1000 {
			tab.Symbols(sym.RuleLinux, 1, 0)
		}
	})
}

// small makes a table of the first function of another.
func small(t *Table, data []byte) []byte {
	out := append([]byte(nil), data[:8+8*8]...)
	le := t.order
	put := func(word int, v uint64) { le.PutUint64(out[8+8*word:], v) }
	put(0, 1)
	part := func(word int, b []byte) {
		put(word, uint64(len(out)))
		out = append(out, b[:min(len(b), 512)]...)
	}
	part(3, t.names)
	part(4, t.cu)
	part(5, t.files)
	part(6, t.pctab)
	fn := make([]byte, 24)
	copy(fn, t.funcs[:8])
	le.PutUint32(fn[4:], 24)
	copy(fn[8:16], t.funcs[8:16])
	f, _ := t.At(0)
	fn = append(fn, t.funcs[f.Frame:f.Frame+44]...)
	part(7, fn)
	return out
}

// TestSmall checks the table that fuzzing begins with.
func TestSmall(t *testing.T) {
	data, start := self(t)
	whole, err := Open(data, start)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := Open(small(whole, data), start)
	if err != nil {
		t.Fatal(err)
	}
	f, ok := tab.At(0)
	w, _ := whole.At(0)
	if !ok || tab.Len() != 1 || f.Name != w.Name || f.Entry != w.Entry {
		t.Errorf("function %+v (%v), want %+v", f, ok, w)
	}
	if _, line, ok := tab.Line(f.Entry); !ok || line <= 0 {
		t.Errorf("line %d (%v)", line, ok)
	}
}
