package kernel

import (
	"fmt"
	"iter"
)

// Met remembers addresses, to tell when one comes again.
type Met map[uint64]struct{}

// maxMet bounds every walk.
const maxMet = 1 << 26

// Again tells whether an address was there before, or there have been too many.
func (m Met) Again(a uint64) bool {
	if _, ok := m[a]; ok || len(m) >= maxMet {
		return true
	}
	m[a] = struct{}{}
	return false
}

type listHead struct {
	Size   uint64 `ctf:"sizeof"`
	Offset Field  `ctf:"list_offset"`
	Node   Field  `ctf:"list_head"`
	Next   Field  `ctf:"list_head.list_next|list_head.next"`
}

type listNode struct {
	Size uint64 `ctf:"sizeof"`
	Next Field  `ctf:"list_next|next"`
}

// List walks the objects on a list_t. what names an object in messages.
func (v *View) List(what string, head uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		if err := v.walkList(what, head, func(a uint64) bool { return yield(a, nil) }); err != nil {
			yield(0, err)
		}
	}
}

func (v *View) walkList(what string, head uint64, yield func(uint64) bool) error {
	h, err := Lay[listHead](v, "list_t")
	if err != nil {
		return err
	}
	n, err := Lay[listNode](v, "list_node_t")
	if err != nil {
		return err
	}
	b, err := v.Bytes(head, h.Size, nil)
	if err != nil {
		return BadRead("list", head, err)
	}
	off, end, at := h.Offset.Of(b), head+h.Node.Off, h.Next.Of(b)
	met := Met{}
	var buf []byte
	for at != end && at != 0 {
		if met.Again(at) {
			return fmt.Errorf("%s %x is on its list twice", what, at-off)
		}
		if buf, err = v.Bytes(at, n.Size, buf); err != nil {
			return BadRead(what, at-off, err)
		}
		next := n.Next.Of(buf)
		if !yield(at - off) {
			return nil
		}
		at = next
	}
	return nil
}

type treeHead struct {
	Size   uint64 `ctf:"sizeof"`
	Root   Field  `ctf:"avl_root"`
	Offset Field  `ctf:"avl_offset"`
	Nodes  Field  `ctf:"avl_numnodes"`
}

type treeNode struct {
	Size  uint64 `ctf:"sizeof"`
	Left  Field  `ctf:"avl_child[0]"`
	Right Field  `ctf:"avl_child[1]"`
}

// Tree walks the objects of an avl_tree_t in order.
func (v *View) Tree(what string, tree uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		if err := v.walkTree(what, tree, func(a uint64) bool { return yield(a, nil) }); err != nil {
			yield(0, err)
		}
	}
}

// walkTree keeps a stack of its own: a broken tree may be as deep as it has nodes.
func (v *View) walkTree(what string, tree uint64, yield func(uint64) bool) error {
	h, err := Lay[treeHead](v, "avl_tree_t")
	if err != nil {
		return err
	}
	n, err := Lay[treeNode](v, "struct avl_node")
	if err != nil {
		return err
	}
	b, err := v.Bytes(tree, h.Size, nil)
	if err != nil {
		return BadRead("tree", tree, err)
	}
	type visit struct{ node, right uint64 }
	var stack []visit
	var buf []byte
	off, at, met := h.Offset.Of(b), h.Root.Of(b), Met{}
	for at != 0 || len(stack) > 0 {
		if at != 0 {
			if met.Again(at) {
				return fmt.Errorf("%s %x is in its tree twice", what, at-off)
			}
			if buf, err = v.Bytes(at, n.Size, buf); err != nil {
				return BadRead(what, at-off, err)
			}
			stack = append(stack, visit{at, n.Right.Of(buf)})
			at = n.Left.Of(buf)
			continue
		}
		last := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !yield(last.node - off) {
			return nil
		}
		at = last.right
	}
	return nil
}
