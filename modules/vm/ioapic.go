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

// pins gives the entries of an I/O APIC: where each is, its bits, whether its line is
// asserted.
func (d *device) pins(yield func(at, entry uint64, asserted bool)) error {
	if d.m.Kind == KVM {
		return d.kvmPins(yield)
	}
	l, b, err := read(d.v, "struct vioapic", d.addr, func(l *struct {
		Size   uint64       `ctf:"sizeof"`
		Table  kernel.Field `ctf:"rtbl"`
		Reg    kernel.Field `ctf:"rtbl[0].reg"`
		Second kernel.Field `ctf:"rtbl[1].reg"`
		Count  kernel.Field `ctf:"rtbl[0].acnt"`
	}) uint64 {
		return l.Size
	})
	if err != nil {
		return err
	}
	stride := l.Second.Off - l.Reg.Off
	for off := uint64(0); off+stride <= l.Table.Size; off += stride {
		count := int32(kernel.Field{Off: l.Count.Off + off, Size: l.Count.Size}.Of(b))
		yield(d.addr+l.Table.Off+off, kernel.Field{Off: l.Reg.Off + off, Size: 8}.Of(b), count > 0)
	}
	return nil
}

func (d *device) kvmPins(yield func(at, entry uint64, asserted bool)) error {
	l, b, err := read(d.v, "struct kvm_ioapic", d.addr, func(l *struct {
		Size  uint64       `ctf:"sizeof"`
		Table kernel.Field `ctf:"redirtbl"`
		IRR   kernel.Field `ctf:"irr"`
	}) uint64 {
		return l.Size
	})
	if err != nil {
		return err
	}
	for i := uint64(0); (i+1)*8 <= l.Table.Size; i++ {
		yield(d.addr+l.Table.Off+i*8, kernel.Field{Off: l.Table.Off + i*8, Size: 8}.Of(b), l.IRR.Of(b)>>i&1 != 0)
	}
	return nil
}

func showIOAPIC(c *core.Ctx, d *device) error {
	pin := -1
	return d.pins(func(at, e uint64, asserted bool) {
		pin++
		if e&redirMasked != 0 && !c.Opt('a') {
			return
		}
		pick := func(bit uint64, yes, no string) string {
			if e&bit != 0 {
				return yes
			}
			return no
		}
		state := pick(redirRIRR, "rirr", "-")
		switch {
		case asserted && state == "-":
			state = "asserted"
		case asserted:
			state = "asserted,rirr"
		}
		dest := fmt.Sprintf("%s %x", pick(redirLogical, "logical", "physical"), e>>56)
		c.Row(out.Hex(at), d.m.Name, pin, e&0xff, deliveryModes[e>>8&7], dest, pick(redirLevel, "level", "edge"), pick(redirLow, "low", "high"),
			pick(redirMasked, "yes", "no"), state)
	})
}
