package vm

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// The VMCB (AMD64 Architecture Programmer's Manual, volume 2, appendix B) is an
// ordinary page: the processor writes the guest's registers there when it leaves the
// guest. rax, rsp and rip are in it; the other general registers are where the
// hypervisor saved them (svm_regctx).

type svmSoftc struct {
	VCPU kernel.Field `ctf:"vcpu"`
}

type svmVCPU struct {
	Size    uint64       `ctf:"sizeof"`
	VMCB    kernel.Field `ctf:"vmcb"`
	Context kernel.Field `ctf:"swctx"`
}

type svmContext struct {
	RBP kernel.Field `ctf:"sctx_rbp"`
	RBX kernel.Field `ctf:"sctx_rbx"`
	RCX kernel.Field `ctf:"sctx_rcx"`
	RDX kernel.Field `ctf:"sctx_rdx"`
	RDI kernel.Field `ctf:"sctx_rdi"`
	RSI kernel.Field `ctf:"sctx_rsi"`
	R8  kernel.Field `ctf:"sctx_r8"`
	R9  kernel.Field `ctf:"sctx_r9"`
	R10 kernel.Field `ctf:"sctx_r10"`
	R11 kernel.Field `ctf:"sctx_r11"`
	R12 kernel.Field `ctf:"sctx_r12"`
	R13 kernel.Field `ctf:"sctx_r13"`
	R14 kernel.Field `ctf:"sctx_r14"`
	R15 kernel.Field `ctf:"sctx_r15"`
	DR0 kernel.Field `ctf:"sctx_dr0"`
	DR1 kernel.Field `ctf:"sctx_dr1"`
	DR2 kernel.Field `ctf:"sctx_dr2"`
	DR3 kernel.Field `ctf:"sctx_dr3"`
}

// vmcbLayout is the part of struct vmcb that is read: its layout is the processor's,
// but the kernel's type says it as well. The first names are bhyve's, the second Linux'.
type vmcbLayout struct {
	Size     uint64       `ctf:"sizeof"`
	ExitCode kernel.Field `ctf:"ctrl.exitcode|control.exit_code"`
	Info1    kernel.Field `ctf:"ctrl.exitinfo1|control.exit_info_1"`
	Info2    kernel.Field `ctf:"ctrl.exitinfo2|control.exit_info_2"`
	Inject   kernel.Field `ctf:"ctrl.eventinj|control.event_inj"`
	VTPR     kernel.Field `ctf:"ctrl.v_tpr|control.int_ctl"` // the byte that has V_TPR in its lower half
	ES       kernel.Field `ctf:"state.es|save.es"`
	CS       kernel.Field `ctf:"state.cs|save.cs"`
	SS       kernel.Field `ctf:"state.ss|save.ss"`
	DS       kernel.Field `ctf:"state.ds|save.ds"`
	FS       kernel.Field `ctf:"state.fs|save.fs"`
	GS       kernel.Field `ctf:"state.gs|save.gs"`
	GDT      kernel.Field `ctf:"state.gdt|save.gdtr"`
	LDT      kernel.Field `ctf:"state.ldt|save.ldtr"`
	IDT      kernel.Field `ctf:"state.idt|save.idtr"`
	TR       kernel.Field `ctf:"state.tr|save.tr"`
	EFER     kernel.Field `ctf:"state.efer|save.efer"`
	CR4      kernel.Field `ctf:"state.cr4|save.cr4"`
	CR3      kernel.Field `ctf:"state.cr3|save.cr3"`
	CR0      kernel.Field `ctf:"state.cr0|save.cr0"`
	CR2      kernel.Field `ctf:"state.cr2|save.cr2"`
	DR7      kernel.Field `ctf:"state.dr7|save.dr7"`
	DR6      kernel.Field `ctf:"state.dr6|save.dr6"`
	RFLAGS   kernel.Field `ctf:"state.rflags|save.rflags"`
	RIP      kernel.Field `ctf:"state.rip|save.rip"`
	RSP      kernel.Field `ctf:"state.rsp|save.rsp"`
	RAX      kernel.Field `ctf:"state.rax|save.rax"`
	KGSBase  kernel.Field `ctf:"state.kernelgsbase|save.kernel_gs_base"`
	STAR     kernel.Field `ctf:"state.star|save.star"`
	LSTAR    kernel.Field `ctf:"state.lstar|save.lstar"`
	CSTAR    kernel.Field `ctf:"state.cstar|save.cstar"`
	SFMASK   kernel.Field `ctf:"state.sfmask|save.sfmask"`
	PAT      kernel.Field `ctf:"state.g_pat|save.g_pat"`
}

type vmcbSegment struct {
	Selector kernel.Field `ctf:"selector"`
	Attr     kernel.Field `ctf:"attrib"`
	Limit    kernel.Field `ctf:"limit"`
	Base     kernel.Field `ctf:"base"`
}

const inVMCB = "VMCB"

