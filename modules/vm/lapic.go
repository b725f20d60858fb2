package vm

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// LAPIC is a vCPU's local APIC.
type LAPIC struct {
	Addr uint64 // of the model: struct vlapic, struct kvm_lapic
	Page uint64 // of the registers
	Base uint64 // the MSR APIC_BASE
	regs []byte
}

// Offsets of registers in a local APIC's page (SDM volume 3, table 12-1). Those of 256
// bits are eight registers.
const (
	lapicID      = 0x20
	lapicVersion = 0x30
	lapicTPR     = 0x80
	lapicPPR     = 0xa0
	lapicLDR     = 0xd0
	lapicDFR     = 0xe0
	lapicSVR     = 0xf0
	lapicISR     = 0x100
	lapicTMR     = 0x180
	lapicIRR     = 0x200
	lapicESR     = 0x280
	lapicICRLow  = 0x300
	lapicICRHigh = 0x310
	lapicTimer   = 0x320
	lapicThermal = 0x330
	lapicPerf    = 0x340
	lapicLINT0   = 0x350
	lapicLINT1   = 0x360
	lapicError   = 0x370
	lapicInitial = 0x380
	lapicCurrent = 0x390
	lapicDivide  = 0x3e0
	lapicSize    = 0x400
)

// Reg is a register of 32 bits.
func (l *LAPIC) Reg(off uint64) uint64 { return kernel.Field{Off: off, Size: 4}.Of(l.regs) }

// vectors are the bits set in a register of 256, the highest first.
func (l *LAPIC) vectors(off uint64) (list []int) {
	for i := 255; i >= 0; i-- {
		if l.Reg(off+uint64(i/32)*16)>>(i%32)&1 != 0 {
			list = append(list, i)
		}
	}
	return list
}

// LAPIC reads the vCPU's local APIC; nil without an error if the kernel has no model of
// it.
func (c *VCPU) LAPIC() (*LAPIC, error) {
	l, err := c.Machine.back.lapic(c)
	if l == nil || err != nil {
		return nil, err
	}
	if l.regs, err = c.Machine.v.Bytes(l.Page, lapicSize, nil); err != nil {
		return nil, kernel.BadRead("local APIC", l.Page, err)
	}
	return l, nil
}

func (g *bhyveVM) lapic(c *VCPU) (*LAPIC, error) {
	vl, err := kernel.Lay[vcpuLayout](g.v, "struct vcpu")
	if err != nil {
		return nil, err
	}
	at := vl.VLAPIC.Of(g.b[c.Addr-g.addr:][:vl.Size])
	if at == 0 {
		return nil, nil
	}
	l, b, err := read(g.v, "struct vlapic", at, func(l *struct {
		Size uint64       `ctf:"sizeof"`
		Page kernel.Field `ctf:"apic_page"`
		Base kernel.Field `ctf:"msr_apicbase"`
	}) uint64 {
		return l.Size
	})
	if err != nil {
		return nil, err
	}
	return &LAPIC{Addr: at, Page: l.Page.Of(b), Base: l.Base.Of(b)}, nil
}

var lapicTable = &core.Table{
	Head: "%<u>%-?s %-20s %4s %8s %-8s %3s %3s %-14s %-12s %s%</u>\n", Line: "%0?p %-20s %4d %8x %-8s %02x  %02x  %-14s %-12s %s\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "vm", Head: "VM"}, {Name: "vcpu", Head: "VCPU"}, {Name: "id", Head: "ID"}, {Name: "mode", Head: "MODE"},
		{Name: "tpr", Head: "TPR"}, {Name: "ppr", Head: "PPR"}, {Name: "timer", Head: "TIMER"}, {Name: "isr", Head: "ISR", Descr: "vectors in service"},
		{Name: "irr", Head: "IRR", Descr: "vectors that wait"}},
}

// Bits of APIC_BASE and of registers.
const (
	baseX2APIC  = 1 << 10
	baseEnabled = 1 << 11
	svrEnabled  = 1 << 8
	lvtMasked   = 1 << 16
)

