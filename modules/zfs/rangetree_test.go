package zfs_test

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// treeLines is a range tree as ::range_tree prints it.
func treeLines(r *illumos.BuiltRanges, gaps bool) string {
	text := fmt.Sprintf("%x: range tree of %d entries, %d bytes\n", r.Addr, len(r.Ranges), r.Space())
	for _, e := range r.Ranges {
		text += fmt.Sprintf("        [%x %x) (length %x", e.Start, e.Start+e.Size, e.Size)
		if gaps {
			text += fmt.Sprintf(", fill %x", e.Fill)
		}
		text += ")\n"
	}
	return text
}

func TestRangeTree(t *testing.T) {
	onAll(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		zones := pool(sys, "zones")
		mirror := zones.Root.Children[0]
		dead := zones.Root.Children[1].Children[1]
		busy := mirror.Metaslabs[0].Allocatable
		if want := 1300; len(busy.Ranges) != want {
			t.Fatalf("the scenario's tree has %d segments, not %d: too few for two levels of a B-tree", len(busy.Ranges), want)
		}
		trees := map[*illumos.BuiltRanges]bool{busy: false, mirror.Queue: true, dead.DTL: false}
		for _, r := range mirror.Metaslabs[0].Trees {
			trees[r] = false
		}
		for r, gaps := range trees {
			s.Run(at(r.Obj, "range_tree")).OK().Want(treeLines(r, gaps))
			walk := ""
			for _, seg := range r.Segs {
				walk += fmt.Sprintf("%#x\n", seg)
			}
			s.Run(at(r.Obj, "walk range_tree")).OK().Want(walk)
			if r.Has("rt_root.bt_root") {
				s.Run(fmt.Sprintf("%x::walk zfs_btree", r.Ref("rt_root"))).OK().Want(walk)
			} else {
				s.Run(fmt.Sprintf("%x::walk avl", r.Ref("rt_root"))).OK().Want(walk)
			}
			histo := make([]uint64, 64)
			for _, e := range r.Ranges {
				histo[bits.Len64(e.Size)-1]++
			}
			head, _, _ := strings.Cut(treeLines(r, gaps), "\n")
			s.Run(at(r.Obj, "range_tree -h")).OK().Want(head + "\n" + barLines("", histo, 0))
		}
		// the elements have the type of the tree's segments
		s.Run(at(dead.DTL.Obj, "walk range_tree | ::print rs_start")).OK().WantLines(fmt.Sprintf("rs_start = %#x", dead.DTL.Ranges[0].Start), fmt.Sprintf("rs_start = %#x", dead.DTL.Ranges[1].Start))
		s.Run(at(dead.DTL.Obj, "range_tree | ::print rs_end")).OK().WantLines(fmt.Sprintf("rs_end = %#x", dead.DTL.Ranges[0].Start+dead.DTL.Ranges[0].Size),
			fmt.Sprintf("rs_end = %#x", dead.DTL.Ranges[1].Start+dead.DTL.Ranges[1].Size))
	})
}

// A tree of more levels than the scenario has: leaves, cores and cores of cores.
func TestDeepBtree(t *testing.T) {
	var where []uint64
	var tree illumos.Obj
	const n = 70000 // 169 leaves of elements of 10 bytes would do: a core has 129 children
	_, s := changed(t, func(sys *illumos.System) {
		tree = sys.Zalloc("zfs_btree_t")
		elems := make([][]byte, n)
		for i := range elems {
			elems[i] = fmt.Appendf(nil, "%08d", i)
		}
		where, _ = sys.Btree(tree.Addr, 8, "zfs`range_tree_seg64_compare", elems)
		if h := tree.Get("bt_height"); h != 2 {
			t.Fatalf("a tree of height %d", h)
		}
	})
	r := s.Run(at(tree, "walk zfs_btree")).OK()
	var want strings.Builder
	for _, a := range where {
		fmt.Fprintf(&want, "%#x\n", a)
	}
	if r.Out != want.String() {
		t.Errorf("a walk of %d lines, not %d in order", strings.Count(r.Out, "\n"), n)
	}
}