// svmVCPUAt reads what bhyve's AMD back end keeps of a vCPU.
func (g *bhyveVM) svmVCPUAt(cookie uint64, c *VCPU) (*svmVCPU, []byte, error) {
	sc, err := kernel.Lay[svmSoftc](g.v, "struct svm_softc")
	if err != nil {
		return nil, nil, err
	}
	l, err := kernel.Lay[svmVCPU](g.v, "struct svm_vcpu")
	if err != nil {
		return nil, nil, err
	}
	if uint64(c.ID+1)*l.Size > sc.VCPU.Size {
		return nil, nil, fmt.Errorf("struct svm_softc %x: there cannot be a vCPU %d", cookie, c.ID)
	}
	at := cookie + sc.VCPU.Off + uint64(c.ID)*l.Size
	b, err := g.v.Bytes(at, l.Size, nil)
	if err != nil {
		return nil, nil, kernel.BadRead("struct svm_vcpu", at, err)
	}
	return l, b, nil
}

func (g *bhyveVM) svmRegs(cookie uint64, c *VCPU) (*Regs, error) {
	l, b, err := g.svmVCPUAt(cookie, c)
	if err != nil {
		return nil, err
	}
	r, err := vmcbRegs(g.v, b[l.VMCB.Off:][:l.VMCB.Size])
	if err != nil {
		return nil, err
	}
	x, err := kernel.Lay[svmContext](g.v, "struct svm_regctx")
	if err != nil {
		return nil, err
	}
	ctx := b[l.Context.Off:]
	for n, f := range map[int]kernel.Field{RBP: x.RBP, RBX: x.RBX, RCX: x.RCX, RDX: x.RDX, RDI: x.RDI, RSI: x.RSI, R8: x.R8, R9: x.R9,
		R10: x.R10, R11: x.R11, R12: x.R12, R13: x.R13, R14: x.R14, R15: x.R15} {
		r.GPR[n] = known(f.Of(ctx), "svm_regctx")
	}
	for n, f := range []kernel.Field{x.DR0, x.DR1, x.DR2, x.DR3} {
		r.DR[n] = known(f.Of(ctx), "svm_regctx")
	}
	return r, nil
}

// vmcbRegs are the registers that a VMCB has; the other general ones are unknown.
func vmcbRegs(v *kernel.View, b []byte) (*Regs, error) {
	l, err := kernel.Lay[vmcbLayout](v, "struct vmcb")
	if err != nil {
		return nil, err
	}
	s, err := kernel.Lay[vmcbSegment](v, "struct vmcb_segment")
	if err != nil {
		if s, err = kernel.Lay[vmcbSegment](v, "struct vmcb_seg"); err != nil { // Linux' name
			return nil, err
		}
	}
	in := func(f kernel.Field) Value { return known(f.Of(b), inVMCB) }
	seg := func(f kernel.Field) Segment {
		p := b[f.Off:]
		return Segment{Selector: known(s.Selector.Of(p), inVMCB), Base: known(s.Base.Of(p), inVMCB),
			Limit: known(s.Limit.Of(p), inVMCB), Attr: known(vmcbAttr(s.Attr.Of(p)), inVMCB)}
	}
	r := &Regs{RIP: in(l.RIP), RFLAGS: in(l.RFLAGS), CR0: in(l.CR0), CR2: in(l.CR2), CR3: in(l.CR3), CR4: in(l.CR4),
		CR8: known(l.VTPR.Of(b)&0xf, inVMCB), EFER: in(l.EFER), KernelGSBase: in(l.KGSBase), DR6: in(l.DR6), DR7: in(l.DR7),
		STAR: in(l.STAR), LSTAR: in(l.LSTAR), CSTAR: in(l.CSTAR), SFMASK: in(l.SFMASK), PAT: in(l.PAT), XCR0: unknown(notKept),
		Seg: [6]Segment{ES: seg(l.ES), CS: seg(l.CS), SS: seg(l.SS), DS: seg(l.DS), FS: seg(l.FS), GS: seg(l.GS)},
		GDT: seg(l.GDT), IDT: seg(l.IDT), LDT: seg(l.LDT), TR: seg(l.TR)}
	r.GPR[RAX], r.GPR[RSP] = in(l.RAX), in(l.RSP)
	for i := range r.PDPT {
		r.PDPT[i] = unknown("not in the VMCB")
	}
	return r, nil
}

// vmcbAttr turns a VMCB's twelve bits of a segment into VMX's arrangement: the upper
// four stand four higher there, and what is not present is unusable.
func vmcbAttr(a uint64) uint64 {
	vmx := a&0xff | a&0xf00<<4
	if a&0x80 == 0 {
		vmx |= 1 << 16
	}
	return vmx
}

// svmExit adds to a vCPU what its VMCB says of the last exit: the processor's reason, the
// only one where the hypervisor's own says nothing (BOGUS: it has dealt with the exit
// itself), and the event that is being injected.
func (g *bhyveVM) svmExit(c *VCPU) {
	l, b, err := g.svmVCPUAt(g.l.Cookie.Of(g.b), c)
	if err != nil {
		return // its registers are unknown for the same reason, which is told there
	}
	x, err := kernel.Lay[vmcbLayout](g.v, "struct vmcb")
	if err != nil {
		return
	}
	b = b[l.VMCB.Off:][:l.VMCB.Size]
	code := x.ExitCode.Of(b)
	c.Exit.Hardware = svmReason(code, x.Info1.Of(b), x.Info2.Of(b))
	if c.Exit.Reason == exitBogus {
		c.Exit.Reason = svmExit(code)
	}
	if e, ok := intEvent(x.Inject.Of(b)); ok {
		c.Events = append(c.Events, e)
	}
}
