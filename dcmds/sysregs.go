package dcmds

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// sysregDcmds show the registers of a processor that only an operating system sees.
func sysregDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "sysregs", Usage: "?[-c cpuid]", Descr: "print system registers of a processor", Run: runSysregs,
		Help: "Prints control registers with the names of their bits, and where the descriptor tables\n" +
			"are, of the current processor of a machine (::switch), of the one whose id is the\n" +
			"address, or of -c. A question mark stands for what is not known.\n",
		Opts: []core.Opt{{Letter: 'c', Kind: core.Uint, Arg: "cpuid", Help: "of the processor with this id"}},
	}}
}

// Bits of the control registers (Intel SDM volume 3A, section 2.5; AMD APM volume 2,
// section 3.1), in MDB's order.
var (
	eferBits = setBits(out.Bits{
		{Name: "SCE", Mask: 1}, {Name: "LME", Mask: 1 << 8}, {Name: "LMA", Mask: 1 << 10}, {Name: "NXE", Mask: 1 << 11},
		{Name: "SVME", Mask: 1 << 12}, {Name: "LMSLE", Mask: 1 << 13}, {Name: "FFXSR", Mask: 1 << 14}, {Name: "TCE", Mask: 1 << 15},
	})
	cr0Bits = setBits(out.Bits{
		{Name: "PE", Mask: 1}, {Name: "MP", Mask: 1 << 1}, {Name: "EM", Mask: 1 << 2}, {Name: "TS", Mask: 1 << 3}, {Name: "ET", Mask: 1 << 4},
		{Name: "NE", Mask: 1 << 5}, {Name: "WP", Mask: 1 << 16}, {Name: "AM", Mask: 1 << 18}, {Name: "NW", Mask: 1 << 29},
		{Name: "CD", Mask: 1 << 30}, {Name: "PG", Mask: 1 << 31},
	})
	cr3Bits = setBits(out.Bits{{Name: "PCD", Mask: 1 << 4}, {Name: "PWT", Mask: 1 << 3}})
	cr4Bits = setBits(out.Bits{
		{Name: "VME", Mask: 1}, {Name: "PVI", Mask: 1 << 1}, {Name: "TSD", Mask: 1 << 2}, {Name: "DE", Mask: 1 << 3}, {Name: "PSE", Mask: 1 << 4},
		{Name: "PAE", Mask: 1 << 5}, {Name: "MCE", Mask: 1 << 6}, {Name: "PGE", Mask: 1 << 7}, {Name: "PCE", Mask: 1 << 8},
		{Name: "OSFXSR", Mask: 1 << 9}, {Name: "OSXMMEXCPT", Mask: 1 << 10}, {Name: "UMIP", Mask: 1 << 11}, {Name: "LA57", Mask: cr4LA57},
		{Name: "VMXE", Mask: 1 << 13}, {Name: "SMXE", Mask: 1 << 14}, {Name: "FSGSBASE", Mask: 1 << 16}, {Name: "PCIDE", Mask: cr4PCIDE},
		{Name: "OSXSAVE", Mask: 1 << 18}, {Name: "SMEP", Mask: 1 << 20}, {Name: "SMAP", Mask: 1 << 21}, {Name: "PKE", Mask: 1 << 22},
	})
)

const (
	cr4LA57  = 1 << 12
	cr4PCIDE = 1 << 17
)

// setBits makes each name that of a bit that is set.
func setBits(b out.Bits) out.Bits {
	for i := range b {
		b[i].Bits = b[i].Mask
	}
	return b
}

func runSysregs(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	src, ok := core.As[system.Processors](c.Session.Context())
	if !ok {
		return c.Warn(core.ErrNotSup, "failed to get system registers")
	}
	list, err := src.Processors()
	if err != nil {
		return c.Warn(err, "failed to get system registers")
	}
	id := uint64(c.Session.Context().CPU)
	if n, ok := c.OptUint('c'); ok {
		id = n
	}
	if c.HasAddr {
		id = c.Addr
	}
	for i := range list {
		if uint64(list[i].ID) == id {
			showSysregs(c, &list[i].System)
			return nil
		}
	}
	c.Warnf("no processor %s: the machine has %d", fmt.Sprint(id), len(list))
	return core.ErrFailed
}

// showSysregs prints the registers as MDB does where it has a machine.
func showSysregs(c *core.Ctx, s *system.SystemRegs) {
	regs := []struct {
		name string
		has  system.SystemRegSet
		v    uint64
	}{
		{"efer", system.HasEFER, s.EFER}, {"cr0", system.HasCR0, s.CR0}, {"cr2", system.HasCR2, s.CR2}, {"cr3", system.HasCR3, s.CR3},
		{"cr4", system.HasCR4, s.CR4}, {"cr8", system.HasCR8, s.CR8}, {"gdtr.base", system.HasGDTBase, s.GDTBase},
		{"idtr.base", system.HasIDTBase, s.IDTBase}, {"kgsbase", system.HasKernelGSBase, s.KernelGSBase},
	}
	var fields []out.Field
	for _, r := range regs {
		f := out.Field{Name: r.name}
		if s.Has(r.has) {
			f.Value = out.Hex(r.v)
		}
		fields = append(fields, f)
	}
	c.Record(func() {
		for _, r := range regs {
			if !s.Has(r.has) {
				c.Printf("%%%s = ?\n", r.name)
				continue
			}
			c.Printf("%%%s = ", r.name)
			showSysreg(c, s, r.name, r.v)
			c.Printf("\n")
		}
	}, fields...)
}

func showSysreg(c *core.Ctx, s *system.SystemRegs, name string, v uint64) {
	switch name {
	case "efer":
		c.Printf("0x%llx <%b>", v, v, eferBits)
	case "cr0":
		c.Printf("0x%llx <%b>", v, v, cr0Bits)
	case "cr2":
		c.Printf("0x%016llx <%a>", v, v)
	case "cr3":
		c.Printf("0x%llx <pfn:0x%llx ", v, v&(1<<52-1)>>12)
		if s.Has(system.HasCR4) && s.CR4&cr4PCIDE != 0 {
			c.Printf("pcid:%llu>", v&0xfff)
		} else {
			c.Printf("flags:%b>", v, cr3Bits)
		}
	case "cr4":
		c.Printf("0x%llx <%b>", v, v, cr4Bits)
	case "cr8":
		c.Printf("0x%llx", v)
	default:
		c.Printf("0x%016llx", v)
	}
}
