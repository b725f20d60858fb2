package illumosdump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/lz"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/store"
	"github.com/xmdb/xmdb/core/system"
)

// Options say how a dump is opened.
type Options struct {
	Unix     string                  // path of unix.N; "" for the symbols in the dump
	Cache    *store.Store            // of indexes; nil for none
	Progress func(done, total int64) // nil for none
}

// Memory that is used for what was read, bytes.
const (
	fileCache = 48 << 20 // of the file
	metaCache = 8 << 20  // of a compressed file: pfn table and translations
	dataCache = 32 << 20 // of decompressed pages
)

// Target is an open dump. It implements core.Target, system.KernelDump and
// core.Machine.
type Target struct {
	name     string
	r        io.ReaderAt
	size     uint64
	closers  []io.Closer
	h        *header
	file     *mem.Cache
	pfns     *pfnTable
	vas      vaMap
	pages    pages
	progress func(done, total int64)
	warnings []string

	ksymsOnce sync.Once
	ksyms     io.ReaderAt
	ksymsSize int64
}

var (
	_ core.Target       = (*Target)(nil)
	_ core.Physical     = (*Target)(nil)
	_ core.Machine      = (*Target)(nil)
	_ core.Warner       = (*Target)(nil)
	_ system.KernelDump = (*Target)(nil)
)

// Open opens a vmcore.N or a vmdump.N. A file that is no dump is ErrNotDump. When
// the context ends before the dump is open, the error is the context's.
func Open(ctx context.Context, path string, o Options) (*Target, error) {
	st, err := os.Stat(path) // first: to open a named pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, ErrNotDump
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t, err := OpenAt(ctx, path, f, st.Size(), o)
	if err != nil {
		f.Close()
		return nil, err
	}
	t.closers = append(t.closers, f)
	return t, nil
}

// OpenAt opens the dump in the first size bytes of r.
func OpenAt(ctx context.Context, name string, r io.ReaderAt, size int64, o Options) (*Target, error) {
	t := &Target{name: name, r: r, size: uint64(max(size, 0)), progress: o.Progress}
	if err := t.open(ctx, o); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Target) open(ctx context.Context, o Options) error {
	tail, err := t.readHeaders()
	if err != nil {
		return err
	}
	if t.h.Flags&system.DumpComplete == 0 {
		t.warn("dump is incomplete: the kernel could not write all of it")
	}
	limit := fileCache
	if t.h.compressed() {
		limit = metaCache
	}
	t.file = mem.NewCache(t.r, int64(t.size), limit)
	t.pfns = newPFNTable(t.file, t.size, t.h)
	if o.Unix != "" {
		if err := t.useUnix(o.Unix); err != nil {
			return err
		}
	}
	if !t.h.compressed() {
		t.pages, t.vas = newRawPages(t), newHashMap(t)
		t.warnShort()
		return nil
	}
	return t.openCompressed(ctx, tail, o.Cache)
}

// warnShort tells a vmcore.N that was cut. One that ends with a page is what
// savecore makes where the last pages are zeros.
func (t *Target) warnShort() {
	c := t.pages.coverage()
	if c.Cut > 0 && (t.size < t.h.data || (t.size-t.h.data)%t.h.PageSize() != 0) {
		t.warn("the file ends early: %d of %d pages are missing", c.Cut, c.Pages)
	}
}

// tailState is what the end of a file tells.
type tailState struct {
	data  dataHeader
	off   uint64 // where the last header is
	found bool
}

// readHeaders reads the header and, of what may be a dump device, its copy at the
// end, which says where the first is.
func (t *Target) readHeaders() (tailState, error) {
	b := make([]byte, headerSize+cryptSize+32)
	n, _ := t.r.ReadAt(b, 0)
	first, err := parseHeader(b[:n])
	if err != nil && !errors.Is(err, ErrNotDump) {
		return tailState{}, err
	}
	if err == nil && !first.compressed() {
		t.h = first
		return tailState{}, nil
	}
	tail, last, terr := t.readTail(b)
	switch {
	case err != nil && terr != nil && !errors.Is(terr, ErrNotDump):
		return tail, terr // a dump device that cannot be read
	case err != nil && last == nil:
		return tail, ErrNotDump
	case err != nil:
		// The image of a dump device: the first copy must agree, else the device was
		// swapped on since.
		n, _ = t.r.ReadAt(b, int64(last.start))
		if first, err = parseHeader(b[:n]); err != nil || !first.same(last) {
			return tail, errors.New("initial dump header corrupt")
		}
	case last != nil && !first.same(last):
		t.warn("the headers at the beginning and the end differ; the first is taken")
	}
	t.h = first
	if errors.Is(terr, ErrNotDump) {
		return tail, nil
	}
	return tail, terr
}

