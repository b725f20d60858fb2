package illumosdump

import (
	"bytes"
	"compress/bzip2"
	"context"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures"
)

// look reads what a dump has, as commands do, and checks that nothing contradicts
// itself.
func look(t testing.TB, x *Target) {
	h := x.DumpHeader()
	c := x.Coverage()
	if c.Kept+c.Cut+c.Missing != c.Pages || c.Pages != h.Pages {
		t.Errorf("coverage is %+v of %d pages", c, h.Pages)
	}
	if r, n := x.KSyms(); n > 0 {
		io.CopyN(io.Discard, io.NewSectionReader(r, 0, n), 1<<20)
	}
	page := make([]byte, 5000)
	for i := uint64(0); i < min(x.pfns.n, 300); i++ {
		pfn, ok := x.pfns.at(i)
		if !ok {
			break
		}
		at := mem.Addr(pfn<<h.PageShift) + 100
		n, err := x.Physical().ReadAt(page, at)
		if (n < len(page)) != (err != nil) {
			t.Errorf("read at %v: %d bytes, %v", at, n, err)
		}
		if v := x.Physical().(mem.Viewer).View(at, 64); v != nil && !bytes.Equal(v, page[:64]) {
			t.Errorf("at %v another view than what is read", at)
		}
	}
	va := uint64(0xfffffe0000000000)
	for range 400 {
		va += 4096
		x.Lookup(kas, va)
		x.Lookup(user, va&0xffffff)
	}
	spans := uint64(0)
	for _, s := range x.pages.spans() {
		spans += s.n
	}
	if spans > c.Pages {
		t.Errorf("%d pages in spans, %d in the header", spans, c.Pages)
	}
}

// FuzzOpen: any file at all.
func FuzzOpen(f *testing.F) {
	d := sample(12)
	for _, form := range forms {
		b := file(f, d, form.name)
		f.Add(b)
		f.Add(b[:len(b)*2/3])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		x, err := OpenAt(ctx, "dump", bytes.NewReader(b), int64(len(b)), Options{})
		if err == nil {
			look(t, x)
		}
	})
}

