package kmem

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// What a KMF_LITE buftag says of its buffer (sys/kmem_impl.h).
const (
	buftagAllocated = 0xa110c8ed
	buftagFreed     = 0xf4eef4ee
	patternUninit   = 0xbaddcafebaddcafe
	maxLite         = 16
)

// search is a ::whatis among the buffers.
type search struct {
	c    *core.Ctx
	v    *kernel.View
	w    *core.Whatis
	lite uint64 // callers that a KMF_LITE buftag keeps
}

// whatisKmem looks for addresses in buffers: first in caches of objects, then in
// those of the allocator's own structures, last in those whose buffers are memory of
// arenas and so other caches' slabs.
func whatisKmem(c *core.Ctx, w *core.Whatis) error {
	s := &search{c: c, v: kernel.Of(c.Session), w: w}
	msb, err := s.v.Variable("genunix", "kmem_msb_arena")
	if err != nil {
		c.Warnf("unable to readvar \"kmem_msb_arena\": %s", core.Reason(err))
	}
	if s.lite, err = s.v.Variable("genunix", "kmem_lite_count"); err != nil || s.lite > maxLite {
		s.lite = 0
	}
	var groups [3][]*Cache
	for k, err := range caches(s.v) {
		if err != nil {
			return err
		}
		switch {
		case k.get(k.l.Arena) == msb:
			groups[1] = append(groups[1], k)
		case k.cflags&kmcNotouch != 0:
			groups[2] = append(groups[2], k)
		default:
			groups[0] = append(groups[0], k)
		}
	}
	for _, g := range groups {
		for _, k := range g {
			if w.Done() {
				return nil
			}
			if c.Err() != nil {
				return core.ErrIntr
			}
			s.cache(k)
		}
	}
	return nil
}

// cache looks for addresses in the buffers of a cache.
func (s *search) cache(k *Cache) {
	// MDB looks for the flag in the wrong word, where it never is.
	if (k.flags&kmcIdentifier != 0) != s.w.IDSpace {
		return
	}
	if s.w.Verbose {
		s.c.Printf("Searching %s...\n", k.Name)
	}
	hit, err := s.inSlab(k)
	if err != nil {
		s.c.Fail(err)
	}
	if !hit {
		return
	}
	ctls := k.flags&kmfHash != 0 && (k.flags&kmfAudit != 0 || s.w.Bufctl)
	for _, free := range []bool{false, true} {
		if free && s.w.Done() {
			return
		}
		if free && s.w.Verbose {
			s.c.Printf("Searching %s for free memory...\n", k.Name)
		}
		err := k.buffers(s.c, s.v, kind{free: free, bufctl: ctls}, func(buf, ctl uint64) bool {
			if !ctls {
				ctl = 0
			} else if free {
				buf = s.bufferOf(ctl, buf)
			}
			for a := range s.w.Match(mem.Addr(buf), k.BufSize) {
				s.report(k, uint64(a), buf, ctl, free)
			}
			return !s.w.Done() && s.c.Err() == nil
		})
		s.c.Fail(err)
	}
}

// bufferOf is the buffer that a bufctl is of.
func (s *search) bufferOf(ctl, buf uint64) uint64 {
	if l, err := kernel.Lay[ctlLayout](s.v, "kmem_bufctl_t"); err == nil {
		if b, err := s.v.Bytes(ctl, l.Size, nil); err == nil {
			return l.Addr.Of(b)
		}
	}
	return buf
}

// inSlab tells whether a wanted address is in a slab of the cache.
func (s *search) inSlab(k *Cache) (bool, error) {
	r, err := newSlabReader(s.v, k)
	if err != nil {
		return false, err
	}
	size := k.get(k.l.SlabSize) - k.get(k.l.MaxColor)
	if k.flags&kmfHash == 0 {
		size -= r.l.Size
	}
	hit := false
	err = r.slabs(true, true, func(sl *slab) bool {
		hit = s.w.Overlaps(mem.Addr(sl.base), size)
		return !hit
	})
	return hit, err
}

