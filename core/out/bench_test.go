package out

import (
	"io"
	"testing"
)

func BenchmarkPrintfHex(b *testing.B) {
	p := New(io.Discard, &Env{Radix: func() int { return 16 }})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Printf("%#lr\n", uint64(i)<<12)
	}
}

func BenchmarkPrintfRow(b *testing.B) {
	p := New(io.Discard, nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Printf("%-16p %5d %-10s %#x\n", uint64(i)<<12, i, "running", uint32(i))
	}
}

func BenchmarkSprintf(b *testing.B) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = Sprintf(nil, "%s+%#lx", "main", uint64(i))
	}
}
