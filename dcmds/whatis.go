package dcmds

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

func whatisDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "whatis", Usage: ":[-aikqv]", Descr: "given an address, return information",
			Help: "Identifies addresses: the mapping they lie in, the allocation, the structure.\n\n" +
				"-a    Find all matches.  The default behavior is to stop at the first match.\n" +
				"-i    Search for numerical identifiers, instead of pointers.\n" +
				"-k    Keep the order of the addresses given through a pipe.\n" +
				"-q    Quiet; don't print multi-line reports.\n" +
				"-v    Verbose output; display information about the progress of the search.\n",
			Opts: []core.Opt{
				{Letter: 'a'}, {Letter: 'i'}, {Letter: 'k'}, {Letter: 'q'}, {Letter: 'v'},
				{Letter: 'b'}, {Letter: 'l'},
			}, Run: runWhatis},
		{Name: "kgrep", Usage: ":[-d dist|-m mask|-M invmask] [-a minaddr] [-s]", Descr: "search memory for a pointer",
			Help: "-d dist     also values up to dist beyond the address\n" +
				"-m mask     compare only the bits of the mask\n" +
				"-M invmask  ignore the bits of the mask\n" +
				"-a minaddr  begin at this address\n" +
				"-s          search at every address that is a multiple of 1, not of a pointer's size\n",
			Opts: []core.Opt{
				{Letter: 'd', Kind: core.Uint, Arg: "dist"},
				{Letter: 'm', Kind: core.Uint, Arg: "mask"},
				{Letter: 'M', Kind: core.Uint, Arg: "invmask"},
				{Letter: 'a', Kind: core.Uint, Arg: "minaddr"},
				{Letter: 's'},
			}, Run: runKgrep},
	}
}

// whatisSources are the answers that the debugger itself has: the mappings.
func whatisSources() []*core.WhatisSource {
	return []*core.WhatisSource{{Name: "mappings", Prio: core.WhatisMappings, NoIDs: true, Run: whatisMappings}}
}

func whatisMappings(c *core.Ctx, w *core.Whatis) error {
	maps, err := mappings(c.Session)
	if err != nil {
		return nil // nothing is mapped
	}
	for _, m := range maps {
		for addr := range w.Match(m.Base, m.Size) {
			w.ReportWithin(addr, m.Base, "in %s [%p,%p)\n", mapName(m), uint64(m.Base), uint64(m.End()))
		}
	}
	return nil
}

func runWhatis(c *core.Ctx) error {
	if c.Opt('l') {
		listWhatis(c)
		return nil
	}
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if c.PipeOut {
		c.Warnf("whatis: cannot be output into a pipe")
		return core.ErrFailed
	}
	addrs := c.Input()
	w := core.NewWhatis(c, addrs, c.Opt('k'))
	w.All, w.IDSpace, w.Quiet, w.Verbose, w.Bufctl = c.Opt('a'), c.Opt('i'), c.Opt('q'), c.Opt('v'), c.Opt('b')
	for _, src := range c.Reg.WhatisSources() {
		if w.Done() {
			break
		}
		if src.IDs && !w.IDSpace || src.NoIDs && w.IDSpace {
			continue
		}
		if w.Verbose {
			c.Printf("Searching %s`%s...\n", src.Module.Name, src.Name)
		}
		if err := c.Fail(src.Run(c, w)); errIs(err, core.ErrIntr, core.ErrQuit, core.ErrAbort) {
			return err
		}
	}
	for _, a := range w.Unknown() {
		c.Record(func() { c.Printf("%p is unknown\n", a) },
			namedField("addr", out.Addr(a)), namedField("base", nil), namedField("offset", nil), namedField("text", "unknown"))
	}
	return nil
}

// listWhatis lists the sources of answers.
func listWhatis(c *core.Ctx) {
	if !c.Opts.JSON {
		c.Printf("%<u>%-16s %-12s %4s%</u>\n", "NAME", "MODULE", "PRIO")
	}
	for _, src := range c.Reg.WhatisSources() {
		c.Record(func() { c.Printf("%-16s %-12s %4d\n", src.Name, src.Module.Name, src.Prio) },
			namedField("name", src.Name), namedField("module", src.Module.Name), namedField("priority", src.Prio))
	}
}

// kgrepChunk is how much is read at once.
const kgrepChunk = 1 << 20

func runKgrep(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	dist, hasDist := c.OptUint('d')
	mask, hasMask := c.OptUint('m')
	inv, hasInv := c.OptUint('M')
	if hasDist && (hasMask || hasInv) || hasMask && hasInv {
		return core.ErrUsage
	}
	if !hasMask {
		mask = ^uint64(0)
	}
	if hasInv {
		mask = ^inv
	}
	maps, err := mappings(c.Session)
	if err != nil {
		return c.Warn(err, "failed to iterate over mappings")
	}
	if sp, ok := core.As[core.Sparse](c.Session.Context()); ok {
		maps = sp.Present()
	}
	g := &kgrep{c: c, want: c.Addr, dist: dist, mask: mask, step: uint64(c.Arch().PtrSize)}
	if c.Opt('s') {
		g.step = 1
	}
	g.from, _ = c.OptUint('a')
	for _, m := range maps {
		if err := g.mapping(m); err != nil {
			return err
		}
	}
	return nil
}

type kgrep struct {
	c                *core.Ctx
	want, dist, mask uint64
	step, from       uint64
}

func (g *kgrep) matches(v uint64) bool {
	if g.dist != 0 {
		return v-g.want < g.dist
	}
	return v&g.mask == g.want&g.mask
}

// mapping searches one mapping; what cannot be read is passed over.
func (g *kgrep) mapping(m mem.Mapping) error {
	ptr := g.c.Arch().PtrSize
	order := g.c.Arch().Order
	sp := g.c.Session.Space()
	at, end := uint64(m.Base), uint64(m.End())
	if g.from > at {
		at = g.from
	}
	at = (at + g.step - 1) / g.step * g.step
	buf := make([]byte, min(m.Size, kgrepChunk)+uint64(ptr))
	page := max(g.c.Arch().PageSize, 1)
	for at < end {
		if g.c.Err() != nil {
			return core.ErrIntr
		}
		n, _ := sp.ReadAt(buf[:min(uint64(len(buf)), end-at)], mem.Addr(at))
		off := uint64(0)
		for ; off+uint64(ptr) <= uint64(n); off += g.step {
			if g.matches(mem.Uint(buf[off:off+uint64(ptr)], order)) {
				g.c.Emit(at+off, nil)
			}
		}
		at += off
		if uint64(n) < uint64(ptr) {
			at = (at/page + 1) * page
		}
	}
	return nil
}
