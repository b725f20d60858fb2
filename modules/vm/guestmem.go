package vm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/system"
)

// guest is a virtual machine as a target of its own: guest-physical memory and the
// vCPUs' registers, as far as the host's memory has them. What runs in it is
// recognised as in any machine.
type guest struct {
	s    *core.Session
	host *core.Context // of the host, in which the machine's structures are read
	m    *Machine
	phys mem.Space
	mems []mem.Mapping
	srcs []flusher  // the host's address spaces that its memory is in
	root *givenRoot // of -c; nil if it was not given
}

// flusher is an address space that remembers pages and entries of page tables.
type flusher interface{ Flush() }

// givenRoot is a page table that the user named for a vCPU.
type givenRoot struct {
	vcpu            int
	cr3             uint64
	hasCR3, hasMode bool
	cr0, cr4, efer  uint64
}

// liveGuest is a guest of a host that changes while it is looked at.
type liveGuest struct {
	*guest
	system.Changing
}

// newGuest makes a target of a machine. It is to be called in the host's context.
func newGuest(s *core.Session, m *Machine) (*guest, error) {
	regions, err := m.Regions()
	if len(regions) == 0 {
		if err == nil {
			err = errors.New("it has no memory")
		}
		return nil, err
	}
	g := &guest{s: s, host: s.Context(), m: m, phys: m.Physical()}
	for _, r := range regions {
		if f, ok := r.Src.(flusher); ok && !slices.Contains(g.srcs, f) {
			g.srcs = append(g.srcs, f)
		}
		if r.Src != nil && r.Len > 0 {
			g.mems = append(g.mems, mem.Mapping{Base: mem.Addr(r.GPA), Size: r.Len, Name: r.Name, Prot: r.Prot})
		}
	}
	return g, nil
}

// target is the guest with the abilities that its host gives it.
func (g *guest) target() core.Target {
	if c, ok := g.host.Target.(system.Changing); ok {
		return liveGuest{g, c}
	}
	return g
}

// probes is how many pages of a guest are tried to find out whether there are any.
const probes = 2048

// absent tells why no page of the guest can be read; nil if one can.
func (g *guest) absent() error {
	total := uint64(0)
	for _, r := range g.mems {
		total += r.Size
	}
	step := max(total/probes, pageSize) &^ (pageSize - 1)
	var first error
	var b [1]byte
	for _, r := range g.mems {
		for off := uint64(0); off < r.Size; off += step {
			n, err := g.phys.ReadAt(b[:], r.Base+mem.Addr(off))
			if n == 1 {
				return nil
			}
			if first == nil || errors.Is(first, mem.ErrUnmapped) { // what the host never mapped tells nothing of the rest
				first = err
			}
		}
	}
	if first == nil {
		first = errors.New("none of its memory is mapped in the host")
	}
	return first
}

// Kind implements core.Target: a guest is a machine like that of a crash dump.
func (g *guest) Kind() string { return "kvm" }

// Name implements core.Target.
func (g *guest) Name() string { return g.m.Name }

// Close implements core.Target. Everything belongs to the host.
func (g *guest) Close() error { return nil }

// State implements core.Stater.
func (g *guest) State() core.State { return core.StateDead }

// Physical implements system.KernelMemory and core.Physical: guest-physical memory.
func (g *guest) Physical() mem.Space { return g.phys }

// PhysicalRanges implements system.PhysicalRanges.
func (g *guest) PhysicalRanges() []mem.Mapping { return g.mems }

// Refresh implements system.Refresher: the host's memory is read anew.
func (g *guest) Refresh() {
	for _, part := range []any{g.host.Target, g.host.System} {
		if r, ok := part.(system.Refresher); ok {
			r.Refresh()
		}
	}
	for _, f := range g.srcs {
		f.Flush()
	}
}

// Settle implements core.Settler for a host that had to be halted to be read.
func (g *guest) Settle() {
	if t, ok := g.host.Target.(core.Settler); ok {
		t.Settle()
	}
}

// Processors implements system.Processors.
func (g *guest) Processors() (list []system.Processor, err error) {
	g.s.Within(g.host, func() { list, err = g.processors() })
	return list, err
}

