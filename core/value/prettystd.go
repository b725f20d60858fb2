package value

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Containers of C++'s standard library as GCC has it (libstdc++, include/bits): members
// have kept their names since GCC 5.

func stdString(v Value) (container, error) {
	p, err := v.uintAt("_M_dataplus._M_p")
	if err != nil {
		return container{}, err
	}
	n, err := v.uintAt("_M_string_length")
	if err != nil {
		return container{}, err
	}
	return v.quoted(p, n)
}

// run is a container of n elements of a type in a row from an address.
func (v Value) run(elem *ctype.Type, start, n uint64) (container, error) {
	size := v.W.Size(elem)
	if size == 0 {
		return container{}, ErrNotArray
	}
	each := func(limit uint64, f func(key, val *Value) error) error {
		for i := range min(n, limit) {
			e := Value{Type: elem, W: v.W, Addr: mem.Addr(start + i*size)}
			if err := f(nil, &e); err != nil {
				return err
			}
		}
		return nil
	}
	return container{open: "[", close: "]", n: n, each: each}, nil
}

func stdVector(v Value) (container, error) {
	start, err := v.Path("_M_impl._M_start")
	if err != nil {
		return container{}, err // std::vector<bool> is packed
	}
	elem := start.Base().Elem()
	if elem.Resolve().Kind().IsStruct() && strings.Contains(v.Base().Name(), "vector<bool") {
		return container{}, ErrNotArray
	}
	from, err := start.Uint()
	if err != nil {
		return container{}, err
	}
	to, err := v.uintAt("_M_impl._M_finish")
	if err != nil {
		return container{}, err
	}
	size := v.W.Size(elem)
	if size == 0 || to < from || (to-from)%size != 0 {
		return container{}, ErrBounds
	}
	return v.run(elem, from, (to-from)/size)
}

// pairOf splits an element of a map into key and value.
func pairOf(e Value, f func(key, val *Value) error) error {
	if strings.HasPrefix(e.Base().Name(), "std::pair<") {
		k, err := e.Member("first")
		if err != nil {
			return err
		}
		val, err := e.Member("second")
		if err != nil {
			return err
		}
		return f(&k, &val)
	}
	return f(nil, &e)
}

// stored is what a node of a map or set holds: in _M_storage, of the type that is
// the node type's first template argument.
func (v Value) stored(nodeType *ctype.Type, node uint64) (Value, error) {
	n := Value{Type: nodeType, W: v.W, Addr: mem.Addr(node)}
	st, err := n.Member("_M_storage")
	if err != nil {
		return Value{}, err
	}
	arg := firstArg(nodeType.Resolve().Name())
	if v.W.Types == nil || arg == "" {
		return Value{}, ctype.ErrNoType
	}
	t, err := v.W.Types.Lookup(arg)
	if err != nil {
		return Value{}, err
	}
	st.Type = t
	return st, nil
}

// stdTree reads the red-black trees of map and set (bits/stl_tree.h).
func stdTree(v Value) (container, error) {
	tree, err := v.Member("_M_t")
	if err != nil {
		return container{}, err
	}
	a := args(inlineNamespaces.Replace(tree.Base().Name()))
	raw := args(tree.Base().Name())
	if len(a) < 2 || v.W.Types == nil {
		return container{}, ctype.ErrNoType
	}
	nodeType, err := v.W.Types.Lookup("std::_Rb_tree_node<" + raw[1] + closing(raw[1]))
	if err != nil {
		return container{}, err
	}
	n, err := tree.uintAt("_M_impl._M_node_count")
	if err != nil {
		return container{}, err
	}
	header, err := tree.Path("_M_impl._M_header")
	if err != nil {
		return container{}, err
	}
	each := func(limit uint64, f func(key, val *Value) error) error {
		at, err := header.uintAt("_M_left")
		for i := uint64(0); err == nil && at != uint64(header.Addr) && i < min(n, limit); i++ {
			var e Value
			if e, err = v.stored(nodeType, at); err != nil {
				return err
			}
			if err = pairOf(e, f); err != nil {
				return err
			}
			at, err = nextNode(header, at)
		}
		return err
	}
	return container{open: "{", close: "}", n: n, each: each}, nil
}

