package elfcore

import (
	"debug/elf"
	"fmt"

	"github.com/xmdb/xmdb/core/arch"
)

// layout is how the kernel lays out the notes of one architecture: struct
// elf_prstatus and elf_prpsinfo of include/linux/elfcore.h with its words, and its
// struct of general registers. Offsets and sizes are in bytes.
type layout struct {
	arch      *arch.Arch
	word      int // of a long
	held, pid int // in elf_prstatus; signals pending are at 16
	regs      int // the general registers there
	names     []string
	sp        int // index of the stack pointer in names
	call      int // index of the number of the system call, -1 if there is none
	ps        psLayout
	si        int // the union in siginfo_t
}

// psLayout is struct elf_prpsinfo; ids are as wide as the architecture's old uid_t.
type psLayout struct{ size, uid, idSize, pid, fname int }

// linux64 is what every 64-bit Linux has in common.
var linux64 = layout{word: 8, held: 24, pid: 32, regs: 112, ps: psLayout{136, 16, 4, 24, 40}, si: 16}

// The layouts, by architecture: the registers are those of struct user_regs_struct
// in arch/x86/include/asm/user_64.h and user_32.h, and of struct user_pt_regs in
// arch/arm64/include/uapi/asm/ptrace.h, as MDB names them. orig_rax, orig_eax are
// Linux's own.
var (
	layoutAMD64 = with(linux64, arch.AMD64, 15, []string{
		"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
		"orig_rax", "rip", "cs", "rflags", "rsp", "ss", "fsbase", "gsbase", "ds", "es", "fs", "gs",
	})
	layoutARM64 = with(linux64, arch.ARM64, -1, armNames())
	layoutI386  = with(layout{word: 4, held: 20, pid: 24, regs: 72, ps: psLayout{124, 8, 2, 12, 28}, si: 12}, arch.I386, 11, []string{
		"ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es", "fs", "gs", "orig_eax", "eip", "cs", "eflags", "esp", "ss",
	})
)

func with(l layout, a *arch.Arch, call int, names []string) *layout {
	l.arch, l.call, l.names = a, call, names
	for i, n := range names {
		if n == a.SP {
			l.sp = i
		}
	}
	return &l
}

func armNames() []string {
	var out []string
	for i := 0; i <= 30; i++ {
		out = append(out, fmt.Sprintf("x%d", i))
	}
	return append(out, "sp", "pc", "pstate")
}

// layoutFor is the layout of an architecture, nil if cores of it are not known.
func layoutFor(m elf.Machine, c elf.Class) *layout {
	switch {
	case m == elf.EM_X86_64 && c == elf.ELFCLASS64:
		return layoutAMD64
	case m == elf.EM_AARCH64 && c == elf.ELFCLASS64:
		return layoutARM64
	case m == elf.EM_386 && c == elf.ELFCLASS32:
		return layoutI386
	}
	return nil
}

// uint reads a long.
func (l *layout) uint(b []byte) uint64 {
	if l.word == 4 {
		return uint64(le.Uint32(b))
	}
	return le.Uint64(b)
}

// id reads a user or group id of elf_prpsinfo.
func (l *layout) id(b []byte) uint32 {
	if l.ps.idSize == 2 {
		return uint32(le.Uint16(b))
	}
	return le.Uint32(b)
}