// readTail reads the last header, nil if there is none, and what follows it.
func (t *Target) readTail(b []byte) (tailState, *header, error) {
	at, ok := tailOffset(int64(t.size))
	if !ok {
		return tailState{}, nil, ErrNotDump
	}
	n, _ := t.r.ReadAt(b, at)
	h, err := parseHeader(b[:n])
	if err != nil {
		return tailState{}, nil, err
	}
	d, err := parseDataHeader(b[headerSize:n], h.PageSize())
	if err != nil {
		return tailState{}, nil, err
	}
	return tailState{d, uint64(at), true}, h, nil
}

// openCompressed finds the pages of a vmdump.N, by the index in the cache if it has
// been opened before.
func (t *Target) openCompressed(ctx context.Context, tail tailState, cache *store.Store) error {
	a := &area{r: t.r, off: t.h.data, end: t.size, pageSize: t.h.PageSize(), pages: min(t.h.Pages, t.pfns.n), hdr: tail.data}
	cut := !tail.found
	if tail.found {
		a.end = tail.off
		if d := tail.data.size; d != 0 && d < a.end-min(a.off, a.end) {
			a.end = a.off + d
		}
	}
	x, err := t.index(ctx, a, cut, cache)
	if err != nil {
		return err
	}
	t.pages = x.newPages(t)
	t.vas = &vtopMap{file: t.file, off: t.h.vmap, pageShift: t.h.PageShift, extents: x.extents}
	if why := x.breakage(t.h.Pages); why != "" && cut {
		t.warn("the file ends early: %s", why)
	} else if why != "" {
		t.warn("%s", why)
	}
	return nil
}

func (t *Target) index(ctx context.Context, a *area, cut bool, cache *store.Store) (*index, error) {
	key := ""
	if cache != nil {
		key = t.indexKey()
		if b, err := cache.Get(indexKind, key); err == nil {
			if x, err := decodeIndex(b); err == nil {
				return x, nil
			}
		}
	}
	x, err := makeIndex(ctx, t, a, cut)
	if err == nil && cache != nil {
		_ = cache.Put(indexKind, key, x.encode()) // a cache that cannot be written costs time only
	}
	return x, err
}

// cachedPages is how many decompressed pages are kept.
func (t *Target) cachedPages() int { return dataCache >> t.h.PageShift }

func (t *Target) warn(format string, args ...any) {
	t.warnings = append(t.warnings, "warning: "+t.name+": "+fmt.Sprintf(format, args...))
}

// useUnix takes the symbols from a unix.N.
func (t *Target) useUnix(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	t.closers = append(t.closers, f)
	st, err := f.Stat()
	if err != nil {
		return err
	}
	t.ksymsOnce.Do(func() { t.ksyms, t.ksymsSize = f, st.Size() })
	return nil
}

// KSyms implements system.KernelDump.
func (t *Target) KSyms() (io.ReaderAt, int64) {
	t.ksymsOnce.Do(func() {
		off, n := t.h.ksyms, t.h.ksymsCsize
		if off >= t.size {
			return
		}
		n = min(n, t.size-off)
		t.ksyms, t.ksymsSize = io.NewSectionReader(t.r, int64(off), int64(n)), int64(n)
		if t.h.ksymsSize != t.h.ksymsCsize {
			t.decompressKSyms(n)
		}
	})
	return t.ksyms, t.ksymsSize
}

// maxKSyms bounds a symbol table in bytes.
const maxKSyms = 1 << 30

// decompressKSyms: kernels before 2009 compress the symbols, as one page.
func (t *Target) decompressKSyms(n uint64) {
	r := t.ksyms
	t.ksyms, t.ksymsSize = nil, 0
	if t.h.ksymsSize > maxKSyms || t.h.ksymsSize > 33*n {
		return // more than a copy of 66 bytes for two makes
	}
	src, dst := make([]byte, n), make([]byte, t.h.ksymsSize)
	if got, _ := r.ReadAt(src, 0); got < len(src) || !lz.LZJB(dst, src) {
		return
	}
	t.ksyms, t.ksymsSize = bytes.NewReader(dst), int64(len(dst))
}

// Kind implements core.Target.
func (t *Target) Kind() string { return "kvm" }

// Name implements core.Target.
func (t *Target) Name() string { return t.name }

// Close implements core.Target.
func (t *Target) Close() error {
	var err error
	for _, c := range t.closers {
		err = errors.Join(err, c.Close())
	}
	t.closers = nil
	return err
}

// Arch implements core.Machine: dumps of 64-bit kernels of this version and byte
// order are of amd64.
func (t *Target) Arch() *arch.Arch { return arch.AMD64 }

// State implements core.Stater.
func (t *Target) State() core.State { return core.StateDead }

// DumpHeader implements system.KernelDump.
func (t *Target) DumpHeader() *system.DumpHeader { return &t.h.DumpHeader }

// Physical implements system.KernelDump and core.Physical.
func (t *Target) Physical() mem.Space { return physical{t} }

// Lookup implements system.KernelDump.
func (t *Target) Lookup(as, va uint64) (uint64, bool) { return t.vas.lookup(as, va) }

// Coverage implements system.KernelDump.
func (t *Target) Coverage() system.Coverage { return t.pages.coverage() }

// Warnings implements core.Warner.
func (t *Target) Warnings() []string { return t.warnings }
