package vm

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// kvmCore is what a machine of illumos-kvm's (a port of Linux' KVM of 2010) and one of
// today's Linux have in common: a struct kvm, vCPUs that are struct kvm_vcpu with
// copies of the guest's registers in arch, and models of the same devices.
type kvmCore struct {
	v    *kernel.View
	addr uint64 // of the struct kvm
	b    []byte // the struct kvm
}

// kvmModels are the models of devices that are in the kernel. Each may be configured
// away, and is not there if the process models it.
type kvmModels struct {
	VPIC    kernel.Field `ctf:"arch.vpic,optional"`
	VIOAPIC kernel.Field `ctf:"arch.vioapic,optional"`
	VPIT    kernel.Field `ctf:"arch.vpit,optional"`
}

func (g *kvmCore) devices(*Machine) (map[string]uint64, error) {
	l, err := kernel.Lay[kvmModels](g.v, "struct kvm")
	if err != nil {
		return nil, err
	}
	return map[string]uint64{"vioapic": l.VIOAPIC.Of(g.b), "vatpic": l.VPIC.Of(g.b), "vatpit": l.VPIT.Of(g.b)}, nil
}

// kvmVCPU is the part of struct kvm_vcpu, with the members of its struct kvm_vcpu_arch,
// that both have.
type kvmVCPU struct {
	Size     uint64       `ctf:"sizeof"`
	KVM      kernel.Field `ctf:"kvm"`
	ID       kernel.Field `ctf:"vcpu_id"`
	CPU      kernel.Field `ctf:"cpu"`
	Run      kernel.Field `ctf:"run"`
	Regs     kernel.Field `ctf:"arch.regs"`
	Avail    kernel.Field `ctf:"arch.regs_avail"`
	CR0      kernel.Field `ctf:"arch.cr0"`
	CR0Own   kernel.Field `ctf:"arch.cr0_guest_owned_bits,optional"`
	CR2      kernel.Field `ctf:"arch.cr2"`
	CR3      kernel.Field `ctf:"arch.cr3"`
	CR4      kernel.Field `ctf:"arch.cr4"`
	CR4Own   kernel.Field `ctf:"arch.cr4_guest_owned_bits,optional"`
	CR8      kernel.Field `ctf:"arch.cr8"`
	EFER     kernel.Field `ctf:"arch.efer"`
	PAT      kernel.Field `ctf:"arch.pat,optional"`
	XCR0     kernel.Field `ctf:"arch.xcr0,optional"`
	PDPT     kernel.Field `ctf:"arch.pdptrs,optional"`
	DB       kernel.Field `ctf:"arch.db"`
	DR6      kernel.Field `ctf:"arch.dr6"`
	DR7      kernel.Field `ctf:"arch.dr7"`
	MPState  kernel.Field `ctf:"arch.mp_state"`
	APIC     kernel.Field `ctf:"arch.apic"`
	APICBase kernel.Field `ctf:"arch.apic_base"`
}

// vcpuRIP is the number of rip among arch.regs (enum kvm_reg), behind the general
// registers.
const vcpuRIP = 16

const inVCPU = "kvm_vcpu"

// readVCPU reads a vCPU, which must be the machine's.
func (g *kvmCore) readVCPU(at uint64) (*kvmVCPU, []byte, error) {
	l, b, err := read(g.v, "struct kvm_vcpu", at, func(l *kvmVCPU) uint64 { return l.Size })
	if err != nil {
		return nil, nil, err
	}
	if owner := l.KVM.Of(b); owner != g.addr {
		return nil, nil, fmt.Errorf("struct kvm_vcpu %x: it is of %x, not of %x", at, owner, g.addr)
	}
	return l, b, nil
}

// vcpusAt reads the vCPUs of addresses. Those that come with an error are good.
func vcpusAt(addrs []uint64, at func(addr uint64) (*VCPU, error)) (list []*VCPU, err error) {
	for _, a := range addrs {
		c, bad := at(a)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		list = append(list, c)
	}
	return list, err
}

// own takes the registers that KVM itself keeps of every vCPU, whatever the processor.
// GPR, RIP and the control registers that the VMCS or the VMCB may have are the
// caller's.
func (l *kvmVCPU) own(r *Regs, b []byte) {
	in := func(f kernel.Field) Value {
		if !f.OK() {
			return unknown(notKept)
		}
		return known(f.Of(b), inVCPU)
	}
	r.CR2, r.CR8, r.EFER, r.PAT, r.XCR0 = in(l.CR2), in(l.CR8), in(l.EFER), in(l.PAT), in(l.XCR0)
	if l.APIC.Of(b) != 0 {
		r.CR8 = unknown(inAPIC)
	}
	for i := range r.DR {
		r.DR[i] = known(element(l.DB, 8, i).Of(b), inVCPU)
	}
}

