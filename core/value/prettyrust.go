package value

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Containers of Rust's standard library (liballoc, libstd with hashbrown). Members
// have kept their names since Rust 1.60 or so, if not where: what has moved is
// looked for at each of its places.

func rustString(v Value) (container, error) {
	vec, err := v.Member("vec")
	if err != nil {
		return container{}, err
	}
	start, n, _, err := rustParts(vec)
	if err != nil {
		return container{}, err
	}
	return v.quoted(start, n)
}

// rustParts reads a Vec: where its elements are, how many, and of what type. The
// pointer has moved into RawVecInner in Rust 1.83.
func rustParts(vec Value) (start, n uint64, elem string, err error) {
	if n, err = vec.uintAt("len"); err != nil {
		return
	}
	for _, path := range []string{"buf.inner.ptr.pointer.pointer", "buf.ptr.pointer.pointer", "buf.ptr.pointer"} {
		if start, err = vec.uintAt(path); err == nil {
			return start, n, firstArg(vec.Base().Name()), nil
		}
	}
	return
}

func rustVec(v Value) (container, error) {
	start, n, elem, err := rustParts(v)
	if err != nil {
		return container{}, err
	}
	if v.W.Types == nil {
		return container{}, ctype.ErrNoType
	}
	t, err := v.W.Types.Lookup(elem)
	if err != nil {
		return container{}, err
	}
	return v.run(t, start, n)
}

func rustSlice(v Value) (container, error) {
	p, err := v.Member("data_ptr")
	if err != nil {
		return container{}, err
	}
	start, err := p.Uint()
	if err != nil {
		return container{}, err
	}
	n, err := v.uintAt("length")
	if err != nil {
		return container{}, err
	}
	return v.run(p.Base().Elem(), start, n)
}

// firstUint reads an integer or pointer by the first of several member paths that
// there is.
func (v Value) firstUint(paths ...string) (n uint64, err error) {
	for _, p := range paths {
		if n, err = v.uintAt(p); err == nil {
			return n, nil
		}
	}
	return 0, err
}

// named finds a type by the name that the debug data has for it.
func (v Value) named(name string) (*ctype.Type, error) {
	if v.W.Types == nil || name == "" {
		return nil, ctype.ErrNoType
	}
	return v.W.Types.Lookup(name)
}

// rustDeque reads a VecDeque: a ring of which len elements from head on are in use, up
// to Rust 1.66 those from tail up to head, in a ring of a power of two.
func rustDeque(v Value) (container, error) {
	head, err := v.uintAt("head")
	if err != nil {
		return container{}, err
	}
	start, err := v.firstUint("buf.inner.ptr.pointer.pointer", "buf.ptr.pointer.pointer", "buf.ptr.pointer")
	if err != nil {
		return container{}, err
	}
	room, err := v.firstUint("buf.inner.cap.__0", "buf.cap.__0", "buf.inner.cap", "buf.cap")
	if err != nil {
		return container{}, err
	}
	n, err := v.uintAt("len")
	if err != nil {
		tail, err := v.uintAt("tail")
		if err != nil {
			return container{}, err
		}
		head, n = tail, (head-tail)&(room-1)
	}
	elem, err := v.named(firstArg(v.Base().Name()))
	if err != nil {
		return container{}, err
	}
	size := v.W.Size(elem)
	if n > room || head >= room && n > 0 || size == 0 {
		return container{}, ErrBounds
	}
	each := func(limit uint64, f func(key, val *Value) error) error {
		for i := range min(n, limit) {
			e := Value{Type: elem, W: v.W, Addr: mem.Addr(start + (head+i)%room*size)}
			if err := f(nil, &e); err != nil {
				return err
			}
		}
		return nil
	}
	return container{open: "[", close: "]", n: n, each: each}, nil
}

