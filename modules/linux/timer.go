package linux

import (
	"fmt"
	"iter"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/modules/kernel"
)

var timerTable = &core.Table{
	Head: "%<u>%3s %-?s %-8s %20s %-24s %-s%</u>\n", Line: "%3d %0?p %-8s %20s %-24s %-s\n", Pipe: 1,
	Cols: []core.Field{{Name: "cpu", Head: "CPU"}, {Name: "addr", Head: "ADDR"}, {Name: "base", Head: "BASE", Descr: "wheel, or a clock of high-resolution timers"},
		{Name: "expires", Head: "EXPIRES", Descr: "of the wheel: jiffies from now; else seconds of the clock"}, {Name: "func", Head: "FUNCTION"},
		{Name: "for", Head: "FOR", Descr: "the thread that sleeps, or the work that is to be done"}},
}

func timerDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "timers", Usage: "[-hw]", Descr: "pending timers", Table: timerTable, Run: noArgs(runTimers),
		Help: `Lists the timers of every CPU: those of the wheel (timer_list) with the jiffies that are left
until they expire, and high-resolution ones (hrtimer) with when they expire by their clock.
The first that expires comes first in each high-resolution base; the wheel has no order.

-h  only high-resolution timers
-w  only those of the wheel
`,
		Opts: []core.Opt{{Letter: 'h', Help: "only high-resolution timers"}, {Letter: 'w', Help: "only those of the wheel"}},
	}}
}

