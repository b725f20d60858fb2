package vm

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// KVM keeps the general registers and rip of a vCPU that is not in the guest in
// kvm_vcpu.arch.regs, and copies of the control registers as the guest sees them. The
// rest is in the VMCB (AMD) or in the VMCS (Intel), of which struct vcpu_vmx has what
// was read of it since the last exit; regs_avail has a bit for each.

// linuxSVM is struct vcpu_svm (arch/x86/kvm/svm/svm.h), whose beginning is the kvm_vcpu.
type linuxSVM struct {
	Size  uint64       `ctf:"sizeof"`
	VCPU  kernel.Field `ctf:"vcpu"`
	VMCB  kernel.Field `ctf:"vmcb"`                // that the processor runs by
	First kernel.Field `ctf:"vmcb01.ptr,optional"` // the guest's own; since 5.12
}

// svmOf gives the addresses of a vCPU's VMCBs: the one in use, and that of its own, which
// is another while it runs a guest of the guest's.
func (g *linuxVM) svmOf(at uint64) (vmcb, own uint64, err error) {
	l, b, err := read(g.v, "struct vcpu_svm", at, func(l *linuxSVM) uint64 { return l.Size })
	if err != nil {
		return 0, 0, err
	}
	if l.VCPU.Off != 0 {
		return 0, 0, fmt.Errorf("struct vcpu_svm does not begin with its kvm_vcpu")
	}
	vmcb, own = l.VMCB.Of(b), l.VMCB.Of(b)
	if l.First.OK() {
		own = l.First.Of(b)
	}
	return vmcb, own, nil
}

// vmcbOf reads the VMCB that a vCPU runs by.
func (g *linuxVM) vmcbOf(at uint64) (*vmcbLayout, []byte, error) {
	vmcb, _, err := g.svmOf(at)
	if err != nil {
		return nil, nil, err
	}
	return read(g.v, "struct vmcb", vmcb, func(l *vmcbLayout) uint64 { return l.Size })
}

// encrypted is why a register of a guest is unknown whose state the processor encrypts.
const encrypted = "encrypted"

// registers implements backend.
func (g *linuxVM) registers(c *VCPU) (*Regs, error) {
	l, b, err := g.readVCPU(c.Addr)
	if err != nil {
		return nil, err
	}
	if x, err := g.own(); err != nil {
		return nil, err
	} else if x.Protected.Of(b) != 0 {
		return unknownRegs(encrypted), nil
	}
	var r *Regs
	switch c.Machine.Vendor {
	case AMD:
		r, err = g.svmRegs(c, l, b)
	case Intel:
		r, err = g.vmxRegs(c, l, b)
	default:
		r = vmcsRegs()
	}
	if err != nil {
		return nil, err
	}
	for i := range r.GPR {
		if r.GPR[i].Where != inVMCS {
			r.GPR[i] = known(element(l.Regs, 8, i).Of(b), inVCPU)
		}
	}
	l.own(r, b)
	return r, nil
}

// deeper is in the place of cr3 while a vCPU runs a guest of its guest's: the page table is
// at an address of that one's memory, at none of this guest's.
var deeper = unknown("of a guest of the guest")

// svmRegs are the registers of AMD's: KVM copies rax, rsp and rip out of the VMCB after
// each exit and cr3 with nested page tables, and keeps cr0 and cr4 as the guest sees them.
// FS, GS, TR, LDTR, KernelGSBase and the MSRs of system calls are in the guest's own VMCB
// always.
func (g *linuxVM) svmRegs(c *VCPU, l *kvmVCPU, b []byte) (*Regs, error) {
	vmcb, own, err := g.svmOf(c.Addr)
	if err != nil {
		return nil, err
	}
	regs := func(at uint64) (*Regs, error) {
		_, vb, err := read(g.v, "struct vmcb", at, func(l *vmcbLayout) uint64 { return l.Size })
		if err != nil {
			return nil, err
		}
		return vmcbRegs(g.v, vb)
	}
	r, err := regs(vmcb)
	if err != nil {
		return nil, err
	}
	in := func(f kernel.Field) Value { return known(f.Of(b), inVCPU) }
	r.RIP = known(element(l.Regs, 8, vcpuRIP).Of(b), inVCPU)
	r.CR0, r.CR3, r.CR4 = in(l.CR0), in(l.CR3), in(l.CR4)
	if own != vmcb {
		first, err := regs(own)
		if err != nil {
			return nil, err
		}
		r.Seg[FS], r.Seg[GS], r.TR, r.LDT, r.KernelGSBase = first.Seg[FS], first.Seg[GS], first.TR, first.LDT, first.KernelGSBase
		r.STAR, r.LSTAR, r.CSTAR, r.SFMASK = first.STAR, first.LSTAR, first.CSTAR, first.SFMASK
		r.CR3 = deeper
	}
	return r, nil
}

// linuxVMX is struct vcpu_vmx (arch/x86/kvm/vmx/vmx.h), whose beginning is the kvm_vcpu.
type linuxVMX struct {
	Size          uint64       `ctf:"sizeof"`
	Exit          kernel.Field `ctf:"vt.exit_reason.full|exit_reason.full|exit_reason"`  // a union since 5.11, moved in 6.15
	Qualification kernel.Field `ctf:"vt.exit_qualification|exit_qualification,optional"` // since 5.8
	IntrInfo      kernel.Field `ctf:"vt.exit_intr_info|exit_intr_info,optional"`
	PIR           kernel.Field `ctf:"vt.pi_desc.pir|pi_desc.pir,optional"` // posted interrupts; since 3.10
	MSRs          kernel.Field `ctf:"guest_uret_msrs,optional"`            // since 5.11
	RFLAGS        kernel.Field `ctf:"rflags,optional"`
	Mask          kernel.Field `ctf:"segment_cache.bitmask,optional"`
	Segments      kernel.Field `ctf:"segment_cache.seg,optional"`
	KGS           kernel.Field `ctf:"vt.msr_guest_kernel_gs_base|msr_guest_kernel_gs_base,optional"`
	Loaded        kernel.Field `ctf:"loaded_vmcs,optional"` // the one that it runs by
	Own           kernel.Field `ctf:"vmcs01,optional"`      // where that of its own is described
}

