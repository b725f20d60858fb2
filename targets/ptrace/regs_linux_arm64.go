package ptrace

import (
	"fmt"
	"unsafe"

	"github.com/xmdb/xmdb/core/arch"
	"golang.org/x/sys/unix"
)

// registers are the general registers of a thread as the kernel gives them
// (struct user_pt_regs, arch/arm64/include/uapi/asm/ptrace.h).
type registers = unix.PtraceRegs

var machine = arch.ARM64

// trap is the breakpoint instruction, BRK #0; the processor stops at it.
var trap = []byte{0x00, 0x00, 0x20, 0xd4}

const (
	trapAdvance = 0
)

func regset(req, tid int, r *registers) error {
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(r)), Len: uint64(unsafe.Sizeof(*r))}
	return request(req, tid, ntPrstatus, uintptr(unsafe.Pointer(&iov)))
}

func getRegs(tid int, r *registers) error { return regset(unix.PTRACE_GETREGSET, tid, r) }
func setRegs(tid int, r *registers) error { return regset(unix.PTRACE_SETREGSET, tid, r) }

func pcOf(r *registers) uint64      { return r.Pc }
func setPC(r *registers, pc uint64) { r.Pc = pc }
func callNumber(r *registers) int64 { return int64(r.Regs[8]) }
func forgetCall(*registers)         {}
func callResult(r *registers) int64 { return int64(r.Regs[0]) }

// fields are the registers by MDB's names.
func fields(r *registers) map[string]*uint64 {
	m := map[string]*uint64{"sp": &r.Sp, "pc": &r.Pc, "pstate": &r.Pstate}
	for i := range r.Regs {
		m[fmt.Sprintf("x%d", i)] = &r.Regs[i]
	}
	return m
}