func runTimers(c *core.Ctx) error {
	v := kernel.Of(c.Session)
	k, err := kernelOf(c.Session)
	if err != nil {
		return err
	}
	cpus, err := k.CPUs()
	if err != nil {
		return err
	}
	both := c.Opt('h') == c.Opt('w')
	for _, cpu := range cpus {
		var bases []timerBase
		if both || c.Opt('w') {
			list, err := wheels(v, cpu.Offset)
			if err != nil {
				return err
			}
			bases = list
		}
		if both || c.Opt('h') {
			list, err := clockBases(v, cpu.Offset)
			if err != nil {
				return err
			}
			bases = append(bases, list...)
		}
		for _, b := range bases {
			if err := b.print(c, v, cpu.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// timerKind is a kind of timers: timer_list or hrtimer.
type timerKind struct {
	typ           string
	node, expires kernel.Field
	function      kernel.Field
	size          uint64
}

// timerKindOf finds the members of a kind; node is what links a timer to the others.
func timerKindOf(v *kernel.View, typ, node, expires string) (k timerKind, err error) {
	k.typ = typ
	for _, m := range []struct {
		to   *kernel.Field
		name string
	}{{&k.node, node}, {&k.expires, expires}, {&k.function, "function"}} {
		if *m.to, err = v.Member(typ, m.name); err != nil {
			return k, err
		}
	}
	k.size, err = v.Size(typ)
	return k, err
}

// timerBase is what a CPU keeps timers in: a wheel, or a clock of high-resolution timers.
type timerBase struct {
	kind  timerKind
	name  string
	nodes iter.Seq2[uint64, error]
	when  func(expires uint64) string
}

// print writes the rows of the timers of a base.
func (b *timerBase) print(c *core.Ctx, v *kernel.View, cpu int) error {
	for node, err := range b.nodes {
		if err != nil {
			return err
		}
		if c.Err() != nil {
			return core.ErrIntr
		}
		at := node - b.kind.node.Off
		t, err := v.Bytes(at, b.kind.size, nil)
		if err != nil {
			c.Warnf("%s", kernel.BadRead(b.kind.typ, at, err).Error())
			continue
		}
		timerRow(c, cpu, at, b.kind.typ, b.name, b.when(b.kind.expires.Of(t)), b.kind.function.Of(t))
	}
	return nil
}

// timerRow writes a timer.
func timerRow(c *core.Ctx, cpu int, addr uint64, typ, base, expires string, function uint64) {
	if c.PipeOut {
		c.Emit(addr, kernel.Of(c.Session).TypeOrNil(typ))
		return
	}
	name := out.Sprintf(c.OutEnv(), "%a", function)
	c.Row(cpu, out.Hex(addr), base, expires, name, timerFor(c, kernel.Of(c.Session), addr, name))
}

// timerOwners are the objects that timers of some functions are members of, and the member
// that tells what for: a thread to wake, or a function to call.
var timerOwners = map[string]struct {
	typ, timer, member string
	thread             bool
}{
	"process_timeout":       {"struct process_timer", "timer", "task", true},
	"hrtimer_wakeup":        {"struct hrtimer_sleeper", "timer", "task", true},
	"delayed_work_timer_fn": {"struct delayed_work", "timer", "work.func", false},
}

// timerFor tells what a timer is for; "" if its function does not say.
func timerFor(c *core.Ctx, v *kernel.View, addr uint64, function string) string {
	o, ok := timerOwners[function]
	if !ok {
		return ""
	}
	timer, err1 := v.Member(o.typ, o.timer)
	member, err2 := v.Member(o.typ, o.member)
	if err1 != nil || err2 != nil {
		return ""
	}
	at, err := v.Pointer(addr - timer.Off + member.Off)
	switch {
	case err != nil || at == 0:
		return ""
	case o.thread:
		return fmt.Sprintf("%x %s", at, threadName(v, at))
	}
	return out.Sprintf(c.OutEnv(), "%a", at)
}

// maxBases bounds the wheels of a CPU.
const maxBases = 8

// wheels are the wheels of the CPU whose per-CPU variables lie at an offset.
func wheels(v *kernel.View, offset uint64) ([]timerBase, error) {
	at, err := address(v, "timer_bases")
	if err != nil {
		return nil, err
	}
	type layout struct {
		Size    uint64       `ctf:"sizeof"`
		Vectors kernel.Field `ctf:"vectors"`
	}
	l, err := kernel.Lay[layout](v, "struct timer_base")
	if err != nil {
		return nil, err
	}
	kind, err := timerKindOf(v, "struct timer_list", "entry", "expires")
	if err != nil {
		return nil, err
	}
	now, nerr := v.Variable("", "jiffies_64")
	when := func(expires uint64) string {
		if nerr != nil {
			return "?"
		}
		return fmt.Sprintf("%+d", int64(expires-now))
	}
	var list []timerBase
	for i := range wheelCount(v, l.Size) {
		list = append(list, timerBase{kind, "wheel", buckets(v, "timer", at+offset+i*l.Size+l.Vectors.Off, l.Vectors.Size/8, 8, 0), when})
	}
	return list, nil
}

// wheelCount is how many wheels a CPU has: 1 to 3 by the release and how it was built. The
// type of the per-CPU variable, an array, tells.
func wheelCount(v *kernel.View, size uint64) uint64 {
	m, err := v.Symbol("", "timer_bases")
	if err != nil {
		return 1
	}
	t, err := v.Session().DataType(m)
	if err != nil || size == 0 {
		return 1
	}
	return min(v.W.Size(t)/size, maxBases)
}

// clockBases are the clocks of high-resolution timers of the CPU whose per-CPU variables
// lie at an offset.
func clockBases(v *kernel.View, offset uint64) ([]timerBase, error) {
	at, err := address(v, "hrtimer_bases")
	if err != nil {
		return nil, err
	}
	bases, err := v.Member("struct hrtimer_cpu_base", "clock_base")
	if err != nil {
		return nil, err
	}
	type layout struct {
		Size uint64       `ctf:"sizeof"`
		Root kernel.Field `ctf:"active.rb_root.rb_root"`
	}
	l, err := kernel.Lay[layout](v, "struct hrtimer_clock_base")
	if err != nil {
		return nil, err
	}
	kind, err := timerKindOf(v, "struct hrtimer", "node.node", "node.expires")
	if err != nil {
		return nil, err
	}
	when := func(ns uint64) string { return fmt.Sprintf("%d.%09d", int64(ns)/1e9, int64(ns)%1e9) }
	names := clockNames(v)
	var list []timerBase
	for i := range bases.Size / max(l.Size, 1) {
		root := at + offset + bases.Off + i*l.Size + l.Root.Off
		list = append(list, timerBase{kind, named(names, int(i)), tree(v, "hrtimer", root), when})
	}
	return list, nil
}

// clockNames are short names of the clocks by enum hrtimer_base_type; those whose timers
// expire in the soft interrupt end in -s.
func clockNames(v *kernel.View) []string {
	list := make([]string, 16)
	for i := range list {
		list[i] = fmt.Sprint(i)
	}
	for _, n := range []struct{ enumerator, name string }{
		{"HRTIMER_BASE_MONOTONIC", "mono"}, {"HRTIMER_BASE_REALTIME", "real"}, {"HRTIMER_BASE_BOOTTIME", "boot"}, {"HRTIMER_BASE_TAI", "tai"},
		{"HRTIMER_BASE_MONOTONIC_SOFT", "mono-s"}, {"HRTIMER_BASE_REALTIME_SOFT", "real-s"}, {"HRTIMER_BASE_BOOTTIME_SOFT", "boot-s"}, {"HRTIMER_BASE_TAI_SOFT", "tai-s"},
	} {
		if i, ok := v.Enumerator("enum hrtimer_base_type", n.enumerator); ok && i >= 0 && int(i) < len(list) {
			list[i] = n.name
		}
	}
	return list
}
