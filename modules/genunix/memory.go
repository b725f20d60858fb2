package genunix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// memoryDcmds are the commands about lists of memory, swap and segmap.
func memoryDcmds() []*core.Dcmd {
	return append(pageDcmds(), []*core.Dcmd{
		{Name: "memlist", Usage: "?[-iav]", Descr: "display a struct memlist", Type: "struct memlist", Table: memlistTable, Run: noArgs(runMemlist),
			Help: "Prints a list of memory: that at the address, else the installed.\n",
			Opts: []core.Opt{{Letter: 'i', Help: "phys_install, the installed memory"}, {Letter: 'a', Help: "phys_avail, what boot left"},
				{Letter: 'v', Help: "virt_avail, addresses that boot left"}}},
		{Name: "swapinfo", Usage: "?", Descr: "display a struct swapinfo", Type: "struct swapinfo", Table: swapinfoTable, Run: noArgs(runSwapinfo)},
		{Name: "addr2smap", Usage: ":[offset]", Descr: "translate address to smap", Run: needAddr(runAddr2smap),
			Help: "Prints the struct smap of the piece of segmap's window that holds the address.\n"},
		{Name: "vnode2smap", Usage: ":[offset]", Descr: "translate vnode to smap", Type: "vnode_t", Run: needAddr(runVnode2smap),
			Help: "Prints where segmap has mapped the piece of the vnode at the offset.\n"},
	}...)
}

type memlistLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Base  kernel.Field `ctf:"ml_address|address"`
	Bytes kernel.Field `ctf:"ml_size|size"`
	Next  kernel.Field `ctf:"ml_next|next"`
}

// chainOf walks a list of structures by the link in each.
func chainOf(v *kernel.View, what string, size uint64, next kernel.Field, at uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		met := kernel.Met{}
		for at != 0 {
			if met.Again(at) {
				yield(0, fmt.Errorf("%s %x is on its list twice", what, at))
				return
			}
			b, err := v.Bytes(at, size, nil)
			if err != nil {
				yield(0, kernel.Failed(err, "unable to read %s at %#x", what, at))
				return
			}
			after := next.Of(b)
			if !yield(at, nil) {
				return
			}
			at = after
		}
	}
}

// typed makes elements with a type of what a walk yields.
func typed(v *kernel.View, typ string, seq iter.Seq2[uint64, error]) iter.Seq2[core.Elem, error] {
	t := v.TypeOrNil(typ)
	return func(yield func(core.Elem, error) bool) {
		for a, err := range seq {
			if !yield(core.Elem{Val: a, Type: t}, err) {
				return
			}
		}
	}
}

func walkMemlist(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := kernel.Of(c.Session)
	l, err := kernel.Lay[memlistLayout](v, "struct memlist")
	if err != nil {
		return noWalk[core.Elem](err)
	}
	if !has {
		start = 0
	}
	return typed(v, "struct memlist", chainOf(v, "memlist", l.Size, l.Next, uint64(start)))
}

var memlistTable = &core.Table{
	Head: "%<u>%?s %16s %16s%</u>\n", Line: "%0?lx %16llx %16llx\n", Type: "struct memlist",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "base", Head: "BASE"}, {Name: "size", Head: "SIZE", Descr: "bytes"}},
}

