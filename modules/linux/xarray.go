package linux

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/modules/kernel"
)

// Entries that are no pointers (include/linux/xarray.h): the lowest two bits 10 make an
// internal one, which above the first page is a node and below a sibling of another
// slot, a retry or a reserved index.
const (
	tagMask     = 3
	tagInternal = 2
	nodesFrom   = 4096
)

func isNode(e uint64) bool     { return e&tagMask == tagInternal && e > nodesFrom }
func isInternal(e uint64) bool { return e&tagMask == tagInternal && e <= nodesFrom }

// xaRoot is struct xarray, and the radix_tree_root that is one by another name.
type xaRoot struct {
	Head kernel.Field `ctf:"xa_head"`
}

// xaNode is struct xa_node.
type xaNode struct {
	Size  uint64       `ctf:"sizeof"`
	Shift kernel.Field `ctf:"shift"`
	Slots kernel.Field `ctf:"slots"`
}

// xarray yields the entries of an array, the lowest index first: pointers, or values that
// the kernel tagged with bit 0.
func xarray(v *kernel.View, what string, at uint64) iter.Seq2[uint64, error] {
	return steady(v, func(yield func(uint64, error) bool) {
		w := &xaWalk{v: v, what: what, met: kernel.Met{}, yield: yield}
		if err := w.run(at); err != nil {
			yield(0, err)
		}
	})
}

type xaWalk struct {
	v     *kernel.View
	what  string
	node  *xaNode
	met   kernel.Met
	yield func(uint64, error) bool
	done  bool // the consumer wants no more
}

func (w *xaWalk) run(at uint64) error {
	root, err := kernel.Lay[xaRoot](w.v, "struct xarray")
	if err != nil {
		return err
	}
	if w.node, err = kernel.Lay[xaNode](w.v, "struct xa_node"); err != nil {
		return err
	}
	head, err := w.v.Pointer(at + root.Head.Off)
	if err != nil {
		return kernel.BadRead(w.what, at, err)
	}
	return w.visit(head, 64)
}

// visit gives what an entry of a node whose shift is below the one given holds. A node
// lies one step of at least a bit deeper than its parent, so that this ends.
func (w *xaWalk) visit(e uint64, below uint) error {
	switch {
	case e == 0 || isInternal(e):
		return nil
	case !isNode(e):
		w.done = !w.yield(e, nil)
		return nil
	}
	at := e &^ tagMask
	if w.met.Again(at) {
		return fmt.Errorf("node %x of %s is there twice", at, w.what)
	}
	b, err := w.v.Bytes(at, w.node.Size, nil)
	if err != nil {
		return kernel.BadRead("node of "+w.what, at, err)
	}
	shift := uint(w.node.Shift.Of(b))
	if shift >= below {
		return fmt.Errorf("node %x of %s: shift %d cannot be", at, w.what, shift)
	}
	for _, s := range words(w.node.Slots, b) {
		if err := w.visit(s, shift+1); err != nil || w.done {
			return err
		}
	}
	return nil
}

// words are the numbers of an array of pointers that lies in an object.
func words(f kernel.Field, b []byte) []uint64 {
	list := make([]uint64, 0, f.Size/8)
	for off := uint64(0); off+8 <= f.Size; off += 8 {
		list = append(list, kernel.Field{Off: f.Off + off, Size: 8}.Of(b))
	}
	return list
}
