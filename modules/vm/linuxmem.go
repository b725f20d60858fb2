package vm

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
	"github.com/xmdb/xmdb/modules/linux"
)

type linuxSlots struct {
	Size uint64       `ctf:"sizeof"`
	Tree kernel.Field `ctf:"gfn_tree,optional"`   // since 5.17
	Node kernel.Field `ctf:"node_idx,optional"`   // which of a slot's nodes are in it
	Used kernel.Field `ctf:"used_slots,optional"` // before: an array
	List kernel.Field `ctf:"memslots,optional"`
}

// linuxSlot is what a struct kvm_memory_slot of Linux' has beside a kvmSlot.
type linuxSlot struct {
	Size    uint64       `ctf:"sizeof"`
	ID      kernel.Field `ctf:"id"`
	Node    kernel.Field `ctf:"gfn_node[0],optional"`
	NodeTwo kernel.Field `ctf:"gfn_node[1],optional"`
}

// maxSlots bounds a machine's memory slots, whose numbers are shorts.
const maxSlots = 1 << 15

// Flags of a memory slot that Linux has beside slotLogDirty (linux/kvm.h, kvm_host.h).
const (
	slotReadOnly    = 1 << 1
	slotGuestMemory = 1 << 2 // private memory is a file's, which the process does not map
	slotInvalid     = 1 << 16
)

// regions are the memory slots of the ordinary address space: each is a piece of that of
// the machine's process. The other address space is that of System Management Mode.
func (g *linuxVM) regions(*Machine) (list []Region, err error) {
	slots, err := g.slots()
	if len(slots) == 0 {
		return nil, err
	}
	src, why := g.addressSpace()
	for _, at := range slots {
		r, bad := g.region(at, src)
		if bad != nil {
			err = errors.Join(err, bad)
		} else if r.Len != 0 {
			list = append(list, r)
		}
	}
	return list, errors.Join(err, why)
}

// addressSpace is that of the machine's process, always the same one.
func (g *linuxVM) addressSpace() (mem.Space, error) {
	if g.space == nil {
		s, err := g.k.Space(g.l.MM.Of(g.b))
		if err != nil {
			return nil, err
		}
		g.space = s
	}
	return g.space, nil
}

// region reads a slot, of memory of the space given.
func (g *linuxVM) region(at uint64, space mem.Space) (r Region, err error) {
	l, b, err := read(g.v, "struct kvm_memory_slot", at, func(l *kvmSlot) uint64 { return l.Size })
	if err != nil {
		return r, err
	}
	x, err := kernel.Lay[linuxSlot](g.v, "struct kvm_memory_slot")
	if err != nil {
		return r, err
	}
	if r, err = l.region(at, b, space); err != nil {
		return r, err
	}
	r.Name = fmt.Sprintf("slot %d", int16(x.ID.Of(b)))
	f := l.Flags.Of(b)
	if f&slotReadOnly != 0 {
		r.Prot &^= mem.ProtWrite
	}
	switch {
	case f&slotInvalid != 0:
		r.Flags = "invalid"
	case f&slotGuestMemory != 0:
		r.Flags = "guest_memfd"
	case f&slotLogDirty != 0:
		r.Flags = "log-dirty"
	}
	return r, nil
}

// slots gives the addresses of the memory slots. Those that come with an error are good.
func (g *linuxVM) slots() (list []uint64, err error) {
	at := element(g.l.Slots, 8, 0).Of(g.b)
	l, b, err := read(g.v, "struct kvm_memslots", at, func(l *linuxSlots) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	sl, err := kernel.Lay[linuxSlot](g.v, "struct kvm_memory_slot")
	if err != nil {
		return nil, err
	}
	if !l.Tree.OK() {
		return l.array(at, b, sl)
	}
	link := sl.Node
	if l.Node.Of(b) == 1 {
		link = sl.NodeTwo
	}
	for node, bad := range linux.TreeNodes(g.v, "struct kvm_memory_slot", at+l.Tree.Off) {
		if bad == nil && len(list) == maxSlots {
			bad = fmt.Errorf("struct kvm_memslots %x: there are more than %d slots", at, maxSlots)
		}
		if bad != nil {
			return list, bad
		}
		list = append(list, node-link.Off)
	}
	return list, nil
}

// array are the slots of kernels before 5.17.
func (l *linuxSlots) array(at uint64, b []byte, sl *linuxSlot) (list []uint64, err error) {
	if !l.Used.OK() || l.List.Off == 0 {
		return nil, errors.New("struct kvm_memslots has neither a tree nor an array of slots")
	}
	n := l.Used.Of(b)
	if n > maxSlots {
		return nil, fmt.Errorf("struct kvm_memslots %x: there cannot be %d slots", at, n)
	}
	for i := range n { // the array may be declared without a length: it is the end
		list = append(list, at+l.List.Off+i*sl.Size)
	}
	return list, nil
}
