package vm

import (
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Module is the module vm: it comes with a kernel that has a hypervisor.
func Module() *core.Module {
	m := &core.Module{Name: "vm", Descr: "virtual machines: bhyve, KVM", Objects: []string{"vmm", "kvm"}}
	loaded := *m
	m.Active = func(cx *core.Context) bool { return loaded.Activates(cx) || builtIn(cx) }
	m.Dcmds = slices.Concat(machineDcmds(), deviceDcmds(), vcpuDcmds(), guestDcmds())
	m.Walkers = walkers()
	return m
}

// builtIn tells whether KVM is a part of a Linux kernel's image.
func builtIn(cx *core.Context) bool {
	k, ok := core.As[*system.LinuxKernel](cx)
	if !ok {
		return false
	}
	_, ok = k.Symbol("kvm_vm_ioctl")
	return ok
}

// noArgs refuses words behind the options.
func noArgs(run func(*core.Ctx) error) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if len(c.Args) != 0 {
			return core.ErrUsage
		}
		return run(c)
	}
}

func machineDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "vm", Usage: "?[-v]", Descr: "virtual machines", Table: vmTable, Run: noArgs(runVM),
			Opts: []core.Opt{{Letter: 'v', Help: "with the process, the structures and the vCPUs' states"}},
			Help: "Lists the virtual machines of the host, bhyve's and KVM's, or prints the one at the\n" +
				"address: that of a struct vm or vmm_softc_t (bhyve) or of a struct kvm.\n\n" +
				"STATE is what the machine does: running, halted (no vCPU will do anything unless it\n" +
				"is interrupted), poweroff and so on (it is suspended, and why), created (no vCPU is\n" +
				"active yet), debug, destroying, bugged and dead (Linux' KVM has given it up). PID is the\n" +
				"process that runs it. MEM is guest memory. On Linux NAME is that of the machine's\n" +
				"directory in debugfs, the process and its descriptor, and ZONE the container that\n" +
				"the process is in (::zone).\n"},
		{Name: "vmmem", Usage: "?", Descr: "guest-physical memory of virtual machines", Table: memTable, Run: noArgs(runMem),
			Help: "Lists the pieces of guest-physical memory of all virtual machines, or of the one at\n" +
				"the address: bhyve's memory maps, KVM's memory slots and their aliases, memory of the\n" +
				"host's devices that is passed through. HOST is where the host has the piece: the\n" +
				"kernel (bhyve), the address space of the process (KVM), physical memory (mmio). - means\n" +
				"that it is mapped nowhere: its pages are found by the nested page tables and, of\n" +
				"memory with the flag reservoir or transient, by those of the reservoir.\n"},
	}
}

var vmTable = &core.Table{
	Head: "%<u>%-?s %-5s %-20s %6s %5s %8s %-10s %s%</u>\n", Line: "%0?p %-5s %-20s %6s %5d %8s %-10s %s\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "kind", Head: "KIND", Descr: "bhyve or kvm"}, {Name: "name", Head: "NAME"},
		{Name: "pid", Head: "PID", Descr: "the process that runs it"}, {Name: "vcpus", Head: "VCPUS"}, {Name: "mem", Head: "MEM", Descr: "guest memory"},
		{Name: "state", Head: "STATE"}, {Name: "zone", Head: "ZONE"}},
}

// runVM is ::vm.
func runVM(c *core.Ctx) error {
	w := warner{c: c}
	return eachMachine(c, func(m *Machine, bad error) error {
		pid := "-"
		p, err := m.Process()
		if p != nil {
			pid = fmt.Sprint(p.PID)
		}
		regions, regErr := m.Regions()
		size := "-"
		if len(regions) > 0 {
			size = shortBytes(MemBytes(regions))
		}
		zone := m.ZoneName()
		if zone == "" {
			zone = "-"
		}
		c.Row(out.Hex(m.Addr), string(m.Kind), m.Name, pid, m.NCPU, size, m.State, zone)
		w.warn(err, bad, regErr)
		if c.Opt('v') && !c.PipeOut && !c.Opts.JSON {
			m.detail(c, p)
		}
		return nil
	})
}

