package genunix

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Of anon maps (vm/anon.h): slots are in one array, or in chunks of an array of
// arrays.
const (
	anonChunk      = 512
	anonAllocForce = 2 // ANON_ALLOC_FORCE: one array, however large
)

type ampLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Bytes kernel.Field `ctf:"size"`
	Hdr   kernel.Field `ctf:"ahp"`
}

type anonHdrLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Slots kernel.Field `ctf:"size"`
	Array kernel.Field `ctf:"array_chunk"`
	Flags kernel.Field `ctf:"flags"`
}

// anonSlots walks the slots [from, to) of an anon map: the index and the struct anon,
// 0 in one that was never touched.
func anonSlots(v *kernel.View, amp, from, to uint64, yield func(slot, anon uint64) bool) error {
	al, err := kernel.Lay[ampLayout](v, "struct anon_map")
	if err != nil {
		return err
	}
	hl, err := kernel.Lay[anonHdrLayout](v, "struct anon_hdr")
	if err != nil {
		return err
	}
	b, err := v.Bytes(amp, al.Size, nil)
	if err != nil {
		return kernel.Failed(err, "failed to read anon map at %x", amp)
	}
	hdr := al.Hdr.Of(b)
	if b, err = v.Bytes(hdr, hl.Size, nil); err != nil {
		return kernel.Failed(err, "failed to read anon hdr ptr at %x", hdr)
	}
	slots, array := hl.Slots.Of(b), hl.Array.Of(b)
	to = min(to, slots)
	if slots <= anonChunk || hl.Flags.Of(b)&anonAllocForce != 0 {
		return readSlots(v, array+8*from, from, to, yield)
	}
	for from < to {
		end := min(to, from/anonChunk*anonChunk+anonChunk)
		chunk, err := v.Pointer(array + from/anonChunk*8)
		switch {
		case err != nil:
			return kernel.Failed(err, "unable to read anon_map %x's map at %x", amp, array+from/anonChunk*8)
		case chunk != 0:
			if err := readSlots(v, chunk+from%anonChunk*8, from, end, yield); err != nil {
				return err
			}
		default:
			for s := from; s < end; s++ {
				if !yield(s, 0) {
					return errAnonStop
				}
			}
		}
		from = end
	}
	return nil
}

// errAnonStop ends a walk of slots whose consumer has had enough.
var errAnonStop = fmt.Errorf("walk stopped")

func readSlots(v *kernel.View, at, from, to uint64, yield func(slot, anon uint64) bool) error {
	for from < to {
		n := min(to-from, anonChunk)
		b, err := v.Bytes(at, 8*n, nil)
		if err != nil {
			return kernel.Failed(err, "unable to read anon slots at %x", at)
		}
		for i := range n {
			if !yield(from+i, binary.LittleEndian.Uint64(b[8*i:])) {
				return errAnonStop
			}
		}
		from, at = from+n, at+8*n
	}
	return nil
}

// anonElems walks slots for the engine: those with a struct anon, or all.
func anonElems(v *kernel.View, amp, from, to uint64, all bool) iter.Seq2[core.Elem, error] {
	t := v.TypeOrNil("struct anon")
	return func(yield func(core.Elem, error) bool) {
		err := anonSlots(v, amp, from, to, func(_, anon uint64) bool {
			return anon == 0 && !all || yield(core.Elem{Val: anon, Type: t}, nil)
		})
		if err != nil && err != errAnonStop {
			yield(core.Elem{}, err)
		}
	}
}

func walkAnon(all bool) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
		return anonElems(kernel.Of(c.Session), uint64(start), 0, ^uint64(0), all)
	}
}

type segvnLayout struct {
	Size   uint64       `ctf:"sizeof"`
	VP     kernel.Field `ctf:"vp"`
	Offset kernel.Field `ctf:"offset"`
	Index  kernel.Field `ctf:"anon_index"`
	AMP    kernel.Field `ctf:"amp"`
	Seg    kernel.Field `ctf:"seg"`
}

// segvn is a struct segvn_data with the size of its segment.
type segvn struct{ addr, vp, offset, index, amp, size uint64 }

func readSegvn(v *kernel.View, addr uint64) (*segvn, error) {
	l, err := kernel.Lay[segvnLayout](v, "struct segvn_data")
	if err != nil {
		return nil, err
	}
	sl, err := kernel.Lay[struct {
		Size kernel.Field `ctf:"s_size"`
	}](v, "struct seg")
	if err != nil {
		return nil, err
	}
	b, err := v.Bytes(addr, l.Size, nil)
	if err != nil {
		return nil, kernel.Failed(err, "failed to read segvn_data at %x", addr)
	}
	s := &segvn{addr: addr, vp: l.VP.Of(b), offset: l.Offset.Of(b), index: l.Index.Of(b), amp: l.AMP.Of(b)}
	if s.size, err = v.Pointer(l.Seg.Of(b) + sl.Size.Off); err != nil {
		return nil, kernel.Failed(err, "failed to read seg at %x (from %x)", l.Seg.Of(b), addr+l.Seg.Off)
	}
	return s, nil
}

