package vm

import (
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// walkers are the walks over what a machine has; each is over that of all machines
// without an address.
func walkers() []*core.Walker {
	list := []*core.Walker{
		{Name: "vm", Descr: "walk virtual machines: struct vm, struct kvm", Walk: walkOf(func(m *Machine, yield walked) error {
			yield(m.Addr, m.pick("struct vm", "struct kvm"))
			return nil
		})},
		{Name: "vcpu", Descr: "given a virtual machine, walk its vCPUs", Addr: core.AddrOptional, Walk: walkOf(func(m *Machine, yield walked) error {
			list, err := m.VCPUs()
			for _, x := range list {
				if !yield(x.Addr, m.pick("struct vcpu", "struct kvm_vcpu")) {
					return nil
				}
			}
			return err
		})},
		{Name: "vmmem", Descr: "given a virtual machine, walk its memory maps or slots", Addr: core.AddrOptional, Walk: walkOf(func(m *Machine, yield walked) error {
			list, err := m.Regions()
			for _, r := range list {
				if !yield(r.Addr, r.Type) {
					return nil
				}
			}
			return err
		})},
		{Name: "vmobject", Descr: "given a virtual machine of bhyve's, walk the vm_objects of its memory", Addr: core.AddrOptional, Type: "struct vm_object",
			Walk: walkOf(func(m *Machine, yield walked) error {
				list, err := m.Regions()
				for _, r := range list {
					if r.Object != 0 && !yield(r.Object, "struct vm_object") {
						return nil
					}
				}
				return err
			})},
		{Name: "vlapic", Descr: "given a virtual machine, walk the local APICs of its vCPUs", Addr: core.AddrOptional, Walk: walkOf(func(m *Machine, yield walked) error {
			list, err := m.VCPUs()
			for _, x := range list {
				l, bad := x.LAPIC()
				if bad != nil {
					err = errors.Join(err, bad)
				} else if l != nil && !yield(l.Addr, m.pick("struct vlapic", "struct kvm_lapic")) {
					return nil
				}
			}
			return err
		})},
	}
	for _, name := range deviceNames {
		list = append(list, deviceWalker(name))
	}
	return list
}

// deviceWalker walks the models of a device: each machine has one or none.
func deviceWalker(name string) *core.Walker {
	return &core.Walker{Name: name, Descr: "given a virtual machine, walk its " + name, Addr: core.AddrOptional, Walk: walkOf(func(m *Machine, yield walked) error {
		devs, err := m.back.devices(m)
		if at := devs[name]; at != 0 {
			yield(at, shapes[name][m.Kind].typ)
		}
		return err
	})}
}

// walked takes an element of a walk: its address and type.
type walked func(addr uint64, typ string) bool

// pick gives what depends on the hypervisor.
func (m *Machine) pick(ofBhyve, ofKVM string) string {
	if m.Kind == KVM {
		return ofKVM
	}
	return ofBhyve
}

// walkOf makes a walk of what each machine, or the one at the address, has.
func walkOf(each func(m *Machine, yield walked) error) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		return func(yield func(core.Elem, error) bool) {
			v := kernel.Of(c.Session)
			stopped := false
			one := func(a uint64, typ string) bool {
				stopped = !yield(core.Elem{Val: a, Type: v.TypeOrNil(typ)}, nil)
				return !stopped
			}
			seen := false
			for m, bad := range Machines(v) {
				if m == nil {
					yield(core.Elem{}, bad)
					return
				}
				if has && m.Addr != uint64(start) && m.Handle != uint64(start) {
					continue
				}
				seen = true
				err := each(m, one)
				if err == errNoVM {
					err = bad // which names it
				}
				if err != nil && !stopped {
					yield(core.Elem{}, err)
					return
				}
				if stopped {
					return
				}
			}
			if has && !seen {
				yield(core.Elem{}, fmt.Errorf("no virtual machine at %x", uint64(start)))
			}
		}
	}
}
