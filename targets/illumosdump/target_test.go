package illumosdump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/store"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/illumos/dumpfile"
)

const (
	kas  = 0xfffffffffbc30000
	user = 0xfffffe0712345678
)

// content makes the bytes of a frame, of the kinds that kernel memory has.
func content(pfn uint64) []byte {
	b := make([]byte, 4096)
	rnd := rand.New(rand.NewPCG(pfn, 1))
	switch pfn % 7 {
	case 0: // zeros
	case 1:
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
	case 2:
		copy(b, bytes.Repeat([]byte("root@node:/var/log# "), 200))
	default:
		for i := 0; i < len(b); i += 8 {
			switch rnd.IntN(3) {
			case 0:
				le.PutUint64(b[i:], 0xfffffe0000000000+uint64(rnd.IntN(300))<<6)
			case 1:
				le.PutUint64(b[i:], uint64(rnd.IntN(256)))
			}
		}
	}
	le.PutUint64(b[8:], pfn)
	if pfn%7 == 0 {
		clear(b)
	}
	return b
}

// sample is a dump of n pages, of which some runs have consecutive frames, some of
// them in two address spaces, some in none.
func sample(n int) *dumpfile.Dump {
	rnd := rand.New(rand.NewPCG(5, 6))
	d := &dumpfile.Dump{Header: dumpfile.Header{
		Flags: dumpfile.Complete | dumpfile.Kernel, Platform: "i86pc", Panic: "forced crash", CrashTime: 1600000000,
		UUID: "a8b4d9e0-36f8-4c4e-9f6f-1d9a8b1d5c11", FMPanic: true,
		Utsname: dumpfile.Utsname{Sysname: "SunOS", Nodename: "node", Release: "5.11", Version: "joyent_1", Machine: "i86pc"}}}
	d.Ksyms = []byte("\x7fELF, and symbols")
	pfn, va := uint64(0x100), uint64(0xfffffe0000000000)
	for len(d.PFNs) < n {
		if pfn++; rnd.IntN(4) == 0 {
			pfn += uint64(rnd.IntN(90))
		}
		d.PFNs = append(d.PFNs, pfn)
		if rnd.IntN(10) > 0 {
			if va += 4096; rnd.IntN(5) == 0 {
				va += uint64(rnd.IntN(100)) << 12
			}
			d.Vtop = append(d.Vtop, dumpfile.Vtop{AS: kas, VA: va, PFN: pfn})
		}
	}
	for i := range 40 { // a process's
		d.Vtop = append(d.Vtop, dumpfile.Vtop{AS: user, VA: 0x400000 + uint64(i)<<12, PFN: d.PFNs[7*i%n]})
	}
	d.Page = func(i int) []byte { return content(d.PFNs[i]) }
	return d
}

// forms are the files a dump is written as.
var forms = []struct {
	name  string
	write func(d *dumpfile.Dump, w io.Writer) error
}{
	{"vmcore", func(d *dumpfile.Dump, w io.Writer) error { return d.WriteVmcore(w) }},
	{"serial", vmdump(dumpfile.Options{})},
	{"stored", vmdump(dumpfile.Options{Compression: dumpfile.None})},
	{"old", vmdump(dumpfile.Options{NoDataHeader: true})},
	{"lzjb", vmdump(dumpfile.Options{Compression: dumpfile.LZJB, Streams: 5, RangePages: 128})},
	{"bzip2", vmdump(dumpfile.Options{Compression: dumpfile.BZIP2, Streams: 3, RangePages: 200, BlockBytes: 20000})},
	{"lzjb and pages", vmdump(dumpfile.Options{Compression: dumpfile.LZJB, TailPages: 5})},
	{"bzip2 and pages", vmdump(dumpfile.Options{Compression: dumpfile.BZIP2, Streams: 1, TailPages: 3})},
}

func vmdump(o dumpfile.Options) func(*dumpfile.Dump, io.Writer) error {
	return func(d *dumpfile.Dump, w io.Writer) error { return d.WriteVmdump(w, o) }
}

