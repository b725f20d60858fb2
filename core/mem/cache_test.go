package mem

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand"
	"sync"
	"testing"
)

// counting is a source that counts its reads.
type counting struct {
	Space
	reads, bytes int
}

func (c *counting) ReadAt(p []byte, a Addr) (int, error) {
	c.reads++
	c.bytes += len(p)
	return c.Space.ReadAt(p, a)
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(1)).Read(b)
	return b
}

// holes is a Space that lacks [from, to).
type holes struct {
	data     []byte
	from, to int
}

func (h *holes) ReadAt(p []byte, a Addr) (int, error) {
	for i := range p {
		at := int(a) + i
		if at >= len(h.data) {
			return i, Fault(Addr(at), ErrEOF)
		}
		if at >= h.from && at < h.to {
			return i, Fault(Addr(at), ErrFiltered)
		}
		p[i] = h.data[at]
	}
	return len(p), nil
}

func TestCacheReadsWhatTheSourceHas(t *testing.T) {
	src := &holes{data: noise(3*frameSize + 777), from: frameSize + 100, to: frameSize + 200}
	c := NewSpaceCache(src, 4*frameSize)
	rng := rand.New(rand.NewSource(2))
	for range 20000 {
		a, n := rng.Intn(len(src.data)+50), rng.Intn(600)
		if rng.Intn(50) == 0 {
			n = rng.Intn(2 * frameSize)
		}
		got, want := make([]byte, n), make([]byte, n)
		gn, gerr := c.ReadAt(got, Addr(a))
		wn, werr := src.ReadAt(want, Addr(a))
		if gn != wn || !bytes.Equal(got[:gn], want[:wn]) {
			t.Fatalf("ReadAt(%#x, %d): %d bytes, want %d", a, n, gn, wn)
		}
		if (gerr == nil) != (werr == nil) || gerr != nil && gerr.Error() != werr.Error() {
			t.Fatalf("ReadAt(%#x, %d): %v, want %v", a, n, gerr, werr)
		}
		if v := c.View(Addr(a), n); v != nil && !bytes.Equal(v, want[:wn]) {
			t.Fatalf("View(%#x, %d) differs", a, n)
		}
	}
}

func TestCacheReadsAheadAndIsBounded(t *testing.T) {
	data := noise(64 * frameSize)
	src := &counting{Space: &File{R: bytes.NewReader(data), Size: int64(len(data))}}
	c := NewSpaceCache(src, 16*frameSize)
	var b [8]byte
	for a := 0; a+8 <= len(data); a += 8 {
		if err := ReadFull(c, b[:], Addr(a)); err != nil {
			t.Fatal(err)
		}
	}
	if src.bytes > len(data)+16*frameSize || src.reads > 24 {
		t.Errorf("a sequential read of %d bytes took %d reads of %d bytes", len(data), src.reads, src.bytes)
	}
	held := 0
	for i := range c.slots {
		if f := c.slots[i].Load(); f != nil {
			held += len(f.data)
		}
	}
	if held > 16*frameSize {
		t.Errorf("cache of %d bytes holds %d", 16*frameSize, held)
	}
}

type rw struct{ data []byte }

func (r *rw) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(r.data).ReadAt(p, off) }
func (r *rw) WriteAt(p []byte, off int64) (int, error) {
	return copy(r.data[off:], p), nil
}

func TestCacheWriteIsSeen(t *testing.T) {
	src := &rw{data: noise(2 * frameSize)}
	c := NewCache(src, int64(len(src.data)), DefaultCache)
	old := c.View(100, 4)
	before := string(old)
	if _, err := c.WriteAt([]byte("abcd"), 100); err != nil {
		t.Fatal(err)
	}
	var b [4]byte
	if err := ReadFull(c, b[:], 100); err != nil || string(b[:]) != "abcd" {
		t.Errorf("after a write: %q, %v", b, err)
	}
	if string(old) != before {
		t.Error("a view changed under its reader")
	}
	ro := NewCache(bytes.NewReader(src.data), 10, DefaultCache)
	if _, err := ro.WriteAt([]byte{1}, 0); !errors.Is(err, ErrReadOnly) {
		t.Errorf("write to a read-only source: %v", err)
	}
}

func TestCacheConcurrentReaders(t *testing.T) {
	data := noise(32 * frameSize)
	c := NewCache(bytes.NewReader(data), int64(len(data)), 8*frameSize)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewSource(int64(g)))
			b := make([]byte, 100)
			for range 5000 {
				a := rng.Intn(len(data) - 100)
				if err := ReadFull(c, b, Addr(a)); err != nil || !bytes.Equal(b, data[a:a+100]) {
					t.Errorf("read at %#x: %v", a, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkListWalk reads as a walk of a list of nodes in a process core does:
// two small reads a node.
func BenchmarkListWalk(b *testing.B) {
	data := noise(64 << 20)
	s := NewSegments([]Segment{
		{Base: 0x1000, Size: 0x1000, Src: NewCache(bytes.NewReader(data), int64(len(data)), DefaultCache)},
		{Base: 0x7f0000000000, Size: uint64(len(data)), Src: NewCache(bytes.NewReader(data), int64(len(data)), DefaultCache)},
	})
	a, i := Addr(0x7f0000000000), 0
	b.ReportAllocs()
	var sum uint64
	for b.Loop() {
		v, _ := ReadUint(s, a, 8, binary.LittleEndian)
		w, _ := ReadUint(s, a+8, 4, binary.LittleEndian)
		sum += v + w
		a += 64
		if i++; i == 1<<20-1 {
			i, a = 0, 0x7f0000000000
		}
	}
	_ = sum
}
