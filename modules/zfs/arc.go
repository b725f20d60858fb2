package zfs

import (
	"fmt"
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

func arcDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "abuf_find", Usage: "dva_word[0] dva_word[1]", AnyAddr: true, Descr: "find arc_buf_hdr_t of a specified DVA", Type: "arc_buf_hdr_t", Run: runAbufFind,
			Help: "Gives the headers of the ARC for the block whose copy is at the DVA of two words: those\non the lists of recently and frequently used ones and of their ghosts. If there is none,\nthe hash table is searched: a header that is in use is on no list.\n"},
		{Name: "arc_compression_stats", Usage: "[-vabrf]", MDBUsage: ":[-vabrf]\n\t-v verbose, display a linearly scaled histogram\n\t-a display ARC_anon state statistics individually\n\t-r display ARC_mru state statistics individually\n\t-f display ARC_mfu state statistics individually\n\t-b display histogram of buffer counts\n",
			AnyAddr: true, Descr: "print a histogram of compressed arc buffer sizes", Run: noArgs(runCompression),
			Help: "Draws how many buffers the ARC has of each size, compressed and not. Headers of which no\ndata is in memory do not count.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "a bucket for each multiple of 512 bytes, not for each power of two"},
				{Letter: 'a', Help: "those in the state anonymous by themselves"}, {Letter: 'b', Help: "how many buffers headers have"},
				{Letter: 'r', Help: "those recently used by themselves"}, {Letter: 'f', Help: "those frequently used by themselves"}}},
	}
}

func arcWalkers() []*core.Walker {
	return []*core.Walker{{Name: "multilist", Descr: "walk multilist_t list_t's", Addr: core.AddrRequired, Type: "void", Walk: walkMultilist}}
}

// headerLayout is how the release lays out arc_buf_hdr_t. That has several lengths: who
// is not in memory has no b_l1hdr.
type headerLayout struct {
	DVA0  kernel.Field `ctf:"b_dva.dva_word[0]"`
	DVA1  kernel.Field `ctf:"b_dva.dva_word[1]"`
	Next  kernel.Field `ctf:"b_hash_next"`
	Flags kernel.Field `ctf:"b_flags"`
	PSize kernel.Field `ctf:"b_psize"`
	LSize kernel.Field `ctf:"b_lsize"`
	State kernel.Field `ctf:"b_l1hdr.b_state"`
	Bufs  kernel.Field `ctf:"b_l1hdr.b_bufcnt,optional"`
	Buf   kernel.Field `ctf:"b_l1hdr.b_buf"`
}

func (l *headerLayout) key() uint64 { return max(l.DVA0.Off, l.DVA1.Off, l.Next.Off, l.Flags.Off) + 8 }

func (l *headerLayout) span() uint64 {
	return max(l.key(), l.PSize.Off+2, l.LSize.Off+2, l.State.Off+8, l.Bufs.Off+4, l.Buf.Off+8)
}

type multilistLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Count kernel.Field `ctf:"ml_num_sublists"`
	Lists kernel.Field `ctf:"ml_sublists"`
}

type sublistLayout struct {
	Size uint64       `ctf:"sizeof"`
	List kernel.Field `ctf:"mls_list"`
}

// maxSublists bounds a multilist's lists: there is one for each CPU.
const maxSublists = 1 << 14

