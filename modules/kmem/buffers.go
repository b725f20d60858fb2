package kmem

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// kind is what of a cache's buffers is walked.
type kind struct {
	free        bool // else those allocated
	bufctl      bool // the bufctls instead of the buffers
	constructed bool // of the free ones those in magazines, which are constructed
}

// ctlLayout is how the release lays out kmem_bufctl_t.
type ctlLayout struct {
	Size uint64       `ctf:"sizeof"`
	Next kernel.Field `ctf:"bc_next"`
	Addr kernel.Field `ctf:"bc_addr"`
}

// tagLayout is that of kmem_buftag_t.
type tagLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Redzone kernel.Field `ctf:"bt_redzone"`
	Bufctl  kernel.Field `ctf:"bt_bufctl"`
	State   kernel.Field `ctf:"bt_bxstat"`
}

// found is called with each buffer, and its bufctl where that is what is walked. It
// returns false to end the walk.
type found func(buf, ctl uint64) bool

// bufferWalk walks the buffers of one cache. Buffers in magazines are allocated to
// the slabs and free to the world.
type bufferWalk struct {
	c     *core.Ctx
	v     *kernel.View
	k     *Cache
	kind  kind
	yield found
	slabs *slabReader
	ctl   *ctlLayout
	mags  []uint64
	in    sorted // mags sorted, for allocated buffers
	buf   []byte
	taken []uint64 // bits of the chunks of a slab that are allocated
	stop  bool
	err   error
}

// buffers walks the buffers of a cache; the error is what MDB ends the walk with.
// What is wrong on the way is warned of.
func (k *Cache) buffers(c *core.Ctx, v *kernel.View, kd kind, yield found) error {
	w := &bufferWalk{c: c, v: v, k: k, kind: kd, yield: yield}
	if err := w.check(); err != nil {
		return err
	}
	hash := k.flags&kmfHash != 0
	switch {
	case k.get(k.l.BufTotal) == 0, kd.bufctl && !hash:
		return nil
	case kd.constructed && (k.get(k.l.Constructor) == 0 || k.flags&(kmfDeadbeef|kmfLite) == kmfDeadbeef):
		return nil
	}
	var err error
	if err = k.readCPUs(v); err != nil {
		return err
	}
	if w.slabs, err = newSlabReader(v, k); err != nil {
		return err
	}
	if w.ctl, err = kernel.Lay[ctlLayout](v, "kmem_bufctl_t"); err != nil {
		return err
	}
	var ok bool
	if w.mags, ok = k.magazines(c, v); !ok {
		return fmt.Errorf("the magazines of cache %x cannot be read", k.Addr)
	}
	if kd.free {
		return w.walkFree()
	}
	w.in = sortRounds(w.mags)
	if hash {
		return w.walkHash()
	}
	err = w.slabs.slabs(true, true, w.allocatedIn)
	return w.end(err)
}

// check sees that what is called a cache can be one.
func (w *bufferWalk) check() error {
	k := w.k
	q := uint64(0)
	l, err := kernel.Lay[arenaLayout](w.v, "vmem_t")
	if err != nil {
		return err
	}
	if b, err := w.v.Bytes(k.get(k.l.Arena)+l.Quantum.Off, l.Quantum.Size, nil); err == nil {
		q = binary.LittleEndian.Uint64(b)
	}
	slab, chunk := k.get(k.l.SlabSize), k.get(k.l.ChunkSize)
	if bits.OnesCount64(q) != 1 || slab < q || slab%q != 0 || slab > maxSlabSize || chunk == 0 || chunk > slab || k.BufSize == 0 {
		return fmt.Errorf("%x is not a valid kmem_cache_t", k.Addr)
	}
	return nil
}

// end is what a walk ends with: what stopped it, unless that was the consumer.
func (w *bufferWalk) end(err error) error {
	if w.err != nil {
		return w.err
	}
	if w.stop {
		return nil
	}
	return err
}

// give passes a buffer on; false ends the walk.
func (w *bufferWalk) give(buf, ctl uint64) bool {
	w.stop = !w.yield(buf, ctl)
	return !w.stop
}

// walkHash walks the allocated buffers of a cache with a hash table.
func (w *bufferWalk) walkHash() error {
	err := w.k.hash(w.v, func(at, buf uint64) bool { return w.in.has(buf) || w.give(buf, at) })
	return w.end(err)
}