// Fields of a segment in the mask of segment_cache, in the order of the bits; there are
// four for each segment of enum kvm_segment: es, cs, ss, ds, fs, gs, tr, ldtr.
const (
	cachedSelector = iota
	cachedBase
	cachedLimit
	cachedAttr
	cachedFields
)

type linuxVMXSegment struct {
	Size     uint64       `ctf:"sizeof"`
	Selector kernel.Field `ctf:"selector"`
	Base     kernel.Field `ctf:"base"`
	Limit    kernel.Field `ctf:"limit"`
	Attr     kernel.Field `ctf:"ar"`
}

func (g *linuxVM) vmx(at uint64) (*linuxVMX, []byte, error) {
	return read(g.v, "struct vcpu_vmx", at, func(l *linuxVMX) uint64 { return l.Size })
}

// has tells whether KVM has read something of the VMCS since the last exit; name is its
// number in enum kvm_reg.
func (g *linuxVM) has(l *kvmVCPU, b []byte, name string) bool {
	bit, ok := g.v.Enumerator("enum kvm_reg", name)
	return ok && bit >= 0 && bit < 64 && l.Avail.Of(b)>>uint(bit)&1 != 0
}

// vmxRegs are the registers of Intel's.
func (g *linuxVM) vmxRegs(c *VCPU, l *kvmVCPU, b []byte) (*Regs, error) {
	x, xb, err := g.vmx(c.Addr)
	if err != nil {
		return nil, err
	}
	has := func(name string) bool { return g.has(l, b, name) }
	r := vmcsRegs()
	in := func(f kernel.Field) Value { return known(f.Of(b), inVCPU) }
	if has("VCPU_REGS_RSP") {
		r.GPR[RSP] = Value{} // registers takes it
	}
	if has("VCPU_REGS_RIP") {
		r.RIP = known(element(l.Regs, 8, vcpuRIP).Of(b), inVCPU)
	}
	switch {
	case x.Own.OK() && x.Loaded.Of(xb) != c.Addr+x.Own.Off:
		r.CR3 = deeper
	case has("VCPU_EXREG_CR3"):
		r.CR3 = in(l.CR3)
	}
	l.controls(r, b, has("VCPU_EXREG_CR0"), has("VCPU_EXREG_CR4"))
	if x.RFLAGS.OK() && has("VCPU_EXREG_RFLAGS") {
		r.RFLAGS = known(x.RFLAGS.Of(xb), inVMX)
	}
	r.DR6, r.DR7 = in(l.DR6), in(l.DR7)
	if x.KGS.OK() {
		r.KernelGSBase = known(x.KGS.Of(xb), inVMX)
	}
	g.vmxMSRs(r, x, xb)
	if x.Mask.OK() && has("VCPU_EXREG_SEGMENTS") {
		g.vmxSegments(r, x, xb)
	}
	return r, nil
}

// vmxSegments takes what was read of segments.
func (g *linuxVM) vmxSegments(r *Regs, x *linuxVMX, xb []byte) {
	l, err := kernel.Lay[linuxVMXSegment](g.v, "struct kvm_save_segment")
	if err != nil {
		return
	}
	mask := x.Mask.Of(xb)
	for i, to := range []*Segment{&r.Seg[ES], &r.Seg[CS], &r.Seg[SS], &r.Seg[DS], &r.Seg[FS], &r.Seg[GS], &r.TR, &r.LDT} {
		off := x.Segments.Off + uint64(i)*l.Size
		if off+l.Size > x.Segments.Off+x.Segments.Size {
			return
		}
		for n, f := range [cachedFields]struct {
			to *Value
			at kernel.Field
		}{cachedSelector: {&to.Selector, l.Selector}, cachedBase: {&to.Base, l.Base}, cachedLimit: {&to.Limit, l.Limit}, cachedAttr: {&to.Attr, l.Attr}} {
			if mask>>(i*cachedFields+n)&1 != 0 {
				*f.to = known(f.at.Of(xb[off:]), inVMX)
			}
		}
	}
}

// vmxMSRs takes the MSRs that are switched with the guest: an array in the order of a
// table of the module kvm's.
func (g *linuxVM) vmxMSRs(r *Regs, x *linuxVMX, xb []byte) {
	l, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		Data kernel.Field `ctf:"data"`
	}](g.v, "struct vmx_uret_msr")
	if err != nil || !x.MSRs.OK() {
		return
	}
	names, err := g.v.Symbol("kvm", "kvm_uret_msrs_list") // what it was before 5.13 is not read
	if err != nil {
		return
	}
	n := min(x.MSRs.Size/l.Size, maxMSRs)
	table, err := g.v.Bytes(names.Value, n*4, nil)
	if err != nil {
		return
	}
	for i := range n {
		if to := r.msr(element(kernel.Field{}, 4, int(i)).Of(table)); to != nil {
			*to = known(l.Data.Of(xb[x.MSRs.Off+i*l.Size:]), "guest_uret_msrs")
		}
	}
}
