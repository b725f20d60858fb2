package system

import (
	"errors"
	"sync/atomic"

	"github.com/xmdb/xmdb/core/mem"
)

// VirtualOnly is a KernelVirtual whose physical memory cannot be read, if the method says
// so: bhyve's gdb stub. A kernel is then found at the addresses that kernels have, and the
// map of all physical memory that it keeps for itself (Linux' direct map, illumos' segkpm)
// stands in for physical memory: page tables, and by them processes, are read by it.
type VirtualOnly interface {
	KernelVirtual
	VirtualOnly() bool
}

// onlyVirtual is the virtual memory of a machine that has nothing else; nil if it has.
func onlyVirtual(m KernelMemory) mem.Space {
	if v, ok := m.(VirtualOnly); ok && v.VirtualOnly() {
		return v.KernelVirtual()
	}
	return nil
}

// errNoWindow is why physical memory cannot be read before a kernel's map of it is known.
var errNoWindow = errors.New("the kernel's map of physical memory is not known")

// window is physical memory as a kernel maps it, from base on.
type window struct {
	virt mem.Space
	base atomic.Uint64 // VA of physical address 0; 0: not known
	size atomic.Uint64 // bytes: beyond them is something else
}

// open tells where the kernel has its map.
func (w *window) open(base, size uint64) {
	w.size.Store(min(size, directSize))
	w.base.Store(base)
}

// place gives the VA of a physical address, and how many bytes follow.
func (w *window) place(a mem.Addr) (va mem.Addr, rest uint64, err error) {
	base, size := w.base.Load(), w.size.Load()
	switch {
	case base == 0:
		return 0, 0, errNoWindow
	case uint64(a) >= size:
		return 0, 0, mem.ErrUnmapped
	}
	return mem.Addr(base) + a, size - uint64(a), nil
}

// ReadAt implements mem.Space.
func (w *window) ReadAt(p []byte, a mem.Addr) (int, error) {
	va, rest, err := w.place(a)
	if err != nil {
		return 0, mem.Fault(a, err)
	}
	n, err := w.virt.ReadAt(p[:min(uint64(len(p)), rest)], va)
	if n < len(p) {
		if err == nil {
			err = mem.ErrUnmapped
		}
		return n, mem.Fault(a+mem.Addr(n), mem.Reason(err))
	}
	return n, nil
}

// WriteAt implements mem.Writer where the virtual memory does.
func (w *window) WriteAt(p []byte, a mem.Addr) (int, error) {
	out, ok := w.virt.(mem.Writer)
	if !ok {
		return 0, mem.Fault(a, mem.ErrReadOnly)
	}
	va, rest, err := w.place(a)
	if err == nil && uint64(len(p)) > rest {
		err = mem.ErrUnmapped
	}
	if err != nil {
		return 0, mem.Fault(a, err)
	}
	n, err := out.WriteAt(p, va)
	if err != nil {
		return n, mem.Fault(a+mem.Addr(n), mem.Reason(err))
	}
	return n, nil
}