// hash walks the bufctls in a cache's hash table.
func (k *Cache) hash(v *kernel.View, yield func(at, buf uint64) bool) error {
	l, err := kernel.Lay[ctlLayout](v, "kmem_bufctl_t")
	if err != nil {
		return err
	}
	if k.flags&kmfHash == 0 {
		return fmt.Errorf("cache %x doesn't have a hash table", k.Addr)
	}
	n, table := k.get(k.l.HashMask)+1, k.get(k.l.HashTable)
	if n == 0 || n > maxHash || n&(n-1) != 0 {
		return fmt.Errorf("hash table of cache %x has %d buckets", k.Addr, n)
	}
	b, err := v.Bytes(table, n*8, nil)
	if err != nil {
		return kernel.Failed(err, "failed to read hash table at %x", table)
	}
	var buf []byte
	for i := range n {
		first := binary.LittleEndian.Uint64(b[8*i:])
		// The hare of Brent's algorithm: a chain that closes is found by the
		// last of the marks at growing distances.
		mark, steps, limit := uint64(0), 0, 2
		for at := first; at != 0; {
			if at == mark {
				return fmt.Errorf("kmem_bufctl %x is in its hash chain of cache %x twice", at, k.Addr)
			}
			if steps++; steps == limit {
				mark, steps, limit = at, 0, limit*2
			}
			if buf, err = v.Bytes(at, l.Size, buf); err != nil {
				return kernel.BadRead("kmem_bufctl_t", at, err)
			}
			next := l.Next.Of(buf)
			if !yield(at, l.Addr.Of(buf)) {
				return nil
			}
			at = next
		}
	}
	return nil
}

// walkFree walks free buffers: those in magazines, then those of the slabs.
func (w *bufferWalk) walkFree() error {
	for _, buf := range w.mags {
		ctl := uint64(0)
		if w.kind.bufctl {
			var ok bool
			if ctl, ok = w.k.bufctlOf(w.c, w.v, buf); !ok {
				continue
			}
		}
		if !w.give(buf, ctl) {
			return w.err
		}
	}
	if w.kind.constructed {
		return nil
	}
	err := w.slabs.partialOrFirst(func(s *slab) bool {
		return w.freelist(s, func(buf, ctl uint64) bool { return w.give(buf, ctl) })
	})
	return w.end(err)
}

// bufctlOf finds the bufctl of a buffer that is allocated to its slab.
func (k *Cache) bufctlOf(c *core.Ctx, v *kernel.View, buf uint64) (uint64, bool) {
	if k.flags&kmfBuftag != 0 {
		l, err := kernel.Lay[tagLayout](v, "kmem_buftag_t")
		if err != nil {
			c.Fail(err)
			return 0, false
		}
		at := buf + k.get(k.l.Buftag)
		b, err := v.Bytes(at, l.Size, nil)
		if err != nil {
			c.Warnf("reading buftag for %p at %p: %s", buf, at, core.Reason(err))
			return 0, false
		}
		return l.Bufctl.Of(b), true
	}
	bucket := k.get(k.l.HashTable) + buf>>(k.get(k.l.HashShift)&63)&k.get(k.l.HashMask)*8
	at, err := v.Pointer(bucket)
	if err != nil {
		c.Warnf("unable to read hash bucket for %p in cache %p: %s", buf, k.Addr, core.Reason(err))
		return 0, false
	}
	l, err := kernel.Lay[ctlLayout](v, "kmem_bufctl_t")
	met := kernel.Met{}
	for at != 0 && err == nil && !met.Again(at) {
		var b []byte
		if b, err = v.Bytes(at, l.Size, nil); err != nil {
			c.Warnf("unable to read bufctl at %p: %s", at, core.Reason(err))
			return 0, false
		}
		if l.Addr.Of(b) == buf {
			return at, true
		}
		at = l.Next.Of(b)
	}
	c.Warnf("unable to find bufctl for %p in cache %p", buf, k.Addr)
	return 0, false
}

// freelist walks the free list of a slab; it returns false if yield did. The list may
// be one longer than the count says, for a buffer that was being allocated.
func (w *bufferWalk) freelist(s *slab, yield found) bool {
	chunk, mask := w.k.get(w.k.l.ChunkSize), w.k.flags&kmfHash != 0
	span := uint64(s.chunks) * chunk
	var data []byte
	if !mask {
		var err error
		if data, err = w.contents(s, span); err != nil {
			w.err = err
			return false
		}
	}
	at := s.head
	for i := s.refcnt; i <= s.chunks; i++ {
		if at == 0 {
			if i < s.chunks {
				w.c.Warnf("slab %p in cache %p freelist too short by %d", s.addr, w.k.Addr, s.chunks-i)
			}
			break
		}
		buf, next, ok := w.free(s, at, data)
		if !ok {
			break
		}
		if (buf-s.base)/chunk > w.k.get(w.k.l.SlabSize)/w.k.BufSize {
			w.c.Warnf("buf %p is out of range for slab %p, cache %p", buf, s.addr, w.k.Addr)
		} else if !yield(buf, at) {
			return false
		}
		at = next
	}
	return true
}