// file writes a dump in a form.
func file(t testing.TB, d *dumpfile.Dump, form string) []byte {
	t.Helper()
	for _, f := range forms {
		if f.name == form {
			var b bytes.Buffer
			if err := f.write(d, &b); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
	}
	t.Fatalf("no form %s", form)
	return nil
}

func open(t testing.TB, b []byte, o Options) *Target {
	t.Helper()
	x, err := OpenAt(context.Background(), "dump", bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// checkPages reads pages in an order that is not theirs, from several goroutines.
func checkPages(t *testing.T, x *Target, d *dumpfile.Dump) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b := make([]byte, 4096)
			for _, i := range rand.New(rand.NewPCG(9, uint64(w))).Perm(len(d.PFNs)) {
				pfn := d.PFNs[i]
				n, err := x.Physical().ReadAt(b, mem.Addr(pfn<<12))
				if n != 4096 || err != nil || !bytes.Equal(b, content(pfn)) {
					t.Errorf("frame %#x: %d bytes, %v", pfn, n, err)
					return
				}
			}
		}()
	}
	wg.Wait()
}

// TestForms reads every page and every translation of every form.
func TestForms(t *testing.T) {
	d := sample(1300)
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			x := open(t, file(t, d, f.name), Options{})
			checkPages(t, x, d)
			for _, v := range d.Vtop {
				if pfn, ok := x.Lookup(v.AS, v.VA+0x123); !ok || pfn != v.PFN {
					t.Fatalf("lookup of %#x in %#x is %#x, %v; want %#x", v.VA, v.AS, pfn, ok, v.PFN)
				}
			}
			for _, v := range []dumpfile.Vtop{{AS: kas, VA: 0}, {AS: kas, VA: 0x400000}, {AS: user, VA: d.Vtop[0].VA}, {AS: user, VA: 0x3ff000}, {AS: kas, VA: ^uint64(0)}} {
				if pfn, ok := x.Lookup(v.AS, v.VA); ok {
					t.Errorf("%#x in %#x, which is not translated, is %#x", v.VA, v.AS, pfn)
				}
			}
			if c := x.Coverage(); c != (system.Coverage{Pages: 1300, Kept: 1300}) {
				t.Errorf("coverage is %+v", c)
			}
			if x.Warnings() != nil {
				t.Errorf("warnings: %q", x.Warnings())
			}
			r, n := x.KSyms()
			k := make([]byte, n)
			if _, err := r.ReadAt(k, 0); err != nil || string(k) != string(d.Ksyms) {
				t.Errorf("ksyms is %q, %v", k, err)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	d := sample(20)
	got := *open(t, file(t, d, "vmcore"), Options{}).DumpHeader()
	if got.CrashTime.Unix() != d.CrashTime {
		t.Errorf("crash time is %v", got.CrashTime)
	}
	want := system.DumpHeader{
		Version: 10, WordSize: 64, Flags: system.DumpComplete | system.DumpKernel, Utsname: system.Utsname(d.Utsname),
		Platform: d.Platform, Panic: d.Panic, CrashTime: got.CrashTime, FMPanic: true, UUID: d.UUID, PageShift: 12,
		Pages: 20, Vtops: uint64(len(d.Vtop)),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

// TestReasons: why a page cannot be read.
func TestReasons(t *testing.T) {
	d := sample(600)
	missing := mem.Addr(0x50 << 12)
	b := make([]byte, 16)
	for _, tc := range []struct {
		flags dumpfile.Flags
		want  error
		warns int
	}{
		{dumpfile.Complete | dumpfile.Kernel, mem.ErrFiltered, 0}, {dumpfile.Complete | dumpfile.All, mem.ErrNotDumped, 0},
		{dumpfile.Kernel | dumpfile.Live, mem.ErrNotDumped, 1},
	} {
		d.Flags = tc.flags
		x := open(t, file(t, d, "vmcore"), Options{})
		n, err := x.Physical().ReadAt(b, missing)
		var fault *mem.Error
		if n != 0 || !errors.As(err, &fault) || fault.Err != tc.want || fault.Addr != missing {
			t.Errorf("flags %#x: %d bytes, %v", tc.flags, n, err)
		}
		if len(x.Warnings()) != tc.warns {
			t.Errorf("flags %#x: warnings %q", tc.flags, x.Warnings())
		}
	}
	// Over the end of the last page before a gap.
	x := open(t, file(t, d, "serial"), Options{})
	for i := 1; i < len(d.PFNs); i++ {
		if d.PFNs[i] != d.PFNs[i-1]+1 {
			at := mem.Addr(d.PFNs[i-1]<<12 + 4090)
			n, err := x.Physical().ReadAt(b, at)
			var fault *mem.Error
			if n != 6 || !errors.As(err, &fault) || fault.Addr != at+6 || !bytes.Equal(b[:6], content(d.PFNs[i-1])[4090:]) {
				t.Errorf("read over a gap: %d bytes %x, %v", n, b[:n], err)
			}
			break
		}
	}
}

// TestCut opens every form cut at many places: what is before the cut is read, the
// rest is said to be cut off.
func TestCut(t *testing.T) {
	d := sample(700)
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			whole := file(t, d, f.name)
			data := int(le.Uint64(whole[48:]))
			last := uint64(0)
			for k := range 23 {
				size := data + (len(whole)-64<<10-data)*k/23
				x := open(t, whole[:size], Options{})
				c := x.Coverage()
				if c.Kept < last || c.Kept+c.Cut != 700 || c.Missing != 0 {
					t.Fatalf("cut to %d bytes: coverage is %+v", size, c)
				}
				last = c.Kept
				kept := uint64(0)
				b := make([]byte, 4096)
				for _, pfn := range d.PFNs {
					_, err := x.Physical().ReadAt(b, mem.Addr(pfn<<12))
					switch {
					case err == nil && bytes.Equal(b, content(pfn)):
						kept++
					case err == nil || mem.Reason(err) != mem.ErrTruncated:
						t.Fatalf("cut to %d bytes, frame %#x: %v", size, pfn, err)
					}
				}
				if kept != c.Kept {
					t.Errorf("cut to %d bytes: %d pages can be read, %d are said to be", size, kept, c.Kept)
				}
				if c.Kept < 700 && x.Warnings() == nil && (f.name != "vmcore" || (size-data)%4096 != 0) {
					t.Errorf("cut to %d bytes: no warning", size)
				}
			}
			if last < 500 {
				t.Errorf("of the longest one only %d pages can be read", last)
			}
		})
	}
}

