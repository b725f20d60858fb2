package genunix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func asDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "seg", Usage: ":", Descr: "print address space segment", Type: "struct seg", Table: segTable, Run: noArgs(needAddr(runSeg)),
			Help: "Prints a segment of an address space: base, size, its driver's data and functions.\n"},
		{Name: "pmap", Usage: ":[-q]", Descr: "print process memory map", Type: "proc_t", Table: pmapTable, Run: needAddr(noArgs(runPmap)),
			Help: "Lists the segments of the process at the address, with how much of each is in\nmemory, and the file that is mapped.\n",
			Opts: []core.Opt{{Letter: 'q', Help: "without counting pages; vnodes in place of paths"}}},
	}
}

func asWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "seg", Descr: "given an as, list of segments", Addr: core.AddrOptional, Type: "struct seg", Walk: walkSegs},
	}
}

func walkSegs(c *core.Ctx, as mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	if !has {
		return noWalk[core.Elem](fmt.Errorf("seg walk must begin at struct as *"))
	}
	v := viewOf(c)
	tree, err := v.ref("struct as", uint64(as), "a_segtree")
	if err != nil {
		return noWalk[core.Elem](err)
	}
	return v.elems("struct seg", v.treeOf("seg", tree))
}

// seg is what is read of a struct seg.
type seg struct {
	Base uint64 `ctf:"s_base"`
	Size uint64 `ctf:"s_size"`
	Ops  uint64 `ctf:"s_ops"`
	Data uint64 `ctf:"s_data"`
}

var segTable = &core.Table{
	Head: "%<u>%?s %?s %?s %?s %s%</u>\n", Line: "%?p %?p %?lx %?p %a\n", Type: "struct seg",
	Cols: []core.Field{{Name: "addr", Head: "SEG"}, {Name: "base", Head: "BASE"}, {Name: "size", Head: "SIZE"}, {Name: "data", Head: "DATA"},
		{Name: "ops", Head: "OPS"}},
}

func runSeg(c *core.Ctx) error {
	var s seg
	if err := viewOf(c).load("struct seg", c.Addr, &s); err != nil {
		return c.Warn(err, "failed to read seg at %p", c.Addr)
	}
	c.Row(out.Hex(c.Addr), out.Hex(s.Base), s.Size, out.Hex(s.Data), out.Hex(s.Ops))
	return nil
}

var (
	pmapTable = &core.Table{
		Head: "%?s %?s %8s %8s %s\n", Line: "%0?p %0?p %7dk %s %s\n", Type: "struct seg",
		Cols: []core.Field{{Name: "addr", Head: "SEG"}, {Name: "base", Head: "BASE"}, {Name: "size", Head: "SIZE"}, {Name: "resident", Head: "RES"},
			{Name: "path", Head: "PATH"}},
	}
	pmapQuick = &core.Table{
		Head: "%?s %?s %8s %s\n", Line: "%0?p %0?p %7dk %s\n", Type: "struct seg",
		Cols: []core.Field{{Name: "addr", Head: "SEG"}, {Name: "base", Head: "BASE"}, {Name: "size", Head: "SIZE"}, {Name: "vnode", Head: "VNODE"}},
	}
)

// pmapState is what ::pmap finds out once.
type pmapState struct {
	segvn, seghole uint64 // the drivers' functions
	quick          bool
}

func runPmap(c *core.Ctx) error {
	v := viewOf(c)
	as, err := v.member("proc_t", "p_as", c.Addr)
	if err != nil {
		return c.Warn(err, "failed to read proc at %p", c.Addr)
	}
	st := pmapState{quick: c.Opt('q')}
	st.segvn, _ = v.address("genunix", "segvn_ops")
	st.seghole, _ = v.address("genunix", "seghole_ops")
	table := pmapTable
	if st.quick {
		table = pmapQuick
	}
	if !c.Opts.JSON && !c.PipeOut { // one heading for each process
		heads := make([]any, len(table.Cols))
		for i, col := range table.Cols {
			heads[i] = col.Head
		}
		c.Printf(table.Head, heads...)
		headless := *table
		headless.Head = ""
		table = &headless
	}
	withTable(c, table)
	for e, err := range walkSegs(c, mem.Addr(as), true) {
		if err != nil {
			c.Warnf("%s", err.Error())
			c.Warnf("failed to walk segments of as %p", as)
			return core.ErrFailed
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if err := st.row(c, v, e.Val); err != nil {
			return err
		}
	}
	return nil
}

func (st *pmapState) row(c *core.Ctx, v *view, addr uint64) error {
	if c.PipeOut {
		c.Emit(addr, v.typeOrNil("struct seg"))
		return nil
	}
	var s seg
	if err := v.load("struct seg", addr, &s); err != nil {
		return badRead("seg", addr, err)
	}
	row := []any{out.Hex(addr), out.Hex(s.Base), s.Size / 1024}
	switch {
	case s.Ops == st.segvn && s.Data != 0:
		row = append(row, st.mapped(c, v, s)...)
	case s.Ops == st.seghole && s.Data != 0 && !st.quick:
		row = append(row, out.Sprintf(c.OutEnv(), "%8s", "-"), "[ hole"+v.holeName(s.Data)+" ]")
	case st.quick:
		row = append(row, out.Sprintf(c.OutEnv(), "[ &%a ]", s.Ops))
	default:
		row = append(row, out.Sprintf(c.OutEnv(), "%8s", "?"), out.Sprintf(c.OutEnv(), "[ &%a ]", s.Ops))
	}
	c.Row(row...)
	return nil
}

// pathWidth is the size of MDB's buffer for the path, with its NUL.
const pathWidth = 29

// mapped is the rest of the row of memory that is mapped from a file or anonymous.
func (st *pmapState) mapped(c *core.Ctx, v *view, s seg) []any {
	vp, err := v.member("struct segvn_data", "vp", s.Data)
	what := "[ anon ]"
	switch {
	case err != nil:
		what = "?"
		c.Warnf("failed to read segvn_data at %p: %s", s.Data, core.Reason(err))
	case vp != 0 && st.quick:
		what = out.Sprintf(c.OutEnv(), "%0?p", vp)
	case vp != 0:
		if what, err = v.vnodePath(c, vp); err != nil && what == "" {
			c.Warnf("%s", err.Error())
		}
		if len(what) >= pathWidth && !c.Opts.JSON {
			what = what[:pathWidth-1]
		}
	}
	if st.quick {
		return []any{what}
	}
	pages := uint64(0)
	for _, w := range c.Reg.Walkers("segvn_pages")[:min(1, len(c.Reg.Walkers("segvn_pages")))] {
		for _, err := range w.Walk(c, mem.Addr(s.Data), true) {
			if err != nil {
				c.Warnf("%s", err.Error())
				c.Warnf("failed to walk segvn_pages (s_data=%p)", s.Data)
				break
			}
			pages++
		}
	}
	if c.Opts.JSON {
		return []any{pages * 4, what}
	}
	return []any{out.Sprintf(c.OutEnv(), "%7ldk", pages*4), what}
}

// holeName is the name of a hole behind a colon, as MDB has it: the colon is there
// without a name, too.
func (v *view) holeName(data uint64) string {
	name, err := v.member("seghole_data_t", "shd_name", data)
	if err != nil || name == 0 {
		return ":"
	}
	s, err := v.text(name, 16)
	if err != nil {
		return ":"
	}
	return ":" + s
}
