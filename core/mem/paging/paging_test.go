package paging

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
)

// ram is physical memory by pages; one that was never written is not there.
type ram struct {
	pages map[uint64][]byte
	next  uint64 // the page that alloc gives next
}

func newRAM() *ram { return &ram{pages: map[uint64][]byte{}, next: 0x10000} }

func (r *ram) ReadAt(p []byte, a mem.Addr) (int, error) {
	done := 0
	for done < len(p) {
		at := uint64(a) + uint64(done)
		pg := r.pages[at>>12]
		if pg == nil {
			return done, mem.Fault(mem.Addr(at), mem.ErrNotDumped)
		}
		done += copy(p[done:], pg[at&0xfff:])
	}
	return done, nil
}

func (r *ram) View(a mem.Addr, n int) []byte {
	pg, off := r.pages[uint64(a)>>12], int(a&0xfff)
	if pg == nil || off+n > len(pg) {
		return nil
	}
	return pg[off : off+n]
}

func (r *ram) WriteAt(p []byte, a mem.Addr) (int, error) {
	for i, b := range p {
		at := uint64(a) + uint64(i)
		if r.pages[at>>12] == nil {
			r.pages[at>>12] = make([]byte, 4096)
		}
		r.pages[at>>12][at&0xfff] = b
	}
	return len(p), nil
}

func (r *ram) put(a uint64, size int, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	r.WriteAt(b[:size], mem.Addr(a))
}

// alloc gives a page of zeroes.
func (r *ram) alloc() uint64 {
	pa := r.next << 12
	r.next++
	r.pages[pa>>12] = make([]byte, 4096)
	return pa
}

// copies is memory that cannot be viewed.
type copies struct{ r *ram }

func (c copies) ReadAt(p []byte, a mem.Addr) (int, error) { return c.r.ReadAt(p, a) }

// entry of a hand-built table.
type entry struct {
	at   uint64
	size int
	v    uint64
}

