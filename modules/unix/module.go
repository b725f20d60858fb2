package unix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Module is MDB's module unix.
func Module() *core.Module {
	return &core.Module{
		Name: "unix", Descr: "the platform: page tables, descriptors, cross calls", Objects: []string{"unix"}, Interposes: true,
		Active: func(cx *core.Context) bool {
			_, ok := core.As[*system.IllumosKernel](cx)
			return ok
		},
		Dcmds: append(hatDcmds(), []*core.Dcmd{
			{Name: "gate_desc", Usage: ":", Descr: "dump a gate descriptor", Type: "gate_desc_t", Table: gateTable(""), Run: noArgs(runGate)},
			{Name: "idt", Usage: ":[-v]", AnyAddr: true, Descr: "dump an IDT", Type: "gate_desc_t", Table: gateTable("     "), Run: runIDT,
				Help: "Prints the 256 gates of an interrupt descriptor table: that of the first CPU without\nan address.\n",
				Opts: []core.Opt{{Letter: 'v', Help: "for MDB's sake"}}},
			{Name: "memseg_list", Usage: ":", AnyAddr: true, Descr: "show memseg list", Type: "struct memseg", Table: memsegTable, Run: runMemsegs},
			{Name: "scalehrtime", Usage: ":[-a|-r]", AnyAddr: true, Descr: "scale an unscaled high-res time", Run: runScalehrtime,
				Help: "Turns ticks of the processor into nanoseconds. More than half the ticks since boot\nare taken for a point in time, less for a distance.\n",
				Opts: []core.Opt{{Letter: 'a', Help: "a point in time"}, {Letter: 'r', Help: "a distance"}}},
			{Name: "ttrace", Usage: "[-x] [-t kthread]", AnyAddr: true, Descr: "dump trap trace buffers", Run: runTtrace,
				Help: "Prints what a kernel built with TRAPTRACE has recorded of traps, interrupts and system\ncalls, the latest first; the address is that of a record, or a CPU's number.\n",
				Opts: []core.Opt{{Letter: 'x', Help: "with registers and stacks"}, {Letter: 't', Kind: core.Uint, Arg: "kthread", Help: "only of the thread"}}},
			{Name: "x86_featureset", Usage: ":", AnyAddr: true, Descr: "dump the x86_featureset vector", Run: noArgs(runFeatures)},
			{Name: "xcall", Usage: ":", AnyAddr: true, Descr: "print CPU cross-call state", Type: "cpu_t", Run: noArgs(runXcall),
				Help: "Prints the cross calls whose master is the CPU, given by address or number: PEND are\nthe messages that it has not done with, as a master or a slave; a * marks what the\nslave is at.\n"},
		}...),
		Walkers: []*core.Walker{
			{Name: "memseg", Descr: "walk the memseg structures", Addr: core.AddrOptional, Type: "struct memseg", Walk: walkMemsegs},
			{Name: "mutex_owner", Descr: "walks the owner of a mutex", Addr: core.AddrRequired, Type: "kthread_t", Walk: walkMutexOwner},
			{Name: "ttrace", Descr: "walks trap trace buffers in reverse chronological order", Addr: core.AddrOptional, Type: "trap_trace_rec_t", Walk: walkTtrace},
		},
	}
}

func noArgs(run func(*core.Ctx) error) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if len(c.Args) != 0 {
			return core.ErrUsage
		}
		return run(c)
	}
}

// walk makes a walker's elements of a function that yields addresses.
func walk(c *core.Ctx, typ string, run func(yield func(uint64) bool) error) iter.Seq2[core.Elem, error] {
	t := kernel.Of(c.Session).TypeOrNil(typ)
	return func(yield func(core.Elem, error) bool) {
		stopped := false
		err := run(func(a uint64) bool {
			stopped = !yield(core.Elem{Val: a, Type: t}, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(core.Elem{}, err)
		}
	}
}

type memsegLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Pages  kernel.Field `ctf:"pages"`
	EPages kernel.Field `ctf:"epages"`
	Base   kernel.Field `ctf:"pages_base"`
	End    kernel.Field `ctf:"pages_end"`
	Next   kernel.Field `ctf:"next"`
}

// memsegs walks the list of segments of physical memory.
func memsegs(v *kernel.View, yield func(at uint64, l *memsegLayout, b []byte) bool) error {
	l, err := kernel.Lay[memsegLayout](v, "struct memseg")
	if err != nil {
		return err
	}
	at, err := v.Variable("unix", "memsegs")
	if err != nil {
		return kernel.Failed(err, "symbol 'memsegs' not found")
	}
	met := kernel.Met{}
	for at != 0 {
		if met.Again(at) {
			return fmt.Errorf("struct memseg %x is on its list twice", at)
		}
		b, err := v.Bytes(at, l.Size, nil)
		if err != nil {
			return kernel.Failed(err, "failed to read struct memseg at %x", at)
		}
		if !yield(at, l, b) {
			return nil
		}
		at = l.Next.Of(b)
	}
	return nil
}

func walkMemsegs(c *core.Ctx, _ mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	return walk(c, "struct memseg", func(yield func(uint64) bool) error {
		if has {
			return fmt.Errorf("memseg only supports global walks")
		}
		return memsegs(kernel.Of(c.Session), func(at uint64, _ *memsegLayout, _ []byte) bool { return yield(at) })
	})
}

var memsegTable = &core.Table{
	Head: "%<u>%?s %?s %?s %?s %?s%</u>\n", Line: "%0?lx %0?lx %0?lx %0?lx %0?lx\n", Type: "struct memseg",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "pages", Head: "PAGES"}, {Name: "epages", Head: "EPAGES"},
		{Name: "base", Head: "BASE"}, {Name: "end", Head: "END"}},
}

func runMemsegs(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	row := func(at uint64, l *memsegLayout, b []byte) bool {
		c.Row(out.Hex(at), out.Hex(l.Pages.Of(b)), out.Hex(l.EPages.Of(b)), out.Hex(l.Base.Of(b)), out.Hex(l.End.Of(b)))
		return true
	}
	if !c.HasAddr {
		return memsegs(v, row)
	}
	l, err := kernel.Lay[memsegLayout](v, "struct memseg")
	if err != nil {
		return err
	}
	b, err := v.Bytes(c.Addr, l.Size, nil)
	if err != nil {
		return kernel.Failed(err, "can't read memseg at %#x", c.Addr)
	}
	row(c.Addr, l, b)
	return nil
}

// Of a mutex's owner word (sys/mutex_impl.h): spin and destroyed mutexes have bits
// set that an owner's address has not.
const (
	mutexDead   = 0x6
	mutexThread = ^uint64(7)
)

// walkMutexOwner gives the thread that holds an adaptive mutex.
func walkMutexOwner(c *core.Ctx, start mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
	v := kernel.Of(c.Session)
	return walk(c, "kthread_t", func(yield func(uint64) bool) error {
		b, err := v.Bytes(uint64(start), 8, nil)
		if err != nil {
			return kernel.BadRead("mutex", uint64(start), err)
		}
		word := (kernel.Field{Size: 8}).Of(b)
		if word&mutexDead != 0 {
			return nil
		}
		if owner := word & mutexThread; owner != 0 {
			if _, err := v.Bytes(owner, 8, nil); err == nil {
				yield(owner)
			}
		}
		return nil
	})
}
