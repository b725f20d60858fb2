package value

import (
	"encoding/binary"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
)

// DerefError is a pointer on a path that could not be read.
type DerefError struct {
	Addr uint64 // of the pointer
	Err  error
}

func (e *DerefError) Error() string { return fmt.Sprintf("could not dereference pointer %x", e.Addr) }
func (e *DerefError) Unwrap() error { return e.Err }

// Access follows one compiled path from many addresses and reads what it leads
// to. It allocates nothing on the way; it is not for use by several goroutines.
type Access struct {
	Path *ctype.Path
	Base *ctype.Type // of what the path leads to, resolved

	w      *World
	enc    ctype.Encoding
	scalar bool
	little bool
	buf    [9]byte
}

// NewAccess prepares a path of a type of w.
func NewAccess(w *World, p *ctype.Path) *Access {
	a := &Access{Path: p, Base: w.Resolve(p.Type), w: w}
	a.enc, a.scalar = intEncoding(a.Base, p.Bits)
	a.little = w.order() == binary.ByteOrder(binary.LittleEndian)
	if k := a.Base.Kind(); k == ctype.Function {
		a.scalar = false
	}
	return a
}

// Encoding is how a scalar is stored; ok is false if the path leads to none.
func (a *Access) Encoding() (e ctype.Encoding, ok bool) { return a.enc, a.scalar }

// Follow gives the address that the path leads to from base, which lies in sp,
// and the space it lies in: the World's, once a pointer has been followed. warn
// gets what is to be said on the way; nil drops it.
func (a *Access) Follow(sp mem.Space, base uint64, warn func(string)) (uint64, mem.Space, error) {
	for i := range a.Path.Steps {
		s := &a.Path.Steps[i]
		if s.Ptr != 0 {
			p, err := a.uint(sp, base, int(s.Ptr))
			if err != nil {
				return base, sp, &DerefError{base, err}
			}
			base = p
			if a.w.Space != nil {
				sp = a.w.Space
			}
		}
		base += s.Add
		if s.Warn != "" && warn != nil {
			warn(s.Warn)
		}
	}
	return base, sp, a.Path.Err
}

// Pointer reads a pointer of n bytes, such as a list's link.
func (a *Access) Pointer(sp mem.Space, addr uint64, n int) (uint64, error) {
	return a.uint(sp, addr, n)
}

// uint reads an unsigned integer of n bytes.
func (a *Access) uint(sp mem.Space, addr uint64, n int) (uint64, error) {
	b := a.buf[:n]
	if got, err := sp.ReadAt(b, mem.Addr(addr)); got != n {
		if err == nil {
			err = mem.Fault(mem.Addr(addr)+mem.Addr(got), mem.ErrUnmapped)
		}
		return 0, err
	}
	if a.little {
		switch n {
		case 8:
			return binary.LittleEndian.Uint64(b), nil
		case 4:
			return uint64(binary.LittleEndian.Uint32(b)), nil
		}
	}
	return mem.Uint(b, a.w.order()), nil
}

// Load reads the scalar at an address the path leads to: sign-extended for a
// bit-field of a signed type, else zero-extended.
func (a *Access) Load(sp mem.Space, addr uint64) (uint64, error) {
	if !a.scalar {
		return 0, ErrNotInteger
	}
	if !a.enc.IsBitField(uint64(a.Path.Off)) {
		return a.uint(sp, addr, int(a.enc.Bits/8))
	}
	v, err := readBits(sp, &a.buf, a.w.order(), addr, a.Path.Off, a.enc.Bits)
	if a.enc.Signed {
		v = uint64(signExtend(v, a.enc.Bits))
	}
	return v, err
}