// rustHash reads a HashMap or HashSet: hashbrown's RawTable has a control byte for
// every bucket, whose top bit is clear if the bucket is in use, and before the
// control bytes the buckets, the first one last (hashbrown/src/raw/mod.rs).
func rustHash(v Value) (container, error) {
	for range 4 { // HashSet, std's HashMap, hashbrown's
		inner, err := v.Member("base")
		if err != nil {
			if inner, err = v.Member("map"); err != nil {
				break
			}
		}
		v = inner
	}
	raw, err := v.Member("table")
	if err != nil {
		return container{}, err
	}
	elem, err := v.named(firstArg(raw.Base().Name()))
	if err != nil {
		return container{}, err
	}
	mask, err := raw.uintAt("table.bucket_mask")
	if err != nil {
		return container{}, err
	}
	n, err := raw.uintAt("table.items")
	if err != nil {
		return container{}, err
	}
	ctrl, err := raw.firstUint("table.ctrl.pointer", "table.ctrl")
	if err != nil {
		return container{}, err
	}
	size := v.W.Size(elem)
	if mask&(mask+1) != 0 || n > mask+1 || mask > maxBuckets {
		return container{}, ErrBounds
	}
	each := func(limit uint64, f func(key, val *Value) error) error {
		return v.buckets(ctrl, mask+1, min(n, limit), func(i uint64) error {
			return rustPair(Value{Type: elem, W: v.W, Addr: mem.Addr(ctrl - (i+1)*size)}, f)
		})
	}
	return container{open: "{", close: "}", n: n, each: each}, nil
}

// maxBuckets bounds the buckets of a hash table.
const maxBuckets = 1 << 32

