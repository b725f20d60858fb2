package system

import (
	"sync/atomic"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
)

// Geometry of a kernelSpace's memory of pages.
const (
	pageShift  = 12
	pageSize   = 1 << pageShift
	spacePages = 4096 // remembered pages of the kernel's space
	userPages  = 256  // and of a process'
)

// kernelSpace is a virtual address space of an illumos kernel: the kernel's own or
// that of a process. A page is looked up in the dump's map and, where that has
// none, in the page tables. Pages that were read are remembered, so that reading
// again costs no lookup; where the physical memory can be viewed nothing is copied.
type kernelSpace struct {
	k     *IllumosKernel
	as    uint64 // VA of the struct as
	slots []atomic.Pointer[spacePage]
}

// spacePage is a page of a kernelSpace, whole, as it was at a moment of the kernel's.
type spacePage struct {
	page   uint64 // VA >> pageShift
	moment uint64
	data   []byte
}

func newKernelSpace(k *IllumosKernel, as uint64, pages int) *kernelSpace {
	return &kernelSpace{k: k, as: as, slots: make([]atomic.Pointer[spacePage], pages)}
}

// get gives the whole page that holds a, or why it cannot be read; the error's
// address is a.
func (s *kernelSpace) get(a uint64) ([]byte, error) {
	page := a >> pageShift
	slot := &s.slots[(page^page>>12)%uint64(len(s.slots))]
	moment := s.k.moment.Load()
	if p := slot.Load(); p != nil && p.page == page && p.moment == moment {
		return p.data, nil
	}
	from, at := s.k.virt, page<<pageShift
	if from == nil || s.as != s.k.kas {
		pa, err := s.k.translate(s.as, at)
		if err != nil {
			return nil, mem.Fault(mem.Addr(a), err)
		}
		from, at = s.k.phys, pa
	}
	var data []byte
	if v, ok := from.(mem.Viewer); ok {
		data = v.View(mem.Addr(at), pageSize)
	}
	if data == nil {
		data = make([]byte, pageSize)
		if n, err := from.ReadAt(data, mem.Addr(at)); n < pageSize {
			if uint64(n) > a%pageSize { // the page is cut behind a
				return data[:n], nil
			}
			return nil, mem.Fault(mem.Addr(a), reason(err))
		}
	}
	slot.Store(&spacePage{page, moment, data})
	return data, nil
}

// reason is why a physical page could not be read.
func reason(err error) error {
	if err == nil {
		return mem.ErrNotDumped
	}
	return mem.Reason(err)
}

// ReadAt implements mem.Space.
func (s *kernelSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	done := 0
	for done < len(p) {
		at := uint64(a) + uint64(done)
		if at < uint64(a) { // past the top of the address space
			return done, mem.Fault(mem.Addr(at), mem.ErrUnmapped)
		}
		data, err := s.get(at)
		if err != nil {
			return done, err
		}
		off := int(at % pageSize)
		n := copy(p[done:], data[min(off, len(data)):])
		if done += n; n == 0 {
			return done, mem.Fault(mem.Addr(at), mem.ErrTruncated)
		}
	}
	return done, nil
}

// WriteAt implements mem.Writer where the memory does.
func (s *kernelSpace) WriteAt(p []byte, a mem.Addr) (int, error) {
	done := 0
	for done < len(p) {
		at := uint64(a) + uint64(done)
		if at < uint64(a) {
			return done, mem.Fault(mem.Addr(at), mem.ErrUnmapped)
		}
		to, place := s.k.virt, at
		if to == nil || s.as != s.k.kas {
			pa, err := s.k.translate(s.as, at)
			if err != nil {
				return done, mem.Fault(mem.Addr(at), err)
			}
			to, place = s.k.phys, pa
		}
		w, ok := to.(mem.Writer)
		if !ok {
			return done, mem.Fault(mem.Addr(at), mem.ErrReadOnly)
		}
		n := min(len(p)-done, int(pageSize-at%pageSize))
		got, err := w.WriteAt(p[done:done+n], mem.Addr(place))
		page := at >> pageShift
		s.slots[(page^page>>12)%uint64(len(s.slots))].Store(nil)
		if done += got; err != nil {
			return done, mem.Fault(mem.Addr(uint64(a)+uint64(done)), mem.Reason(err))
		}
	}
	return done, nil
}

