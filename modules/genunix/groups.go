package genunix

import (
	"fmt"
	"iter"
	"math/bits"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// groupDcmds are the commands of groups of CPUs, sets of bits, and of what the kernel
// does periodically for drivers.
func groupDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "group", Usage: ":[-q]", Descr: "display a group", Type: "group_t", Run: noArgs(runGroup), Opts: []core.Opt{{Letter: 'q', Help: "only the address"}}},
		{Name: "pg", Usage: ":[-q]", Descr: "display a pg", Type: "pg_t", Run: noArgs(runPG), Opts: []core.Opt{{Letter: 'q', Help: "only the address"}}},
		{Name: "bitset", Usage: ":", Descr: "display a bitset", Run: noArgs(runBitset)},
		{Name: "ddi_periodic", Usage: "?[-v]", Descr: "dump ddi_periodic_impl_t info", Type: "ddi_periodic_impl_t", Run: noArgs(runPeriodic), Opts: []core.Opt{{Letter: 'v', Help: "with the thread, the cyclic and the argument"}}},
	}
}

// groupWalkers is their walker.
func groupWalkers() []*core.Walker {
	return []*core.Walker{
		{Name: "group", Descr: "walk all elements of a group", Addr: core.AddrRequired, Walk: func(c *core.Ctx, at mem.Addr, _ bool) iter.Seq2[core.Elem, error] {
			v := viewOf(c)
			return func(yield func(core.Elem, error) bool) {
				for a, err := range v.group(uint64(at)) {
					if !yield(core.Elem{Val: a}, err) {
						return
					}
				}
			}
		}},
	}
}

// groupInfo is a group_t: an array of pointers.
type groupInfo struct {
	Size     uint64 `ctf:"grp_size"`
	Capacity uint64 `ctf:"grp_capacity"`
	Set      uint64 `ctf:"grp_set"`
}

func (v *view) groupInfo(at uint64) (g groupInfo, err error) {
	if err = v.load("group_t", at, &g); err != nil {
		err = badRead("group", at, err)
	}
	return g, err
}

// group walks a group's elements.
func (v *view) group(at uint64) seq2 {
	g, err := v.groupInfo(at)
	if err == nil && g.Size > maxList {
		err = fmt.Errorf("invalid group at %x", at)
	}
	var list []uint64
	if err == nil && g.Size > 0 {
		if list, err = v.pointers(g.Set, g.Size); err != nil {
			err = badRead("group set", g.Set, err)
		}
	}
	if err != nil {
		return noWalk[uint64](err)
	}
	return func(yield func(uint64, error) bool) {
		for _, a := range list {
			if a != 0 && !yield(a, nil) {
				return
			}
		}
	}
}

// runGroup is ::group.
func runGroup(c *core.Ctx) error {
	v := viewOf(c)
	quiet := c.Opt('q') || c.PipeOut
	if c.Header() && !quiet && !c.Opts.JSON {
		c.Printf("%?s %6s %9s %?s\n", "ADDR", "SIZE", "CAPACITY", "SET")
	}
	g, err := v.groupInfo(c.Addr)
	if err != nil || onlyAddr(c, v, c.Addr, "group_t", quiet) {
		return err
	}
	c.Record(func() { c.Printf("%?p %6d %9d %?p\n", c.Addr, g.Size, g.Capacity, g.Set) }, out.Field{Name: "addr", Value: out.Addr(c.Addr)},
		out.Field{Name: "size", Value: g.Size}, out.Field{Name: "capacity", Value: g.Capacity}, out.Field{Name: "set", Value: out.Addr(g.Set)})
	return nil
}

// pgHardware are the types of hardware of processor groups (pghw_type_t).
var pgHardware = []string{"hw", "ipipe", "cache", "fpu", "mpipe", "chip", "memory", "active_pwr", "idle_pwr"}

// pgPhysical is PGR_PHYSICAL.
const pgPhysical = 1

