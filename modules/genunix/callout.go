package genunix

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// calloutDcmds are the commands of callouts: functions to be called at a time.
func calloutDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "callout", Usage: "?[-r|n] [-s|l] [-xhB] [-t | -ab nsec [-dkD]] [-C addr | -S seqid] [-f name|addr] [-p name| addr] [-T|L [-E]] [-FivVA]",
			Descr: "display callouts", Type: "callout_t", Run: noArgs(runCallout), Opts: calloutOpts,
			Help: "The callouts of the table at the address, or of all tables: the CPU's sequence number,\n" +
				"the type (Realtime, Normal), when it expires, whether it executes (X), counts from\n" +
				"hrestime (H), absolute time (A), is long-term (L), its id, and what is called.\n"},
		{Name: "calloutid", Usage: "[-d|v] xid", Descr: "print callout by extended id", AnyAddr: true, Type: "callout_t", Run: runCalloutID,
			Opts: []core.Opt{
				{Letter: 'd', Help: "only take the id apart"},
				{Letter: 'v', Help: "with the callout's links"},
			}},
	}
}

var calloutOpts = []core.Opt{
	{Letter: 'r', Help: "only realtime callouts"},
	{Letter: 'n', Help: "only normal callouts"},
	{Letter: 'l', Help: "only long-term callouts"},
	{Letter: 's', Help: "only short-term callouts"},
	{Letter: 'x', Help: "only callouts that are executing"},
	{Letter: 'h', Help: "only callouts by hrestime"},
	{Letter: 'B', Help: "only callouts by absolute time"},
	{Letter: 'E', Help: "with -T or -L empty tables and lists, too"},
	{Letter: 'd', Help: "times count from now"},
	{Letter: 'C', Kind: core.Uint, Arg: "addr", Help: "only those of this cpu_t"},
	{Letter: 'S', Kind: core.Uint, Arg: "seqid", Help: "only those of the CPU of this sequence number"},
	{Letter: 't', Kind: core.Uint, Arg: "nsec", Help: "that expire at this time"},
	{Letter: 'a', Kind: core.Uint, Arg: "nsec", Help: "that expire not before this time"},
	{Letter: 'b', Kind: core.Uint, Arg: "nsec", Help: "that expire not after this time"},
	{Letter: 'k', Help: "times are in ticks"},
	{Letter: 'f', Kind: core.Str, Arg: "name|addr", Help: "that call this function"},
	{Letter: 'p', Kind: core.Str, Arg: "name|addr", Help: "that have this argument"},
	{Letter: 'T', Help: "the tables"},
	{Letter: 'D', Help: "expiration counts from now"},
	{Letter: 'L', Help: "the lists"},
	{Letter: 'V', Help: "each level of what is walked"},
	{Letter: 'v', Help: "more of each"},
	{Letter: 'i', Help: "by the hash of ids, not by time"},
	{Letter: 'F', Help: "free lists, with -i free callouts"},
	{Letter: 'H', Help: "only callouts in the heap"},
	{Letter: 'Q', Help: "only callouts in the queue"},
	{Letter: 'A', Help: "only addresses"},
}

// calloutWalkers are their walkers.
func calloutWalkers() []*core.Walker {
	link := func(what, typ, next string) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
		return func(c *core.Ctx, first mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return v.elems(typ, v.chain(what, typ, next, uint64(first)))
		}
	}
	return []*core.Walker{
		{Name: "callouts_bytime", Descr: "walk callouts by list chain (expiration time)", Addr: core.AddrRequired, Type: "callout_t", Walk: link("callout", "callout_t", "c_clnext")},
		{Name: "callouts_byid", Descr: "walk callouts by id hash chain", Addr: core.AddrRequired, Type: "callout_t", Walk: link("callout", "callout_t", "c_idnext")},
		{Name: "callout_list", Descr: "walk a callout list", Addr: core.AddrRequired, Type: "callout_list_t", Walk: link("callout_list", "callout_list_t", "cl_next")},
		{Name: "callout_table", Descr: "walk callout table array", Addr: core.AddrOptional, Type: "callout_table_t", Walk: walkCalloutTables},
	}
}

// Of callouts (sys/callo.h).
const (
	calloutBuckets   = 512
	calloutTypes     = 2
	calloutFree      = 1 << 63
	calloutExecuting = 1 << 62
	calloutIDMask    = 1<<62 - 1
	calloutLong      = 1 << 31

	calloutListFree     = 0x1
	calloutListAbs      = 0x2
	calloutListHrestime = 0x4
	calloutListHeaped   = 0x10
	calloutListQueued   = 0x20
)

// calloutTypeNames are the types of tables, by the lowest bit of their index.
var calloutTypeNames = [calloutTypes]string{"R", "N"}

// walkCalloutTables walks the tables: two for each CPU there can be.
func walkCalloutTables(c *core.Ctx, at mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	v := viewOf(c)
	if has {
		return v.elems("callout_table_t", func(yield func(uint64, error) bool) { yield(uint64(at), nil) })
	}
	return v.elems("callout_table_t", v.calloutTables())
}

