package vm

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// linuxVCPU is the part of struct kvm_vcpu that is read, with the members of its struct
// kvm_vcpu_arch (arch/x86/include/asm/kvm_host.h).
type linuxVCPU struct {
	Size      uint64       `ctf:"sizeof"`
	KVM       kernel.Field `ctf:"kvm"`
	ID        kernel.Field `ctf:"vcpu_id"`
	CPU       kernel.Field `ctf:"cpu"`
	PID       kernel.Field `ctf:"pid"` // struct pid of the thread that entered it last
	Run       kernel.Field `ctf:"run"`
	Mode      kernel.Field `ctf:"mode"`
	Mutex     kernel.Field `ctf:"mutex.owner.counter,optional"` // held in an ioctl; since 4.10
	Waiter    kernel.Field `ctf:"wait.task,optional"`           // since 5.8
	Regs      kernel.Field `ctf:"arch.regs"`
	Avail     kernel.Field `ctf:"arch.regs_avail"`
	CR0       kernel.Field `ctf:"arch.cr0"`
	CR2       kernel.Field `ctf:"arch.cr2"`
	CR3       kernel.Field `ctf:"arch.cr3"`
	CR4       kernel.Field `ctf:"arch.cr4"`
	CR8       kernel.Field `ctf:"arch.cr8"`
	EFER      kernel.Field `ctf:"arch.efer"`
	DB        kernel.Field `ctf:"arch.db"`
	DR6       kernel.Field `ctf:"arch.dr6"`
	DR7       kernel.Field `ctf:"arch.dr7"`
	MPState   kernel.Field `ctf:"arch.mp_state"`
	APIC      kernel.Field `ctf:"arch.apic"`
	APICBase  kernel.Field `ctf:"arch.apic_base"`
	SIPI      kernel.Field `ctf:"arch.sipi_vector,optional"` // moved to the APIC in 3.11
	Exception kernel.Field `ctf:"arch.exception.pending"`
	Injected  kernel.Field `ctf:"arch.exception.injected,optional"` // told apart since 4.14
	Vector    kernel.Field `ctf:"arch.exception.vector|arch.exception.nr"`
	HasError  kernel.Field `ctf:"arch.exception.has_error_code"`
	Error     kernel.Field `ctf:"arch.exception.error_code"`
	Intr      kernel.Field `ctf:"arch.interrupt.injected|arch.interrupt.pending"`
	IntrNr    kernel.Field `ctf:"arch.interrupt.nr"`
	NMI       kernel.Field `ctf:"arch.nmi_pending"`
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

func (g *linuxVM) readVCPU(at uint64) (*linuxVCPU, []byte, error) {
	l, b, err := read(g.v, "struct kvm_vcpu", at, func(l *linuxVCPU) uint64 { return l.Size })
	if err != nil {
		return nil, nil, err
	}
	if owner := l.KVM.Of(b); owner != g.addr {
		return nil, nil, fmt.Errorf("struct kvm_vcpu %x: it is of %x, not of %x", at, owner, g.addr)
	}
	return l, b, nil
}

func (g *linuxVM) vcpus(m *Machine) (list []*VCPU, err error) {
	err = g.cpusE
	for _, at := range g.cpus {
		c, bad := g.vcpu(m, at)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		list = append(list, c)
	}
	return list, err
}

func (g *linuxVM) vcpu(m *Machine, at uint64) (*VCPU, error) {
	l, b, err := g.readVCPU(at)
	if err != nil {
		return nil, err
	}
	c := &VCPU{Machine: m, ID: int(int32(l.ID.Of(b))), Addr: at, HostCPU: int(int32(l.CPU.Of(b))), State: l.state(b)}
	if !l.Entered.OK() || int32(l.Entered.Of(b)) >= 0 {
		c.Exit = g.lastExit(m, at)
		c.Exit.Detail = g.told(l.Run.Of(b))
	}
	c.Events = g.events(l, b)
	if m.Vendor == AMD {
		if x, vb, err := g.vmcbOf(at); err == nil {
			if e, ok := intEvent(kernel.Field{Off: x.Inject.Off, Size: 8}.Of(vb)); ok { // the error code is behind it
				c.Events = append(c.Events, e)
			}
		}
	}
	return c, nil
}

// state tells where a vCPU is: in the guest, in KVM, waiting in KVM for an interrupt, or
// with its process.
func (l *linuxVCPU) state(b []byte) string {
	mp := l.MPState.Of(b)
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

// lastExit is why the processor left the guest last.
func (g *linuxVM) lastExit(m *Machine, at uint64) Exit {
	switch m.Vendor {
	case AMD:
		x, b, err := g.vmcbOf(at)
		if err != nil {
			return Exit{} // its registers are unknown for the same reason, which is told there
		}
		code := kernel.Field{Off: x.ExitCode.Off, Size: 8}.Of(b) // its upper half was another member up to 6.18
		if uint32(code>>32) == 0 && int32(code) < 0 {
			code = uint64(int64(int32(code))) // the failures are negative, of which KVM compares the lower half
		}
		return Exit{Known: true, Code: code, Reason: svmExit(code), Hardware: fmt.Sprintf("%s info %x %x", svmExit(code), x.Info1.Of(b), x.Info2.Of(b))}
	case Intel:
		l, b, err := read(g.v, "struct vcpu_vmx", at, func(l *linuxVMX) uint64 { return l.Size })
		if err != nil {
			return Exit{}
		}
		n := l.Exit.Of(b)
		return Exit{Known: true, Code: n, Reason: vmxExit(n)}
	}
	return Exit{}
}

type linuxRun struct {
	Reason kernel.Field `ctf:"exit_reason"`
	Out    kernel.Field `ctf:"io.direction"` // the members of unions without names
	Width  kernel.Field `ctf:"io.size"`
	Port   kernel.Field `ctf:"io.port"`
	GPA    kernel.Field `ctf:"mmio.phys_addr"`
	Len    kernel.Field `ctf:"mmio.len"`
	Write  kernel.Field `ctf:"mmio.is_write"`
}

// told is what the vCPU's process was told last, when it got the vCPU back: the page
// struct kvm_run, which it can write to.
func (g *linuxVM) told(run uint64) string {
	l, err := kernel.Lay[linuxRun](g.v, "struct kvm_run")
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

func pick(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// Bits of kvm_lapic.pending_events.
const (
	apicInit = 1 << iota
	apicSIPI
)

func (g *linuxVM) events(l *linuxVCPU, b []byte) (list []Event) {
	if l.Exception.Of(b) != 0 || l.Injected.Of(b) != 0 {
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
	if l.MPState.Of(b) == mpSIPI && l.SIPI.OK() {
		list = append(list, Event{Kind: "sipi", Vector: int(l.SIPI.Of(b) & 0xff)})
	}
	at := l.APIC.Of(b)
	if at == 0 {
		return list
	}
	x, ab, err := read(g.v, "struct kvm_lapic", at, func(l *struct {
		Size   uint64       `ctf:"sizeof"`
		Events kernel.Field `ctf:"pending_events,optional"`
		SIPI   kernel.Field `ctf:"sipi_vector,optional"`
	}) uint64 {
		return l.Size
	})
	if err != nil {
		return list // which reading the APIC itself says
	}
	if x.Events.Of(ab)&apicInit != 0 {
		list = append(list, Event{Kind: "init", Vector: -1})
	}
	if x.Events.Of(ab)&apicSIPI != 0 {
		list = append(list, Event{Kind: "sipi", Vector: int(x.SIPI.Of(ab) & 0xff)})
	}
	return list
}

func (g *linuxVM) lapic(c *VCPU) (*LAPIC, error) {
	l, b, err := g.readVCPU(c.Addr)
	if err != nil {
		return nil, err
	}
	return kvmLAPIC(g.v, l.APIC.Of(b), l.APICBase.Of(b))
}