// runPG is ::pg.
func runPG(c *core.Ctx) error {
	v := viewOf(c)
	quiet := c.Opt('q') || c.PipeOut
	if c.Header() && !quiet && !c.Opts.JSON {
		c.Printf("%6s %?s %6s %7s %11s %5s %5s\n", "PGID", "ADDR", "PHYSID", "CLASS", "HARDWARE", "#CPUs", "LOAD")
	}
	var p struct {
		ID    int64  `ctf:"pg_id"`
		Class uint64 `ctf:"pg_class"`
		CPUs  uint64 `ctf:"pg_cpus.grp_size"`
	}
	if err := v.load("pg_t", c.Addr, &p); err != nil {
		return badRead("pg", c.Addr, err)
	}
	if onlyAddr(c, v, c.Addr, "pg_t", quiet) {
		return nil
	}
	relation, err := v.member("pg_t", "pg_relation", c.Addr)
	if err != nil {
		return badRead("pg", c.Addr, err)
	}
	var class struct {
		Name string `ctf:"pgc_name"`
	}
	if err := v.load("pg_class_t", p.Class, &class); err != nil {
		return badRead("pg_class", p.Class, err)
	}
	fields := []out.Field{{Name: "id", Value: p.ID}, {Name: "addr", Value: out.Addr(c.Addr)}, {Name: "class", Value: class.Name}, {Name: "ncpus", Value: p.CPUs}}
	if relation != pgPhysical {
		c.Record(func() { c.Printf("%6d %?p %7s %5d\n", p.ID, c.Addr, class.Name, p.CPUs) }, fields...)
		return nil
	}
	var hw struct {
		Instance int64 `ctf:"pghw_instance"`
	}
	if err := v.load("pghw_t", c.Addr, &hw); err != nil {
		return badRead("pghw", c.Addr, err)
	}
	kind, err := v.member("pghw_t", "pghw_hw", c.Addr)
	if err != nil {
		return badRead("pghw", c.Addr, err)
	}
	name := "UNKNOWN"
	if kind < uint64(len(pgHardware)) {
		name = pgHardware[kind]
	}
	// MDB asks for the class before it has read it, and so never finds a load.
	c.Record(func() {
		c.Printf("%6d %?p %6d %7s %11s %5d %5d\n", p.ID, c.Addr, hw.Instance, class.Name, name, p.CPUs, 0)
	},
		append(fields, out.Field{Name: "physid", Value: hw.Instance}, out.Field{Name: "hardware", Value: name})...)
	return nil
}

// Of the drawing of a set of bits.
const (
	bitsetLabel = "label"
	bitsetWidth = 80
	maxBitset   = 1 << 16 // words
)

// runBitset is ::bitset: the bits of a set under a ruler.
func runBitset(c *core.Ctx) error {
	v := viewOf(c)
	var b struct {
		Set   uint64 `ctf:"bs_set"`
		Words uint64 `ctf:"bs_words"`
	}
	if err := v.load("bitset_t", c.Addr, &b); err != nil {
		return badRead("bitset", c.Addr, err)
	}
	if b.Words > maxBitset {
		return fmt.Errorf("bitset at %x has %d words", c.Addr, b.Words)
	}
	words, err := v.pointers(b.Set, b.Words)
	if err != nil {
		return badRead("bitset bs_set", b.Set, err)
	}
	if c.Opts.JSON {
		var members []any
		for i, w := range words {
			for ; w != 0; w &= w - 1 {
				members = append(members, 64*i+bits.TrailingZeros64(w))
			}
		}
		c.Record(nil, out.Field{Name: "addr", Value: out.Addr(c.Addr)}, out.Field{Name: "members", Value: members})
		return nil
	}
	drawBitset(c, words)
	return nil
}