func (v *view) calloutTables() iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		first, err := v.variable("genunix", "callout_table")
		var n, size uint64
		if err == nil {
			n, err = v.variable("unix", "max_ncpus")
		}
		if err == nil {
			size, err = v.size("callout_table_t")
		}
		if err != nil {
			yield(0, err)
			return
		}
		if n > maxBuckets {
			yield(0, fmt.Errorf("failed to get callout_table array size: max_ncpus is %d", n))
			return
		}
		for i := range n * calloutTypes {
			at := first + i*size
			if _, err := v.member("callout_table_t", "ct_type", at); err != nil {
				yield(0, badRead("callout_table", at, err))
				return
			}
			if !yield(at, nil) {
				return
			}
		}
	}
}

// calloutTable is a callout_table_t.
type calloutTable struct {
	Free    uint64 `ctf:"ct_free"`
	LFree   uint64 `ctf:"ct_lfree"`
	Cyclic  uint64 `ctf:"ct_cyclic"`
	Heap    uint64 `ctf:"ct_heap"`
	HeapNum uint64 `ctf:"ct_heap_num"`
	HeapMax uint64 `ctf:"ct_heap_max"`
	TaskQ   uint64 `ctf:"ct_taskq"`
	Expired uint64 `ctf:"ct_expired.ch_head"`
	Queue   uint64 `ctf:"ct_queue.ch_head"`
	IDHash  uint64 `ctf:"ct_idhash"`
	CLHash  uint64 `ctf:"ct_clhash"`
	Stats   uint64 `ctf:"ct_kstat_data"`
}

// calloutList is a callout_list_t: the callouts of one time.
type calloutList struct {
	Expiration int64  `ctf:"cl_expiration"`
	Flags      int64  `ctf:"cl_flags"`
	First      uint64 `ctf:"cl_callouts.ch_head"`
	Prev       uint64 `ctf:"cl_prev"`
	Next       uint64 `ctf:"cl_next"`
}

// calloutInfo is a callout_t.
type calloutInfo struct {
	XID      uint64 `ctf:"c_xid"`
	List     uint64 `ctf:"c_list"`
	Func     uint64 `ctf:"c_func"`
	Arg      uint64 `ctf:"c_arg"`
	Executor uint64 `ctf:"c_executor"`
	Done     uint64 `ctf:"c_done._opaque"`
	Waiting  uint64 `ctf:"c_waiting"`
	IDPrev   uint64 `ctf:"c_idprev"`
	IDNext   uint64 `ctf:"c_idnext"`
	LPrev    uint64 `ctf:"c_clprev"`
	LNext    uint64 `ctf:"c_clnext"`
}

// hash reads the heads of a table's hash chains.
func (v *view) calloutHash(at uint64) ([]uint64, error) {
	size, err := v.size("callout_hash_t")
	if err != nil {
		return nil, err
	}
	heads := make([]uint64, calloutBuckets)
	for i := range heads {
		if heads[i], err = v.member("callout_hash_t", "ch_head", at+uint64(i)*size); err != nil {
			return nil, badRead("callout_hash", at, err)
		}
	}
	return heads, nil
}

// calloutShow is one ::callout: what is wanted, and where in the tables it is.
type calloutShow struct {
	c *core.Ctx
	v *view

	real, normal, long, short                bool
	byID, free, empty, tables, lists, levels bool
	executing, hrestime, absolute            bool
	heaped, queued, more, addrs, relative    bool
	seqid                                    int64 // -1: all
	at, after, before                        *int64
	fn, arg                                  *uint64

	now   int64
	mask  uint64 // of an id's table index
	table uint64 // index of the table
	index int    // of the bucket
	list  calloutList

	tableHead, listHead, head bool // headings due
}

// newCalloutShow reads the kernel's variables.
func newCalloutShow(c *core.Ctx) (*calloutShow, error) {
	s := &calloutShow{c: c, v: viewOf(c), seqid: -1, real: true, normal: true, long: true, short: true}
	now, err := s.v.variable("unix", "hrtime_last")
	if err != nil {
		if now, err = s.v.variable("unix", "hrtime_base"); err != nil {
			return nil, fmt.Errorf("Could not determine current system time: %w", err)
		}
	}
	bits, err := s.v.variable("genunix", "callout_table_bits")
	if err != nil {
		return nil, err
	}
	s.now, s.mask = int64(now), 1<<min(bits, 31)-1
	return s, nil
}

// bits is callout_table_bits.
func (s *calloutShow) bits() uint {
	n := uint(0)
	for m := s.mask; m != 0; m >>= 1 {
		n++
	}
	return n
}

func runCallout(c *core.Ctx) error {
	s, err := newCalloutShow(c)
	if err != nil {
		return err
	}
	if err := s.options(); err != nil {
		return err
	}
	if c.HasAddr {
		s.real, s.normal = true, true
	}
	due := (c.Header() || s.levels) && !s.addrs && !c.PipeOut && !c.Opts.JSON
	s.tableHead, s.listHead, s.head = due, due, due
	base, err := s.v.variable("genunix", "callout_table")
	if err != nil {
		return err
	}
	size, err := s.v.size("callout_table_t")
	if err != nil {
		return err
	}
	for e, err := range walkCalloutTables(c, mem.Addr(c.Addr), c.HasAddr) {
		if err != nil {
			return err
		}
		s.table = (e.Val - base) / size
		if err := s.showTable(e.Val); err != nil {
			return err
		}
	}
	return nil
}

