package zfs

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func zioDcmds() []*core.Dcmd {
	opts := []core.Opt{{Letter: 'c', Help: "the children"}, {Letter: 'p', Help: "the parents"}, {Letter: 'r', Help: "the whole tree"}}
	return []*core.Dcmd{
		{Name: "zio", Usage: ":[-cpr]", Descr: "zio_t summary", Type: "zio_t", Table: zioTable, Run: noArgs(runZio), Opts: opts,
			Help: "Prints an I/O: its type, the stage it is in, the thread that waits for it, and how\nlong ago it was issued to a device. -c and -p print those it waits for, or that wait\nfor it, instead; with -r they come with it, and theirs with them.\n"},
		{Name: "zio_state", Usage: "?[-cpr]", MDBUsage: "?", Descr: "print out all zio_t structures on system or for a particular pool", Type: "spa_t",
			Table: zioTable, Run: noArgs(runZioState), Opts: opts},
		{Name: "zio_stuck", Usage: "?[-q] [-n count]", Descr: "the oldest I/Os in flight and who waits for them", Type: "spa_t", Table: stuckTable, Run: noArgs(runStuck),
			Help: "Lists the I/Os that were issued to a device and have not come back, the oldest first,\nof all pools or of the one at the address: how old they are, the pool, the device,\nand the thread that waits for the I/O or one above it. The stacks of these threads\nfollow.\n",
			Opts: []core.Opt{{Letter: 'q', Help: "without stacks"}, {Letter: 'n', Kind: core.Uint, Arg: "count", Help: "so many at most (20)"}}},
	}
}

func zioWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "zio", Descr: "walk all zio structures, optionally for a particular spa_t", Addr: core.AddrOptional, Type: "zio_t", Walk: walkZio(false)},
		{Name: "zio_root", Descr: "walk all root zio_t structures, optionally for a particular spa_t", Addr: core.AddrOptional, Type: "zio_t", Walk: walkZio(true)},
	}
}

// An address of a zio is indented by how deep in the tree it is.
const (
	maxIndent = 7
	zioWidth  = 2*8 + maxIndent
)

// The columns behind the address are padded as in MDB: the age is not.
var zioTable = &core.Table{
	Head: "%<u>%-23s %-5s %-16s %-16s %-12s%</u>\n", Line: "%-23s %-5s %-16s %-16s %s\n", Type: "zio_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDRESS"}, {Name: "type", Head: "TYPE"}, {Name: "stage", Head: "STAGE"},
		{Name: "waiter", Head: "WAITER"}, {Name: "elapsed", Head: "TIME_ELAPSED"}},
}

// zioLayout is how the release lays out zio_t.
type zioLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Type      kernel.Field `ctf:"io_type"`
	Stage     kernel.Field `ctf:"io_stage"`
	Waiter    kernel.Field `ctf:"io_waiter"`
	Spa       kernel.Field `ctf:"io_spa"`
	Vdev      kernel.Field `ctf:"io_vd"`
	Error     kernel.Field `ctf:"io_error"`
	Timestamp kernel.Field `ctf:"io_timestamp,optional"`
	Parents   kernel.Field `ctf:"io_parent_list"`
	Children  kernel.Field `ctf:"io_child_list"`
	FirstLink kernel.Field `ctf:"io_parent_list.list_head"`
	First     kernel.Field `ctf:"io_parent_list.list_head.list_next|io_parent_list.list_head.next"`
}

type linkLayout struct {
	Size   uint64       `ctf:"sizeof"`
	Parent kernel.Field `ctf:"zl_parent"`
	Child  kernel.Field `ctf:"zl_child"`
}

func readZio(v *kernel.View, addr uint64) (*zioLayout, []byte, error) {
	return read(v, "zio_t", addr, func(l *zioLayout) uint64 { return l.Size })
}

// age is how long ago a zio was issued, in nanoseconds; not ok if it was not.
func (l *zioLayout) age(v *kernel.View, b []byte) (ns int64, ok bool) {
	t := int64(l.Timestamp.Of(b))
	if t == 0 {
		return 0, false
	}
	return now(v) - t, true
}

// typeAndStage name what a zio is and where; one that failed is nowhere.
func (l *zioLayout) typeAndStage(v *kernel.View, b []byte) (typ, stage string) {
	typ, stage = enumerator(v, "enum zio_type", "ZIO_TYPE_", l.Type.Of(b)), "FAILED"
	if l.Error.Of(b) == 0 {
		stage = enumerator(v, "enum zio_stage", "ZIO_STAGE_", l.Stage.Of(b))
	}
	known := func(s string) string {
		if s == "" {
			return "?"
		}
		return s
	}
	return known(typ), known(stage)
}

