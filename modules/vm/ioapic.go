package vm

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

var ioapicTable = &core.Table{
	Head: "%<u>%-?s %-20s %3s %3s %-8s %-11s %-7s %-4s %-6s %s%</u>\n", Line: "%0?p %-20s %3d %02x  %-8s %-11s %-7s %-4s %-6s %s\n",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "vm", Head: "VM"}, {Name: "pin", Head: "PIN"}, {Name: "vector", Head: "VEC"}, {Name: "delivery", Head: "DELIVERY"},
		{Name: "dest", Head: "DEST"}, {Name: "trigger", Head: "TRIGGER"}, {Name: "polarity", Head: "POL"}, {Name: "masked", Head: "MASKED"},
		{Name: "state", Head: "STATE", Descr: "asserted: the line is; rirr: a vCPU has not ended it yet"}},
}

// deliveryModes are the values of bits 8-10 of an entry, of a local APIC's vector table
// and of the interrupt command register.
var deliveryModes = []string{"fixed", "lowprio", "smi", "rsvd", "nmi", "init", "startup", "extint"}

// Bits of an entry of an I/O APIC's redirection table (82093AA).
const (
	redirLogical = 1 << 11
	redirLow     = 1 << 13
	redirRIRR    = 1 << 14
	redirLevel   = 1 << 15
	redirMasked  = 1 << 16
)

// lines tells which pins' lines are asserted: bhyve counts with each pin who asserts it,
// KVM has a word of bits.
func (d *device) lines() (func(pin int, v []uint64) bool, error) {
	if d.m.Kind == Bhyve {
		return func(_ int, v []uint64) bool { return int32(v[1]) > 0 }, nil
	}
	l, b, err := read(d.v, "struct kvm_ioapic", d.addr, func(l *struct {
		Size uint64       `ctf:"sizeof"`
		IRR  kernel.Field `ctf:"irr"`
	}) uint64 {
		return l.Size
	})
	if err != nil {
		return nil, err
	}
	return func(pin int, _ []uint64) bool { return l.IRR.Of(b)>>pin&1 != 0 }, nil
}

func showIOAPIC(c *core.Ctx, d *device) error {
	asserted, err := d.lines()
	if err != nil {
		return err
	}
	return d.parts(func(pin int, at uint64, v []uint64) {
		e := v[0]
		if e&redirMasked != 0 && !c.Opt('a') {
			return
		}
		state := pick(e&redirRIRR != 0, "rirr", "-")
		switch on := asserted(pin, v); {
		case on && state == "-":
			state = "asserted"
		case on:
			state = "asserted,rirr"
		}
		dest := fmt.Sprintf("%s %x", pick(e&redirLogical != 0, "logical", "physical"), e>>56)
		c.Row(out.Hex(at), d.m.Name, pin, e&0xff, deliveryModes[e>>8&7], dest, pick(e&redirLevel != 0, "level", "edge"), pick(e&redirLow != 0, "low", "high"),
			pick(e&redirMasked != 0, "yes", "no"), state)
	})
}