// conflict prints why options do not go together, as MDB does: on its output.
func (s *calloutShow) conflict(text string) error {
	s.c.Printf("%s\n", text)
	return core.ErrUsage
}

// options reads what is wanted.
func (s *calloutShow) options() error {
	c := s.c
	s.normal, s.real, s.short, s.long = !c.Opt('r'), !c.Opt('n'), !c.Opt('l'), !c.Opt('s')
	if !s.normal && !s.real {
		s.normal, s.real = true, true
	}
	if !s.short && !s.long {
		s.short, s.long = true, true
	}
	s.executing, s.hrestime, s.absolute, s.empty = c.Opt('x'), c.Opt('h'), c.Opt('B'), c.Opt('E')
	s.tables, s.relative, s.lists, s.levels = c.Opt('T'), c.Opt('D'), c.Opt('L'), c.Opt('V')
	s.more, s.byID, s.free, s.heaped, s.queued, s.addrs = c.Opt('v'), c.Opt('i'), c.Opt('F'), c.Opt('H'), c.Opt('Q'), c.Opt('A')
	if err := s.cpu(); err != nil {
		return err
	}
	if err := s.times(); err != nil {
		return err
	}
	if s.heaped && s.queued {
		return s.conflict("-H and -Q are mutually exclusive")
	}
	if s.free {
		s.empty = true
		s.byID = s.byID || !s.lists
	}
	for letter, to := range map[byte]**uint64{'f': &s.fn, 'p': &s.arg} {
		if text, ok := c.OptStr(letter); ok {
			a, err := s.nameOrNumber(text)
			if err != nil {
				return err
			}
			*to = &a
		}
	}
	return nil
}

// nameOrNumber is the value of a symbol, or a number.
func (s *calloutShow) nameOrNumber(text string) (uint64, error) {
	if m, err := s.v.find("", text); err == nil {
		return m.Value, nil
	}
	return s.c.Strtoull(text)
}

// cpu reads -S and -C.
func (s *calloutShow) cpu() error {
	c := s.c
	seq, hasSeq := c.OptUint('S')
	addr, hasCPU := c.OptUint('C')
	switch {
	case hasSeq && c.HasAddr:
		return s.conflict("-S option conflicts with explicit address")
	case hasCPU && c.HasAddr:
		return s.conflict("-C option conflicts with explicit address")
	case hasSeq && hasCPU:
		return s.conflict("-C and -S are mutually exclusive")
	case hasSeq:
		s.seqid = int64(seq)
	case hasCPU:
		id, err := s.v.member("cpu_t", "cpu_seqid", addr)
		if err != nil {
			return badRead("cpu_t", addr, err)
		}
		s.seqid = int64(int32(id))
	}
	return nil
}

// times reads -t, -a and -b.
func (s *calloutShow) times() error {
	c := s.c
	scale := int64(1)
	if c.Opt('k') {
		n, err := s.v.variable("unix", "nsec_per_tick")
		if err != nil {
			return err
		}
		scale = int64(n)
	}
	for letter, to := range map[byte]**int64{'t': &s.at, 'a': &s.after, 'b': &s.before} {
		if n, ok := c.OptUint(letter); ok {
			t := int64(n) * scale
			if c.Opt('d') {
				t += s.now
			}
			*to = &t
		}
	}
	switch {
	case s.at != nil && (s.after != nil || s.before != nil):
		return s.conflict("-t and -a|b are mutually exclusive")
	case s.after != nil && s.before != nil && *s.before <= *s.after:
		return s.conflict("value for -a must be earlier than the value for -b.")
	}
	return nil
}

// inTime tells whether an expiration is one that is wanted.
func (s *calloutShow) inTime(t int64) bool {
	return (s.at == nil || t == *s.at) && (s.before == nil || t <= *s.before) && (s.after == nil || t >= *s.after)
}

// hasFlags tells whether a list's flags are wanted ones.
func (s *calloutShow) hasFlags(flags uint64) bool {
	hres, abs := flags&calloutListHrestime != 0, flags&calloutListAbs != 0
	if s.hrestime && s.absolute {
		return (hres || abs) && s.inPlace(flags)
	}
	return (!s.hrestime || hres) && (!s.absolute || abs) && s.inPlace(flags)
}

func (s *calloutShow) inPlace(flags uint64) bool {
	return (!s.heaped || flags&calloutListHeaped != 0) && (!s.queued || flags&calloutListQueued != 0)
}

// address prints, or pipes, an address for -A.
func (s *calloutShow) address(a uint64, typ string) {
	t := s.v.typeOrNil(typ)
	if s.c.PipeOut {
		s.c.Emit(a, t)
		return
	}
	s.c.Record(func() { s.c.Printf("%-0p\n", a) }, out.Field{Name: "addr", Value: out.Addr(a)})
}
