package linux

import (
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// Module is the module linux.
func Module() *core.Module {
	m := &core.Module{Name: "linux", Descr: "Linux kernels: processes, memory, files, networks, containers",
		Active: func(cx *core.Context) bool { _, ok := cx.System.(*system.LinuxKernel); return ok }, Interposes: true, Whatis: whatisSources()}
	for _, list := range [][]*core.Dcmd{structureDcmds(), processDcmds(), containerDcmds(), threadDcmds(), logDcmds(), moduleDcmds(),
		mountDcmds(), fileDcmds(), netstatDcmds(), netDcmds(), cpuDcmds(), stackDcmds(), lockDcmds(), blockedDcmds(), requestDcmds(), irqDcmds(), slabDcmds(), memoryDcmds(), timerDcmds(), pteDcmds()} {
		m.Dcmds = append(m.Dcmds, list...)
	}
	for _, list := range [][]*core.Walker{structureWalkers(), processWalkers(), containerWalkers(), moduleWalkers(), mountWalkers(), fileWalkers(), netWalkers(), irqWalkers(), slabWalkers(), diskWalkers()} {
		m.Walkers = append(m.Walkers, list...)
	}
	m.Init = func(s *core.Session) error { addCacheWalkers(s, m); return nil }
	return m
}

// kernelOf is the kernel that the session looks at.
func kernelOf(s *core.Session) (*system.LinuxKernel, error) {
	if k, ok := s.Context().System.(*system.LinuxKernel); ok {
		return k, nil
	}
	return nil, fmt.Errorf("no Linux kernel is looked at")
}

// noArgs refuses words behind the options.
func noArgs(run func(*core.Ctx) error) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		if len(c.Args) != 0 {
			return core.ErrUsage
		}
		return run(c)
	}
}

// withTable makes a dcmd whose columns depend on its options print by a table.
func withTable(c *core.Ctx, t *core.Table) {
	d := *c.Dcmd
	d.Table = t
	c.Dcmd = &d
}

// source yields the addresses of objects of one kind.
type source func(v *kernel.View) iter.Seq2[uint64, error]

// failing yields nothing but an error.
func failing(err error) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) { yield(0, err) }
}

// perAddress makes the usual dcmd: a row for the address given, else one for each object
// there is. What could not be walked to its end is told after the rows.
func perAddress(all source, row func(*core.Ctx, *kernel.View, uint64) error) func(*core.Ctx) error {
	return func(c *core.Ctx) error {
		v := kernel.Of(c.Session)
		if c.HasAddr {
			return row(c, v, c.Addr)
		}
		var failed error
		for a, err := range all(v) {
			switch {
			case err != nil:
				return err
			case c.Err() != nil:
				return core.ErrIntr
			}
			if err := row(c, v, a); err != nil {
				if err = told(c, err); err != nil {
					return err
				}
				failed = core.ErrFailed
			}
		}
		return failed
	}
}

// told warns of an object that cannot be read, so that the others' rows follow; it gives
// back what ends the command: a structure that the kernel does not have is lacking in
// every row.
func told(c *core.Ctx, err error) error {
	var bad *kernel.ReadError
	if !errors.As(err, &bad) || c.Err() != nil {
		return err
	}
	c.Warnf("%s", err.Error())
	return nil
}

// walker makes a walker over objects of one kind, which takes no address.
func walker(name, descr, typ string, all source) *core.Walker {
	return &core.Walker{Name: name, Descr: descr, Addr: core.AddrNone, Type: typ,
		Walk: func(c *core.Ctx, _ mem.Addr, _ bool) iter.Seq2[core.Elem, error] { return elements(c, typ, all) }}
}

// elements are the objects of a source as a walker gives them.
func elements(c *core.Ctx, typ string, all source) iter.Seq2[core.Elem, error] {
	return func(yield func(core.Elem, error) bool) {
		v := kernel.Of(c.Session)
		t := v.TypeOrNil(typ)
		for a, err := range all(v) {
			if !yield(core.Elem{Val: a, Type: t}, err) {
				return
			}
		}
	}
}

// read reads an object of a layout's size.
func read[L any](v *kernel.View, typ string, addr uint64, size func(*L) uint64) (*L, []byte, error) {
	l, err := kernel.Lay[L](v, typ)
	if err != nil {
		return nil, nil, err
	}
	b, err := v.Bytes(addr, size(l), nil)
	if err != nil {
		return nil, nil, kernel.BadRead(typ, addr, err)
	}
	return l, b, nil
}

// address gives the address of a variable of the kernel.
func address(v *kernel.View, name string) (uint64, error) {
	m, err := v.Symbol(system.LinuxObject, name)
	if err != nil {
		return 0, kernel.Failed(err, "failed to look up %s", name)
	}
	return m.Value, nil
}