// walkZio walks the I/Os in flight: those allocated from zio_cache.
func walkZio(roots bool) func(*core.Ctx, mem.Addr, bool) iter.Seq2[core.Elem, error] {
	return func(c *core.Ctx, spa mem.Addr, has bool) iter.Seq2[core.Elem, error] {
		return elems(c, "zio_t", func(v *kernel.View, yield func(uint64) bool) error {
			for e, err := range walkOf(c, "zio_cache", 0) {
				if err != nil {
					return err
				}
				l, b, err := readZio(v, e.Val)
				if err != nil {
					return err
				}
				if has && spa != 0 && l.Spa.Of(b) != uint64(spa) || roots && l.First.Of(b) != e.Val+l.FirstLink.Off {
					continue
				}
				if !yield(e.Val) {
					return nil
				}
			}
			return nil
		})
	}
}

func runZio(c *core.Ctx) error {
	p := newZioPrinter(c)
	p.head()
	return p.show(c.Addr, 0)
}

func runZioState(c *core.Ctx) error {
	p := newZioPrinter(c)
	p.head()
	spa := uint64(0)
	if c.HasAddr {
		spa = c.Addr
	}
	var f failures
	for e, err := range walkZio(true)(c, mem.Addr(spa), spa != 0) {
		if err == nil {
			p.met, p.shown = kernel.Met{}, 0
			err = p.show(e.Val, 0)
		}
		if f.add(c, err); errors.Is(err, core.ErrIntr) {
			break
		}
	}
	return f.last
}

// zioPrinter prints zios and their relatives.
type zioPrinter struct {
	c        *core.Ctx
	v        *kernel.View
	parents  bool
	min, max int // depths that are printed
	met      kernel.Met
	shown    int
}

// Bounds of a tree of zios: how deep it is, as one may wait for another of the log that
// waits for the one before it, and how many are printed.
const (
	maxZioDepth = 1 << 12
	maxZios     = 1 << 18
)

// newZioPrinter takes from the options what to print: -c and -p alone only the next
// of kin.
func newZioPrinter(c *core.Ctx) *zioPrinter {
	p := &zioPrinter{c: c, v: kernel.Of(c.Session), parents: c.Opt('p'), met: kernel.Met{}}
	switch {
	case c.Opt('r'):
		p.max = maxZioDepth
	case c.Opt('c'), c.Opt('p'):
		p.min, p.max = 1, 1
	}
	return p
}

func (p *zioPrinter) head() { p.c.Head() }

func (p *zioPrinter) show(addr uint64, depth int) error {
	if p.c.Err() != nil {
		return core.ErrIntr
	}
	l, b, err := readZio(p.v, addr)
	if err != nil {
		return err
	}
	if depth >= p.min {
		p.row(addr, l, b, depth)
	}
	if p.shown++; depth == maxZioDepth || p.shown > maxZios {
		return fmt.Errorf("zio_t %x has too many relatives", addr)
	}
	if depth >= p.max {
		return nil
	}
	// The same one may be there by several ways, but not below itself.
	if p.met.Again(addr) {
		return fmt.Errorf("zio_t %x is among its own relatives", addr)
	}
	defer delete(p.met, addr)
	return relatives(p.v, l, addr, p.parents, func(a uint64) error { return p.show(a, depth+1) })
}

// relatives calls a function for each parent, or child, of a zio.
func relatives(v *kernel.View, l *zioLayout, addr uint64, parents bool, f func(uint64) error) error {
	list := l.Children
	if parents {
		list = l.Parents
	}
	for link, err := range v.List("zio_link_t", addr+list.Off) {
		if err != nil {
			return fmt.Errorf("failed to walk zio_t relatives at %x: %w", addr+list.Off, err)
		}
		ll, b, err := read(v, "zio_link_t", link, func(l *linkLayout) uint64 { return l.Size })
		if err != nil {
			return err
		}
		to := ll.Child
		if parents {
			to = ll.Parent
		}
		if err := f(to.Of(b)); err != nil {
			return err
		}
	}
	return nil
}

func (p *zioPrinter) row(addr uint64, l *zioLayout, b []byte, depth int) {
	if p.c.PipeOut {
		p.c.Emit(addr, p.v.TypeOrNil("zio_t"))
		return
	}
	typ, stage := l.typeAndStage(p.v, b)
	age, issued := l.age(p.v, b)
	waiter := l.Waiter.Of(b)
	var since any
	if issued {
		since = age / 1e6
	}
	p.c.Record(func() {
		who, when := "-", fmt.Sprintf("%-12s ", "-")
		if waiter != 0 {
			who = fmt.Sprintf("%x", waiter)
		}
		if issued {
			when = fmt.Sprintf("%dms", uint64(age)/1e6)
		}
		p.c.Printf(zioTable.Line, strings.Repeat(" ", min(depth, maxIndent))+fmt.Sprintf("%x", addr), typ, stage, who, when)
	}, out.Field{Name: "addr", Value: out.Hex(addr)}, out.Field{Name: "type", Value: typ}, out.Field{Name: "stage", Value: stage},
		out.Field{Name: "waiter", Value: out.Hex(waiter)}, out.Field{Name: "elapsed", Value: since}, out.Field{Name: "depth", Value: depth})
}
