package vm

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

type kvmVCPU struct {
	Size      uint64       `ctf:"sizeof"`
	KVM       kernel.Field `ctf:"kvm"`
	ID        kernel.Field `ctf:"vcpu_id"`
	CPU       kernel.Field `ctf:"cpu"`
	Run       kernel.Field `ctf:"run"`
	Regs      kernel.Field `ctf:"arch.regs"`
	Avail     kernel.Field `ctf:"arch.regs_avail"`
	CR0       kernel.Field `ctf:"arch.cr0"`
	CR2       kernel.Field `ctf:"arch.cr2"`
	CR3       kernel.Field `ctf:"arch.cr3"`
	CR4       kernel.Field `ctf:"arch.cr4"`
	CR8       kernel.Field `ctf:"arch.cr8"`
	EFER      kernel.Field `ctf:"arch.efer"`
	PDPT      kernel.Field `ctf:"arch.pdptrs"`
	DB        kernel.Field `ctf:"arch.db"`
	DR6       kernel.Field `ctf:"arch.dr6"`
	DR7       kernel.Field `ctf:"arch.dr7"`
	MPState   kernel.Field `ctf:"arch.mp_state"`
	APIC      kernel.Field `ctf:"arch.apic"`
	APICBase  kernel.Field `ctf:"arch.apic_base"`
	SIPI      kernel.Field `ctf:"arch.sipi_vector"`
	Exception kernel.Field `ctf:"arch.exception.pending"`
	Vector    kernel.Field `ctf:"arch.exception.nr"`
	HasError  kernel.Field `ctf:"arch.exception.has_error_code"`
	Error     kernel.Field `ctf:"arch.exception.error_code"`
	Intr      kernel.Field `ctf:"arch.interrupt.pending"`
	IntrNr    kernel.Field `ctf:"arch.interrupt.nr"`
	NMI       kernel.Field `ctf:"arch.nmi_pending"`
}

// vcpuVMX is what Intel's back end keeps of a vCPU: the kvm_vcpu is its beginning.
type vcpuVMX struct {
	Size uint64       `ctf:"sizeof"`
	Exit kernel.Field `ctf:"exit_reason"`
	KGS  kernel.Field `ctf:"msr_guest_kernel_gs_base"`
}

// mpStates are the values of mp_state (kvm.h).
var mpStates = []string{"running", "uninitialized", "init", "halted", "sipi"}

// mpSIPI is KVM_MP_STATE_SIPI_RECEIVED.
const mpSIPI = 4

// kvmExits are the values of a kvm_run's exit_reason (kvm.h): why the vCPU's thread went
// back to qemu.
var kvmExits = []string{"UNKNOWN", "EXCEPTION", "IO", "HYPERCALL", "DEBUG", "HLT", "MMIO", "IRQ_WINDOW_OPEN", "SHUTDOWN", "FAIL_ENTRY", "INTR",
	"SET_TPR", "TPR_ACCESS", "S390_SIEIC", "S390_RESET", "DCR", "NMI", "INTERNAL_ERROR",
	"OSI", "PAPR_HCALL", "S390_UCONTROL", "WATCHDOG", "S390_TSCH", "EPR", "SYSTEM_EVENT", "S390_STSI", "IOAPIC_EOI", "HYPERV", // from here on Linux only
	"ARM_NISV", "RDMSR", "WRMSR", "DIRTY_RING_FULL", "AP_RESET_HOLD", "BUS_LOCK", "XEN", "RISCV_SBI", "RISCV_CSR", "NOTIFY", "LOONGARCH_IOCSR", "MEMORY_FAULT"}

// Bits of regs_avail (enum kvm_reg): the general registers in order, rip, the PDPT.
const (
	kvmRIP  = 16
	kvmPDPT = 17
)

func (g *kvmVM) readVCPU(at uint64) (*kvmVCPU, []byte, error) {
	l, b, err := read(g.v, "struct kvm_vcpu", at, func(l *kvmVCPU) uint64 { return l.Size })
	if err != nil {
		return nil, nil, err
	}
	if owner := l.KVM.Of(b); owner != g.addr {
		return nil, nil, fmt.Errorf("struct kvm_vcpu %x: it is of %x, not of %x", at, owner, g.addr)
	}
	return l, b, nil
}

