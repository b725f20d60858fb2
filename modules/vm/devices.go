package vm

import (
	"cmp"
	"fmt"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// deviceNames are the models of devices, in the order in which they are listed.
var deviceNames = []string{"vioapic", "vatpic", "vatpit", "vhpet", "vrtc", "vpmtmr"}

// device is the model of a device in a machine.
type device struct {
	m    *Machine
	v    *kernel.View
	name string
	addr uint64
}

func deviceDcmds() []*core.Dcmd {
	const of = " of all virtual machines, or of the one\nat the address, which may also be that of the device's structure.\n"
	return []*core.Dcmd{
		{Name: "vlapic", Usage: "?[-v]", Descr: "local APICs of virtual processors", Table: lapicTable, Run: noArgs(runLAPIC),
			Opts: []core.Opt{{Letter: 'v', Help: "with all registers"}},
			Help: "Lists the local APICs of the vCPUs of all virtual machines, or of the machine or vCPU\n" +
				"at the address. IRR are vectors that wait, ISR those in service.\n"},
		{Name: "vioapic", Usage: "?[-a]", Descr: "I/O APICs of virtual machines", Table: ioapicTable, Run: onDevices("vioapic", showIOAPIC),
			Opts: []core.Opt{{Letter: 'a', Help: "with the pins that are masked"}},
			Help: "Lists the pins of the I/O APICs that are not masked," + of},
		{Name: "vatpic", Usage: "?", Descr: "8259 interrupt controllers of virtual machines", Table: picTable, Run: onDevices("vatpic", showPIC),
			Help: "Lists the two 8259s" + of},
		{Name: "vatpit", Usage: "?", Descr: "8254 timers of virtual machines", Table: pitTable, Run: onDevices("vatpit", showPIT),
			Help: "Lists the channels of the 8254s" + of},
		{Name: "vhpet", Usage: "?", Descr: "event timers (HPET) of virtual machines", Table: hpetTable, Run: onDevices("vhpet", showHPET),
			Help: "Lists the comparators of the high precision event timers" + of + "COUNT is the counter's value when it was started or stopped.\n"},
		{Name: "vrtc", Usage: "?", Descr: "clocks (RTC) of virtual machines", Table: rtcTable, Run: onDevices("vrtc", showRTC),
			Help: "Lists the clocks" + of + "TIME is what the clock was set to when the model last counted it up.\n"},
		{Name: "vpmtmr", Usage: "?", Descr: "ACPI timers of virtual machines", Table: pmTable, Run: onDevices("vpmtmr", showPMTimer),
			Help: "Lists the ACPI timers" + of},
	}
}

// onDevices makes a dcmd of what shows a device.
func onDevices(name string, show func(*core.Ctx, *device) error) func(*core.Ctx) error {
	return noArgs(func(c *core.Ctx) error {
		v := kernel.Of(c.Session)
		some := false
		var first error
		for m, bad := range Machines(v) {
			if m == nil {
				return fmt.Errorf("can't walk virtual machines: %w", bad)
			}
			devs, err := m.back.devices(m)
			if !c.HasAddr {
				warn(c, bad, err)
			} else if first == nil {
				first = cmp.Or(bad, err)
			}
			at := devs[name]
			if c.HasAddr && c.Addr != m.Addr && c.Addr != m.Handle && c.Addr != at {
				continue
			}
			if at == 0 {
				if c.HasAddr {
					return fmt.Errorf("virtual machine %s at %x has no %s in the kernel", m.Name, m.Addr, name)
				}
				continue
			}
			some = true
			if err := show(c, &device{m, v, name, at}); err != nil {
				c.Warnf("%s", err.Error())
			}
		}
		switch {
		case !some && c.HasAddr && first != nil:
			return fmt.Errorf("no virtual machine or %s at %x: %w", name, c.Addr, first)
		case !some && c.HasAddr:
			return fmt.Errorf("no virtual machine or %s at %x", name, c.Addr)
		}
		return nil
	})
}

var picTable = &core.Table{
	Head: "%<u>%-?s %-20s %-6s %4s %3s %3s %3s%</u>\n", Line: "%0?p %-20s %-6s %4x %02x  %02x  %02x\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "vm", Head: "VM"}, {Name: "chip", Head: "CHIP"}, {Name: "base", Head: "BASE", Descr: "the first vector"},
		{Name: "irr", Head: "IRR", Descr: "lines that ask"}, {Name: "isr", Head: "ISR", Descr: "lines in service"}, {Name: "imr", Head: "IMR", Descr: "lines that are masked"}},
}

func showPIC(c *core.Ctx, d *device) error {
	return d.parts(func(i int, at uint64, v []uint64) {
		chip := fmt.Sprint(i)
		if i < 2 {
			chip = [2]string{"master", "slave"}[i]
		}
		c.Row(out.Hex(at), d.m.Name, chip, v[0], v[1], v[2], v[3])
	})
}