// mode names how the APIC is run: disabled as a whole, by software (off), with
// registers in memory (xapic), as MSRs (x2apic).
func (l *LAPIC) mode() string {
	switch {
	case l.Base&baseEnabled == 0:
		return "disabled"
	case l.Reg(lapicSVR)&svrEnabled == 0:
		return "off"
	case l.Base&baseX2APIC != 0:
		return "x2apic"
	}
	return "xapic"
}

// id is the APIC's number: of eight bits, or in x2APIC mode of 32.
func (l *LAPIC) id() uint64 {
	if l.Base&baseX2APIC != 0 {
		return l.Reg(lapicID)
	}
	return l.Reg(lapicID) >> 24
}

// timer says what the timer does: its vector and mode.
func (l *LAPIC) timer() string {
	t := l.Reg(lapicTimer)
	if t&lvtMasked != 0 {
		return "masked"
	}
	return fmt.Sprintf("%x %s", t&0xff, []string{"one-shot", "periodic", "deadline", "mode 3"}[t>>17&3])
}

// vectorText lists vectors.
func vectorText(list []int) string {
	if len(list) == 0 {
		return "-"
	}
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = fmt.Sprintf("%x", n)
	}
	return strings.Join(words, ",")
}

func runLAPIC(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	some := false
	for m, bad := range Machines(v) {
		if m == nil {
			return fmt.Errorf("can't walk virtual machines: %w", bad)
		}
		list, err := m.VCPUs()
		if !c.HasAddr || c.Addr == m.Addr || c.Addr == m.Handle {
			warn(c, bad, err)
		}
		for _, x := range list {
			l, err := x.LAPIC()
			mine := !c.HasAddr || c.Addr == m.Addr || c.Addr == m.Handle || c.Addr == x.Addr || l != nil && c.Addr == l.Addr
			switch {
			case !mine:
			case err != nil:
				c.Warnf("%s", err.Error())
			case l != nil:
				some = true
				showLAPIC(c, x, l)
			}
		}
	}
	if c.HasAddr && !some {
		return fmt.Errorf("no local APIC of a virtual machine or vCPU at %x", c.Addr)
	}
	return nil
}

func showLAPIC(c *core.Ctx, x *VCPU, l *LAPIC) {
	c.Row(out.Hex(l.Addr), x.Machine.Name, x.ID, l.id(), l.mode(), l.Reg(lapicTPR), l.Reg(lapicPPR), l.timer(), vectorText(l.vectors(lapicISR)), vectorText(l.vectors(lapicIRR)))
	if !c.Opt('v') || c.PipeOut || c.Opts.JSON {
		return
	}
	old := c.P.IncIndent(4)
	defer func() { c.P.EndLine(); c.P.SetMargin(old) }()
	c.Printf("apic_base %x, registers at %x\n", l.Base, l.Page)
	for i, r := range []struct {
		name string
		off  uint64
	}{{"id", lapicID}, {"version", lapicVersion}, {"tpr", lapicTPR}, {"ppr", lapicPPR}, {"ldr", lapicLDR}, {"dfr", lapicDFR}, {"svr", lapicSVR}, {"esr", lapicESR},
		{"icr_lo", lapicICRLow}, {"icr_hi", lapicICRHigh}, {"lvt_timer", lapicTimer}, {"lvt_therm", lapicThermal}, {"lvt_pcint", lapicPerf}, {"lvt_lint0", lapicLINT0},
		{"lvt_lint1", lapicLINT1}, {"lvt_error", lapicError}, {"timer_icr", lapicInitial}, {"timer_ccr", lapicCurrent}, {"timer_dcr", lapicDivide}} {
		c.Printf("%-9s %08lx", r.name, l.Reg(r.off))
		if i%4 == 3 {
			c.Printf("\n")
		} else {
			c.Printf("  ")
		}
	}
	c.P.EndLine()
	c.Printf("tmr %s\n", vectorText(l.vectors(lapicTMR)))
}
