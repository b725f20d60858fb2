//go:build amd64 || arm64

package ptrace

import (
	"context"
	"unsafe"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"golang.org/x/sys/unix"
)

// Control is the machine that an engine runs; nil where the process is only looked
// at.
func (t *Target) Control() control.Machine {
	if t.p == nil {
		return nil
	}
	return t
}

// Last is the last stop.
func (t *Target) Last() control.Stop { return t.last }

// Insert implements control.Machine.
func (t *Target) Insert(addr uint64) (err error) {
	t.tracer.do(func() { err = t.p.insert(addr) })
	return err
}

// Remove implements control.Machine.
func (t *Target) Remove(addr uint64) (err error) {
	t.tracer.do(func() { err = t.p.remove(addr) })
	return err
}

// Watch implements control.Machine.
func (t *Target) Watch(addr, size uint64, a control.Access) (err error) {
	t.tracer.do(func() { err = t.p.watch(addr, size, a) })
	return err
}

// Unwatch implements control.Machine.
func (t *Target) Unwatch(addr, size uint64, a control.Access) {
	t.tracer.do(func() { t.p.unwatch(addr, size, a) })
}

// TraceSyscalls implements control.Machine.
func (t *Target) TraceSyscalls(on bool) {
	t.tracer.do(func() { t.p.syscalls = on })
}

// Resume implements control.Machine.
func (t *Target) Resume(ctx context.Context, o control.Order, keep func(*control.Stop) bool) (s control.Stop, err error) {
	t.tracer.long(func() { s, err = t.p.resume(ctx, o, keep) })
	t.last = s
	t.space.flush()
	t.pidChanged()
	return s, err
}

// FollowFork decides whom to follow at the fork that was just reported.
func (t *Target) FollowFork(child bool) {
	t.tracer.do(func() {
		if t.p.forked != nil {
			t.p.forked.follow = child
		}
	})
}

// Registers implements control.Machine and core.Registers.
func (t *Target) Registers(id uint64) (r *arch.Regs, err error) {
	if t.look {
		return lookRegs(t.pid, int(id))
	}
	t.tracer.do(func() {
		var th *thread
		if th, err = t.p.thread(id); err != nil {
			return
		}
		if err = th.load(); err != nil {
			return
		}
		r = archRegs(&th.regs)
		if !t.tracer.inside {
			r.Areas = areas(th.tid)
		}
	})
	return r, err
}

// SetRegisters implements core.RegisterWriter.
func (t *Target) SetRegisters(id uint64, r *arch.Regs) (err error) {
	t.tracer.do(func() {
		var th *thread
		if th, err = t.p.thread(id); err != nil {
			return
		}
		if err = th.load(); err != nil {
			return
		}
		old := pcOf(&th.regs)
		for name, p := range fields(&th.regs) {
			if v, ok := r.Get(name); ok {
				*p = v
			}
		}
		if pcOf(&th.regs) != old {
			th.hit = false
			forgetCall(&th.regs) // the kernel must not restart a system call there
		}
		th.dirtyRegs = true
		err = th.store()
	})
	return err
}

// Register sets (include/uapi/linux/elf.h) by the names of arch.Regs.Areas.
const (
	ntPrfpreg  = 2
	ntX86XSave = 0x202
)

func regArea(tid, note int, size int) []byte {
	b := make([]byte, size)
	iov := unix.Iovec{Base: &b[0], Len: uint64(size)}
	if request(unix.PTRACE_GETREGSET, tid, uintptr(note), uintptr(unsafe.Pointer(&iov))) != nil {
		return nil
	}
	return b[:iov.Len]
}

// Syscall implements core.Syscalls.
func (t *Target) Syscall(id uint64) (nr int64, ok bool) {
	if t.look {
		return lookSyscall(t.pid, int(id))
	}
	t.tracer.do(func() {
		th, err := t.p.thread(id)
		if err != nil || th.load() != nil {
			return
		}
		nr = callNumber(&th.regs)
		ok = nr >= 0
	})
	return nr, ok
}
