package linuxdump

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/fixtures"
)

// look reads what a dump has, as a kernel's finder does, and checks that nothing
// contradicts itself.
func look(t testing.TB, x *Target) {
	var b strings.Builder
	p := out.New(&b, nil)
	x.Status(p)
	x.Processors()
	spaces := []mem.Space{x.Physical()}
	if v := x.KernelVirtual(); v != nil {
		spaces = append(spaces, v)
		v.(mem.Mapper).Mappings()
	}
	var at []mem.Addr
	last := mem.Addr(0)
	for i, m := range x.PhysicalRanges() {
		if m.Size == 0 || i > 0 && m.Base < last || m.End() < m.Base && m.End() != 0 {
			t.Errorf("range %d is %v of %#x bytes, after %v", i, m.Base, m.Size, last)
		}
		if last = m.End(); i < 50 {
			at = append(at, m.Base, m.End()-1, m.Base+mem.Addr(m.Size/2))
		}
	}
	for a := mem.Addr(0); a < 1<<23; a += 211111 {
		at = append(at, a)
	}
	at = append(at, 1<<32, 0xfffc0000, 1<<52, ^mem.Addr(0)-100, 0xffff888000000000, 0xffffffff81000000)
	buf := make([]byte, 5000)
	for _, s := range spaces {
		for _, a := range at {
			n, err := s.ReadAt(buf, a)
			if n < 0 || n > len(buf) || (n < len(buf)) != (err != nil) {
				t.Errorf("read at %v: %d bytes, %v", a, n, err)
			}
			if v := s.(mem.Viewer).View(a, 8); v != nil && n >= 8 && !bytes.Equal(v, buf[:8]) {
				t.Errorf("at %v another view than what is read", a)
			}
		}
		many := make([]byte, 300<<10)
		if n, err := s.ReadAt(many, 0x1800); (n < len(many)) != (err != nil) {
			t.Errorf("read of many pages: %d, %v", n, err)
		}
	}
}

// subjects are small dumps of every kind.
func subjects(t testing.TB) map[string][]byte {
	small := sample(pageLZO)
	small.pages, small.hole = 600, [2]uint64{200, 250}
	all := map[string][]byte{
		"QEMU":   qemuDump().file(),
		"xnum":   (&elfSpec{word: 8, machine: 62, xnum: true, notes: testNotes(1, true), loads: qemuDump().loads, size: 0x21000}).file(),
		"32-bit": (&elfSpec{word: 4, machine: 3, notes: testNotes(1, true), loads: qemuDump().loads, size: 0x21000}).file(),
		"LiME":   append(limeRange(0x1000, 0x1fff, make([]byte, 0x1000)), limeRange(0x100000000, 0x100001fff, make([]byte, 0x2000))...),
		"kdump":  small.files(t)[0],
		"flat":   flatten(small.files(t)[0], 1000, true),
	}
	split := small
	split.parts = []uint64{300, 600}
	all["split"] = split.files(t)[0]
	old := small
	old.word, old.machine, old.version, old.codec = 4, "i686", 5, pageZstd
	all["kdump of 32 bits"] = old.files(t)[0]
	return all
}

// TestMutations damages dumps in every way: each opens, or says why not, and what is
// read of it is never at odds with itself.
func TestMutations(t *testing.T) {
	for name, b := range subjects(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opened := 0
			for m := range fixtures.Mutations(6, bytes.NewReader(b), int64(len(b))) {
				func() {
					defer func() {
						if r := recover(); r != nil {
							t.Fatalf("mutation %d (%s): %v", m.Index, m.What, r)
						}
					}()
					start := time.Now()
					Probe(m, m.Size)
					x, err := OpenAt(context.Background(), "dump", m, m.Size, Options{})
					if err == nil {
						opened++
						look(t, x)
					}
					if d := time.Since(start); d > time.Minute {
						t.Errorf("mutation %d (%s) took %v", m.Index, m.What, d)
					}
					if t.Failed() {
						t.Fatalf("mutation %d (%s)", m.Index, m.What)
					}
				}()
			}
			if opened < fixtures.MutationCount/10 {
				t.Errorf("only %d of %d open", opened, fixtures.MutationCount)
			}
		})
	}
}

// TestKdumpCut cuts kdump files, flattened and not: pages that are there are right, the
// others are missing, and it is told.
func TestKdumpCut(t *testing.T) {
	s := sample(pageSnappy)
	s.pages, s.hole, s.level = 600, [2]uint64{200, 250}, 31
	plain := s.files(t)[0]
	for _, whole := range [][]byte{plain, flatten(plain, 4096, false)} {
		seen := 0
		for n := 0; n < len(whole); n += 1 + len(whole)/150 {
			x, err := OpenAt(context.Background(), "cut", bytes.NewReader(whole[:n]), int64(n), Options{})
			if err != nil {
				continue
			}
			if len(x.Warnings()) == 0 {
				t.Errorf("cut to %d of %d: no word about it", n, len(whole))
			}
			b := make([]byte, s.block)
			for pfn := range s.pages {
				if _, err := x.Physical().ReadAt(b, mem.Addr(pfn*s.block)); err == nil {
					seen++
					if !bytes.Equal(b, s.pageOf(pfn)) {
						t.Fatalf("cut to %d: page %d is another", n, pfn)
					}
				} else if why := mem.Reason(err); why != mem.ErrTruncated && why != s.why(pfn) {
					t.Fatalf("cut to %d: page %d: %v", n, pfn, err)
				}
			}
		}
		if seen < 1000 {
			t.Errorf("only %d pages were read of all that were cut", seen)
		}
	}
}

