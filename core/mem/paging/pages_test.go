package paging

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
)

func TestPagesGiveWhatIsMapped(t *testing.T) {
	type large struct {
		va, pa uint64
		up     int
	}
	tests := []struct {
		mode  Mode
		pages []uint64 // of 4K
		large []large
		want  []mem.Mapping
	}{
		{Bits32PSE, []uint64{0x1000, 0x2000, 0xfffff000}, []large{{0x400000, 0x800000, 1}},
			[]mem.Mapping{{Base: 0x1000, Size: 0x2000}, {Base: 0x400000, Size: 4 << 20}, {Base: 0xfffff000, Size: 4096}}},
		{PAE, []uint64{0x1ff000, 0xfffff000}, []large{{0x200000, 0x800000, 1}},
			[]mem.Mapping{{Base: 0x1ff000, Size: 2<<20 + 4096}, {Base: 0xfffff000, Size: 4096}}},
		{Long4, []uint64{0x7ffffffff000, 0xffff800000000000, 0xfffffffffffff000}, []large{{0x40000000, 0x80000000, 2}, {0x80000000, 0x200000, 1}},
			[]mem.Mapping{{Base: 0x40000000, Size: 1<<30 + 2<<20}, {Base: 0x7ffffffff000, Size: 4096}, {Base: 0xffff800000000000, Size: 4096}, {Base: 0xfffffffffffff000, Size: 4096}}},
		{Long5, []uint64{0xfffffffffff000, 0xff00000000000000}, []large{{1 << 50, 0, 2}},
			[]mem.Mapping{{Base: 1 << 50, Size: 1 << 30}, {Base: 0xfffffffffff000, Size: 4096}, {Base: 0xff00000000000000, Size: 4096}}},
	}
	for _, tt := range tests {
		t.Run(tt.mode.String(), func(t *testing.T) {
			r := newRAM()
			b := newBuilder(r, tt.mode)
			for _, va := range tt.pages {
				b.mapPage(va, r.alloc(), Writable|User)
			}
			for _, l := range tt.large {
				b.mapLarge(l.va, l.pa, Writable|User, l.up)
			}
			for i := range tt.want {
				tt.want[i].Prot = mem.ProtRead | mem.ProtWrite | mem.ProtExec
			}
			tbl := New(r, tt.mode, b.root, Options{})
			if d := cmp.Diff(tt.want, tbl.Mappings()); d != "" {
				t.Error(d)
			}
			for tr, err := range tbl.Pages(0, ^uint64(0)) {
				if err != nil {
					t.Fatal(err)
				}
				if pa, size, err := tbl.Translate(tr.VA); pa != tr.PA || size != tr.PageSize || err != nil {
					t.Errorf("page %#x at %#x; Translate gives %#x, %#x, %v", tr.VA, tr.PA, pa, size, err)
				}
			}
		})
	}
}

func TestPagesBetween(t *testing.T) {
	r := newRAM()
	b := newBuilder(r, Long4)
	for i := range uint64(10) {
		b.mapPage(0xffffffff_80000000+i<<12, r.alloc(), 0)
		b.mapPage(i<<30, r.alloc(), 0)
	}
	var got []uint64
	for tr, err := range New(r, Long4, b.root, Options{}).Pages(0xffffffff_80002fff, 0xffffffff_80004000) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, tr.VA)
	}
	if d := cmp.Diff([]uint64{0xffffffff_80002000, 0xffffffff_80003000, 0xffffffff_80004000}, got); d != "" {
		t.Error(d)
	}
}

// TestPagesOfLoops scans tables that refer to themselves and to one another.
func TestPagesOfLoops(t *testing.T) {
	t.Run("self map", func(t *testing.T) {
		r := newRAM()
		b := newBuilder(r, Long4)
		b.mapPage(0x1000, r.alloc(), Writable)
		r.put(b.root+8*0x1ed, 8, b.root|7)
		tbl := New(r, Long4, b.root, Options{})
		loops, pages := 0, 0
		for _, err := range tbl.Pages(0, ^uint64(0)) {
			if err == nil {
				pages++
			} else if errors.Is(err, ErrLoop) {
				loops++
			}
		}
		if loops != 1 || pages != 1 {
			t.Errorf("%d loops and %d pages, want one each", loops, pages)
		}
		// Through the self map the tables themselves are read, as on the processor.
		va := uint64(0xffff000000000000) | 0x1ed<<39 | 0x1ed<<30 | 0x1ed<<21 | 0x1ed<<12
		if pa, _, err := tbl.Translate(va); err != nil || pa != b.root {
			t.Errorf("Translate(%#x) = %#x, %v, want the root %#x", va, pa, err, b.root)
		}
	})
	t.Run("all to all", func(t *testing.T) {
		r := newRAM()
		var tables [5]uint64
		for i := range tables {
			tables[i] = r.alloc()
		}
		for _, tab := range tables {
			for i := range uint64(512) {
				r.put(tab+8*i, 8, tables[i%5]|7)
			}
		}
		var last error
		n := 0
		for _, err := range New(r, Long5, tables[0], Options{MaxTables: 1000}).Pages(0, ^uint64(0)) {
			if n++; err != nil {
				last = err
			}
		}
		if !errors.Is(last, ErrTooMany) || n > 1000*513 {
			t.Errorf("%d results, the last error %v", n, last)
		}
	})
}

