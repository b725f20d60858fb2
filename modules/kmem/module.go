package kmem

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/modules/kernel"
)

// The options that ::bufctl and ::vmem_seg share.
var whoOpts = []core.Opt{
	{Letter: 'c', Kind: core.Uint, Arg: "caller", Help: "only with this return address, or one in this function, on the stack"},
	{Letter: 'e', Kind: core.Uint, Arg: "earliest", Help: "only from this time on"},
	{Letter: 'l', Kind: core.Uint, Arg: "latest", Help: "only up to this time"},
	{Letter: 't', Kind: core.Uint, Arg: "thread", Help: "only by this thread"},
}

// Dcmds are the commands of the allocator.
func Dcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "allocdby", Usage: ":", Descr: "given a thread, print its allocated buffers", Type: "kthread_t", Table: byTable, Run: runBy(false)},
		{Name: "freedby", Usage: ":", Descr: "given a thread, print its freed buffers", Type: "kthread_t", Table: byTable, Run: runBy(true)},
		{Name: "bufctl", Usage: ":[-vh] [-a addr] [-c caller] [-e earliest] [-l latest] [-t thd]", Descr: "print or filter a bufctl",
			Type: "kmem_bufctl_audit_t", Run: runBufctl,
			Help: "Prints the last transaction on a buffer, by its bufctl: what an auditing kernel\nnoted when the buffer was allocated or freed. What a filter does not want is not\nprinted and does not go into a pipe.\n",
			Opts: append([]core.Opt{{Letter: 'v', Help: "all of it, with the stack"},
				{Letter: 'h', Help: "the transactions before it, too, as far as the log has them"},
				{Letter: 'a', Kind: core.Uint, Arg: "addr", Help: "only if it is of the buffer at this address"}}, whoOpts...)},
		{Name: "kmalog", Usage: "?[ fail | slab | zerosized ]", Descr: "display kmem transaction log and stack traces for specified type", Run: runKmalog,
			Help: "Prints the transactions in the log, the last first: of an auditing kernel all; or\nallocations that failed, slabs made, allocations of no bytes. With an address only\nthose on the buffer that holds it.\n"},
		{Name: "kmastat", Usage: "[-kmg]", Descr: "kernel memory allocator stats", AnyAddr: true, Run: runKmastat,
			Help: "Prints for each cache the size of its buffers, how many are in use, how many there\nare, the memory they take, allocations, and how many failed; sums by arena; and the\narenas, indented below those they import from. Sizes have their unit with them.\n",
			Opts: []core.Opt{{Letter: 'k', Help: "for MDB's sake"}, {Letter: 'm', Help: "for MDB's sake"}, {Letter: 'g', Help: "for MDB's sake"}}},
		{Name: "kmausers", Usage: "?[-ef] [cache ...]", Descr: "current medium and large users of the kmem allocator", Run: runKmausers,
			Help: "Prints who allocated what is allocated, by stack, the largest first: of all caches\nor of those named. An auditing kernel knows. With an address only who allocated the\nbuffer that holds it.\n",
			Opts: []core.Opt{{Letter: 'e', Help: "the small ones, too"}, {Letter: 'f', Help: "each allocation"}}},
		{Name: "kmem_cache", Usage: "?[-n name]", Descr: "print kernel memory caches", Type: "kmem_cache_t", Table: cacheTable, Run: runKmemCache,
			Opts: []core.Opt{{Letter: 'n', Kind: core.Str, Arg: "name", Help: "only caches whose names contain this"}}},
		{Name: "kmem_slabs", Usage: "?[-v] [-n cache] [-N cache] [-b maxbins] [-B minbinsize]", Descr: "display slab usage per kmem cache",
			Type: "kmem_cache_t", Run: runKmemSlabs, Help: slabsHelp, Opts: slabsOpts},
		{Name: "kmem_log", Usage: "?[-b]", Descr: "dump kmem transaction log", Run: runKmemLog,
			Help: "Prints the log of transactions of an auditing kernel, the last first, with the CPU\nthat is about to fill that part of the log. An address is that of a record.\n",
			Opts: []core.Opt{{Letter: 'b', Help: "the address is one in a buffer: its records"}}},
		{Name: "vmem", Usage: "?", Descr: "print a vmem_t", Type: "vmem_t", Table: vmemTable, Run: runVmem},
		{Name: "vmem_seg", Usage: ":[-sv] [-c caller] [-e earliest] [-l latest] [-m minsize] [-M maxsize] [-t thread] [-T type]",
			Descr: "print or filter a vmem_seg", Type: "vmem_seg_t", Run: runVmemSeg,
			Help: "Prints a segment of an arena: a range of addresses or of other numbers. Who\nallocated it, an auditing kernel knows. What a filter does not want is not printed\nand does not go into a pipe.\n",
			Opts: append([]core.Opt{{Letter: 'v', Help: "all of it, with the stack"}, {Letter: 's', Help: "the size instead of the end"},
				{Letter: 'm', Kind: core.Uint, Arg: "minsize", Help: "only segments of at least so many bytes"},
				{Letter: 'M', Kind: core.Uint, Arg: "maxsize", Help: "only segments of at most so many bytes"},
				{Letter: 'T', Kind: core.Str, Arg: "type", Help: "only segments of a type: ALLOC, FREE, SPAN, ROTOR or WALKER"}}, whoOpts...)},
	}
}