func runMemlist(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	l, err := kernel.Lay[memlistLayout](v, "struct memlist")
	if err != nil {
		return err
	}
	row := func(at uint64) error {
		b, err := v.Bytes(at, l.Size, nil)
		if err != nil {
			return kernel.Failed(err, "can't read memlist at %#x", at)
		}
		c.Row(out.Hex(at), out.Hex(l.Base.Of(b)), out.Hex(l.Bytes.Of(b)))
		return nil
	}
	if c.HasAddr {
		return row(c.Addr)
	}
	any := c.Opt('i') || c.Opt('a') || c.Opt('v')
	for _, list := range []struct {
		name string
		want bool
	}{{"phys_install", c.Opt('i') || !any}, {"phys_avail", c.Opt('a')}, {"virt_avail", c.Opt('v')}} {
		if !list.want {
			continue
		}
		at, err := v.Variable("unix", list.name)
		if err != nil || at == 0 {
			return kernel.Failed(err, "%s not found or invalid", list.name)
		}
		if !c.PipeOut && !c.Opts.JSON {
			c.Printf("%s:\n", list.name)
			c.Printf(c.Dcmd.Table.Head, "ADDR", "BASE", "SIZE")
		}
		withTable(c, &core.Table{Line: memlistTable.Line, Cols: memlistTable.Cols, Type: memlistTable.Type, Head: memlistTable.Head})
		headless(c)
		for a, err := range chainOf(v, "memlist", l.Size, l.Next, at) {
			if err == nil {
				err = row(a)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// headless keeps rows from printing the heading: it has been printed.
func headless(c *core.Ctx) {
	t := *c.Dcmd.Table
	t.Head = ""
	withTable(c, &t)
}

type swapLayout struct {
	Size    uint64       `ctf:"sizeof"`
	VP      kernel.Field `ctf:"si_vp"`
	Next    kernel.Field `ctf:"si_next"`
	Pages   kernel.Field `ctf:"si_npgs"`
	Free    kernel.Field `ctf:"si_nfpgs"`
	NameLen kernel.Field `ctf:"si_pnamelen"`
	Name    kernel.Field `ctf:"si_pname"`
}

// swapDevices walks the list of swap devices.
func swapDevices(v *kernel.View) iter.Seq2[uint64, error] {
	l, err := kernel.Lay[swapLayout](v, "struct swapinfo")
	if err != nil {
		return noWalk[uint64](err)
	}
	at, err := v.Variable("unix", "swapinfo")
	if err != nil || at == 0 {
		return noWalk[uint64](kernel.Failed(err, "swapinfo not found or invalid"))
	}
	return chainOf(v, "swapinfo", l.Size, l.Next, at)
}

func walkSwapinfo(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := kernel.Of(c.Session)
	return typed(v, "struct swapinfo", swapDevices(v))
}

var swapinfoTable = &core.Table{
	Head: "%<u>%?s %?s %9s %9s %s%</u>\n", Line: "%0?lx %?p %9d %9d %s\n", Type: "struct swapinfo",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "vnode", Head: "VNODE"}, {Name: "pages", Head: "PAGES"},
		{Name: "free", Head: "FREE"}, {Name: "name", Head: "NAME"}},
}

func runSwapinfo(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	l, err := kernel.Lay[swapLayout](v, "struct swapinfo")
	if err != nil {
		return err
	}
	row := func(at uint64) error {
		b, err := v.Bytes(at, l.Size, nil)
		if err != nil {
			return kernel.Failed(err, "can't read swapinfo at %#x", at)
		}
		name, err := v.Text(l.Name.Of(b), int(min(l.NameLen.Of(b)&0xffffffff, maxPath)))
		if err != nil {
			name = "*error*"
		}
		c.Row(out.Hex(at), out.Hex(l.VP.Of(b)), l.Pages.Of(b), l.Free.Of(b), name)
		return nil
	}
	if c.HasAddr {
		return row(c.Addr)
	}
	for a, err := range swapDevices(v) {
		if err != nil {
			c.Fail(err)
			c.Warnf("can't walk swapinfo: failed to initialize walk")
			return core.ErrFailed
		}
		if err := row(a); err != nil {
			return err
		}
	}
	return nil
}

// Of segmap: a struct smap is of so many bytes of a file (MAXBSIZE).
const smapShift = 13

// smaps is segmap: its window and the array of struct smap.
type smaps struct{ base, array, size uint64 }

func readSmaps(v *kernel.View) (s smaps, err error) {
	at, err := v.Variable("unix", "segkmap")
	if err != nil {
		return s, kernel.Failed(err, "failed to read segkmap")
	}
	l, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		Base kernel.Field `ctf:"s_base"`
		Data kernel.Field `ctf:"s_data"`
	}](v, "struct seg")
	if err != nil {
		return s, err
	}
	b, err := v.Bytes(at, l.Size, nil)
	if err != nil {
		return s, kernel.Failed(err, "failed to read segkmap at %x", at)
	}
	s.base = l.Base.Of(b)
	d, err := kernel.Lay[struct {
		Smaps kernel.Field `ctf:"smd_sm"`
	}](v, "struct segmap_data")
	if err != nil {
		return s, err
	}
	if s.array, err = v.Pointer(l.Data.Of(b) + d.Smaps.Off); err != nil {
		return s, kernel.Failed(err, "failed to read segmap_data at %x", l.Data.Of(b))
	}
	s.size, err = v.Size("struct smap")
	return s, err
}

