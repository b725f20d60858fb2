package vm

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func vcpuDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "vcpu", Usage: "?[-v]", Descr: "virtual processors", Table: vcpuTable, Run: noArgs(runVCPU),
			Opts: []core.Opt{{Letter: 'v', Help: "with the registers and the last exit"}},
			Help: "Lists the vCPUs of all virtual machines, of the machine at the address, or the vCPU at\n" +
				"it (struct vcpu, struct kvm_vcpu).\n\n" +
				"STATE is the hypervisor's: running (in the guest), frozen (its process has it), sleeping,\n" +
				"idle, kernel (Linux' KVM has it), halted, and what comes before the first start: uninit,\n" +
				"init, sipi. CPU is the host's CPU that it is or was on, THREAD the thread that runs it,\n" +
				"if it is in the hypervisor, on Linux the one that ran it last; EXIT why it left the guest\n" +
				"last; PENDING what it has not taken yet: intr 31 is a vector, exc e a fault, extint an\n" +
				"interrupt of the 8259s.\n\n" +
				"? is a register that memory does not hold: on Intel's processors most are in the\n" +
				"VMCS. A value behind which there is a ~ was told by the last exit; a vCPU that has\n" +
				"been in the guest since may have another.\n"},
	}
}

var vcpuTable = &core.Table{
	Head: "%<u>%-?s %3s %-9s %3s %-?s %-18s %-17s %-16s %s%</u>\n", Line: "%0?p %3d %-9s %3s %-?s %-18s %-17s %-16s %s\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "id", Head: "ID"}, {Name: "state", Head: "STATE"}, {Name: "cpu", Head: "CPU", Descr: "the host's"},
		{Name: "thread", Head: "THREAD", Descr: "the host's"}, {Name: "exit", Head: "EXIT", Descr: "why it left the guest last"},
		{Name: "rip", Head: "RIP"}, {Name: "cr3", Head: "CR3"}, {Name: "pending", Head: "PENDING"}},
}

// runVCPU is ::vcpu.
func runVCPU(c *core.Ctx) error {
	if c.HasAddr {
		if m, x, err := vcpuAt(kernel.Of(c.Session), c.Addr); x != nil {
			threads, bad := m.Threads()
			warn(c, bad)
			return showVCPU(c, x, threads)
		} else if m == nil {
			return err
		}
	}
	w := warner{c: c}
	return eachMachine(c, func(m *Machine, wrong error) error {
		list, err := m.VCPUs()
		threads, bad := m.Threads()
		for _, x := range list {
			if c.Err() != nil {
				return core.ErrIntr
			}
			if err := showVCPU(c, x, threads); err != nil {
				return err
			}
		}
		w.warn(wrong, err, bad)
		return nil
	})
}

// vcpuAt finds what is at an address: a machine, or a vCPU with its machine.
func vcpuAt(v *kernel.View, addr uint64) (*Machine, *VCPU, error) {
	var first error
	for m, err := range Machines(v) {
		if err != nil && first == nil {
			first = err
		}
		if m == nil {
			break
		}
		if m.Addr == addr || m.Handle == addr {
			return m, nil, nil
		}
		if !m.back.owns(addr) {
			continue
		}
		list, _ := m.VCPUs()
		for _, x := range list {
			if x.Addr == addr {
				return m, x, nil
			}
		}
	}
	if first != nil {
		return nil, nil, fmt.Errorf("no virtual machine or vCPU at %x: %w", addr, first)
	}
	return nil, nil, fmt.Errorf("no virtual machine or vCPU at %x", addr)
}

// VCPUAt finds the vCPU of an address.
func VCPUAt(v *kernel.View, addr uint64) (*VCPU, error) {
	_, x, err := vcpuAt(v, addr)
	if x == nil && err == nil {
		err = fmt.Errorf("%x is a virtual machine, not a vCPU", addr)
	}
	return x, err
}

// text shows a register: ? if it is unknown, with a ~ if the last exit told it.
func (v Value) text() string {
	switch {
	case !v.Known:
		return "?"
	case v.Where == inExit:
		return fmt.Sprintf("%x~", v.V)
	}
	return fmt.Sprintf("%x", v.V)
}

// text shows an event.
func (e Event) text() string {
	kind := e.Kind
	if kind == "exception" {
		kind = "exc"
	}
	s := kind
	if e.Vector >= 0 && kind != "nmi" {
		s += fmt.Sprintf(" %x", e.Vector)
	}
	if e.Error.Known {
		s += fmt.Sprintf(" error %x", e.Error.V)
	}
	return s
}

