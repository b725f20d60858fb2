package vm

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// linuxVCPU is the part of struct kvm_vcpu that is read of Linux' beside a kvmVCPU
// (linux/kvm_host.h, arch/x86/include/asm/kvm_host.h).
type linuxVCPU struct {
	PID       kernel.Field `ctf:"pid"` // struct pid of the thread that entered it last
	Mode      kernel.Field `ctf:"mode"`
	Mutex     kernel.Field `ctf:"mutex.owner.counter,optional"`        // held in an ioctl; since 4.10
	Waiter    kernel.Field `ctf:"wait.task,optional"`                  // since 5.8
	Entered   kernel.Field `ctf:"arch.last_vmentry_cpu,optional"`      // -1: never; since 5.5
	Protected kernel.Field `ctf:"arch.guest_state_protected,optional"` // SEV-ES, TDX; since 5.11
}

// Values of kvm_vcpu.mode (linux/kvm_host.h).
const (
	outsideGuest = iota
	inGuest
	exitingGuest
	readingShadow
)

// linuxMPStates are the values of mp_state (linux/kvm.h); a vCPU that is "running" may be
// anywhere.
var linuxMPStates = []string{"running", "uninit", "init", "halted", "sipi", "stopped", "check", "operating", "load", "reset", "suspended"}

// own is the layout of what only Linux has.
func (g *linuxVM) own() (*linuxVCPU, error) { return kernel.Lay[linuxVCPU](g.v, "struct kvm_vcpu") }

func (g *linuxVM) vcpus(m *Machine) (list []*VCPU, err error) {
	list, err = vcpusAt(g.cpus, func(at uint64) (*VCPU, error) { return g.vcpu(m, at) })
	return list, errors.Join(g.cpusE, err)
}

func (g *linuxVM) vcpu(m *Machine, at uint64) (*VCPU, error) {
	l, b, err := g.readVCPU(at)
	if err != nil {
		return nil, err
	}
	x, err := g.own()
	if err != nil {
		return nil, err
	}
	c := &VCPU{Machine: m, ID: int(int32(l.ID.Of(b))), Addr: at, HostCPU: int(int32(l.CPU.Of(b))), State: x.state(l.MPState.Of(b), b)}
	if c.Events, err = g.events(l, b); err != nil {
		return nil, err
	}
	entered := !x.Entered.OK() || int32(x.Entered.Of(b)) >= 0
	switch m.Vendor {
	case AMD:
		g.svmState(c, entered)
	case Intel:
		g.vmxState(c, l, b, entered)
	}
	if entered {
		c.Exit.Detail = g.told(l.Run.Of(b))
	}
	return c, nil
}

// state tells where a vCPU is: in the guest, in KVM, waiting in KVM for an interrupt, or
// with its process.
func (l *linuxVCPU) state(mp uint64, b []byte) string {
	switch {
	case mp >= uint64(len(linuxMPStates)):
		return fmt.Sprintf("state %d", mp)
	case mp != 0:
		return linuxMPStates[mp]
	}
	switch mode := l.Mode.Of(b); {
	case mode != outsideGuest && mode <= readingShadow:
		return "running"
	case l.Waiter.Of(b) != 0:
		return "sleeping"
	case l.Mutex.OK() && l.Mutex.Of(b)&^7 == 0: // the lowest bits are flags
		return "frozen"
	}
	return "kernel"
}

// svmState takes what the VMCB tells of a vCPU: why the processor left the guest last, if
// it has been in it, and the event that is being injected. Where it cannot be read the
// registers are unknown for the same reason, which is told there.
func (g *linuxVM) svmState(c *VCPU, entered bool) {
	x, b, err := g.vmcbOf(c.Addr)
	if err != nil {
		return
	}
	if e, ok := intEvent(kernel.Field{Off: x.Inject.Off, Size: 8}.Of(b)); ok { // the error code is behind it
		c.Events = append(c.Events, e)
	}
	if !entered {
		return
	}
	code := kernel.Field{Off: x.ExitCode.Off, Size: 8}.Of(b) // its upper half was another member up to 6.18
	if uint32(code>>32) == 0 && int32(code) < 0 {
		code = uint64(int64(int32(code))) // the failures are negative, of which KVM compares the lower half
	}
	c.Exit = Exit{Known: true, Code: code, Reason: svmExit(code), Hardware: svmReason(code, x.Info1.Of(b), x.Info2.Of(b))}
}

// vmxState takes what struct vcpu_vmx tells of a vCPU: why the processor left the guest
// last, as far as that was read of the VMCS, and the interrupts that are posted.
func (g *linuxVM) vmxState(c *VCPU, l *kvmVCPU, b []byte, entered bool) {
	x, xb, err := g.vmx(c.Addr)
	if err != nil {
		return
	}
	if x.PIR.OK() {
		c.Events = append(c.Events, postedEvents(xb[x.PIR.Off:][:x.PIR.Size])...)
	}
	if !entered {
		return
	}
	n := x.Exit.Of(xb)
	c.Exit = Exit{Known: true, Code: n, Reason: vmxExit(n)}
	if x.Qualification.OK() && g.has(l, b, "VCPU_EXREG_EXIT_INFO_1") {
		c.Exit.Hardware = vmxReason(n, x.Qualification.Of(xb))
	}
	if n&vmxBasic == vmxException && x.IntrInfo.OK() && g.has(l, b, "VCPU_EXREG_EXIT_INFO_2") {
		if e, ok := intEvent(x.IntrInfo.Of(xb)); ok {
			c.Exit.Hardware = fmt.Sprintf("%s of %s", vmxExit(n), e.text())
		}
	}
}