func TestPagesTellWhatIsAbsent(t *testing.T) {
	r := newRAM()
	b := newBuilder(r, Long4)
	b.mapPage(0x1000, 0x5000, 0)
	b.mapPage(3<<30, 0x6000, 0)
	pdpt := r.pages[b.root>>12]
	table := binary.LittleEndian.Uint64(pdpt) &^ 0xfff
	r.put(table+8, 8, 0x77_0000_0000|7) // 1G to 2G: a table that is not there
	var vas []uint64
	var errs []string
	for tr, err := range New(r, Long4, b.root, Options{}).Pages(0, ^uint64(0)) {
		if err != nil {
			errs = append(errs, err.Error())
			continue
		}
		vas = append(vas, tr.VA)
	}
	if d := cmp.Diff([]uint64{0x1000, 3 << 30}, vas); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"0x40000000: not in the dump: never dumped (level 2 entry at physical 0x7700000000)"}, errs); d != "" {
		t.Error(d)
	}
}

// FuzzWalk makes tables of arbitrary bytes in a small memory, so that entries lead to
// one another, and holds Walk, Space and Pages against each other.
func FuzzWalk(f *testing.F) {
	f.Add([]byte{1, 0x10, 0, 0, 0, 0, 0, 0}, byte(Long4), uint64(0x1000), uint64(0x1234))
	f.Add([]byte{7, 0, 0, 0, 0, 0, 0, 0, 0x81}, byte(PAE), uint64(0), uint64(0xc0000000))
	f.Add([]byte{0xe7, 0x10, 0x20, 0}, byte(Bits32PSE), uint64(0x2fff), uint64(0xffffffff))
	f.Add([]byte{}, byte(None), uint64(0), uint64(1<<32))
	f.Add([]byte{3, 0x20, 0, 0, 0, 0, 0, 0, 3, 0x10}, byte(Long5), uint64(1<<63), uint64(1<<63))
	f.Fuzz(func(t *testing.T, data []byte, m byte, root, va uint64) {
		r := newRAM()
		for i := range uint64(8) {
			pg := make([]byte, 4096)
			for j := range pg {
				if len(data) > 0 {
					pg[j] = data[(int(i)*13+j)%len(data)]
				}
			}
			r.pages[i] = pg
		}
		tbl := New(r, Mode(m), root, Options{MaxTables: 50})
		way, tr, err := tbl.Walk(va)
		if len(way) > 5 {
			t.Fatalf("%d levels", len(way))
		}
		s := tbl.Space(4)
		b := make([]byte, 64)
		n, rerr := s.ReadAt(b, mem.Addr(va))
		if n < len(b) && rerr == nil {
			t.Fatalf("short read without an error")
		}
		if n > 0 && err != nil {
			t.Fatalf("%d bytes read where Walk says %v", n, err)
		}
		if err == nil {
			if v, verr := r.ReadAt(make([]byte, 1), mem.Addr(tr.PA)); (v == 1) != (n > 0) {
				t.Fatalf("physical read %d, %v; virtual %d, %v", v, verr, n, rerr)
			}
		}
		for p, perr := range tbl.Pages(va, va+1<<21) {
			if perr != nil {
				continue
			}
			if q, size, err := tbl.Translate(p.VA); err != nil || q != p.PA || size != p.PageSize {
				t.Fatalf("page %+v; Translate %#x %#x %v", p, q, size, err)
			}
		}
	})
}

// benchSpace is 64 MB of virtual memory in pages that are scattered.
func benchSpace(phys func(*ram) mem.Space) *Space {
	r := newRAM()
	b := newBuilder(r, Long4)
	const n = 64 << 20 >> 12
	for i := range uint64(n) {
		b.mapPage(0xffff_c000_0000_0000+i<<12, r.alloc(), Writable)
	}
	return New(phys(r), Long4, b.root, Options{}).Space(DefaultPages)
}

func BenchmarkRead8(b *testing.B) {
	s := benchSpace(func(r *ram) mem.Space { return r })
	var sum uint64
	a := mem.Addr(0xffff_c000_0000_0000)
	i := mem.Addr(0)
	b.ReportAllocs()
	for b.Loop() {
		v, _ := mem.ReadUint(s, a+i, 8, binary.LittleEndian)
		sum += v
		i = (i + 264) & (8<<20 - 8) // 2048 pages: they stay remembered
	}
	_ = sum
}

func BenchmarkTranslate(b *testing.B) {
	t := benchSpace(func(r *ram) mem.Space { return r }).Table()
	a, i := uint64(0xffff_c000_0000_0000), uint64(0)
	for b.Loop() {
		if _, _, err := t.Translate(a + i); err != nil {
			b.Fatal(err)
		}
		i = (i + 4104) & (64<<20 - 1)
	}
}

// BenchmarkBulk reads 1 MB at a time through pages of 2 MB out of a flat memory.
func BenchmarkBulk(b *testing.B) {
	r := newRAM()
	bl := newBuilder(r, Long4)
	for i := range uint64(32) {
		bl.mapLarge(0xffff_c000_0000_0000+i<<21, 1<<32+i<<21, Writable, 1)
	}
	s := New(both{r, make([]byte, 64<<20)}, Long4, bl.root, Options{}).Space(DefaultPages)
	p := make([]byte, 1<<20)
	b.SetBytes(int64(len(p)))
	i := mem.Addr(0)
	for b.Loop() {
		if err := mem.ReadFull(s, p, 0xffff_c000_0000_0000+i); err != nil {
			b.Fatal(err)
		}
		i = (i + 1<<20) & (64<<20 - 1)
	}
}

// both is a ram with flat memory from 4 GB.
type both struct {
	*ram
	flat []byte
}

func (m both) ReadAt(p []byte, a mem.Addr) (int, error) {
	if a >= 1<<32 {
		return copy(p, m.flat[a-1<<32:]), nil
	}
	return m.ram.ReadAt(p, a)
}
