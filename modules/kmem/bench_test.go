package kmem_test

import (
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// bigSession has a million buffers, one in seven freed.
func bigSession(b *testing.B) *modtest.Session {
	b.Helper()
	k := &image{Kernel: illumos.New(illumos.Real(), illumos.Options{MemBytes: 1 << 30, NCPU: 4})}
	for i := range 1000000 {
		if f := k.New("file_cache", "file_t"); i%7 == 0 {
			k.freed = append(k.freed, f)
		}
	}
	for _, f := range k.freed {
		k.Free("file_cache", f)
	}
	return open(b, k)
}

// BenchmarkWalk walks all buffers of all caches, as ::walk kmem does but for what it
// prints.
func BenchmarkWalk(b *testing.B) {
	s := bigSession(b)
	w := s.Reg.Walkers("kmem")[0]
	n, total := 0, 0
	for b.Loop() {
		n = 0
		for _, err := range w.Walk(&core.Ctx{Context: b.Context(), Session: s.Session}, 0, false) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n < 800000 {
			b.Fatalf("%d buffers", n)
		}
		total += n
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "buffers/s")
}
