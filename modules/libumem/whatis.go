package libumem

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// whatisUmem answers for addresses in buffers: those of the caches programs use come
// first, then libumem's own, then those whose memory other caches have, too.
func whatisUmem(c *core.Ctx, w *core.Whatis) error {
	u, err := of(c)
	if err != nil || u.ready != ready {
		return nil // a process without libumem has nothing to say
	}
	internal, _ := u.variable("umem_internal_arena") // 0: it is not known
	for pass := range 3 {
		for k, err := range u.caches() {
			if err != nil {
				return err
			}
			own := internal != 0 && k.Arena == internal
			turn := 0
			switch {
			case own:
				turn = 1
			case uint32(k.CFlags)&umcNotouch != 0:
				turn = 2
			}
			if turn != pass {
				continue
			}
			if w.Verbose {
				c.Printf("Searching %s...\n", k.Name)
			}
			u.whatisCache(c, w, k)
			if w.Done() || c.Err() != nil {
				return c.Err()
			}
		}
	}
	return nil
}

func (u *umem) whatisCache(c *core.Ctx, w *core.Whatis, k *cache) {
	walks := []struct {
		text string
		walk bufferWalk
	}{{"allocated", bufferWalk(u.allocated(c, k))}, {"freed", bufferWalk(u.freed(c, k))}}
	if !u.mayHold(w, k) {
		return
	}
	for i, l := range walks {
		if i == 1 && w.Verbose {
			c.Printf("Searching %s for free memory...\n", k.Name)
		}
		for b, err := range l.walk {
			if err != nil {
				c.Warnf("%s", err.Error())
				break
			}
			for a := range w.Match(mem.Addr(b.addr), k.BufSize) {
				u.whatisBuffer(c, w, k, a, b, l.text)
			}
			if w.Done() || c.Err() != nil {
				return
			}
		}
	}
}

// mayHold tells whether a wanted address lies in any slab of the cache, which is much
// quicker to find out than which buffers it has.
func (u *umem) mayHold(w *core.Whatis, k *cache) bool {
	for s, err := range u.slabs(k, false) {
		if err != nil || w.Overlaps(mem.Addr(s.Base), k.SlabSize) {
			return true
		}
	}
	return false
}

func (u *umem) whatisBuffer(c *core.Ctx, w *core.Whatis, k *cache, a mem.Addr, b buffer, text string) {
	full := b.bufctl != 0 && k.has(umfAudit) && !w.Quiet
	switch {
	case full && !c.Opts.JSON:
		w.ReportObject(a, mem.Addr(b.addr), "%s from %s:\n", text, k.Name)
		_ = u.showBufctl(c, &filter{u: u}, b.bufctl, true, true) // it says itself what is wrong
	case w.Bufctl && b.bufctl != 0:
		w.ReportObject(a, mem.Addr(b.addr), "bufctl %p %s from %s\n", b.bufctl, text, k.Name)
	default:
		w.ReportObject(a, mem.Addr(b.addr), "%s from %s\n", text, k.Name)
	}
}

// whatisVmem answers for addresses in segments of arenas, those below first.
func whatisVmem(c *core.Ctx, w *core.Whatis) error {
	u, err := of(c)
	if err != nil || u.ready != ready {
		return nil
	}
	roots, _, err := u.arenas()
	if err != nil {
		return err
	}
	postfix(roots, func(a *arena) bool {
		if w.Verbose {
			c.Printf("Searching vmem arena %s...\n", a.Name)
		}
		for _, l := range []struct {
			typ  uint8
			text string
		}{{segAlloc, "allocated"}, {segFree, "freed"}} {
			for s, err := range u.segs(a.addr, l.typ) {
				if err != nil {
					c.Warnf("%s", err.Error())
					break
				}
				for at := range w.Match(mem.Addr(s.Start), s.End-s.Start) {
					if w.Bufctl || len(s.stack()) > 0 {
						w.ReportObject(at, mem.Addr(s.Start), "vmem_seg %p %s from the %s vmem arena\n", s.at, l.text, a.Name)
					} else {
						w.ReportObject(at, mem.Addr(s.Start), "%s from the %s vmem arena\n", l.text, a.Name)
					}
				}
			}
		}
		return !w.Done() && c.Err() == nil
	})
	return c.Err()
}
