package vm

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/modules/kernel"
)

type vcpuLayout struct {
	Size      uint64       `ctf:"sizeof"`
	State     kernel.Field `ctf:"state"`
	RunState  kernel.Field `ctf:"run_state,optional"` // since 2020-11
	SIPI      kernel.Field `ctf:"sipi_vector,optional"`
	HostCPU   kernel.Field `ctf:"hostcpu"`
	VLAPIC    kernel.Field `ctf:"vlapic"`
	IntInfo   kernel.Field `ctf:"exitintinfo|exit_intinfo"`
	NMI       kernel.Field `ctf:"nmi_pending"`
	ExtINT    kernel.Field `ctf:"extint_pending"`
	Exception kernel.Field `ctf:"exception_pending,optional"` // one word, exc_pending, since 2021
	Vector    kernel.Field `ctf:"exc_vector,optional"`
	HasError  kernel.Field `ctf:"exc_errcode_valid,optional"`
	Error     kernel.Field `ctf:"exc_errcode,optional"`
	ExcInfo   kernel.Field `ctf:"exc_pending,optional"`
	XCR0      kernel.Field `ctf:"guest_xcr0"`
	Exit      kernel.Field `ctf:"exitinfo"`
}

// vcpuStates are the values of enum vcpu_state.
var vcpuStates = []string{"idle", "frozen", "running", "sleeping"}

// vcpu reads a vCPU of bhyve.
func (g *bhyveVM) vcpu(m *Machine, id int, at uint64) (*VCPU, error) {
	l, err := kernel.Lay[vcpuLayout](g.v, "struct vcpu")
	if err != nil {
		return nil, err
	}
	b := g.b[at-g.addr:][:l.Size]
	c := &VCPU{Machine: m, ID: id, Addr: at, HostCPU: int(int32(l.HostCPU.Of(b)))}
	c.State = fmt.Sprintf("state %d", l.State.Of(b))
	if s := l.State.Of(b); s < uint64(len(vcpuStates)) {
		c.State = vcpuStates[s]
	}
	for _, h := range g.cpus(g.l.Halted) {
		if h == id {
			c.State = "halted"
		}
	}
	if c.Exit, err = g.exit(b[l.Exit.Off:][:l.Exit.Size]); err != nil {
		return nil, err
	}
	c.Events = bhyveEvents(l, b)
	switch g.vendor {
	case AMD:
		g.svmExit(c)
	case Intel:
		g.posted(c)
	}
	return c, nil
}

// Bits of an event's word (VM_INTINFO, the layout of the VMCS and the VMCB).
const (
	intVector = 0xff
	intType   = 0x700
	intError  = 0x800
	intValid  = 0x80000000
)

// intTypes name the values of intType.
var intTypes = map[uint64]string{0: "intr", 0x200: "nmi", 0x300: "exception", 0x400: "swintr", 0x600: "exception"}

// intEvent decodes an event's word.
func intEvent(w uint64) (Event, bool) {
	if w&intValid == 0 {
		return Event{}, false
	}
	e := Event{Kind: intTypes[w&intType], Vector: int(w & intVector), Error: unknown("none")}
	if e.Kind == "" {
		e.Kind = fmt.Sprintf("type %d", w&intType>>8)
	}
	if w&intError != 0 {
		e.Error = known(w>>32, "")
	}
	return e, true
}

// Bits of enum vcpu_run_state.
const (
	runPendInit = 1 << 14
	runPendSIPI = 1 << 15
)

// bhyveEvents are what bhyve will inject at the next entry, and what an exit cut off
// (IntInfo).
func bhyveEvents(l *vcpuLayout, b []byte) (list []Event) {
	for _, w := range []uint64{l.IntInfo.Of(b), l.ExcInfo.Of(b)} {
		if e, ok := intEvent(w); ok {
			list = append(list, e)
		}
	}
	if l.Exception.Of(b) != 0 {
		list = append(list, exceptionEvent(l.Vector, l.HasError, l.Error, b))
	}
	if l.NMI.Of(b) != 0 {
		list = append(list, Event{Kind: "nmi", Vector: 2})
	}
	if l.ExtINT.Of(b) != 0 {
		list = append(list, Event{Kind: "extint", Vector: -1})
	}
	if l.RunState.Of(b)&runPendInit != 0 {
		list = append(list, Event{Kind: "init", Vector: -1})
	}
	if l.RunState.Of(b)&runPendSIPI != 0 {
		list = append(list, Event{Kind: "sipi", Vector: int(l.SIPI.Of(b))})
	}
	return list
}

