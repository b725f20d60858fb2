package lz

import (
	"bytes"
	"testing"
)

// TestLZ4Block has blocks made by hand after the format's description: literals, a match
// that overlaps itself, one into what was there before, long lengths.
func TestLZ4Block(t *testing.T) {
	for _, c := range []struct{ src, window, want string }{
		{"\x50hello", "", "hello"},
		{"\x15a\x01\x00\x50bbbbb", "", "aaaaaaaaaabbbbb"},
		{"\x00\x03\x00\x50.....", "abc", "abcabca....."},
		{"\xf0\x03" + "0123456789abcdefgh", "", "0123456789abcdefgh"},
		{"\x1fz\x01\x00\xff\x02\x10!", "", "z" + string(bytes.Repeat([]byte("z"), 4+15+255+2)) + "!"},
	} {
		got, err := LZ4Block([]byte(c.window), []byte(c.src), 1<<10)
		if err != nil || string(got) != c.want {
			t.Errorf("%q: %q, %v, want %q", c.src, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "\x50hell", "\x10a\x02\x00", "\x10a\x00\x00\x10b", "\x1fa\x01\x00\xff\xff\xff\xff\xff\x00", "\x10a\x01"} {
		if got, err := LZ4Block(nil, []byte(bad), 1<<10); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

func FuzzLZ4Block(f *testing.F) {
	f.Add([]byte("\x15a\x01\x00\x50aaaaa"), []byte("window"))
	f.Fuzz(func(t *testing.T, src, window []byte) {
		out, _ := LZ4Block(bytes.Clone(window), src, len(window)+1<<16)
		if len(out) > len(window)+1<<16 || !bytes.HasPrefix(out, window) {
			t.Errorf("%d bytes", len(out))
		}
	})
}