// View implements mem.Viewer.
func (s *kernelSpace) View(a mem.Addr, n int) []byte {
	off := int(a % pageSize)
	if n < 0 || off+n > pageSize {
		return nil
	}
	data, err := s.get(uint64(a))
	if err != nil || off+n > len(data) {
		return nil
	}
	return data[off : off+n : off+n]
}

// mapSpace is the kernel's address space as far as it is known without looking into
// the kernel: by the dump's map, by the page table that the container named, or as the
// container itself reads it. The
// structures that lead to the other page tables are read through it.
type mapSpace struct{ k *IllumosKernel }

// ReadAt implements mem.Space.
func (s mapSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	if s.k.virt != nil {
		return s.k.virt.ReadAt(p, a)
	}
	done := 0
	for done < len(p) {
		at := uint64(a) + uint64(done)
		pa, ok := s.k.mapped(s.k.kas, at)
		if !ok || at < uint64(a) {
			return done, mem.Fault(mem.Addr(at), s.k.untranslated())
		}
		n := min(len(p)-done, int(pageSize-at%pageSize))
		got, err := s.k.phys.ReadAt(p[done:done+n], mem.Addr(pa))
		if done += got; got < n {
			return done, mem.Fault(mem.Addr(uint64(a)+uint64(done)), reason(err))
		}
	}
	return done, nil
}

// mapped is the physical address of va by the dump's map or the container's page
// table.
func (k *IllumosKernel) mapped(as, va uint64) (uint64, bool) {
	if k.dump != nil {
		if pfn, ok := k.dump.Lookup(as, va); ok {
			return pfn<<pageShift | va%pageSize, true
		}
	}
	if k.cr3 == nil || as != k.kas || !paging.Long4.Canonical(va) {
		return 0, false
	}
	pa, _, err := k.cr3.Translate(va)
	return pa, err == nil
}

// translate gives the physical address of va in an address space: from the dump's
// map, else from the page tables. Its errors are reasons.
func (k *IllumosKernel) translate(as, va uint64) (uint64, error) {
	if pa, ok := k.mapped(as, va); ok {
		return pa, nil
	}
	if as == 0 || !paging.Long4.Canonical(va) {
		return 0, mem.ErrUnmapped
	}
	t, err := k.hatTable(as)
	if err != nil {
		return 0, k.untranslated()
	}
	pa, _, err := t.Translate(va)
	if err != nil {
		return 0, k.untranslated()
	}
	return pa, nil
}

// DumpMapCut is an ability of a KernelDump.
type DumpMapCut interface {
	// MapCut tells that the end of its map is in the part of the file that is gone:
	// an address without a translation may have had one.
	MapCut() bool
}

// untranslated is why an address has no translation.
func (k *IllumosKernel) untranslated() error {
	if d, ok := k.dump.(DumpMapCut); ok && d.MapCut() {
		return mem.ErrTruncated
	}
	return mem.ErrUnmapped
}

// DumpInverse is an ability of a KernelDump: the pages of its map by frame.
type DumpInverse interface {
	// VirtualPages gives every (as, va) that the map has for the frame, until yield
	// returns false.
	VirtualPages(pfn uint64, yield func(as, va uint64) bool)
}

// VirtualAddresses implements core.Inverse: where a physical address is mapped, by
// the dump's map and in segkpm, which maps all memory.
func (k *IllumosKernel) VirtualAddresses(pa uint64, yield func(as, va uint64) bool) {
	if d, ok := k.dump.(DumpInverse); ok {
		more := true
		d.VirtualPages(pa>>pageShift, func(as, va uint64) bool {
			more = yield(as, va|pa%pageSize)
			return more
		})
		if !more {
			return
		}
	}
	base, err := k.global("kpm_vbase", 8)
	if err != nil || base == 0 {
		return
	}
	if back, err := k.translate(k.kas, base+pa); err == nil && back == pa {
		yield(k.kas, base+pa)
	}
}
