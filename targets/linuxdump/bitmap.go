package linuxdump

import (
	"context"
	"math/bits"

	"github.com/xmdb/xmdb/core/mem"
)

// sector is how many pages one entry of the index of a bitmap is for.
const (
	sectorShift = 12
	sectorBytes = 1 << sectorShift / 8
)

// bitmap has a bit for each page frame, the lowest of a byte first. It stays in the
// file; what is kept is how many bits are set before each sector.
type bitmap struct {
	file  *mem.Cache
	off   uint64
	n     uint64   // bits that are in the file
	ranks []uint64 // set before each sector, and in all
}

// run is a range of page frames.
type run struct{ pfn, n uint64 }

// maxRuns bounds the runs of pages that are listed.
const maxRuns = 1 << 16

// count reads a bitmap of n bits. What is past the end of the file is not set. runs
// are the set bits, nil if there are more than maxRuns.
func (b *bitmap) count(ctx context.Context, n uint64) (runs []run, err error) {
	const batch = 64 << 10 // bytes
	buf := make([]byte, batch)
	var total, from uint64
	inRun, many := false, false
	runs = []run{}
	b.ranks = append(b.ranks[:0], 0)
	for b.n = 0; b.n < n; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		want := min(batch, (n-b.n+7)/8)
		got, _ := b.file.ReadAt(buf[:want], mem.Addr(b.off+b.n/8))
		clear(buf[got:])
		if rest := n - b.n; rest < 8*batch { // bits after the last
			clearBits(buf, rest)
		}
		for at := 0; at < got; at += sectorBytes {
			for k := at; k < at+sectorBytes; k += 8 {
				w := le.Uint64(buf[k:])
				total += uint64(bits.OnesCount64(w))
				pfn := b.n + uint64(k)*8
				for i := uint(0); i < 64; { // to the next change
					rest := w >> i
					if inRun {
						rest = ^rest & (^uint64(0) >> i)
					}
					if rest == 0 {
						break
					}
					i += uint(bits.TrailingZeros64(rest))
					if inRun {
						if many = many || len(runs) == maxRuns; !many {
							runs = append(runs, run{from, pfn + uint64(i) - from})
						}
					} else {
						from = pfn + uint64(i)
					}
					inRun = !inRun
				}
			}
			b.ranks = append(b.ranks, total)
		}
		b.n += uint64(got) * 8
		if uint64(got) < want {
			break
		}
	}
	b.n = min(b.n, n)
	if inRun {
		runs = append(runs, run{from, b.n - from})
	}
	if many {
		runs = nil
	}
	return runs, nil
}

// clearBits clears the bits of b from one on.
func clearBits(b []byte, from uint64) {
	if from/8 < uint64(len(b)) {
		b[from/8] &= 1<<(from%8) - 1
		clear(b[from/8+1:])
	}
}

// set tells whether a page's bit is set; ok is false if it cannot be read.
func (b *bitmap) set(pfn uint64) (set, ok bool) {
	if pfn >= b.n {
		return false, false
	}
	v, err := mem.ReadUint(b.file, mem.Addr(b.off+pfn/8), 1, le)
	return v>>(pfn%8)&1 != 0, err == nil
}

// rank counts the bits set before a page.
func (b *bitmap) rank(pfn uint64) (uint64, bool) {
	if pfn >= b.n {
		return b.ranks[len(b.ranks)-1], pfn == b.n
	}
	s := pfn >> sectorShift
	at := mem.Addr(b.off + s*sectorBytes)
	n := int(pfn/8 - s*sectorBytes) // whole bytes before the page's
	var buf [sectorBytes]byte
	v := b.file.View(at, n+1)
	if v == nil {
		v = buf[:n+1]
		if mem.ReadFull(b.file, v, at) != nil {
			return 0, false
		}
	}
	total := b.ranks[s]
	for ; n >= 8; n -= 8 {
		total += uint64(bits.OnesCount64(le.Uint64(v)))
		v = v[8:]
	}
	for ; n > 0; n-- {
		total += uint64(bits.OnesCount8(v[0]))
		v = v[1:]
	}
	return total + uint64(bits.OnesCount8(v[0]&(1<<(pfn%8)-1))), true
}

// all is how many bits are set.
func (b *bitmap) all() uint64 { return b.ranks[len(b.ranks)-1] }
