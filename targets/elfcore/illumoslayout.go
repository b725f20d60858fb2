package elfcore

import (
	"debug/elf"

	"github.com/xmdb/xmdb/core/arch"
)

// illumosLayout is where members lie in the structures of the notes of one data model
// (sys/procfs.h), byte offsets. What both models share is in the code.
type illumosLayout struct {
	arch *arch.Arch
	word int
	// pstatus_t
	pstatus, brkbase, brksize, stkbase, stksize, dmodel, repr int
	// lwpstatus_t
	lwp, siData, ustack, oldcontext, syscall, reg, fpreg, fpsize int
	regs                                                         []string
	// psinfo_t
	psinfo, fname, psargs, wstat, argc, argv, envp int
	// prcred_t and siginfo_t
	siginfo int
}

var illumosAMD64 = illumosLayout{
	arch: arch.AMD64, word: 8,
	pstatus: 1680, brkbase: 48, brksize: 56, stkbase: 64, stksize: 72, dmodel: 304, repr: 384,
	lwp: 1296, siData: 16, ustack: 528, oldcontext: 360, syscall: 368, reg: 544, fpreg: 768, fpsize: 528,
	regs: []string{
		"r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rdi", "rsi", "rbp", "rbx", "rdx", "rcx", "rax", "trapno", "err",
		"rip", "cs", "rflags", "rsp", "ss", "fs", "gs", "es", "ds", "fsbase", "gsbase",
	},
	psinfo: 416, fname: 136, psargs: 152, wstat: 232, argc: 236, argv: 240, envp: 248, siginfo: 256,
}

var illumosI386 = illumosLayout{
	arch: arch.I386, word: 4,
	pstatus: 1136, brkbase: 48, brksize: 52, stkbase: 56, stksize: 60, dmodel: 256, repr: 336,
	lwp: 800, siData: 12, ustack: 336, oldcontext: 220, syscall: 224, reg: 344, fpreg: 420, fpsize: 380,
	regs: []string{
		"gs", "fs", "es", "ds", "edi", "esi", "ebp", "kesp", "ebx", "edx", "ecx", "eax", "trapno", "err", "eip", "cs", "eflags", "esp", "ss",
	},
	psinfo: 336, fname: 88, psargs: 104, wstat: 184, argc: 188, argv: 192, envp: 196, siginfo: 128,
}

// illumosLayoutFor is the layout of a core's architecture, nil if there is none.
func illumosLayoutFor(l *layout) *illumosLayout {
	switch l {
	case layoutAMD64:
		return &illumosAMD64
	case layoutI386:
		return &illumosI386
	}
	return nil
}

// uint reads a long.
func (l *illumosLayout) uint(b []byte) uint64 {
	if l.word == 4 {
		return uint64(le.Uint32(b))
	}
	return le.Uint64(b)
}

// Types of the notes of an illumos core (sys/elf.h), those of the last note segment.
const (
	illPlatform  = 5
	illAuxv      = 6
	illPstatus   = 10
	illPsinfo    = 13
	illPrcred    = 14
	illUtsname   = 15
	illLwpstatus = 16
	illLwpsinfo  = 17
	illContent   = 20
	illZonename  = 21
	illFDInfo    = 22
	illSecflags  = 24
	illLwpname   = 25
)

// Flags of segments that could not be saved (sys/elf.h).
const (
	pfSunwFailure = 0x100000
	pfSunwKilled  = 0x200000
	pfSunwSiginfo = 0x400000
)

// isIllumos tells a core of an illumos process by its notes: NT_PSINFO and NT_PSTATUS,
// which no Linux core has.
func isIllumos(h *header, all []Note) bool {
	for _, n := range all {
		if n.Name == "CORE" && (n.Type == illPsinfo && len(n.Desc) >= illumosI386.psinfo || n.Type == illPstatus && len(n.Desc) >= illumosI386.pstatus) {
			return true
		}
	}
	return h.abi == elf.ELFOSABI_SOLARIS
}
