package kernel

import (
	"testing"

	"github.com/xmdb/xmdb/core/mem"
)

// halves is memory of two pages of 8 bytes that are not in one piece.
type halves struct{ pages [2][]byte }

func (h halves) View(a mem.Addr, n int) []byte {
	if int(a)%8+n > 8 {
		return nil
	}
	return h.pages[a/8][a%8:][:n]
}

func (h halves) ReadAt(p []byte, a mem.Addr) (int, error) {
	for i := range p {
		at := int(a) + i
		p[i] = h.pages[at/8][at%8]
	}
	return len(p), nil
}

// TestBytesKeepsMemory reads with what was read before as the buffer: memory that was
// given without copying it must stay as it is.
func TestBytesKeepsMemory(t *testing.T) {
	h := halves{[2][]byte{[]byte("abcdefgh"), []byte("ijklmnop")}}
	v := &View{space: h, view: h}
	var buf []byte
	for _, c := range []struct {
		at, n uint64
		want  string
	}{{0, 6, "abcdef"}, {5, 6, "fghijk"}, {4, 6, "efghij"}, {8, 8, "ijklmnop"}, {6, 4, "ghij"}} {
		var err error
		if buf, err = v.Bytes(c.at, c.n, buf); err != nil || string(buf) != c.want {
			t.Errorf("%d at %d: %q, %v, want %q", c.n, c.at, buf, err, c.want)
		}
	}
	if string(h.pages[0]) != "abcdefgh" || string(h.pages[1]) != "ijklmnop" {
		t.Errorf("memory was written to: %q", h.pages)
	}
}