type exitLayout struct {
	Size     uint64       `ctf:"sizeof"`
	Code     kernel.Field `ctf:"exitcode"`
	Len      kernel.Field `ctf:"inst_length"`
	RIP      kernel.Field `ctf:"rip"`
	Port     kernel.Field `ctf:"u.inout.port"`
	EAX      kernel.Field `ctf:"u.inout.eax"`
	InOut    kernel.Field `ctf:"u.inout"`
	Bytes    kernel.Field `ctf:"u.inout.bytes"`
	IOFlags  kernel.Field `ctf:"u.inout.flags,optional"`
	PageGPA  kernel.Field `ctf:"u.paging.gpa"`
	MMIOGPA  kernel.Field `ctf:"u.inst_emul.gpa|u.mmio_emul.gpa,optional"`
	MMIOCR3  kernel.Field `ctf:"u.inst_emul.paging.cr3,optional"`
	VMX      kernel.Field `ctf:"u.vmx.exit_reason"`
	VMXQual  kernel.Field `ctf:"u.vmx.exit_qualification"`
	VMXInst  kernel.Field `ctf:"u.vmx.inst_type"`
	VMXError kernel.Field `ctf:"u.vmx.inst_error"`
	SVM      kernel.Field `ctf:"u.svm.exitcode"`
	SVMInfo1 kernel.Field `ctf:"u.svm.exitinfo1"`
	SVMInfo2 kernel.Field `ctf:"u.svm.exitinfo2"`
	MSR      kernel.Field `ctf:"u.msr.code"`
	MSRVal   kernel.Field `ctf:"u.msr.wval"`
	RFLAGS   kernel.Field `ctf:"u.hlt.rflags,optional"`
	How      kernel.Field `ctf:"u.suspended.how"`
	Vector   kernel.Field `ctf:"u.ioapic_eoi.vector,optional"`
}

// exit decodes a struct vm_exit.
func (g *bhyveVM) exit(b []byte) (Exit, error) {
	l, err := kernel.Lay[exitLayout](g.v, "struct vm_exit")
	if err != nil {
		return Exit{}, err
	}
	code := l.Code.Of(b)
	name := strings.TrimPrefix(enumerator(g.v, "enum vm_exitcode", code), "VM_EXITCODE_")
	e := Exit{Known: true, Code: code, Reason: name}
	switch name {
	case "":
		e.Reason = fmt.Sprintf("code %d", code)
	case "INOUT", "INOUT_STR":
		e.Detail = g.inout(l, b)
	case "PAGING":
		e.Detail = fmt.Sprintf("gpa %x", l.PageGPA.Of(b))
	case "INST_EMUL", "MMIO_EMUL":
		if l.MMIOGPA.OK() {
			e.Detail = fmt.Sprintf("gpa %x", l.MMIOGPA.Of(b))
		}
	case "RDMSR":
		e.Detail = fmt.Sprintf("msr %x", l.MSR.Of(b))
	case "WRMSR":
		e.Detail = fmt.Sprintf("msr %x value %x", l.MSR.Of(b), l.MSRVal.Of(b))
	case "VMX":
		e.Detail = l.vmx(b)
	case "SVM":
		e.Detail = svmReason(l.SVM.Of(b), l.SVMInfo1.Of(b), l.SVMInfo2.Of(b))
	case exitBogus:
		if g.vendor == Intel {
			l.handled(&e, b)
		}
	case "SUSPENDED":
		if how := l.How.Of(b); how != 0 && how < uint64(len(suspensions)) {
			e.Detail = suspensions[how]
		}
	case "IOAPIC_EOI":
		e.Detail = fmt.Sprintf("vector %x", l.Vector.Of(b))
	}
	return e, nil
}

