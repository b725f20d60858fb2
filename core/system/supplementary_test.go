package system

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xmdb/xmdb/core/sym/elffile"
	"github.com/xmdb/xmdb/fixtures"
)

// TestSupplementary reads types of programs whose common debug data dwz moved into
// a third file: named by an absolute path, by a relative one, and found by its
// build-id when the path leads nowhere.
func TestSupplementary(t *testing.T) {
	fixtures.Need(t, "g++", "dwz")
	const source = `
#include <map>
#include <string>
struct node { struct node *next; std::string name; std::map<int, std::string> all; };
node head;
int main() { return head.next != nullptr; }
`
	dir := t.TempDir()
	src := filepath.Join(dir, "prog.cc")
	if err := os.WriteFile(src, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
	}
	build := func(link string) {
		t.Helper()
		for _, opt := range []string{"-O0", "-O1"} {
			run("g++", "-gdwarf-4", opt, "-Wl,--build-id", "-o", "prog"+opt, src)
		}
		if link != "" {
			run("dwz", "-m", "common", "-M", link, "prog-O0", "prog-O1")
		}
	}
	check := func(what string, files *Files, want bool) {
		t.Helper()
		im := typesOf(t, filepath.Join(dir, "prog-O0"), files)
		s, err := im.info.Debug()
		if err != nil {
			t.Fatal(err)
		}
		ty, err := s.Lookup("struct node")
		if (err == nil && ty.Size() == 88) != want {
			t.Errorf("%s: %v of %d bytes, %v; want it found: %v", what, ty, ty.Size(), err, want)
		}
	}
	build("")
	check("before", nil, true)
	build("common")
	check("relative path", nil, true)
	build(filepath.Join(dir, "common"))
	check("absolute path", nil, true)

	g, err := elffile.Open(filepath.Join(dir, "common"))
	if err != nil {
		t.Fatal(err)
	}
	id := g.BuildID()
	g.Close()
	byID := filepath.Join(dir, "debug", ".build-id", id[:2], id[2:]+".debug")
	if err := os.MkdirAll(filepath.Dir(byID), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "common"), byID); err != nil {
		t.Fatal(err)
	}
	files := NewFiles("", filepath.Join(dir, "debug"))
	defer files.Close()
	check("build-id", files, true)
	check("nowhere", nil, false)
}
