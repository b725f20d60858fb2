package linuxdump

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// lzoWriter writes LZO1X: the reverse of lzoDecoder, for tests.
type lzoWriter struct {
	out   []byte
	after int // index of the byte whose low bits tell the literals that follow; -1 at the beginning
	state int
}

// lzo compresses with every kind of instruction that there is.
func lzo(src []byte) []byte {
	w := &lzoWriter{after: -1}
	last := map[uint32]int{} // where three bytes were last
	pair := map[uint16]int{}
	lit := 0
	for i := 0; i < len(src); {
		n, d := 0, 0
		if i+3 <= len(src) {
			k := uint32(src[i]) | uint32(src[i+1])<<8 | uint32(src[i+2])<<16
			if at, ok := last[k]; ok && i-at <= 49151 {
				d = i - at
				for n = 3; i+n < len(src) && src[at+n] == src[i+n]; n++ {
				}
			}
		}
		if n == 0 && i+2 <= len(src) {
			if at, ok := pair[binary.LittleEndian.Uint16(src[i:])]; ok && i-at <= 1024 {
				if run := i - lit; w.after >= 0 && run >= 1 && run <= 3 {
					n, d = 2, i-at
				}
			}
		}
		if n == 0 {
			remember(last, pair, src, i)
			i++
			continue
		}
		w.literals(src[lit:i])
		w.match(n, d)
		for range n {
			remember(last, pair, src, i)
			i++
		}
		lit = i
	}
	w.literals(src[lit:])
	return append(w.out, 0x11, 0, 0)
}

func remember(last map[uint32]int, pair map[uint16]int, src []byte, i int) {
	if i+3 <= len(src) {
		last[uint32(src[i])|uint32(src[i+1])<<8|uint32(src[i+2])<<16] = i
	}
	if i+2 <= len(src) {
		pair[binary.LittleEndian.Uint16(src[i:])] = i
	}
}

func (w *lzoWriter) literals(b []byte) {
	n := len(b)
	switch {
	case n == 0:
		w.state = 0
		return
	case w.after < 0 && n <= 238:
		w.out = append(w.out, byte(17+n))
	case w.after >= 0 && n <= 3:
		w.out[w.after] |= byte(n)
	case n <= 18:
		w.out = append(w.out, byte(n-3))
	default:
		w.out = append(w.out, 0)
		w.long(n - 18)
	}
	w.state = min(n, 4)
	w.after = max(w.after, 0)
	w.out = append(w.out, b...)
}

func (w *lzoWriter) long(n int) {
	for ; n > 255; n -= 255 {
		w.out = append(w.out, 0)
	}
	w.out = append(w.out, byte(n))
}

func (w *lzoWriter) match(n, d int) {
	short := func(b, h int) {
		w.after = len(w.out)
		w.out = append(w.out, byte(b), byte(h))
	}
	far := func(code, most, n, d int) {
		if n-2 <= most {
			w.out = append(w.out, byte(code|(n-2)))
		} else {
			w.out = append(w.out, byte(code))
			w.long(n - 2 - most)
		}
		w.after = len(w.out)
		w.out = binary.LittleEndian.AppendUint16(w.out, uint16(d<<2))
	}
	switch {
	case n == 2 && w.state >= 1 && w.state <= 3 && d <= 1024:
		short((d-1)&3<<2, (d-1)>>2)
	case n == 3 && w.state == 4 && d > 2048 && d <= 3072:
		short((d-2049)&3<<2, (d-2049)>>2)
	case n <= 8 && d <= 2048:
		short((n-1)<<5|(d-1)&7<<2, (d-1)>>3)
	case d <= 16384:
		far(32, 31, n, d-1)
	default:
		far(16|(d-16384)>>14<<3, 7, n, (d-16384)&0x3fff)
	}
}

func TestLZO(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 600 {
		b := make([]byte, r.IntN(1+i*170%65536))
		words := 1 + r.IntN(1<<(i%9))
		for k := 0; k < len(b); k++ {
			b[k] = byte(r.IntN(words))
			if k > 30 && r.IntN(40) == 0 { // a copy from anywhere before
				from := r.IntN(k - 30)
				k += copy(b[k:], b[from:from+r.IntN(30)]) - 1
			}
		}
		c := lzo(b)
		got := make([]byte, len(b))
		if err := unlzo(got, c); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes do not come back: %v", len(b), err)
		}
		if len(b) > 0 {
			if unlzo(make([]byte, len(b)-1), c) == nil || unlzo(make([]byte, len(b)+1), c) == nil {
				t.Fatal("accepted for another size")
			}
		}
		for k := 0; k < len(c); k += 1 + len(c)/50 {
			if unlzo(got, c[:k]) == nil {
				t.Fatalf("accepted when cut to %d of %d bytes", k, len(c))
			}
		}
	}
}

// TestLZOInstructions has data put together by hand from lzo.rst.
func TestLZOInstructions(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", []byte{0x11, 0, 0}, ""},
		{"first literals", []byte{17 + 4, 'a', 'b', 'c', 'd', 0x11, 0, 0}, "abcd"},
		{"literals by an instruction", []byte{1, 'a', 'b', 'c', 'd', 0x11, 0, 0}, "abcd"},
		{"copy of 5 with a literal behind", []byte{17 + 2, 'x', 'y', 128 | 1<<2 | 1, 0, 'z', 0x11, 0, 0}, "xyxyxyxz"},
		{"copy of 3", []byte{17 + 4, 'a', 'b', 'c', 'd', 64 | 3<<2, 0, 0x11, 0, 0}, "abcdabc"},
		{"copy of 33", []byte{17 + 1, 'q', 32 | 31, 0, 0, 0x11, 0, 0}, string(bytes.Repeat([]byte{'q'}, 34))},
		{"long copy", []byte{17 + 1, 'q', 32, 0, 1, 0, 0, 0x11, 0, 0}, string(bytes.Repeat([]byte{'q'}, 1+2+31+256))},
		{"copy of 2 after a literal", []byte{17 + 1, 'q', 0, 0, 0x11, 0, 0}, "qqq"},
	}
	for _, tt := range tests {
		got := make([]byte, len(tt.want))
		if err := unlzo(got, tt.in); err != nil || string(got) != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
	for _, bad := range [][]byte{{}, {17}, {0, 0, 0, 0}, {64, 0}, {17 + 4, 'a'}, {17 + 1, 'q', 128 | 7<<2, 9}, {0x11, 0, 0, 0}} {
		if unlzo(make([]byte, 8), bad) == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

func FuzzLZO(f *testing.F) {
	for _, text := range []string{"", "hello, hello, hello", string(bytes.Repeat([]byte("ab"), 900))} {
		f.Add(lzo([]byte(text)), len(text))
	}
	f.Fuzz(func(t *testing.T, src []byte, n int) {
		if n < 0 || n > 1<<16 {
			return
		}
		dst := make([]byte, n+8)
		if unlzo(dst[:n:n], src) == nil {
			back := make([]byte, n)
			if unlzo(back, lzo(dst[:n])) != nil || !bytes.Equal(back, dst[:n]) {
				t.Error("what was decompressed does not come back")
			}
		}
		if !allZero(dst[n:]) {
			t.Error("written behind the end")
		}
	})
}