// multilist goes through what is on a multilist_t.
func multilist(v *kernel.View, what string, addr uint64, f func(uint64) bool) error {
	l, b, err := read(v, "multilist_t", addr, func(l *multilistLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	s, err := kernel.Lay[sublistLayout](v, "multilist_sublist_t")
	if err != nil {
		return err
	}
	count, lists := l.Count.Of(b), l.Lists.Of(b)
	if count == 0 || count > maxSublists || lists == 0 {
		return fmt.Errorf("invalid or uninitialized multilist at 0x%x", addr)
	}
	for i := range count {
		for a, err := range v.List(what, lists+i*s.Size+s.List.Off) {
			if err != nil {
				return err
			}
			if !f(a) {
				return nil
			}
		}
	}
	return nil
}

func walkMultilist(c *core.Ctx, addr mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		if !has || addr == 0 {
			yield(core.Elem{}, fmt.Errorf("must supply address of multilist_t"))
			return
		}
		stopped := false
		err := multilist(kernel.Of(c.Session), "object", uint64(addr), func(a uint64) bool {
			stopped = !yield(core.Elem{Val: a}, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(core.Elem{}, err)
		}
	}
}

// stateLists are the multilists of a state of the ARC by the type of contents: in an
// array, or one of pointers. Some types have none.
func stateLists(v *kernel.View, state uint64) ([]uint64, error) {
	type layout struct {
		Size  uint64       `ctf:"sizeof"`
		Lists kernel.Field `ctf:"arcs_list"`
		One   kernel.Field `ctf:"arcs_list[0]"`
	}
	l, b, err := read(v, "arc_state_t", state, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	var list []uint64
	for off := l.Lists.Off; off < l.Lists.Off+l.Lists.Size; off += l.One.Size {
		at := state + off
		if l.One.Size == 8 {
			at = kernel.Field{Off: off, Size: 8}.Of(b)
		}
		if at != 0 && slices.Max(b[off:off+l.One.Size]) != 0 {
			list = append(list, at)
		}
	}
	return list, nil
}

// searched are the states whose lists ::abuf_find goes through.
var searched = []string{"ARC_mru", "ARC_mru_ghost", "ARC_mfu", "ARC_mfu_ghost"}

func runAbufFind(c *core.Ctx) error {
	if len(c.Args) != 2 {
		return core.ErrUsage
	}
	var want [2]uint64
	for i, a := range c.Args {
		if want[i] = a.Imm; a.IsImm {
			continue
		}
		n, err := c.Strtoull(a.Str)
		if err != nil {
			return err
		}
		want[i] = n
	}
	v := kernel.Of(c.Session)
	l, err := kernel.Lay[headerLayout](v, "arc_buf_hdr_t")
	if err != nil {
		return err
	}
	found := false
	is := func(a uint64, b []byte) {
		if l.DVA0.Of(b) == want[0] && l.DVA1.Of(b) == want[1] {
			found = true
			c.Emit(a, v.TypeOrNil("arc_buf_hdr_t"))
		}
	}
	for _, state := range searched {
		if err := searchState(c, v, l, state, is); err != nil {
			return err
		}
	}
	if found {
		return nil
	}
	h, err := arcHash(v)
	if err != nil {
		return nil // a kernel whose table has no symbol
	}
	return h.each(c, func(a uint64, b []byte, _ int) error { is(a, b); return nil }, func(int) {})
}

// searchState goes through the headers on a state's lists.
func searchState(c *core.Ctx, v *kernel.View, l *headerLayout, state string, f func(a uint64, b []byte)) error {
	m, err := v.Symbol("zfs", state)
	if err != nil {
		return kernel.Failed(err, "can't find symbol %s", state)
	}
	lists, err := stateLists(v, m.Value)
	if err != nil {
		return kernel.Failed(err, "can't read arcs_list of %s", state)
	}
	var buf []byte
	for _, list := range lists {
		var bad error
		err := multilist(v, "arc_buf_hdr_t", list, func(a uint64) bool {
			if buf, bad = v.Bytes(a, l.key(), buf); bad != nil {
				bad = kernel.BadRead("arc_buf_hdr_t", a, bad)
				return false
			}
			f(a, buf)
			return c.Err() == nil
		})
		switch {
		case c.Err() != nil:
			return core.ErrIntr
		case bad != nil:
			return bad
		case err != nil:
			return fmt.Errorf("can't walk %s: %w", state, err)
		}
	}
	return nil
}

type arcTableLayout struct {
	Mask  kernel.Field `ctf:"ht_mask"`
	Table kernel.Field `ctf:"ht_table"`
}

// arcHash is the kernel's hash table of headers.
func arcHash(v *kernel.View) (*hashTable, error) {
	m, err := v.Symbol("zfs", "buf_hash_table")
	if err != nil {
		return nil, kernel.Failed(err, "can't find buf_hash_table")
	}
	tl, tb, err := read(v, "buf_hash_table_t", m.Value, func(l *arcTableLayout) uint64 { return max(l.Mask.Off, l.Table.Off) + 8 })
	if err != nil {
		return nil, err
	}
	l, err := kernel.Lay[headerLayout](v, "arc_buf_hdr_t")
	if err != nil {
		return nil, err
	}
	return newHashTable(v, "arc_buf_hdr_t", tl.Table.Of(tb), tl.Mask.Of(tb), l.key(), l.Next)
}

// arcHeaders goes through the headers that have what is kept of blocks in memory: those
// allocated of their kmem cache or, in a kernel that has no such walker, those of the
// hash table.
func arcHeaders(c *core.Ctx, v *kernel.View, l *headerLayout, f func(addr uint64) error) error {
	if len(c.Reg.Walkers("arc_buf_hdr_t_full")) == 0 {
		h, err := arcHash(v)
		if err != nil {
			return err
		}
		first, _ := enumValue(v, "enum arc_flags", "ARC_FLAG_HAS_L1HDR")
		return h.each(c, func(addr uint64, b []byte, _ int) error {
			if l.Flags.Of(b)&first == 0 {
				return nil
			}
			return f(addr)
		}, func(int) {})
	}
	n := 0
	for e, err := range walkOf(c, "arc_buf_hdr_t_full", 0) {
		if err != nil {
			return err
		}
		if n++; n%1024 == 0 && c.Err() != nil {
			return core.ErrIntr
		}
		if err := f(e.Val); err != nil {
			return err
		}
	}
	return nil
}

// enumValue is the number of an enumerator.
func enumValue(v *kernel.View, typ, name string) (uint64, bool) {
	t, err := v.Type(typ)
	if err != nil {
		return 0, false
	}
	for _, e := range t.Resolve().Enums() {
		if e.Name == name {
			return uint64(e.Value), true
		}
	}
	return 0, false
}