func (g *guest) processors() ([]system.Processor, error) {
	vcpus, err := g.m.VCPUs()
	var list []system.Processor
	for _, c := range vcpus {
		regs, rerr := c.Regs()
		p := system.Processor{ID: c.ID, Halted: c.State == "halted"}
		if regs != nil {
			p = processor(c, regs)
		} else if err == nil {
			err = fmt.Errorf("registers of vCPU %d: %w", c.ID, rerr)
		}
		if g.root != nil && g.root.vcpu == c.ID {
			g.root.give(&p.System)
		}
		list = append(list, p)
	}
	if len(list) > 0 {
		err = nil // what is not known of one is shown as unknown
	}
	return list, err
}

// give puts a page table that was named in the place of what the vCPU has. Of another
// mode than the vCPU's the code segment is the mode's usual one, too.
func (r *givenRoot) give(s *system.SystemRegs) {
	if r.hasCR3 {
		s.CR3, s.Known = r.cr3, s.Known|system.HasCR3
	}
	const selects = system.HasCR0 | system.HasCR4 | system.HasEFER
	if !r.hasMode || s.Has(selects) && paging.ModeOf(s.CR0, s.CR4, s.EFER) == paging.ModeOf(r.cr0, r.cr4, r.efer) {
		return
	}
	s.CR0, s.CR4, s.EFER = r.cr0, r.cr4, r.efer
	s.Known |= selects
	if s.CR0 != 0 {
		s.CSBase, s.CSAttr, s.Known = 0, system.CSBig, s.Known|system.HasCS
		if s.EFER != 0 {
			s.CSAttr = system.CSLong
		}
	}
}

// mode makes the root one of a paging mode.
func (r *givenRoot) mode(m paging.Mode) {
	r.cr0, r.cr4, r.efer = m.Registers()
	r.hasMode = true
}

// registerNames are the general registers by their number.
var registerNames = [16]string{
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
}

// segmentNames are the segment registers by their number.
var segmentNames = [6]string{"es", "cs", "ss", "ds", "fs", "gs"}

// processor is a vCPU as a processor of a machine: what is not known stays so.
func processor(c *VCPU, r *Regs) system.Processor {
	p := system.Processor{ID: c.ID, Halted: c.State == "halted", Regs: arch.NewRegs(arch.AMD64)}
	any := false
	set := func(name string, v Value) {
		if v.Known {
			p.Regs.Set(name, v.V)
			any = true
		}
	}
	for i, name := range registerNames {
		set(name, r.GPR[i])
	}
	set("rip", r.RIP)
	set("rflags", r.RFLAGS)
	for i, name := range segmentNames {
		set(name, r.Seg[i].Selector)
	}
	set("fsbase", r.Seg[FS].Base)
	set("gsbase", r.Seg[GS].Base)
	if !any {
		p.Regs = nil
	}
	p.System = systemRegs(r)
	return p
}

// systemRegs are the registers of a vCPU that only an operating system sees.
func systemRegs(r *Regs) system.SystemRegs {
	var s system.SystemRegs
	for _, f := range []struct {
		to  *uint64
		v   Value
		bit system.SystemRegSet
	}{
		{&s.CR0, r.CR0, system.HasCR0}, {&s.CR2, r.CR2, system.HasCR2}, {&s.CR3, r.CR3, system.HasCR3},
		{&s.CR4, r.CR4, system.HasCR4}, {&s.CR8, r.CR8, system.HasCR8}, {&s.EFER, r.EFER, system.HasEFER},
		{&s.KernelGSBase, r.KernelGSBase, system.HasKernelGSBase},
		{&s.GDTBase, r.GDT.Base, system.HasGDTBase}, {&s.IDTBase, r.IDT.Base, system.HasIDTBase},
	} {
		if f.v.Known {
			*f.to = f.v.V
			s.Known |= f.bit
		}
	}
	if cs := r.Seg[CS]; cs.Base.Known && cs.Attr.Known {
		s.CSBase, s.CSAttr = cs.Base.V, uint32(cs.Attr.V)
		s.Known |= system.HasCS
	}
	return s
}
