package vm

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Kind is the hypervisor that runs a machine.
type Kind string

// The hypervisors.
const (
	Bhyve Kind = "bhyve"
	KVM   Kind = "kvm"
)

// Vendor is whose virtualisation a host's processors have; it decides where a
// running machine's registers are kept.
type Vendor string

// The vendors: with Intel's most registers are in a VMCS, whose layout is the
// processor's secret; with AMD's they are in the VMCB, an ordinary page.
const (
	Intel Vendor = "intel"
	AMD   Vendor = "amd"
)

// maxVCPUs bounds the number of a machine's vCPUs: no hypervisor runs as many.
const maxVCPUs = 4096

// Machine is a virtual machine of the host.
type Machine struct {
	Kind   Kind
	Addr   uint64 // of the structure that is the machine: struct vm, struct kvm
	Handle uint64 // of the structure it hangs on: bhyve's vmm_softc_t; 0 if there is none
	Name   string
	Vendor Vendor // "" if it is not known
	NCPU   int    // vCPUs
	State  string // in words: "running", "halted", "poweroff"
	Zone   uint64 // zone_t, 0 if it is not known

	zone string // its container, of a Linux host
	v    *kernel.View
	back backend
	phys mem.Space
}

// backend is what a hypervisor knows of one of its machines.
type backend interface {
	// vcpus gives the vCPUs, by ascending ID. Those that come with an error are good.
	vcpus(m *Machine) ([]*VCPU, error)
	// registers reads what is in memory of a vCPU's registers.
	registers(c *VCPU) (*Regs, error)
	// regions gives guest-physical memory as the guest has it, in any order. Those
	// before an error are good.
	regions(m *Machine) ([]Region, error)
	// owns tells whether an address can be that of one of the machine's vCPUs.
	owns(addr uint64) bool
	// lapic finds a vCPU's local APIC; nil without an error if the kernel has none.
	lapic(c *VCPU) (*LAPIC, error)
	// devices gives the addresses of the models of devices, by their names.
	devices(m *Machine) (map[string]uint64, error)
	// process finds the process that runs the machine, nil if there is none. It may come
	// with an error: of the search beside it.
	process(m *Machine) (*Process, error)
	// threads finds the threads that run vCPUs, by their IDs.
	threads(m *Machine) (map[int]Thread, error)
}

// hypervisor finds machines.
type hypervisor interface {
	machines(v *kernel.View) iter.Seq2[*Machine, error]
}

// hypervisors are those that are looked for, in the order of ::vm.
var hypervisors = []hypervisor{bhyve{}, illumosKVM{}, linuxKVM{}}

// Machines gives the machines of the host, bhyve's first. An error ends those of one
// hypervisor; a kernel that has none loaded gives none.
func Machines(v *kernel.View) iter.Seq2[*Machine, error] {
	list, _ := core.Memo(v.Session(), machinesKey{}, func() (list []found, _ error) {
		for _, h := range hypervisors {
			for m, err := range h.machines(v) {
				list = append(list, found{m, err})
			}
		}
		return list, nil
	})
	return func(yield func(*Machine, error) bool) {
		for _, f := range list {
			if !yield(f.m, f.err) {
				return
			}
		}
	}
}

type machinesKey struct{}

// found is a machine, and what is wrong with it or, if it is nil, with the list.
type found struct {
	m   *Machine
	err error
}

// MachineAt finds the machine of an address, that of the machine's structure or of its
// Handle. An error with a machine tells what is wrong with it.
func MachineAt(v *kernel.View, addr uint64) (*Machine, error) {
	return find(v, fmt.Sprintf("at %x", addr), func(m *Machine) bool { return m.Addr == addr || m.Handle == addr })
}

// Lookup finds the machine of a name, its own or that of the zone it is alone in. An error
// with a machine tells what is wrong with it.
func Lookup(v *kernel.View, name string) (*Machine, error) {
	m, err := find(v, fmt.Sprintf("'%s'", name), func(m *Machine) bool { return m.Name == name })
	if m != nil {
		return m, err
	}
	var inZone []*Machine
	for m := range Machines(v) {
		if m != nil && m.ZoneName() == name {
			inZone = append(inZone, m)
		}
	}
	if len(inZone) == 1 {
		return inZone[0], nil
	}
	return nil, err
}

// find gives the first machine that is meant.
func find(v *kernel.View, what string, is func(*Machine) bool) (*Machine, error) {
	var first error
	for m, err := range Machines(v) {
		if m != nil && is(m) {
			return m, err
		}
		if err != nil && first == nil {
			first = err
		}
	}
	if first != nil {
		return nil, fmt.Errorf("no virtual machine %s: %w", what, first)
	}
	return nil, fmt.Errorf("no virtual machine %s", what)
}

