package mem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Addr is an address in some Space: a VA, a physical address or a file offset.
type Addr uint64

func (a Addr) String() string { return fmt.Sprintf("%#x", uint64(a)) }

// Space is one address space.
//
// ReadAt fills p from a. When n < len(p), err is an *Error that tells the first
// address that could not be read and the reason.
type Space interface {
	ReadAt(p []byte, a Addr) (n int, err error)
}

// Writer is a Space that can be written to. Targets return it only for spaces
// opened for writing; others lack the method or return ErrReadOnly.
type Writer interface {
	WriteAt(p []byte, a Addr) (n int, err error)
}

// Mapper is a Space that knows its mapped ranges, in ascending order.
type Mapper interface {
	Mappings() []Mapping
}

// Mapping is one mapped range, [Base, Base+Size).
type Mapping struct {
	Base Addr
	Size uint64
	Name string // path of the mapped file, "[stack]"-like tag, or ""
	Off  uint64 // offset in the file, bytes
	Prot Prot
}

// End is the first address past the mapping.
func (m Mapping) End() Addr { return m.Base + Addr(m.Size) }

// Contains tells whether a lies in the mapping.
func (m Mapping) Contains(a Addr) bool { return a >= m.Base && uint64(a-m.Base) < m.Size }

// Prot is a mapping's protection.
type Prot uint8

// Protection bits.
const (
	ProtRead Prot = 1 << iota
	ProtWrite
	ProtExec
)

// Reasons a byte cannot be read or written. MDB's wording is the text.
var (
	ErrUnmapped  = errors.New("no mapping for address")
	ErrFiltered  = errors.New("page was not dumped (filtered)")
	ErrTruncated = errors.New("not in the dump: file is truncated")
	ErrNotDumped = errors.New("not in the dump: never dumped")
	ErrReadOnly  = errors.New("target is not open for writing")
	ErrEOF       = errors.New("cannot read past current end of file")
)

// Error is a failed access: at Addr, because of Err.
type Error struct {
	Addr Addr
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%v: %v", e.Addr, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Fault makes an *Error.
func Fault(a Addr, err error) *Error { return &Error{a, err} }

// Reason gives the innermost reason of a failed access as MDB words it, without
// the address.
func Reason(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// ReadFull reads exactly len(p) bytes or fails.
func ReadFull(s Space, p []byte, a Addr) error {
	n, err := s.ReadAt(p, a)
	if n == len(p) {
		return nil
	}
	if err == nil {
		err = Fault(a+Addr(n), ErrUnmapped)
	}
	return err
}

// ReadUint reads an unsigned integer of size 1, 2, 4 or 8 bytes.
func ReadUint(s Space, a Addr, size int, order binary.ByteOrder) (uint64, error) {
	if size < 1 || size > 8 {
		return 0, fmt.Errorf("read integer: no integer of %d bytes", size)
	}
	if v, ok := viewUint(s, a, size, order); ok {
		return v, nil
	}
	return copyUint(s, a, size, order)
}

// copyUint is apart from ReadUint so that only it pays for a buffer on the heap.
func copyUint(s Space, a Addr, size int, order binary.ByteOrder) (uint64, error) {
	var b [8]byte
	if err := ReadFull(s, b[:size], a); err != nil {
		return 0, err
	}
	return Uint(b[:size], order), nil
}

// Uint decodes 1 to 8 bytes as an unsigned integer.
func Uint(b []byte, order binary.ByteOrder) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(order.Uint16(b))
	case 4:
		return uint64(order.Uint32(b))
	case 8:
		return order.Uint64(b)
	}
	var v uint64
	big := order.String() == "BigEndian"
	for i := range b {
		if big {
			v = v<<8 | uint64(b[i])
		} else {
			v |= uint64(b[i]) << (8 * i)
		}
	}
	return v
}

// PutUint encodes v in 1, 2, 4 or 8 bytes.
func PutUint(b []byte, v uint64, order binary.ByteOrder) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		order.PutUint16(b, uint16(v))
	case 4:
		order.PutUint32(b, uint32(v))
	case 8:
		order.PutUint64(b, v)
	}
}

// ReadString reads a NUL-terminated string of at most max bytes. A string that
// meets unreadable memory before its NUL gives what was read and the error; one
// longer than max gives max bytes and no error.
func ReadString(s Space, a Addr, max int) (string, error) {
	var out []byte
	var buf [256]byte
	for len(out) < max {
		// Never read past a page for a string that ends before it.
		n := min(len(buf), max-len(out), int(256-uint64(a)%256))
		got, err := s.ReadAt(buf[:n], a)
		for i := range got {
			if buf[i] == 0 {
				return string(append(out, buf[:i]...)), nil
			}
		}
		out = append(out, buf[:got]...)
		if got < n {
			if err == nil {
				err = Fault(a+Addr(got), ErrUnmapped)
			}
			return string(out), err
		}
		a += Addr(n)
	}
	return string(out), nil
}

// File is the Space of an io.ReaderAt's bytes: address = offset.
type File struct {
	R    io.ReaderAt
	Size int64 // bytes; reads past it fail with ErrEOF
}

// ReadAt implements Space.
func (f *File) ReadAt(p []byte, a Addr) (int, error) {
	if uint64(a) >= uint64(f.Size) {
		return 0, Fault(a, ErrEOF)
	}
	want := p
	if rest := uint64(f.Size) - uint64(a); uint64(len(p)) > rest {
		want = p[:rest]
	}
	n, err := f.R.ReadAt(want, int64(a))
	if n == len(p) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = ErrEOF
	}
	return n, Fault(a+Addr(n), err)
}

// WriteAt implements Writer when the file was opened for writing.
func (f *File) WriteAt(p []byte, a Addr) (int, error) {
	w, ok := f.R.(io.WriterAt)
	if !ok {
		return 0, Fault(a, ErrReadOnly)
	}
	if uint64(a) >= uint64(f.Size) || uint64(len(p)) > uint64(f.Size)-uint64(a) {
		return 0, Fault(a, ErrEOF)
	}
	return w.WriteAt(p, int64(a))
}
