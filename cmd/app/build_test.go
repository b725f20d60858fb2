package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// TestBuild makes an xmdb with a module that lies outside the tree, and runs its
// command on the sample; then it runs the module's own tests.
func TestBuild(t *testing.T) {
	fixtures.Need(t, "go")
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "users")
	if err := os.CopyFS(outside, os.DirFS("../../fixtures/outoftree/users")); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(t.TempDir(), "xmdb")
	plan, err := parseBuild([]string{"--source", source, "--with=example.com/users=" + outside, "-o", made})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.build(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(made, "--sample=process", "-e", "::users ! sort -k 3").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ada           1000\n") || strings.Count(string(out), "\n") != 9 {
		t.Errorf("::users of the built program: %v\n%s", err, out)
	}
	testOutside(t, source, outside)
}

// testOutside runs go test in a module outside the tree.
func testOutside(t *testing.T, source, dir string) {
	exe, dump := filepath.Join(t.TempDir(), "sample"), filepath.Join(t.TempDir(), "core")
	if err := unpack("sample.exe.zst", exe); err != nil {
		t.Fatal(err)
	}
	if err := unpack("sample.core.zst", dump); err != nil {
		t.Fatal(err)
	}
	plan := &buildPlan{}
	if err := plan.write(dir, source); err != nil { // its requirements serve the test, too
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "main.go"))
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	mod = []byte(strings.Replace(string(mod), "module xmdb.build", "module example.com/users", 1))
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-mod=mod", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SAMPLE="+exe, "SAMPLE_CORE="+dump, "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go test of the module: %v\n%s", err, out)
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, args := range [][]string{{"-x"}, {"--with"}, {"--with", "nothing"}, {"--with", "=x"}} {
		if _, err := parseBuild(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	for _, p := range []*buildPlan{
		{source: t.TempDir(), out: "x"},
		{source: "../..", out: "x", with: []withModule{{"example.com/none", t.TempDir()}}},
	} {
		if err := p.build(); err == nil {
			t.Errorf("%+v: no error", p)
		}
	}
}
