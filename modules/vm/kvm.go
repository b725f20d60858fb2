package vm

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/modules/kernel"
)

// illumosKVM is the KVM of SmartOS (illumos-kvm): the module kvm. Its machines are the
// struct kvm on vm_list. It knows Intel's processors only.
type illumosKVM struct{}

type kvmLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Slots   kernel.Field `ctf:"memslots"`
	Aliases kernel.Field `ctf:"arch.aliases,optional"`
	VCPUs   kernel.Field `ctf:"vcpus"`
	Online  kernel.Field `ctf:"online_vcpus"`
	ID      kernel.Field `ctf:"kvmid"`
	PID     kernel.Field `ctf:"kvm_pid"`
}

// kvmVM is a machine of illumos-kvm.
type kvmVM struct {
	kvmCore
	l *kvmLayout
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
	g := &kvmVM{kvmCore{v, addr, b}, l}
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
	var addrs []uint64
	for i := range int(n) {
		if at := element(g.l.VCPUs, 8, i).Of(g.b); at != 0 {
			addrs = append(addrs, at)
		}
	}
	return vcpusAt(addrs, func(at uint64) (*VCPU, error) { return g.vcpu(m, at) })
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
