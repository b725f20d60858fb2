package zfs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

// defaultStuck is how many I/Os ::zio_stuck lists.
const defaultStuck = 20

var stuckTable = &core.Table{
	Head: "%<u>%-?s %-5s %-16s %12s %-16s %-?s %s%</u>\n", Line: "%0?p %-5s %-16s %10llums %-16s %-?s %s\n", Type: "zio_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "type", Head: "TYPE"}, {Name: "stage", Head: "STAGE"}, {Name: "age", Head: "AGE"},
		{Name: "pool", Head: "POOL"}, {Name: "waiter", Head: "WAITER", Descr: "the thread that waits for it or for one above it"},
		{Name: "vdev", Head: "VDEV"}},
}

// stuckIO is an I/O that was issued to a device.
type stuckIO struct {
	addr uint64
	l    *zioLayout
	b    []byte
	age  int64
}

func runStuck(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	list, failed := issued(c, v)
	if len(list) == 0 && failed != nil || errors.Is(failed, core.ErrIntr) {
		return failed
	}
	if c.Loop {
		c.Head() // the first pool may have none
	}
	most, set := c.OptUint('n')
	if !set {
		most = defaultStuck
	}
	list = list[:min(uint64(len(list)), most)]
	var threads []uint64
	for _, io := range list {
		if c.Err() != nil {
			return core.ErrIntr
		}
		waiter, err := waiterOf(v, io.addr, kernel.Met{})
		if err != nil {
			c.Warnf("%s", err.Error())
		}
		who := "-"
		if waiter != 0 {
			who = fmt.Sprintf("%x", waiter)
			if !slices.Contains(threads, waiter) {
				threads = append(threads, waiter)
			}
		}
		typ, stage := io.l.typeAndStage(v, io.b)
		c.Row(out.Hex(io.addr), typ, stage, uint64(io.age)/1e6, poolName(v, io.l.Spa.Of(io.b)), who, deviceName(v, io.l.Vdev.Of(io.b)))
	}
	if c.PipeOut || c.Opts.JSON || c.Opt('q') {
		return failed
	}
	for _, t := range threads {
		c.Printf("\n")
		if err := c.Session.Eval.Eval(c, c.Session, fmt.Sprintf("%#x::findstack", t)); err != nil {
			return err
		}
	}
	return failed
}

// issued are the I/Os that devices have, the oldest first: those of the pool at the
// command's address, if it has one. An error comes with those before what is wrong.
func issued(c *core.Ctx, v *kernel.View) (list []stuckIO, err error) {
	if c.HasAddr {
		is := false
		if err := pools(v, func(a uint64) bool { is = is || a == c.Addr; return !is }); err == nil && !is {
			return nil, fmt.Errorf("%x is not the address of a pool", c.Addr)
		}
	}
	for e, bad := range walkZio(false)(c, mem.Addr(c.Addr), c.HasAddr) {
		if bad != nil {
			err = bad
			break
		}
		l, b, bad := readZio(v, e.Val)
		if bad != nil {
			err = bad
			break
		}
		if age, ok := l.age(v, b); ok {
			list = append(list, stuckIO{e.Val, l, slices.Clone(b), age})
		}
	}
	slices.SortStableFunc(list, func(x, y stuckIO) int { return cmp.Or(cmp.Compare(y.age, x.age), cmp.Compare(x.addr, y.addr)) })
	return list, err
}

// waiterOf is the thread that waits for a zio, or for the nearest above it that one
// waits for; 0 if nobody does.
func waiterOf(v *kernel.View, addr uint64, met kernel.Met) (uint64, error) {
	level := []uint64{addr}
	for len(level) > 0 {
		var next []uint64
		for _, a := range level {
			if met.Again(a) {
				continue // there by several ways
			}
			l, b, err := readZio(v, a)
			if err != nil {
				return 0, err
			}
			if w := l.Waiter.Of(b); w != 0 {
				return w, nil
			}
			if err := relatives(v, l, a, true, func(p uint64) error { next = append(next, p); return nil }); err != nil {
				return 0, err
			}
		}
		level = next
	}
	return 0, nil
}

// poolName is the name of the pool at an address.
func poolName(v *kernel.View, spa uint64) string {
	if l, b, err := readSpa(v, spa); err == nil {
		return l.Name.Text(b)
	}
	return fmt.Sprintf("?%x", spa)
}

// deviceName is the name of the vdev at an address.
func deviceName(v *kernel.View, vdev uint64) string {
	if vdev == 0 {
		return "-"
	}
	l, b, err := readVdev(v, vdev)
	name := ""
	if err == nil {
		name, err = vdevName(v, l, b)
	}
	if err != nil {
		return fmt.Sprintf("?%x", vdev)
	}
	return name
}
