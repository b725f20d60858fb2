package vm

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// bhyve is illumos' bhyve: the module vmm. Its machines are the vmm_softc_t on
// vmm_list, each with a struct vm.
type bhyve struct{}

type softcLayout struct {
	Size  uint64       `ctf:"sizeof"`
	VM    kernel.Field `ctf:"vmm_vm"`
	Name  kernel.Field `ctf:"vmm_name"`
	Minor kernel.Field `ctf:"vmm_minor"`
	Flags kernel.Field `ctf:"vmm_flags"`
	Zone  kernel.Field `ctf:"vmm_zone"`
	Devs  kernel.Field `ctf:"vmm_devmem_list"`
}

type vmLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Cookie  kernel.Field `ctf:"cookie"`
	VHPET   kernel.Field `ctf:"vhpet"`
	VIOAPIC kernel.Field `ctf:"vioapic"`
	VATPIC  kernel.Field `ctf:"vatpic"`
	VATPIT  kernel.Field `ctf:"vatpit"`
	VPMTMR  kernel.Field `ctf:"vpmtmr"`
	VRTC    kernel.Field `ctf:"vrtc"`
	Active  kernel.Field `ctf:"active_cpus"`
	Debug   kernel.Field `ctf:"debug_cpus"`
	Halted  kernel.Field `ctf:"halted_cpus"`
	Suspend kernel.Field `ctf:"suspend|suspend_how"`
	Maps    kernel.Field `ctf:"mem_maps"`
	Segs    kernel.Field `ctf:"mem_segs"`
	Space   kernel.Field `ctf:"vmspace"`
	VCPU    kernel.Field `ctf:"vcpu"`
	MaxCPUs kernel.Field `ctf:"maxcpus"`
}

// Flags of a vmm_softc_t (sys/vmm_impl.h).
const (
	vmmCleanup = 0x2
	vmmPurged  = 0x4
	vmmDestroy = 0x10
)

// suspensions are the values of enum vm_suspend_how.
var suspensions = []string{"", "reset", "poweroff", "halt", "triplefault"}

// bhyveVM is a machine of bhyve.
type bhyveVM struct {
	v      *kernel.View
	at     uint64 // of the vmm_softc_t
	addr   uint64 // of the struct vm
	l      *vmLayout
	b      []byte // the struct vm
	softc  *softcLayout
	sb     []byte
	vendor Vendor
}

func (h bhyve) machines(v *kernel.View) iter.Seq2[*Machine, error] {
	return func(yield func(*Machine, error) bool) {
		head, err := v.Symbol("vmm", "vmm_list")
		if err != nil {
			return // not loaded
		}
		vendor := bhyveVendor(v)
		for sc, err := range v.List("vmm_softc_t", head.Value) {
			if err != nil {
				yield(nil, err)
				return
			}
			m, err := h.open(v, sc, vendor)
			if !yield(m, err) {
				return
			}
		}
	}
}

// bhyveVendor tells by the operations vmm has chosen whose processors it runs on.
func bhyveVendor(v *kernel.View) Vendor {
	ops, err := v.Variable("vmm", "ops")
	if err != nil {
		return ""
	}
	for name, vendor := range map[string]Vendor{"vmm_ops_intel": Intel, "vmm_ops_amd": AMD} {
		if m, err := v.Symbol("vmm", name); err == nil && m.Value == ops {
			return vendor
		}
	}
	return ""
}