// TestMapCut: it is known when translations are missing.
func TestMapCut(t *testing.T) {
	d := sample(600)
	for _, form := range []string{"vmcore", "serial"} {
		b := file(t, d, form)
		pfns, vmap, data := le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])
		for size, want := range map[uint64]bool{data: false, vmap + 4096: true, pfns + 4096: true, 1912: true} {
			if got := open(t, b[:size], Options{}).MapCut(); got != want {
				t.Errorf("%s cut to %d bytes: %v, want %v", form, size, got, want)
			}
		}
	}
}

// TestRefused: what cannot be opened says why.
func TestRefused(t *testing.T) {
	d := sample(30)
	with := func(change func(h *dumpfile.Header)) []byte {
		e := *d
		change(&e.Header)
		return file(t, &e, "serial")
	}
	for _, tc := range []struct {
		data []byte
		want string
	}{
		{with(func(h *dumpfile.Header) { h.Version = 9 }), "dump is of version 9: only version 10 is supported"},
		{with(func(h *dumpfile.Header) { h.WordSize = 32 }), "dump is of a 32-bit kernel: only 64-bit kernels are supported"},
		{with(func(h *dumpfile.Header) { h.Flags |= dumpfile.Encrypted }), "dump is encrypted: let savecore decrypt it with its key first"},
		{[]byte{0xde, 0xfe, 0xc8, 0xed, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0, 64}, "dump is of a big-endian (SPARC) kernel: not supported"},
		{file(t, d, "vmcore")[:1000], "cannot read dump header: the file ends in it"},
		{[]byte("\x7fELF"), ErrNotDump.Error()},
		{nil, ErrNotDump.Error()},
		{make([]byte, 1<<20), ErrNotDump.Error()},
	} {
		_, err := OpenAt(context.Background(), "dump", bytes.NewReader(tc.data), int64(len(tc.data)), Options{})
		if err == nil || err.Error() != tc.want {
			t.Errorf("error is %v, want %s", err, tc.want)
		}
	}
}

// TestDevice: the image of a dump device has its header at 64 KiB.
func TestDevice(t *testing.T) {
	d := sample(300)
	file := file(t, d, "serial")
	dev := append(make([]byte, 64<<10), file...)
	for _, at := range []int{64 << 10, len(dev) - 64<<10} {
		for _, field := range []int{24, 32, 40, 48} {
			le.PutUint64(dev[at+field:], le.Uint64(dev[at+field:])+64<<10)
		}
		le.PutUint64(dev[at+16:], 64<<10)
	}
	if !Probe(bytes.NewReader(dev), int64(len(dev))) {
		t.Error("the image of a dump device is not recognised")
	}
	checkPages(t, open(t, dev, Options{}), d)
	dev[64<<10+100] ^= 1 // swapped on
	if _, err := OpenAt(context.Background(), "dev", bytes.NewReader(dev), int64(len(dev)), Options{}); err == nil || err.Error() != "initial dump header corrupt" {
		t.Errorf("a header that was written over: %v", err)
	}
}

