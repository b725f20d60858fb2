package linuxdump

import (
	"debug/elf"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/system"
)

// userRegs64 is struct user_regs_struct of amd64 (asm/user_64.h): eight bytes each.
// "" is what is not a register.
var userRegs64 = []string{
	"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "",
	"rip", "cs", "rflags", "rsp", "ss", "fsbase", "gsbase", "ds", "es", "fs", "gs",
}

// userRegs32 is that of i386 (asm/user_32.h), four bytes each.
var userRegs32 = []string{
	"rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rax", "ds", "es", "fs", "gs", "", "rip", "cs", "rflags", "rsp", "ss",
}

// Offsets in struct QEMUCPUState of version 1 (QEMU, target/i386/arch_dump.c): the
// general registers, ten segments of 24 bytes whose base is at 16, cr0 to cr4, and
// since 2018 MSR_KERNEL_GS_BASE.
const (
	qemuRegs     = 8
	qemuSegments = 152
	qemuCR       = 392
	qemuKernelGS = 432
	qemuMin      = 432 // without the last
	segmentSize  = 24
	segmentFlags = 8
	segmentBase  = 16
)

var (
	qemuRegNames = []string{
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags",
	}
	// The segments; then come ldt, tr, gdt, idt.
	qemuSegmentNames = []string{"cs", "ds", "es", "fs", "gs", "ss"}
)

const (
	segmentCS              = 0
	segmentFS, segmentGS   = 3, 4
	segmentGDT, segmentIDT = 8, 9
)

// processors gives the CPUs of the notes, in their order.
func (n *notes) processors(machine elf.Machine) []system.Processor {
	if machine != elf.EM_X86_64 && machine != elf.EM_386 {
		return nil
	}
	var out []system.Processor
	for i := range max(len(n.qemu), len(n.prstatus)) {
		p := system.Processor{ID: i}
		if i < len(n.prstatus) {
			p.Regs = regsOfPRStatus(n.prstatus[i], len(n.qemu) > 0)
		}
		if i < len(n.qemu) {
			n.qemuState(&p, n.qemu[i])
		}
		out = append(out, p)
	}
	return out
}

// regsOfPRStatus reads a struct elf_prstatus; nil if it is of no known size. The
// kernel's own notes have the bases of the user's segments, not the CPU's, so that
// these are taken from QEMU's only.
func regsOfPRStatus(b []byte, bases bool) *arch.Regs {
	shape, names := &shape64, userRegs64
	if len(b) == shape32.prstatus {
		shape, names = &shape32, userRegs32
	} else if len(b) < shape64.prstatus {
		return nil
	}
	r := arch.NewRegs(arch.AMD64)
	for i, name := range names {
		if name == "" || !bases && (name == "fsbase" || name == "gsbase") {
			continue
		}
		v := shape.uint(b[shape.prRegs+i*shape.word:])
		if shape.word == 4 && len(name) == 2 {
			v &= 0xffff // selectors have padding behind them
		}
		r.Set(name, v)
	}
	return r
}

// qemuState reads a struct QEMUCPUState into p. One of another version or too short
// tells nothing.
func (n *notes) qemuState(p *system.Processor, b []byte) {
	if len(b) < qemuMin || le.Uint32(b) != 1 {
		return
	}
	r := arch.NewRegs(arch.AMD64)
	for i, name := range qemuRegNames {
		r.Set(name, le.Uint64(b[qemuRegs+8*i:]))
	}
	base := func(k int) uint64 { return le.Uint64(b[qemuSegments+segmentSize*k+segmentBase:]) }
	for i, name := range qemuSegmentNames {
		r.Set(name, uint64(le.Uint32(b[qemuSegments+segmentSize*i:])))
	}
	r.Set("fsbase", base(segmentFS))
	r.Set("gsbase", base(segmentGS))
	p.Regs = r
	s := &p.System
	cr := func(k int) uint64 { return le.Uint64(b[qemuCR+8*k:]) }
	s.CR0, s.CR2, s.CR3, s.CR4 = cr(0), cr(2), cr(3), cr(4)
	s.GDTBase, s.IDTBase = base(segmentGDT), base(segmentIDT)
	s.Known = system.HasCR0 | system.HasCR2 | system.HasCR3 | system.HasCR4 | system.HasGDTBase | system.HasIDTBase
	// QEMU keeps a descriptor's second half, whose bits 8 to 23 are the attributes.
	s.CSBase, s.CSAttr = base(segmentCS), le.Uint32(b[qemuSegments+segmentFlags:])>>8&0xf0ff
	s.Known |= system.HasCS
	if size := le.Uint32(b[4:]); size >= qemuKernelGS+8 && len(b) >= qemuKernelGS+8 {
		s.KernelGSBase = le.Uint64(b[qemuKernelGS:])
		s.Known |= system.HasKernelGSBase
	}
}
