package illumosdump

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/illumos/dumpfile"
)

// TestSavecore: what is written is what the fixture, which follows savecore, writes
// directly.
func TestSavecore(t *testing.T) {
	d := sample(1000)
	d.Vtop = append(d.Vtop, dumpfile.Vtop{AS: kas, VA: 0xffffffff00000000, PFN: 1}) // not in the dump
	want := file(t, d, "vmcore")
	for _, form := range []string{"serial", "stored", "old", "lzjb", "bzip2", "bzip2 and pages"} {
		dir := t.TempDir()
		var said []string
		x := open(t, file(t, d, form), Options{})
		got, err := x.Savecore(context.Background(), Save{Dir: dir, N: 3, Log: func(s string) { said = append(said, s) }})
		if err != nil || got != (Saved{Pages: 1000}) {
			t.Fatalf("%s: %+v, %v", form, got, err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "vmcore.3"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, want) {
			t.Errorf("%s: vmcore.3 differs from byte %d on; %d bytes, want %d", form, differ(b, want), len(b), len(want))
		}
		if b, err = os.ReadFile(filepath.Join(dir, "unix.3")); err != nil || !bytes.Equal(b, d.Ksyms) {
			t.Errorf("%s: unix.3 is %q, %v", form, b, err)
		}
		if list, _ := os.ReadDir(dir); len(list) != 2 {
			t.Errorf("%s: left behind: %v", form, list)
		}
		if s := strings.Join(said, "\n"); !strings.Contains(s, "pfn 1 not found for as=fffffffffbc30000, va=ffffffff00000000") ||
			!strings.HasSuffix(s, "1000 of 1000 pages saved") {
			t.Errorf("%s: says %s", form, s)
		}
	}
}

func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestSavecoreRefuses: nothing is written over, nothing half written is left.
func TestSavecoreRefuses(t *testing.T) {
	d := sample(1200)
	dir := t.TempDir()
	x := open(t, file(t, d, "serial"), Options{})
	old := filepath.Join(dir, "vmcore.0")
	if err := os.WriteFile(old, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Savecore(context.Background(), Save{Dir: dir}); err == nil || err.Error() != old+" already exists: give -f to write over it" {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := x.Savecore(ctx, Save{Dir: dir, Force: true, Progress: func(done, total int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if b, _ := os.ReadFile(old); string(b) != "mine" {
		t.Errorf("the old file was written over: %d bytes", len(b))
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
	if _, err := x.Savecore(context.Background(), Save{Dir: dir, Force: true}); err != nil {
		t.Error(err)
	}
	y, err := Open(context.Background(), old, Options{Unix: filepath.Join(dir, "unix.0")})
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	if _, err := y.Savecore(context.Background(), Save{Dir: dir}); err == nil {
		t.Error("a vmcore is saved")
	}
	if _, err := x.Savecore(context.Background(), Save{Dir: filepath.Join(dir, "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the directory: %v", err)
	}
}

// TestSavecoreCut: of a dump that misses pages those that are there are saved, and
// each where it belongs.
func TestSavecoreCut(t *testing.T) {
	d := sample(900)
	for _, form := range []string{"serial", "lzjb", "bzip2"} {
		b := file(t, d, form)
		data := int(le.Uint64(b[48:]))
		x := open(t, b[:data+(len(b)-data)*6/10], Options{})
		dir := t.TempDir()
		got, err := x.Savecore(context.Background(), Save{Dir: dir})
		if c := x.Coverage(); err != nil || got.Pages != c.Kept || got.Lost != c.Cut || c.Kept == 0 || c.Cut == 0 {
			t.Fatalf("%s: %+v, %v; coverage %+v", form, got, err, c)
		}
		y, err := Open(context.Background(), filepath.Join(dir, "vmcore.0"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		a, c := make([]byte, 4096), make([]byte, 4096)
		for _, pfn := range d.PFNs {
			_, errX := x.Physical().ReadAt(a, mem.Addr(pfn<<12))
			_, errY := y.Physical().ReadAt(c, mem.Addr(pfn<<12))
			// The last pages are not in the file if they are zeros.
			if (errX == nil) != (errY == nil) && !allZero(a) || errX == nil && errY == nil && !bytes.Equal(a, c) {
				t.Fatalf("%s: frame %#x: %v, then %v", form, pfn, errX, errY)
			}
		}
		for _, v := range d.Vtop {
			_, errX := x.Physical().ReadAt(a, mem.Addr(v.PFN<<12))
			if pfn, ok := y.Lookup(v.AS, v.VA); ok != (errX == nil) || ok && pfn != v.PFN {
				t.Fatalf("%s: %#x leads to %#x, %v", form, v.VA, pfn, ok)
			}
		}
		y.Close()
	}
}

// failing is a file whose pages cannot be read.
type failing struct {
	io.ReaderAt
	from int64
	err  error
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.err != nil && off >= f.from {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

// TestReadError: what the host says of a page that it cannot read is passed on.
func TestReadError(t *testing.T) {
	d := sample(900)
	for _, form := range []string{"vmcore", "serial", "bzip2"} {
		b := file(t, d, form)
		f := &failing{ReaderAt: bytes.NewReader(b), from: int64(le.Uint64(b[48:]))}
		x, err := OpenAt(context.Background(), "dump", f, int64(len(b)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		f.err = errors.New("input/output error")
		if _, err := x.Physical().ReadAt(make([]byte, 8), mem.Addr(d.PFNs[3]<<12)); err == nil || form != "vmcore" && mem.Reason(err) != f.err {
			t.Errorf("%s: %v", form, err)
		}
	}
}
