package illumosdump

import (
	"errors"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
)

// physical is memory by physical address.
type physical struct{ t *Target }

// page gives the page of a frame.
func (s physical) page(pfn uint64) ([]byte, error) {
	i, ok := s.t.pfns.find(pfn)
	if !ok {
		return nil, s.t.absent()
	}
	return s.t.pages.page(i)
}

// absent is why a frame is not in the pfn table: the kernel left it out, or, where
// it leaves nothing out or could not write all, never came to write it.
func (t *Target) absent() error {
	switch {
	case t.pfns.n < t.h.Pages:
		return mem.ErrTruncated
	case t.h.Flags&system.DumpAll != 0 || t.h.Flags&system.DumpComplete == 0:
		return mem.ErrNotDumped
	}
	return mem.ErrFiltered
}

// View implements mem.Viewer.
func (s physical) View(a mem.Addr, n int) []byte {
	size := s.t.h.PageSize()
	off := uint64(a) & (size - 1)
	if n < 0 || off+uint64(n) > size {
		return nil
	}
	p, err := s.page(uint64(a) >> s.t.h.PageShift)
	if err != nil {
		return nil
	}
	return p[off : off+uint64(n) : off+uint64(n)]
}

// ReadAt implements mem.Space.
func (s physical) ReadAt(b []byte, a mem.Addr) (int, error) {
	size := s.t.h.PageSize()
	done := 0
	for done < len(b) {
		at := a + mem.Addr(done)
		if at < a {
			return done, mem.Fault(at, mem.ErrUnmapped)
		}
		p, err := s.page(uint64(at) >> s.t.h.PageShift)
		if err != nil {
			var fault *mem.Error
			if errors.As(err, &fault) {
				err = fault.Err
			}
			return done, mem.Fault(at, err)
		}
		done += copy(b[done:], p[uint64(at)&(size-1):])
	}
	return done, nil
}
