package zfs

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func rangeDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "range_tree", Usage: ":[-h]", MDBUsage: ":", Descr: "print entries in range_tree_t", Type: "range_tree_t", Run: noArgs(runRangeTree),
			Help: "Prints the segments of a range tree, each with where it begins, where the next byte\nafter it is, and its length; of trees that bridge gaps, also how much of the segment\nis filled.\n",
			Opts: []core.Opt{{Letter: 'h', Help: "a histogram of the segments' lengths, by powers of two, in their stead"}}},
	}
}

func rangeWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "range_tree", Descr: "given a range_tree_t *, walk its segments", Addr: core.AddrRequired, Walk: walkRanges},
		{Name: "zfs_btree", Descr: "given a zfs_btree_t *, walk all entries", Addr: core.AddrRequired, Walk: walkBtrees},
	}
}

// rangeTreeLayout is how the release lays out range_tree_t. Its segments are in a
// B-tree (rt_root), of one of three types (rt_type), or before that, in an AVL tree of
// range_seg_t.
type rangeTreeLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Space kernel.Field `ctf:"rt_space"`
	Root  kernel.Field `ctf:"rt_root"`
	Elems kernel.Field `ctf:"rt_root.bt_num_elems|rt_root.avl_numnodes"`
	Nodes kernel.Field `ctf:"rt_root.bt_num_nodes,optional"`
	Type  kernel.Field `ctf:"rt_type,optional"`
	Shift kernel.Field `ctf:"rt_shift,optional"`
	Start kernel.Field `ctf:"rt_start,optional"`
	Gap   kernel.Field `ctf:"rt_gap,optional"`
	Histo kernel.Field `ctf:"rt_histogram,optional"`
}

// rangeSegLayout is a segment of a tree. One of 32 bits counts in units of the tree
// from the tree's start.
type rangeSegLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Start kernel.Field `ctf:"rs_start"`
	End   kernel.Field `ctf:"rs_end"`
	Fill  kernel.Field `ctf:"rs_fill,optional"`
}

// rangeTree is a tree and how its segments lie.
type rangeTree struct {
	v       *kernel.View
	addr    uint64
	l       *rangeTreeLayout
	b       []byte
	seg     *rangeSegLayout
	segType string
	btree   bool
	gap     bool // segments may have holes
}

// segment is a segment of a tree in bytes.
type segment struct{ addr, start, end, fill uint64 }

func readRangeTree(v *kernel.View, addr uint64) (*rangeTreeLayout, []byte, error) {
	return read(v, rangeTreeType(v), addr, func(l *rangeTreeLayout) uint64 { return l.Size })
}

// openRangeTree reads a tree's head and finds the type of its segments.
func openRangeTree(v *kernel.View, addr uint64) (*rangeTree, error) {
	l, b, err := readRangeTree(v, addr)
	if err != nil {
		return nil, err
	}
	t := &rangeTree{v: v, addr: addr, l: l, b: b, btree: l.Nodes.OK()}
	switch {
	case !t.btree:
		t.segType, t.gap = "range_seg_t", l.Gap.Of(b) != 0
	default:
		var ok bool
		if t.segType, t.gap, ok = segmentType(v, l.Type.Of(b)); !ok {
			return nil, fmt.Errorf("range_tree_t %x has segments of type %d, which there is not", addr, l.Type.Of(b))
		}
	}
	if t.seg, err = kernel.Lay[rangeSegLayout](v, t.segType); err != nil {
		return nil, err
	}
	return t, nil
}

// segmentType is the type of the segments of a tree in which they are in a B-tree
// (range_seg_type_t).
func segmentType(v *kernel.View, n uint64) (name string, gap, ok bool) {
	switch n {
	case 0:
		return oneOf(v, "range_seg32_t", "zfs_range_seg32_t"), false, true
	case 1:
		return oneOf(v, "range_seg64_t", "zfs_range_seg64_t"), false, true
	case 2:
		return oneOf(v, "range_seg_gap_t", "zfs_range_seg_gap_t"), true, true
	}
	return "", false, false
}

// each calls yield for the segments in order until it returns false.
func (t *rangeTree) each(yield func(segment) bool) error {
	root := t.addr + t.l.Root.Off
	if t.btree {
		return walkBtree(t.v, root, func(a uint64, b []byte) bool { return yield(t.segment(a, b)) })
	}
	for a, err := range t.v.Tree("range_seg_t", root) {
		if err != nil {
			return err
		}
		b, err := t.v.Bytes(a, t.seg.Size, nil)
		if err != nil {
			return kernel.BadRead("range_seg_t", a, err)
		}
		if !yield(t.segment(a, b)) {
			return nil
		}
	}
	return nil
}

func (t *rangeTree) segment(a uint64, b []byte) segment {
	s := segment{a, t.seg.Start.Of(b), t.seg.End.Of(b), t.seg.Fill.Of(b)}
	if t.btree && t.seg.Start.Size == 4 {
		shift, start := t.l.Shift.Of(t.b), t.l.Start.Of(t.b)
		s.start, s.end = s.start<<shift+start, s.end<<shift+start
	}
	return s
}

func runRangeTree(c *core.Ctx) error {
	t, err := openRangeTree(kernel.Of(c.Session), c.Addr)
	if err != nil {
		return err
	}
	if !c.Opts.JSON && !c.PipeOut {
		c.Printf("%p: range tree of %llu entries, %llu bytes\n", c.Addr, t.l.Elems.Of(t.b), t.l.Space.Of(t.b))
	}
	if c.Opt('h') {
		histogram(c, words(t.l.Histo, t.b), 0)
		return nil
	}
	err = t.each(func(s segment) bool {
		t.show(c, s)
		return c.Err() == nil
	})
	switch {
	case c.Err() != nil:
		return core.ErrIntr
	case err != nil:
		return fmt.Errorf("can't walk range_tree segments: %w", err)
	}
	return nil
}

func (t *rangeTree) show(c *core.Ctx, s segment) {
	if c.PipeOut {
		c.Emit(s.addr, t.v.TypeOrNil(t.segType))
		return
	}
	fields := []out.Field{{Name: "addr", Value: out.Hex(s.addr)}, {Name: "start", Value: out.Hex(s.start)}, {Name: "end", Value: out.Hex(s.end)},
		{Name: "length", Value: s.end - s.start}}
	if t.gap {
		fields = append(fields, out.Field{Name: "fill", Value: s.fill})
	}
	c.Record(func() {
		c.Printf("\t[%llx %llx) (length %llx", s.start, s.end, s.end-s.start)
		if t.gap {
			c.Printf(", fill %llx", s.fill)
		}
		c.Printf(")\n")
	}, fields...)
}

func walkRanges(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := kernel.Of(c.Session)
	return func(yield func(core.Elem, error) bool) {
		t, err := openRangeTree(v, uint64(at))
		if err == nil {
			typ, stopped := v.TypeOrNil(t.segType), false
			err = t.each(func(s segment) bool {
				stopped = !yield(core.Elem{Val: s.addr, Type: typ}, nil)
				return !stopped
			})
			if stopped {
				return
			}
		}
		if err != nil {
			yield(core.Elem{}, err)
		}
	}
}