// open reads a machine. One whose struct vm cannot be read is given with the error, as
// far as it is known.
func (bhyve) open(v *kernel.View, sc uint64, vendor Vendor) (*Machine, error) {
	l, b, err := read(v, "struct vmm_softc", sc, func(l *softcLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	g := &bhyveVM{v: v, at: sc, softc: l, sb: b, addr: l.VM.Of(b), vendor: vendor}
	m := &Machine{Kind: Bhyve, Addr: g.addr, Handle: sc, Name: safe(l.Name.Text(b)), Vendor: vendor, State: "unknown", Zone: l.Zone.Of(b), v: v, back: g}
	if g.l, g.b, err = read(v, "struct vm", g.addr, func(l *vmLayout) uint64 { return l.Size }); err != nil {
		return m, fmt.Errorf("vmm_softc_t %x: %w", sc, err)
	}
	m.NCPU = len(g.cpus(g.l.Active))
	m.State = g.state()
	return m, nil
}

// errNoVM is what cannot be told of a machine whose struct vm could not be read.
var errNoVM = errors.New("its struct vm cannot be read")

// cpus are the numbers of the vCPUs that a cpuset_t holds.
func (g *bhyveVM) cpus(set kernel.Field) (list []int) {
	for i := uint64(0); i+8 <= set.Size; i += 8 {
		for w := (kernel.Field{Off: set.Off + i, Size: 8}).Of(g.b); w != 0; w &= w - 1 {
			list = append(list, int(i*8)+bits.TrailingZeros64(w))
		}
	}
	return list
}

// state puts in a word what the machine does.
func (g *bhyveVM) state() string {
	how, flags := g.l.Suspend.Of(g.b), g.softc.Flags.Of(g.sb)
	active := len(g.cpus(g.l.Active))
	switch {
	case flags&(vmmDestroy|vmmPurged|vmmCleanup) != 0:
		return "destroying"
	case how != 0 && how < uint64(len(suspensions)):
		return suspensions[how]
	case how != 0:
		return fmt.Sprintf("suspend %d", how)
	case active == 0:
		return "created"
	case len(g.cpus(g.l.Debug)) != 0:
		return "debug"
	case len(g.cpus(g.l.Halted)) >= active:
		return "halted"
	}
	return "running"
}

// vcpuAt is the address of a vCPU's struct vcpu, if the machine has room for it.
func (g *bhyveVM) vcpuAt(id int) (uint64, error) {
	size, err := g.v.Size("struct vcpu")
	if err != nil {
		return 0, err
	}
	if id < 0 || size == 0 || (uint64(id)+1)*size > g.l.VCPU.Size {
		return 0, fmt.Errorf("struct vm %x: there cannot be a vCPU %d", g.addr, id)
	}
	return g.addr + g.l.VCPU.Off + uint64(id)*size, nil
}

func (g *bhyveVM) vcpus(m *Machine) (list []*VCPU, err error) {
	if g.b == nil {
		return nil, errNoVM
	}
	if n := g.l.MaxCPUs.Of(g.b); n > maxVCPUs || n == 0 {
		err = fmt.Errorf("struct vm %x: there cannot be %d vCPUs", g.addr, n)
	}
	for _, id := range g.cpus(g.l.Active) {
		at, bad := g.vcpuAt(id)
		if bad != nil {
			return list, bad
		}
		c, bad := g.vcpu(m, id, at)
		if bad != nil {
			return list, bad
		}
		list = append(list, c)
	}
	return list, err
}

func (g *bhyveVM) devices(*Machine) (map[string]uint64, error) {
	if g.b == nil {
		return nil, errNoVM
	}
	return map[string]uint64{
		"vhpet": g.l.VHPET.Of(g.b), "vioapic": g.l.VIOAPIC.Of(g.b), "vatpic": g.l.VATPIC.Of(g.b),
		"vatpit": g.l.VATPIT.Of(g.b), "vpmtmr": g.l.VPMTMR.Of(g.b), "vrtc": g.l.VRTC.Of(g.b),
	}, nil
}

type memMapLayout struct {
	Size  uint64       `ctf:"sizeof"`
	GPA   kernel.Field `ctf:"gpa"`
	Len   kernel.Field `ctf:"len"`
	Off   kernel.Field `ctf:"segoff"`
	Seg   kernel.Field `ctf:"segid"`
	Prot  kernel.Field `ctf:"prot"`
	Flags kernel.Field `ctf:"flags"`
}

type memSegLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Len    kernel.Field `ctf:"len"`
	Sysmem kernel.Field `ctf:"sysmem"`
	Object kernel.Field `ctf:"object"`
}

// memMapWired is VM_MEMMAP_F_WIRED.
const memMapWired = 1

func (g *bhyveVM) regions(*Machine) (list []Region, err error) {
	if g.b == nil {
		return nil, errNoVM
	}
	mm, err := kernel.Lay[memMapLayout](g.v, "struct mem_map")
	if err != nil {
		return nil, err
	}
	for i := 0; uint64(i+1)*mm.Size <= g.l.Maps.Size; i++ {
		b := g.b[g.l.Maps.Off+uint64(i)*mm.Size:]
		if mm.Len.Of(b) == 0 {
			continue
		}
		r := Region{Addr: g.addr + g.l.Maps.Off + uint64(i)*mm.Size, Type: "struct mem_map", GPA: mm.GPA.Of(b), Len: mm.Len.Of(b), Prot: mem.Prot(mm.Prot.Of(b) & 7)}
		if mm.Flags.Of(b)&memMapWired != 0 {
			r.Flags = "wired"
		}
		if r.GPA+r.Len < r.GPA {
			err = fmt.Errorf("struct mem_map %x: %#x bytes at %#x are more than memory", r.Addr, r.Len, r.GPA)
			continue
		}
		if bad := g.backing(&r, int32(mm.Seg.Of(b)), mm.Off.Of(b)); bad != nil {
			if err = errors.Join(err, bad); r.Src == nil {
				r.Err = mem.ErrUnmapped
			}
		}
		list = append(list, r)
	}
	beside, bad := g.passthru(list)
	return append(list, beside...), errors.Join(err, bad)
}

// backing finds what backs a region: the piece at off of a memory segment's object.
func (g *bhyveVM) backing(r *Region, seg int32, off uint64) error {
	ms, err := kernel.Lay[memSegLayout](g.v, "struct mem_seg")
	if err != nil {
		return err
	}
	if seg < 0 || uint64(seg+1)*ms.Size > g.l.Segs.Size {
		return fmt.Errorf("struct mem_map %x: there is no memory segment %d", r.Addr, seg)
	}
	b := g.b[g.l.Segs.Off+uint64(seg)*ms.Size:]
	r.Object, r.Name = ms.Object.Of(b), "sysmem"
	if ms.Sysmem.Of(b) == 0 {
		r.Name = g.devmem(seg)
	}
	return g.object(r, off)
}
