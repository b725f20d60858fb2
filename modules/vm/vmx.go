package vm

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// Of a vCPU on Intel's processors memory holds what the hypervisor saves itself: the
// general registers but rsp, cr2 and the debug registers (vmxctx), some MSRs. The rest
// is in the VMCS, which the processor keeps in a form of its own: of that only what the
// last exit told is known.

type vmxSoftc struct {
	Context kernel.Field `ctf:"ctx"`
	MSRs    kernel.Field `ctf:"guest_msrs"`
}

type vmxContext struct {
	Size uint64       `ctf:"sizeof"`
	RDI  kernel.Field `ctf:"guest_rdi"`
	RSI  kernel.Field `ctf:"guest_rsi"`
	RDX  kernel.Field `ctf:"guest_rdx"`
	RCX  kernel.Field `ctf:"guest_rcx"`
	R8   kernel.Field `ctf:"guest_r8"`
	R9   kernel.Field `ctf:"guest_r9"`
	RAX  kernel.Field `ctf:"guest_rax"`
	RBX  kernel.Field `ctf:"guest_rbx"`
	RBP  kernel.Field `ctf:"guest_rbp"`
	R10  kernel.Field `ctf:"guest_r10"`
	R11  kernel.Field `ctf:"guest_r11"`
	R12  kernel.Field `ctf:"guest_r12"`
	R13  kernel.Field `ctf:"guest_r13"`
	R14  kernel.Field `ctf:"guest_r14"`
	R15  kernel.Field `ctf:"guest_r15"`
	CR2  kernel.Field `ctf:"guest_cr2"`
	DR0  kernel.Field `ctf:"guest_dr0"`
	DR1  kernel.Field `ctf:"guest_dr1"`
	DR2  kernel.Field `ctf:"guest_dr2"`
	DR3  kernel.Field `ctf:"guest_dr3"`
	DR6  kernel.Field `ctf:"guest_dr6"`
}

// Where values are from, and why there are none.
const (
	inVMCS = "in the VMCS"
	inExit = "exit"
	inAPIC = "in the local APIC"
	inVMX  = "vcpu_vmx"
	// notKept is a register that the hypervisor of this release has no place for, and the
	// processor's structure neither.
	notKept = "not kept"
)

// unknownRegs are registers of which none is known.
func unknownRegs(reason string) *Regs {
	why := unknown(reason)
	seg := Segment{why, why, why, why}
	r := &Regs{RIP: why, RFLAGS: why, CR0: why, CR2: why, CR3: why, CR4: why, CR8: why, EFER: why, KernelGSBase: why, DR6: why, DR7: why,
		STAR: why, LSTAR: why, CSTAR: why, SFMASK: why, PAT: why, XCR0: why, GDT: seg, IDT: seg, LDT: seg, TR: seg}
	for i := range r.GPR {
		r.GPR[i] = why
	}
	for i := range r.Seg {
		r.Seg[i] = seg
	}
	for i := range r.DR {
		r.DR[i], r.PDPT[i] = why, why
	}
	return r
}

// vmcsRegs are those of a vCPU of which nothing but what the VMCS has is to be unknown:
// the rest is for the caller to take.
func vmcsRegs() *Regs {
	r := unknownRegs(inVMCS)
	for i := range r.GPR {
		if i != RSP {
			r.GPR[i] = Value{}
		}
	}
	r.CR8 = unknown(inAPIC)
	return r
}

