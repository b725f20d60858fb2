package elffile

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/fixtures"
)

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	fixtures.Need(t, name)
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

var symLine = regexp.MustCompile(`(?m)^\s*(\d+): ([0-9a-f]+)\s+(0x[0-9a-f]+|\d+) (\S+)\s+(\S+)\s+\S+(?:\s+\[[^\]]*\])?\s+(\S+) ?(.*)$`)

// TestSymbolsAgreeWithReadelf compares every symbol of several files.
func TestSymbolsAgreeWithReadelf(t *testing.T) {
	files := []string{fixtures.BuildProgram(t, "c/O2").Exe, fixtures.BuildProgram(t, "cxx/O2").Exe, fixtures.BuildProgram(t, "go/default").Exe}
	for _, p := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"} {
		if _, err := os.Stat(p); err == nil {
			files = append(files, p)
		}
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f := open(t, path)
			for _, tab := range []struct {
				kind sym.Kind
				opt  string
			}{{sym.Symtab, "--symbols"}, {sym.Dynsym, "--dyn-syms"}} {
				got, err := f.Symbols(tab.kind, sym.RuleProcess, 0)
				if err != nil {
					t.Fatal(err)
				}
				out := run(t, "readelf", "-W", tab.opt, path)
				if tab.kind == sym.Symtab { // --symbols has .dynsym too
					_, out, _ = strings.Cut(out, "Symbol table '.symtab'")
				}
				compareSymbols(t, got, symLine.FindAllStringSubmatch(out, -1))
			}
		})
	}
}

func compareSymbols(t *testing.T, tab *sym.Table, want [][]string) {
	t.Helper()
	if tab.Len() != len(want) {
		t.Errorf("%d symbols, readelf has %d", tab.Len(), len(want))
		return
	}
	for i, w := range want {
		s := tab.At(i)
		value, _ := strconv.ParseUint(w[2], 16, 64)
		size, _ := strconv.ParseUint(w[3], 0, 64)
		name, _, _ := strings.Cut(w[7], "@")
		mine, _, _ := strings.Cut(s.Name, "@")
		if s.Value != value || s.Size != size || mine != name && s.Type() != 3 {
			t.Errorf("%d: %+v, readelf has %q", i, s, w[0])
			return
		}
	}
}

// TestStubsAgreeWithObjdump compares PLT entries with objdump's labels, for the
// layouts that gcc makes.
func TestStubsAgreeWithObjdump(t *testing.T) {
	label := regexp.MustCompile(`(?m)^([0-9a-f]+) <(\S+)@plt>:$`)
	for _, name := range []string{"c/O0", "c/O2", "c/pie", "c/nopie", "cxx/O0"} {
		t.Run(name, func(t *testing.T) {
			path := fixtures.BuildProgram(t, name).Exe
			stubs := open(t, path).Stubs()
			n := 0
			for _, m := range label.FindAllStringSubmatch(run(t, "objdump", "-d", "-j.plt", "-j.plt.sec", "-j.plt.got", path), -1) {
				at, _ := strconv.ParseUint(m[1], 16, 64)
				want, _, _ := strings.Cut(m[2], "@")
				st, ok := FindStub(stubs, at)
				if !ok || st.Name != want || st.Addr != at {
					t.Errorf("%#x: %+v, %v; objdump has %s", at, st, ok, want)
				}
				n++
			}
			if n == 0 {
				t.Error("objdump shows no PLT entries")
			}
		})
	}
}

func TestBuildID(t *testing.T) {
	for _, name := range []string{"c/O2", "c/stripped", "c/staticpie", "go/default"} {
		path := fixtures.BuildProgram(t, name).Exe
		id := regexp.MustCompile(`Build ID: ([0-9a-f]+)`).FindStringSubmatch(run(t, "readelf", "-n", path))
		want := ""
		if id != nil {
			want = id[1]
		}
		if got := open(t, path).BuildID(); got != want {
			t.Errorf("%s: build-id %q, readelf has %q", name, got, want)
		}
	}
}
