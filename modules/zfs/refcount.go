package zfs

import (
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func refcountDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "zfs_refcount", Usage: ":[-r]", Descr: "print zfs_refcount_t holders", Type: "zfs_refcount_t", Run: noArgs(runRefcount),
			Help: "Prints how many references a zfs_refcount_t counts and, where the kernel keeps track,\nwho holds each, and what the memory of the note of it is.\n",
			Opts: []core.Opt{{Letter: 'r', Help: "with references released lately"}}},
		{Name: "rrwlock", Usage: ":", Descr: "print rrwlock_t, including readers", Type: "rrwlock_t", Run: noArgs(runRrwlock),
			Help: "Prints who has a lock of ZFS that readers may take again while they have it: the\nwriter, or the readers' references, anonymous ones and those that are noted with their\nthreads, and whether a writer waits.\n"},
	}
}

// refcountLayout is how the release lays out zfs_refcount_t. A kernel built without
// DEBUG has only the number. Holders were a list before they were a tree.
type refcountLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Count   kernel.Field `ctf:"rc_count"`
	Removed kernel.Field `ctf:"rc_removed_count,optional"`
	Tracked kernel.Field `ctf:"rc_tracked,optional"`
	List    kernel.Field `ctf:"rc_list,optional"`
	Tree    kernel.Field `ctf:"rc_tree,optional"`
	Old     kernel.Field `ctf:"rc_removed,optional"`
}

type referenceLayout struct {
	Size    uint64       `ctf:"sizeof"`
	Holder  kernel.Field `ctf:"ref_holder"`
	Number  kernel.Field `ctf:"ref_number"`
	Removed kernel.Field `ctf:"ref_removed,optional"`
}

// maxHolder is how much of a holder's name is read, as in MDB.
const maxHolder = 127

func runRefcount(c *core.Ctx) error { return showRefcount(c, c.Addr) }

func showRefcount(c *core.Ctx, addr uint64) error {
	v := kernel.Of(c.Session)
	l, b, err := read(v, refcountType(v), addr, func(l *refcountLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	count := l.Count.Of(b)
	if !l.Removed.OK() {
		c.Record(func() { c.Printf("zfs_refcount_t at %p has %llu holds (untracked)\n", addr, count) },
			out.Field{Name: "addr", Value: out.Hex(addr)}, out.Field{Name: "holds", Value: count})
		return nil
	}
	released := l.Removed.Of(b)
	c.Record(func() {
		c.Printf("zfs_refcount_t at %p has %llu current holds, %llu recently released holds\n", addr, count, released)
	}, out.Field{Name: "addr", Value: out.Hex(addr)}, out.Field{Name: "holds", Value: count}, out.Field{Name: "released", Value: released})
	if count > 0 && (!l.Tracked.OK() || l.Tracked.Of(b) != 0) {
		heading(c, "current holds:\n")
	}
	if err := references(c, v, l.holders(v, addr), false); err != nil {
		return fmt.Errorf("holders of zfs_refcount_t %x: %w", addr, err)
	}
	if !c.Opt('r') || released == 0 || !l.Old.OK() {
		return nil
	}
	heading(c, "released holds:\n")
	if err := references(c, v, v.List("reference_t", addr+l.Old.Off), true); err != nil {
		return fmt.Errorf("released holders of zfs_refcount_t %x: %w", addr, err)
	}
	return nil
}

// holders walks the notes of who holds references.
func (l *refcountLayout) holders(v *kernel.View, addr uint64) iter.Seq2[uint64, error] {
	switch {
	case l.Tree.OK():
		return v.Tree("reference_t", addr+l.Tree.Off)
	case l.List.OK():
		return v.List("reference_t", addr+l.List.Off)
	}
	return func(func(uint64, error) bool) {}
}

func references(c *core.Ctx, v *kernel.View, list iter.Seq2[uint64, error], removed bool) error {
	for a, err := range list {
		if err == nil {
			err = showReference(c, v, a, removed)
		}
		if err == nil && c.Err() != nil {
			err = core.ErrIntr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// showReference prints a note of who holds, or held, a reference.
func showReference(c *core.Ctx, v *kernel.View, addr uint64, removed bool) error {
	l, b, err := read(v, "reference_t", addr, func(l *referenceLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	holder, n := l.Holder.Of(b), l.Number.Of(b)
	name, err := v.Text(holder, maxHolder)
	named := err == nil && printable(name)
	if !named {
		name = ""
	}
	c.Record(func() {
		if removed {
			c.Printf("removed ")
		}
		c.Printf("reference ")
		if n != 1 {
			c.Printf("with count=%llu ", n)
		}
		c.Printf("with tag %lx", holder)
		if named {
			c.Printf(" \"%s\"", name)
		}
		c.Printf(", held at:\n")
	}, out.Field{Name: "addr", Value: out.Hex(addr)}, out.Field{Name: "holder", Value: out.Hex(holder)}, out.Field{Name: "name", Value: name},
		out.Field{Name: "count", Value: n}, out.Field{Name: "removed", Value: removed})
	if c.Opts.JSON {
		return nil
	}
	if err := whatis(c, addr); err != nil {
		return err
	}
	if removed {
		c.Printf("removed at:\n")
		if err := whatis(c, l.Removed.Of(b)); err != nil {
			return err
		}
	}
	c.Printf("\n")
	return nil
}

// whatis prints what is known of an address. That nothing is is no failure of the
// command that asks.
func whatis(c *core.Ctx, addr uint64) error {
	err := c.Session.Eval.Eval(c, c.Session, fmt.Sprintf("%#x::whatis", addr))
	if errors.Is(err, core.ErrIntr) {
		return err
	}
	return nil
}

// printable tells whether text has only printable ASCII characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// rrwlockLayout is how the release lays out rrwlock_t.
type rrwlockLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Writer kernel.Field `ctf:"rr_writer"`
	Wanted kernel.Field `ctf:"rr_writer_wanted"`
	Anon   kernel.Field `ctf:"rr_anon_rcount"`
	Linked kernel.Field `ctf:"rr_linked_rcount"`
}

func runRrwlock(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	l, b, err := read(v, "rrwlock_t", c.Addr, func(l *rrwlockLayout) uint64 { return l.Size })
	if err != nil {
		return err
	}
	writer, wanted := l.Writer.Of(b), l.Wanted.Of(b) != 0
	if c.Opts.JSON {
		c.Record(nil, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "writer", Value: out.Hex(writer)}, out.Field{Name: "wanted", Value: wanted})
	}
	if writer != 0 {
		heading(c, "write lock held by thread %lx\n", writer)
		return nil
	}
	if wanted {
		heading(c, "writer wanted\n")
	}
	heading(c, "anonymous references:\n")
	if err := showRefcount(c, c.Addr+l.Anon.Off); err != nil {
		c.Warnf("%s", err.Error())
	}
	heading(c, "linked references:\n")
	return showRefcount(c, c.Addr+l.Linked.Off)
}
