package zfs

import (
	"errors"
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

func poolDcmds() []*core.Dcmd {
	space := []core.Opt{{Letter: 'e', Help: "with the devices' statistics"}, {Letter: 'm', Help: "with the metaslabs of the devices at the top"},
		{Letter: 'M', Help: "with the groups of metaslabs of the devices at the top"}, {Letter: 'h', Help: "with histograms of free space, of these"}}
	return []*core.Dcmd{
		{Name: "spa", Usage: "?[-cevmMh]", Descr: "spa_t summary", Type: "spa_t", Table: spaTable, Run: noArgs(runSpa),
			Help: "Lists the pools, or prints the one at the address. With -h the histogram of the free\nspace of the pool's normal devices follows each: how many segments there are of each\npower of two. On Linux -v says first how far a scrub or resilver is.\n",
			Opts: append([]core.Opt{{Letter: 'c', Help: "with the configuration"}, {Letter: 'v', Help: "with the devices"}}, space...)},
		{Name: "spa_config", Usage: ":", Descr: "print spa_t configuration", Type: "spa_t", Run: noArgs(runSpaConfig)},
		{Name: "spa_vdevs", Usage: ":[-emMh]", Descr: "given a spa_t, print vdev summary", Type: "spa_t",
			Run: noArgs(runSpaVdevs), Opts: space},
		// MDB's synopsis asks for an address, whose lack the command itself tells.
		{Name: "vdev", Usage: "?[-remMh]", MDBUsage: ":[-remMh]", Descr: "vdev_t summary", Type: "vdev_t", Table: vdevTable, Run: noArgs(runVdev),
			Opts: append([]core.Opt{{Letter: 'r', Help: "with those below it"}, {Letter: 'd', Kind: core.Uint, Arg: "depth", Help: "indented by so many columns"}}, space...)},
	}
}

func poolWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "metaslab", Descr: "given a spa_t *, walk all metaslab_t structures", Addr: core.AddrRequired, Type: "metaslab_t", Walk: walkMetaslabs},
		{Name: "spa", Descr: "walk all spa_t entries in the namespace", Addr: core.AddrOptional, Type: "spa_t", Walk: walkSpa},
	}
}

var spaTable = &core.Table{
	Head: "%<u>%-?s %9s %-52s%</u>\n", Line: "%0?p %9s %s\n", Type: "spa_t",
	Cols: []core.Field{{Name: "addr", Head: "ADDR"}, {Name: "state", Head: "STATE"}, {Name: "name", Head: "NAME"}},
}

// spaLayout is how the release lays out spa_t.
type spaLayout struct {
	Size      uint64       `ctf:"sizeof"`
	Name      kernel.Field `ctf:"spa_name"`
	State     kernel.Field `ctf:"spa_state"`
	Config    kernel.Field `ctf:"spa_config,optional"`
	Normal    kernel.Field `ctf:"spa_normal_class,optional"`
	Root      kernel.Field `ctf:"spa_root_vdev"`
	Dsl       kernel.Field `ctf:"spa_dsl_pool"`
	Suspended kernel.Field `ctf:"spa_suspended,optional"`
	CacheN    kernel.Field `ctf:"spa_l2cache.sav_count"`
	Cache     kernel.Field `ctf:"spa_l2cache.sav_vdevs"`
	SparesN   kernel.Field `ctf:"spa_spares.sav_count"`
	Spares    kernel.Field `ctf:"spa_spares.sav_vdevs"`
}

func readSpa(v *kernel.View, addr uint64) (*spaLayout, []byte, error) {
	return read(v, "spa_t", addr, func(l *spaLayout) uint64 { return l.Size })
}

// poolStates are the values of pool_state_t, as MDB shows them.
var poolStates = []string{"ACTIVE", "EXPORTED", "DESTROYED", "SPARE", "L2CACHE", "UNINIT", "UNAVAIL"}

func poolState(n uint64) string {
	if n < uint64(len(poolStates)) {
		return poolStates[n]
	}
	return "UNKNOWN"
}

func walkSpa(c *core.Ctx, _ mem.Addr, has bool) iter.Seq2[core.Elem, error] {
	return elems(c, "spa_t", func(v *kernel.View, yield func(uint64) bool) error {
		if has {
			return fmt.Errorf("spa walk only supports global walks")
		}
		return pools(v, yield)
	})
}

