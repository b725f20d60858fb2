package unwind

// sigtramp is a signal trampoline recognised by its code, and where the context
// lies that the kernel saved before it called the handler.
type sigtramp struct {
	code [][]byte       // any of these, from the PC on
	regs []sigtrampSlot // offsets from the stack pointer, bytes
}

type sigtrampSlot struct {
	reg int // DWARF number
	off uint64
}

// linuxAMD64 is rt_sigreturn: mov $15,%rax (or %eax); syscall, as the C libraries
// and Go have it. When the handler has returned to it, the stack pointer is at
// the struct ucontext, whose uc_mcontext is at 40: r8 to r15, rdi, rsi, rbp, rbx,
// rdx, rax, rcx, rsp, rip (Linux, arch/x86/include/uapi/asm/sigcontext.h).
var linuxAMD64 = sigtramp{
	code: [][]byte{
		{0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05},
		{0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05},
	},
	regs: []sigtrampSlot{
		{8, 40}, {9, 48}, {10, 56}, {11, 64}, {12, 72}, {13, 80}, {14, 88}, {15, 96},
		{5, 104}, {4, 112}, {6, 120}, {3, 128}, {1, 136}, {0, 144}, {2, 152}, {7, 160}, {16, 168},
	},
}

// linuxARM64 is rt_sigreturn: mov x8,#139; svc #0, in the vDSO. The stack pointer is
// at struct rt_sigframe: siginfo of 128 bytes, then struct ucontext, whose
// uc_mcontext is at 176: fault_address, x0 to x30, sp, pc (Linux,
// arch/arm64/kernel/signal.c and include/uapi/asm/sigcontext.h and ucontext.h).
var linuxARM64 = sigtramp{
	code: [][]byte{{0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4}},
	regs: arm64Slots(),
}

func arm64Slots() []sigtrampSlot {
	const context = 128 + 176
	var out []sigtrampSlot
	for reg := range 33 { // x0 to x30, sp, pc have these numbers
		out = append(out, sigtrampSlot{reg, context + 8 + 8*uint64(reg)})
	}
	return out
}

// i386Context is the general registers in struct sigcontext of i386 by their offsets
// (arch/x86/include/uapi/asm/sigcontext.h), from where the context begins.
func i386Context(at uint64) []sigtrampSlot {
	return []sigtrampSlot{
		{7, at + 16}, {6, at + 20}, {5, at + 24}, {4, at + 28}, {3, at + 32}, {2, at + 36}, {1, at + 40}, {0, at + 44}, {8, at + 56},
	}
}

// linuxI386 is sigreturn: pop %eax; mov $119,%eax; int $0x80. The handler's return
// has taken the address off struct sigframe: the signal number is at the stack
// pointer, then comes struct sigcontext.
var linuxI386 = sigtramp{
	code: [][]byte{{0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80}},
	regs: i386Context(4),
}

// linuxI386RT is rt_sigreturn: mov $173,%eax; int $0x80. At the stack pointer are
// the signal number and the pointers to siginfo and context, then come siginfo of
// 128 bytes and struct ucontext, whose uc_mcontext is at 20.
var linuxI386RT = sigtramp{
	code: [][]byte{{0xb8, 0xad, 0, 0, 0, 0xcd, 0x80}},
	regs: i386Context(12 + 128 + 20),
}
