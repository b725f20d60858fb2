package zfs

import (
	_ "embed" // of the names of tunables
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func stateDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "arc", Usage: "[-bkmg]", AnyAddr: true, Descr: "print ARC variables", Run: noArgs(runArc),
			Help: "Prints what the ARC counts. Sizes are in megabytes, or as the options say.\n",
			Opts: []core.Opt{{Letter: 'a', Help: "for MDB's sake"}, {Letter: 'b', Help: "in bytes"}, {Letter: 'k', Help: "in kilobytes"},
				{Letter: 'm', Help: "in megabytes"}, {Letter: 'g', Help: "in gigabytes"}}},
		{Name: "txg_state", Usage: "?[-v]", Descr: "the transaction groups of pools", Type: "spa_t", Table: txgTable, Run: noArgs(runTxgState),
			Help: "Prints for each pool, or for the one at the address, which transaction group is open,\nquiescing or quiesced (+), syncing, and synced last, and up to which one threads wait\nfor. A pool whose I/O is suspended is marked with the reason.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with the stacks of the threads that sync and quiesce"}}},
		{Name: "zfs_dbgmsg", Usage: "[-va]", MDBUsage: ":[-va]", AnyAddr: true, Descr: "print zfs debug log", Run: noArgs(runDbgmsg),
			Opts: []core.Opt{{Letter: 'v', Help: "with the times, and what the memory of each is"}, {Letter: 'a', Help: "with the addresses"}}},
		{Name: "zfs_params", AnyAddr: true, Descr: "print zfs tunable parameters", Run: noArgs(runParams)},
	}
}

type dbgmsgLayout struct {
	Size uint64       `ctf:"sizeof"`
	Time kernel.Field `ctf:"zdm_timestamp"`
	Text kernel.Field `ctf:"zdm_msg"`
}

// maxMessage is how much of a message is read, as in MDB.
const maxMessage = 1023

func runDbgmsg(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	m, err := v.Symbol("zfs", "zfs_dbgmsgs")
	if err != nil {
		return kernel.Failed(err, "can't find zfs_dbgmsgs")
	}
	for a, err := range v.List("zfs_dbgmsg_t", m.Value) {
		if err != nil {
			return fmt.Errorf("can't walk zfs_dbgmsgs: %w", err)
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		if err := showMessage(c, v, a); err != nil {
			return err
		}
	}
	return nil
}

func showMessage(c *core.Ctx, v *kernel.View, addr uint64) error {
	l, err := kernel.Lay[dbgmsgLayout](v, "zfs_dbgmsg_t")
	if err != nil {
		return err
	}
	b, err := v.Bytes(addr, l.Text.Off, nil)
	if err != nil {
		return kernel.BadRead("zfs_dbgmsg_t", addr, err)
	}
	when := l.Time.Of(b)
	text, err := v.Text(addr+l.Text.Off, maxMessage)
	if err != nil {
		return kernel.Failed(err, "failed to read zdm_msg at %x", addr+l.Text.Off)
	}
	if c.PipeOut {
		c.Emit(addr, v.TypeOrNil("zfs_dbgmsg_t"))
		return nil
	}
	c.Record(func() {
		if c.Opt('a') {
			c.Printf("%p ", addr)
		}
		if c.Opt('v') {
			c.Printf("%Y ", when)
		}
		c.Printf("%s\n", text)
	}, out.Field{Name: "addr", Value: out.Hex(addr)}, out.Field{Name: "time", Value: when}, out.Field{Name: "msg", Value: text})
	if c.Opt('v') && !c.Opts.JSON {
		return c.Session.Eval.Eval(c, c.Session, fmt.Sprintf("%#x::whatis", addr))
	}
	return nil
}

// params are the tunables that illumos' MDB module lists, in its order; a kernel need
// not have all of them.
//
//go:embed params.txt
var params string

func runParams(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	for name := range strings.FieldsSeq(params) {
		m, err := v.Symbol("zfs", name)
		if err != nil {
			c.Warnf("variable %s not found: unknown symbol name", name)
			continue
		}
		if m.Size != 4 && m.Size != 8 {
			c.Warnf("variable %s has %d bytes", name, int(m.Size))
			continue
		}
		n, err := v.Variable("zfs", name)
		if err != nil {
			c.Warnf("failed to read %s: %s", name, core.Reason(err))
			continue
		}
		c.Record(func() { c.Printf("%s = 0x%llx\n", name, n) }, out.Field{Name: "name", Value: name}, out.Field{Name: "value", Value: n})
	}
	return nil
}

// sizes are the statistics of the ARC that count bytes.
var sizes = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(`p c c_min c_max size duplicate_buffers_size arc_meta_used arc_meta_limit arc_meta_max arc_meta_min
		hdr_size data_size metadata_size other_size anon_size anon_evictable_data anon_evictable_metadata
		mru_size mru_evictable_data mru_evictable_metadata mru_ghost_size mru_ghost_evictable_data mru_ghost_evictable_metadata
		mfu_size mfu_evictable_data mfu_evictable_metadata mfu_ghost_size mfu_ghost_evictable_data mfu_ghost_evictable_metadata
		evict_l2_cached evict_l2_eligible evict_l2_ineligible l2_read_bytes l2_write_bytes l2_size l2_asize l2_hdr_size
		compressed_size uncompressed_size overhead_size`) {
		m[name] = true
	}
	return m
}()

type statLayout struct {
	Size  uint64       `ctf:"sizeof"`
	Name  kernel.Field `ctf:"name"`
	Value kernel.Field `ctf:"value.ui64"`
}

// arcUnit is by how much the options shift sizes, and the unit.
func arcUnit(c *core.Ctx) (shift uint, unit string) {
	switch {
	case c.Opt('g'):
		return 30, "GB"
	case c.Opt('m'):
		return 20, "MB"
	case c.Opt('k'):
		return 10, "KB"
	case c.Opt('b'):
		return 0, "B"
	}
	return 20, "MB"
}

func runArc(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	m, err := v.Symbol("zfs", "arc_stats")
	if err != nil {
		return kernel.Failed(err, "failed to find 'arc_stats'")
	}
	l, err := kernel.Lay[statLayout](v, "kstat_named_t")
	if err != nil {
		return err
	}
	shift, unit := arcUnit(c)
	show := func(name string, n uint64, size bool) {
		c.Record(func() {
			if size {
				c.Printf("%-25s = %9llu %s\n", name, n>>shift, unit)
			} else {
				c.Printf("%-25s = %9llu\n", name, n)
			}
		}, out.Field{Name: "name", Value: name}, out.Field{Name: "value", Value: n})
	}
	for off := uint64(0); off+l.Size <= m.Size; off += l.Size {
		b, err := v.Bytes(m.Value+off, l.Size, nil)
		if err != nil {
			return kernel.Failed(err, "couldn't read 'arc_stats' at %x", m.Value+off)
		}
		name := l.Name.Text(b)
		show(name, l.Value.Of(b), sizes[name])
	}
	for _, name := range []string{"arc_no_grow", "arc_tempreserve"} {
		m, err := v.Symbol("zfs", name)
		if err != nil {
			return kernel.Failed(err, "failed to find '%s'", name)
		}
		n, err := v.Variable("zfs", name)
		if err != nil {
			return kernel.Failed(err, "couldn't read '%s'", name)
		}
		show(name, n, m.Size == 8)
	}
	return nil
}
