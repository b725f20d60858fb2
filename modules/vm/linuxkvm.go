package vm

import (
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
	"github.com/xmdb/xmdb/modules/linux"
)

// linuxKVM is the KVM of Linux: the module kvm with kvm_amd or kvm_intel. Its machines
// are the struct kvm on vm_list (include/linux/kvm_host.h).
type linuxKVM struct{}

// linuxOf is the Linux kernel that the session looks at, nil if it is none.
func linuxOf(v *kernel.View) *system.LinuxKernel {
	k, _ := core.As[*system.LinuxKernel](v.Session().Context())
	return k
}

type linuxKVMLayout struct {
	Size   uint64       `ctf:"sizeof"`
	List   kernel.Field `ctf:"vm_list"`
	MM     kernel.Field `ctf:"mm"`
	Slots  kernel.Field `ctf:"memslots"`            // one for each address space: ordinary, SMM
	Array  kernel.Field `ctf:"vcpu_array,optional"` // an xarray, since 5.16
	VCPUs  kernel.Field `ctf:"vcpus,optional"`      // before: pointers
	Online kernel.Field `ctf:"online_vcpus.counter"`
	Users  kernel.Field `ctf:"users_count.refs.counter|users_count.counter"` // refcount_t since 4.11
	PID    kernel.Field `ctf:"userspace_pid,optional"`                       // since 4.17
	Dentry kernel.Field `ctf:"debugfs_dentry,optional"`                      // since 4.7
	Dead   kernel.Field `ctf:"vm_dead,optional"`                             // since 5.17
	Bugged kernel.Field `ctf:"vm_bugged,optional"`                           // since 5.15
}

// linuxVM is a machine of Linux' KVM.
type linuxVM struct {
	kvmCore
	k     *system.LinuxKernel
	l     *linuxKVMLayout
	proc  *Process // that runs it, nil if there is none
	procE error
	space mem.Space
	cpus  []uint64 // of struct kvm_vcpu
	cpusE error
}

func (linuxKVM) machines(v *kernel.View) iter.Seq2[*Machine, error] {
	return func(yield func(*Machine, error) bool) {
		k := linuxOf(v)
		if k == nil {
			return
		}
		head, err := v.Symbol("kvm", "vm_list")
		if err != nil {
			return
		}
		l, err := kernel.Lay[linuxKVMLayout](v, "struct kvm")
		if err != nil {
			yield(nil, err)
			return
		}
		for a, err := range linux.Members(v, "struct kvm", head.Value, l.List) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(openLinuxKVM(k, v, a)) {
				return
			}
		}
	}
}

func openLinuxKVM(k *system.LinuxKernel, v *kernel.View, addr uint64) (*Machine, error) {
	l, b, err := read(v, "struct kvm", addr, func(l *linuxKVMLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	g := &linuxVM{kvmCore: kvmCore{v, addr, slices.Clone(b)}, k: k, l: l}
	g.proc, g.procE = g.findProcess()
	g.cpus, g.cpusE = g.findVCPUs()
	m := &Machine{Kind: KVM, Addr: addr, Name: g.name(), Vendor: linuxVendor(k, v), State: "created", NCPU: int(int32(l.Online.Of(b))), v: v, back: g}
	if g.proc != nil {
		zone, _ := linux.ContainerID(v, g.proc.Addr)
		m.zone = safe(zone)
	}
	list, bad := g.vcpus(m)
	m.State = g.state(list)
	return m, bad
}

// state is what a machine does, in a word.
func (g *linuxVM) state(list []*VCPU) string {
	switch {
	case g.l.Users.Of(g.b) == 0:
		return "destroying"
	case g.l.Bugged.Of(g.b) != 0:
		return "bugged"
	case g.l.Dead.Of(g.b) != 0:
		return "dead"
	case len(list) == 0:
		return "created"
	}
	for _, c := range list {
		if c.State != "halted" {
			return "running"
		}
	}
	return "halted"
}

// linuxVendor tells which of KVM's two back ends is there: kvm_amd or kvm_intel. Where
// they are no modules, a function that kvm_x86_ops points to does.
func linuxVendor(k *system.LinuxKernel, v *kernel.View) Vendor {
	switch {
	case k.Module("kvm_amd") != nil:
		return AMD
	case k.Module("kvm_intel") != nil:
		return Intel
	}
	f, err := v.Member("struct kvm_x86_ops", "vcpu_create")
	if err != nil {
		return ""
	}
	ops, err := v.Symbol("kvm", "kvm_x86_ops")
	if err != nil {
		return ""
	}
	create, err := v.Pointer(ops.Value + f.Off)
	if err != nil {
		return ""
	}
	for name, vendor := range map[string]Vendor{"svm_vcpu_create": AMD, "vmx_vcpu_create": Intel, "vt_vcpu_create": Intel} {
		if s, err := v.Symbol("", name); err == nil && s.Value == create {
			return vendor
		}
	}
	return ""
}

// name is that of the machine's directory in debugfs, PID-FD, else the process's number.
func (g *linuxVM) name() string {
	if at := g.l.Dentry.Of(g.b); at != 0 {
		if f, err := g.v.Member("struct dentry", "d_name.name"); err == nil {
			if p, err := g.v.Pointer(at + f.Off); err == nil {
				if s, err := g.v.Text(p, 64); err == nil && s != "" {
					return safe(s)
				}
			}
		}
	}
	switch {
	case g.l.PID.OK():
		return fmt.Sprint(int32(g.l.PID.Of(g.b)))
	case g.proc != nil:
		return fmt.Sprint(g.proc.PID)
	}
	return fmt.Sprintf("%x", g.addr)
}

// findVCPUs gives the addresses of the vCPUs. Those that come with an error are good.
func (g *linuxVM) findVCPUs() (list []uint64, err error) {
	n := int64(int32(g.l.Online.Of(g.b)))
	if n < 0 || n > maxVCPUs {
		return nil, fmt.Errorf("struct kvm %x: there cannot be %d vCPUs", g.addr, n)
	}
	switch {
	case g.l.Array.OK():
		for at, bad := range linux.ArrayEntries(g.v, "vcpu_array", g.addr+g.l.Array.Off) {
			if bad == nil && len(list) == maxVCPUs {
				bad = fmt.Errorf("struct kvm %x: there are more than %d vCPUs", g.addr, maxVCPUs)
			}
			if bad != nil {
				return list, bad
			}
			list = append(list, at)
		}
	case g.l.VCPUs.OK():
		if uint64(n)*8 > g.l.VCPUs.Size {
			return nil, fmt.Errorf("struct kvm %x: there cannot be %d vCPUs", g.addr, n)
		}
		for i := range int(n) {
			if at := element(g.l.VCPUs, 8, i).Of(g.b); at != 0 {
				list = append(list, at)
			}
		}
	}
	if int64(len(list)) != n { // one is being made, or what is read is damaged
		err = fmt.Errorf("struct kvm %x: it counts %d vCPUs and lists %d", g.addr, n, len(list))
	}
	return list, err
}

func (g *linuxVM) owns(addr uint64) bool { return slices.Contains(g.cpus, addr) }
