package genunix

import (
	"fmt"
	"iter"
	"math/bits"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// lgrpDcmds are the commands of locality groups.
func lgrpDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "lgrp", Usage: "?[-q] [-p | -Pih]", Descr: "display an lgrp", Type: "lgrp_t", Run: noArgs(runLgrp), Opts: []core.Opt{
			{Letter: 'q', Help: "only addresses"}, {Letter: 'p', Help: "by processor set, with the load"}, {Letter: 'P', Kind: core.Str, Arg: "parent", Help: "only groups of this parent"},
			{Letter: 'i', Kind: core.Str, Arg: "id", Help: "only the group of this number"}, {Letter: 'h', Kind: core.Str, Arg: "handle", Help: "only the group of this handle: NULL, DEFAULT or a number"}}},
		{Name: "lgrp_set", Usage: ":", Descr: "display bitmask of lgroups as a list", Run: noArgs(needAddr(func(c *core.Ctx) error {
			for set := c.Addr; set != 0; set &= set - 1 {
				c.Printf("%d ", bits.TrailingZeros64(set))
			}
			c.Printf("\n")
			return nil
		}))},
	}
}

// lgrpWalkers are their walkers.
func lgrpWalkers() []*core.Walker {
	of := func(name, descr, typ string, walk func(v *view, at uint64) seq2) *core.Walker {
		return &core.Walker{Name: name, Descr: descr, Addr: core.AddrRequired, Type: typ, Walk: func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems(typ, walk(v, uint64(at)))
		}}
	}
	return []*core.Walker{
		{Name: "lgrptbl", Descr: "walk lgroup table", Addr: core.AddrNone, Type: "lgrp_t", Walk: func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems("lgrp_t", v.lgrps(^uint64(0)))
		}},
		of("lgrp_cpulist", "walk CPUs in a given lgroup", "cpu_t", func(v *view, at uint64) seq2 {
			return v.counted("cpu", "lgrp_t", at, "lgrp_cpu", "lgrp_cpucnt", "cpu_next_lgrp")
		}),
		of("lgrp_parents", "walk up lgroup's parents", "lgrp_t", func(v *view, at uint64) seq2 { return v.chain("lgrp", "lgrp_t", "lgrp_parent", at) }),
		of("lgrp_rsrc_mem", "walk lgroup memory resources of given lgroup", "lgrp_t", func(v *view, at uint64) seq2 { return v.lgrpSet(at, "lgrp_set[1]") }),
		of("lgrp_rsrc_cpu", "walk lgroup CPU resources of given lgroup", "lgrp_t", func(v *view, at uint64) seq2 { return v.lgrpSet(at, "lgrp_set[0]") }),
	}
}

// maxLgrps is NLGRPS_MAX: a set of groups is a word.
const maxLgrps = 64

