package libc

import (
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/core/value"
)

// Module is the module; it activates for illumos processes with libc.
func Module() *core.Module {
	return &core.Module{
		Name: "libc", Descr: "libc of illumos processes: threads, signals, contexts", Active: active,
		Dcmds: []*core.Dcmd{
			{Name: "errno", Usage: "?", Descr: "print errno of a given TID", NoHint: true, Run: runErrno},
			{Name: "jmp_buf", Usage: ":", Descr: "print jmp_buf contents", NoHint: true, Run: runJmpBuf},
			{Name: "sigjmp_buf", Usage: ":", Descr: "print sigjmp_buf contents", NoHint: true, Run: runUcontext},
			{Name: "siginfo", Usage: ":", Descr: "print siginfo_t structure", NoHint: true, Type: "siginfo_t", Run: runSiginfo},
			{Name: "tid2ulwp", Usage: "?", Descr: "convert TID to ulwp_t address", NoHint: true, Run: runTid2ulwp},
			{Name: "ucontext", Usage: ":", Descr: "print ucontext_t structure", NoHint: true, Type: "ucontext_t", Run: runUcontext},
			{Name: "ulwp", Usage: ":", Descr: "print ulwp_t structure", NoHint: true, Type: "ulwp_t", Run: runUlwp},
			{Name: "uberdata", Usage: "?", MDBUsage: ":", Descr: "print uberdata_t structure", NoHint: true, Type: "uberdata_t", Run: runUberdata},
			{Name: "tsd", Usage: ":-k key", Descr: "print tsd for this thread", NoHint: true,
				Opts: []core.Opt{{Letter: 'k', Kind: core.Uint, Arg: "key", Help: "of thread-specific data"}}, Run: runTSD},
			{Name: "psinfo", Usage: "[-v]", Descr: "prints relevant psinfo_t data",
				Help: "Prints relevant fields from psinfo_t data and most fields from NT_PRPSINFO note section\n",
				Opts: []core.Opt{{Letter: 'v', Help: "verbose output"}}, Run: runPsinfo},
		},
		Walkers: []*core.Walker{
			{Name: "ucontext", Descr: "walk ucontext_t uc_link list", Type: "ucontext_t", Addr: core.AddrRequired, Walk: walkContexts},
			{Name: "oldcontext", Descr: "walk per-lwp oldcontext pointers", Type: "ucontext_t", Walk: walkOldContexts},
			{Name: "ulwps", Descr: "walk list of ulwp_t pointers", Type: "ulwp_t", Addr: core.AddrOptional, Walk: walkUlwps},
			{Name: "ulwp", Descr: "walk list of ulwp_t pointers", Type: "ulwp_t", Addr: core.AddrOptional, Walk: walkUlwps},
		},
		Whatis: []*core.WhatisSource{{Name: "threads", Prio: core.WhatisEarly, NoIDs: true, Run: whatis}},
	}
}

func active(cx *core.Context) bool {
	p, ok := cx.System.(*system.IllumosProcess)
	if !ok {
		return false
	}
	_, err := p.Namespace().Object("libc.so.1")
	return err == nil
}

// typ finds a type of libc.
func typ(s *core.Session, name string) (*ctype.Type, error) {
	if t, err := s.LookupType("libc.so.1`" + name); err == nil {
		return t, nil
	}
	return s.LookupType(name)
}

// at gives the structure of libc's type at a VA.
func at(s *core.Session, name string, addr uint64) (value.Value, error) {
	t, err := typ(s, name)
	if err != nil {
		return value.Value{}, err
	}
	return s.World().At(t, mem.Addr(addr)), nil
}

func uberdata(s *core.Session) (uint64, error) {
	p, ok := s.Context().System.(*system.IllumosProcess)
	if !ok {
		return 0, core.ErrNoProc
	}
	return p.Uberdata()
}

// thread is what commands need of a ulwp_t.
type thread struct {
	addr   uint64
	Forw   uint64 `ctf:"ul_forw"`
	ID     uint32 `ctf:"ul_lwpid"`
	Top    uint64 `ctf:"ul_stktop"`
	Size   uint64 `ctf:"ul_stksiz"`
	AltSP  uint64 `ctf:"ul_ustack.ss_sp"`
	AltLen uint64 `ctf:"ul_ustack.ss_size"`
	AltFl  int32  `ctf:"ul_ustack.ss_flags"`
	Errnop uint64 `ctf:"ul_errnop"`
}

// maxThreads bounds the ring of threads.
const maxThreads = 1 << 20

// threads walks the ring of threads from start on; from libc's first without.
func threads(c *core.Ctx, start uint64, has bool) iter.Seq2[*thread, error] {
	return func(yield func(*thread, error) bool) {
		if !has {
			u, err := uberdata(c.Session)
			if err == nil {
				var root struct {
					All uint64 `ctf:"all_lwps"`
				}
				var v value.Value
				if v, err = at(c.Session, "uberdata_t", u); err == nil {
					err = value.Load(v, &root)
				}
				start = root.All
			}
			if err != nil {
				yield(nil, fmt.Errorf("cannot find 'uberdata.all_lwps': %w", err))
				return
			}
		}
		seen := map[uint64]bool{}
		for a := start; a != 0; {
			if seen[a] || len(seen) >= maxThreads {
				yield(nil, fmt.Errorf("ulwp_t at %x: list does not end", a))
				return
			}
			seen[a] = true
			t := &thread{addr: a}
			v, err := at(c.Session, "ulwp_t", a)
			if err == nil {
				err = value.Load(v, t)
			}
			if err != nil {
				yield(nil, fmt.Errorf("failed to read ulwp at 0x%x: %w", a, err))
				return
			}
			if !yield(t, nil) {
				return
			}
			if a = t.Forw; a == start {
				return
			}
		}
	}
}

