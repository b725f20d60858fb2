package linuxdump

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/store"
)

// openFiles opens files that are written for it.
func openFiles(t testing.TB, files ...[]byte) (*Target, error) {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, b := range files {
		path := filepath.Join(dir, "dump."+string(rune('1'+i)))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	x, err := Open(context.Background(), paths, Options{})
	if err == nil {
		t.Cleanup(func() { x.Close() })
	}
	return x, err
}

func openBytes(t testing.TB, b []byte) *Target {
	t.Helper()
	x, err := OpenAt(context.Background(), "dump", bytes.NewReader(b), int64(len(b)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// why gives what a read of a page has to say; nil if the page has to be there.
func (s *kdumpSpec) why(pfn uint64) error {
	switch {
	case !s.isRAM(pfn):
		return mem.ErrUnmapped
	case !s.isDumped(pfn):
		return mem.ErrFiltered
	}
	return nil
}

// checkPages compares every page with what the spec says.
func checkPages(t *testing.T, s *kdumpSpec, x *Target) {
	t.Helper()
	b := make([]byte, s.block)
	v := x.Physical().(mem.Viewer)
	for pfn := range s.pages + 10 {
		a := mem.Addr(pfn * s.block)
		n, err := x.Physical().ReadAt(b, a)
		if want := s.why(pfn); !errors.Is(err, want) || want != nil && n != 0 {
			t.Fatalf("page %d: %v, want %v", pfn, err, want)
		}
		if err != nil {
			if v.View(a, 8) != nil {
				t.Fatalf("page %d: a view of what is not there", pfn)
			}
			continue
		}
		if !bytes.Equal(b, s.pageOf(pfn)) {
			t.Fatalf("page %d is another", pfn)
		}
		if !bytes.Equal(v.View(a+5, 99), b[5:104]) {
			t.Fatalf("page %d: another view", pfn)
		}
	}
}

func status(x *Target) string {
	var b strings.Builder
	p := out.New(&b, nil)
	x.Status(p)
	p.Flush()
	return b.String()
}

// TestCodecs reads dumps of every codec, by page and as a whole.
func TestCodecs(t *testing.T) {
	names := map[uint32]string{0: "", pageZlib: "zlib", pageLZO: "lzo", pageSnappy: "snappy", pageZstd: "zstd"}
	for codec, name := range names {
		t.Run("codec "+name, func(t *testing.T) {
			s := sample(codec)
			b := s.files(t)[0]
			x := openBytes(t, b)
			checkPages(t, &s, x)
			if len(x.Warnings()) > 0 {
				t.Error(x.Warnings())
			}
			if text := status(x); name != "" && !strings.Contains(text, "compressed by "+name) {
				t.Error(text)
			}
			// All from frame 3 on to the first that is missing, in one read.
			y := openBytes(t, b)
			all := make([]byte, 200*s.block)
			n, err := y.Physical().ReadAt(all, mem.Addr(3*s.block))
			if want := mem.Addr(100 * s.block); n != int(97*s.block) || !errors.Is(err, mem.ErrFiltered) || err.(*mem.Error).Addr != want {
				t.Errorf("one read of many pages: %d bytes, %v", n, err)
			}
			for pfn := uint64(3); pfn < 100; pfn++ {
				if !bytes.Equal(all[(pfn-3)*s.block:][:s.block], s.pageOf(pfn)) {
					t.Errorf("page %d of one read of many is another", pfn)
				}
			}
		})
	}
}

// TestKdumpShapes are headers of other versions, sizes and machines.
func TestKdumpShapes(t *testing.T) {
	tests := map[string]func(*kdumpSpec){
		"version 5":       func(s *kdumpSpec) { s.version = 5 },
		"32-bit":          func(s *kdumpSpec) { s.word, s.machine = 4, "i686" },
		"32-bit, old":     func(s *kdumpSpec) { s.word, s.machine, s.version = 4, "i686", 5 },
		"blocks of 64 K":  func(s *kdumpSpec) { s.block, s.machine, s.pages, s.hole = 65536, "aarch64", 300, [2]uint64{50, 60} },
		"one bitmap":      func(s *kdumpSpec) { s.oneMap, s.excluded, s.pages, s.hole[1] = true, nil, 8*4096+17, 32500 },
		"pages end a map": func(s *kdumpSpec) { s.pages, s.hole[1] = 8*4096, 32500 },
		"no codec told":   func(s *kdumpSpec) { s.status = 0 },
		"nothing dumped":  func(s *kdumpSpec) { s.hole = [2]uint64{0, 1700} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := sample(pageLZO)
			change(&s)
			x := openBytes(t, s.files(t)[0])
			checkPages(t, &s, x)
			if len(x.Warnings()) > 0 {
				t.Error(x.Warnings())
			}
			if string(x.VMCoreInfo()) != string(s.info) {
				t.Errorf("VMCOREINFO is %q", x.VMCoreInfo())
			}
			if ps, err := x.Processors(); err != nil || s.machine != "aarch64" && len(ps) != 2 {
				t.Errorf("processors: %v, %v", ps, err)
			}
		})
	}
}

// TestZeroLevel has a dump from which only zeros were left out: what is not there is
// zeros by its word. One of a level that leaves out more does not say so.
func TestZeroLevel(t *testing.T) {
	s := sample(pageZlib)
	s.level, s.excluded = 1, map[uint64]bool{6: true, 7: true, 12: true}
	x := openBytes(t, s.files(t)[0])
	for pfn := range s.excluded {
		b := bytes.Repeat([]byte{1}, 4096)
		if err := mem.ReadFull(x.Physical(), b, mem.Addr(pfn*4096)); err != nil || !allZero(b) {
			t.Errorf("page %d: %v", pfn, err)
		}
	}
	many := bytes.Repeat([]byte{1}, 100*4096)
	if err := mem.ReadFull(x.Physical(), many, 0); err != nil || !allZero(many[6*4096:8*4096]) || allZero(many[5*4096:6*4096]) {
		t.Errorf("in one read: %v", err)
	}
	if _, err := x.Physical().ReadAt(many, 640*4096); !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("in the hole: %v", err)
	}
}

// TestSplit has a dump in three files: together, in any order, and in parts.
func TestSplit(t *testing.T) {
	s := sample(pageSnappy)
	s.parts = []uint64{1300, 1303, 1700}
	files := s.files(t)
	for _, order := range [][]int{{0, 1, 2}, {2, 0, 1}} {
		var list [][]byte
		for _, i := range order {
			list = append(list, files[i])
		}
		x, err := openFiles(t, list...)
		if err != nil {
			t.Fatal(err)
		}
		checkPages(t, &s, x)
		if len(x.Warnings()) > 0 || !strings.Contains(status(x), "3 files of a split dump") {
			t.Error(x.Warnings(), status(x))
		}
	}
	x, err := openFiles(t, files[0], files[2])
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	if _, err := x.Physical().ReadAt(b, 1302*4096); !errors.Is(err, mem.ErrNotDumped) || !strings.Contains(err.Error(), "in another file") {
		t.Errorf("a page of the second file: %v", err)
	}
	if err := mem.ReadFull(x.Physical(), b, 1501*4096); err != nil || !bytes.Equal(b, s.pageOf(1501)) {
		t.Errorf("a page of the last file: %v", err)
	}
	if w := strings.Join(x.Warnings(), "\n"); !strings.Contains(w, "3 of 1700 page frames") {
		t.Errorf("warnings: %s", w)
	}
	if x, err = openFiles(t, files[1]); err != nil {
		t.Fatal(err)
	}
	if w := strings.Join(x.Warnings(), "\n"); !strings.Contains(w, "1697 of 1700 page frames") || !strings.Contains(status(x), "1 file of a split dump") {
		t.Errorf("one of three: %s\n%s", w, status(x))
	}

	other := sample(pageSnappy)
	other.parts, other.pages = s.parts, 1699
	whole := sample(pageSnappy)
	for name, list := range map[string][][]byte{
		"the same file twice": {files[0], files[0]},
		"of different dumps":  {files[0], other.files(t)[1]},
		"not split":           {files[0], whole.files(t)[0]},
		"no dump":             {files[0], []byte("hello")},
	} {
		if x, err := openFiles(t, list...); err == nil {
			t.Errorf("%s: opened, %v", name, x.Warnings())
		}
	}
}

// TestFlattened reads dumps in the flattened format, in records of several sizes, cut
// off, and with the index from the cache.
func TestFlattened(t *testing.T) {
	s := sample(pageLZO)
	s.pages = 1200
	plain := s.files(t)[0]
	for _, size := range []int{100, 4096, 1 << 20} {
		b := flatten(plain, size, true)
		x := openBytes(t, b)
		checkPages(t, &s, x)
		if len(x.Warnings()) > 0 || !strings.Contains(status(x), "flattened") {
			t.Error(x.Warnings(), status(x))
		}
	}
	flat := flatten(plain, 4096, false)
	x := openBytes(t, flat)
	checkPages(t, &s, x) // there is a record for all that a page needs
	if w := strings.Join(x.Warnings(), "\n"); !strings.Contains(w, "ends early") {
		t.Errorf("without an end: %q", w)
	}
}

// TestFlattenedBytes compares what is read of a flattened file with the plain one, at
// any place.
func TestFlattenedBytes(t *testing.T) {
	s := sample(pageZlib)
	s.pages = 1200
	plain := s.files(t)[0]
	b := flatten(plain, 999, true)
	x := &Target{}
	p, err := x.openFlattened(context.Background(), part{"f", bytes.NewReader(b), uint64(len(b))})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(p.r, 0, int64(p.size)))
	if err != nil || !bytes.Equal(got, bytes.TrimRight(plain, "\x00")) && !bytes.Equal(got, plain) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(plain), err)
	}
	for off := 0; off < len(got); off += 1777 {
		one := make([]byte, min(3000, len(got)-off))
		if n, err := p.r.ReadAt(one, int64(off)); n != len(one) || err != nil || !bytes.Equal(one, got[off:off+n]) {
			t.Fatalf("%d bytes at %d: %d, %v", len(one), off, n, err)
		}
	}
	if n, err := p.r.ReadAt(make([]byte, 10), int64(p.size)-4); n != 4 || err != io.EOF {
		t.Errorf("across the end: %d, %v", n, err)
	}
}