// pools walks the pools.
func pools(v *kernel.View, yield func(uint64) bool) error {
	m, err := v.Symbol("zfs", "spa_namespace_avl")
	if err != nil {
		return kernel.Failed(err, "failed to find symbol 'spa_namespace_avl'")
	}
	for a, err := range v.Tree("spa_t", m.Value) {
		if err != nil {
			return err
		}
		if !yield(a) {
			return nil
		}
	}
	return nil
}

func runSpa(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	if c.HasAddr {
		return showSpa(c, v, c.Addr, true)
	}
	first := true
	var f failures
	err := pools(v, func(a uint64) bool {
		f.add(c, showSpa(c, v, a, first))
		first = false
		return c.Err() == nil
	})
	switch {
	case c.Err() != nil:
		return core.ErrIntr
	case err != nil:
		f.add(c, fmt.Errorf("can't walk spa: %w", err))
	}
	return f.last
}

// failures are what is wrong with some of several objects: it is said, and the others
// are printed.
type failures struct{ last error }

// add notes an error, if it is one, and says the one before it.
func (f *failures) add(c *core.Ctx, err error) {
	if err == nil || errors.Is(f.last, core.ErrIntr) {
		return
	}
	if f.last != nil && !errors.Is(f.last, core.ErrFailed) {
		c.Warnf("%s", f.last.Error())
	}
	f.last = err
}

// showSpa prints a pool; the first one's devices have a heading.
func showSpa(c *core.Ctx, v *kernel.View, addr uint64, first bool) error {
	l, b, err := readSpa(v, addr)
	if err != nil {
		return err
	}
	c.Row(out.Hex(addr), poolState(l.State.Of(b)), l.Name.Text(b))
	if c.PipeOut || c.Opts.JSON {
		return nil
	}
	first = first && c.Header()
	if c.Opt('v') {
		if err := indented(c, func() error { return showScan(c, v, addr, l.Dsl.Of(b)) }); err != nil {
			return err
		}
	}
	if c.Opt('h') {
		if err := indented(c, func() error { return classHistogram(c, v, l.Normal.Of(b)) }); err != nil {
			return err
		}
	}
	if c.Opt('c') {
		c.Printf("\n")
		if err := indented(c, func() error { return showConfig(c, l.Config.Of(b)) }); err != nil {
			return err
		}
	}
	if c.Opt('v') || c.Opt('e') || c.Opt('m') || c.Opt('M') {
		c.Printf("\n")
		return indented(c, func() error { return showVdevs(c, v, addr, first) })
	}
	return nil
}

// indented runs a function with the margin four columns to the right.
func indented(c *core.Ctx, run func() error) error {
	old := c.P.IncIndent(4)
	defer func() { c.P.EndLine(); c.P.SetMargin(old) }()
	return run()
}

func runSpaConfig(c *core.Ctx) error {
	l, b, err := readSpa(kernel.Of(c.Session), c.Addr)
	if err != nil {
		return err
	}
	return showConfig(c, l.Config.Of(b))
}

// showConfig prints a pool's configuration: the name-value list at an address.
func showConfig(c *core.Ctx, list uint64) error {
	if list == 0 {
		c.Printf("(none)\n")
		return nil
	}
	p := kernel.NVPrinter{C: c, Recurse: true, Quiet: true}
	return p.List(list)
}

func runSpaVdevs(c *core.Ctx) error {
	return showVdevs(c, kernel.Of(c.Session), c.Addr, c.Header())
}

// showVdevs prints the devices of a pool.
func showVdevs(c *core.Ctx, v *kernel.View, addr uint64, head bool) error {
	l, b, err := readSpa(v, addr)
	if err != nil {
		return err
	}
	root := l.Root.Of(b)
	if root == 0 {
		c.Printf("no associated vdevs\n")
		return nil
	}
	p := newVdevPrinter(c, v, true)
	if head {
		p.head()
	}
	var f failures
	f.add(c, p.show(root, 0))
	for _, aux := range []struct {
		name     string
		n, array kernel.Field
	}{{"cache", l.CacheN, l.Cache}, {"spares", l.SparesN, l.Spares}} {
		n := aux.n.Of(b)
		if n == 0 {
			continue
		}
		list, err := pointers(v, aux.name+" vdevs", aux.array.Of(b), n, maxChildren)
		f.add(c, err)
		if err == nil {
			p.line("%-?s %-9s %-12s %s\n", "-", "-", "-", aux.name)
		}
		for _, a := range list {
			f.add(c, p.show(a, 2))
		}
	}
	return f.last
}
