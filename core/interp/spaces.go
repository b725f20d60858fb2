package interp

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// ObjectSpace is what ? and the % operator read.
func ObjectSpace(s *core.Session) mem.Space {
	if t, ok := core.As[core.ObjectFile](s.Context()); ok {
		return t.ObjectFile()
	}
	return s.Space()
}

// PhysicalSpace is what \ and @ read.
func PhysicalSpace(s *core.Session) mem.Space {
	if t, ok := core.As[core.Physical](s.Context()); ok {
		return t.Physical()
	}
	return lacking{}
}

// lacking is a space that the target does not have.
type lacking struct{}

func (lacking) ReadAt(_ []byte, a mem.Addr) (int, error) { return 0, mem.Fault(a, core.ErrNotSup) }

// valueSpace is what = reads: the bytes of a value, whatever the address.
type valueSpace []byte

func (v valueSpace) ReadAt(p []byte, a mem.Addr) (int, error) {
	n := copy(p, v)
	if n < len(p) {
		return n, mem.Fault(a+mem.Addr(n), mem.ErrEOF)
	}
	return n, nil
}

// padded is a value with zeros after it, as instructions are decoded from one.
type padded []byte

func (v padded) ReadAt(p []byte, _ mem.Addr) (int, error) {
	clear(p[copy(p, v):])
	return len(p), nil
}
