package elfcore

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Limits of decompression.
const (
	maxCore     = 1 << 42   // bytes of a decompressed core, holes included
	maxInMemory = 512 << 20 // bytes, where there is no temporary file
	maxZstdWin  = 128 << 20 // bytes of window
)

// compression is a way a core may be compressed.
type compression struct {
	name  string
	magic string
	open  func(io.Reader) (io.Reader, error)
}

var compressions = []compression{
	{"zstd", "\x28\xb5\x2f\xfd", openZstd},
	{"xz", "\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }},
	{"gzip", "\x1f\x8b\x08", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"lz4", "\x04\x22\x4d\x18", func(r io.Reader) (io.Reader, error) { return newLZ4Reader(r), nil }},
}

func openZstd(r io.Reader) (io.Reader, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxZstdWin), zstd.WithDecoderConcurrency(min(runtime.NumCPU(), 4)))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

// Compressed names how a file that begins with head is compressed; "" if it is
// not, or in no way known here.
func Compressed(head []byte) string {
	for _, c := range compressions {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			return c.name
		}
	}
	return ""
}

// Progress is told how many of total bytes of the compressed file are done.
type Progress func(done, total int64)

// store is where a decompressed core is kept.
type store interface {
	io.ReaderAt
	io.Closer
}

// decompress reads f, which is compressed as kind says, to its end, if its first bytes
// are accepted: else it is ErrNotCore. A file that is damaged or ends early gives what
// came before, and why in cut.
func decompress(ctx context.Context, f *os.File, size int64, kind string, accept func(head []byte) bool, progress Progress) (s store, n int64, cut error, err error) {
	var c compression
	for _, k := range compressions {
		if k.name == kind {
			c = k
		}
	}
	src := &meter{ctx: ctx, r: io.NewSectionReader(f, 0, size), total: size, progress: progress}
	zr, err := c.open(src)
	if err != nil {
		return nil, 0, nil, fmt.Errorf("decompress %s: %w", kind, err)
	}
	if zc, ok := zr.(io.Closer); ok {
		defer zc.Close()
	}
	// What is no core is not worth decompressing to its end.
	head := make([]byte, ehdrSize)
	got, err := io.ReadFull(zr, head)
	if err == nil && !accept(head) || err == io.EOF || got > 0 && err == io.ErrUnexpectedEOF {
		return nil, 0, nil, ErrNotCore
	}
	w, werr := newSpill()
	if werr != nil {
		return nil, 0, nil, werr
	}
	if err == nil {
		_, err = io.CopyBuffer(struct{ io.Writer }{w}, io.MultiReader(bytes.NewReader(head), zr), make([]byte, 256<<10))
	}
	if err == nil {
		err = w.finish()
	} else if ctx.Err() == nil && !w.failed && w.size > 0 {
		cut = fmt.Errorf("decompress %s: %w", kind, err)
		err = w.finish()
	}
	if err != nil {
		w.Close()
		return nil, 0, nil, fmt.Errorf("decompress %s: %w", kind, err)
	}
	return w, w.size, cut, nil
}

// meter counts what is read and stops when its context ends.
type meter struct {
	ctx         context.Context
	r           io.Reader
	done, total int64
	progress    Progress
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.done += int64(n)
	if m.progress != nil {
		m.progress(m.done, m.total)
	}
	return n, err
}

// spill is a temporary file without a name that keeps runs of zeros as holes, or
// a buffer where no file can be made.
type spill struct {
	f      *os.File
	remove string // name to be removed at the end; "" if it is gone already
	mem    []byte
	size   int64
	failed bool // writing failed, not reading
}

func newSpill() (*spill, error) {
	f, err := os.CreateTemp(tempDir(), "xmdb-core-*")
	if err != nil {
		return &spill{}, nil // in memory
	}
	s := &spill{f: f}
	if os.Remove(f.Name()) != nil { // some hosts do not remove open files
		s.remove = f.Name()
	}
	return s, nil
}

// tempDir is $TMPDIR or, because cores are large and /tmp is often memory,
// /var/tmp.
func tempDir() string {
	if os.Getenv("TMPDIR") == "" && runtime.GOOS != "windows" {
		if st, err := os.Stat("/var/tmp"); err == nil && st.IsDir() {
			return "/var/tmp"
		}
	}
	return os.TempDir()
}

const holeSize = 4096 // granularity of holes, bytes

func (s *spill) Write(p []byte) (int, error) {
	if s.size+int64(len(p)) > maxCore {
		s.failed = true
		return 0, fmt.Errorf("core is larger than %d bytes", int64(maxCore))
	}
	if s.f == nil {
		if len(s.mem)+len(p) > maxInMemory {
			s.failed = true
			return 0, errors.New("no temporary file could be made, and the core is too large for memory")
		}
		s.mem = append(s.mem, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	for at := 0; at < len(p); {
		// Up to the next multiple of holeSize in the file.
		n := min(len(p)-at, int(holeSize-(s.size%holeSize)))
		run := at + n
		zero := allZero(p[at:run])
		for run < len(p) {
			k := min(len(p)-run, holeSize)
			if allZero(p[run:run+k]) != zero {
				break
			}
			run += k
		}
		if !zero {
			if _, err := s.f.WriteAt(p[at:run], s.size); err != nil {
				s.failed = true
				return at, err
			}
		}
		s.size += int64(run - at)
		at = run
	}
	return len(p), nil
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if le.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// finish gives the file its length: it may end in a hole.
func (s *spill) finish() error {
	if s.f == nil {
		return nil
	}
	return s.f.Truncate(s.size)
}

func (s *spill) ReadAt(p []byte, off int64) (int, error) {
	if s.f == nil {
		return bytes.NewReader(s.mem).ReadAt(p, off)
	}
	return s.f.ReadAt(p, off)
}

func (s *spill) Close() error {
	if s.f == nil {
		s.mem = nil
		return nil
	}
	err := s.f.Close()
	if s.remove != "" {
		os.Remove(s.remove)
	}
	return err
}