// FuzzIndex: whatever the cache gives.
func FuzzIndex(f *testing.F) {
	d := sample(12)
	for _, form := range []string{"serial", "lzjb", "bzip2"} {
		b := file(f, d, form)
		x := &Target{r: bytes.NewReader(b), size: uint64(len(b))}
		tail, _ := x.readHeaders()
		a := &area{r: x.r, off: x.h.data, end: tail.off, pageSize: 4096, pages: x.h.Pages, hdr: tail.data}
		ix, err := makeIndex(context.Background(), x, a, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(ix.encode(), b)
	}
	f.Fuzz(func(t *testing.T, enc, b []byte) {
		ix, err := decodeIndex(enc)
		if err != nil {
			return
		}
		x := &Target{r: bytes.NewReader(b), size: uint64(len(b))}
		if _, err := x.readHeaders(); err != nil || !x.h.compressed() {
			return
		}
		x.file = mem.NewCache(x.r, int64(x.size), 1<<20)
		x.pfns = newPFNTable(x.file, x.size, x.h)
		x.pages = ix.newPages(x)
		x.vas = &vtopMap{file: x.file, off: x.h.vmap, pageShift: x.h.PageShift, extents: ix.extents}
		for i := range uint64(20) {
			x.pages.page(i)
		}
		for _, v := range d.Vtop {
			x.Lookup(v.AS, v.VA)
		}
		x.Coverage()
	})
}

// unbzip2 decompresses a whole stream with this package's decoder.
func unbzip2(b []byte, limit int) (out []byte, ok bool) {
	r := &bitReader{buf: b}
	d := &bzDecoder{}
	for {
		head := r.bits(32)
		if r.over || head>>8 != 'B'<<16|'Z'<<8|'h' || head&0xff < '1' || head&0xff > '9' {
			return out, false
		}
		for {
			r.fill()
			if r.acc>>16 == bzEnd {
				r.bits(48)
				r.bits(32)
				r.align()
				break
			}
			var err error
			if out, err = d.block(r, bzUnit*int(head&0xff-'0'), out); err != nil || len(out) > limit {
				return out, false
			}
		}
		if r.fill(); r.have == 0 {
			return out, !r.over
		}
	}
}

// bzTexts are texts for bzip2 to compress.
func bzTexts() [][]byte {
	var out [][]byte
	for _, n := range []int{1, 3, 5000, 700000} {
		b := []byte{}
		for i := uint64(1); len(b) < n; i++ {
			b = append(b, content(i)...)
		}
		out = append(out, b[:n])
	}
	return append(out, make([]byte, 3<<20), bytes.Repeat([]byte("ab"), 100000))
}

// TestBzip2 decompresses what bzip2 itself made, at each of its levels.
func TestBzip2(t *testing.T) {
	fixtures.Need(t, "bzip2")
	for _, text := range bzTexts() {
		for _, level := range []string{"-1", "-9"} {
			cmd := exec.Command("bzip2", "-c", level)
			cmd.Stdin = bytes.NewReader(text)
			b, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := unbzip2(b, 1<<30); !ok || !bytes.Equal(got, text) {
				t.Errorf("level %s: %d bytes of %d come back, %v", level, len(got), len(text), ok)
			}
			if got, ok := unbzip2(append(b, b...), 1<<30); !ok || len(got) != 2*len(text) {
				t.Errorf("level %s: two streams give %d bytes of %d, %v", level, len(got), 2*len(text), ok)
			}
		}
	}
}

// FuzzBzip2: what this and the standard library both read is the same. (Each takes
// streams that bzip2 and the other refuse.)
func FuzzBzip2(f *testing.F) {
	if _, err := exec.LookPath("bzip2"); err == nil {
		for _, text := range bzTexts()[:3] {
			cmd := exec.Command("bzip2", "-c", "-1")
			cmd.Stdin = bytes.NewReader(text)
			if b, err := cmd.Output(); err == nil {
				f.Add(b)
			}
		}
	}
	f.Add([]byte("BZh1\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		want, err := io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(b)), 8<<20))
		got, ok := unbzip2(b, 8<<20)
		if err == nil && len(want) < 8<<20 && ok && !bytes.Equal(got, want) {
			t.Errorf("%d bytes; by the standard library %d others", len(got), len(want))
		}
	})
}

// TestMutations opens 2,000 damaged copies of each form that is read differently.
func TestMutations(t *testing.T) {
	d := sample(40)
	for _, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			every := 1
			if testing.Short() || slices.Contains([]string{"stored", "old", "lzjb and pages", "bzip2 and pages"}, form.name) { // as others are read
				every = 10
			}
			b := file(t, d, form.name)
			work := make(chan *fixtures.Mutation)
			var wg sync.WaitGroup
			var mu sync.Mutex
			opened, why := 0, map[string]int{}
			for range runtime.GOMAXPROCS(0) {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for m := range work {
						start := time.Now()
						x, err := OpenAt(context.Background(), "dump", m, m.Size, Options{})
						if err == nil {
							look(t, x)
						}
						if took := time.Since(start); took > time.Minute {
							t.Errorf("mutation %d (%s) takes %v", m.Index, m.What, took)
						}
						mu.Lock()
						if err == nil {
							opened++
						} else {
							words := strings.Fields(err.Error())
							why[strings.Join(words[:min(len(words), 5)], " ")]++
						}
						mu.Unlock()
					}
				}()
			}
			for m := range fixtures.Mutations(4, bytes.NewReader(b), int64(len(b))) {
				if m.Index%every == 0 {
					work <- m
				}
			}
			close(work)
			wg.Wait()
			if opened < fixtures.MutationCount/every/2 {
				t.Errorf("only %d of %d could be opened: %v", opened, fixtures.MutationCount/every, why)
			}
		})
	}
}
