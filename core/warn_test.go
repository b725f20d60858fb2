package core

import (
	"bytes"
	"testing"
)

// A warning is one line, whether or not its text ends in a newline as formats of MDB's
// do that no reason follows.
func TestWarnfIsOneLine(t *testing.T) {
	for _, format := range []string{"%s is unknown", "%s is unknown\n"} {
		var stderr bytes.Buffer
		s := NewSession("xmdb", &bytes.Buffer{}, &stderr)
		s.Warnf(format, "it")
		if got, want := stderr.String(), "xmdb: it is unknown\n"; got != want {
			t.Errorf("Warnf(%q) wrote %q, want %q", format, got, want)
		}
	}
}