func (s *search) report(k *Cache, addr, buf, ctl uint64, free bool) {
	state := "allocated"
	if free {
		state = "freed"
	}
	detailed := !s.w.Quiet && k.flags&kmfAudit != 0
	at, base := mem.Addr(addr), mem.Addr(buf)
	switch {
	case ctl != 0 && detailed && s.c.Opts.JSON:
		s.w.ReportObject(at, base, "%s from %s\n", state, k.Name)
	case ctl != 0 && detailed:
		s.w.ReportObject(at, base, "%s from %s:\n", state, k.Name)
		bufctlHead(s.c, true, true)
		r, err := readRecord(s.v, ctl)
		if err != nil {
			s.c.Fail(err)
			return
		}
		printBufctl(s.c, r, true)
	case ctl != 0:
		s.w.ReportObject(at, base, "bufctl %p %s from %s\n", ctl, state, k.Name)
	default:
		callers := s.callers(k, buf)
		if callers == nil || s.w.Quiet || s.c.Opts.JSON {
			s.w.ReportObject(at, base, "%s from %s\n", state, k.Name)
			return
		}
		s.w.ReportObject(at, base, "%s from %s:\n", state, k.Name)
		s.printCallers(callers)
	}
}

// callers are those that the buftag of a KMF_LITE cache keeps; nil if there are none.
func (s *search) callers(k *Cache, buf uint64) []uint64 {
	l, err := kernel.Lay[tagLayout](s.v, "kmem_buftag_t")
	if k.flags&kmfLite == 0 || s.lite == 0 || err != nil {
		return nil
	}
	b, err := s.v.Bytes(buf+k.get(k.l.Buftag), l.Size+8*s.lite, nil)
	if err != nil {
		return nil
	}
	if st := l.Bufctl.Of(b) ^ l.State.Of(b); st != buftagAllocated && st != buftagFreed {
		return nil
	}
	var list []uint64
	for i := range s.lite {
		pc := binary.LittleEndian.Uint64(b[l.Size+8*i:])
		if pc == patternUninit {
			break
		}
		list = append(list, pc)
	}
	return list
}

func (s *search) printCallers(list []uint64) {
	p := s.c.P
	old := p.IncIndent(8)
	plural := "s"
	if len(list) == 1 {
		plural = ""
	}
	s.c.Printf("recent caller%s: %a", plural, list[0])
	for _, pc := range list[1:] {
		s.c.Printf(", %a", pc)
	}
	if p.SetMargin(old); old == 0 {
		p.SetIndent(false)
	}
	s.c.Printf("\n")
}

// whatisVmem looks for addresses, or with -i identifiers, in the segments of arenas:
// first of those that import, then of those they import from.
func whatisVmem(c *core.Ctx, w *core.Whatis) error {
	v := kernel.Of(c.Session)
	_, roots, err := arenas(v)
	if err != nil {
		return err
	}
	r, err := newSegReader(v)
	if err != nil {
		return err
	}
	for _, a := range postorder(roots) {
		if w.Done() {
			return nil
		}
		if (a.get(a.l.CFlags)&vmcIdentifier != 0) != w.IDSpace {
			continue
		}
		if w.Verbose {
			c.Printf("Searching vmem arena %s...\n", a.Name)
		}
		err := r.segments(a.Addr, func(s *segment) bool {
			if s.typ == segAlloc || s.typ == segFree {
				for at := range w.Match(mem.Addr(s.start), s.end-s.start) {
					reportSeg(c, w, r, a, s, at)
				}
			}
			return !w.Done() && c.Err() == nil
		})
		c.Fail(err)
		if c.Err() != nil {
			return core.ErrIntr
		}
	}
	return nil
}

func reportSeg(c *core.Ctx, w *core.Whatis, r *segReader, a *Arena, s *segment, at mem.Addr) {
	state, base := "freed", mem.Addr(s.start)
	if s.typ == segAlloc {
		state = "allocated"
	}
	switch {
	case w.Quiet && (!w.Bufctl || s.typ == segAlloc && s.depth != 0):
		w.ReportObject(at, base, "vmem_seg %p %s from the %s vmem arena\n", s.addr, state, a.Name)
	case w.Quiet || c.Opts.JSON:
		w.ReportObject(at, base, "%s from the %s vmem arena\n", state, a.Name)
	default:
		w.ReportObject(at, base, "%s from the %s vmem arena:\n", state, a.Name)
		segHead(c, true, false)
		var full segment
		if err := r.read(s.addr, &full, true); err != nil {
			c.Fail(err)
			return
		}
		printSeg(c, &full, true, false)
	}
}