func TestWalkByHand(t *testing.T) {
	const p = Present | Writable | User
	tests := []struct {
		name    string
		mode    Mode
		root    uint64
		opts    Options
		entries []entry
		va      uint64
		pa      uint64
		size    uint64
		prot    mem.Prot
		user    bool
		levels  []int
	}{
		{name: "none", mode: None, va: 0xfffff, pa: 0xfffff, size: 1 << 32, prot: 7, user: true},
		{name: "32-bit 4K", mode: Bits32, root: 0x1018,
			entries: []entry{{0x1000 + 4*0x300, 4, 0x2000 | p}, {0x2000 + 4*0x123, 4, 0xabcde000 | Present | User}},
			va:      0xc0123456, pa: 0xabcde456, size: 4096, prot: 5, user: true, levels: []int{2, 1}},
		{name: "32-bit without PSE ignores the large bit", mode: Bits32, root: 0x1000,
			entries: []entry{{0x1000, 4, 0x2000 | p | Large}, {0x2004, 4, 0x9000 | p}},
			va:      0x1008, pa: 0x9008, size: 4096, prot: 7, user: true, levels: []int{2, 1}},
		{name: "32-bit 4M", mode: Bits32PSE, root: 0x1000,
			entries: []entry{{0x1004, 4, 0x00800000 | Present | Large}},
			va:      0x00412345, pa: 0x00812345, size: 4 << 20, prot: 5, levels: []int{2}},
		{name: "32-bit 4M PSE-36", mode: Bits32PSE, root: 0x1000,
			entries: []entry{{0x1004, 4, 0x00800000 | 0x5<<13 | p | Large}},
			va:      0x007fffff, pa: 0x5_00bfffff, size: 4 << 20, prot: 7, user: true, levels: []int{2}},
		{name: "PAE 4K", mode: PAE, root: 0x1020,
			entries: []entry{{0x1020 + 8*3, 8, 0x2000 | Present}, {0x2000 + 8*1, 8, 0x3000 | p}, {0x3000 + 8*2, 8, 0xf_ffff_f000 | p | NoExec}},
			va:      0xc0202abc, pa: 0xf_ffff_fabc, size: 4096, prot: 3, user: true, levels: []int{3, 2, 1}},
		{name: "PAE 2M", mode: PAE, root: 0x1000,
			entries: []entry{{0x1000, 8, 0x2000 | Present}, {0x2000 + 8*1, 8, 0x1_0020_0000 | p | Large}},
			va:      0x234567, pa: 0x1_0023_4567, size: 2 << 20, prot: 7, user: true, levels: []int{3, 2}},
		{name: "4-level 4K", mode: Long4, root: 1<<63 | 0x1fff, // PCID and no-flush bits
			entries: []entry{{0x1000 + 8*511, 8, 0x2000 | p}, {0x2000 + 8*510, 8, 0x3000 | p}, {0x3000 + 8*8, 8, 0x4000 | p}, {0x4000 + 8*1, 8, 0xf_0000_1234_5000 | Present | NoExec | 0x7f<<52}},
			va:      0xffffffff81001fff, pa: 0xf_0000_1234_5fff, size: 4096, prot: 1, levels: []int{4, 3, 2, 1}},
		{name: "4-level 2M", mode: Long4, root: 0x1000,
			entries: []entry{{0x1000 + 8*511, 8, 0x2000 | p}, {0x2000 + 8*510, 8, 0x3000 | p}, {0x3000 + 8*8, 8, 0x1_2340_0000 | p | Large | 1<<12}},
			va:      0xffffffff81001fff, pa: 0x1_2340_1fff, size: 2 << 20, prot: 7, user: true, levels: []int{4, 3, 2}},
		{name: "4-level 1G", mode: Long4, root: 0x1000,
			entries: []entry{{0x1000 + 8*256, 8, 0x2000 | p}, {0x2000 + 8*1, 8, 0x80_0000_0000 | p | Large}},
			va:      0xffff800041234567, pa: 0x80_0123_4567, size: 1 << 30, prot: 7, user: true, levels: []int{4, 3}},
		{name: "5-level 4K", mode: Long5, root: 0x1000,
			entries: []entry{{0x1000 + 8*272, 8, 0x2000 | p}, {0x2000, 8, 0x3000 | p}, {0x3000, 8, 0x4000 | p}, {0x4000, 8, 0x5000 | p}, {0x5000, 8, 0x6000 | p}},
			va:      0xff10000000000008, pa: 0x6008, size: 4096, prot: 7, user: true, levels: []int{5, 4, 3, 2, 1}},
		{name: "5-level 1G", mode: Long5, root: 0x1000,
			entries: []entry{{0x1000 + 8*1, 8, 0x2000 | p}, {0x2000, 8, 0x3000 | p}, {0x3000 + 8*2, 8, 0x4000_0000 | p | Large}},
			va:      1<<48 | 2<<30 | 0x77, pa: 0x4000_0077, size: 1 << 30, prot: 7, user: true, levels: []int{5, 4, 3}},
		{name: "encrypted", mode: Long4, root: 0x1000 | 1<<51, opts: Options{Encryption: 1 << 51},
			entries: []entry{{0x1000, 8, 0x2000 | p | 1<<51}, {0x2000, 8, 0x40000000 | p | Large | 1<<51}},
			va:      0x10, pa: 0x40000010, size: 1 << 30, prot: 7, user: true, levels: []int{4, 3}},
		{name: "physical width", mode: Long4, root: 0x1000, opts: Options{PhysBits: 40},
			entries: []entry{{0x1000, 8, 0x2000 | p}, {0x2000, 8, 0xff0040000000 | p | Large}},
			va:      0x10, pa: 0x40000010, size: 1 << 30, prot: 7, user: true, levels: []int{4, 3}},
		{name: "top out of memory", mode: Long4, opts: Options{Levels: 3, Top: []uint64{0, 0x40000000 | p | Large}},
			va: 1<<30 | 5, pa: 0x40000005, size: 1 << 30, prot: 7, user: true, levels: []int{3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRAM()
			for _, e := range tt.entries {
				r.put(e.at, e.size, e.v)
			}
			tbl := New(r, tt.mode, tt.root, tt.opts)
			way, tr, err := tbl.Walk(tt.va)
			if err != nil {
				t.Fatal(err)
			}
			if tr.PA != tt.pa || tr.PageSize != tt.size || tr.Prot != tt.prot || tr.User != tt.user || tr.VA != tt.va {
				t.Errorf("Walk(%#x) = %+v, want PA %#x size %#x prot %d user %v", tt.va, tr, tt.pa, tt.size, tt.prot, tt.user)
			}
			if len(way) != len(tt.levels) {
				t.Fatalf("%d levels, want %v", len(way), tt.levels)
			}
			for i, e := range way {
				if e.Level != tt.levels[i] {
					t.Errorf("entry %d is of level %d, want %d", i, e.Level, tt.levels[i])
				}
				if len(tt.entries) > 0 && (e.Addr(tt.mode) != tt.entries[i].at || e.Raw != tt.entries[i].v) {
					t.Errorf("entry %d: %#x at %#x, want %#x at %#x", i, e.Raw, e.Addr(tt.mode), tt.entries[i].v, tt.entries[i].at)
				}
			}
			if pa, size, err := tbl.Translate(tt.va); pa != tt.pa || size != tt.size || err != nil {
				t.Errorf("Translate = %#x, %#x, %v", pa, size, err)
			}
		})
	}
}

