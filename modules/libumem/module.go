package libumem

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/system"
)

// Module is the module; it activates for illumos processes with libumem.
func Module() *core.Module {
	m := &core.Module{
		Name: "libumem", Descr: "libumem, the slab allocator of illumos processes", Active: active,
		Dcmds: dcmds(), Walkers: walkers(),
		Whatis: []*core.WhatisSource{
			{Name: "umem", Prio: core.WhatisAllocator, NoIDs: true, Run: whatisUmem},
			{Name: "vmem", Prio: core.WhatisAllocator, NoIDs: true, Run: whatisVmem},
		},
	}
	m.Init = func(s *core.Session) error { addCacheWalkers(s, m); return nil }
	return m
}

func active(cx *core.Context) bool {
	p, ok := cx.System.(*system.IllumosProcess)
	if !ok {
		return false
	}
	for _, o := range p.Namespace().Objects() {
		if strings.HasPrefix(o.Name, "libumem.so") {
			return true
		}
	}
	return false
}

func number(letter byte, arg, help string) core.Opt {
	return core.Opt{Letter: letter, Kind: core.Uint, Arg: arg, Help: help}
}

var callerOpts = []core.Opt{
	number('c', "caller", "filter out those without the function/PC in their stack trace"),
	number('e', "earliest", "filter out those timestamped before earliest"),
	number('l', "latest", "filter out those timestamped after latest"),
	number('t', "thread", "filter out those not involving thread"),
}

var distOptions = []core.Opt{
	{Letter: 'd', Help: "dump the raw data out, without binning"}, {Letter: 'g', Help: "use geometric binning instead of linear binning"},
	number('b', "maxbins", "use at most maxbins bins for the data"), number('B', "minbinsize", "make the bins at least minbinsize bytes apart"),
}

func dcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "umastat", Descr: "umem allocator stats", NoHint: true, Run: runUmastat},
		{Name: "umem_debug", Descr: "toggle umem dcmd/walk debugging", NoHint: true, Run: runDebug()},
		{Name: "umem_status", Descr: "Print umem status and message buffer", NoHint: true, Run: runStatus},
		{Name: "umem_cache", Usage: "?", Descr: "print a umem cache", NoHint: true, Table: cacheTable, Run: runCache},
		{Name: "allocdby", Usage: ":", Descr: "given a thread, print its allocated buffers", NoHint: true, Run: runByThread(false)},
		{Name: "freedby", Usage: ":", Descr: "given a thread, print its freed buffers", NoHint: true, Run: runByThread(true)},
		{Name: "bufctl", Usage: ":[-vh] [-a addr] [-c caller] [-e earliest] [-l latest] [-t thd]", Descr: "print or filter a bufctl",
			Help: "Display the contents of umem_bufctl_audit_ts, with optional filtering.\n", Type: "umem_bufctl_audit_t",
			Opts: append([]core.Opt{
				{Letter: 'v', Help: "display the full content of the bufctl, including its stack trace"},
				{Letter: 'h', Help: "retrieve the bufctl's transaction history, if available"}, {Letter: 'H'},
				number('a', "addr", "filter out bufctls not involving the buffer at addr"),
			}, callerOpts...), Run: runBufctl},
		{Name: "bufctl_audit", Usage: ":", Descr: "print a bufctl_audit", NoHint: true, Type: "umem_bufctl_audit_t", Run: runBufctlAudit},
		{Name: "umalog", Usage: "[ fail | slab ]", Descr: "display umem transaction log and stack traces", NoHint: true, Run: runUmalog},
		{Name: "umem_log", Usage: "?", Descr: "dump umem transaction log", NoHint: true, Run: runLog},
		{Name: "umausers", Usage: "[-ef] [cache ...]", Descr: "display current medium and large users of the umem allocator", NoHint: true, Run: runUsers},
		{Name: "umem_malloc_dist", Usage: "[-dg] [-b maxbins] [-B minbinsize]", Descr: "report distribution of outstanding malloc()s",
			Help: "report distribution of outstanding malloc()s\n", Opts: distOptions, Run: runMallocDist},
		{Name: "umem_malloc_info", Usage: "?[-dg] [-b maxbins] [-B minbinsize]", Descr: "report information about malloc()s by cache",
			Help: "report information about malloc()s by cache.\n", Opts: distOptions, Table: mallocTable, Run: runMallocInfo},
		{Name: "umem_verify", Usage: "?", Descr: "check integrity of umem-managed memory", NoHint: true, Run: runVerify},
		{Name: "vmem", Usage: "?", Descr: "print a vmem_t", NoHint: true, Table: vmemTable, Run: runVmem},
		{Name: "vmem_seg", Usage: ":[-sv] [-c caller] [-e earliest] [-l latest] [-m minsize] [-M maxsize] [-t thread] [-T type]", Descr: "print or filter a vmem_seg",
			Help: "Display the contents of vmem_seg_ts, with optional filtering.\n\nA vmem_seg_t represents a range of addresses (or arbitrary numbers),\n" +
				"representing a single chunk of data.  Only ALLOC segments have debugging\ninformation.\n", Type: "vmem_seg_t",
			Opts: append([]core.Opt{
				{Letter: 'v', Help: "display the full content of the vmem_seg, including its stack trace"},
				{Letter: 's', Help: "report the size of the segment, instead of the end address"},
				number('m', "minsize", "filter out segments smaller than minsize"), number('M', "maxsize", "filter out segments larger than maxsize"),
				{Letter: 'T', Kind: core.Str, Arg: "type", Help: "filter out segments not of the type: ALLOC, FREE, SPAN, ROTOR or WALKER"},
			}, callerOpts...), Run: runVmemSeg},
		{Name: "ugrep", Usage: ":[-a min] [-A max] [-d dist] [-m mask] [-M invmask] [-s size] [-v]", Descr: "search user address space for a pointer",
			Help: "Search the entire virtual address space for a particular pattern, addr. By\ndefault, a pointer-sized search for an exact match is done.\n",
			Opts: []core.Opt{
				{Letter: 'v', Help: "report the value matched at each address"}, number('a', "minaddr", "restrict the search to addresses >= minaddr"),
				number('A', "maxaddr", "restrict the search to addresses < maxaddr"), number('d', "dist", "search for values in [addr, addr + dist)"),
				number('m', "mask", "search for values where (value & mask) == addr"), number('M', "invmask", "search for values where (value & ~invmask) == addr"),
				number('s', "size", "instead of pointer-sized values, search for size-byte values: 1, 2, 4, or 8"),
			}, Run: runUgrep},
		{Name: "findleaks", Usage: "?[-dfv]", MDBUsage: "[-dfv] [addr]", Descr: "search for potential memory leaks", AnyAddr: true,
			Help: "Does a conservative garbage collection of the heap in order to find\npotentially leaked buffers. Similar leaks are coalesced by stack\n" +
				"trace, with the oldest leak picked as representative. The leak\ntable is cached between invocations.\n\n" +
				"addr, if provided, should be a function or PC location. Reported\nleaks will then be limited to those with that function or PC in\n" +
				"their stack trace.\n\nThe 'leak' and 'leakbuf' walkers can be used to retrieve coalesced\nleaks.\n",
			Opts: []core.Opt{
				{Letter: 'd', Help: "detail each representative leak (long)"}, {Letter: 'f', Help: "throw away cached state, and do a full run"},
				{Letter: 'v', Help: "report verbose information about the findleaks run"},
			}, Run: runFindleaks},
	}
}

// runDebug is ::umem_debug. What it turns on is MDB's own tracing; here it is
// remembered, no more.
func runDebug() func(*core.Ctx) error {
	on := false
	return func(c *core.Ctx) error {
		on = !on
		text := "off"
		if on {
			text = "on"
		}
		c.Printf("umem: debugging is now %s\n", text)
		return nil
	}
}
