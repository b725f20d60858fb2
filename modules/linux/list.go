package linux

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// listLinks is struct list_head (include/linux/types.h): a ring through its head.
type listLinks struct {
	Size uint64       `ctf:"sizeof"`
	Next kernel.Field `ctf:"next"`
}

// ring yields the nodes of a list but not its head.
func ring(v *kernel.View, what string, head uint64) iter.Seq2[uint64, error] {
	return steady(v, func(yield func(uint64, error) bool) {
		l, err := kernel.Lay[listLinks](v, "struct list_head")
		if err != nil {
			yield(0, err)
			return
		}
		met, buf := kernel.Met{head: {}}, []byte(nil)
		for at := head; ; {
			if buf, err = v.Bytes(at, l.Size, buf); err != nil {
				yield(0, kernel.BadRead(what, at, err))
				return
			}
			next := l.Next.Of(buf)
			if next == head {
				return
			}
			if next == 0 {
				yield(0, fmt.Errorf("%s at %x: the list that begins at %x breaks off", what, at, head))
				return
			}
			if met.Again(next) {
				yield(0, fmt.Errorf("%s %x is on its list twice", what, next))
				return
			}
			// The link is read before the element is given: what a command does with
			// it may take long.
			if !yield(next, nil) {
				return
			}
			at = next
		}
	})
}

// members yields the objects on a list whose nodes are a member of them.
func members(v *kernel.View, what string, head uint64, link kernel.Field) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		for at, err := range ring(v, what, head) {
			if !yield(at-link.Off, err) {
				return
			}
		}
	}
}

// nullsEnd is the mark in the link of the last element of a list of hlist_nulls: an odd
// number instead of a null pointer (include/linux/list_nulls.h).
const nullsEnd = 1

// chain yields the nodes of an hlist or an hlist_nulls by the address of its head.
func chain(v *kernel.View, what string, head uint64) iter.Seq2[uint64, error] {
	return steady(v, func(yield func(uint64, error) bool) {
		met := kernel.Met{}
		at, err := v.Pointer(head) // hlist_head.first and hlist_node.next are first members
		if err != nil {
			yield(0, kernel.BadRead(what, head, err))
			return
		}
		for at != 0 && at&nullsEnd == 0 {
			if met.Again(at) {
				yield(0, fmt.Errorf("%s %x is on its list twice", what, at))
				return
			}
			next, err := v.Pointer(at)
			if err != nil {
				yield(0, kernel.BadRead(what, at, err))
				return
			}
			if !yield(at, nil) {
				return
			}
			at = next
		}
	})
}

// rbNode is struct rb_node (include/linux/rbtree_types.h).
type rbNode struct {
	Size  uint64       `ctf:"sizeof"`
	Left  kernel.Field `ctf:"rb_left"`
	Right kernel.Field `ctf:"rb_right"`
}

// tree yields the nodes of a red-black tree in order, by the address of its rb_root. It
// keeps a stack of its own: a broken tree may be as deep as it has nodes.
func tree(v *kernel.View, what string, root uint64) iter.Seq2[uint64, error] {
	return steady(v, func(yield func(uint64, error) bool) {
		l, err := kernel.Lay[rbNode](v, "struct rb_node")
		if err != nil {
			yield(0, err)
			return
		}
		at, err := v.Pointer(root)
		if err != nil {
			yield(0, kernel.BadRead(what, root, err))
			return
		}
		type visit struct{ node, right uint64 }
		var stack []visit
		met, buf := kernel.Met{}, []byte(nil)
		for at != 0 || len(stack) > 0 {
			if at != 0 {
				if met.Again(at) {
					yield(0, fmt.Errorf("%s %x is in its tree twice", what, at))
					return
				}
				if buf, err = v.Bytes(at, l.Size, buf); err != nil {
					yield(0, kernel.BadRead(what, at, err))
					return
				}
				stack = append(stack, visit{at, l.Right.Of(buf)})
				at = l.Left.Of(buf)
				continue
			}
			last := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if !yield(last.node, nil) {
				return
			}
			at = last.right
		}
	})
}

// structureWalkers walk what kernel code keeps its objects in.
func structureWalkers() []*core.Walker {
	return []*core.Walker{
		nodes("list", "nodes of a list by the address of its struct list_head", "struct list_head", ring),
		nodes("hlist", "nodes of a hash chain by the address of its struct hlist_head", "struct hlist_node", chain),
		nodes("rbtree", "nodes of a red-black tree by the address of its struct rb_root", "struct rb_node", tree),
		nodes("xarray", "entries of an array by the address of its struct xarray", "", xarray),
		nodes("radix_tree", "entries of a radix tree by the address of its root", "", xarray),
		nodes("maple_tree", "entries of a tree of ranges by the address of its struct maple_tree", "", maple),
	}
}

// nodes makes a walker that begins at an address.
func nodes(name, descr, typ string, walk func(*kernel.View, string, uint64) iter.Seq2[uint64, error]) *core.Walker {
	return &core.Walker{Name: name, Descr: descr, Addr: core.AddrRequired, Type: typ,
		Walk: func(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			return func(yield func(core.Elem, error) bool) {
				v := kernel.Of(c.Session)
				e := core.Elem{}
				if typ != "" {
					e.Type = v.TypeOrNil(typ)
				}
				for a, err := range walk(v, name, uint64(start)) {
					e.Val = a
					if !yield(e, err) {
						return
					}
				}
			}
		}}
}

// maple yields the entries of a maple tree, the lowest range first.
func maple(v *kernel.View, what string, at uint64) iter.Seq2[uint64, error] {
	return steady(v, func(yield func(uint64, error) bool) {
		k, err := kernelOf(v.Session())
		if err != nil {
			yield(0, err)
			return
		}
		for e, err := range k.MapleTree(at) {
			if err != nil {
				yield(0, fmt.Errorf("%s at %x: %w", what, at, err))
				return
			}
			if !yield(e.Val, nil) {
				return
			}
		}
	})
}
