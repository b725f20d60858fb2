package libumem

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// grep is what ::ugrep looks for.
type grep struct {
	pattern, mask, dist uint64
	low, high           uint64
	size                uint64
	verbose             bool
}

const allBits = ^uint64(0)

// readGrep reads ::ugrep's options.
func readGrep(c *core.Ctx) (*grep, error) {
	g := &grep{pattern: c.Addr, mask: allBits, size: uint64(c.Arch().PtrSize), verbose: c.Opt('v')}
	g.low, _ = c.OptUint('a')
	g.high, _ = c.OptUint('A')
	g.dist, _ = c.OptUint('d')
	n := 0
	if v, ok := c.OptUint('m'); ok && v != allBits {
		g.mask = v
		n++
	}
	if v, ok := c.OptUint('M'); ok && v != 0 {
		g.mask = ^v
		n++
	}
	if g.dist != 0 {
		n++
	}
	if n > 1 {
		c.Warnf("only one of -d, -m and -M may be specified")
		return nil, core.ErrUsage
	}
	if v, ok := c.OptUint('s'); ok {
		g.size = v
	}
	if g.pattern&^g.mask != 0 {
		c.Warnf("warning: pattern does not match mask")
	}
	switch {
	case g.size > 8:
		return nil, fmt.Errorf("sizes greater than 8 not supported")
	case g.size == 0 || g.size&(g.size-1) != 0:
		return nil, fmt.Errorf("size must be a power of 2")
	}
	most := allBits >> (64 - 8*g.size)
	if g.pattern&^most != 0 {
		c.Warnf("warning: pattern %llx overflows requested size %d (max: %llx)", g.pattern, g.size, most)
	}
	if g.dist > 0 && (g.dist&^most != 0 || most-g.dist+1 < g.pattern) {
		return nil, fmt.Errorf("pattern %x + distance %x overflows size\n%d (max: %x)", g.pattern, g.dist, g.size, most)
	}
	return g, nil
}

// matches tells whether a value is looked for.
func (g *grep) matches(v uint64) bool {
	return (v^g.pattern)&g.mask&(allBits>>(64-8*g.size)) == 0 || g.dist != 0 && v-g.pattern < g.dist
}

func runUgrep(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	g, err := readGrep(c)
	if err != nil {
		return err
	}
	t, ok := core.As[core.Mapped](c.Session.Context())
	if !ok {
		return core.ErrNotSup
	}
	seen := false
	for _, m := range t.Mappings() {
		start, end := max(uint64(m.Base), g.low), uint64(m.End())
		if g.high != 0 {
			end = min(end, g.high)
		}
		if start < end && g.search(c, (start+g.size-1)&^(g.size-1), end) {
			seen = true
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
	}
	if !seen {
		c.Warnf("warning: nothing searched")
	}
	return nil
}

// search looks through a range, page by page; pages that cannot be read are passed
// over. It tells whether there was one that could.
func (g *grep) search(c *core.Ctx, at, end uint64) (seen bool) {
	page := c.Arch().PageSize
	buf := make([]byte, page)
	space, order := c.Space(), c.Arch().Order
	for at < end && c.Err() == nil {
		n := min(end, at&^(page-1)+page) - at
		b := buf[:n]
		if mem.ReadFull(space, b, mem.Addr(at)) == nil {
			seen = true
			for i := uint64(0); i+g.size <= n; i += g.size {
				if v := mem.Uint(b[i:i+g.size], order); g.matches(v) {
					g.found(c, at+i, v)
				}
			}
		}
		at += n
	}
	return seen
}

func (g *grep) found(c *core.Ctx, at, v uint64) {
	if c.PipeOut {
		c.Emit(at, nil)
		return
	}
	c.Record(func() {
		if g.verbose {
			c.Printf("%p:\t%llx\n", at, v)
		} else {
			c.Printf("%p\n", at)
		}
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "value", Value: out.Hex(v)})
}
