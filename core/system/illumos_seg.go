package system

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
)

// KernelSegment is a struct seg of an address space.
type KernelSegment struct {
	Addr uint64 // VA of the struct seg
	Base uint64
	Size uint64
	Ops  uint64 // VA of its seg_ops
	Data uint64 // VA of its private data
}

// maxSegments bounds the segments of an address space; avlDepth the height of the
// tree that they are in.
const (
	maxSegments = 1 << 18
	avlDepth    = 64
)

// Segments lists the segments of the address space whose struct as is at as, in
// ascending order: its a_segtree. Of a damaged tree it gives what was found, and an
// error that names the node.
func (k *IllumosKernel) Segments(as uint64) ([]KernelSegment, error) {
	tree, err := k.member("struct as", "a_segtree")
	if err != nil {
		return nil, err
	}
	root, err := k.uintMember(k.space, "struct avl_tree", "avl_root", as+tree.off)
	if err != nil {
		return nil, err
	}
	link, err := k.uintMember(k.space, "struct avl_tree", "avl_offset", as+tree.off)
	if err != nil {
		return nil, err
	}
	w := &segWalk{k: k, link: link, seen: map[uint64]bool{}}
	err = w.node(root, 0)
	return w.segs, err
}

type segWalk struct {
	k    *IllumosKernel
	link uint64 // offset of the node in a struct seg
	seen map[uint64]bool
	segs []KernelSegment
}

// node walks the tree under the avl_node at addr in order.
func (w *segWalk) node(addr uint64, depth int) error {
	switch {
	case addr == 0:
		return nil
	case w.seen[addr] || depth > avlDepth || len(w.segs) >= maxSegments:
		return fmt.Errorf("segment tree is damaged: node at %#x was there before, or is too deep", addr)
	}
	w.seen[addr] = true
	child, err := w.k.member("struct avl_node", "avl_child")
	if err != nil {
		return err
	}
	var kids [2]uint64
	for i := range kids {
		kids[i], err = mem.ReadUint(w.k.space, mem.Addr(addr+child.off+8*uint64(i)), 8, w.k.Arch().Order)
		if err != nil {
			return fmt.Errorf("read segment tree node at %#x: %w", addr, err)
		}
	}
	if err := w.node(kids[0], depth+1); err != nil {
		return err
	}
	s := KernelSegment{Addr: addr - w.link}
	for _, m := range []struct {
		name string
		to   *uint64
	}{{"s_base", &s.Base}, {"s_size", &s.Size}, {"s_ops", &s.Ops}, {"s_data", &s.Data}} {
		if *m.to, err = w.k.uintMember(w.k.space, "struct seg", m.name, s.Addr); err != nil {
			return fmt.Errorf("read segment at %#x: %w", s.Addr, err)
		}
	}
	w.segs = append(w.segs, s)
	return w.node(kids[1], depth+1)
}

// Mappings implements core.Mapped: the kernel's segments, named by the symbols that
// they are.
func (k *IllumosKernel) Mappings() []mem.Mapping {
	segs, _ := k.Segments(k.kas)
	list := make([]mem.Mapping, 0, len(segs))
	for _, s := range segs {
		name := fmt.Sprintf("%x", s.Addr)
		if m, err := k.ns.LookupAddr(s.Addr, 0); err == nil && m.Value == s.Addr {
			name = k.ns.Label(m, s.Addr)
		}
		list = append(list, mem.Mapping{
			Base: mem.Addr(s.Base), Size: s.Size, Name: name, Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec,
		})
	}
	return list
}

// DumpTranslations is an ability of a KernelDump: what its map has of an address space.
type DumpTranslations interface {
	// Translations gives runs of n pages, in any order, until yield returns false.
	Translations(as uint64, yield func(va, n uint64) bool)
}

// Present implements core.Sparse: the kernel's pages that the dump's map has, without
// what is found by page tables alone.
func (k *IllumosKernel) Present() []mem.Mapping {
	k.presentOnce.Do(func() {
		d, ok := k.dump.(DumpTranslations)
		if !ok {
			k.present = k.Mappings()
			return
		}
		var runs []mem.Mapping
		d.Translations(k.kas, func(va, n uint64) bool {
			runs = append(runs, mem.Mapping{Base: mem.Addr(va), Size: n << pageShift})
			return true
		})
		slices.SortFunc(runs, func(a, b mem.Mapping) int { return cmp.Compare(a.Base, b.Base) })
		for _, r := range runs {
			if n := len(k.present); n > 0 && k.present[n-1].End() == r.Base {
				k.present[n-1].Size += r.Size
				continue
			}
			k.present = append(k.present, r)
		}
		k.present = slices.Clip(k.present)
	})
	return k.present
}
