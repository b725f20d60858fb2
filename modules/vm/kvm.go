package vm

import (
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// illumosKVM is the KVM of SmartOS (illumos-kvm): the module kvm. Its machines are the
// struct kvm on vm_list. It knows Intel's processors only.
type illumosKVM struct{}

type kvmLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Slots   kernel.Field `ctf:"memslots"`
	VCPUs   kernel.Field `ctf:"vcpus"`
	Online  kernel.Field `ctf:"online_vcpus"`
	ID      kernel.Field `ctf:"kvmid"`
	PID     kernel.Field `ctf:"kvm_pid"`
	VPIC    kernel.Field `ctf:"arch.vpic"`
	VIOAPIC kernel.Field `ctf:"arch.vioapic"`
	VPIT    kernel.Field `ctf:"arch.vpit"`
}

// kvmVM is a machine of KVM.
type kvmVM struct {
	v    *kernel.View
	addr uint64
	l    *kvmLayout
	b    []byte
}

func (illumosKVM) machines(v *kernel.View) iter.Seq2[*Machine, error] {
	return func(yield func(*Machine, error) bool) {
		if linuxOf(v) != nil {
			return
		}
		head, err := v.Symbol("kvm", "vm_list")
		if err != nil {
			return
		}
		for a, err := range v.List("struct kvm", head.Value) {
			if err != nil {
				yield(nil, err)
				return
			}
			m, err := openKVM(v, a)
			if !yield(m, err) {
				return
			}
		}
	}
}

func openKVM(v *kernel.View, addr uint64) (*Machine, error) {
	l, b, err := read(v, "struct kvm", addr, func(l *kvmLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	g := &kvmVM{v: v, addr: addr, l: l, b: b}
	m := &Machine{Kind: KVM, Addr: addr, Name: fmt.Sprintf("kvm%d", int32(l.ID.Of(b))), Vendor: Intel, State: "created",
		NCPU: int(int32(l.Online.Of(b))), v: v, back: g}
	if p, _ := g.process(m); p != nil {
		m.Zone = p.Zone
	}
	list, bad := g.vcpus(m)
	if len(list) > 0 {
		m.State = "halted"
	}
	for _, c := range list {
		if c.State != "halted" {
			m.State = "running"
		}
	}
	return m, bad
}

func (g *kvmVM) process(*Machine) (*Process, error) { return byPID(g.v, int32(g.l.PID.Of(g.b))) }

func (g *kvmVM) vcpus(m *Machine) (list []*VCPU, err error) {
	n := int64(int32(g.l.Online.Of(g.b)))
	if n < 0 || uint64(n)*8 > g.l.VCPUs.Size {
		return nil, fmt.Errorf("struct kvm %x: there cannot be %d vCPUs", g.addr, n)
	}
	for i := range int(n) {
		at := element(g.l.VCPUs, 8, i).Of(g.b)
		if at == 0 {
			continue
		}
		c, bad := g.vcpu(m, at)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		list = append(list, c)
	}
	return list, err
}

func (g *kvmVM) devices(*Machine) (map[string]uint64, error) {
	return map[string]uint64{"vioapic": g.l.VIOAPIC.Of(g.b), "vatpic": g.l.VPIC.Of(g.b), "vatpit": g.l.VPIT.Of(g.b)}, nil
}

func (g *kvmVM) owns(addr uint64) bool {
	_, ok := g.context(addr)
	return ok
}

func (g *kvmVM) threads(m *Machine) (map[int]Thread, error) { return illumosThreads(m, g.context) }

// context tells of which vCPU a context is: what vcpu_load installs on a thread is the
// kvm_vcpu.
func (g *kvmVM) context(arg uint64) (int, bool) {
	for i := 0; uint64(i+1)*8 <= g.l.VCPUs.Size; i++ {
		if at := element(g.l.VCPUs, 8, i).Of(g.b); at != 0 && at == arg {
			return i, true
		}
	}
	return 0, false
}

type slotsLayout struct {
	Size  uint64       `ctf:"sizeof"`
	N     kernel.Field `ctf:"nmemslots"`
	Slots kernel.Field `ctf:"memslots"`
}

type slotLayout struct {
	Size  uint64       `ctf:"sizeof"`
	GFN   kernel.Field `ctf:"base_gfn"`
	Pages kernel.Field `ctf:"npages"`
	Flags kernel.Field `ctf:"flags"`
	User  kernel.Field `ctf:"userspace_addr"`
}

// Flags of a memory slot (kvm.h, kvm_host.h).
const (
	slotLogDirty = 1
	slotInvalid  = 1 << 16
)

// spacer gives address spaces by their struct as.
type spacer interface{ Space(as uint64) mem.Space }

// regions are the memory slots: each is a piece of qemu's address space.
func (g *kvmVM) regions(*Machine) (list []Region, err error) {
	sl, b, err := read(g.v, "struct kvm_memslots", g.l.Slots.Of(g.b), func(l *slotsLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	l, err := kernel.Lay[slotLayout](g.v, "struct kvm_memory_slot")
	if err != nil {
		return nil, err
	}
	n := int64(int32(sl.N.Of(b)))
	if n < 0 || uint64(n)*l.Size > sl.Slots.Size {
		return nil, fmt.Errorf("struct kvm_memslots %x: there cannot be %d slots", g.l.Slots.Of(g.b), n)
	}
	qemu, why := g.qemu()
	for i := range int(n) {
		s := b[sl.Slots.Off+uint64(i)*l.Size:]
		r := Region{Addr: g.l.Slots.Of(g.b) + sl.Slots.Off + uint64(i)*l.Size, Name: fmt.Sprintf("slot %d", i), Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec,
			Host: l.User.Of(s), Src: qemu, Err: mem.ErrUnmapped}
		pages, gfn := l.Pages.Of(s), l.GFN.Of(s)
		if pages == 0 {
			continue
		}
		if pages > 1<<40 || gfn > 1<<40 {
			err = errors.Join(err, fmt.Errorf("struct kvm_memory_slot %x: there cannot be %#x pages at %#x", r.Addr, pages, gfn))
			continue
		}
		r.GPA, r.Len = gfn<<pageShift, pages<<pageShift
		switch f := l.Flags.Of(s); {
		case f&slotInvalid != 0:
			r.Flags = "invalid"
		case f&slotLogDirty != 0:
			r.Flags = "log-dirty"
		}
		list = append(list, r)
	}
	if qemu == nil {
		err = errors.Join(err, why)
	}
	return list, err
}

// qemu is the address space of the machine's process.
func (g *kvmVM) qemu() (mem.Space, error) {
	pid := int32(g.l.PID.Of(g.b))
	p, err := byPID(g.v, pid)
	if p == nil {
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("struct kvm %x: there is no process %d", g.addr, pid)
	}
	s, ok := core.As[spacer](g.v.Session().Context())
	if !ok {
		return nil, errors.New("the target has no address spaces of processes")
	}
	return s.Space(p.AS), nil
}