func TestWalkFails(t *testing.T) {
	const p = Present | Writable | User
	r := newRAM()
	r.put(0x1000, 8, 0x2000|p)
	r.put(0x2000, 8, 0x3000|p)
	r.put(0x2008, 8, 0x99_0000_0000|p) // to a table that is not there
	r.put(0x3000, 8, 0x4000|p)
	r.put(0x4000, 8, 0x4000)
	r.put(0x1008, 8, 0x2000|p|Large) // a page of 512G
	tests := []struct {
		name  string
		mode  Mode
		va    uint64
		level int
		entry uint64
		err   error
	}{
		{"not present", Long4, 0, 1, 0x4000, mem.ErrUnmapped},
		{"table absent", Long4, 1 << 30, 2, 0x99_0000_0000, mem.ErrNotDumped},
		{"reserved", Long4, 1 << 39, 4, 0x1008, ErrReserved},
		{"top half absent", Long4, 0xffff_8000_0000_0000, 4, 0x1800, mem.ErrUnmapped},
		{"hole", Long4, 0x8000_0000_0000, 0, 0, ErrNonCanonical},
		{"hole of 5", Long5, 1 << 56, 0, 0, ErrNonCanonical},
		{"wide for 32 bits", Bits32, 1 << 32, 0, 0, ErrNonCanonical},
		{"wide for PAE", PAE, 0xffffffff_80000000, 0, 0, mem.ErrUnmapped},
		{"wide without paging", None, 1 << 32, 0, 0, mem.ErrUnmapped},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := New(r, tt.mode, 0x1000, Options{}).Walk(tt.va)
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if e.Level != tt.level || e.Entry != tt.entry || e.VA != tt.va {
				t.Errorf("error %+v, want level %d at %#x", e, tt.level, tt.entry)
			}
		})
	}
}

func TestModeOf(t *testing.T) {
	tests := []struct {
		cr0, cr4, efer uint64
		want           Mode
	}{
		{0x60000010, 0, 0, None},
		{CR0PE, CR4PAE, EFERLME, None},
		{CR0PE | CR0PG, 0, 0, Bits32},
		{CR0PE | CR0PG, CR4PSE, 0, Bits32PSE},
		{CR0PE | CR0PG, CR4PAE, 0, PAE},
		{CR0PE | CR0PG, CR4PAE | CR4PSE, EFERLMA | EFERLME, Long4},
		{CR0PE | CR0PG, CR4PAE | CR4LA57, EFERLMA | EFERLME, Long5},
		{CR0PE | CR0PG, CR4PAE | CR4LA57, 0, PAE},
	}
	for _, tt := range tests {
		if got := ModeOf(tt.cr0, tt.cr4, tt.efer); got != tt.want {
			t.Errorf("ModeOf(%#x, %#x, %#x) = %v, want %v", tt.cr0, tt.cr4, tt.efer, got, tt.want)
		}
		if got := ModeOf(tt.want.Registers()); got != tt.want {
			t.Errorf("registers of %v select %v", tt.want, got)
		}
	}
}

func TestSpaceReads(t *testing.T) {
	r := newRAM()
	b := newBuilder(r, Long4)
	text := noise(3*4096 + 100)
	for i := 0; i < len(text); i += 4096 {
		pa := r.alloc()
		copy(r.pages[pa>>12], text[i:min(i+4096, len(text))])
		r.next++ // so that pages are not contiguous
		b.mapPage(0xffff_8000_0000_0000+uint64(i), pa, Writable)
	}
	for _, phys := range []mem.Space{r, copies{r}} {
		s := New(phys, Long4, b.root, Options{}).Space(16)
		got := make([]byte, len(text))
		if err := mem.ReadFull(s, got, 0xffff_8000_0000_0000); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("bulk read: %v", err)
		}
		for i := 0; i+8 <= len(text); i += 5 {
			v, err := mem.ReadUint(s, 0xffff_8000_0000_0000+mem.Addr(i), 8, binary.LittleEndian)
			if want := binary.LittleEndian.Uint64(text[i:]); err != nil || v != want {
				t.Fatalf("read at %d: %#x, %v, want %#x", i, v, err, want)
			}
		}
		n, err := s.ReadAt(make([]byte, 5*4096), 0xffff_8000_0000_0ffc)
		var e *mem.Error
		if n != 3*4096+4 || !errors.As(err, &e) || e.Addr != 0xffff_8000_0000_4000 || e.Err != mem.ErrUnmapped {
			t.Errorf("read over the end: %d, %v", n, err)
		}
		if n, err := s.ReadAt(make([]byte, 8), ^mem.Addr(0)-3); n != 0 || !errors.Is(err, mem.ErrUnmapped) {
			t.Errorf("read at the top: %d, %v", n, err)
		}
		if v := s.View(0xffff_8000_0000_0ffc, 8); v != nil {
			t.Errorf("view over a page: %x", v)
		}
	}
}

func TestSpaceFlush(t *testing.T) {
	r := newRAM()
	b := newBuilder(r, PAE)
	one, two := r.alloc(), r.alloc()
	r.put(one, 8, 1)
	r.put(two, 8, 2)
	b.mapPage(0x1000, one, Writable)
	s := New(r, PAE, b.root, Options{}).Space(0)
	read := func() uint64 {
		v, err := mem.ReadUint(s, 0x1000, 8, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := read(); v != 1 {
		t.Fatalf("read %d, want 1", v)
	}
	b.mapPage(0x1000, two, Writable)
	s.Flush()
	if v := read(); v != 2 {
		t.Errorf("after Flush %d, want 2", v)
	}
	if _, err := s.WriteAt([]byte{9}, 0x1000); err != nil || read() != 9 {
		t.Errorf("after a write %d, %v", read(), err)
	}
}
