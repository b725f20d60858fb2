package linuxdump

import (
	"os"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/holes"
	"github.com/xmdb/xmdb/core/system"
)

var _ system.PresentMemory = (*Target)(nil)

// PresentRanges implements system.PresentMemory: the parts of a file of nothing but
// memory that were ever written; nil where that is not told, not nil if there are none.
func (t *Target) PresentRanges() []mem.Mapping { return t.present }

// findPresent asks the file system.
func (t *Target) findPresent(f *os.File, pieces []piece) {
	t.present = []mem.Mapping{}
	for _, p := range pieces {
		for _, m := range holes.Extents(f, p.off, p.size) {
			m.Base += mem.Addr(p.base)
			t.present = append(t.present, m)
		}
	}
}