func (g *bhyveVM) vmxRegs(cookie uint64, c *VCPU) (*Regs, error) {
	sc, err := kernel.Lay[vmxSoftc](g.v, "struct vmx")
	if err != nil {
		return nil, err
	}
	x, err := kernel.Lay[vmxContext](g.v, "struct vmxctx")
	if err != nil {
		return nil, err
	}
	if uint64(c.ID+1)*x.Size > sc.Context.Size {
		return nil, fmt.Errorf("struct vmx %x: there cannot be a vCPU %d", cookie, c.ID)
	}
	at := cookie + sc.Context.Off + uint64(c.ID)*x.Size
	b, err := g.v.Bytes(at, x.Size, nil)
	if err != nil {
		return nil, kernel.BadRead("struct vmxctx", at, err)
	}
	const from = "vmxctx"
	r := vmcsRegs()
	for n, f := range map[int]kernel.Field{RDI: x.RDI, RSI: x.RSI, RDX: x.RDX, RCX: x.RCX, R8: x.R8, R9: x.R9, RAX: x.RAX, RBX: x.RBX,
		RBP: x.RBP, R10: x.R10, R11: x.R11, R12: x.R12, R13: x.R13, R14: x.R14, R15: x.R15} {
		r.GPR[n] = known(f.Of(b), from)
	}
	for n, f := range []kernel.Field{x.DR0, x.DR1, x.DR2, x.DR3} {
		r.DR[n] = known(f.Of(b), from)
	}
	r.CR2, r.DR6 = known(x.CR2.Of(b), from), known(x.DR6.Of(b), from)
	row := sc.MSRs.Size / (sc.Context.Size / x.Size)
	if err := g.vmxMSRs(r, cookie+sc.MSRs.Off+uint64(c.ID)*row, row); err != nil {
		return nil, err
	}
	return r, g.fromExit(r, c)
}

// vmxMSRs takes the MSRs that bhyve switches with the guest: a vCPU's row of guest_msrs,
// in the order of an enumeration without a name (intel/vmx.h).
func (g *bhyveVM) vmxMSRs(r *Regs, row, size uint64) error {
	b, err := g.v.Bytes(row, size, nil)
	if err != nil {
		return kernel.BadRead("guest_msrs", row, err)
	}
	for i, to := range []*Value{&r.LSTAR, &r.CSTAR, &r.STAR, &r.SFMASK, &r.KernelGSBase, &r.PAT} {
		if uint64(i+1)*8 <= size {
			*to = known(kernel.Field{Off: uint64(i) * 8, Size: 8}.Of(b), "guest_msrs")
		}
	}
	return nil
}

// fromExit fills in what the last exit has told of registers in the VMCS.
func (g *bhyveVM) fromExit(r *Regs, c *VCPU) error {
	vl, err := kernel.Lay[vcpuLayout](g.v, "struct vcpu")
	if err != nil {
		return err
	}
	el, err := kernel.Lay[exitLayout](g.v, "struct vm_exit")
	if err != nil {
		return err
	}
	b := g.b[c.Addr-g.addr:][:vl.Size]
	exit := b[vl.Exit.Off:]
	rip := el.RIP.Of(exit)
	if rip == 0 && el.Code.Of(exit) == 0 {
		return nil // it has not been in the guest yet
	}
	r.RIP = known(rip, inExit)
	switch c.Exit.Reason {
	case "HLT":
		if el.RFLAGS.OK() {
			r.RFLAGS = known(el.RFLAGS.Of(exit), inExit)
		}
	case "INST_EMUL":
		if el.MMIOCR3.OK() {
			r.CR3 = known(el.MMIOCR3.Of(exit), inExit)
		}
	}
	return nil
}

// posted adds to a vCPU the interrupts that are posted to its local APIC (SDM volume 3,
// 30.6), of processors that take them without an exit.
func (g *bhyveVM) posted(c *VCPU) {
	at := g.l.Cookie.Of(g.b)
	array, err := g.v.Member("struct vmx", "pir_desc")
	if err != nil {
		return
	}
	l, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		PIR  kernel.Field `ctf:"pir"`
	}](g.v, "struct pir_desc")
	if err != nil || uint64(c.ID+1)*l.Size > array.Size {
		return
	}
	b, err := g.v.Bytes(at+array.Off+uint64(c.ID)*l.Size, l.Size, nil)
	if err != nil {
		return // its registers are unknown for the same reason, which is told there
	}
	c.Events = append(c.Events, postedEvents(b[l.PIR.Off:][:l.PIR.Size])...)
}