// exitBogus is the exit code of what bhyve deals with itself (VM_EXITCODE_BOGUS).
const exitBogus = "BOGUS"

// vmxInstructions are those whose failure is an exit (VMX_VMRESUME_ERROR and so on of
// intel/vmx.h).
var vmxInstructions = map[uint64]string{1: "VMRESUME", 2: "VMLAUNCH", 3: "INVEPT"}

// vmx tells what the processor's reason was: an exit's, or the number of an instruction's
// error (SDM volume 3, "VM Instruction Error Numbers").
func (l *exitLayout) vmx(b []byte) string {
	if reason := l.VMX.Of(b); uint32(reason) != ^uint32(0) {
		return vmxReason(reason, l.VMXQual.Of(b))
	}
	name := vmxInstructions[l.VMXInst.Of(b)]
	if name == "" {
		name = fmt.Sprintf("instruction %d", l.VMXInst.Of(b))
	}
	return fmt.Sprintf("%s failed, error %d", name, l.VMXError.Of(b))
}

// handled takes the processor's reason of an exit that bhyve dealt with itself, on
// Intel's: vmx_run notes it in the vm_exit before it looks at it, where other exits then
// put what they have to tell. Of a vCPU that was sent back before it came to the guest
// the union has what the exit before put there: what is no reason is not taken for one.
func (l *exitLayout) handled(e *Exit, b []byte) {
	reason := l.VMX.Of(b)
	if reason >= uint64(len(vmxExits)) || vmxExits[reason] == "" || l.RIP.Of(b) == 0 {
		return
	}
	e.Reason, e.Hardware = vmxExit(reason), vmxReason(reason, l.VMXQual.Of(b))
}

// Bits of the first word of struct vm_inout, bit-fields, up to 2020; since then bytes is
// a member and flags has the direction.
const (
	inoutBytes  = 0x7
	inoutIn     = 0x8
	inoutFlagIn = 0x1
)

// inout tells what an access to a port was: "port 3f8 out 1 value 58".
func (g *bhyveVM) inout(l *exitLayout, b []byte) string {
	n, in := l.Bytes.Of(b), l.IOFlags.Of(b)&inoutFlagIn != 0
	if !l.IOFlags.OK() {
		w := kernel.Field{Off: l.InOut.Off, Size: 2}.Of(b)
		n, in = w&inoutBytes, w&inoutIn != 0
	}
	if in {
		return fmt.Sprintf("port %x in %d", l.Port.Of(b), n)
	}
	return fmt.Sprintf("port %x out %d value %x", l.Port.Of(b), n, l.EAX.Of(b))
}

// enumerator names a value of an enumeration of the kernel's; "" if it has none.
func enumerator(v *kernel.View, typ string, n uint64) string {
	t, err := v.Type(typ)
	if err != nil {
		return ""
	}
	name, _ := t.Resolve().EnumName(int64(n))
	return name
}

// owns implements backend: the vCPUs are in the struct vm.
func (g *bhyveVM) owns(addr uint64) bool { return addr-g.addr < uint64(len(g.b)) }

// registers implements backend.
func (g *bhyveVM) registers(c *VCPU) (*Regs, error) {
	if g.b == nil {
		return nil, errNoVM
	}
	cookie := g.l.Cookie.Of(g.b)
	var r *Regs
	var err error
	switch g.vendor {
	case AMD:
		r, err = g.svmRegs(cookie, c)
	case Intel:
		r, err = g.vmxRegs(cookie, c)
	default:
		err = fmt.Errorf("struct vm %x: it is not known whose processors the host has", g.addr)
	}
	if err != nil {
		return nil, err
	}
	l, err := kernel.Lay[vcpuLayout](g.v, "struct vcpu")
	if err != nil {
		return nil, err
	}
	r.XCR0 = known(l.XCR0.Of(g.b[c.Addr-g.addr:][:l.Size]), "struct vcpu")
	return r, nil
}
