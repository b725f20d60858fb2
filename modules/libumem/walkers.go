package libumem

import (
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
)

type walkFunc func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error]

// walker makes a walker of a function that yields addresses of a type, "" for none.
func walker(name, descr, typ string, addr core.AddrMode, walk func(c *core.Ctx, u *umem, start uint64, has bool, yield func(uint64) bool) error) *core.Walker {
	return &core.Walker{Name: name, Descr: descr, Type: typ, Addr: addr, Walk: walking(name, typ, addr, walk)}
}

func walking(name, typ string, addr core.AddrMode, walk func(c *core.Ctx, u *umem, start uint64, has bool, yield func(uint64) bool) error) walkFunc {
	return func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		return func(yield func(core.Elem, error) bool) {
			u, err := must(c)
			if err == nil && addr == core.AddrRequired && !has {
				err = fmt.Errorf("%s doesn't support global walks", name)
			}
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			var t *ctype.Type
			if typ != "" {
				t, _ = u.typ(typ)
			}
			more := true
			err = walk(c, u, uint64(start), has, func(a uint64) bool {
				more = c.Err() == nil && yield(core.Elem{Val: a, Type: t}, nil)
				return more
			})
			if err != nil && more {
				yield(core.Elem{}, err)
			}
		}
	}
}

// perCache walks one cache, or every cache whose memory no other has.
func perCache(each func(c *core.Ctx, u *umem, k *cache, yield func(uint64) bool) error) func(*core.Ctx, *umem, uint64, bool, func(uint64) bool) error {
	return func(c *core.Ctx, u *umem, start uint64, has bool, yield func(uint64) bool) error {
		if has {
			k, err := u.cacheAt(start)
			if err != nil {
				return err
			}
			return each(c, u, k, yield)
		}
		more := true
		for k, err := range u.caches() {
			if err != nil {
				return err
			}
			if uint32(k.CFlags)&umcNotouch != 0 {
				continue
			}
			err = each(c, u, k, func(a uint64) bool { more = yield(a); return more })
			if err != nil || !more {
				return err
			}
		}
		return nil
	}
}

// eachBuffer yields the buffers of a cache, or their bufctls.
func eachBuffer(free, ctl bool) func(*core.Ctx, *umem, *cache, func(uint64) bool) error {
	return func(c *core.Ctx, u *umem, k *cache, yield func(uint64) bool) error {
		if ctl && !k.has(umfHash) {
			return nil
		}
		walk := u.allocated(c, k)
		if free {
			walk = u.freed(c, k)
		}
		for b, err := range walk {
			if err != nil {
				return err
			}
			v := b.addr
			if ctl {
				if v = b.bufctl; v == 0 {
					continue
				}
			}
			if !yield(v) {
				return nil
			}
		}
		return nil
	}
}

func walkers() []*core.Walker {
	const opt, req, none = core.AddrOptional, core.AddrRequired, core.AddrNone
	l := []*core.Walker{
		walker("umem_cache", "walk list of umem caches", "umem_cache_t", none, walkCaches),
		walker("umem", "walk a umem cache", "", opt, perCache(eachBuffer(false, false))),
		walker("freemem", "walk a umem cache's free memory", "", opt, perCache(eachBuffer(true, false))),
		walker("bufctl", "walk a umem cache's bufctls", "umem_bufctl_audit_t", opt, perCache(eachBuffer(false, true))),
		walker("freectl", "walk a umem cache's free bufctls", "umem_bufctl_audit_t", opt, perCache(eachBuffer(true, true))),
		walker("bufctl_history", "walk the available history of a bufctl", "umem_bufctl_audit_t", req, walkHistory),
		walker("allocdby", "given a thread, walk its allocated bufctls", "umem_bufctl_audit_t", req, walkByThread(false)),
		walker("freedby", "given a thread, walk its freed bufctls", "umem_bufctl_audit_t", req, walkByThread(true)),
		walker("umem_cpu", "walk the umem CPU structures", "umem_cpu_t", none, walkCPUs),
		walker("umem_cpu_cache", "given a umem cache, walk its per-CPU caches", "umem_cpu_cache_t", req, walkCPUCaches),
		walker("umem_hash", "given a umem cache, walk its allocated hash table", "umem_bufctl_t", req, walkHash),
		walker("umem_slab", "given a umem cache, walk its slabs", "umem_slab_t", req, walkSlabs(false)),
		walker("umem_slab_partial", "given a umem cache, walk its partially allocated slabs (min 1)", "umem_slab_t", req, walkSlabs(true)),
		walker("umem_log", "walk the umem transaction log", "umem_bufctl_audit_t", opt, walkLog),
		walker("vmem", "walk vmem structures in pre-fix, depth-first order", "vmem_t", opt, walkArenas(prefix)),
		walker("vmem_postfix", "walk vmem structures in post-fix, depth-first order", "vmem_t", opt, walkArenas(postfix)),
		{Name: "leak", Descr: "given a leak ctl, walk other leaks w/ that stacktrace", Addr: opt, Walk: walkLeaks(false)},
		{Name: "leakbuf", Descr: "given a leak ctl, walk addr of leaks w/ that stacktrace", Addr: opt, Walk: walkLeaks(true)},
	}
	for _, s := range []struct {
		name, descr string
		typ         uint8
	}{
		{"vmem_seg", "given a vmem_t, walk all of its vmem_segs", 0}, {"vmem_alloc", "given a vmem_t, walk its allocated vmem_segs", segAlloc},
		{"vmem_free", "given a vmem_t, walk its free vmem_segs", segFree}, {"vmem_span", "given a vmem_t, walk its spanning vmem_segs", segSpan},
	} {
		l = append(l, walker(s.name, s.descr, "vmem_seg_t", req, walkSegs(s.typ)))
	}
	return l
}

