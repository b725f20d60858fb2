package dwarf

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compile makes a program or object of a source in testdata and gives its path.
// The test is skipped, by the tool's name, where the compiler is missing.
func compile(t testing.TB, src string, tool string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("%s is not installed", tool)
	}
	abs, err := filepath.Abs(filepath.Join("testdata", src))
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "prog")
	cmd := exec.Command(path, append(args, "-o", out, abs)...)
	cmd.Dir = filepath.Dir(out)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, b)
	}
	return out
}

// compileGo makes a Go program of testdata/types.go.txt.
func compileGo(t testing.TB, args ...string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/types.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	src := filepath.Join(dir, "main.go")
	if err := os.WriteFile(src, b, 0o600); err != nil {
		t.Fatal(err)
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("go is not installed")
	}
	out := filepath.Join(dir, "prog")
	cmd := exec.Command(tool, append(append([]string{"build"}, args...), "-o", out, src)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GO111MODULE=off")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, b)
	}
	return out
}

// open reads a file's debug information.
func open(t testing.TB, path string, opts Options) *Data {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if opts.Name == "" {
		opts.Name = filepath.Base(path)
	}
	d, err := New(f, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// symbolsLike gives the addresses of the symbols whose names begin with prefix.
func symbolsLike(t testing.TB, path, prefix string) map[string]uint64 {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]uint64{}
	for _, s := range syms {
		if strings.HasPrefix(s.Name, prefix) {
			all[s.Name] = s.Value
		}
	}
	return all
}

// symbolAddress gives a symbol's value, 0 if there is none.
func symbolAddress(t testing.TB, path, name string) uint64 {
	return symbolsLike(t, path, name)[name]
}
