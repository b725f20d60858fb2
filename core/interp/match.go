package interp

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// matchSizes are the sizes of the match characters, in bytes.
var matchSizes = map[byte]uint64{'l': 2, 'L': 4, 'M': 8}

// matchBuffer is how much is read at once while searching.
const matchBuffer = 64 << 10

// matchValue searches from dot for a value under a mask and leaves dot there, or
// where memory ends.
func matchValue(c *core.Ctx, sp mem.Space) error {
	char := c.Args[0].Char
	switch {
	case len(c.Args) < 2:
		c.Warnf("expected value following %c", char)
		return core.ErrFailed
	case len(c.Args) > 3:
		c.Warnf("only value and mask may follow %c", char)
		return core.ErrFailed
	}
	addr := c.Frame.Dot
	want := [2]uint64{0, ^uint64(0)}
	for i, a := range c.Args[1:] {
		v, err := ArgValue(c, a, "evaluate")
		if err != nil {
			return err
		}
		want[i] = v
	}
	size := matchSizes[char]
	low := ^uint64(0) >> (64 - 8*size)
	at, found, err := search(c, sp, addr, size, want[0]&low, want[1]&low)
	if err != nil {
		return err
	}
	if found {
		c.Printf("%lla\n", at)
	}
	c.Frame.Dot = at
	if c.PipeIn {
		return nil
	}
	return core.ErrAbort // as in adb a count is ignored
}

// search gives the first address from addr on, in steps of size, at which the
// data under the mask is the value, or at which it cannot be read.
func search(c *core.Ctx, sp mem.Space, addr, size, value, mask uint64) (at uint64, found bool, err error) {
	order := c.Arch().Order
	buf := make([]byte, matchBuffer)
	for {
		if c.Err() != nil {
			return addr, false, core.ErrIntr
		}
		n, _ := sp.ReadAt(buf, mem.Addr(addr))
		whole := uint64(n) / size * size
		for off := uint64(0); off < whole; off += size {
			if mem.Uint(buf[off:off+size], order)&mask == value {
				return addr + off, true, nil
			}
		}
		if whole == 0 {
			return addr, false, nil
		}
		addr += whole
	}
}