// counting counts the bytes read.
type counting struct {
	io.ReaderAt
	mu sync.Mutex
	n  int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	c.n += len(p)
	c.mu.Unlock()
	return c.ReaderAt.ReadAt(p, off)
}

// TestCache: the second opening takes the index from the cache and reads little.
func TestCache(t *testing.T) {
	d := sample(1500)
	for _, form := range []string{"serial", "lzjb", "bzip2"} {
		t.Run(form, func(t *testing.T) {
			cache, err := store.Open(t.TempDir(), 0)
			if err != nil {
				t.Fatal(err)
			}
			b := file(t, d, form)
			x := open(t, b, Options{Cache: cache})
			r := &counting{ReaderAt: bytes.NewReader(b)}
			y, err := OpenAt(context.Background(), "dump", r, int64(len(b)), Options{Cache: cache, Progress: func(done, total int64) {
				t.Errorf("progress %d of %d in the second opening", done, total)
			}})
			if err != nil {
				t.Fatal(err)
			}
			if r.n > 300<<10 {
				t.Errorf("the second opening reads %d bytes of %d", r.n, len(b))
			}
			checkPages(t, y, d)
			if x.Coverage() != y.Coverage() {
				t.Errorf("coverage is %+v, then %+v", x.Coverage(), y.Coverage())
			}
			// Another dump of that length is not taken for it.
			e := *d
			e.Page = func(i int) []byte { return content(d.PFNs[i] + 7) }
			c := file(t, &e, form)
			if len(c) == len(b) {
				z := open(t, c, Options{Cache: cache})
				got := make([]byte, 4096)
				if _, err := z.Physical().ReadAt(got, mem.Addr(d.PFNs[5]<<12)); err != nil || !bytes.Equal(got, content(d.PFNs[5]+7)) {
					t.Errorf("a dump of the same length: %v", err)
				}
			}
		})
	}
}

// TestIndexFile: an index comes back from the cache as it was, and damaged ones are
// refused or harmless.
func TestIndexFile(t *testing.T) {
	d := sample(900)
	for _, form := range []string{"serial", "lzjb", "bzip2"} {
		b := file(t, d, form)
		x := &Target{r: bytes.NewReader(b), size: uint64(len(b))}
		tail, err := x.readHeaders()
		if err != nil {
			t.Fatal(err)
		}
		a := &area{r: x.r, off: x.h.data, end: tail.off, pageSize: 4096, pages: x.h.Pages, hdr: tail.data}
		ix, err := makeIndex(context.Background(), x, a, false)
		if err != nil {
			t.Fatal(err)
		}
		enc := ix.encode()
		back, err := decodeIndex(enc)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.encode(), enc) || back.kept != 900 || !slices.Equal(back.extents, ix.extents) || !slices.Equal(back.segs, ix.segs) {
			t.Errorf("%s: the index comes back otherwise", form)
		}
		if _, err := decodeIndex(enc[:len(enc)-1]); err == nil {
			t.Errorf("%s: an index cut short is taken", form)
		}
	}
}

// TestCancel: opening ends when it is told to.
func TestCancel(t *testing.T) {
	d := sample(1200)
	for _, form := range []string{"serial", "lzjb", "bzip2"} {
		b := file(t, d, form)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := OpenAt(ctx, "dump", bytes.NewReader(b), int64(len(b)), Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", form, err)
		}
	}
}

// TestProgress: it rises and comes to its end.
func TestProgress(t *testing.T) {
	d := sample(1200)
	for _, form := range []string{"serial", "lzjb", "bzip2"} {
		var seen []string
		last, end := int64(0), false
		open(t, file(t, d, form), Options{Progress: func(done, total int64) {
			if done < last || done > total {
				t.Errorf("%s: progress goes from %d to %d of %d", form, last, done, total)
			}
			last, end = done, done == total
			seen = append(seen, fmt.Sprint(done))
		}})
		if !end || len(seen) < 2 {
			t.Errorf("%s: progress was %v", form, seen)
		}
	}
}
