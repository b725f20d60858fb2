package app

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDocsAreCurrent fails when docs/ does not say what the tables say: run make
// docs.
func TestDocsAreCurrent(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	root := t.TempDir()
	dir := filepath.Join(root, "docs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "docs/compatibility.md"} { // made in part
		page, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := genDocs(dir, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docs/dcmds.md", "docs/xmdb.1", "docs/compatibility.md", "README.md"} {
		made, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(made) != string(kept) {
			t.Errorf("%s is not what the tables of commands and the sample give; run make docs", name)
		}
	}
}