// buckets calls f for the buckets in use until want of them are found.
func (v Value) buckets(ctrl, n, want uint64, f func(i uint64) error) error {
	const piece = 4096
	space := v.W.At(nil, 0).space()
	for at := uint64(0); at < n && want > 0; at += piece {
		b := make([]byte, min(piece, n-at))
		if err := mem.ReadFull(space, b, mem.Addr(ctrl+at)); err != nil {
			return err
		}
		for i, c := range b {
			if c&0x80 != 0 || want == 0 {
				continue
			}
			want--
			if err := f(at + uint64(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// rustPair splits an element of a table, a tuple of key and value; sets have () as
// the value.
func rustPair(e Value, f func(key, val *Value) error) error {
	k, err := e.Member("__0")
	if err != nil {
		return err
	}
	val, err := e.Member("__1")
	if err != nil {
		return err
	}
	if val.Base().Name() == "()" {
		return f(nil, &k)
	}
	return f(&k, &val)
}

// rustBTreeSet is a map without values.
func rustBTreeSet(v Value) (container, error) {
	m, err := v.Member("map")
	if err != nil {
		return container{}, err
	}
	return rustBTree(m)
}

// btree is a BTreeMap (alloc/src/collections/btree/node.rs): a node has up to 11 keys
// and values; one that is not at the bottom begins with such a node and goes on with
// edges.
type btree struct {
	v           Value
	leaf, inner *ctype.Type
	set         bool   // no values
	left        uint64 // elements still to be shown
	f           func(key, val *Value) error
}

// maxKeys is how many keys a node can have.
const maxKeys = 11

func rustBTree(v Value) (container, error) {
	n, err := v.uintAt("length")
	if err != nil {
		return container{}, err
	}
	kv := args(v.Base().Name())
	if len(kv) < 2 {
		return container{}, ctype.ErrNoType
	}
	empty := container{open: "{", close: "}", each: func(uint64, func(key, val *Value) error) error { return nil }}
	if n == 0 {
		return empty, nil
	}
	b := btree{v: v, set: kv[1] == "alloc::collections::btree::set_val::SetValZST" || kv[1] == "()"}
	root, err := v.Member("root")
	if err != nil {
		return container{}, err
	}
	if alt, ok := root.active(); ok { // an Option
		if root, err = root.sub(&alt.Member).Member("__0"); err != nil {
			return container{}, err
		}
	}
	height, err := root.uintAt("height")
	if err != nil {
		return container{}, err
	}
	node, err := root.firstUint("node.pointer", "node")
	if err != nil {
		return container{}, err
	}
	const prefix = "alloc::collections::btree::node::"
	two := kv[0] + ", " + kv[1] + ">"
	if b.leaf, err = v.named(prefix + "LeafNode<" + two); err != nil {
		return container{}, err
	}
	if height > 0 {
		if b.inner, err = v.named(prefix + "InternalNode<" + two); err != nil {
			return container{}, err
		}
	}
	if height > maxTreeDepth {
		return container{}, fmt.Errorf("tree at %#x is deeper than any", uint64(v.Addr))
	}
	each := func(limit uint64, f func(key, val *Value) error) error {
		b := b
		b.left, b.f = min(n, limit), f
		return b.node(node, height)
	}
	return container{open: "{", close: "}", n: n, each: each}, nil
}

// node shows what is in and below a node, in order.
func (b *btree) node(at, height uint64) error {
	leaf := Value{Type: b.leaf, W: b.v.W, Addr: mem.Addr(at)}
	var edges Value
	if height > 0 {
		in := Value{Type: b.inner, W: b.v.W, Addr: mem.Addr(at)}
		var err error
		if leaf, err = in.Member("data"); err != nil {
			return err
		}
		if edges, err = in.Member("edges"); err != nil {
			return err
		}
	}
	n, err := leaf.uintAt("len")
	if err != nil {
		return err
	}
	if n > maxKeys {
		return fmt.Errorf("node of a tree at %#x has %d keys", at, n)
	}
	for i := uint64(0); i <= n && b.left > 0; i++ {
		if height > 0 {
			e, err := edges.Index(i)
			if err != nil {
				return err
			}
			child, err := e.firstUint("value.value.pointer", "value.value.__0.pointer", "value.__0.pointer")
			if err != nil {
				return err
			}
			if err := b.node(child, height-1); err != nil {
				return err
			}
		}
		if i == n || b.left == 0 {
			continue
		}
		b.left--
		if err := b.pair(leaf, i); err != nil {
			return err
		}
	}
	return nil
}

// pair shows a key and its value.
func (b *btree) pair(leaf Value, i uint64) error {
	key, err := rustSlot(leaf, "keys", i)
	if err != nil {
		return err
	}
	if b.set {
		return b.f(nil, &key)
	}
	val, err := rustSlot(leaf, "vals", i)
	if err != nil {
		return err
	}
	return b.f(&key, &val)
}

// rustSlot is an element of an array of MaybeUninit<T>, a union with the member
// value: ManuallyDrop<T>, which has a member of its own name, and since Rust 1.92 one
// of MaybeDangling<T> in that.
func rustSlot(node Value, array string, i uint64) (Value, error) {
	list, err := node.Member(array)
	if err != nil {
		return Value{}, err
	}
	e, err := list.Index(i)
	if err != nil {
		return Value{}, err
	}
	for _, wrapper := range []string{"MaybeUninit<", "ManuallyDrop<", "MaybeDangling<"} {
		if !strings.Contains(e.Base().Name(), "::"+wrapper) {
			continue
		}
		in, err := e.Member("value")
		if err != nil {
			if in, err = e.Member("__0"); err != nil {
				return Value{}, err
			}
		}
		e = in
	}
	return e, nil
}

// rustCounted reads an Rc or Arc: the counts and the value; of a Weak, whose value may
// be gone, and inside others the pointer.
func rustCounted(v Value) (container, error) {
	ptr, err := v.Path("ptr.pointer")
	if err != nil {
		return container{}, err
	}
	p, err := ptr.Uint()
	if err != nil {
		return container{}, err
	}
	elem := ptr.Base().Elem()
	box := Value{Type: elem, W: v.W, Addr: mem.Addr(p)}
	strong, err := box.firstUint("strong.value.value", "strong.v.value")
	if err != nil {
		return container{}, err
	}
	weak, err := box.firstUint("weak.value.value", "weak.v.value")
	if err != nil {
		return container{}, err
	}
	held, err := box.Member("value")
	if err != nil {
		if held, err = box.Member("data"); err != nil {
			return container{}, err
		}
	}
	counts := fmt.Sprintf("(strong %d, weak %d)", strong, weak-min(weak, 1)) // all strong ones hold one weak
	c := container{text: fmt.Sprintf("%#x %s", uint64(held.Addr), counts),
		data: out.Object{{Name: "pointer", Value: out.Hex(held.Addr)}, {Name: "strong", Value: strong}, {Name: "weak", Value: weak - min(weak, 1)}}}
	if strings.Contains(v.Base().Name(), "::Weak<") || strong == 0 {
		return c, nil
	}
	c.open, c.close, c.n = counts, "", 1
	c.each = func(_ uint64, f func(key, val *Value) error) error { return f(nil, &held) }
	return c, nil
}