func walkSegvnAnon(all bool) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
		v := kernel.Of(c.Session)
		s, err := readSegvn(v, uint64(start))
		if err == nil && s.amp == 0 {
			err = fmt.Errorf("segvn_anon walk: segvn_data at %x has no anon map", uint64(start))
		}
		if err != nil {
			return noWalk[core.Elem](err)
		}
		al, err := kernel.Lay[ampLayout](v, "struct anon_map")
		if err != nil {
			return noWalk[core.Elem](err)
		}
		size, err := v.Pointer(s.amp + al.Bytes.Off)
		if err == nil && s.size+s.index<<12 > size {
			err = fmt.Errorf("anon map %x is too small for segment of segvn_data %x", s.amp, s.addr)
		}
		if err != nil {
			return noWalk[core.Elem](err)
		}
		return anonElems(v, s.amp, s.index, s.index+s.size>>12, all)
	}
}

// maxSegment bounds the pages of a mapping that are looked for one by one.
const maxSegment = 1 << 32

// walkSegvnPages makes the walkers of the pages of a mapping in the order of
// offsets: those in memory, or for each offset the page or 0.
func walkSegvnPages(all bool) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
		v := kernel.Of(c.Session)
		s, err := readSegvn(v, uint64(start))
		if err == nil && s.size>>12 > maxSegment {
			err = fmt.Errorf("segment of segvn_data %x has %#x bytes", s.addr, s.size)
		}
		if err != nil {
			return noWalk[core.Elem](err)
		}
		h, err := openPageHash(v)
		if err != nil {
			return noWalk[core.Elem](err)
		}
		t := v.TypeOrNil("page_t")
		return func(yield func(core.Elem, error) bool) {
			give := func(page uint64) bool { return page == 0 && !all || yield(core.Elem{Val: page, Type: t}, nil) }
			if err := s.pages(c, v, h, all, give); err != nil && err != errAnonStop {
				yield(core.Elem{}, err)
			}
		}
	}
}

// pages walks the pages of the mapping: where the anon map has a struct anon, the page
// is that one's, else the file's.
func (s *segvn) pages(c *core.Ctx, v *kernel.View, h *pageHash, all bool, yield func(page uint64) bool) error {
	switch {
	case s.amp == 0 && s.vp == 0:
		return nil
	case s.amp == 0:
		return s.filePages(v, h, all, yield)
	}
	al, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		VP   kernel.Field `ctf:"an_vp"`
		Off  kernel.Field `ctf:"an_off"`
		PVP  kernel.Field `ctf:"an_pvp"`
	}](v, "struct anon")
	if err != nil {
		return err
	}
	return anonSlots(v, s.amp, s.index, s.index+s.size>>12, func(slot, anon uint64) bool {
		off := (slot - s.index) << 12
		if anon == 0 {
			page := uint64(0)
			if s.vp != 0 {
				page = s.find(c, h, s.vp, s.offset+off)
			}
			return yield(page)
		}
		b, err := v.Bytes(anon, al.Size, nil)
		if err != nil {
			c.Warnf("unable to read struct anon at %p: %s", anon, core.Reason(err))
			return yield(0)
		}
		vp, aoff, page := al.VP.Of(b), al.Off.Of(b), uint64(0)
		switch {
		case vp != 0 || aoff != 0:
			if page = s.find(c, h, vp, aoff); page == 0 {
				c.Warnf("walk segvn_pages: segvn_data %p offset %d, anon page <%p, %llx> not found.", s.addr, off, vp, aoff)
			}
		case al.PVP.Of(b) == 0:
			c.Warnf("walk segvn_pages: useless struct anon at %p", anon)
		}
		return yield(page)
	})
}

func (s *segvn) find(c *core.Ctx, h *pageHash, vp, off uint64) uint64 {
	page, err := h.lookup(vp, off)
	c.Fail(err)
	return page
}

// filePages walks the pages of a mapping of a file alone. Of a large one the vnode's
// pages are read instead of looked up one by one.
func (s *segvn) filePages(v *kernel.View, h *pageHash, all bool, yield func(page uint64) bool) error {
	byOffset := map[uint64]uint64{}
	err := h.ofVnode(s.vp, func(at uint64, b []byte) bool {
		if off := h.l.Offset.Of(b) - s.offset; off < s.size {
			byOffset[off] = at
		}
		return true
	})
	if err != nil {
		return err
	}
	for off := uint64(0); off < s.size && (all || len(byOffset) > 0); off += 4096 {
		page := byOffset[off]
		delete(byOffset, off)
		if !yield(page) {
			return errAnonStop
		}
	}
	return nil
}
