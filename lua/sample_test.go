package lua

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/dcmds"
	"github.com/xmdb/xmdb/fixtures/sample"
	"github.com/xmdb/xmdb/targets/elfcore"
)

// unpackSample writes the sample's program and core to a directory.
func unpackSample(t testing.TB) (exe, dump string) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []string{"exe", "core"} {
		packed, err := sample.Files.ReadFile("sample." + f + ".zst")
		if err != nil {
			t.Fatal(err)
		}
		z, err := zstd.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(z); err != nil {
			t.Fatal(err)
		}
		z.Close()
		if err := os.WriteFile(filepath.Join(dir, f), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "exe"), filepath.Join(dir, "core")
}

// openCore makes a core the target of a session with the built-in commands.
func (w *world) openCore(exe, dump string) {
	w.t.Helper()
	target, err := elfcore.Open(w.t.Context(), dump, elfcore.Options{Program: exe, Files: system.NewFiles("")})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { target.Close() })
	cx := w.s.Context()
	cx.Target = target
	if th, ok := core.As[core.Threads](cx); ok && len(th.Threads()) > 0 {
		cx.Thread = th.Threads()[0].ID
	}
	w.s.Reg.Add(dcmds.Module(), false)
	w.s.Changed()
}

func sampleWorld(t *testing.T) *world {
	w := newWorld(t)
	w.openCore(unpackSample(t))
	w.s.Finder = Finder(w.s, []string{}, Source{"sample.lua", sample.Users})
	return w
}

func TestUsers(t *testing.T) {
	w := sampleWorld(t)
	if _, err := w.run("::load sample"); err != "" {
		t.Fatal(err)
	}
	got, msg := w.run("::users ! sort -k2")
	t.Log(got, msg)
	got, msg = w.run("::users")
	lines := strings.Split(strings.TrimSpace(got), "\n")
	t.Log(got, msg)
	if len(lines) != 9 || msg != "" {
		t.Errorf("%q %q", got, msg)
	}
	got, msg = w.run("::users | ::print user_t name uid")
	t.Log(got, msg)
	got, msg = w.run("::walk users | ::print user_t name uid ! head -2")
	t.Log(got, msg)
	w.s.Opts.JSON = true
	got, msg = w.run("::users")
	t.Log(got, msg)
}
