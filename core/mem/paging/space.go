package paging

import (
	"errors"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/mem"
)

// Geometry of what a Space remembers.
const (
	pageShift = 12
	pageSize  = 1 << pageShift

	// DefaultPages serves a kernel's space.
	DefaultPages = 4096
	// bulk is from where on a read goes past the remembered pages.
	bulk = 4 * pageSize
)

// Space is the virtual memory that a Table makes.
//
// Pages that were read are remembered, as slices of the physical memory where that can
// be viewed and as copies where it cannot, until Flush.
type Space struct {
	t     *Table
	slots []atomic.Pointer[page]
	mask  uint64
}

// page is a page of 4 KB: data is all of it.
type page struct {
	number uint64 // va >> pageShift
	data   []byte
}

// Space is the virtual memory, remembering up to cachePages pages of 4 KB (rounded up
// to a power of two; 0 is DefaultPages).
func (t *Table) Space(cachePages int) *Space {
	if cachePages <= 0 {
		cachePages = DefaultPages
	}
	n := 1
	for n < cachePages {
		n *= 2
	}
	return &Space{t: t, slots: make([]atomic.Pointer[page], n), mask: uint64(n - 1)}
}

// Table is the page table of the space.
func (s *Space) Table() *Table { return s.t }

// Flush forgets the remembered pages: memory or the table may have changed.
func (s *Space) Flush() {
	for i := range s.slots {
		s.slots[i].Store(nil)
	}
}

// get gives the page that holds va, or what there is of it, or why there is nothing.
func (s *Space) get(va uint64) ([]byte, error) {
	number := va >> pageShift
	slot := &s.slots[(number^number>>12)&s.mask]
	if p := slot.Load(); p != nil && p.number == number {
		return p.data, nil
	}
	pa, _, err := s.t.Translate(number << pageShift)
	if err != nil {
		return nil, fault(va, err)
	}
	var data []byte
	if v, ok := s.t.phys.(mem.Viewer); ok {
		data = v.View(mem.Addr(pa), pageSize)
	}
	if data == nil {
		data = make([]byte, pageSize)
		if n, err := s.t.phys.ReadAt(data, mem.Addr(pa)); n < pageSize {
			if uint64(n) > va%pageSize { // the page is cut behind va
				return data[:n], nil
			}
			return nil, fault(va, err)
		}
	}
	slot.Store(&page{number, data})
	return data, nil
}

// fault is a failed access. An address without a mapping has MDB's plain reason;
// where a table could not be read the reason tells that.
func fault(va uint64, err error) error {
	var e *Error
	switch {
	case err == nil, errors.Is(err, mem.ErrUnmapped):
		err = mem.ErrUnmapped
	case errors.As(err, &e):
		err = e.Err
	default:
		err = mem.Reason(err)
	}
	return mem.Fault(mem.Addr(va), err)
}

// ReadAt implements mem.Space.
func (s *Space) ReadAt(p []byte, a mem.Addr) (int, error) {
	done := 0
	for done < len(p) {
		at := uint64(a) + uint64(done)
		if at < uint64(a) { // past the top of the address space
			return done, mem.Fault(mem.Addr(at), mem.ErrUnmapped)
		}
		if len(p)-done >= bulk {
			n, err := s.readRun(p[done:], at)
			if done += n; err != nil {
				return done, err
			}
			continue
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

// readRun reads pages that follow one another in physical memory too, at least one.
func (s *Space) readRun(p []byte, va uint64) (int, error) {
	pa, size, err := s.t.Translate(va)
	if err != nil {
		return 0, fault(va, err)
	}
	n := size - va%size
	for n < uint64(len(p)) && va+n > va {
		next, size, err := s.t.Translate(va + n)
		if err != nil || next != pa+n {
			break
		}
		n += size
	}
	n = min(n, uint64(len(p)))
	got, err := s.t.phys.ReadAt(p[:n], mem.Addr(pa))
	if uint64(got) < n {
		return got, fault(va+uint64(got), err)
	}
	return got, nil
}

// View implements mem.Viewer.
func (s *Space) View(a mem.Addr, n int) []byte {
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

// WriteAt implements mem.Writer where the physical memory does.
func (s *Space) WriteAt(p []byte, a mem.Addr) (int, error) {
	w, ok := s.t.phys.(mem.Writer)
	if !ok {
		return 0, mem.Fault(a, mem.ErrReadOnly)
	}
	done := 0
	for done < len(p) {
		at := uint64(a) + uint64(done)
		pa, _, err := s.t.Translate(at)
		if err != nil || at < uint64(a) {
			return done, fault(at, err)
		}
		n := min(len(p)-done, int(pageSize-at%pageSize))
		number := at >> pageShift
		got, err := w.WriteAt(p[done:done+n], mem.Addr(pa))
		s.slots[(number^number>>12)&s.mask].Store(nil)
		if done += got; got < n {
			return done, fault(at+uint64(got), err)
		}
	}
	return done, nil
}