// TestFlatIndex keeps the index in the cache: the second time it is not made again, and
// another file does not get it.
func TestFlatIndex(t *testing.T) {
	s := sample(pageLZO)
	b := flatten(s.files(t)[0], 64, true)
	cache, err := store.Open(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	open := func(b []byte) (*Target, int) {
		calls := 0
		x, err := OpenAt(context.Background(), "dump", bytes.NewReader(b), int64(len(b)), Options{Cache: cache, Progress: func(_, _ int64) { calls++ }})
		if err != nil {
			t.Fatal(err)
		}
		checkPages(t, &s, x)
		return x, calls
	}
	if _, calls := open(b); calls == 0 {
		t.Error("no progress is told")
	}
	if _, calls := open(b); calls != 0 {
		t.Error("the index was made again")
	}
	s.excluded[99] = true // another dump
	if _, calls := open(flatten(s.files(t)[0], 64, true)); calls == 0 {
		t.Error("the index of another dump was taken")
	}
}

// TestSweep compares the runs that are left of overlapping records with what writing
// them one after the other makes.
func TestSweep(t *testing.T) {
	runs := []flatRun{{0, 100, 0}, {50, 10, 100}, {200, 5, 110}, {40, 30, 115}, {45, 1, 145}, {90, 120, 146}, {0, 3, 266}, {300, 1, 269}}
	want := make([]uint64, 310)
	for i := range want {
		want[i] = 9999
	}
	for _, r := range runs {
		for k := range r.n {
			want[r.off+k] = r.at + k
		}
	}
	got := make([]uint64, 310)
	for i := range got {
		got[i] = 9999
	}
	last := uint64(0)
	for _, r := range settle(slices.Clone(runs)) {
		if r.off < last {
			t.Fatal("runs overlap")
		}
		last = r.off + r.n
		for k := range r.n {
			got[r.off+k] = r.at + k
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestDecompressInPlace decompresses a page in the middle of others, which stay as they
// are: others may be reading them.
func TestDecompressInPlace(t *testing.T) {
	s := sample(0)
	for name, codec := range map[string]uint32{"zlib": pageZlib, "lzo": pageLZO, "snappy": pageSnappy, "zstd": pageZstd} {
		for pfn := range uint64(90) {
			want := s.pageOf(pfn)
			all := bytes.Repeat([]byte{0xa5}, 3*len(want))
			if err := decompress(all[len(want):2*len(want)], compressPage(t, want, codec), codec); err != nil {
				t.Fatalf("%s, page %d: %v", name, pfn, err)
			}
			before, page, after := all[:len(want)], all[len(want):2*len(want)], all[2*len(want):]
			if !bytes.Equal(page, want) {
				t.Errorf("%s: page %d is another", name, pfn)
			}
			if untouched := bytes.Repeat([]byte{0xa5}, len(want)); !bytes.Equal(before, untouched) || !bytes.Equal(after, untouched) {
				t.Errorf("%s: page %d is written past its ends", name, pfn)
			}
		}
	}
}