// closing ends a template argument list as compilers write it: "> >" after another.
func closing(arg string) string {
	if strings.HasSuffix(arg, ">") {
		return " >"
	}
	return ">"
}

// maxTreeDepth bounds the height of a tree; a red-black tree of 2^48 nodes has at
// most 96.
const maxTreeDepth = 128

// nextNode is the node after another in order, or the header.
func nextNode(header Value, at uint64) (uint64, error) {
	node := func(a uint64) Value { return Value{Type: header.Type, W: header.W, Addr: mem.Addr(a)} }
	right, err := node(at).uintAt("_M_right")
	if err != nil {
		return 0, err
	}
	if right != 0 {
		at = right
		for range maxTreeDepth {
			left, err := node(at).uintAt("_M_left")
			if err != nil || left == 0 {
				return at, err
			}
			at = left
		}
		return 0, fmt.Errorf("tree at %#x is deeper than any", uint64(header.Addr))
	}
	for range maxTreeDepth {
		parent, err := node(at).uintAt("_M_parent")
		if err != nil || parent == uint64(header.Addr) {
			return parent, err
		}
		r, err := node(parent).uintAt("_M_right")
		if err != nil || r != at {
			return parent, err
		}
		at = parent
	}
	return 0, fmt.Errorf("tree at %#x is deeper than any", uint64(header.Addr))
}

// stdHash reads the hash tables of unordered_map and unordered_set
// (bits/hashtable.h): one singly linked list through all elements.
func stdHash(v Value) (container, error) {
	table, err := v.Member("_M_h")
	if err != nil {
		return container{}, err
	}
	n, err := table.uintAt("_M_element_count")
	if err != nil {
		return container{}, err
	}
	raw := args(table.Base().Name())
	if len(raw) < 2 || v.W.Types == nil {
		return container{}, ctype.ErrNoType
	}
	var nodeType *ctype.Type
	for _, cached := range []string{"false", "true"} {
		t, err := v.W.Types.Lookup("std::__detail::_Hash_node<" + raw[1] + ", " + cached + ">")
		if err == nil {
			nodeType = t
			break
		}
	}
	if nodeType == nil {
		return container{}, ctype.ErrNoType
	}
	before, err := table.Path("_M_before_begin")
	if err != nil {
		return container{}, err
	}
	each := func(limit uint64, f func(key, val *Value) error) error {
		at, err := before.uintAt("_M_nxt")
		for i := uint64(0); err == nil && at != 0 && i < min(n, limit); i++ {
			var e Value
			if e, err = v.stored(nodeType, at); err != nil {
				return err
			}
			if err = pairOf(e, f); err != nil {
				return err
			}
			at, err = Value{Type: before.Type, W: v.W, Addr: mem.Addr(at)}.uintAt("_M_nxt")
		}
		return err
	}
	return container{open: "{", close: "}", n: n, each: each}, nil
}

func stdShared(v Value) (container, error) {
	p, err := v.uintAt("_M_ptr")
	if err != nil {
		return container{}, err
	}
	text, data := fmt.Sprintf("%#x", p), out.Object{{Name: "pointer", Value: out.Hex(p)}}
	if count, err := v.uintAt("_M_refcount._M_pi->_M_use_count"); err == nil && p != 0 {
		text += fmt.Sprintf(" (use count %d)", int32(count))
		data = append(data, out.Field{Name: "use_count", Value: int32(count)})
	}
	return container{text: text, data: data}, nil
}

// stdUnique reads a unique_ptr: a tuple of pointer and deleter.
func stdUnique(v Value) (container, error) {
	tuple, err := v.Path("_M_t._M_t")
	if err != nil {
		return container{}, err
	}
	for _, b := range tuple.Base().Members() {
		inner := tuple.sub(&b)
		for _, m := range inner.Base().Members() {
			if strings.HasPrefix(m.Type.Name(), "std::_Head_base<0,") || strings.HasPrefix(m.Type.Name(), "_Head_base<0,") {
				head := inner.sub(&m)
				p, err := head.uintAt("_M_head_impl")
				return container{text: fmt.Sprintf("%#x", p), data: out.Hex(p)}, err
			}
		}
	}
	return container{}, ctype.ErrNoMember
}
