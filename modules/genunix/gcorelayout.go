package genunix

import "encoding/binary"

// model is where members lie in the structures of /proc (sys/procfs.h, and sys/elf.h
// for the notes' types) that a core has, in the data model of a process: byte offsets.
// Members at the same offset in both models have it in the code.
type model struct {
	word             int
	machine          uint16 // e_machine
	ehdr, phdr, shdr int    // sizes of ELF's headers
	dmodel           byte   // PR_MODEL_*

	pstatus, brkbase, brksize, stkbase, stksize, sigtrace, flttrace, statusModel, statusIDs, statusLWP int

	lwpstatus, lwppend, lwphold, altstack, oldcontext, syscall, errno, sysarg, className, ustack, reg, fpreg int

	psinfo, size, start, fname, psargs, wstat, argc, argv, envp, infoModel, infoIDs, infoLWP int

	lwpsinfo, stype, state, infoSyscall, oldpri, pri, lwpStart, infoClass, lwpName, onpro, bindpro, bindpset int

	regs []string // pr_reg by index, in the names of core/arch for amd64
}

var lp64 = model{
	word: 8, machine: 62, ehdr: 64, phdr: 56, shdr: 64, dmodel: 2,
	pstatus: 1680, brkbase: 48, brksize: 56, stkbase: 64, stksize: 72, sigtrace: 144, flttrace: 160, statusModel: 304, statusIDs: 308, statusLWP: 384,
	lwpstatus: 1296, lwppend: 272, lwphold: 288, altstack: 336, oldcontext: 360, syscall: 368, errno: 372, sysarg: 376, className: 456, ustack: 528, reg: 544, fpreg: 768,
	psinfo: 416, size: 48, start: 88, fname: 136, psargs: 152, wstat: 232, argc: 236, argv: 240, envp: 248, infoModel: 256, infoIDs: 260, infoLWP: 288,
	lwpsinfo: 128, stype: 24, state: 25, infoSyscall: 28, oldpri: 30, pri: 32, lwpStart: 40, infoClass: 72, lwpName: 80, onpro: 96, bindpro: 100, bindpset: 104,
	regs: []string{
		"r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rdi", "rsi", "rbp", "rbx", "rdx", "rcx", "rax", "trapno", "err",
		"rip", "cs", "rflags", "rsp", "ss", "fs", "gs", "es", "ds", "fsbase", "gsbase",
	},
}

var ilp32 = model{
	word: 4, machine: 3, ehdr: 52, phdr: 32, shdr: 40, dmodel: 1,
	pstatus: 1136, brkbase: 48, brksize: 52, stkbase: 56, stksize: 60, sigtrace: 96, flttrace: 112, statusModel: 256, statusIDs: 260, statusLWP: 336,
	lwpstatus: 800, lwppend: 144, lwphold: 160, altstack: 208, oldcontext: 220, syscall: 224, errno: 228, sysarg: 232, className: 272, ustack: 336, reg: 344, fpreg: 420,
	psinfo: 336, size: 44, start: 64, fname: 88, psargs: 104, wstat: 184, argc: 188, argv: 192, envp: 196, infoModel: 200, infoIDs: 204, infoLWP: 232,
	lwpsinfo: 104, stype: 16, state: 17, infoSyscall: 20, oldpri: 22, pri: 24, lwpStart: 32, infoClass: 48, lwpName: 56, onpro: 72, bindpro: 76, bindpset: 80,
	// of the kernel's %esp it has no more than the user's (getgregs32)
	regs: []string{
		"gs", "fs", "es", "ds", "rdi", "rsi", "rbp", "rsp", "rbx", "rdx", "rcx", "rax", "trapno", "err", "rip", "cs", "rflags", "rsp", "ss",
	},
}

// Types of notes (sys/elf.h).
const (
	ntPlatform  = 5
	ntAuxv      = 6
	ntPstatus   = 10
	ntPsinfo    = 13
	ntPrcred    = 14
	ntUtsname   = 15
	ntLwpstatus = 16
	ntLwpsinfo  = 17
	ntContent   = 20
	ntZonename  = 21
	ntFdinfo    = 22
	ntSecflags  = 24
	ntLwpname   = 25
)

// Sizes that are the same in both models, bytes.
const (
	fdinfoSize   = 1088 // prfdinfo_core_t
	secflagsSize = 40   // prsecflags_t
	lwpnameSize  = 40   // prlwpname_t
	utsnameSize  = 5 * 257
)

// record is a structure that is being filled, in the order of bytes of x86.
type record struct {
	b    []byte
	word int
}

func newRecord(m *model, size int) record { return record{make([]byte, size), m.word} }

func (r record) u8(at int, v byte)       { r.b[at] = v }
func (r record) u16(at int, v uint16)    { binary.LittleEndian.PutUint16(r.b[at:], v) }
func (r record) u32(at int, v uint32)    { binary.LittleEndian.PutUint32(r.b[at:], v) }
func (r record) u64(at int, v uint64)    { binary.LittleEndian.PutUint64(r.b[at:], v) }
func (r record) sub(at, size int) record { return record{r.b[at : at+size], r.word} }

// i32s writes integers one behind the other.
func (r record) i32s(at int, list ...int32) {
	for i, v := range list {
		r.u32(at+4*i, uint32(v))
	}
}

// long writes a long or pointer of the process's model.
func (r record) long(at int, v uint64) {
	if r.word == 4 {
		r.u32(at, uint32(v))
	} else {
		r.u64(at, v)
	}
}

// text writes a string into an array of n characters, the last of which is NUL.
func (r record) text(at, n int, s string) { copy(r.b[at:at+n-1], s) }

// addNote appends a note: its name takes eight bytes, and everything is padded to four.
func addNote(b []byte, typ uint32, desc []byte) []byte {
	n := (len(desc) + 3) &^ 3
	b = binary.LittleEndian.AppendUint32(b, 5)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	b = binary.LittleEndian.AppendUint32(b, typ)
	b = append(b, "CORE\x00\x00\x00\x00"...)
	b = append(b, desc...)
	return append(b, make([]byte, n-len(desc))...)
}