func runAddr2smap(c *core.Ctx) error {
	s, err := readSmaps(kernel.Of(c.Session))
	if err != nil {
		return err
	}
	at := (c.Addr-s.base)>>smapShift*s.size + s.array
	c.Record(func() { c.Printf("%p is smap %p\n", c.Addr, at) },
		out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "smap", Value: out.Hex(at)})
	return nil
}

type smapLayout struct {
	Size uint64       `ctf:"sizeof"`
	VP   kernel.Field `ctf:"sm_vp"`
	Hash kernel.Field `ctf:"sm_hash"`
	Off  kernel.Field `ctf:"sm_off"`
}

func runVnode2smap(c *core.Ctx) error {
	off := uint64(0)
	switch {
	case len(c.Args) > 0 && c.Args[0].IsImm:
		off = c.Args[0].Imm
	case len(c.Args) > 0:
		n, err := c.Strtoull(c.Args[0].Str)
		if err != nil {
			return err
		}
		off = n
	}
	v := kernel.Of(c.Session)
	l, err := kernel.Lay[smapLayout](v, "struct smap")
	if err != nil {
		return err
	}
	s, err := readSmaps(v)
	if err != nil {
		return err
	}
	first, err := smapBucket(v, c.Addr, off)
	if err != nil {
		return err
	}
	for at, err := range chainOf(v, "smap", l.Size, l.Hash, first) {
		if err != nil {
			return err
		}
		b, err := v.Bytes(at, l.Size, nil)
		if err != nil {
			return kernel.Failed(err, "couldn't read smap at %x", at)
		}
		if l.VP.Of(b) != c.Addr || l.Off.Of(b) != off {
			continue
		}
		va := (at-s.array)/s.size<<smapShift + s.base
		c.Record(func() { c.Printf("vnode %p, offs %p is smap %p, vaddr %p\n", c.Addr, off, at, va) },
			out.Field{Name: "vnode", Value: out.Hex(c.Addr)}, out.Field{Name: "offset", Value: out.Hex(off)},
			out.Field{Name: "smap", Value: out.Hex(at)}, out.Field{Name: "vaddr", Value: out.Hex(va)})
		return nil
	}
	c.Record(func() { c.Printf("no smap for vnode %p, offs %p\n", c.Addr, off) },
		out.Field{Name: "vnode", Value: out.Hex(c.Addr)}, out.Field{Name: "offset", Value: out.Hex(off)}, out.Field{Name: "smap", Value: nil})
	return nil
}

// smapBucket is the first struct smap of the hash chain of a vnode and an offset. MDB
// takes the table for one of pointers; its elements have a lock before the pointer.
func smapBucket(v *kernel.View, vp, off uint64) (uint64, error) {
	mask, err := v.Variable("genunix", "smd_hashmsk")
	if err != nil {
		return 0, kernel.Failed(err, "failed to read smd_hashmsk")
	}
	table, err := v.Variable("genunix", "smd_hash")
	if err != nil {
		return 0, kernel.Failed(err, "failed to read smd_hash")
	}
	l, err := kernel.Lay[struct {
		Size uint64       `ctf:"sizeof"`
		List kernel.Field `ctf:"sh_hash_list"`
	}](v, "struct smaphash")
	if err != nil {
		return 0, err
	}
	at := table + (vp>>6+vp>>3+off>>smapShift)&mask*l.Size + l.List.Off
	first, err := v.Pointer(at)
	if err != nil {
		return 0, kernel.Failed(err, "couldn't read smap at %x", at)
	}
	return first, nil
}