func showVCPU(c *core.Ctx, x *VCPU, threads map[int]Thread) error {
	r, err := x.Regs()
	some := r != nil
	if !some {
		why := unknown("cannot be read")
		r = &Regs{RIP: why, CR3: why}
	}
	if err != nil {
		c.Warnf("%s", err.Error())
	}
	cpu, thread, exit := "-", "-", "?"
	if x.HostCPU >= 0 {
		cpu = fmt.Sprint(x.HostCPU)
	}
	if t, ok := threads[x.ID]; ok {
		thread = fmt.Sprintf("%x", t.Addr)
	}
	if x.Exit.Known {
		exit = x.Exit.Reason
	}
	var events []string
	for _, e := range x.Events {
		events = append(events, e.text())
	}
	pending := strings.Join(events, ", ")
	if pending == "" {
		pending = "-"
	}
	c.Row(out.Hex(x.Addr), x.ID, x.State, cpu, thread, exit, r.RIP.text(), r.CR3.text(), pending)
	if c.Opt('v') && some && !c.PipeOut && !c.Opts.JSON {
		old := c.P.IncIndent(4)
		showExit(c, x)
		showRegs(c, r)
		c.P.EndLine()
		c.P.SetMargin(old)
	}
	return nil
}

func showExit(c *core.Ctx, x *VCPU) {
	if !x.Exit.Known {
		return
	}
	c.Printf("last exit: %s", x.Exit.Reason)
	if x.Exit.Detail != "" {
		c.Printf(" (%s)", x.Exit.Detail)
	}
	c.Printf("\n")
	if x.Exit.Hardware != "" {
		c.Printf("processor's reason: %s\n", x.Exit.Hardware)
	}
}

// shownGPRs are the general registers in the order of Regs.GPR.
var shownGPRs = []string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// gprOrder is the order in which they are shown: that of ::regs.
var gprOrder = []int{RAX, RBX, RCX, RDX, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, RBP, RSP}

// segNames are the segment registers in the order of Regs.Seg.
var segNames = []string{"es", "cs", "ss", "ds", "fs", "gs"}

// showRegs prints registers, and then which are unknown and why.
func showRegs(c *core.Ctx, r *Regs) {
	n := 0
	put := func(name string, v Value) {
		if v.Where == notKept {
			return
		}
		text := "?"
		if v.Known {
			text = fmt.Sprintf("%016x", v.V)
			if v.Where == inExit {
				text += "~"
			}
		}
		c.Printf("%%%-6s = %-18s", name, text)
		if n++; n%3 == 0 {
			c.Printf("\n")
		}
	}
	for _, i := range gprOrder {
		put(shownGPRs[i], r.GPR[i])
	}
	put("rip", r.RIP)
	put("rflags", r.RFLAGS)
	for _, x := range []struct {
		name string
		v    Value
	}{{"cr0", r.CR0}, {"cr2", r.CR2}, {"cr3", r.CR3}, {"cr4", r.CR4}, {"cr8", r.CR8}, {"xcr0", r.XCR0}, {"efer", r.EFER}, {"star", r.STAR}, {"lstar", r.LSTAR},
		{"cstar", r.CSTAR}, {"sfmask", r.SFMASK}, {"kgsbas", r.KernelGSBase}, {"pat", r.PAT}, {"dr0", r.DR[0]}, {"dr1", r.DR[1]}, {"dr2", r.DR[2]}, {"dr3", r.DR[3]},
		{"dr6", r.DR6}, {"dr7", r.DR7}} {
		put(x.name, x.v)
	}
	c.P.EndLine()
	if r.PDPT[0].Known {
		c.Printf("pdpt %x %x %x %x\n", r.PDPT[0].V, r.PDPT[1].V, r.PDPT[2].V, r.PDPT[3].V)
	}
	for i, s := range r.Seg {
		showSeg(c, segNames[i], s)
	}
	showSeg(c, "ldt", r.LDT)
	showSeg(c, "tr", r.TR)
	for _, x := range []struct {
		name string
		s    Segment
	}{{"gdt", r.GDT}, {"idt", r.IDT}} {
		if x.s.Base.Known {
			c.Printf("%%%-3s base %016lx limit %08lx\n", x.name, x.s.Base.V, x.s.Limit.V)
		}
	}
	switch {
	case r.RFLAGS.Where == encrypted:
		c.Printf("? is encrypted by the processor: the host cannot read it\n")
	case !r.CR0.Known || !r.RFLAGS.Known:
		c.Printf("? is in the VMCS, which memory does not hold\n")
	}
}

func showSeg(c *core.Ctx, name string, s Segment) {
	if !s.Base.Known && !s.Selector.Known && !s.Limit.Known && !s.Attr.Known {
		return
	}
	part := func(v Value, width int) string {
		if !v.Known {
			return fmt.Sprintf("%-*s", width, "?")
		}
		return fmt.Sprintf("%0*x", width, v.V)
	}
	c.Printf("%%%-3s %s base %s limit %s attr %s\n", name, part(s.Selector, 4), part(s.Base, 16), part(s.Limit, 8), part(s.Attr, 5))
}
