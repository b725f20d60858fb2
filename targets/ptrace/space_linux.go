//go:build amd64 || arm64

package ptrace

import (
	"errors"
	"io/fs"

	"github.com/xmdb/xmdb/core/mem"
	"golang.org/x/sys/unix"
)

// cacheSize bounds what is kept of a halted process's memory, bytes.
const cacheSize = 8 << 20

// space is the memory of a process, without breakpoints. What was read is kept while
// the process is halted.
type space struct {
	t     *Target
	m     *memory
	cache *mem.Cache
}

func newSpace(t *Target, m *memory) *space {
	s := &space{t: t, m: m}
	s.flush()
	return s
}

func (s *space) flush() { s.cache = mem.NewSpaceCache(raw{s}, cacheSize) }

// live tells that the process runs: nothing may be kept.
func (s *space) live() bool { return s.t.look || s.t.tracer != nil && s.t.tracer.inside }

// ReadAt implements mem.Space.
func (s *space) ReadAt(b []byte, a mem.Addr) (int, error) {
	if s.live() {
		return raw{s}.ReadAt(b, a)
	}
	return s.cache.ReadAt(b, a)
}

// WriteAt implements mem.Writer.
func (s *space) WriteAt(b []byte, a mem.Addr) (int, error) {
	if !s.t.write {
		return 0, mem.Fault(a, mem.ErrReadOnly)
	}
	var err error
	if s.t.p != nil {
		s.t.tracer.do(func() { err = s.t.p.writeOriginal(b, uint64(a)) })
	} else {
		err = s.m.write(b, uint64(a))
	}
	s.flush()
	if err != nil {
		return 0, mem.Fault(a, err)
	}
	return len(b), nil
}

// Mappings implements mem.Mapper.
func (s *space) Mappings() []mem.Mapping { return s.t.maps }

// raw reads anew each time.
type raw struct{ s *space }

func (r raw) ReadAt(b []byte, a mem.Addr) (int, error) {
	n, err := r.s.m.read(b, uint64(a))
	if r.s.t.p != nil {
		r.s.t.p.mask(b[:n], uint64(a))
	}
	if n < len(b) && err == nil {
		err = mem.ErrUnmapped
	}
	if err != nil {
		return n, mem.Fault(a+mem.Addr(n), err)
	}
	return n, nil
}

// errPerm makes any refusal of a file the refusal of ptrace that it is.
func errPerm(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return unix.EPERM
	}
	return err
}
