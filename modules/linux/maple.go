package linux

import (
	"fmt"
	"iter"
	"math"

	"github.com/xmdb/xmdb/modules/kernel"
)

// A maple tree (include/linux/maple_tree.h, lib/maple_tree.c) keeps entries by ranges of
// indices. The root's pointer to a node is an internal entry; in a node that is no leaf
// every entry is such a pointer. Bits 3 to 6 of one are the node's type, the low 8 are none
// of its address. A node's pivots are the last indices of its slots; the
// last slot of a node has none, and in a node that is not full the pivots after the end
// are zero.
const (
	mapleTypeShift = 3
	mapleTypeMask  = 0xf
	mapleNodeMask  = 0xff
)

// Types of nodes: enum maple_type.
const (
	mapleDense = iota
	mapleLeaf64
	mapleRange64
	mapleArange64
)

type mapleRoot struct {
	Root kernel.Field `ctf:"ma_root"`
}

// mapleRange is struct maple_range_64 or maple_arange_64.
type mapleRange struct {
	Size  uint64       `ctf:"sizeof"`
	Pivot kernel.Field `ctf:"pivot"`
	Slot  kernel.Field `ctf:"slot"`
}

// maple yields the entries of a tree, the lowest range first.
func maple(v *kernel.View, what string, at uint64) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		w := &mapleWalk{v: v, what: what, met: kernel.Met{}, yield: yield}
		if err := w.run(at); err != nil {
			yield(entry{}, err)
		}
	}
}

type mapleWalk struct {
	v            *kernel.View
	what         string
	ranges, gaps *mapleRange // maple_range_64, maple_arange_64
	met          kernel.Met
	yield        func(entry, error) bool
	done         bool // the consumer wants no more
}

func (w *mapleWalk) run(at uint64) error {
	root, err := kernel.Lay[mapleRoot](w.v, "struct maple_tree")
	if err != nil {
		return err
	}
	if w.ranges, err = kernel.Lay[mapleRange](w.v, "struct maple_range_64"); err != nil {
		return err
	}
	if w.gaps, err = kernel.Lay[mapleRange](w.v, "struct maple_arange_64"); err != nil {
		return err
	}
	e, err := w.v.Pointer(at + root.Root.Off)
	if err != nil {
		return kernel.BadRead(w.what, at, err)
	}
	if !isNode(e) { // a single entry lies in the root itself, for index 0
		return w.give(entry{0, 0, e})
	}
	return w.visit(e, 0, math.MaxUint64, 0)
}

func (w *mapleWalk) give(e entry) error {
	if e.Val != 0 && !isInternal(e.Val) {
		w.done = !w.yield(e, nil)
	}
	return nil
}

// mapleDeepest bounds the height: MAPLE_HEIGHT_MAX.
const mapleDeepest = 31

// visit gives the entries below a node that is for the indices first to last.
func (w *mapleWalk) visit(e, first, last uint64, depth int) error {
	at, typ := e&^mapleNodeMask, e>>mapleTypeShift&mapleTypeMask
	l := w.ranges
	if typ == mapleArange64 {
		l = w.gaps
	}
	switch {
	case typ < mapleLeaf64 || typ > mapleArange64:
		return fmt.Errorf("node %x of %s: type %d is not known", at, w.what, typ)
	case w.met.Again(at) || depth > mapleDeepest:
		return fmt.Errorf("node %x of %s is there twice", at, w.what)
	}
	b, err := w.v.Bytes(at, l.Size, nil)
	if err != nil {
		return kernel.BadRead("node of "+w.what, at, err)
	}
	pivots := words(l.Pivot, b)
	for i, s := range words(l.Slot, b) {
		end := last
		if i < len(pivots) && (pivots[i] != 0 || i == 0) {
			end = min(pivots[i], last)
		}
		if end < first {
			return fmt.Errorf("node %x of %s: index %x comes after %x", at, w.what, end, first)
		}
		if typ == mapleLeaf64 {
			err = w.give(entry{first, end, s})
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
