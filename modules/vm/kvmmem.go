package vm

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// kvmSlot is the part of struct kvm_memory_slot that both KVMs have.
type kvmSlot struct {
	Size  uint64       `ctf:"sizeof"`
	GFN   kernel.Field `ctf:"base_gfn"`
	Pages kernel.Field `ctf:"npages"`
	Flags kernel.Field `ctf:"flags"`
	User  kernel.Field `ctf:"userspace_addr"`
}

// slotLogDirty is KVM_MEM_LOG_DIRTY_PAGES; the other flags of a slot are each KVM's.
const slotLogDirty = 1

// region is the piece of guest-physical memory that the slot at an address is, of the
// address space of the machine's process.
func (l *kvmSlot) region(at uint64, b []byte, src mem.Space) (Region, error) {
	pages, gfn := l.Pages.Of(b), l.GFN.Of(b)
	if pages > 1<<40 || gfn > 1<<40 {
		return Region{}, fmt.Errorf("struct kvm_memory_slot %x: there cannot be %#x pages at %#x", at, pages, gfn)
	}
	return Region{Addr: at, Type: "struct kvm_memory_slot", GPA: gfn << pageShift, Len: pages << pageShift, Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec,
		Host: l.User.Of(b), Src: src, Err: mem.ErrUnmapped}, nil
}

type slotsLayout struct {
	Size  uint64       `ctf:"sizeof"`
	N     kernel.Field `ctf:"nmemslots"`
	Slots kernel.Field `ctf:"memslots"`
}

// slotGone is KVM_MEMSLOT_INVALID of illumos-kvm (kvm.h): the slot is being removed.
const slotGone = 1 << 1

// spacer gives address spaces by their struct as.
type spacer interface{ Space(as uint64) mem.Space }

// regions are the memory slots, each a piece of qemu's address space, and the aliases of
// pieces of them.
func (g *kvmVM) regions(*Machine) (list []Region, err error) {
	at := g.l.Slots.Of(g.b)
	sl, b, err := read(g.v, "struct kvm_memslots", at, func(l *slotsLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	l, err := kernel.Lay[kvmSlot](g.v, "struct kvm_memory_slot")
	if err != nil {
		return nil, err
	}
	n := int64(int32(sl.N.Of(b)))
	if n < 0 || uint64(n)*l.Size > sl.Slots.Size {
		return nil, fmt.Errorf("struct kvm_memslots %x: there cannot be %d slots", at, n)
	}
	qemu, why := g.qemu()
	for i := range int(n) {
		off := sl.Slots.Off + uint64(i)*l.Size
		r, bad := l.region(at+off, b[off:], qemu)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		if r.Len == 0 {
			continue
		}
		r.Name = fmt.Sprintf("slot %d", i)
		switch f := l.Flags.Of(b[off:]); {
		case f&slotGone != 0:
			r.Flags = "invalid"
		case f&slotLogDirty != 0:
			r.Flags = "log-dirty"
		}
		list = append(list, r)
	}
	aliases, bad := g.aliases(list)
	if qemu != nil {
		why = nil // what is wrong elsewhere on the list of processes
	}
	return append(list, aliases...), errors.Join(err, bad, why)
}

type aliasesLayout struct {
	Size uint64       `ctf:"sizeof"`
	N    kernel.Field `ctf:"naliases"`
	List kernel.Field `ctf:"aliases"`
}

type aliasLayout struct {
	Size   uint64       `ctf:"sizeof"`
	GFN    kernel.Field `ctf:"base_gfn"`
	Pages  kernel.Field `ctf:"npages"`
	Target kernel.Field `ctf:"target_gfn"`
	Flags  kernel.Field `ctf:"flags"`
}

// aliasGone is KVM_ALIAS_INVALID (kvm_x86host.h).
const aliasGone = 1

// aliases are pieces of guest-physical memory that are others' (KVM_SET_MEMORY_ALIAS):
// qemu's way to show a part of a card's memory where old programs look for it.
func (g *kvmVM) aliases(slots []Region) (list []Region, err error) {
	at := g.l.Aliases.Of(g.b)
	if at == 0 {
		return nil, nil
	}
	al, b, err := read(g.v, "struct kvm_mem_aliases", at, func(l *aliasesLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	l, err := kernel.Lay[aliasLayout](g.v, "struct kvm_mem_alias")
	if err != nil {
		return nil, err
	}
	n := int64(int32(al.N.Of(b)))
	if n < 0 || uint64(n)*l.Size > al.List.Size {
		return nil, fmt.Errorf("struct kvm_mem_aliases %x: there cannot be %d aliases", at, n)
	}
	for i := range uint64(n) {
		off := al.List.Off + i*l.Size
		pages, target := l.Pages.Of(b[off:]), l.Target.Of(b[off:])
		if pages == 0 || l.Flags.Of(b[off:])&aliasGone != 0 {
			continue
		}
		s := holder(slots, target, pages)
		if s == nil {
			err = errors.Join(err, fmt.Errorf("struct kvm_mem_alias %x: no memory slot has %#x pages at %#x", at+off, pages, target))
			continue
		}
		r := *s
		r.Addr, r.Type, r.Name, r.Flags, r.Beside = at+off, "struct kvm_mem_alias", s.Name, "alias", true
		r.GPA, r.Len, r.Host = l.GFN.Of(b[off:])<<pageShift, pages<<pageShift, s.Host+target<<pageShift-s.GPA
		list = append(list, r)
	}
	return list, err
}

// holder is the slot that has so many pages from one on, nil if none has.
func holder(slots []Region, gfn, pages uint64) *Region {
	for i, s := range slots {
		first, n := s.GPA>>pageShift, s.Len>>pageShift
		if gfn >= first && gfn-first <= n && pages <= n-(gfn-first) {
			return &slots[i]
		}
	}
	return nil
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
