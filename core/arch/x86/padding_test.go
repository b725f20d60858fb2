package x86

import "testing"

func TestPadding(t *testing.T) {
	around := func(a uint64) (uint64, uint64, bool) {
		switch {
		case a < 0x1000:
			return 0, 0, false
		case a < 0x1100:
			return 0x1000, 0x80, true
		}
		return 0x1100, 0x20, true
	}
	for _, c := range []struct {
		code byte
		pc   uint64
		want bool
	}{
		{0, 0xF00, false},  // no symbol
		{0, 0x1000, false}, // well inside
		{0, 0x106F, false},
		{0, 0x1070, true}, // in the last 16 bytes
		{0, 0x1090, true}, // behind the function
		{0x90, 0x1090, false},
		{0, 0x10FF, true}, // just before the next one
		{0, 0x1100, false},
		{0, 0x1110, true},
	} {
		in, ok := Padding([]byte{c.code, 0}, c.pc, around)
		if ok != c.want || ok && (in.Len != 1 || in.Text != ".byte\t0 ") {
			t.Errorf("%#x: %v %+v, want %v", c.pc, ok, in, c.want)
		}
	}
	if _, ok := Padding(nil, 0, around); ok {
		t.Error("padding without a byte")
	}
}
