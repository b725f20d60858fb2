package dwarf

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"unsafe"
)

// smallSection is the size up to which a section is read whole when first used.
const smallSection = 1 << 20

// section is one debug section. Small ones, and those that have to be
// decompressed or relocated, are read whole on first use; of the others only
// the pieces asked for are read.
type section struct {
	name string
	size uint64      // bytes of plain data
	r    io.ReaderAt // plain data; nil if only load can give it
	load func() ([]byte, error)
	keep uint64 // up to this size it is kept in memory once it is used

	mu   sync.Mutex
	data []byte
	err  error
	done bool
}

// newSection is a section of plain bytes.
func newSection(name string, r io.ReaderAt, size uint64) *section {
	s := &section{name: name, size: size, r: r, keep: smallSection}
	s.load = func() ([]byte, error) { return readRange(r, 0, size) }
	return s
}

// readRange reads n bytes at off. It allocates as the bytes arrive, so that a
// size that lies does not cost its memory.
func readRange(r io.ReaderAt, off, n uint64) ([]byte, error) {
	const step = 64 << 20
	if n <= step {
		p := make([]byte, n)
		if k, err := r.ReadAt(p, int64(off)); k < len(p) {
			return nil, shortRead(err)
		}
		return p, nil
	}
	var buf bytes.Buffer
	k, err := io.Copy(&buf, io.NewSectionReader(r, int64(off), int64(n)))
	if uint64(k) < n {
		return nil, shortRead(err)
	}
	return buf.Bytes(), nil
}

func shortRead(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// present tells whether the file has the section.
func (s *section) present() bool { return s != nil && s.size > 0 }

// all gives the whole section and keeps it.
func (s *section) all() ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.done {
		s.data, s.err = s.load()
		if s.err != nil {
			s.err = fmt.Errorf("read section %s: %w", s.name, s.err)
		}
		s.done = true
	}
	return s.data, s.err
}

// whole gives the whole section without keeping it, unless it is kept already.
func (s *section) whole() ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	s.mu.Lock()
	kept := s.done
	s.mu.Unlock()
	if kept || s.r == nil || s.size <= s.keep {
		return s.all()
	}
	b, err := readRange(s.r, 0, s.size)
	if err != nil {
		return nil, fmt.Errorf("read section %s: %w", s.name, err)
	}
	return b, nil
}

// resident gives the whole section if it is or should be in memory.
func (s *section) resident() ([]byte, bool, error) {
	if s.r == nil || s.size <= s.keep {
		b, err := s.all()
		return b, true, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data, s.done && s.err == nil, nil
}

// upTo gives at most n bytes from off, fewer at the section's end. Callers must
// not change them.
func (s *section) upTo(off, n uint64) ([]byte, error) {
	if !s.present() {
		return nil, fmt.Errorf("no section %s", s.label())
	}
	b, ok, err := s.resident()
	if err != nil {
		return nil, err
	}
	size := s.size
	if ok {
		size = uint64(len(b))
	}
	if off > size {
		return nil, fmt.Errorf("offset %#x is past the end of section %s", off, s.name)
	}
	n = min(n, size-off)
	if ok {
		return b[off : off+n : off+n], nil
	}
	if b, err = readRange(s.r, off, n); err != nil {
		return nil, fmt.Errorf("read section %s at %#x: %w", s.name, off, err)
	}
	return b, nil
}

// into is bytes with a buffer for what has to be read.
func (s *section) into(buf []byte, off, n uint64) ([]byte, error) {
	if !s.present() || uint64(cap(buf)) < n {
		return s.bytes(off, n)
	}
	if b, ok, err := s.resident(); ok || err != nil {
		if err != nil || off > uint64(len(b)) || n > uint64(len(b))-off {
			return s.bytes(off, n)
		}
		return b[off : off+n : off+n], nil
	}
	if off > s.size || n > s.size-off {
		return s.bytes(off, n)
	}
	if k, err := s.r.ReadAt(buf[:n], int64(off)); uint64(k) < n {
		return nil, fmt.Errorf("read section %s at %#x: %w", s.name, off, shortRead(err))
	}
	return buf[:n:n], nil
}

// bytes gives exactly n bytes from off.
func (s *section) bytes(off, n uint64) ([]byte, error) {
	b, err := s.upTo(off, n)
	if err == nil && uint64(len(b)) < n {
		err = fmt.Errorf("section %s: %w", s.name, errShort)
	}
	return b, err
}

func (s *section) label() string {
	if s == nil {
		return "of that kind"
	}
	return s.name
}

// maxString bounds a string that has to be read from the file. The names of C++
// templates reach tens of kilobytes.
const maxString = 1 << 18

// str gives the NUL-terminated string at off. One in a section that is in memory
// takes none of its own, however often it is asked for.
func (s *section) str(off uint64) (string, error) {
	if !s.present() {
		return "", fmt.Errorf("no section %s", s.label())
	}
	if b, ok, err := s.resident(); ok || err != nil {
		if err != nil {
			return "", err
		}
		if off < uint64(len(b)) {
			if n := bytes.IndexByte(b[off:], 0); n >= 0 {
				return unsafe.String(&b[off], n), nil // nobody changes b
			}
		}
		return "", s.badString(off)
	}
	for n := uint64(128); n <= maxString; n *= 8 {
		b, err := s.upTo(off, n)
		if err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(b[:i]), nil
		}
		if uint64(len(b)) < n {
			break
		}
	}
	return "", s.badString(off)
}

func (s *section) badString(off uint64) error {
	return fmt.Errorf("section %s: string at %#x does not end", s.name, off)
}