// lgrps walks the groups whose bits a set has.
func (v *view) lgrps(set uint64) seq2 {
	return func(yield func(uint64, error) bool) {
		last, err := v.variable("unix", "lgrp_alloc_max")
		var table uint64
		if err == nil {
			table, err = v.address("unix", "lgrp_table")
		}
		if err == nil && last >= maxLgrps {
			err = fmt.Errorf("lgrp_alloc_max out of bounds (%d)", int32(last))
		}
		var list []uint64
		if err == nil {
			list, err = v.pointers(table, last+1)
		}
		if err != nil {
			yield(0, err)
			return
		}
		for i, a := range list {
			if set>>i&1 == 0 {
				continue
			}
			if a == 0 {
				yield(0, fmt.Errorf("NULL lgrp pointer in lgrp_table[%d] at %x", i, table+8*uint64(i)))
				return
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}

func (v *view) lgrpSet(at uint64, member string) seq2 {
	set, err := v.member("lgrp_t", member, at)
	if err != nil {
		return noWalk[uint64](badRead("lgrp", at, err))
	}
	return v.lgrps(set)
}

// Handles of groups that are not of the platform (sys/lgrp.h), and the number of one
// that is not used.
const (
	lgrpNullHandle    = 0xbadbad
	lgrpDefaultHandle = 0xbabecafe
	lgrpNone          = -1
)

type lgrpInfo struct {
	ID     int64  `ctf:"lgrp_id"`
	Parent uint64 `ctf:"lgrp_parent"`
	Handle uint64 `ctf:"lgrp_plathand"`
	CPUs   uint64 `ctf:"lgrp_cpucnt"`
}

// runLgrp is ::lgrp.
func runLgrp(c *core.Ctx) error {
	v := viewOf(c)
	if c.HasAddr {
		return v.lgrp(c, c.Addr, c.Header())
	}
	head := !c.PipeOut
	for at, err := range v.lgrps(^uint64(0)) {
		if err == nil {
			err = v.lgrp(c, at, head)
		}
		if err != nil {
			return err
		}
		head = false
	}
	return nil
}

// lgrpWanted applies the filters.
func lgrpWanted(c *core.Ctx, l *lgrpInfo) (bool, error) {
	num := func(s string) (uint64, error) {
		switch s {
		case "NULL":
			return lgrpNullHandle, nil
		case "DEFAULT":
			return lgrpDefaultHandle, nil
		}
		return c.Strtoull(s)
	}
	byID := false
	for _, f := range []struct {
		letter byte
		value  uint64
	}{{'P', l.Parent}, {'i', uint64(l.ID)}, {'h', l.Handle}} {
		s, ok := c.OptStr(f.letter)
		if !ok {
			continue
		}
		n, err := num(s)
		if err != nil || n != f.value {
			return false, err
		}
		byID = byID || f.letter == 'i'
	}
	return l.ID != lgrpNone || byID, nil
}

func (v *view) lgrp(c *core.Ctx, at uint64, head bool) error {
	quiet, parts := c.Opt('q') || c.PipeOut, c.Opt('p')
	if head && !quiet && !c.Opts.JSON {
		if parts {
			c.Printf("%9s %9s %9s %9s %9s\n", "LGRPID", "PSRSETID", "LOAD", "#CPU", "CPUS")
		} else {
			c.Printf("%9s %?s %?s %?s %9s %9s\n", "LGRPID", "ADDR", "PARENT", "PLATHAND", "#CPU", "CPUS")
		}
	}
	var l lgrpInfo
	if err := v.load("lgrp_t", at, &l); err != nil {
		return badRead("lgrp", at, err)
	}
	if ok, err := lgrpWanted(c, &l); !ok {
		return err
	}
	cpus := v.counted("cpu", "lgrp_t", at, "lgrp_cpu", "lgrp_cpucnt", "cpu_next_lgrp")
	switch {
	case c.PipeOut:
		c.Emit(at, v.typeOrNil("lgrp_t"))
		return nil
	case quiet:
		c.Record(func() { c.Printf("%0?p\n", at) }, out.Field{Name: "addr", Value: out.Addr(at)})
		return nil
	case parts:
		return v.lgrpParts(c, &l, cpus)
	}
	list, err := v.cpuSet(cpus)
	c.Record(func() {
		c.Printf("%9d %?p %?p ", l.ID, at, l.Parent)
		switch l.Handle {
		case lgrpNullHandle:
			c.Printf("%?s", "NULL")
		case lgrpDefaultHandle:
			c.Printf("%?s", "DEFAULT")
		default:
			c.Printf("%?p", l.Handle)
		}
		c.Printf(" %9d      %s\n", l.CPUs, list)
	}, out.Field{Name: "id", Value: l.ID}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "parent", Value: out.Addr(l.Parent)},
		out.Field{Name: "handle", Value: out.Hex(l.Handle)}, out.Field{Name: "ncpus", Value: l.CPUs}, out.Field{Name: "cpus", Value: list})
	return err
}

// lgrpPart is what of a group is in a processor set.
type lgrpPart struct {
	id, load int64
	cpus     []int
}

// lgrpParts prints a group's CPUs by processor set.
func (v *view) lgrpParts(c *core.Ctx, l *lgrpInfo, cpus seq2) error {
	var list []*lgrpPart
	byPart := map[uint64]*lgrpPart{}
	for a, err := range cpus {
		if err != nil {
			return err
		}
		var cpu struct {
			ID   int64  `ctf:"cpu_id"`
			Part uint64 `ctf:"cpu_part"`
			LPL  uint64 `ctf:"cpu_lpl"`
		}
		if err := v.load("cpu_t", a, &cpu); err != nil {
			return badRead("cpu", a, err)
		}
		p := byPart[cpu.Part]
		if p == nil {
			id, err := v.member("cpupart_t", "cp_id", cpu.Part)
			if err != nil {
				return badRead("cpu partition", cpu.Part, err)
			}
			load, err := v.member("lpl_t", "lpl_loadavg", cpu.LPL)
			if err != nil {
				return badRead("lpl", cpu.LPL, err)
			}
			p = &lgrpPart{id: int64(int32(id)), load: int64(int32(load))}
			byPart[cpu.Part] = p
			list = append(list, p)
		}
		p.cpus = append(p.cpus, int(cpu.ID))
	}
	for _, p := range list {
		set := ranges(p.cpus)
		c.Record(func() { c.Printf("%9d %9d %9d %9d      %s\n", l.ID, p.id, p.load, len(p.cpus), set) }, out.Field{Name: "id", Value: l.ID}, out.Field{Name: "psrset", Value: p.id},
			out.Field{Name: "load", Value: p.load}, out.Field{Name: "ncpus", Value: len(p.cpus)}, out.Field{Name: "cpus", Value: set})
	}
	return nil
}
