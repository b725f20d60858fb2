package zfs

import (
	mathbits "math/bits"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// barWidth is how long the bar of a histogram's largest bucket is.
const barWidth = 40

// histogram draws the buckets of a histogram from the first that holds something to
// the last: its number and first, what it holds, and a bar. A bucket is one asterisk
// long for each item until one has more than there is room for.
func histogram(c *core.Ctx, buckets []uint64, first int) {
	from, to, most := len(buckets), -1, uint64(barWidth)
	for i, n := range buckets {
		if n != 0 {
			from, to = min(from, i), i
		}
		most = max(most, n)
	}
	for i := from; i <= to; i++ {
		c.Record(func() { c.Printf("%3u: %6llu %s\n", uint64(i+first), buckets[i], bar(buckets[i], most)) },
			out.Field{Name: "bucket", Value: i + first}, out.Field{Name: "count", Value: buckets[i]})
	}
}

// bar is as long as n is of most; what is not nothing is at least one asterisk.
func bar(n, most uint64) string {
	hi, lo := mathbits.Mul64(most-n, barWidth) // in 128 bits: damaged counts are large
	missing, _ := mathbits.Div64(hi, lo, most)
	return strings.Repeat("*", barWidth-int(missing))
}
