package lz

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// slow is the decoder, byte by byte.
func slow(n int, src []byte) ([]byte, bool) {
	if len(src) == n {
		return src, true
	}
	if len(src) > n {
		return nil, false
	}
	var dst []byte
	next := func() (byte, bool) {
		if len(src) == 0 {
			return 0, false
		}
		b := src[0]
		src = src[1:]
		return b, true
	}
	for len(dst) < n {
		flags, ok := next()
		if !ok {
			return nil, false
		}
		for bit := 0; bit < 8 && len(dst) < n; bit++ {
			a, ok := next()
			if !ok {
				return nil, false
			}
			if flags&(1<<bit) == 0 {
				dst = append(dst, a)
				continue
			}
			b, ok := next()
			dist := (int(a)<<8 | int(b)) & 0x3ff
			if !ok || dist == 0 || dist > len(dst) {
				return nil, false
			}
			for k := 0; k < int(a>>2)+3 && len(dst) < n; k++ {
				dst = append(dst, dst[len(dst)-dist])
			}
		}
	}
	return dst, true
}

func compareLZJB(t *testing.T, src []byte) bool {
	t.Helper()
	dst := make([]byte, 4096)
	want, wantOK := slow(len(dst), src)
	ok := LZJB(dst, src)
	if ok != wantOK || ok && !bytes.Equal(dst, want) {
		t.Fatalf("%x: %v, by the byte-wise decoder %v", src, ok, wantOK)
	}
	return ok
}

// TestLZJB compares with the byte-wise decoder on streams that mean something:
// copies reach back no further than what is there.
func TestLZJB(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	good := 0
	for range 20000 {
		var src []byte
		for done, group := 0, 0; done < 4096+rnd.IntN(200)-50 && len(src) < 4096; group++ {
			flags := byte(rnd.Uint32())
			if rnd.IntN(3) == 0 {
				flags = 0
			}
			src = append(src, flags)
			for bit := range 8 {
				if flags>>bit&1 == 0 || done == 0 {
					src = append(src, byte(rnd.Uint32()))
					done++
					if flags>>bit&1 != 0 { // a copy from before the beginning
						src[len(src)-1] = 0
						src = append(src, 0)
					}
					continue
				}
				dist := 1 + rnd.IntN(min(done, 1023))
				if rnd.IntN(2) == 0 {
					dist = 1 + rnd.IntN(min(done, 12))
				}
				n := rnd.IntN(64)
				src = append(src, byte(n<<2|dist>>8), byte(dist))
				done += n + 3
			}
		}
		if compareLZJB(t, src) {
			good++
		}
	}
	if good < 1000 {
		t.Errorf("only %d of the streams could be decoded", good)
	}
}

func FuzzLZJB(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xfc, 1})
	f.Add(bytes.Repeat([]byte{0x01, 0xfc, 1}, 70))
	f.Fuzz(func(t *testing.T, src []byte) { compareLZJB(t, src) })
}
