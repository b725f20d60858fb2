package rawfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

var (
	_ core.Target         = (*Target)(nil)
	_ core.Virtual        = (*Target)(nil)
	_ core.Physical       = (*Target)(nil)
	_ core.ObjectFile     = (*Target)(nil)
	_ core.Mapped         = (*Target)(nil)
	_ core.Variables      = (*Target)(nil)
	_ core.StatusReporter = (*Target)(nil)
	_ core.Reopener       = (*Target)(nil)
	_ core.Stater         = (*Target)(nil)
)

func temp(t *testing.T, name, data string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRead(t *testing.T) {
	tg, err := Open(temp(t, "a", "0123456789"), temp(t, "b", "abcdef"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	tests := []struct {
		space  mem.Space
		a      mem.Addr
		n      int
		want   string
		reason string
	}{
		{tg.ObjectFile(), 2, 3, "234", ""},
		{tg.Virtual(), 2, 3, "cde", ""},
		{tg.Physical(), 0, 2, "ab", ""},
		{tg.ObjectFile(), 8, 4, "89", "operation not supported by target"},
		{tg.ObjectFile(), 10, 1, "", "cannot read past current end of file"},
		{tg.ObjectFile(), ^mem.Addr(0), 1, "", "cannot read past current end of file"},
	}
	for _, tt := range tests {
		p := make([]byte, tt.n)
		n, err := tt.space.ReadAt(p, tt.a)
		reason := ""
		if err != nil {
			reason = core.Reason(err)
		}
		if string(p[:n]) != tt.want || reason != tt.reason {
			t.Errorf("ReadAt(%v, %d) = %q, %q; want %q, %q", tt.a, tt.n, p[:n], reason, tt.want, tt.reason)
		}
	}
	if d, _ := tg.Variable("d"); d != 10 {
		t.Errorf("d = %d", d)
	}
	if tg.State() != core.StateDead {
		t.Errorf("state %v", tg.State())
	}
}

func TestWriteNeedsPermissionAndGrows(t *testing.T) {
	path := temp(t, "a", "0123")
	tg, err := Open(path, "", false)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	space := tg.Virtual()
	w := space.(mem.Writer)
	if _, err := w.WriteAt([]byte("x"), 0); !errors.Is(err, mem.ErrReadOnly) {
		t.Errorf("write to a read-only target: %v", err)
	}
	if err := tg.SetWritable(true); err != nil {
		t.Fatal(err)
	}
	// The space the session got before must write now.
	if _, err := w.WriteAt([]byte("wxyz"), 3); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "012wxyz" {
		t.Errorf("file is %q", b)
	}
	if m := tg.Mappings(); m[0].Size != 7 {
		t.Errorf("mapping %+v", m[0])
	}
}

func TestOpenMissing(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), "", false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
