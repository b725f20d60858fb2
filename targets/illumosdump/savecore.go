package illumosdump

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// Save says what Savecore is to write.
type Save struct {
	Dir      string
	N        int                     // of unix.N and vmcore.N
	Force    bool                    // write over files that are there
	Progress func(done, total int64) // in pages; nil for none
	Log      func(line string)       // what savecore(8) would say; nil for none
}

// Saved is what was written.
type Saved struct {
	Pages uint64 // in vmcore.N
	Lost  uint64 // pages of the dump that are in no file
}

// Savecore writes unix.N and vmcore.N from a vmdump.N by the rules of savecore(8):
// the header without DumpValid and DumpCompressed, the symbols, the pfns, the
// translations hashed, the pages. Pages of zeros at the beginning of 128 KiB of the
// file are holes, at the end of the file they are left out.
//
// It differs where savecore gives up: of a dump that misses pages it writes the
// others, and says so in the header (fewer pages, not DumpComplete).
//
// Both files appear when they are complete, or not at all.
func (t *Target) Savecore(ctx context.Context, s Save) (Saved, error) {
	if !t.h.compressed() {
		return Saved{}, errors.New("dump is not compressed: there is nothing to save")
	}
	w, err := newSaver(t, s)
	if err != nil {
		return Saved{}, err
	}
	unix, vmcore := w.path("unix"), w.path("vmcore")
	if !s.Force {
		for _, path := range []string{unix, vmcore} {
			if _, err := os.Lstat(path); err == nil {
				return Saved{}, fmt.Errorf("%s already exists: give -f to write over it", path)
			}
		}
	}
	if err := w.checkSpace(); err != nil {
		return Saved{}, err
	}
	w.log("Constructing namelist %s", unix)
	unixTemp, err := w.write(ctx, "unix", w.writeUnix)
	if err != nil {
		return Saved{}, w.explain(err)
	}
	defer os.Remove(unixTemp) // gone if all went well
	w.log("Constructing corefile %s", vmcore)
	coreTemp, err := w.write(ctx, "vmcore", w.writeVmcore)
	if err != nil {
		return Saved{}, w.explain(err)
	}
	defer os.Remove(coreTemp)
	if err := os.Rename(unixTemp, unix); err != nil {
		return Saved{}, err
	}
	if err := os.Rename(coreTemp, vmcore); err != nil {
		os.Remove(unix)
		return Saved{}, err
	}
	saved := Saved{w.n, t.h.Pages - w.n}
	w.log("%d of %d pages saved", saved.Pages, t.h.Pages)
	return saved, nil
}

// span is a run of pages that are there: their place in the dump's pfn table, and
// in that of the file written.
type span struct{ from, n, to uint64 }

// saver writes the files of one dump.
type saver struct {
	Save
	t     *Target
	spans []span
	n     uint64 // pages
	hdr   [headerSize]byte
	pfn, vmap, data,
	end uint64 // of vmcore.N: offsets, and where its last page ends
}

func newSaver(t *Target, s Save) (*saver, error) {
	w := &saver{Save: s, t: t, spans: t.pages.spans()}
	for i := range w.spans {
		w.spans[i].to = w.n
		w.n += w.spans[i].n
	}
	h := t.h
	if h.Vtops > h.hashMask+1 || h.hashMask/4 > h.Vtops {
		return nil, fmt.Errorf("dump header is damaged: %d translations with hash mask %#x", h.Vtops, h.hashMask)
	}
	if t.pfns.n < w.n {
		return nil, errors.New("the pfn table of the dump is cut off")
	}
	size := h.PageSize()
	up := func(n uint64) uint64 { return (n + size - 1) &^ (size - 1) }
	w.pfn = size + up(h.ksymsSize)
	w.vmap = w.pfn + up(8*w.n)
	w.data = w.vmap + up((h.hashMask+1)*mapEntry)
	w.end = w.data + w.n<<h.PageShift
	w.hdr = h.raw
	flags := h.Flags &^ (system.DumpValid | system.DumpCompressed)
	if w.n < h.Pages {
		flags &^= system.DumpComplete
		le.PutUint64(w.hdr[1840:], w.n)
	}
	le.PutUint32(w.hdr[8:], uint32(flags))
	le.PutUint64(w.hdr[24:], size)
	le.PutUint64(w.hdr[32:], w.pfn)
	le.PutUint64(w.hdr[40:], w.vmap)
	le.PutUint64(w.hdr[48:], w.data)
	return w, nil
}

func (w *saver) path(kind string) string {
	return filepath.Join(w.Dir, fmt.Sprintf("%s.%d", kind, w.N))
}

func (w *saver) log(format string, args ...any) {
	if w.Log != nil {
		w.Log(fmt.Sprintf(format, args...))
	}
}