// contents are the bytes of a small slab's chunks, with room for a bufctl behind.
func (w *bufferWalk) contents(s *slab, span uint64) ([]byte, error) {
	if span > maxSlabSize {
		return nil, fmt.Errorf("slab %x has %d chunks", s.addr, s.chunks)
	}
	b, err := w.v.Bytes(s.base, span, w.buf)
	if err != nil {
		return nil, kernel.Failed(err, "failed to read slab contents at %x", s.base)
	}
	return b, nil
}

// free reads an element of a slab's free list: the buffer and what is next.
func (w *bufferWalk) free(s *slab, at uint64, data []byte) (buf, next uint64, ok bool) {
	if data == nil {
		b, err := w.v.Bytes(at, w.ctl.Size, nil)
		if err != nil {
			w.c.Warnf("failed to read bufctl ptr at %p: %s", at, core.Reason(err))
			return 0, 0, false
		}
		return w.ctl.Addr.Of(b), w.ctl.Next.Of(b), true
	}
	off := at - s.base
	if off > uint64(len(data)) || uint64(len(data))-off < 8 {
		w.c.Warnf("found corrupt bufctl ptr %p in slab %p in cache %p", at, s.addr, w.k.Addr)
		return 0, 0, false
	}
	return at - w.k.get(w.k.l.Bufctl), w.ctl.Next.Of(data[off:]), true
}

// allocatedIn gives the allocated buffers of a small slab.
func (w *bufferWalk) allocatedIn(s *slab) bool {
	chunk := w.k.get(w.k.l.ChunkSize)
	n := int(s.chunks+63) / 64
	if cap(w.taken) < n {
		w.taken = make([]uint64, n)
	}
	taken := w.taken[:n]
	for i := range taken {
		taken[i] = ^uint64(0)
	}
	if s.refcnt != s.chunks || s.head != 0 {
		ok := w.freelist(s, func(buf, _ uint64) bool {
			if i := (buf - s.base) / chunk; i < uint64(s.chunks) {
				taken[i/64] &^= 1 << (i % 64)
			}
			return true
		})
		if !ok {
			return false
		}
	}
	w.in.within(s.base, s.base+uint64(s.chunks)*chunk, func(buf uint64) {
		if i := (buf - s.base) / chunk; s.base+i*chunk == buf {
			taken[i/64] &^= 1 << (i % 64)
		}
	})
	for i, word := range taken {
		for ; word != 0; word &= word - 1 {
			n := uint64(i*64 + bits.TrailingZeros64(word))
			if n >= uint64(s.chunks) {
				return true
			}
			if !w.give(s.base+n*chunk, 0) {
				return false
			}
		}
	}
	return true
}

// walkBuffers makes a walker of buffers. cache is that of a walker named as its
// cache, else 0.
func walkBuffers(kd kind, cache uint64) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		v := kernel.Of(c.Session)
		at := uint64(start)
		if cache != 0 {
			at = cache
		} else if !has {
			at = 0
		}
		return func(yield func(core.Elem, error) bool) {
			p := &passer{yield: yield, kd: kd}
			if kd.bufctl {
				p.typ = v.TypeOrNil("kmem_bufctl_t")
				p.audited = v.TypeOrNil("kmem_bufctl_audit_t")
			}
			if at != 0 {
				k, err := readCache(v, at)
				if err == nil {
					err = p.pass(c, v, k)
				}
				if err != nil && !p.stopped {
					yield(core.Elem{}, err)
				}
				return
			}
			p.all(c, v)
		}
	}
}

// passer passes buffers on to a walk's consumer.
type passer struct {
	yield        func(core.Elem, error) bool
	kd           kind
	typ, audited *ctype.Type
	stopped      bool
}

func (p *passer) pass(c *core.Ctx, v *kernel.View, k *Cache) error {
	e := core.Elem{}
	if p.kd.bufctl {
		e.Type = p.typ
		if k.flags&kmfAudit != 0 {
			e.Type = p.audited
		}
	}
	return k.buffers(c, v, p.kd, func(buf, ctl uint64) bool {
		e.Val = buf
		if p.kd.bufctl {
			e.Val = ctl
		}
		p.stopped = !p.yield(e, nil)
		return !p.stopped
	})
}

// all walks all caches but those whose buffers are other caches' slabs: what they
// have allocated is another's free memory. A cache that is not to be walked is warned
// of.
func (p *passer) all(c *core.Ctx, v *kernel.View) {
	for k, err := range caches(v) {
		if err != nil {
			p.yield(core.Elem{}, err)
			return
		}
		if k.cflags&kmcNotouch != 0 {
			continue
		}
		if err := p.pass(c, v, k); err != nil && !p.stopped {
			c.Fail(err)
		}
		if p.stopped {
			return
		}
		if c.Err() != nil {
			p.yield(core.Elem{}, core.ErrIntr)
			return
		}
	}
}
