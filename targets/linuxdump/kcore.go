package linuxdump

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
)

// KcorePath is where Linux shows its own memory as an ELF core.
const KcorePath = "/proc/kcore"

// Live is the memory of the kernel that runs on this machine. What is read is
// remembered until Refresh only.
type Live struct {
	*Target
	began time.Time
	cache *mem.Cache
}

var (
	_ system.Changing  = (*Live)(nil)
	_ system.Refresher = (*Live)(nil)
)

// IsKcore tells whether a file is /proc/kcore.
func IsKcore(path string) bool {
	a, err := os.Stat(path)
	if err != nil {
		return false
	}
	b, err := os.Stat(KcorePath)
	return err == nil && os.SameFile(a, b)
}

// OpenKcore opens /proc/kcore, for which one must be root.
func OpenKcore(ctx context.Context, path string, o Options) (*Live, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l, err := openLive(ctx, part{path, f, kcoreSize}, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	l.closers = append(l.closers, f)
	return l, nil
}

// kcoreSize is the size taken for a kcore: what the file has of its own is its
// segments' addresses.
const kcoreSize = 1 << 62

func openLive(ctx context.Context, p part, o Options) (*Live, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := readELF(p.r, p.size)
	if errors.Is(err, errNotELF) {
		return nil, ErrNotDump
	}
	if err != nil {
		return nil, err
	}
	t := &Target{o: o, name: p.name}
	l := &Live{Target: t, began: time.Now(), cache: mem.NewCache(kcoreReader{p.r}, int64(p.size), fileCache)}
	t.kcore = true
	if err := t.takeELF(f, p, l.cache); err != nil {
		return nil, err
	}
	if len(t.ranges) == 0 {
		t.warn("physical addresses are not known: kernels before 4.15 do not tell them")
	}
	return l, nil
}

// kcoreReader reads /proc/kcore. Where a page cannot be read the kernel fails the whole
// read, so that one of several pages is tried page by page.
type kcoreReader struct{ r io.ReaderAt }

func (k kcoreReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := k.r.ReadAt(b, off)
	if err == nil || n == len(b) {
		return n, nil
	}
	const page = 4096
	for n < len(b) {
		want := min(len(b)-n, page-int(off+int64(n))%page)
		got, err := k.r.ReadAt(b[n:n+want], off+int64(n))
		n += got
		if got < want {
			return n, err
		}
	}
	return n, nil
}

// usable tells whether a kcore's segment has a physical address: the kernel's own code
// and data, and all memory. Others say -1, and before Linux 4.15 all say 0.
func (f *elfFile) usable(l *progHeader) bool {
	if f.shape.word == 4 && l.paddr == 1<<32-1 || l.paddr == ^uint64(0) {
		return false
	}
	return !f.notes.kcore || l.paddr != 0 || f.lowest(l)
}

// lowest tells whether a segment at physical address 0 is the only one there.
func (f *elfFile) lowest(l *progHeader) bool {
	for i := range f.loads {
		if o := &f.loads[i]; o != l && o.paddr == 0 {
			return false
		}
	}
	return true
}

// Running implements system.Changing.
func (l *Live) Running() bool { return true }

// Moment implements system.Changing: it advances each millisecond.
func (l *Live) Moment() uint64 { return uint64(time.Since(l.began).Milliseconds()) + 1 }

// Refresh implements system.Refresher.
func (l *Live) Refresh() { l.cache.Flush() }

// State implements core.Stater.
func (l *Live) State() core.State { return core.StateRunning }