// VCPUs gives the vCPUs by ascending ID. Those that come with an error are good.
func (m *Machine) VCPUs() ([]*VCPU, error) {
	list, err := m.back.vcpus(m)
	for _, c := range list {
		if l, _ := c.LAPIC(); l != nil {
			if pic, ok := m.back.(interface{ extINT(*LAPIC) bool }); ok && pic.extINT(l) {
				c.Events = append(c.Events, Event{Kind: "extint", Vector: -1})
			}
			for _, n := range l.vectors(lapicIRR) {
				c.Events = append(c.Events, Event{Kind: "irr", Vector: n})
			}
		}
	}
	return list, err
}

// VCPU is a virtual processor.
type VCPU struct {
	Machine *Machine
	ID      int
	Addr    uint64 // of the structure that is the vCPU: struct vcpu, struct kvm_vcpu
	State   string // of running: "running", "sleeping", "idle", "frozen", "halted"
	HostCPU int    // the host's CPU it runs on or ran on last; -1 if it is on none

	Exit   Exit
	Events []Event // pending interrupts and exceptions
}

// Exit is why a vCPU left the guest last.
type Exit struct {
	Known  bool
	Code   uint64 // the hypervisor's or the processor's number
	Reason string // its name, without the prefix that all of them have
	Detail string // what came with it: "port 3f8 out 1", "gpa fee000b0"
	// Hardware is the processor's own reason with what came with it, where it is in memory
	// beside the hypervisor's.
	Hardware string
}

// Event is an interrupt or an exception that a vCPU has not taken yet.
type Event struct {
	Kind   string // "intr", "nmi", "smi", "extint", "exception", "init", "sipi"; "irr": it waits in the local APIC, "pir": it is posted to it
	Vector int    // -1 if it is not known, or there is none
	Error  Value  // error code of an exception
}

// Regs reads what is in memory of the vCPU's registers. Registers that come with an error
// are good: it tells why some of them are unknown.
func (c *VCPU) Regs() (*Regs, error) {
	r, err := c.Machine.back.registers(c)
	if r != nil && r.CR8.Where == inAPIC {
		if l, _ := c.LAPIC(); l != nil { // that it cannot be read is told where it is asked for
			r.CR8 = taskPriority(l)
		}
	}
	return r, err
}

// Value is a register, if memory holds it.
type Value struct {
	V     uint64
	Known bool
	// Where says where the value is from, or why there is none: "VMCB", "exit" (as it was
	// when the vCPU last left the guest), "in the VMCS".
	Where string
}

// Segment is a segment register, or one of the table registers (then only Base and
// Limit count).
type Segment struct {
	Selector Value
	Base     Value
	Limit    Value
	// Attr are the descriptor's bits as VMX has them: type 0-3, S 4, DPL 5-6, P 7, AVL
	// 12, L 13, D/B 14, G 15, unusable 16.
	Attr Value
}

// Numbers of the general registers in Regs.GPR, as instructions encode them.
const (
	RAX = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
)

// Numbers of the segment registers in Regs.Seg, as instructions encode them.
const (
	ES = iota
	CS
	SS
	DS
	FS
	GS
)

// Regs are a vCPU's registers, each with whether it is known.
type Regs struct {
	GPR                     [16]Value
	RIP, RFLAGS             Value
	CR0, CR2, CR3, CR4, CR8 Value
	EFER, KernelGSBase      Value
	Seg                     [6]Segment
	GDT, IDT, LDT, TR       Segment
	DR                      [4]Value
	DR6, DR7                Value
	// MSRs of system calls, of memory types, and the extended control register.
	STAR, LSTAR, CSTAR, SFMASK, PAT, XCR0 Value
	// PDPT are the entries of the page directory pointer table that the processor has
	// loaded, where the hypervisor keeps them (PAE).
	PDPT [4]Value
}

// maxMSRs bounds the MSRs that a hypervisor switches with a guest.
const maxMSRs = 64

// msr is the register that is the MSR of a number, nil if it is none that is kept (APM
// volume 2, appendix A; SDM volume 4, table 2-2).
func (r *Regs) msr(number uint64) *Value {
	switch number {
	case 0x277:
		return &r.PAT
	case 0xc0000081:
		return &r.STAR
	case 0xc0000082:
		return &r.LSTAR
	case 0xc0000083:
		return &r.CSTAR
	case 0xc0000084:
		return &r.SFMASK
	}
	return nil
}
