package kmem

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// slabLayout is how the release lays out kmem_slab_t.
type slabLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Cache  kernel.Field `ctf:"slab_cache"`
	Base   kernel.Field `ctf:"slab_base"`
	Head   kernel.Field `ctf:"slab_head"`
	Refcnt kernel.Field `ctf:"slab_refcnt"`
	Chunks kernel.Field `ctf:"slab_chunks"`
	Flags  kernel.Field `ctf:"slab_flags,optional"`
}

// slab is a kmem_slab_t, read.
type slab struct {
	addr, base, head uint64
	refcnt, chunks   int64
	nomove           bool
}

// slabReader reads the slabs of a cache.
type slabReader struct {
	v   *kernel.View
	l   *slabLayout
	k   *Cache
	buf []byte
}

func newSlabReader(v *kernel.View, k *Cache) (*slabReader, error) {
	l, err := kernel.Lay[slabLayout](v, "kmem_slab_t")
	return &slabReader{v: v, l: l, k: k}, err
}

// read reads a slab and sees that it belongs to the cache.
func (r *slabReader) read(addr uint64, s *slab) error {
	b, err := r.v.Bytes(addr, r.l.Size, r.buf)
	if err != nil {
		return kernel.BadRead("slab", addr, err)
	}
	if owner := r.l.Cache.Of(b); owner != r.k.Addr {
		return fmt.Errorf("slab %x isn't in cache %x (in cache %x)", addr, r.k.Addr, owner)
	}
	*s = slab{addr: addr, base: r.l.Base.Of(b), head: r.l.Head.Of(b), refcnt: int64(r.l.Refcnt.Of(b)), chunks: int64(r.l.Chunks.Of(b)),
		nomove: r.l.Flags.Of(b)&1 != 0}
	if s.chunks <= 0 || s.chunks > maxChunks || s.refcnt < 0 || s.refcnt > s.chunks {
		return fmt.Errorf("slab %x has %d of %d chunks in use", addr, s.refcnt, s.chunks)
	}
	return nil
}

// slabs walks the slabs of a cache: the complete ones, then the partial ones. It
// gives what ended the walk early.
func (r *slabReader) slabs(complete, partial bool, yield func(*slab) bool) error {
	var s slab
	done := false
	if complete {
		for at, err := range r.v.List("slab", r.k.Addr+r.k.l.Complete.Off) {
			if err == nil {
				err = r.read(at, &s)
			}
			if err == nil && s.refcnt != s.chunks {
				err = fmt.Errorf("slab %x is not completely allocated", at)
			}
			if err != nil {
				return err
			}
			if done = !yield(&s); done {
				return nil
			}
		}
	}
	if !partial {
		return nil
	}
	for at, err := range r.v.Tree("slab", r.k.Addr+r.k.l.Partial.Off) {
		if err == nil {
			err = r.read(at, &s)
		}
		if err == nil && (s.refcnt == 0 || s.refcnt == s.chunks) {
			err = fmt.Errorf("slab %x is not a partial slab", at)
		}
		if err != nil {
			return err
		}
		if !yield(&s) {
			return nil
		}
	}
	return nil
}

// partialOrFirst is MDB's kmem_slab_partial: the partial slabs, or if there are none
// the first complete one.
func (r *slabReader) partialOrFirst(yield func(*slab) bool) error {
	if r.k.get(r.k.l.NPartial) != 0 {
		return r.slabs(false, true, yield)
	}
	return r.slabs(true, false, func(s *slab) bool { yield(s); return false })
}

// walkSlabs makes the walkers kmem_slab and kmem_slab_partial.
func walkSlabs(name string, walk func(r *slabReader, yield func(*slab) bool) error) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		if !has || start == 0 {
			return noWalk(fmt.Errorf("%s doesn't support global walks", name))
		}
		v := kernel.Of(c.Session)
		return func(yield func(core.Elem, error) bool) {
			k, err := readCache(v, uint64(start))
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			r, err := newSlabReader(v, k)
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			t := v.TypeOrNil("kmem_slab_t")
			stopped := false
			err = walk(r, func(s *slab) bool {
				stopped = !yield(core.Elem{Val: s.addr, Type: t}, nil)
				return !stopped
			})
			if err != nil && !stopped {
				yield(core.Elem{}, err)
			}
		}
	}
}
