package zfs

import (
	_ "embed" // of the names of tunables
	"errors"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func stateDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "arc", Usage: "[-bkmg]", AnyAddr: true, Descr: "print ARC variables", Run: noArgs(runArc),
			Help: "Prints what the ARC counts. Sizes are in megabytes, or as the options say. On Linux these\nare the statistics of /proc/spl/kstat/zfs/arcstats, as they are now: the parts that CPUs\nhave of them are added.\n",
			Opts: []core.Opt{{Letter: 'a', Help: "for MDB's sake"}, {Letter: 'b', Help: "in bytes"}, {Letter: 'k', Help: "in kilobytes"},
				{Letter: 'm', Help: "in megabytes"}, {Letter: 'g', Help: "in gigabytes"}}},
		{Name: "txg_state", Usage: "?[-v]", Descr: "the transaction groups of pools", Type: "spa_t", Table: txgTable, Run: noArgs(runTxgState),
			Help: "Prints for each pool, or for the one at the address, which transaction group is open,\nquiescing or quiesced (+), syncing, and synced last, and up to which one threads wait\nfor. A pool whose I/O is suspended is marked with the reason.\n",
			Opts: []core.Opt{{Letter: 'v', Help: "with the stacks of the threads that sync and quiesce"}}},
		{Name: "zfs_dbgmsg", Usage: "[-var]", MDBUsage: ":[-va]", AnyAddr: true, Descr: "print zfs debug log", Run: noArgs(runDbgmsg),
			Opts: []core.Opt{{Letter: 'v', Help: "with the times, and what the memory of each is"}, {Letter: 'a', Help: "with the addresses"},
				{Letter: 'r', Help: "as -v, with the times of the high-resolution clock, in hexadecimal"}}},
		{Name: "zfs_params", AnyAddr: true, Descr: "print zfs tunable parameters", Run: noArgs(runParams),
			Help: "Prints the tunables of illumos' ZFS. On Linux these are the parameters of OpenZFS's\nmodules, with what /sys/module shows of each; what a function of the module makes up\nwhen asked is a dash.\n"},
	}
}

type dbgmsgLayout struct {
	Size uint64       `ctf:"sizeof"`
	Time kernel.Field `ctf:"zdm_timestamp"`
	High kernel.Field `ctf:"zdm_hrtime,optional"` // since 2024
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
	head := m.Value
	if f, err := v.Member("procfs_list_t", "pl_list"); err == nil && linuxOf(v) != nil {
		head += f.Off
	}
	for a, err := range v.List("zfs_dbgmsg_t", head) {
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
	if c.Opt('r') && !l.High.OK() {
		return errors.New("couldn't find member zdm_hrtime of type struct zfs_dbgmsg")
	}
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
		if c.Opt('r') {
			c.Printf("%016x ", l.High.Of(b))
		}
		c.Printf("%s\n", text)
	}, out.Field{Name: "addr", Value: out.Hex(addr)}, out.Field{Name: "time", Value: when}, out.Field{Name: "msg", Value: text})
	if (c.Opt('v') || c.Opt('r')) && !c.Opts.JSON {
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
	if k := linuxOf(v); k != nil {
		return runModuleParams(c, v, k)
	}
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
	Type  kernel.Field `ctf:"data_type"`
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
	p := &arcPrinter{c: c}
	p.shift, p.unit = arcUnit(c)
	var live *arcStats
	if k := linuxOf(v); k != nil {
		live = newArcStats(v, k)
	}
	for off := uint64(0); off+l.Size <= m.Size; off += l.Size {
		b, err := v.Bytes(m.Value+off, l.Size, nil)
		if err != nil {
			return kernel.Failed(err, "couldn't read 'arc_stats' at %x", m.Value+off)
		}
		name, n := l.Name.Text(b), l.Value.Of(b)
		if live != nil {
			if n, err = live.value(off, n); err != nil {
				c.Warnf("%s: %s", name, err.Error())
				continue
			}
		}
		if l.Type.Of(b) == kstatInt64 {
			p.signed(name, int64(n))
		} else {
			p.show(name, n, isBytes(c, name))
		}
	}
	if live != nil {
		return nil // the rest is among them
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
		p.show(name, n, m.Size == 8)
	}
	return nil
}

// kstatInt64 is KSTAT_DATA_INT64.
const kstatInt64 = 3

// arcPrinter prints statistics of the ARC.
type arcPrinter struct {
	c     *core.Ctx
	shift uint
	unit  string
}

func (p *arcPrinter) show(name string, n uint64, size bool) {
	p.c.Record(func() {
		if size {
			p.c.Printf("%-25s = %9llu %s\n", name, n>>p.shift, p.unit)
		} else {
			p.c.Printf("%-25s = %9llu\n", name, n)
		}
	}, out.Field{Name: "name", Value: name}, out.Field{Name: "value", Value: n})
}

// signed prints a number of bytes that may be below zero.
func (p *arcPrinter) signed(name string, n int64) {
	p.c.Record(func() { p.c.Printf("%-25s = %9lld %s\n", name, n>>p.shift, p.unit) },
		out.Field{Name: "name", Value: name}, out.Field{Name: "value", Value: n})
}
