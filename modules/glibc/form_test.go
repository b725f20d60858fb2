package glibc

import (
	"context"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/targets/elfcore"
)

// TestArenaByForm finds the main arena without its symbol, in programs that have
// the symbol to compare with: it is the only thing in libc's data that looks so.
func TestArenaByForm(t *testing.T) {
	sub := fixtures.Build(t, "heap/static")
	target, err := elfcore.Open(context.Background(), sub.Core, elfcore.Options{Program: sub.Exe})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	var found []uint64
	for _, m := range target.Mappings() {
		if m.Prot&mem.ProtWrite == 0 {
			continue
		}
		if a, ok := scanForArena(target.Virtual(), m); ok {
			found = append(found, a)
		}
	}
	// The second arena lies at the start of its heap, behind heap_info.
	if len(found) != 2 {
		t.Fatalf("arenas found at %#x, want two", found)
	}
	bad := make([]byte, stSize)
	if looksLikeArena(target.Virtual(), bad, found[0]) {
		t.Error("zeros look like an arena")
	}
}

func FuzzLooksLikeArena(f *testing.F) {
	f.Add(make([]byte, stSize), uint64(0x1000))
	f.Fuzz(func(t *testing.T, b []byte, addr uint64) {
		if len(b) < stSize {
			return
		}
		looksLikeArena(bytesSpace(b), b[:stSize], addr)
	})
}

// bytesSpace is a space that has bytes at 0.
type bytesSpace []byte

func (s bytesSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	if uint64(a) >= uint64(len(s)) {
		return 0, mem.Fault(a, mem.ErrUnmapped)
	}
	n := copy(p, s[a:])
	if n < len(p) {
		return n, mem.Fault(a+mem.Addr(n), mem.ErrUnmapped)
	}
	return n, nil
}

// FuzzHeap reads whatever stands in memory as a heap: it must end, with faults.
func FuzzHeap(f *testing.F) {
	f.Add([]byte{}, uint64(0), uint64(64))
	f.Fuzz(func(t *testing.T, b []byte, start, top uint64) {
		h := &Heap{space: bytesSpace(b)}
		a := &Arena{Addr: 0, Main: true, Top: top % 4096, state: make([]byte, stSize)}
		copy(a.state, b)
		h.Arenas = []*Arena{a}
		h.readRegion(testCtx(), a, start%4096&^15, 4096)
		for _, r := range h.Regions {
			r.index(h.chunks[r.first:r.last])
		}
		h.markFree()
		h.checkBins(context.Background())
	})
}
