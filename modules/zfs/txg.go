package zfs

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

var txgTable = &core.Table{
	Head: "%<u>%-?s %-16s %-9s %10s %10s %10s %10s %10s %10s%</u>\n", Line: "%0?p %-16s %-9s %10s %10s %10s %10s %10s %10s\n", Type: "spa_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "pool", Head: "POOL"}, {Name: "suspended", Head: "SUSPENDED"},
		{Name: "open", Head: "OPEN"}, {Name: "age", Head: "AGE", Descr: "how long the open one has been open"},
		{Name: "quiescing", Head: "QUIESCING", Descr: "that waits for its last holders, or that is ready to be synced (+)"},
		{Name: "syncing", Head: "SYNCING"}, {Name: "synced", Head: "SYNCED"},
		{Name: "wanted", Head: "WANTED", Descr: "up to which one a thread waits for"}},
}

// txLayout is how the release lays out the state of transaction groups in dsl_pool_t.
type txLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Open      kernel.Field `ctf:"dp_tx.tx_open_txg"`
	OpenTime  kernel.Field `ctf:"dp_tx.tx_open_time,optional"`
	Quiescing kernel.Field `ctf:"dp_tx.tx_quiescing_txg,optional"`
	Quiesced  kernel.Field `ctf:"dp_tx.tx_quiesced_txg"`
	Syncing   kernel.Field `ctf:"dp_tx.tx_syncing_txg"`
	Synced    kernel.Field `ctf:"dp_tx.tx_synced_txg"`
	Wanted    kernel.Field `ctf:"dp_tx.tx_sync_txg_waiting"`
	Sync      kernel.Field `ctf:"dp_tx.tx_sync_thread"`
	Quiesce   kernel.Field `ctf:"dp_tx.tx_quiesce_thread"`
}

func runTxgState(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	var threads []uint64
	var failed failures
	show := func(a uint64) error {
		list, err := showTxg(c, v, a)
		threads = append(threads, list...)
		return err
	}
	if c.HasAddr {
		if err := show(c.Addr); err != nil {
			return err
		}
	} else {
		err := pools(v, func(a uint64) bool {
			failed.add(c, show(a))
			return c.Err() == nil
		})
		if c.Err() != nil {
			return core.ErrIntr
		}
		if err != nil {
			failed.add(c, fmt.Errorf("can't walk spa: %w", err))
		}
	}
	if c.PipeOut || c.Opts.JSON || !c.Opt('v') {
		return failed.last
	}
	for _, t := range threads {
		c.Printf("\n")
		if err := c.Session.Eval.Eval(c, c.Session, fmt.Sprintf("%#x::findstack", t)); err != nil {
			return err
		}
	}
	return failed.last
}

// showTxg prints a pool's transaction groups and gives the threads that move them on.
func showTxg(c *core.Ctx, v *kernel.View, spa uint64) (threads []uint64, err error) {
	sl, sb, err := readSpa(v, spa)
	if err != nil {
		return nil, err
	}
	dsl := sl.Dsl.Of(sb)
	if dsl == 0 {
		return nil, fmt.Errorf("spa_t %x has no dsl_pool_t", spa)
	}
	l, b, err := read(v, "dsl_pool_t", dsl, func(l *txLayout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	number := func(f kernel.Field) string {
		if n := f.Of(b); n != 0 {
			return fmt.Sprint(n)
		}
		return "-"
	}
	age, quiescing := "-", number(l.Quiescing)
	if t := int64(l.OpenTime.Of(b)); t != 0 && now(v) != 0 {
		age = fmt.Sprintf("%dms", (now(v)-t)/1e6)
	}
	if n := number(l.Quiesced); n != "-" {
		quiescing = n + "+"
	}
	suspended := "-"
	if n := sl.Suspended.Of(sb); n != 0 {
		if suspended = enumerator(v, "enum zio_suspend_reason", "ZIO_SUSPEND_", n); suspended == "" {
			suspended = "yes"
		}
	}
	c.Row(out.Hex(spa), sl.Name.Text(sb), suspended, number(l.Open), age, quiescing, number(l.Syncing), number(l.Synced), number(l.Wanted))
	for _, f := range []kernel.Field{l.Sync, l.Quiesce} {
		if t := f.Of(b); t != 0 {
			threads = append(threads, t)
		}
	}
	return threads, nil
}

func txgWalkers() []*core.Walker {
	w := []*core.Walker{{Name: "txg_list", Descr: "given any txg_list_t *, walk all entries in all txgs", Addr: core.AddrRequired, Walk: walkTxgList(0, txgSize-1)}}
	for i := range txgSize {
		w = append(w, &core.Walker{Name: fmt.Sprintf("txg_list%d", i), Descr: fmt.Sprintf("given any txg_list_t *, walk all entries in txg %d", i),
			Addr: core.AddrRequired, Walk: walkTxgList(i, i)})
	}
	return w
}

// txgSize is TXG_SIZE: how many transaction groups a list is kept for.
const txgSize = 4

type txgListLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Offset kernel.Field `ctf:"tl_offset"`
	Head   kernel.Field `ctf:"tl_head"`
}

type txgNodeLayout struct {
	Size uint64       `ctf:"sizeof"`
	Next kernel.Field `ctf:"tn_next"`
}

// walkTxgList walks what a txg_list_t has in some of its transaction groups.
func walkTxgList(from, to int) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, list mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
		return elems(c, "", func(v *kernel.View, yield func(uint64) bool) error {
			l, b, err := read(v, "txg_list_t", uint64(list), func(l *txgListLayout) uint64 { return l.Size })
			if err != nil {
				return err
			}
			heads, off := words(l.Head, b), l.Offset.Of(b)
			for i := from; i <= to && i < len(heads); i++ {
				met := kernel.Met{}
				for at := heads[i]; at != 0; {
					if met.Again(at) {
						return fmt.Errorf("%x is on its list of txg %d twice", at-off, i)
					}
					nl, nb, err := read(v, "txg_node_t", at, func(l *txgNodeLayout) uint64 { return l.Size })
					if err != nil {
						return kernel.Failed(err, "failed to read list element at %#x", at-off)
					}
					next := words(nl.Next, nb)[i]
					if !yield(at - off) {
						return nil
					}
					at = next
				}
			}
			return nil
		})
	}
}
