package core

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
)

// growing is a space that grows when it is written at its end.
type growing struct{ b []byte }

func (g *growing) ReadAt(p []byte, a mem.Addr) (int, error) {
	if a >= mem.Addr(len(g.b)) {
		return 0, mem.Fault(a, mem.ErrEOF)
	}
	n := copy(p, g.b[a:])
	if n < len(p) {
		return n, mem.Fault(a+mem.Addr(n), mem.ErrEOF)
	}
	return n, nil
}

func (g *growing) WriteAt(p []byte, a mem.Addr) (int, error) {
	if end := int(a) + len(p); end > len(g.b) {
		g.b = append(g.b, make([]byte, end-len(g.b))...)
	}
	return copy(g.b[a:], p), nil
}

// fixed cannot be written to.
type fixed struct{ growing }

func (*fixed) WriteAt([]byte, mem.Addr) (int, error) { return 0, mem.Fault(0, mem.ErrReadOnly) }

func TestWritesAndRestore(t *testing.T) {
	s := NewSession("xmdb", io.Discard, io.Discard)
	g := &growing{[]byte("abcdef")}
	s.Context().Space = g
	before := s.Generation()
	for _, w := range []struct {
		at   mem.Addr
		text string
	}{{1, "XY"}, {2, "Z"}, {5, "tail"}} {
		if err := s.Write(g, []byte(w.text), w.at); err != nil {
			t.Fatal(err)
		}
	}
	if s.Generation() == before {
		t.Error("the generation did not rise")
	}
	type change struct{ Space, Old, New string }
	var got []change
	for _, w := range s.Writes() {
		got = append(got, change{w.Space, string(w.Old), string(w.New)})
	}
	want := []change{{"virtual", "bc", "XY"}, {"virtual", "Y", "Z"}, {"virtual", "f", "tail"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if err := s.Restore(2); err == nil {
		t.Error("what was beyond the end was restored")
	}
	for i := 1; i >= 0; i-- {
		if err := s.Restore(i); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(g.b, []byte("abcdetail")) || len(s.Writes()) != 5 {
		t.Errorf("restored: %q after %d writes", g.b, len(s.Writes()))
	}
	if err := s.Restore(-1); err == nil {
		t.Error("write -1 was restored")
	}
	if err := s.Write(&fixed{}, []byte{1}, 0); !errors.Is(err, mem.ErrReadOnly) || len(s.Writes()) != 5 {
		t.Errorf("a write that failed: %v, %d writes", err, len(s.Writes()))
	}
}
