package ctf

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/fixtures"
)

// gnuProgram compiles the C subject with CTF and DWARF; what is more goes to gcc.
func gnuProgram(t testing.TB, more ...string) (*elf.File, []byte) {
	t.Helper()
	fixtures.Need(t, "gcc")
	src, err := filepath.Glob(filepath.Join(fixtures.BuildProgram(t, "c/O0").Dir, "src", "*.c"))
	if err != nil || len(src) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	exe := filepath.Join(t.TempDir(), "program")
	args := append([]string{"-gctf", "-gdwarf-5", "-std=gnu11", "-pthread", "-w", "-o", exe}, more...)
	if out, err := exec.Command("gcc", append(args, src...)...).CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	ef, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return ef, data
}

// TestGNUAgainstDWARF compares the structures, unions, enums and typedefs of gcc -gctf
// with those of the same program's DWARF.
func TestGNUAgainstDWARF(t *testing.T) {
	for name, more := range map[string][]string{"plain": nil, "exported": {"-rdynamic", "-O2"}, "shared": {"-shared", "-fPIC"}} {
		t.Run(name, func(t *testing.T) {
			ef, data := gnuProgram(t, more...)
			f, err := FromELF(ef, "program")
			if err != nil {
				t.Fatal(err)
			}
			d, err := dwarf.New(bytes.NewReader(data), dwarf.Options{Name: "program"})
			if err != nil {
				t.Fatal(err)
			}
			tags := map[ctype.Kind]string{ctype.Struct: "struct ", ctype.Union: "union ", ctype.Enum: "enum ", ctype.Typedef: "", ctype.Integer: "", ctype.Float: ""}
			n, fields := 0, 0
			for ty := range f.All() {
				prefix, ok := tags[ty.Kind()]
				if !ok || ty.Name() == "" {
					continue
				}
				want, err := d.Lookup(prefix + ty.Name())
				if err != nil || ty.Kind() == ctype.Enum && want.Size() > 4 {
					continue // in a function; or with values that CTF has no room for
				}
				n++
				if ty.Size() != want.Size() {
					t.Errorf("%s%s: size %d, DWARF has %d", prefix, ty.Name(), ty.Size(), want.Size())
				}
				g, w := ty.Members(), want.Members()
				if ty.Kind() == ctype.Typedef {
					continue
				}
				if len(g) != len(w) {
					t.Errorf("%s%s: %d members, DWARF has %d", prefix, ty.Name(), len(g), len(w))
					continue
				}
				for i := range g {
					fields++
					if g[i].Name != w[i].Name || g[i].Off != w[i].Off || g[i].Bits != w[i].Bits || g[i].Type.Size() != w[i].Type.Size() {
						t.Errorf("%s%s.%s: at %d, %d bits, size %d; DWARF has %s at %d, %d bits, size %d", prefix, ty.Name(),
							g[i].Name, g[i].Off, g[i].Bits, g[i].Type.Size(), w[i].Name, w[i].Off, w[i].Bits, w[i].Type.Size())
					}
				}
				if e := ty.Body().Enums; len(e) != len(want.Body().Enums) {
					t.Errorf("enum %s: %d names, DWARF has %d", ty.Name(), len(e), len(want.Body().Enums))
				}
			}
			t.Logf("%d types, %d members", n, fields)
			if n < 50 || fields < 100 {
				t.Errorf("only %d types, %d members", n, fields)
			}
			if name == "plain" {
				return // the linker keeps the types of symbols in .dynsym only
			}
			ty, err := f.SymbolType("sessions", 0, 0)
			if err != nil || ty.Resolve().Kind() != ctype.Pointer {
				t.Errorf("sessions: %v, %v", ty, err)
			}
			if ty, err = f.SymbolType("main", 0, 0); err != nil || ty.Resolve().Kind() != ctype.Function {
				t.Errorf("main: %v, %v", ty, err)
			}
		})
	}
}

// FuzzGNU: any bytes as GNU's CTF end with types or an error.
func FuzzGNU(f *testing.F) {
	f.Add([]byte{0xf2, 0xdf, 4, 0, 0, 0, 0, 0})
	f.Add([]byte{0xeb, 0x3e, 0x62, 0xd7, 0xa4, 0xf2, 0x47, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	if _, err := exec.LookPath("gcc"); err == nil {
		ef, _ := gnuProgram(f)
		if data, err := ef.Section(".ctf").Data(); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Open(data, Options{Symbols: []Symbol{{}, {Name: "a", Info: 1, Shndx: 1}, {Name: "b", Info: 2, Shndx: 1}}})
		if err != nil {
			return
		}
		n := 0
		for ty := range c.All() {
			ty.Members()
			ty.Size()
			if n++; n > 1000 {
				break
			}
		}
		c.SymbolType("a", 0, 1)
		c.SymbolType("b", 0, 2)
		c.Lookup("struct node")
	})
}
