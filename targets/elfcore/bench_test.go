package elfcore

import (
	"context"
	"strconv"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures"
)

// BenchmarkOpen opens the large core and names one address.
func BenchmarkOpen(b *testing.B) {
	s := fixtures.Build(b, "c/big")
	for b.Loop() {
		tg, err := open(s.Core, Options{Program: s.Exe})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tg.Namespace().LookupName("", "main"); err != nil {
			b.Fatal(err)
		}
		tg.Close()
	}
}

// BenchmarkWalk follows the list of 1,000,000 nodes and reads a member of each.
func BenchmarkWalk(b *testing.B) {
	s := fixtures.Build(b, "c/big")
	head, err := strconv.ParseUint(s.Facts["list_head"], 0, 64)
	if err != nil {
		b.Fatalf("no list_head among the facts %v", s.Facts)
	}
	for b.Loop() {
		tg, err := open(s.Core, Options{Program: s.Exe})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for a := head; a != 0; n++ {
			next, err := mem.ReadUint(tg.Virtual(), mem.Addr(a), 8, le)
			if err != nil {
				b.Fatal(err)
			}
			if _, err = mem.ReadUint(tg.Virtual(), mem.Addr(a+8), 8, le); err != nil {
				b.Fatal(err)
			}
			if next == head || n > 2000000 {
				break
			}
			a = next
		}
		tg.Close()
		b.ReportMetric(float64(n), "nodes")
	}
}

// BenchmarkStacks walks the stacks of all threads and names their frames.
func BenchmarkStacks(b *testing.B) {
	s := fixtures.Build(b, "c/big")
	for b.Loop() {
		tg, err := open(s.Core, Options{Program: s.Exe})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, th := range tg.Threads() {
			r, err := tg.Registers(th.ID)
			if err != nil {
				b.Fatal(err)
			}
			for f, err := range tg.Frames(context.Background(), r) {
				if err == nil {
					tg.Namespace().Format(f.CodeAddr(), 0, 16)
					n++
				}
			}
		}
		tg.Close()
		b.ReportMetric(float64(n), "frames")
	}
}
