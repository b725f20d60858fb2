package qemu

import (
	"errors"
	"fmt"
	"os"

	"github.com/xmdb/xmdb/core/mem"
)

// errNoWrites is why memory that is read through the monitor stays as it is.
var errNoWrites = errors.New("the monitor, through which memory is read, cannot write it (-g gdb: can)")

// Writable implements core.Reopener.
func (t *Target) Writable() bool { return t.mem.writable() }

// SetWritable implements core.Reopener: the files that memory is read from are opened
// anew.
func (t *Target) SetWritable(on bool) error {
	t.write = on
	return t.mem.setWritable(on)
}

// writable tells whether any of memory can be written to.
func (p *memory) writable() bool {
	for _, s := range p.spaces {
		if s.w != nil {
			return true
		}
	}
	return false
}

// setWritable opens files for writing, or closes them.
func (p *memory) setWritable(on bool) error {
	if len(p.spaces) == 0 && on {
		return errNoWrites
	}
	open := map[*os.File]*os.File{}
	var failed error
	for _, s := range p.spaces {
		if s.w != nil {
			s.w.Close() // again, where several parts of memory have one file
			s.w = nil
		}
		if !on {
			continue
		}
		if open[s.f] == nil {
			w, err := reopen(s.f)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			open[s.f] = w
		}
		s.w = open[s.f]
	}
	if on && len(open) == 0 {
		return failed
	}
	return nil // a part that cannot be written to says so when it is
}

// reopen opens a file that is open for reading for writing, too. A file of no name
// (memfd), or of one that somebody else has now, is opened by its descriptor.
func reopen(f *os.File) (*os.File, error) {
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		w, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return w, err
		}
	}
	return os.OpenFile(f.Name(), os.O_RDWR, 0)
}

// WriteAt implements mem.Writer.
func (s *fileSpace) WriteAt(b []byte, a mem.Addr) (int, error) {
	if s.w == nil {
		return 0, mem.Fault(a, mem.ErrReadOnly)
	}
	n, err := s.w.WriteAt(b, int64(a))
	if err != nil {
		if s.host != nil && !s.host.alive() {
			err = ErrGone
		}
		return n, mem.Fault(a+mem.Addr(n), err)
	}
	return n, nil
}
