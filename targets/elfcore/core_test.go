package elfcore

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures"
)

func TestKernelCore(t *testing.T) {
	s := fixtures.Build(t, "c/small")
	tg := openCore(t, s.Core, Options{})
	if w := tg.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
	if got := tg.Program(); got != s.Exe {
		t.Errorf("program %q, want %q", got, s.Exe)
	}
	if n := len(tg.Threads()); n != 4 {
		t.Errorf("%d threads, want 3 and main", n)
	}
	for i, o := range tg.Namespace().Objects() {
		in := tg.Info(o)
		t.Logf("%-28s %#x+%#x bias %#x file %s id %.8s verified %v", o.Name, o.Base, o.Size, o.Bias, o.File, o.BuildID, in.Found.Verified)
		if i == 0 != o.Main {
			t.Errorf("%s: main %v", o.Name, o.Main)
		}
	}
	for _, m := range tg.Mappings() {
		t.Logf("%#x-%#x %d %#x %s", uint64(m.Base), uint64(m.End()), m.Prot, m.Off, m.Name)
	}
	args, err := tg.Args()
	if err != nil || !slices.Equal(args[1:], s.Args) || filepath.Base(args[0]) != "crash" {
		t.Errorf("args %q, %v; want %q", args, err, s.Args)
	}
	env, err := tg.Env()
	if err != nil || !slices.Contains(env, "XMDB_SUBJECT=yes") || !slices.Contains(env, "LANG=C") {
		t.Errorf("environment %q, %v", env, err)
	}
	for _, m := range tg.Mappings() {
		if m.Name == "" || strings.HasPrefix(m.Name, "[v") {
			continue
		}
		var b [16]byte
		if err := mem.ReadFull(tg.Virtual(), b[:], m.Base); err != nil {
			t.Errorf("read at the start of %s: %v", m.Name, err)
		}
	}
	for _, th := range tg.Threads() {
		r, err := tg.Registers(th.ID)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for f, err := range tg.Frames(context.Background(), r) {
			if err != nil {
				t.Errorf("thread %d: %v", th.ID, err)
				continue
			}
			name, _ := tg.Namespace().Format(f.CodeAddr(), 0, 16)
			t.Logf("%d %s %d %#x %s %s", th.ID, th.Name, f.Level, f.PC, name, f.Source)
			n++
		}
		if n < 3 {
			t.Errorf("thread %d has %d frames", th.ID, n)
		}
	}
}
