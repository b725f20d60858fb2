package elffile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestInRoot(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"usr/lib64", "opt"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "usr/lib64/libx.so.1.2"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{
		"lib64": "/usr/lib64", "usr/lib64/libx.so.1": "libx.so.1.2", "opt/up": "../../../../lib64/libx.so.1",
		"loop": "/loop2", "loop2": "loop",
	} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	for path, want := range map[string]string{
		"/lib64/libx.so.1":         "usr/lib64/libx.so.1.2",
		"/opt/up":                  "usr/lib64/libx.so.1.2",
		"/../../lib64/./libx.so.1": "usr/lib64/libx.so.1.2",
		"/lib64/none/x":            "usr/lib64/none/x",
		"/":                        "",
	} {
		if got := inRoot(root, path); got != filepath.Join(root, want) {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	inRoot(root, "/loop/x") // ends
	if got := inRoot("", "/lib64/x"); got != "/lib64/x" {
		t.Errorf("without a root: %s", got)
	}
}