// controls takes cr0 and cr4 of Intel's. The guest owns some of their bits, none of
// those that select how it is paged: these are in the VMCS until they are read, which
// has tells by a register's bit of regs_avail.
func (l *kvmVCPU) controls(r *Regs, b []byte, hasCR0, hasCR4 bool) {
	r.CR0, r.CR4 = known(l.CR0.Of(b), inVCPU), known(l.CR4.Of(b), inVCPU)
	if !hasCR0 && (!l.CR0Own.OK() || l.CR0Own.Of(b) != 0) {
		r.CR0.Where = inExit
	}
	if !hasCR4 && (!l.CR4Own.OK() || l.CR4Own.Of(b) != 0) {
		r.CR4.Where = inExit
	}
}

func (g *kvmCore) lapic(c *VCPU) (*LAPIC, error) {
	l, b, err := g.readVCPU(c.Addr)
	if err != nil {
		return nil, err
	}
	return kvmLAPIC(g.v, l.APIC.Of(b), l.APICBase.Of(b))
}

// kvmLAPIC is KVM's model of an APIC.
func kvmLAPIC(v *kernel.View, at, base uint64) (*LAPIC, error) {
	if at == 0 {
		return nil, nil
	}
	l, b, err := read(v, "struct kvm_lapic", at, func(l *struct {
		Size uint64       `ctf:"sizeof"`
		Regs kernel.Field `ctf:"regs"`
	}) uint64 {
		return l.Size
	})
	if err != nil {
		return nil, err
	}
	return &LAPIC{Addr: at, Page: l.Regs.Of(b), Base: base}, nil
}

// taskPriority is cr8 of a vCPU whose local APIC is in the kernel: there it is the upper
// half of the task priority.
func taskPriority(l *LAPIC) Value { return known(l.Reg(lapicTPR)>>4&0xf, "local APIC") }

// kvmExits are the values of a kvm_run's exit_reason (kvm.h): why the vCPU's thread went
// back to its process.
var kvmExits = []string{"UNKNOWN", "EXCEPTION", "IO", "HYPERCALL", "DEBUG", "HLT", "MMIO", "IRQ_WINDOW_OPEN", "SHUTDOWN", "FAIL_ENTRY", "INTR",
	"SET_TPR", "TPR_ACCESS", "S390_SIEIC", "S390_RESET", "DCR", "NMI", "INTERNAL_ERROR",
	"OSI", "PAPR_HCALL", "S390_UCONTROL", "WATCHDOG", "S390_TSCH", "EPR", "SYSTEM_EVENT", "S390_STSI", "IOAPIC_EOI", "HYPERV", // from here on Linux only
	"ARM_NISV", "RDMSR", "WRMSR", "DIRTY_RING_FULL", "AP_RESET_HOLD", "BUS_LOCK", "XEN", "RISCV_SBI", "RISCV_CSR", "NOTIFY", "LOONGARCH_IOCSR", "MEMORY_FAULT"}

// kvmRun is the part of struct kvm_run, a page that the process can write to, that is
// read: the members of its unions have no names.
type kvmRun struct {
	Reason kernel.Field `ctf:"exit_reason"`
	Out    kernel.Field `ctf:"io.direction"`
	Width  kernel.Field `ctf:"io.size"`
	Port   kernel.Field `ctf:"io.port"`
	GPA    kernel.Field `ctf:"mmio.phys_addr"`
	Len    kernel.Field `ctf:"mmio.len"`
	Write  kernel.Field `ctf:"mmio.is_write"`
}

// told is what the vCPU's process was told last, when it got the vCPU back.
func (g *kvmCore) told(run uint64) string {
	l, err := kernel.Lay[kvmRun](g.v, "struct kvm_run")
	if err != nil || run == 0 {
		return ""
	}
	b, err := g.v.Bytes(run, l.Write.Off+l.Write.Size, nil)
	if err != nil {
		return ""
	}
	n := l.Reason.Of(b)
	if n >= uint64(len(kvmExits)) {
		return ""
	}
	text := "its process was told " + kvmExits[n]
	switch kvmExits[n] {
	case "IO":
		return fmt.Sprintf("%s: port %x %s, %d bytes", text, l.Port.Of(b), pick(l.Out.Of(b) != 0, "out", "in"), l.Width.Of(b))
	case "MMIO":
		return fmt.Sprintf("%s: gpa %x %s, %d bytes", text, l.GPA.Of(b), pick(l.Write.Of(b) != 0, "write", "read"), l.Len.Of(b))
	}
	return text
}
