package system

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/xmdb/xmdb/core/mem"
)

// MapleEntry is what a maple tree keeps at the indices First to Last, both in the range.
type MapleEntry struct {
	First, Last uint64
	Val         uint64 // a pointer, or a value that the kernel tagged with bit 0
}

// A maple tree (include/linux/maple_tree.h, lib/maple_tree.c; since 6.1) keeps entries by
// ranges of indices. An entry whose two lowest bits are 10 is the tree's own: from the
// first page on a pointer to a node, below it a mark. Bits 3 to 6 of a pointer to a node
// are the node's type, the low 8 none of its address. In a node that is no leaf every
// entry is such a pointer. A node's pivots are the last indices of its slots; the last
// slot of a full node has none, and in one that is not full the pivots after the end are
// zero.
const (
	mapleTagMask   = 3
	mapleTagOwn    = 2
	mapleTypeShift = 3
	mapleTypeMask  = 0xf
	mapleNodeMask  = 0xff
)

// Types of nodes: enum maple_type.
const (
	mapleLeaf64   = 1
	mapleRange64  = 2
	mapleArange64 = 3
)

// Bounds of a tree.
const (
	maxMapleNodes = 1 << 20
	maxMapleDepth = 31 // MAPLE_HEIGHT_MAX
)

// MapleTree yields the entries of the struct maple_tree at an address, the lowest range
// first. What cannot be read ends it, with the error; marks are left out.
func (k *LinuxKernel) MapleTree(tree uint64) iter.Seq2[MapleEntry, error] {
	return func(yield func(MapleEntry, error) bool) {
		w := mapleWalk{k: k, yield: yield, seen: map[uint64]bool{}}
		if err := w.run(tree); err != nil {
			yield(MapleEntry{}, err)
		}
	}
}

// mapleSlots is where the arrays of a node lie.
type mapleSlots struct{ pivot, slot memberAt }

// mapleWalk is a walk of a tree.
type mapleWalk struct {
	k      *LinuxKernel
	yield  func(MapleEntry, error) bool
	ranges mapleSlots // of struct maple_range_64: leaves, and nodes without gaps
	gaps   mapleSlots // of struct maple_arange_64
	seen   map[uint64]bool
	done   bool // the consumer wants no more
}

func (w *mapleWalk) run(tree uint64) error {
	var err1, err2, err3, err4 error
	w.ranges.pivot, err1 = w.k.member("struct maple_range_64", "pivot")
	w.ranges.slot, err2 = w.k.member("struct maple_range_64", "slot")
	w.gaps.pivot, err3 = w.k.member("struct maple_arange_64", "pivot")
	w.gaps.slot, err4 = w.k.member("struct maple_arange_64", "slot")
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	root, err := w.k.uintMember("struct maple_tree", "ma_root", tree)
	if err != nil {
		return fmt.Errorf("root of the maple tree at %x: %w", tree, err)
	}
	if root&mapleTagMask != mapleTagOwn || root < pageSize { // the one entry, for index 0
		w.give(MapleEntry{0, 0, root})
		return nil
	}
	return w.visit(root, 0, math.MaxUint64, 0)
}

// give passes an entry on, unless there is none.
func (w *mapleWalk) give(e MapleEntry) {
	if e.Val != 0 && e.Val&mapleTagMask != mapleTagOwn {
		w.done = !w.yield(e, nil)
	}
}

// visit gives the entries below a node that is for the indices first to last.
func (w *mapleWalk) visit(ptr, first, last uint64, depth int) error {
	at, typ := ptr&^mapleNodeMask, ptr>>mapleTypeShift&mapleTypeMask
	switch {
	case typ < mapleLeaf64 || typ > mapleArange64:
		return fmt.Errorf("maple node %x: type %d is not known", at, typ)
	case w.seen[at] || depth >= maxMapleDepth:
		return fmt.Errorf("maple node %x is in its tree twice", at)
	case len(w.seen) >= maxMapleNodes:
		return fmt.Errorf("maple node %x: there are more than %d nodes", at, maxMapleNodes)
	}
	w.seen[at] = true
	b := make([]byte, mapleNodeMask+1)
	if err := mem.ReadFull(w.k.space, b, mem.Addr(at)); err != nil {
		return fmt.Errorf("maple node %x: %w", at, err)
	}
	l := &w.ranges
	if typ == mapleArange64 {
		l = &w.gaps
	}
	pivots, slots := mapleWords(b, l.pivot), mapleWords(b, l.slot)
	for i, s := range slots {
		end := last
		if i < len(pivots) && (pivots[i] != 0 || i == 0) {
			end = min(pivots[i], last)
		}
		if end < first {
			return fmt.Errorf("maple node %x: index %x comes after %x", at, end, first)
		}
		var err error
		if typ == mapleLeaf64 {
			w.give(MapleEntry{first, end, s})
		} else if s != 0 {
			err = w.visit(s, first, end, depth+1)
		}
		if err != nil || w.done || end == last {
			return err
		}
		first = end + 1
	}
	return nil
}

// mapleWords are the numbers of an array in a node.
func mapleWords(b []byte, m memberAt) []uint64 {
	var list []uint64
	for off := m.off; off+8 <= min(m.off+m.size, uint64(len(b))); off += 8 {
		list = append(list, binary.LittleEndian.Uint64(b[off:]))
	}
	return list
}
