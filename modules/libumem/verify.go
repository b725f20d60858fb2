package libumem

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Patterns of debugging (umem_impl.h).
const (
	freePattern    = 0xdeadbeefdeadbeef
	redzonePattern = 0xfeedfacefeedface
	redzoneByte    = 0xbb
	tagAlloc       = 0xa110c8ed
	tagFree        = 0xf4eef4ee
	sizeFactor     = 251 // a size is encoded as 251*size+1
)

// nameWidth is UMEM_CACHE_NAMELEN.
const nameWidth = 31

func runVerify(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	u, err := must(c)
	if err != nil {
		return err
	}
	if c.HasAddr {
		k, err := u.cacheAt(c.Addr)
		if err != nil {
			return c.Warn(mem.Reason(err), "couldn't read umem_cache %p", c.Addr)
		}
		if c.Loop {
			return u.verifyRow(c, k)
		}
		return u.verifyCache(c, k)
	}
	if !c.Opts.JSON {
		c.Printf("%<u>%-*s %-?s %-20s%</b>\n", nameWidth, "Cache Name", "Addr", "Cache Integrity")
	}
	bad := error(nil)
	for k, err := range u.caches() {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if k.has(umfRedzone) && u.verifyRow(c, k) != nil {
			bad = core.ErrFailed
		}
	}
	return bad
}

// verifyRow checks a cache and prints a line. It fails if the cache has no redzones;
// corruption is no failure, as in MDB.
func (u *umem) verifyRow(c *core.Ctx, k *cache) error {
	if !k.has(umfRedzone) {
		return core.ErrFailed
	}
	n := u.verify(c, k, func(uint64, string) {})
	c.Record(func() {
		if n == 0 {
			c.Printf("%-*s %?p clean\n", nameWidth, k.Name, k.addr)
			return
		}
		plural := ""
		if n > 1 {
			plural = "s"
		}
		c.Printf("%-*s %?p %d corrupt buffer%s\n", nameWidth, k.Name, k.addr, n, plural)
	}, out.Field{Name: "cache", Value: k.Name}, out.Field{Name: "addr", Value: out.Addr(k.addr)}, out.Field{Name: "corrupt", Value: n})
	return nil
}

// verifyCache checks one cache and prints what is wrong with each buffer.
func (u *umem) verifyCache(c *core.Ctx, k *cache) error {
	if !k.has(umfRedzone) {
		c.Warnf("cache %p (%s) does not have redzone checking enabled", k.addr, k.Name)
		return core.ErrFailed
	}
	if !c.Opts.JSON {
		c.Printf("Summary for cache '%s'\n", k.Name)
		old := c.P.IncIndent(2)
		defer c.P.SetMargin(old)
	}
	n := u.verify(c, k, func(buf uint64, text string) {
		c.Record(func() { c.Printf("%s\n", text) },
			out.Field{Name: "buffer", Value: out.Addr(buf)}, out.Field{Name: "text", Value: text})
	})
	if n == 0 && !c.Opts.JSON {
		c.Printf("clean\n")
	}
	return nil
}

// verify checks the buffers of a cache and counts the corrupt ones; report gets what
// is wrong with each.
func (u *umem) verify(c *core.Ctx, k *cache, report func(buf uint64, text string)) int {
	size, err := u.size("umem_buftag_t")
	if err != nil || k.Buftag > maxVerify {
		c.Warnf("cache %p has its buftags at %p", k.addr, k.Buftag)
		return 0
	}
	buf := make([]byte, k.Buftag+size)
	n := 0
	for _, w := range []struct {
		on   bool
		walk func(*core.Ctx, *cache) bufferWalk
		ok   func(*cache, uint64, []byte) string
	}{
		{true, func(c *core.Ctx, k *cache) bufferWalk { return bufferWalk(u.allocated(c, k)) }, u.verifyAlloc},
		{k.has(umfDeadbeef), func(c *core.Ctx, k *cache) bufferWalk { return bufferWalk(u.freed(c, k)) }, u.verifyFree},
	} {
		if !w.on {
			continue
		}
		for b, err := range w.walk(c, k) {
			if err != nil {
				c.Warnf("%s", err.Error())
				break
			}
			if c.Err() != nil {
				return n
			}
			if err := mem.ReadFull(u.space, buf, mem.Addr(b.addr)); err != nil {
				c.Warn(mem.Reason(err), "couldn't read %p", b.addr)
				continue
			}
			if text := w.ok(k, b.addr, buf); text != "" {
				n++
				report(b.addr, text)
			}
		}
	}
	return n
}

type bufferWalk func(yield func(buffer, error) bool)

// maxVerify bounds the buffers that are checked, bytes.
const maxVerify = 1 << 26

// tagIn decodes the buftag of a buffer that has been read.
func (u *umem) tagIn(k *cache, buf []byte) buftag {
	o, p := u.w.Order, int(u.ptr)
	t := buf[k.Buftag:]
	return buftag{Redzone: o.Uint64(t), Bufctl: mem.Uint(t[8:8+p], o), Stat: int64(mem.Uint(t[8+p:8+2*p], o))}
}

// statOK tells whether a buftag's second half says what pattern stands for.
func (u *umem) statOK(t buftag, pattern uint64) bool {
	mask := ^uint64(0)
	if u.ptr == 4 {
		mask = 0xffffffff
	}
	return uint64(t.Stat)&mask == (t.Bufctl^pattern)&mask
}

// verifyFree says what is wrong with a free buffer; "" if nothing is.
func (u *umem) verifyFree(k *cache, at uint64, buf []byte) string {
	for i := uint64(0); i+8 <= k.Verify && i+8 <= uint64(len(buf)); i += 8 {
		if u.w.Order.Uint64(buf[i:]) != freePattern {
			return fmt.Sprintf("buffer %x (free) seems corrupted, at %x", at, at+i)
		}
	}
	t := u.tagIn(k, buf)
	if k.has(umfHash) && t.Redzone != redzonePattern {
		return fmt.Sprintf("buffer %x (free) seems to have a corrupt redzone pattern", at)
	}
	if !u.statOK(t, tagFree) {
		return fmt.Sprintf("buffer %x (free) has a corrupt buftag", at)
	}
	return ""
}

// verifyAlloc says what is wrong with an allocated buffer. One that umem_alloc gave has
// a redzone byte behind what was asked for, and the encoded size in its buftag.
func (u *umem) verifyAlloc(k *cache, at uint64, buf []byte) string {
	t := u.tagIn(k, buf)
	if t.Redzone != redzonePattern {
		enc := u.w.Order.Uint32(buf[k.Buftag+4:])
		size := uint64(enc / sizeFactor)
		if enc%sizeFactor != 1 || size >= uint64(len(buf)) || buf[size] != redzoneByte {
			return fmt.Sprintf("buffer %x (allocated) has a corrupt redzone size encoding", at)
		}
	}
	if !u.statOK(t, tagAlloc) {
		return fmt.Sprintf("buffer %x (allocated) has a corrupt buftag", at)
	}
	return ""
}