// shortBytes shows a size in the largest unit that it has a whole number of.
func shortBytes(n uint64) string {
	units := "KMGT"
	unit := ""
	for i := 0; i < len(units) && n >= 1024 && n%1024 == 0; i++ {
		n, unit = n/1024, units[i:i+1]
	}
	return fmt.Sprintf("%d%s", n, unit)
}

// eachMachine calls do for the machine at the dcmd's address, or for all. bad is what is
// wrong with one that is given all the same.
func eachMachine(c *core.Ctx, do func(m *Machine, bad error) error) error {
	v := kernel.Of(c.Session)
	if c.HasAddr {
		m, err := MachineAt(v, c.Addr)
		if m == nil {
			return err
		}
		return do(m, err)
	}
	some := false
	for m, err := range Machines(v) {
		if c.Err() != nil {
			return core.ErrIntr
		}
		if m == nil {
			return fmt.Errorf("can't walk virtual machines: %w", err)
		}
		some = true
		if err := do(m, err); err != nil {
			return err
		}
	}
	if !some && !c.PipeOut && !c.Opts.JSON {
		c.Warnf("there are no virtual machines")
	}
	return nil
}

// detail prints what -v adds to a machine.
func (m *Machine) detail(c *core.Ctx, p *Process) {
	old := c.P.IncIndent(4)
	defer func() { c.P.EndLine(); c.P.SetMargin(old) }()
	if m.Handle != 0 {
		c.Printf("vmm_softc_t %x\n", m.Handle)
	}
	if p != nil {
		c.Printf("process %x %s, pid %d\n", p.Addr, p.Command, p.PID)
	}
	if m.Vendor != "" {
		c.Printf("processors: %s\n", m.Vendor)
	}
	if devs, err := m.back.devices(m); err == nil {
		for _, name := range deviceNames {
			if at := devs[name]; at != 0 {
				c.Printf("%s %x\n", name, at)
			}
		}
	}
	list, err := m.VCPUs()
	for _, x := range list {
		c.Printf("vcpu %d %x %s\n", x.ID, x.Addr, x.State)
	}
	warn(c, err)
}

// warner tells what is wrong, each thing once.
type warner struct {
	c    *core.Ctx
	told map[string]bool
}

func warn(c *core.Ctx, errs ...error) {
	w := warner{c: c}
	w.warn(errs...)
}

// warn leaves out what follows from a machine's not being readable, which is told
// itself.
func (w *warner) warn(errs ...error) {
	for len(errs) > 0 {
		err := errs[0]
		errs = errs[1:]
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			errs = append(many.Unwrap(), errs...)
			continue
		}
		if err == nil || err == errNoVM || w.told[err.Error()] {
			continue
		}
		if w.told == nil {
			w.told = map[string]bool{}
		}
		w.told[err.Error()] = true
		w.c.Warnf("%s", err.Error())
	}
}

var memTable = &core.Table{
	Head: "%<u>%-?s %-20s %16s %16s %-4s %-12s %-?s %s%</u>\n", Line: "%0?p %-20s %16lx %16lx %-4s %-12s %-?s %s\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "vm", Head: "VM"}, {Name: "gpa", Head: "GPA"}, {Name: "len", Head: "LEN"}, {Name: "prot", Head: "PROT"},
		{Name: "name", Head: "NAME"}, {Name: "host", Head: "HOST", Descr: "where the host has it mapped"}, {Name: "flags", Head: "FLAGS"}},
}

func runMem(c *core.Ctx) error {
	return eachMachine(c, func(m *Machine, bad error) error {
		list, err := m.Regions()
		for _, r := range list {
			host := "-"
			if _, paged := r.Src.(*guestPages); r.Src != nil && !paged {
				host = fmt.Sprintf("%x", r.Host)
			}
			flags := r.Flags
			if flags == "" {
				flags = "-"
			}
			c.Row(out.Hex(r.Addr), m.Name, out.Hex(r.GPA), out.Hex(r.Len), protText(r.Prot), r.Name, host, flags)
		}
		warn(c, bad, err)
		return nil
	})
}

func protText(p mem.Prot) string {
	b := []byte("---")
	for i, bit := range []mem.Prot{mem.ProtRead, mem.ProtWrite, mem.ProtExec} {
		if p&bit != 0 {
			b[i] = "rwx"[i]
		}
	}
	return string(b)
}
