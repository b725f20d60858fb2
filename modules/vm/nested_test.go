package vm

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
)

// pages is memory by page.
type pages map[uint64][]byte

func (m pages) ReadAt(p []byte, a mem.Addr) (int, error) {
	for n := range p {
		at := uint64(a) + uint64(n)
		b := m[at&^(pageSize-1)]
		if b == nil {
			return n, mem.Fault(mem.Addr(at), mem.ErrNotDumped)
		}
		p[n] = b[at%pageSize]
	}
	return len(p), nil
}

// entries makes a table.
func entries(list map[int]uint64) []byte {
	b := make([]byte, pageSize)
	for i, e := range list {
		binary.LittleEndian.PutUint64(b[8*i:], e)
	}
	return b
}

// TestNestedTables walks tables with pages of all sizes, both formats, loops and tables
// that are not there.
func TestNestedTables(t *testing.T) {
	for name, bits := range map[string]struct{ valid, table, page uint64 }{
		"EPT": {eptAccess, 7, 7 | 6<<3}, "RVI": {rviPresent, 0x27, 0x27}, "EPT, execute only": {eptAccess, 7, 4},
	} {
		t.Run(name, func(t *testing.T) {
			phys := pages{
				0x2000: entries(map[int]uint64{0: 0x3000 | bits.table, 1: 0x40000000 | entryLarge | bits.page, 2: 0x2000 | bits.table}),
				0x3000: entries(map[int]uint64{0: 0x4000 | bits.table, 1: 0x200000 | entryLarge | bits.page | 1<<63, 2: 0x9000 | bits.table}),
				0x4000: entries(map[int]uint64{0: 0x5000 | bits.page, 1: 0x6000 | bits.page}),
			}
			s := &nestedSpace{virt: pages{0xfffffe0000000000: entries(map[int]uint64{0: 0x2000 | bits.table, 1: entryLarge | bits.page})}, phys: phys,
				root: 0xfffffe0000000000, levels: tableLevels, valid: bits.valid}
			for _, c := range []struct {
				gpa, pa, n uint64
				fails      string
			}{
				{0, 0x5000, 0x1000, ""}, {0x1ff8, 0x6ff8, 8, ""}, {0x200123, 0x200123, 0x1ffedd, ""}, {0x40000000 + 0x12345678, 0x52345678, 0x40000000 - 0x12345678, ""},
				{0x2000, 0, 0, errNotTouched.Error()}, {0x400000, 0, 0, "nested page table at 9000 cannot be read"},
				{0x80000000, 0x4000, 0x1000, ""}, // the table is the one below itself, and that of 3000 below it has the page
				{1 << 39, 0, 0, "damaged"}, {1 << 48, 0, 0, "no mapping"}, {^uint64(0), 0, 0, "no mapping"},
			} {
				pa, n, err := s.Translate(c.gpa)
				switch {
				case c.fails == "" && (err != nil || pa != c.pa || n != c.n):
					t.Errorf("%#x: %#x %#x %v, want %#x %#x", c.gpa, pa, n, err, c.pa, c.n)
				case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
					t.Errorf("%#x: %#x %v, want %s", c.gpa, pa, err, c.fails)
				}
			}
			// Two pages that follow one another for the guest; the second is not there.
			phys[0x5000] = make([]byte, pageSize)
			n, err := s.ReadAt(make([]byte, 16), 0xff8)
			if n != 8 || !errors.Is(err, mem.ErrNotDumped) || !strings.Contains(err.Error(), "0x1000") {
				t.Errorf("into a page that is not there: %d, %v", n, err)
			}
		})
	}
}

// FuzzNested walks tables made of noise: it must end, and give pages that the address
// can lie in.
func FuzzNested(f *testing.F) {
	f.Add(uint64(0x12345000), uint64(0x2027), uint64(0x2027), uint64(0x20a7))
	f.Add(^uint64(0), ^uint64(0), uint64(0), uint64(7))
	f.Fuzz(func(t *testing.T, gpa, a, b, c uint64) {
		table := make([]byte, pageSize)
		for i := 0; i < pageSize; i += 8 {
			binary.LittleEndian.PutUint64(table[i:], []uint64{a, b, c}[i/8%3])
		}
		s := &nestedSpace{virt: pages{0: table}, phys: pages{0x2000: table, 0x3000: table}, levels: tableLevels, valid: eptAccess}
		pa, n, err := s.Translate(gpa)
		if err == nil && (n == 0 || n > 1<<30 || pa%pageSize != gpa%pageSize) {
			t.Errorf("%#x is %#x, %#x bytes", gpa, pa, n)
		}
	})
}