// TestIncomplete has a dump that ran out of room: its last pages have no place.
func TestIncomplete(t *testing.T) {
	s := sample(pageZlib)
	s.status |= statusPartial
	b := s.files(t)[0]
	h, err := readKdumpHeader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for pfn := range s.pages {
		if s.isDumped(pfn) {
			if pfn >= 1500 {
				clear(b[h.descriptors+uint64(n)*descriptorSize:][:descriptorSize])
			}
			n++
		}
	}
	x := openBytes(t, b)
	if w := strings.Join(x.Warnings(), "\n"); !strings.Contains(w, "incomplete") || !strings.Contains(w, fmt.Sprintf(" of %d pages are missing", n)) {
		t.Errorf("warnings: %s", w)
	}
	if _, err := x.Physical().ReadAt(make([]byte, 8), 1501*4096); mem.Reason(err) != mem.ErrNotDumped {
		t.Errorf("a page without a place: %v", err)
	}
	if err := mem.ReadFull(x.Physical(), make([]byte, 8), 99*4096); err != nil {
		t.Errorf("one with a place: %v", err)
	}
}

// TestCancel ends opening with its context.
func TestCancel(t *testing.T) {
	for name, b := range subjects(t) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := OpenAt(ctx, "dump", bytes.NewReader(b), int64(len(b)), Options{}); err != context.Canceled {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, b := range subjects(f) {
		f.Add(b[:min(len(b), 40000)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		Probe(bytes.NewReader(b), int64(len(b)))
		if x, err := OpenAt(ctx, "dump", bytes.NewReader(b), int64(len(b)), Options{}); err == nil {
			look(t, x)
		}
	})
}

// FuzzFlattened compares a flattened file with what writing its records one after the
// other makes, and its index with itself.
func FuzzFlattened(f *testing.F) {
	f.Add(flatten([]byte("some text that is flattened, in records that lie anywhere"), 7, true))
	f.Add(flatten(make([]byte, 3000), 100, false))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := part{"f", bytes.NewReader(b), uint64(len(b))}
		if !isFlattened(headOf(p.r)) {
			return
		}
		x := &Target{}
		q, err := x.openFlattened(context.Background(), p)
		if err != nil || q.size > 1<<20 {
			return
		}
		runs, ended, _, err := flatRecords(context.Background(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, there := make([]byte, q.size), make([]bool, q.size)
		for _, r := range runs {
			copy(want[r.off:], b[r.at:r.at+r.n])
			for i := range r.n {
				there[r.off+i] = true
			}
		}
		got := make([]byte, q.size)
		for i := range got {
			n, err := q.r.ReadAt(got[i:i+1], int64(i))
			if (n == 1 && (err == nil || err == io.EOF)) != (there[i] || ended) {
				t.Fatalf("byte %d: %d, %v", i, n, err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatal("other bytes")
		}
		flat := q.r.(*flattened)
		if back := decodeFlat(flat.encode(), p); back == nil || len(back.runs) != len(flat.runs) || back.ended != flat.ended {
			t.Error("the index does not come back")
		}
	})
}

// FuzzFlatIndex: whatever the cache gives.
func FuzzFlatIndex(f *testing.F) {
	b := flatten(make([]byte, 3000), 100, false)
	x := &Target{}
	p := part{"f", bytes.NewReader(b), uint64(len(b))}
	q, err := x.openFlattened(context.Background(), p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(q.r.(*flattened).encode())
	f.Fuzz(func(t *testing.T, enc []byte) {
		flat := decodeFlat(enc, p)
		if flat == nil {
			return
		}
		if n := len(flat.runs); n > 0 {
			flat.size = flat.runs[n-1].off + flat.runs[n-1].n
		}
		buf := make([]byte, 500)
		for off := int64(0); off < 5000; off += 333 {
			if n, err := flat.ReadAt(buf, off); n < len(buf) && err == nil {
				t.Errorf("%d bytes at %d without an error", n, off)
			}
		}
	})
}

// FuzzPage: a page of any codec.
func FuzzPage(f *testing.F) {
	s := sample(0)
	for _, codec := range []uint32{pageZlib, pageLZO, pageSnappy, pageZstd} {
		f.Add(compressPage(f, s.pageOf(3), codec), codec)
	}
	f.Fuzz(func(t *testing.T, src []byte, flags uint32) {
		page := make([]byte, 4096)
		_ = decompress(page, src, flags)
	})
}
