package vm

import "github.com/xmdb/xmdb/modules/kernel"

// kvmPending are the members of struct kvm_vcpu that tell what a vCPU has not taken yet,
// under illumos-kvm's names and Linux'.
type kvmPending struct {
	MPState   kernel.Field `ctf:"arch.mp_state"`
	Exception kernel.Field `ctf:"arch.exception.pending"`
	Injected  kernel.Field `ctf:"arch.exception.injected,optional"` // told apart since 4.14
	Vector    kernel.Field `ctf:"arch.exception.vector|arch.exception.nr"`
	HasError  kernel.Field `ctf:"arch.exception.has_error_code"`
	Error     kernel.Field `ctf:"arch.exception.error_code"`
	Intr      kernel.Field `ctf:"arch.interrupt.injected|arch.interrupt.pending"`
	IntrNr    kernel.Field `ctf:"arch.interrupt.nr"`
	NMI       kernel.Field `ctf:"arch.nmi_pending"`
	NMIInject kernel.Field `ctf:"arch.nmi_injected,optional"`
	NMIQueued kernel.Field `ctf:"arch.nmi_queued.counter,optional"` // to be counted as pending; since 3.2
	SMI       kernel.Field `ctf:"arch.smi_pending,optional"`        // since 4.2
	SIPI      kernel.Field `ctf:"arch.sipi_vector,optional"`        // moved to the APIC in 3.11
}

// kvmAPICPending is what Linux keeps of a start of the vCPU in struct kvm_lapic, since
// 3.11.
type kvmAPICPending struct {
	Size   uint64       `ctf:"sizeof"`
	Events kernel.Field `ctf:"pending_events,optional"`
	SIPI   kernel.Field `ctf:"sipi_vector,optional"`
}

// Bits of kvm_lapic.pending_events.
const (
	apicInit = 1 << iota
	apicSIPI
)

// mpSIPI is KVM_MP_STATE_SIPI_RECEIVED.
const mpSIPI = 4

// events are what KVM will inject at the next entry, and the start that a vCPU waits
// for; b is the struct kvm_vcpu.
func (g *kvmCore) events(l *kvmVCPU, b []byte) (list []Event, err error) {
	p, err := kernel.Lay[kvmPending](g.v, "struct kvm_vcpu")
	if err != nil {
		return nil, err
	}
	if p.Exception.Of(b) != 0 || p.Injected.Of(b) != 0 {
		list = append(list, exceptionEvent(p.Vector, p.HasError, p.Error, b))
	}
	if p.NMI.Of(b) != 0 || p.NMIInject.Of(b) != 0 || p.NMIQueued.Of(b) != 0 {
		list = append(list, Event{Kind: "nmi", Vector: 2})
	}
	if p.SMI.Of(b) != 0 {
		list = append(list, Event{Kind: "smi", Vector: -1})
	}
	if p.Intr.Of(b) != 0 {
		list = append(list, Event{Kind: "intr", Vector: int(p.IntrNr.Of(b))})
	}
	if p.MPState.Of(b) == mpSIPI && p.SIPI.OK() {
		list = append(list, Event{Kind: "sipi", Vector: int(p.SIPI.Of(b) & 0xff)})
	}
	return append(list, g.startEvents(l.APIC.Of(b))...), nil
}

// startEvents are those that the local APIC keeps.
func (g *kvmCore) startEvents(apic uint64) (list []Event) {
	if apic == 0 {
		return nil
	}
	x, b, err := read(g.v, "struct kvm_lapic", apic, func(l *kvmAPICPending) uint64 { return l.Size })
	if err != nil {
		return nil // which reading the APIC itself says
	}
	if x.Events.Of(b)&apicInit != 0 {
		list = append(list, Event{Kind: "init", Vector: -1})
	}
	if x.Events.Of(b)&apicSIPI != 0 {
		list = append(list, Event{Kind: "sipi", Vector: int(x.SIPI.Of(b) & 0xff)})
	}
	return list
}

// exceptionEvent is an exception whose parts are members of a structure.
func exceptionEvent(vector, hasError, code kernel.Field, b []byte) Event {
	e := Event{Kind: "exception", Vector: int(vector.Of(b)), Error: unknown("none")}
	if hasError.Of(b) != 0 {
		e.Error = known(code.Of(b), "")
	}
	return e
}

// postedEvents are the interrupts that are posted to a local APIC: the bits of a posted
// interrupt descriptor's first 256 (SDM volume 3, "Posted-Interrupt Processing"), the
// highest first.
func postedEvents(pir []byte) (list []Event) {
	for n := min(len(pir)*8, 256) - 1; n >= 0; n-- {
		if pir[n/8]>>(n%8)&1 != 0 {
			list = append(list, Event{Kind: "pir", Vector: n})
		}
	}
	return list
}

// extINT tells whether the 8259s' interrupt waits for a vCPU: they assert their line, and
// its local APIC lets it through (kvm_apic_accept_pic_intr), being off or with LINT0 for
// it.
func (g *kvmCore) extINT(l *LAPIC) bool {
	devs, err := g.devices(nil)
	if err != nil || devs["vatpic"] == 0 {
		return false
	}
	x, b, err := read(g.v, "struct kvm_pic", devs["vatpic"], func(l *struct {
		Size   uint64       `ctf:"sizeof"`
		Output kernel.Field `ctf:"output,optional"`
	}) uint64 {
		return l.Size
	})
	if err != nil || x.Output.Of(b) == 0 {
		return false // that it cannot be read ::vatpic says
	}
	lint0 := l.Reg(lapicLINT0)
	return l.Base&baseEnabled == 0 || lint0&lvtMasked == 0 && deliveryModes[lint0>>8&7] == "extint"
}
