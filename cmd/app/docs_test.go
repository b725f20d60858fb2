package app

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDocsAreCurrent fails when docs/ does not say what the tables say: run make
// docs.
func TestDocsAreCurrent(t *testing.T) {
	dir := t.TempDir()
	page, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "compatibility.md"), page, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := genDocs(dir, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dcmds.md", "xmdb.1", "compatibility.md"} {
		made, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(made) != string(kept) {
			t.Errorf("docs/%s is not what the tables of commands give; run make docs", name)
		}
	}
}
