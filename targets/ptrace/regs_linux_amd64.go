package ptrace

import (
	"unsafe"

	"github.com/xmdb/xmdb/core/arch"
	"golang.org/x/sys/unix"
)

// registers are the general registers of a thread as the kernel gives them
// (struct user_regs_struct, sys/user.h).
type registers = unix.PtraceRegs

var machine = arch.AMD64

// trap is the breakpoint instruction; the processor stops behind it.
var trap = []byte{0xcc}

const trapAdvance = 1

func getRegs(tid int, r *registers) error {
	return request(unix.PTRACE_GETREGS, tid, 0, uintptr(unsafe.Pointer(r)))
}

func setRegs(tid int, r *registers) error {
	return request(unix.PTRACE_SETREGS, tid, 0, uintptr(unsafe.Pointer(r)))
}

func pcOf(r *registers) uint64      { return r.Rip }
func setPC(r *registers, pc uint64) { r.Rip = pc }
func callNumber(r *registers) int64 { return int64(r.Orig_rax) }
func forgetCall(r *registers)       { r.Orig_rax = ^uint64(0) }
func callResult(r *registers) int64 { return int64(r.Rax) }

// fields are the registers by MDB's names.
func fields(r *registers) map[string]*uint64 {
	return map[string]*uint64{
		"rax": &r.Rax, "rbx": &r.Rbx, "rcx": &r.Rcx, "rdx": &r.Rdx, "rsi": &r.Rsi, "rdi": &r.Rdi, "rbp": &r.Rbp, "rsp": &r.Rsp,
		"r8": &r.R8, "r9": &r.R9, "r10": &r.R10, "r11": &r.R11, "r12": &r.R12, "r13": &r.R13, "r14": &r.R14, "r15": &r.R15,
		"rip": &r.Rip, "rflags": &r.Eflags, "cs": &r.Cs, "ss": &r.Ss, "ds": &r.Ds, "es": &r.Es, "fs": &r.Fs, "gs": &r.Gs,
		"fsbase": &r.Fs_base, "gsbase": &r.Gs_base,
	}
}