// Walkers are the walkers of the allocator, but for those named as caches, which Init
// adds.
func Walkers() []*core.Walker {
	const opt = core.AddrOptional
	return []*core.Walker{
		{Name: "allocdby", Descr: "given a thread, walk its allocated bufctls", Addr: opt, Type: "kmem_bufctl_audit_t", Walk: walkBy("allocdby", false)},
		{Name: "freedby", Descr: "given a thread, walk its freed bufctls", Addr: opt, Type: "kmem_bufctl_audit_t", Walk: walkBy("freedby", true)},
		{Name: "bufctl", Descr: "walk a kmem cache's bufctls", Addr: opt, Walk: walkBuffers(kind{bufctl: true}, 0)},
		{Name: "bufctl_history", Descr: "walk the available history of a bufctl", Addr: core.AddrRequired, Type: "kmem_bufctl_audit_t", Walk: walkHistory},
		{Name: "freectl", Descr: "walk a kmem cache's free bufctls", Addr: opt, Walk: walkBuffers(kind{free: true, bufctl: true}, 0)},
		{Name: "freectl_constructed", Descr: "walk a kmem cache's constructed free bufctls", Addr: opt,
			Walk: walkBuffers(kind{free: true, bufctl: true, constructed: true}, 0)},
		{Name: "freemem", Descr: "walk a kmem cache's free memory", Addr: opt, Walk: walkBuffers(kind{free: true}, 0)},
		{Name: "freemem_constructed", Descr: "walk a kmem cache's constructed free memory", Addr: opt,
			Walk: walkBuffers(kind{free: true, constructed: true}, 0)},
		{Name: "kmem", Descr: "walk a kmem cache", Addr: opt, Walk: walkBuffers(kind{}, 0)},
		{Name: "kmem_cache", Descr: "walk list of kmem caches", Addr: opt, Type: "kmem_cache_t", Walk: walkCaches},
		{Name: "kmem_cpu_cache", Descr: "given a kmem cache, walk its per-CPU caches", Addr: opt, Type: "kmem_cpu_cache_t", Walk: walkCPUCaches},
		{Name: "kmem_hash", Descr: "given a kmem cache, walk its allocated hash table", Addr: opt, Type: "kmem_bufctl_t", Walk: walkHash},
		{Name: "kmem_log", Descr: "walk the kmem transaction log", Addr: opt, Type: "kmem_bufctl_audit_t", Walk: walkLog},
		{Name: "kmem_slab", Descr: "given a kmem cache, walk its slabs", Addr: opt, Type: "kmem_slab_t",
			Walk: walkSlabs("kmem_slab", func(r *slabReader, yield func(*slab) bool) error { return r.slabs(true, true, yield) })},
		{Name: "kmem_slab_partial", Descr: "given a kmem cache, walk its partially allocated slabs (min 1)", Addr: opt, Type: "kmem_slab_t",
			Walk: walkSlabs("kmem_slab_partial", func(r *slabReader, yield func(*slab) bool) error { return r.partialOrFirst(yield) })},
		{Name: "vmem", Descr: "walk vmem structures in pre-fix, depth-first order", Addr: opt, Type: "vmem_t", Walk: walkArenas(preorder)},
		{Name: "vmem_alloc", Descr: "given a vmem_t, walk its allocated vmem_segs", Addr: opt, Type: "vmem_seg_t", Walk: walkSegments("alloc", segAlloc)},
		{Name: "vmem_free", Descr: "given a vmem_t, walk its free vmem_segs", Addr: opt, Type: "vmem_seg_t", Walk: walkSegments("free", segFree)},
		{Name: "vmem_postfix", Descr: "walk vmem structures in post-fix, depth-first order", Addr: opt, Type: "vmem_t", Walk: walkArenas(postorder)},
		{Name: "vmem_seg", Descr: "given a vmem_t, walk all of its vmem_segs", Addr: opt, Type: "vmem_seg_t", Walk: walkSegments("seg", 0)},
		{Name: "vmem_span", Descr: "given a vmem_t, walk its spanning vmem_segs", Addr: opt, Type: "vmem_seg_t", Walk: walkSegments("span", segSpan)},
	}
}