// checkSpace tells a file system that is too small before half of it is written.
func (w *saver) checkSpace() error {
	need := w.end + w.t.h.ksymsSize
	if free, ok := freeSpace(w.Dir); ok && free < need {
		return fmt.Errorf("not enough space in %s (%d MB avail, %d MB needed)", w.Dir, free>>20, need>>20)
	}
	return nil
}

// explain adds to the error of a full disk how much is needed.
func (w *saver) explain(err error) error {
	if isNoSpace(err) {
		return fmt.Errorf("%w (%d MB needed in %s)", err, (w.end+w.t.h.ksymsSize)>>20, w.Dir)
	}
	return err
}

// write makes a temporary file in the directory and gives its name.
func (w *saver) write(ctx context.Context, kind string, fill func(context.Context, *os.File) error) (name string, err error) {
	name = filepath.Join(w.Dir, fmt.Sprintf(".%s.%d.%d", kind, w.N, os.Getpid()))
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return "", err
	}
	err = fill(ctx, f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(name)
	}
	return name, err
}

func (w *saver) writeUnix(_ context.Context, f *os.File) error {
	r, n := w.t.KSyms()
	if n == 0 || uint64(n) != w.t.h.ksymsSize {
		w.log("bad data in symbol table, %d of %d bytes saved", n, w.t.h.ksymsSize)
	}
	if n == 0 {
		return nil
	}
	_, err := io.Copy(f, io.NewSectionReader(r, 0, n))
	return err
}

func (w *saver) writeVmcore(ctx context.Context, f *os.File) error {
	h := w.t.h
	// As they are in the dump, compressed or not.
	_, err := io.Copy(io.NewOffsetWriter(f, int64(h.PageSize())), io.NewSectionReader(w.t.r, int64(h.ksyms), int64(min(h.ksymsCsize, w.t.size))))
	if err == nil {
		err = w.writePFNs(f)
	}
	if err == nil {
		err = w.writeMap(ctx, f)
	}
	if err == nil {
		err = w.writePages(ctx, f)
	}
	if err == nil {
		_, err = f.WriteAt(w.hdr[:], 0) // last: until now the file is no dump
	}
	return err
}

func (w *saver) writePFNs(f *os.File) error {
	out := bufio.NewWriterSize(io.NewOffsetWriter(f, int64(w.pfn)), 1<<20)
	for _, s := range w.spans {
		r := io.NewSectionReader(w.t.r, int64(w.t.h.pfn+8*s.from), int64(8*s.n))
		if n, err := io.Copy(out, r); err != nil || n != r.Size() {
			return errors.Join(err, errors.New("the pfn table of the dump is cut off"))
		}
	}
	return out.Flush()
}

// place gives the place of a page in the file written.
func (w *saver) place(i uint64) (uint64, bool) {
	lo, hi := 0, len(w.spans)
	for lo < hi {
		mid := (lo + hi) / 2
		if s := w.spans[mid]; i < s.from {
			hi = mid
		} else if i-s.from < s.n {
			return s.to + i - s.from, true
		} else {
			lo = mid + 1
		}
	}
	return 0, false
}

// savePages is how many pages one worker takes at a time, saveWindow how many are
// written at once, if they begin with one that is not zero.
const (
	savePages  = 1024
	saveWindow = 128 << 10 // bytes of the file
)

// writePages decompresses on all processors.
func (w *saver) writePages(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Uint64
	m := out.NewMeter(int64(w.n), w.Progress)
	defer m.End()
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			buf := make([]byte, 0, saveWindow)
			for ctx.Err() == nil {
				from := next.Add(savePages) - savePages
				if from >= w.n {
					return
				}
				to := min(from+savePages, w.n)
				if err := w.writeRange(f, from, to, buf); err != nil {
					cancel(err)
					return
				}
				m.Add(int64(to - from))
			}
		}()
	}
	wg.Wait()
	return context.Cause(ctx)
}

// writeRange writes pages [from, to) by their places in the file. A window is cut
// at the ends of the range too, which savePages makes a multiple of it; where the
// data does not begin at one, a hole more or less comes of it.
func (w *saver) writeRange(f *os.File, from, to uint64, buf []byte) error {
	start := uint64(0) // of buf in the file
	flush := func() error {
		if len(buf) == 0 {
			return nil
		}
		_, err := f.WriteAt(buf, int64(start))
		buf = buf[:0]
		return err
	}
	k := 0
	for i := from; i < to; i++ {
		for i-w.spans[k].to >= w.spans[k].n {
			k++
		}
		s := w.spans[k]
		b, err := w.t.pages.page(s.from + i - s.to)
		if err != nil {
			return fmt.Errorf("read page %d: %w", s.from+i-s.to, err)
		}
		at := w.data + i<<w.t.h.PageShift
		if len(buf) == 0 {
			if allZero(b) {
				continue
			}
			start = at
		}
		buf = append(buf, b...)
		if end := at + uint64(len(b)); end%saveWindow == 0 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func allZero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if le.Uint64(b) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
