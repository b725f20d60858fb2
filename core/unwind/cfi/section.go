package cfi

import (
	"errors"
	"fmt"
	"io"
)

// Errors of this package. Read errors of a Section's reader are wrapped.
var (
	// ErrNoFDE: no entry covers the PC.
	ErrNoFDE = errors.New("no call frame information")
	// ErrMalformed: the bytes are no valid table.
	ErrMalformed = errors.New("malformed call frame information")
	// ErrLimit: a table or program exceeds a limit of this package.
	ErrLimit = errors.New("call frame information exceeds a limit")
	// ErrUnsupported: a version, augmentation or encoding this package lacks.
	ErrUnsupported = errors.New("unsupported call frame information")
)

// Limits.
const (
	maxEntry   = 1 << 20
	maxCIE     = 1 << 12
	maxSection = 256 << 20
	maxIndex   = 4 << 20
	maxRegs    = 128
	maxDepth   = 64
	maxExpr    = 1 << 10
	maxSteps   = 1 << 18
)

// Section is a section's bytes and address.
type Section struct {
	Addr uint64 // VA of the first byte
	Data []byte // the bytes, or
	R    io.ReaderAt
	Size uint64 // bytes in R; 0 if not known
}

// Empty tells whether there is no such section.
func (s *Section) Empty() bool { return s.Data == nil && s.R == nil }

// size is the number of bytes, or the largest there may be if it is not known.
func (s *Section) size() uint64 {
	switch {
	case s.Data != nil:
		return uint64(len(s.Data))
	case s.Size != 0:
		return s.Size
	}
	return maxSection
}

// bytes gives n bytes from an offset; they must not be changed.
func (s *Section) bytes(off, n uint64) ([]byte, error) {
	if size := s.size(); off > size || n > size-off {
		return nil, fmt.Errorf("%d bytes at %#x are past the section's end: %w", n, off, ErrMalformed)
	}
	if s.Data != nil {
		return s.Data[off : off+n : off+n], nil
	}
	b := make([]byte, n)
	if got, err := s.R.ReadAt(b, int64(off)); uint64(got) != n {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read %d bytes at %#x of the section: %w", n, off, err)
	}
	return b, nil
}

// load reads a section of known size as a whole.
func (s *Section) load() error {
	if s.Data != nil || s.Size == 0 {
		return nil
	}
	if s.Size > maxSection {
		return fmt.Errorf("section of %d bytes: %w", s.Size, ErrLimit)
	}
	b, err := s.bytes(0, s.Size)
	if err == nil {
		s.Data = b
	}
	return err
}

// memReader is memory from an address on as an io.ReaderAt.
type memReader struct {
	read func(p []byte, addr uint64) error
	base uint64
}

func (m memReader) ReadAt(p []byte, off int64) (int, error) {
	if err := m.read(p, m.base+uint64(off)); err != nil {
		return 0, err
	}
	return len(p), nil
}
