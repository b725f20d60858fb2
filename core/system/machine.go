package system

import (
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
)

// What a transport gives of a whole machine, real or virtual: a KernelMemory with the
// abilities below. Hypervisors, remote stubs, dumps of memory and guests found inside
// a host's dump give the same, so that the kernel in one is found by the same code.

// Processors is a KernelMemory that knows the state of CPUs. Each call looks anew where
// the machine may have run since.
type Processors interface {
	Processors() ([]Processor, error)
}

// Processor is the state of a CPU, of amd64 in any of its modes.
type Processor struct {
	ID int // index: QEMU's cpu-index, the position of a note in a dump
	// Regs are the general registers with gsbase and fsbase where these are known;
	// nil if nothing is known.
	Regs *arch.Regs
	// System are the registers that only an operating system sees.
	System SystemRegs
	// Halted tells that it waits for an interrupt; Running that it was not stopped
	// for Regs to be read, so that they are of some moment.
	Halted, Running bool
}

// SystemRegs are control and descriptor-table registers. Known tells which hold a
// value.
type SystemRegs struct {
	CR0, CR2, CR3, CR4, CR8 uint64
	EFER                    uint64
	KernelGSBase            uint64 // MSR C0000102
	GDTBase, IDTBase        uint64 // linear addresses
	// CSBase and CSAttr are what the processor has of the code segment beside the
	// selector in Regs: the linear address of its first byte, and the descriptor's bits
	// as VMX has them (type 0-3, S 4, DPL 5-6, P 7, L 13, D 14, G 15).
	CSBase uint64
	CSAttr uint32
	Known  SystemRegSet
}

// SystemRegSet is a set of the registers of SystemRegs.
type SystemRegSet uint32

// The members of a SystemRegSet.
const (
	HasCR0 SystemRegSet = 1 << iota
	HasCR2
	HasCR3
	HasCR4
	HasCR8
	HasEFER
	HasKernelGSBase
	HasGDTBase
	HasIDTBase
	HasCS
)

// Set sets a register by its name in lower case (cr3, efer), as it then is known; it tells
// whether there is one of the name.
func (r *SystemRegs) Set(name string, v uint64) bool {
	for _, s := range []struct {
		name string
		to   *uint64
		bit  SystemRegSet
	}{
		{"cr0", &r.CR0, HasCR0}, {"cr2", &r.CR2, HasCR2}, {"cr3", &r.CR3, HasCR3}, {"cr4", &r.CR4, HasCR4}, {"cr8", &r.CR8, HasCR8},
		{"efer", &r.EFER, HasEFER},
	} {
		if s.name == name {
			*s.to, r.Known = v, r.Known|s.bit
			return true
		}
	}
	return false
}

// Has tells whether all of a set are known.
func (r *SystemRegs) Has(s SystemRegSet) bool { return r.Known&s == s }

// VMCoreInfo is a KernelMemory that came with Linux' VMCOREINFO: lines of NAME=value
// (kernel/crash_core.c; Documentation/admin-guide/kdump/vmcoreinfo.rst). nil if it did
// not.
type VMCoreInfo interface {
	VMCoreInfo() []byte
}

// KernelVirtual is a KernelMemory that gives some of the kernel's virtual memory without
// a page table: a dump whose segments have virtual addresses, /proc/kcore. Its Space is
// a mem.Mapper.
type KernelVirtual interface {
	KernelVirtual() mem.Space
}

// PhysicalRanges is a KernelMemory that knows where memory is: ranges of physical
// addresses, ascending. What lies outside is not read when memory is searched.
type PhysicalRanges interface {
	PhysicalRanges() []mem.Mapping
}

// Changing is a KernelMemory that may change while it is read: that of a machine that
// runs. What was read may be remembered only as long as Moment stays the same; it
// stays the same while the machine is stopped.
type Changing interface {
	Running() bool
	Moment() uint64
}

// Refresher is a system that remembers what it read of a Changing memory. A session
// calls Refresh between commands when the Moment is another: pages and lists are to be
// read again, symbols and types stay.
type Refresher interface {
	Refresh()
}

// machineMemory gives the memory of a target that is a whole machine: a kernel may be
// looked for in it. Crash dumps of illumos, which say what they are, are none, nor are
// processes of a kernel, nor files of unknown content, though they have physical memory.
func machineMemory(target any) (KernelMemory, bool) {
	m, ok := target.(KernelMemory)
	if !ok {
		return nil, false
	}
	if _, dump := target.(KernelDump); dump {
		return nil, false
	}
	if _, process := target.(Source); process {
		return nil, false
	}
	if _, file := target.(interface{ ObjectFile() mem.Space }); file {
		return nil, false
	}
	return m, m.Physical() != nil
}
