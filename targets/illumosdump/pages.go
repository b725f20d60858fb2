package illumosdump

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
)

// pages gives the pages of the data area by their place in the pfn table.
type pages interface {
	// page gives all bytes of page i, which are never changed; the error is a
	// reason of package mem or an errDamaged.
	page(i uint64) ([]byte, error)
	coverage() system.Coverage
	// spans lists the pages that are there, in order.
	spans() []span
}

// errDamaged is why a page that is there cannot be read.
var errDamaged = errors.New("data in the dump is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// rawPages are those of a vmcore.N: one after the other.
type rawPages struct {
	file  *mem.Cache
	data  uint64
	shift uint
	n     uint64 // by the header
	kept  uint64 // whole pages before the end of the file
	whole bool   // it ends with a page
}

func newRawPages(t *Target) *rawPages {
	r := &rawPages{file: t.file, data: t.h.data, shift: t.h.PageShift, n: t.h.Pages}
	if t.size > r.data {
		r.kept = min(r.n, (t.size-r.data)>>r.shift)
		r.whole = (t.size-r.data)%t.h.PageSize() == 0
	}
	return r
}

func (r *rawPages) page(i uint64) ([]byte, error) {
	if i >= r.kept {
		return nil, mem.ErrTruncated
	}
	at := mem.Addr(r.data + i<<r.shift)
	if b := r.file.View(at, 1<<r.shift); b != nil {
		return b, nil
	}
	b := make([]byte, 1<<r.shift) // in no one piece of the cache
	if err := mem.ReadFull(r.file, b, at); err != nil {
		return nil, mem.Reason(err)
	}
	return b, nil
}

func (r *rawPages) coverage() system.Coverage {
	return system.Coverage{Pages: r.n, Kept: r.kept, Cut: r.n - r.kept, Sparse: r.whole && r.kept < r.n}
}

func (r *rawPages) spans() []span { return []span{{n: r.kept}} }
