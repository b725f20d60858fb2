package arm64

import (
	"bufio"
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestObjdump compares with what GNU objdump 2.40 says: testdata/objdump.txt
// has an instruction a line: word, address (both in hexadecimal), text. It
// holds one of every mnemonic and operand shape in Debian's arm64 libc and
// libstdc++, and words drawn at random from the sets that the overlay decodes.
func TestObjdump(t *testing.T) {
	f, err := os.Open("testdata/objdump.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		p := strings.Split(s.Text(), "\t")
		if len(p) != 3 {
			t.Fatalf("line %d: %q", n+1, s.Text())
		}
		w, err := strconv.ParseUint(p[0], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		pc, err := strconv.ParseUint(p[1], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		in := Decode(binary.LittleEndian.AppendUint32(nil, uint32(w)), pc, nil)
		got := strings.Join(strings.Fields(in.Text), " ")
		if !in.OK {
			got = "undefined"
		}
		if got != p[2] {
			t.Errorf("%08x: got %q, want %q", w, got, p[2])
		}
		if in.Len != Size {
			t.Errorf("%08x: length %d", w, in.Len)
		}
	}
	if n < 1000 {
		t.Errorf("only %d instructions", n)
	}
}

func TestTargets(t *testing.T) {
	sym := func(a uint64) (string, bool) { return "main+0x10", a == 0x10040 }
	for _, c := range []struct {
		word   uint32
		text   string
		target uint64
		has    bool
		call   bool
	}{
		{0x94000010, "bl     0x10040\t<main+0x10>", 0x10040, true, true},
		{0x17FFFFFF, "b      0xfffc", 0xFFFC, true, false},
		{0x54000201, "b.ne   0x10040\t<main+0x10>", 0x10040, true, false},
		{0x36080202, "tbz    w2, #1, 0x10040\t<main+0x10>", 0x10040, true, false},
		{0xB0000003, "adrp   x3, 0x11000", 0x11000, true, false},
		{0x10000203, "adr    x3, 0x10040\t<main+0x10>", 0x10040, true, false},
		{0x58000203, "ldr    x3, 0x10040\t<main+0x10>", 0x10040, true, false},
		{0xD63F0040, "blr    x2", 0, false, true},
		{0xD73F0841, "blraa  x2, x1", 0, false, true},
		{0xD63F0C5F, "blrabz x2", 0, false, true},
		{0xD65F03C0, "ret", 0, false, false},
		{0xD503201F, "nop", 0, false, false},
		{0x00C0FFEE | 0xFF<<24, ".inst  0xffc0ffee ; undefined", 0, false, false},
	} {
		in := Decode(binary.LittleEndian.AppendUint32(nil, c.word), 0x10000, sym)
		if in.Text != c.text || in.Target != c.target || in.HasTarget != c.has || in.IsCall != c.call {
			t.Errorf("%08x: %+v, want %+v", c.word, in, c)
		}
	}
	if in := Decode([]byte{1, 2, 3}, 0, nil); in.OK || in.Len != 3 {
		t.Errorf("three bytes: %+v", in)
	}
}

// FuzzDecode: any four bytes have a text and the length of four.
func FuzzDecode(f *testing.F) {
	for _, w := range []uint32{0, 0xD503201F, 0x94000010, 0xF8200400, 0x38200000, 0xD9200000, 0xD5300000} {
		f.Add(w, uint64(0xFFFF800010000000))
	}
	f.Fuzz(func(t *testing.T, w uint32, pc uint64) {
		in := Decode(binary.LittleEndian.AppendUint32(nil, w), pc, func(a uint64) (string, bool) { return "s", a&4 == 0 })
		if in.Len != Size || in.Text == "" || strings.Contains(in.Text, relMark) {
			t.Fatalf("%08x: %+v", w, in)
		}
		if in.OK == strings.HasPrefix(in.Text, ".inst") {
			t.Fatalf("%08x: %+v", w, in)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	code := binary.LittleEndian.AppendUint32(nil, 0xF947FE11)
	b.ReportAllocs()
	for b.Loop() {
		Decode(code, 0x10000, nil)
	}
}
