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

// openCore makes a core the target of a session.
func openCore(t testing.TB, s *core.Session, exe, dump string) {
	t.Helper()
	target, err := elfcore.Open(t.Context(), dump, elfcore.Options{Program: exe, Files: system.NewFiles("")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	cx := s.Context()
	cx.Target = target
	if cx.System, err = system.Recognise(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if th, ok := core.As[core.Threads](cx); ok && len(th.Threads()) > 0 {
		cx.Thread = th.Threads()[0].ID
	}
	s.Changed()
}

// openCore makes a core the session's target and adds the built-in commands.
func (w *world) openCore(exe, dump string) {
	w.t.Helper()
	openCore(w.t, w.s, exe, dump)
	w.s.Reg.Add(dcmds.Module(), false)
}

func sampleWorld(t *testing.T) *world {
	w := newWorld(t)
	w.openCore(unpackSample(t))
	w.s.Finder = Finder(w.s, []string{}, Source{"sample.lua", sample.Users})
	return w
}

func TestUsers(t *testing.T) {
	w := sampleWorld(t)
	if _, msg := w.run("::load sample"); msg != "" {
		t.Fatal(msg)
	}
	want := []string{"ADDR NAME UID ADMIN QUOTA", "ada 1000 true 0", "bjarne 1001 false 0.5", "dennis 1002 false 1",
		"grace 1003 true 1.5", "ken 1004 false 2", "linus 1005 false 2.5", "margaret 1006 true 3", "rob 1007 false 3.5"}
	out, msg := w.run("::users ! sort -k2")
	if msg != "" {
		t.Error(msg)
	}
	for i, l := range strings.Split(strings.TrimRight(out, "\n"), "\n") {
		l = strings.Join(strings.Fields(l), " ")
		if i > 0 {
			_, l, _ = strings.Cut(l, " ") // the address
		}
		if i >= len(want) || l != want[i] {
			t.Errorf("line %d: %q", i, l)
		}
	}
	// The type goes along in the pipe, and the walker gives the same users.
	byName, msg := w.run("::users | ::print name ! sort")
	byWalk, msg2 := w.run("::walk users | ::print user_t name ! sort")
	if byName != byWalk || strings.Count(byName, "\n") != 8 || msg+msg2 != "" {
		t.Errorf("%q %q %q", byName, byWalk, msg+msg2)
	}
	w.s.Opts.JSON = true
	if out, _ := w.run("::users"); !strings.HasPrefix(out, `{"addr":"0x4c4800","name":"linus","uid":1005,"admin":false,"quota":2.5}`+"\n") {
		t.Errorf("JSON: %s", out)
	}
}
