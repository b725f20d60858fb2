package zfs

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// A zfs_btree_t keeps its elements themselves, not pointers to them, in nodes (sys/btree.h):
// leaves of a fixed size, and cores, which have one child more than elements; the
// elements of a core lie between those of its children.
const (
	btreeLeaf     = 4096 // BTREE_LEAF_SIZE, where the tree does not tell
	maxBtreeNode  = 1 << 20
	maxBtreeDepth = 64
	maxBtreeElem  = 1 << 12
)

// btreeLayout is how the release lays out zfs_btree_t. OpenZFS 2.2 has trees with
// leaves of other sizes.
type btreeLayout struct {
	Size     uint64       `ctf:"sizeof"`
	Root     kernel.Field `ctf:"bt_root"`
	ElemSize kernel.Field `ctf:"bt_elem_size"`
	Elems    kernel.Field `ctf:"bt_num_elems"`
	Nodes    kernel.Field `ctf:"bt_num_nodes"`
	LeafSize kernel.Field `ctf:"bt_leaf_size,optional"`
}

// btreeNodeLayout is what cores and leaves begin with. Since OpenZFS 2.1 the elements
// of a leaf begin at its bth_first, which tells a core by being -1.
type btreeNodeLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Parent kernel.Field `ctf:"bth_parent"`
	Core   kernel.Field `ctf:"bth_core,optional"`
	First  kernel.Field `ctf:"bth_first,optional"`
	Count  kernel.Field `ctf:"bth_count"`
}

type btreeCoreLayout struct {
	Size     uint64       `ctf:"sizeof"` // where its elements begin
	Children kernel.Field `ctf:"btc_children"`
}

// btree is a tree that is being walked.
type btree struct {
	v     *kernel.View
	node  *btreeNodeLayout
	core  *btreeCoreLayout
	elem  uint64 // size of an element in bytes
	leaf  uint64 // size of a leaf
	met   kernel.Met
	yield func(addr uint64, elem []byte) bool
	done  bool
}

// walkBtree calls yield for the elements of a zfs_btree_t in order, each with its
// address and bytes, until it returns false.
func walkBtree(v *kernel.View, addr uint64, yield func(addr uint64, elem []byte) bool) error {
	l, b, err := read(v, "zfs_btree_t", addr, func(l *btreeLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	t := &btree{v: v, elem: l.ElemSize.Of(b), leaf: l.LeafSize.Of(b), met: kernel.Met{}, yield: yield}
	if t.node, err = kernel.Lay[btreeNodeLayout](v, "zfs_btree_hdr_t"); err != nil {
		return err
	}
	if t.core, err = kernel.Lay[btreeCoreLayout](v, "zfs_btree_core_t"); err != nil {
		return err
	}
	if t.elem == 0 || t.elem > maxBtreeElem {
		return fmt.Errorf("invalid or uninitialized btree at %#x", addr)
	}
	if t.leaf == 0 || t.leaf > maxBtreeNode {
		t.leaf = btreeLeaf
	}
	root := l.Root.Of(b)
	if root == 0 {
		return nil
	}
	return t.walk(root, 0, 0)
}

// walk walks what a node and those below it hold.
func (t *btree) walk(at, parent uint64, depth int) error {
	if t.met.Again(at) {
		return fmt.Errorf("btree node %x is in its tree twice", at)
	}
	if depth > maxBtreeDepth {
		return fmt.Errorf("btree node %x is too deep in its tree", at)
	}
	h, err := t.v.Bytes(at, t.node.Size, nil)
	if err != nil {
		return kernel.BadRead("btree node", at, err)
	}
	if t.node.Parent.Of(h) != parent {
		return fmt.Errorf("btree parent/child mismatch at %#x", at)
	}
	n, first := t.node.Count.Of(h), t.node.First.Of(h)
	if t.node.Core.Of(h) != 0 || t.node.First.OK() && uint32(first) == ^uint32(0) {
		return t.walkCore(at, n, depth)
	}
	begin := t.node.Size + first*t.elem
	if room := t.leaf - t.node.Size; n*t.elem > room || first*t.elem > room-n*t.elem {
		return fmt.Errorf("btree node %x: there cannot be %d elements from %d on", at, n, first)
	}
	return t.elements(at+begin, n)
}

func (t *btree) walkCore(at, n uint64, depth int) error {
	room := t.core.Children.Size / 8
	if n >= room {
		return fmt.Errorf("btree node %x: there cannot be %d children", at, n+1)
	}
	list, err := pointers(t.v, "btree children", at+t.core.Children.Off, n+1, room)
	if err != nil {
		return err
	}
	for i, child := range list {
		if i > 0 {
			if err := t.elements(at+t.core.Size+uint64(i-1)*t.elem, 1); err != nil || t.done {
				return err
			}
		}
		if err := t.walk(child, at, depth+1); err != nil || t.done {
			return err
		}
	}
	return nil
}

// elements yields n elements that lie side by side.
func (t *btree) elements(at, n uint64) error {
	b, err := t.v.Bytes(at, n*t.elem, nil)
	if err != nil {
		return kernel.BadRead("btree elements", at, err)
	}
	for off := uint64(0); off < uint64(len(b)) && !t.done; off += t.elem {
		t.done = !t.yield(at+off, b[off:off+t.elem])
	}
	return nil
}

func walkBtrees(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	return elems(c, "", func(v *kernel.View, yield func(uint64) bool) error {
		return walkBtree(v, uint64(at), func(a uint64, _ []byte) bool { return yield(a) })
	})
}