func walkUlwps(c *core.Ctx, start mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		t, _ := typ(c.Session, "ulwp_t")
		for th, err := range threads(c, uint64(start), has) {
			if err != nil {
				yield(core.Elem{}, err)
				return
			}
			if !yield(core.Elem{Val: th.addr, Type: t}, nil) {
				return
			}
		}
	}
}

// byID finds a thread.
func byID(c *core.Ctx, id uint64) (*thread, error) {
	for t, err := range threads(c, 0, false) {
		if err != nil {
			return nil, err
		}
		if uint64(t.ID) == id&0xffffffff {
			return t, nil
		}
	}
	return nil, fmt.Errorf("thread ID %d not found", int32(id))
}

func runTid2ulwp(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	t, err := byID(c, c.Addr)
	if err != nil {
		return err
	}
	if c.PipeOut {
		ty, _ := typ(c.Session, "ulwp_t")
		c.Emit(t.addr, ty)
		return nil
	}
	c.Printf("%p\n", t.addr)
	return nil
}

func runErrno(c *core.Ctx) error {
	if len(c.Args) != 0 || !c.HasAddr {
		return core.ErrUsage
	}
	t, err := byID(c, c.Addr)
	if err != nil {
		return err
	}
	v, err := c.ReadUint(t.Errnop, 4)
	if err != nil {
		return c.Warn(mem.Reason(err), "cannot read error value at 0x%p", t.Errnop)
	}
	c.Printf("%d\n", int32(v))
	return nil
}

// runTSD prints a thread's value of a key: of the first keys in ul_ftsd, of others in
// what ul_stsd points to, whose first word is how many there is room for.
func runTSD(c *core.Ctx) error {
	key, ok := c.OptUint('k')
	if len(c.Args) != 0 || !ok || key == 0 {
		return core.ErrUsage
	}
	t, err := byID(c, c.Addr)
	if err != nil {
		return err
	}
	v, err := at(c.Session, "ulwp_t", t.addr)
	if err != nil {
		return err
	}
	fast, err := v.Member("ul_ftsd")
	if err != nil {
		return err
	}
	val := uint64(0)
	if key < fast.Len() {
		e, err := fast.Index(key)
		if err == nil {
			val, err = e.Uint()
		}
		if err != nil {
			return err
		}
	} else if val, err = slowTSD(c, v, key); err != nil {
		return err
	}
	if val == 0 && c.PipeOut {
		return nil
	}
	if c.PipeOut {
		c.Emit(val, nil)
		return nil
	}
	c.Printf("%p\n", val)
	return nil
}

func slowTSD(c *core.Ctx, v value.Value, key uint64) (uint64, error) {
	m, err := v.Member("ul_stsd")
	if err != nil {
		return 0, err
	}
	tsd, err := m.Uint()
	if err != nil || tsd == 0 {
		return 0, err
	}
	n, err := c.ReadUint(tsd, 4)
	if err != nil {
		return 0, c.Warn(mem.Reason(err), "failed to read tsd_t at %p", tsd)
	}
	if key >= n {
		return 0, nil
	}
	e, err := c.ReadPtr(tsd + key*uint64(c.Arch().PtrSize))
	if err != nil {
		return 0, c.Warn(mem.Reason(err), "failed to read tsd_t at %p", tsd)
	}
	return e, nil
}

// minStack keeps null pointers from being taken for parts of an unlimited main stack.
const minStack = 0x10000

// ssOnstack is SS_ONSTACK: the thread is on its alternate stack.
const ssOnstack = 1

// whatis answers for addresses in threads' stacks and in their ulwp_ts.
func whatis(c *core.Ctx, w *core.Whatis) error {
	ty, err := typ(c.Session, "ulwp_t")
	if err != nil {
		return nil // without types no thread can be told
	}
	size := c.Session.World().Size(ty)
	for t, err := range threads(c, 0, false) {
		if err != nil {
			return errors.New("couldn't find ulwps walker: " + err.Error())
		}
		for a := range w.Match(mem.Addr(t.addr), size) {
			w.ReportObject(a, mem.Addr(t.addr), "allocated as thread %#r's ulwp_t\n", uint64(t.ID))
		}
		n := min(t.Size, t.Top)
		if t.Top > minStack && t.Top-n < minStack {
			n = t.Top - minStack
		}
		for a := range w.Match(mem.Addr(t.Top-n), n) {
			w.ReportWithin(a, mem.Addr(t.Top-n), "in [ stack tid=%#r ]\n", uint64(t.ID))
		}
		if t.AltFl&ssOnstack != 0 {
			for a := range w.Match(mem.Addr(t.AltSP), t.AltLen) {
				w.ReportWithin(a, mem.Addr(t.AltSP), "in [ altstack tid=%#r ]\n", uint64(t.ID))
			}
		}
		if w.Done() || c.Err() != nil {
			break
		}
	}
	return c.Err()
}
