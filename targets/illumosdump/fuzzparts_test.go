package illumosdump

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
)

// FuzzHeader: both headers.
func FuzzHeader(f *testing.F) {
	d := sample(3)
	b := file(f, d, "lzjb")
	f.Add(b[:headerSize], b[len(b)-tailAlign+headerSize:][:32])
	f.Fuzz(func(t *testing.T, b, data []byte) {
		h, err := parseHeader(b)
		if err != nil {
			return
		}
		if h.Pages > maxPages || h.PageShift < 12 || h.PageShift > 16 || h.hashMask&(h.hashMask+1) != 0 {
			t.Errorf("taken: %+v", h)
		}
		if d, err := parseDataHeader(data, h.PageSize()); err == nil && d.level > levelBzip2 {
			t.Errorf("taken: %+v", d)
		}
	})
}

// at makes a file whose areas begin at off with b.
func at(off int, b []byte) []byte { return append(make([]byte, off), b...) }

// FuzzPFNs: a search in any table finds what is there if it ascends, and never
// anything else.
func FuzzPFNs(f *testing.F) {
	d := sample(200)
	var b []byte
	for _, pfn := range d.PFNs {
		b = le.AppendUint64(b, pfn)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		img := at(4096, b)
		h := &header{pfn: 4096}
		h.Pages = uint64(len(b)/8 + 3)
		p := newPFNTable(mem.NewCache(bytes.NewReader(img), int64(len(img)), 1<<20), uint64(len(img)), h)
		var table []uint64
		for i := range p.n {
			v, _ := p.at(i)
			table = append(table, v)
		}
		ascends := slices.IsSorted(table)
		for i, v := range table {
			if i > 300 {
				break
			}
			for range 2 { // searched, then remembered
				k, ok := p.find(v)
				if ok && table[k] != v || !ok && ascends {
					t.Errorf("%#x is found at %d, %v", v, k, ok)
				}
			}
			if k, ok := p.find(v + 1); ok && table[k] != v+1 {
				t.Errorf("%#x is found at %d", v+1, k)
			}
		}
	})
}

// FuzzMap: any hash table, and any array of translations.
func FuzzMap(f *testing.F) {
	d := sample(30)
	b := file(f, d, "vmcore")
	f.Add(b[le.Uint64(b[40:]):le.Uint64(b[48:])], uint8(5))
	b = file(f, d, "serial")
	f.Add(b[le.Uint64(b[40:]):le.Uint64(b[48:])], uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, bits uint8) {
		img := at(8192, b)
		x := &Target{r: bytes.NewReader(img), size: uint64(len(img)), h: &header{vmap: 8192, pfn: 0, data: 4096}}
		x.h.PageShift, x.h.Vtops, x.h.Pages = 12, uint64(len(b)/vtopEntry+1), 512
		x.h.hashMask = 1<<(bits%20) - 1
		x.file = mem.NewCache(x.r, int64(x.size), 1<<20)
		x.pfns = newPFNTable(x.file, x.size, x.h)
		ext, err := readExtents(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []vaMap{newHashMap(x), &vtopMap{file: x.file, off: 8192, pageShift: 12, extents: ext}} {
			for _, v := range d.Vtop {
				m.lookup(v.AS, v.VA)
			}
			for i := 0; i+24 <= min(len(b), 2400); i += 24 {
				m.lookup(le.Uint64(b[i:]), le.Uint64(b[i+8:]))
			}
		}
	})
}

// FuzzStreams: any data area.
func FuzzStreams(f *testing.F) {
	d := sample(6)
	for _, form := range forms[1:] {
		b := file(f, d, form.name)
		f.Add(b[le.Uint64(b[48:]):len(b)-tailAlign], uint8(3), form.name != "old")
	}
	f.Fuzz(func(t *testing.T, b []byte, level uint8, known bool) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		x := &Target{r: bytes.NewReader(b), size: uint64(len(b)), h: &header{vmap: 1 << 40}}
		x.h.PageShift, x.h.Pages = 12, 64
		a := &area{r: x.r, end: x.size, pageSize: 4096, pages: 64}
		if known {
			a.hdr = dataHeader{haveHeader: true, maxBlock: 128 << 10, maxRange: 1024, streams: 5, level: int(level % 3)}
		}
		ix, err := makeIndex(ctx, x, a, false)
		if err != nil {
			return
		}
		p := ix.newPages(x)
		for i := range uint64(64) {
			if b, err := p.page(i); err == nil && len(b) != 4096 {
				t.Errorf("page %d has %d bytes", i, len(b))
			}
		}
		if back, err := decodeIndex(ix.encode()); err != nil || back.kept != ix.kept {
			t.Errorf("the index does not come back: %v", err)
		}
	})
}