// Whatis are the answers of ::whatis about the allocator's memory.
func Whatis() []*core.WhatisSource {
	return []*core.WhatisSource{
		{Name: "kmem", Prio: core.WhatisAllocator, Run: whatisKmem},
		{Name: "vmem", Prio: core.WhatisAllocator, Run: whatisVmem},
	}
}

// Init adds a walker for each cache, named as the cache, if the kernel's allocator
// is ready. What cannot be read is left for the commands to say.
func Init(s *core.Session, m *core.Module) {
	v := kernel.Of(s)
	if ready, err := v.Variable("genunix", "kmem_ready"); err != nil || ready == 0 {
		return
	}
	for k, err := range caches(v) {
		if err != nil {
			return
		}
		w := &core.Walker{Name: k.Name, Descr: fmt.Sprintf("walk the %s cache", k.Name), Addr: core.AddrOptional, Walk: walkBuffers(kind{}, k.Addr)}
		if err := s.Reg.AddWalker(m, w, false); err != nil && len(s.Reg.Walkers(k.Name)) == 0 {
			s.Warnf("failed to add %s walker: %s", k.Name, err.Error())
		}
	}
}

func walkHash(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	if !has || start == 0 {
		return noWalk(fmt.Errorf("kmem_hash doesn't support global walks"))
	}
	v := kernel.Of(c.Session)
	t := v.TypeOrNil("kmem_bufctl_t")
	return func(yield func(core.Elem, error) bool) {
		stopped := false
		k, err := readCache(v, uint64(start))
		if err == nil {
			err = k.hash(v, func(at, _ uint64) bool {
				stopped = !yield(core.Elem{Val: at, Type: t}, nil)
				return !stopped
			})
		}
		if err != nil && !stopped {
			yield(core.Elem{}, err)
		}
	}
}

type seqIDLayout struct {
	SeqID kernel.Field `ctf:"cpu_seqid"`
}

// walkCPUCaches walks a cache's parts of the CPUs there are, in the order of CPUs.
func walkCPUCaches(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	cpus := c.Reg.Walkers("cpu")
	switch {
	case !has || start == 0:
		return noWalk(fmt.Errorf("kmem_cpu_cache doesn't support global walks"))
	case len(cpus) == 0:
		return noWalk(fmt.Errorf("couldn't walk 'cpu'"))
	}
	v := kernel.Of(c.Session)
	t := v.TypeOrNil("kmem_cpu_cache_t")
	return func(yield func(core.Elem, error) bool) {
		seq, err := kernel.Lay[seqIDLayout](v, "cpu_t")
		var l *cacheLayout
		var cl *cpuLayout
		if err == nil {
			l, err = kernel.Lay[cacheLayout](v, "kmem_cache_t")
		}
		if err == nil {
			cl, err = kernel.Lay[cpuLayout](v, "kmem_cpu_cache_t")
		}
		if err != nil {
			yield(core.Elem{}, err)
			return
		}
		for e, err := range cpus[0].Walk(c, 0, false) {
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			b, err := v.Bytes(e.Val+seq.SeqID.Off, 4, nil)
			if err != nil {
				yield(core.Elem{}, kernel.BadRead("cpu", e.Val, err))
				return
			}
			id := uint64(binary.LittleEndian.Uint32(b))
			if id >= maxCPUs {
				yield(core.Elem{}, fmt.Errorf("cpu %x has sequential id %d", e.Val, id))
				return
			}
			if !yield(core.Elem{Val: uint64(start) + l.CPU.Off + id*cl.Size, Type: t}, nil) {
				return
			}
		}
	}
}
