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