var pitTable = &core.Table{
	Head: "%<u>%-?s %-20s %7s %4s %7s%</u>\n", Line: "%0?p %-20s %7d %4d %7x\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "vm", Head: "VM"}, {Name: "channel", Head: "CHANNEL"}, {Name: "mode", Head: "MODE"}, {Name: "initial", Head: "INITIAL"}},
}

func showPIT(c *core.Ctx, d *device) error {
	return d.parts(func(i int, at uint64, v []uint64) { c.Row(out.Hex(at), d.m.Name, i, v[0], v[1]) })
}

var hpetTable = &core.Table{
	Head: "%<u>%-?s %-20s %-7s %8s %5s %-8s %-10s %8s %8s %s%</u>\n", Line: "%0?p %-20s %-7s %8x %5d %-8s %-10s %8x %8x %s\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "vm", Head: "VM"}, {Name: "state", Head: "STATE"}, {Name: "count", Head: "COUNT"},
		{Name: "timer", Head: "TIMER"}, {Name: "mode", Head: "MODE"}, {Name: "intr", Head: "INTR", Descr: "where its interrupt goes"},
		{Name: "compare", Head: "COMPARE"}, {Name: "period", Head: "PERIOD"}, {Name: "pending", Head: "PENDING", Descr: "its interrupt is asserted"}},
}

// Bits of a comparator's configuration (IA-PC HPET specification).
const (
	hpetEnable   = 1 << 2
	hpetPeriodic = 1 << 3
	hpetMSI      = 1 << 14
)

func showHPET(c *core.Ctx, d *device) error {
	l, b, err := read(d.v, "struct vhpet", d.addr, func(l *struct {
		Size   uint64       `ctf:"sizeof"`
		Config kernel.Field `ctf:"config"`
		ISR    kernel.Field `ctf:"isr"`
		Count  kernel.Field `ctf:"countbase"`
	}) uint64 {
		return l.Size
	})
	if err != nil {
		return err
	}
	state := pick(l.Config.Of(b)&1 != 0, "running", "stopped")
	return d.parts(func(i int, at uint64, v []uint64) {
		cfg, intr := v[0], "off"
		switch {
		case cfg&hpetEnable == 0:
		case cfg&hpetMSI != 0:
			intr = "msi"
		default:
			intr = fmt.Sprintf("ioapic %d", cfg>>9&0x1f)
		}
		c.Row(out.Hex(at), d.m.Name, state, l.Count.Of(b), i, pick(cfg&hpetPeriodic != 0, "periodic", "one-shot"), intr, v[1], v[2],
			pick(l.ISR.Of(b)>>i&1 != 0, "yes", "-"))
	})
}

var rtcTable = &core.Table{
	Head: "%<u>%-?s %-20s %-20s %4s %3s %3s %3s %3s%</u>\n", Line: "%0?p %-20s %-20s %4x %02x  %02x  %02x  %02x\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "vm", Head: "VM"}, {Name: "time", Head: "TIME"}, {Name: "index", Head: "INDX", Descr: "the register the guest has selected"},
		{Name: "a", Head: "A"}, {Name: "b", Head: "B"}, {Name: "c", Head: "C"}, {Name: "d", Head: "D"}},
}

func showRTC(c *core.Ctx, d *device) error {
	l, b, err := read(d.v, "struct vrtc", d.addr, func(l *struct {
		Size uint64       `ctf:"sizeof"`
		Addr kernel.Field `ctf:"addr"`
		Time kernel.Field `ctf:"base_rtctime"`
		A    kernel.Field `ctf:"rtcdev.reg_a"`
		B    kernel.Field `ctf:"rtcdev.reg_b"`
		C    kernel.Field `ctf:"rtcdev.reg_c"`
		D    kernel.Field `ctf:"rtcdev.reg_d"`
	}) uint64 {
		return l.Size
	})
	if err != nil {
		return err
	}
	when := "?" // what a program of the guest's has written need not be a time
	if t := int64(l.Time.Of(b)); t >= 0 && t < 1<<37 {
		when = time.Unix(t, 0).UTC().Format("2006-01-02T15:04:05Z")
	}
	c.Row(out.Hex(d.addr), d.m.Name, when, l.Addr.Of(b), l.A.Of(b), l.B.Of(b), l.C.Of(b), l.D.Of(b))
	return nil
}

var pmTable = &core.Table{
	Head: "%<u>%-?s %-20s %8s%</u>\n", Line: "%0?p %-20s %8x\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "vm", Head: "VM"}, {Name: "base", Head: "BASE", Descr: "the counter's value at the machine's start"}},
}

func showPMTimer(c *core.Ctx, d *device) error {
	l, b, err := read(d.v, "struct vpmtmr", d.addr, func(l *struct {
		Size uint64       `ctf:"sizeof"`
		Base kernel.Field `ctf:"baseval"`
	}) uint64 {
		return l.Size
	})
	if err != nil {
		return err
	}
	c.Row(out.Hex(d.addr), d.m.Name, l.Base.Of(b))
	return nil
}