func walkCaches(_ *core.Ctx, u *umem, _ uint64, _ bool, yield func(uint64) bool) error {
	for k, err := range u.caches() {
		if err != nil {
			return err
		}
		if !yield(k.addr) {
			return nil
		}
	}
	return nil
}

func walkHistory(_ *core.Ctx, u *umem, start uint64, _ bool, yield func(uint64) bool) error {
	for b, err := range u.history(start) {
		if err != nil {
			return err
		}
		if !yield(b.at) {
			return nil
		}
	}
	return nil
}

func walkByThread(free bool) func(*core.Ctx, *umem, uint64, bool, func(uint64) bool) error {
	return func(c *core.Ctx, u *umem, start uint64, _ bool, yield func(uint64) bool) error {
		list, err := u.byThread(c, start, free)
		for _, b := range list {
			if !yield(b.at) {
				return nil
			}
		}
		return err
	}
}

func walkCPUs(_ *core.Ctx, u *umem, _ uint64, _ bool, yield func(uint64) bool) error {
	list, err := u.cpus()
	for _, a := range list {
		if !yield(a) {
			return nil
		}
	}
	return err
}

func walkCPUCaches(_ *core.Ctx, u *umem, start uint64, _ bool, yield func(uint64) bool) error {
	k, err := u.cacheAt(start)
	if err != nil {
		return err
	}
	list, err := u.cpuCaches(k)
	for _, cc := range list {
		if !yield(cc.addr) {
			return nil
		}
	}
	return err
}

func walkHash(c *core.Ctx, u *umem, start uint64, _ bool, yield func(uint64) bool) error {
	k, err := u.cacheAt(start)
	if err != nil {
		return err
	}
	if !k.has(umfHash) {
		c.Warnf("cache %p doesn't have a hash table", start)
		return nil
	}
	for b, err := range u.hash(k) {
		if err != nil {
			return err
		}
		if !yield(b.at) {
			return nil
		}
	}
	return nil
}

func walkSlabs(partial bool) func(*core.Ctx, *umem, uint64, bool, func(uint64) bool) error {
	return func(_ *core.Ctx, u *umem, start uint64, _ bool, yield func(uint64) bool) error {
		k, err := u.cacheAt(start)
		if err != nil {
			return err
		}
		for s, err := range u.slabs(k, partial) {
			if err != nil {
				return err
			}
			if !yield(s.addr) {
				return nil
			}
		}
		return nil
	}
}

func walkLog(c *core.Ctx, u *umem, start uint64, has bool, yield func(uint64) bool) error {
	if !has {
		start = 0
	}
	list, err := u.logged(c, start)
	for _, b := range list {
		if !yield(b.at) {
			return nil
		}
	}
	return err
}

// walkArenas walks all arenas, or from the one given on.
func walkArenas(order func([]*arena, func(*arena) bool) bool) func(*core.Ctx, *umem, uint64, bool, func(uint64) bool) error {
	return func(_ *core.Ctx, u *umem, start uint64, has bool, yield func(uint64) bool) error {
		roots, byAddr, err := u.arenas()
		if err != nil {
			return err
		}
		on := !has || byAddr[start] == nil
		order(roots, func(a *arena) bool {
			on = on || a.addr == start
			return !on || yield(a.addr)
		})
		return nil
	}
}

func walkSegs(typ uint8) func(*core.Ctx, *umem, uint64, bool, func(uint64) bool) error {
	return func(_ *core.Ctx, u *umem, start uint64, _ bool, yield func(uint64) bool) error {
		for s, err := range u.segs(start, typ) {
			if err != nil {
				return err
			}
			if !yield(s.at) {
				return nil
			}
		}
		return nil
	}
}

// addCacheWalkers makes a walker of each cache, named as it is, and one of threads'
// lists for each cache that has them.
func addCacheWalkers(s *core.Session, m *core.Module) {
	u, err := forSession(s)
	if err != nil || u.ready != ready {
		return
	}
	for k, err := range u.caches() {
		if err != nil {
			s.Warnf("%s", err.Error())
			return
		}
		at := k.addr
		w := walker(k.Name, "walk the "+k.Name+" cache", "", core.AddrOptional,
			func(c *core.Ctx, u *umem, _ uint64, _ bool, yield func(uint64) bool) error {
				return perCache(eachBuffer(false, false))(c, u, at, true, yield)
			})
		if err := s.Reg.AddWalker(m, w, false); err != nil {
			s.Warnf("failed to add %s walker: %s", strings.ToValidUTF8(k.Name, "?"), err.Error())
		}
		if !k.has(umfPTC) {
			continue
		}
		name := fmt.Sprintf("umem_ptc_%d", k.BufSize)
		w = walker(name, "walk the per-thread cache for "+k.Name, "", core.AddrOptional, walkThreadCache(at))
		if err := s.Reg.AddWalker(m, w, false); err != nil {
			s.Warnf("failed to add %s walker: %s", name, err.Error())
		}
	}
}

func walkThreadCache(cacheAddr uint64) func(*core.Ctx, *umem, uint64, bool, func(uint64) bool) error {
	return func(_ *core.Ctx, u *umem, start uint64, has bool, yield func(uint64) bool) error {
		k, err := u.cacheAt(cacheAddr)
		if err != nil {
			return err
		}
		list, err := u.threadCached(k)
		if has {
			list, err = u.threadList(k, start)
		}
		for _, a := range list {
			if !yield(a) {
				return nil
			}
		}
		return err
	}
}
