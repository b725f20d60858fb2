package x86

import (
	"encoding/hex"
	"testing"
)

// FuzzDecode: whatever the bytes, the length is between 1 and what there is,
// Len agrees, and a shorter view of the same bytes is no other instruction.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"c3", "f30f1efa", "c5f877", "66480f3a16058435a1b2c3", "62f17d48104a8435a1", "8fe97880c1",
		"0f0fc1b4", "3e67660f38f0", "c4e2f990044a", "48", "66666666666666666666666666", "9bd9",
		"ea785634120f00", "c8341205", "62f1", "c4", "0f", "0f38", "48c5f858c1",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		for _, m := range []byte{16, 32, 64} {
			f.Add(m, b)
		}
	}
	sym := func(a uint64) (string, bool) { return "symbol", a%3 == 0 }
	f.Fuzz(func(t *testing.T, m byte, code []byte) {
		mode := Mode(m)
		in := Decode(mode, code, 0x401000, sym)
		if len(code) == 0 {
			if in.Len != 0 || in.OK {
				t.Fatalf("no bytes: %+v", in)
			}
			return
		}
		if in.Len < 1 || in.Len > MaxLen || in.Len > len(code) {
			t.Fatalf("% x: length %d", code, in.Len)
		}
		if n := Len(mode, code); n != in.Len {
			t.Fatalf("% x: Len %d, Decode %d", code, n, in.Len)
		}
		if (in.Text == Undecodable) == in.OK {
			t.Fatalf("% x: %+v", code, in)
		}
		if len(code) > MaxLen {
			if short := Decode(mode, code[:MaxLen], 0x401000, sym); short != in {
				t.Fatalf("% x: %+v, of its first bytes %+v", code, in, short)
			}
		}
	})
}