// drawBitset draws the bits up to the one behind the highest that is set.
func drawBitset(c *core.Ctx, words []uint64) {
	end := 0
	for i, w := range words {
		if w != 0 {
			end = 64*i + bits.Len64(w) + 1
		}
	}
	if end == 0 {
		c.Printf("%s: empty-set", bitsetLabel)
		return
	}
	indent := strings.Repeat(" ", len(bitsetLabel)+1)
	room := bitsetWidth - len(indent)
	for first := 0; first < end; first += room {
		last := min(first+room, end)
		digits := len(fmt.Sprint(last))
		for d := digits - 1; d >= 0; d-- {
			power := 1
			for range d {
				power *= 10
			}
			line := []byte(indent)
			for i := first; i < last; i++ {
				ch := byte('0' + i/power%10)
				if d == digits-1 && ch == '0' {
					ch = ' '
				}
				line = append(line, ch)
			}
			c.Printf("%s\n", string(line))
		}
		line := []byte(indent)
		if first == 0 {
			line = []byte(bitsetLabel + ":")
		}
		for i := first; i < last; i++ {
			ch := byte('.')
			if i/64 < len(words) && words[i/64]>>(i%64)&1 != 0 {
				ch = 'X'
			}
			line = append(line, ch)
		}
		c.Printf("%s\n", string(line))
	}
}

// runPeriodic is ::ddi_periodic.
func runPeriodic(c *core.Ctx) error {
	v := viewOf(c)
	if c.HasAddr {
		return v.periodic(c, c.Addr, c.Header())
	}
	head := !c.PipeOut
	// the walker of their cache
	return each(c, walkOf(c, "ddi_periodic", 0), func(at uint64) error {
		err := v.periodic(c, at, head)
		head = false
		return err
	})
}

func (v *view) periodic(c *core.Ctx, at uint64, head bool) error {
	if c.PipeOut {
		c.Emit(at, v.typeOrNil("ddi_periodic_impl_t"))
		return nil
	}
	var p struct {
		ID       int64  `ctf:"dpr_id"`
		Interval int64  `ctf:"dpr_interval"`
		Level    uint64 `ctf:"dpr_level"`
		Fired    uint64 `ctf:"dpr_fire_count"`
		Thread   uint64 `ctf:"dpr_thread"`
		Cyclic   uint64 `ctf:"dpr_cyclic_id"`
		Handler  uint64 `ctf:"dpr_handler"`
		Arg      uint64 `ctf:"dpr_arg"`
	}
	if err := v.load("ddi_periodic_impl_t", at, &p); err != nil {
		return badRead("ddi_periodic_impl_t", at, err)
	}
	flags, err := v.member("ddi_periodic_impl_t", "dpr_flags", at)
	if err != nil {
		return badRead("ddi_periodic_impl_t", at, err)
	}
	verbose := c.Opt('v')
	if head && !c.Opts.JSON {
		c.Printf("%16s %4s %3s %5s %5s %12s %s\n", "ADDR", "ID", "LVL", "FLAGS", "MS", "FIRE_COUNT", "HANDLER")
		if verbose {
			c.Printf("%16s %16s %16s %s\n", "", "THREAD", "CYCLIC_ID", "ARGUMENT")
		}
	}
	text := []byte("---")
	for i, ch := range []byte("DXC") {
		if flags>>i&1 != 0 {
			text[i] = ch
		}
	}
	c.Record(func() {
		c.Printf("%16p %4x %3d %5s %5d %12x %a\n", at, uint32(p.ID), p.Level, string(text), int32(p.Interval/1000000), p.Fired, p.Handler)
		if verbose {
			c.Printf("%16s %16p %16p %a\n", "", p.Thread, p.Cyclic, p.Arg)
		}
	}, out.Field{Name: "addr", Value: out.Addr(at)}, out.Field{Name: "id", Value: p.ID}, out.Field{Name: "level", Value: p.Level}, out.Field{Name: "flags", Value: out.Hex(flags)},
		out.Field{Name: "interval", Value: p.Interval}, out.Field{Name: "fired", Value: p.Fired}, out.Field{Name: "handler", Value: out.Addr(p.Handler)},
		out.Field{Name: "thread", Value: out.Addr(p.Thread)}, out.Field{Name: "arg", Value: out.Addr(p.Arg)})
	return nil
}
