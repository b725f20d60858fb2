package dwarf

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// built holds the programs compiled so far: many tests read the same ones.
var built = struct {
	sync.Mutex
	dir   string
	paths map[string]string
}{paths: map[string]string{}}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "xmdb-dwarf-")
	if err != nil {
		panic(err)
	}
	built.dir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// compile makes a program or object of a source in testdata and gives its path,
// which must not be changed. The test is skipped, by the tool's name, where the
// compiler is missing.
func compile(t testing.TB, src string, tool string, args ...string) string {
	t.Helper()
	fixtures.Need(t, tool)
	return build(t, append([]string{tool}, append(args, filepath.Join(sources(t), src))...), nil)
}

// build runs a compiler command with -o for a new file, once for each command.
func build(t testing.TB, command, env []string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	key := strings.Join(command, " ")
	if out := built.paths[key]; out != "" {
		return out
	}
	dir := filepath.Join(built.dir, strconv.Itoa(len(built.paths)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "prog")
	last := len(command) - 1
	args := append(append([]string{}, command[1:last]...), "-o", out, command[last])
	cmd := exec.Command(command[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, b)
	}
	built.paths[key] = out
	return out
}

// compileGo makes a Go program of testdata/types.go.txt.
func compileGo(t testing.TB, args ...string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/types.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(built.dir, "main.go")
	if err := os.WriteFile(src, b, 0o600); err != nil {
		t.Fatal(err)
	}
	fixtures.Need(t, "go")
	command := append(append([]string{"go", "build"}, args...), src)
	return build(t, command, []string{"GO111MODULE=off"})
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

// sources is the directory of the test programs.
func sources(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
