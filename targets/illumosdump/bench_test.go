package illumosdump

import (
	"math/rand/v2"
	"testing"

	"github.com/xmdb/xmdb/core/lz"
	"github.com/xmdb/xmdb/core/mem"
)

// BenchmarkPages reads pages of each form in an order that no cache helps.
func BenchmarkPages(b *testing.B) {
	d := sample(30000)
	for _, form := range []string{"vmcore", "serial", "bzip2"} {
		b.Run(form, func(b *testing.B) {
			x := open(b, file(b, d, form), Options{})
			order := rand.New(rand.NewPCG(1, 2)).Perm(len(d.PFNs))
			page := make([]byte, 4096)
			b.SetBytes(4096)
			i := 0
			for b.Loop() {
				if _, err := x.Physical().ReadAt(page, mem.Addr(d.PFNs[order[i%len(order)]]<<12)); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

// BenchmarkLZJB decompresses pages.
func BenchmarkLZJB(b *testing.B) {
	d := sample(3000)
	x := open(b, file(b, d, "serial"), Options{})
	p := x.pages.(*lzjbPages)
	var src [][]byte
	for k, s := range p.segs {
		for i := range int(s.n) {
			c, err := p.compressed(k, i)
			if err != nil {
				b.Fatal(err)
			}
			src = append(src, c)
		}
	}
	dst := make([]byte, 4096)
	b.SetBytes(4096)
	i := 0
	for b.Loop() {
		if !lz.LZJB(dst, src[i%len(src)]) {
			b.Fatal("bad page")
		}
		i++
	}
}

// BenchmarkBzip2 decompresses a stream.
func BenchmarkBzip2(b *testing.B) {
	d := sample(2000)
	x := open(b, file(b, d, "bzip2"), Options{})
	p := x.pages.(*bzPages)
	parts := p.streams[0].parts
	size := 0
	for _, part := range parts {
		size += int(part.n)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		p.blocks = newLRU[blockKey, []byte](1)
		for k := range parts {
			if _, err := p.block(0, k); err != nil {
				b.Fatal(err)
			}
		}
	}
}
