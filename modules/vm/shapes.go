package vm

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// shape is how a hypervisor keeps the model of a device.
type shape struct {
	typ string // the structure's
	// array are its like parts (pins, channels, chips), "" if there are none; fields are
	// members of one of them, in the order in which its dcmd wants them.
	array  string
	fields []string
}

// shapes are those of the devices that the hypervisors model in the kernel. A device
// that one of them leaves to the machine's process has no shape of its.
var shapes = map[string]map[Kind]shape{
	"vioapic": {Bhyve: {"struct vioapic", "rtbl", []string{"reg", "acnt"}}, KVM: {"struct kvm_ioapic", "redirtbl", []string{"bits"}}},
	"vatpic": {Bhyve: {"struct vatpic", "atpic", []string{"irq_base", "request", "service", "mask"}},
		KVM: {"struct kvm_pic", "pics", []string{"irq_base", "irr", "isr", "imr"}}},
	"vatpit": {Bhyve: {"struct vatpit", "channel", []string{"mode", "initial"}}, KVM: {"struct kvm_pit", "pit_state.channels", []string{"mode", "count"}}},
	"vhpet":  {Bhyve: {"struct vhpet", "timer", []string{"cap_config", "compval", "comprate"}}},
	"vrtc":   {Bhyve: {"struct vrtc", "", nil}},
	"vpmtmr": {Bhyve: {"struct vpmtmr", "", nil}},
}

// parts gives the like parts of a device's structure, each with its number, its address
// and its members' values.
func (d *device) parts(yield func(i int, at uint64, v []uint64)) error {
	s := shapes[d.name][d.m.Kind]
	size, err := d.v.Size(s.typ)
	if err != nil {
		return err
	}
	all, err := d.v.Member(s.typ, s.array)
	if err != nil {
		return err
	}
	first, err := d.v.Member(s.typ, s.array+"[0]")
	if err != nil {
		return err
	}
	if first.Size == 0 {
		return fmt.Errorf("%s has no %s", s.typ, s.array)
	}
	fields := make([]kernel.Field, len(s.fields))
	for i, name := range s.fields {
		if fields[i], err = d.v.Member(s.typ, s.array+"[0]."+name); err != nil {
			return err
		}
	}
	b, err := d.v.Bytes(d.addr, size, nil)
	if err != nil {
		return kernel.BadRead(s.typ, d.addr, err)
	}
	for i := range int(all.Size / first.Size) {
		off := uint64(i) * first.Size
		v := make([]uint64, len(fields))
		for j, f := range fields {
			v[j] = f.Of(b[off:])
		}
		yield(i, d.addr+all.Off+off, v)
	}
	return nil
}
