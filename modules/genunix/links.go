package genunix

import (
	"fmt"
	"iter"
)

// listOf walks the objects on a list_t. what names an object in messages.
func (v *view) listOf(what string, head uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		var l struct {
			Offset uint64 `ctf:"list_offset"`
			Next   uint64 `ctf:"list_head.list_next|list_head.next"`
		}
		if err := v.load("list_t", head, &l); err != nil {
			yield(0, badRead("list_t", head, err))
			return
		}
		end, err := v.ref("list_t", head, "list_head")
		if err != nil {
			yield(0, err)
			return
		}
		next, err := v.accessAny("list_node_t", "list_next", "next")
		if err != nil {
			yield(0, err)
			return
		}
		var met loop
		for n := l.Next; n != end && n != 0; {
			if met.again(n) {
				yield(0, fmt.Errorf("%s at %x is on its list twice", what, n-l.Offset))
				return
			}
			after, err := v.follow(next, n)
			if err != nil {
				yield(0, badRead(what, n-l.Offset, err))
				return
			}
			if !yield(n-l.Offset, nil) {
				return
			}
			n = after
		}
	}
}

// treeOf walks the objects of an avl_tree_t in order. What is met twice ends the
// walk, and so does a node that cannot be read.
func (v *view) treeOf(what string, tree uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		var t struct {
			Root   uint64 `ctf:"avl_root"`
			Offset uint64 `ctf:"avl_offset"`
		}
		if err := v.load("avl_tree_t", tree, &t); err != nil {
			yield(0, badRead("avl_tree_t", tree, err))
			return
		}
		w := treeWalk{v: v, what: what, off: t.Offset, yield: yield}
		if err := w.walk(t.Root); err != nil {
			yield(0, err)
		}
	}
}

// treeWalk keeps a stack of its own: a broken tree may be as deep as it has nodes.
type treeWalk struct {
	v     *view
	what  string
	off   uint64
	yield func(uint64, error) bool
	met   loop
	stack []treeVisit
}

type treeVisit struct{ node, right uint64 }

func (w *treeWalk) walk(n uint64) error {
	for n != 0 || len(w.stack) > 0 {
		if n != 0 {
			var node struct {
				Child [2]uint64 `ctf:"avl_child"`
			}
			if w.met.again(n) {
				return fmt.Errorf("%s at %x is in its tree twice", w.what, n-w.off)
			}
			if err := w.v.load("struct avl_node", n, &node); err != nil {
				return badRead(w.what, n-w.off, err)
			}
			w.stack = append(w.stack, treeVisit{n, node.Child[1]})
			n = node.Child[0]
			continue
		}
		last := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if !w.yield(last.node-w.off, nil) {
			return nil
		}
		n = last.right
	}
	return nil
}