func (g *kvmVM) vcpu(m *Machine, at uint64) (*VCPU, error) {
	l, b, err := g.readVCPU(at)
	if err != nil {
		return nil, err
	}
	c := &VCPU{Machine: m, ID: int(int32(l.ID.Of(b))), Addr: at, HostCPU: int(int32(l.CPU.Of(b)))}
	c.State = fmt.Sprintf("state %d", l.MPState.Of(b))
	if s := l.MPState.Of(b); s < uint64(len(mpStates)) {
		c.State = mpStates[s]
	}
	if c.State == "running" && c.HostCPU < 0 {
		c.State = "sleeping" // it may run, and its thread is elsewhere
	}
	c.Exit = g.lastExit(at, l.Run.Of(b))
	c.Events = kvmEvents(l, b)
	return c, nil
}

// lastExit is why the vCPU left the guest: the processor's reason, and what qemu was
// told last.
func (g *kvmVM) lastExit(at, run uint64) Exit {
	l, b, err := read(g.v, "struct vcpu_vmx", at, func(l *vcpuVMX) uint64 { return l.Size })
	if err != nil {
		return Exit{}
	}
	n := l.Exit.Of(b)
	e := Exit{Known: true, Code: n, Reason: vmxExit(n)}
	rl, rb, err := read(g.v, "struct kvm_run", run, func(l *struct {
		Size   uint64       `ctf:"sizeof"`
		Reason kernel.Field `ctf:"exit_reason"`
	}) uint64 {
		return l.Size
	})
	if err == nil {
		if n := rl.Reason.Of(rb); n < uint64(len(kvmExits)) {
			e.Detail = "qemu was told " + kvmExits[n]
		}
	}
	return e
}

func kvmEvents(l *kvmVCPU, b []byte) (list []Event) {
	if l.Exception.Of(b) != 0 {
		e := Event{Kind: "exception", Vector: int(l.Vector.Of(b)), Error: unknown("none")}
		if l.HasError.Of(b) != 0 {
			e.Error = known(l.Error.Of(b), "")
		}
		list = append(list, e)
	}
	if l.NMI.Of(b) != 0 {
		list = append(list, Event{Kind: "nmi", Vector: 2})
	}
	if l.Intr.Of(b) != 0 {
		list = append(list, Event{Kind: "intr", Vector: int(l.IntrNr.Of(b))})
	}
	if l.MPState.Of(b) == mpSIPI {
		list = append(list, Event{Kind: "sipi", Vector: int(l.SIPI.Of(b) & 0xff)})
	}
	return list
}

// registers implements backend. KVM keeps copies of registers in the VMCS and notes
// which are good (regs_avail).
func (g *kvmVM) registers(c *VCPU) (*Regs, error) {
	l, b, err := g.readVCPU(c.Addr)
	if err != nil {
		return nil, err
	}
	const from = "kvm_vcpu"
	r := vmcsRegs()
	avail := l.Avail.Of(b)
	for i := range r.GPR {
		if i != RSP || avail&(1<<RSP) != 0 { // KVM itself saves all others
			r.GPR[i] = known(element(l.Regs, 8, i).Of(b), from)
		}
	}
	if avail&(1<<kvmRIP) != 0 {
		r.RIP = known(element(l.Regs, 8, kvmRIP).Of(b), from)
	}
	if avail&(1<<kvmPDPT) != 0 {
		for i := range r.PDPT {
			r.PDPT[i] = known(element(l.PDPT, 8, i).Of(b), from)
		}
	}
	in := func(f kernel.Field) Value { return known(f.Of(b), from) }
	r.CR0, r.CR2, r.CR3, r.CR4, r.CR8, r.EFER = in(l.CR0), in(l.CR2), in(l.CR3), in(l.CR4), in(l.CR8), in(l.EFER)
	r.DR6, r.DR7 = in(l.DR6), in(l.DR7)
	for i := range r.DR {
		r.DR[i] = known(element(l.DB, 8, i).Of(b), from)
	}
	if x, vb, err := read(g.v, "struct vcpu_vmx", c.Addr, func(l *vcpuVMX) uint64 { return l.Size }); err == nil {
		r.KernelGSBase = known(x.KGS.Of(vb), "vcpu_vmx")
	}
	return r, nil
}
