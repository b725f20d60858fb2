package vm

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// vcpuVMX is what the Intel back end of illumos-kvm keeps of a vCPU: the kvm_vcpu is its
// beginning.
type vcpuVMX struct {
	Size  uint64       `ctf:"sizeof"`
	Exit  kernel.Field `ctf:"exit_reason"`
	KGS   kernel.Field `ctf:"msr_guest_kernel_gs_base"`
	MSRs  kernel.Field `ctf:"guest_msrs"`
	NMSRs kernel.Field `ctf:"nmsrs"`
}

// sharedMSR is an MSR that is switched with the guest.
type sharedMSR struct {
	Size  uint64       `ctf:"sizeof"`
	Index kernel.Field `ctf:"index"` // among kvm_shared_msrs_global
	Data  kernel.Field `ctf:"data"`
}

// kvmHeld is whether a vCPU's thread is in KVM: vcpu_load takes the mutex.
type kvmHeld struct {
	Owner kernel.Field `ctf:"mutex._opaque[0]"`
}

// mpStates are the values of mp_state (kvm.h).
var mpStates = []string{"running", "uninitialized", "init", "halted", "sipi"}

// Bits of regs_avail (enum kvm_reg) behind those of the general registers and rip.
const kvmPDPT = 17

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
	if c.State == "running" && c.HostCPU < 0 { // loaded into none
		x, err := kernel.Lay[kvmHeld](g.v, "struct kvm_vcpu")
		if err != nil {
			return nil, err
		}
		c.State = pick(x.Owner.Of(b) != 0, "sleeping", "frozen")
	}
	c.Exit = g.lastExit(at, l.Run.Of(b))
	c.Events, err = g.events(l, b)
	return c, err
}

func (g *kvmVM) vmx(at uint64) (*vcpuVMX, []byte, error) {
	return read(g.v, "struct vcpu_vmx", at, func(l *vcpuVMX) uint64 { return l.Size })
}

// lastExit is why the vCPU left the guest: the processor's reason, and what qemu was
// told last.
func (g *kvmVM) lastExit(at, run uint64) Exit {
	l, b, err := g.vmx(at)
	if err != nil {
		return Exit{}
	}
	n := l.Exit.Of(b)
	return Exit{Known: true, Code: n, Reason: vmxExit(n), Detail: g.told(run)}
}

// registers implements backend. KVM keeps copies of registers in the VMCS and notes
// which are good (regs_avail); cr3 it reads after each exit.
func (g *kvmVM) registers(c *VCPU) (*Regs, error) {
	l, b, err := g.readVCPU(c.Addr)
	if err != nil {
		return nil, err
	}
	r := vmcsRegs()
	avail := l.Avail.Of(b)
	for i := range r.GPR {
		if i != RSP || avail&(1<<RSP) != 0 { // KVM itself saves all others
			r.GPR[i] = known(element(l.Regs, 8, i).Of(b), inVCPU)
		}
	}
	if avail&(1<<vcpuRIP) != 0 {
		r.RIP = known(element(l.Regs, 8, vcpuRIP).Of(b), inVCPU)
	}
	if avail&(1<<kvmPDPT) != 0 {
		for i := range r.PDPT {
			r.PDPT[i] = known(element(l.PDPT, 8, i).Of(b), inVCPU)
		}
	}
	l.own(r, b)
	l.controls(r, b, false, false)
	r.CR3 = known(l.CR3.Of(b), inVCPU)
	r.DR6, r.DR7 = known(l.DR6.Of(b), inVCPU), known(l.DR7.Of(b), inVCPU)
	if x, vb, err := g.vmx(c.Addr); err == nil {
		r.KernelGSBase = known(x.KGS.Of(vb), inVMX)
		if err := g.msrs(r, c.Addr, x.MSRs.Of(vb), int32(x.NMSRs.Of(vb))); err != nil {
			return r, err
		}
	}
	return r, nil
}

// msrs takes the MSRs that are switched with the guest. Which they are a table of the
// module's tells.
func (g *kvmVM) msrs(r *Regs, vmx, at uint64, n int32) error {
	if n < 0 || n > maxMSRs {
		return fmt.Errorf("struct vcpu_vmx %x: there cannot be %d MSRs", vmx, n)
	}
	names, err := g.v.Symbol("kvm", "shared_msrs_global")
	if err != nil {
		return nil // then which are which is unknown
	}
	list, err := g.v.Member("struct kvm_shared_msrs_global", "msrs")
	if err != nil {
		return err
	}
	l, err := kernel.Lay[sharedMSR](g.v, "struct shared_msr_entry")
	if err != nil {
		return err
	}
	table, err := g.v.Bytes(names.Value+list.Off, list.Size, nil)
	if err != nil {
		return kernel.BadRead("shared_msrs_global", names.Value, err)
	}
	b, err := g.v.Bytes(at, uint64(n)*l.Size, nil)
	if err != nil {
		return kernel.BadRead("struct shared_msr_entry", at, err)
	}
	for i := range int(n) {
		e := b[uint64(i)*l.Size:]
		slot := l.Index.Of(e)
		if slot >= list.Size/4 {
			continue
		}
		if to := r.msr(element(kernel.Field{}, 4, int(slot)).Of(table)); to != nil {
			*to = known(l.Data.Of(e), "guest_msrs")
		}
	}
	return nil
}
