package dwarf

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func BenchmarkIndex(b *testing.B) {
	p := os.Getenv("SMOKE")
	for b.Loop() {
		d := open(b, p, Options{})
		s := time.Now()
		d.headers()
		h := time.Since(s)
		if err := d.Index(b.Context()); err != nil {
			b.Fatal(err)
		}
		fmt.Println(h, time.Since(s), len(d.index.top.names), len(d.index.top.vars), len(d.headerList))
	}
}
