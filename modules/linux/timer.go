package linux

import (
	"fmt"

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
		if both || c.Opt('w') {
			if err := wheelTimers(c, v, cpu.ID, cpu.Offset); err != nil {
				return err
			}
		}
		if both || c.Opt('h') {
			if err := highTimers(c, v, cpu.ID, cpu.Offset); err != nil {
				return err
			}
		}
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

// wheelTimers lists the timers of a CPU's wheels.
func wheelTimers(c *core.Ctx, v *kernel.View, cpu int, offset uint64) error {
	at, err := address(v, "timer_bases")
	if err != nil {
		return err
	}
	type baseLayout struct {
		Size    uint64       `ctf:"sizeof"`
		Vectors kernel.Field `ctf:"vectors"`
	}
	type layout struct {
		Size    uint64       `ctf:"sizeof"`
		Entry   kernel.Field `ctf:"entry"`
		Expires kernel.Field `ctf:"expires"`
		Func    kernel.Field `ctf:"function"`
	}
	l, err := kernel.Lay[baseLayout](v, "struct timer_base")
	if err != nil {
		return err
	}
	tl, err := kernel.Lay[layout](v, "struct timer_list")
	if err != nil {
		return err
	}
	now, nerr := v.Variable("", "jiffies_64")
	for i := range wheelCount(v, l.Size) {
		base := at + offset + i*l.Size
		for a, err := range buckets(v, "timer", base+l.Vectors.Off, l.Vectors.Size/8, 8, 0) {
			if err != nil {
				return err
			}
			if c.Err() != nil {
				return core.ErrIntr
			}
			t, err := v.Bytes(a-tl.Entry.Off, tl.Size, nil)
			if err != nil {
				c.Warnf("%s", kernel.BadRead("struct timer_list", a-tl.Entry.Off, err).Error())
				continue
			}
			left := "?"
			if nerr == nil {
				left = fmt.Sprintf("%+d", int64(tl.Expires.Of(t)-now))
			}
			timerRow(c, cpu, a-tl.Entry.Off, "struct timer_list", "wheel", left, tl.Func.Of(t))
		}
	}
	return nil
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

// highTimers lists a CPU's high-resolution timers, by clock.
func highTimers(c *core.Ctx, v *kernel.View, cpu int, offset uint64) error {
	at, err := address(v, "hrtimer_bases")
	if err != nil {
		return err
	}
	bases, err := v.Member("struct hrtimer_cpu_base", "clock_base")
	if err != nil {
		return err
	}
	type baseLayout struct {
		Size uint64       `ctf:"sizeof"`
		Root kernel.Field `ctf:"active.rb_root.rb_root"`
	}
	type layout struct {
		Size    uint64       `ctf:"sizeof"`
		Node    kernel.Field `ctf:"node.node"`
		Expires kernel.Field `ctf:"node.expires"`
		Func    kernel.Field `ctf:"function"`
	}
	l, err := kernel.Lay[baseLayout](v, "struct hrtimer_clock_base")
	if err != nil {
		return err
	}
	hl, err := kernel.Lay[layout](v, "struct hrtimer")
	if err != nil {
		return err
	}
	names := clockNames(v)
	for off := uint64(0); off+l.Size <= bases.Size; off += l.Size {
		base := at + offset + bases.Off + off
		for a, err := range steady(v, tree(v, "hrtimer", base+l.Root.Off)) {
			if err != nil {
				return err
			}
			if c.Err() != nil {
				return core.ErrIntr
			}
			t, err := v.Bytes(a-hl.Node.Off, hl.Size, nil)
			if err != nil {
				return kernel.BadRead("struct hrtimer", a-hl.Node.Off, err)
			}
			ns := int64(hl.Expires.Of(t))
			timerRow(c, cpu, a-hl.Node.Off, "struct hrtimer", named(names, int(off/l.Size)), fmt.Sprintf("%d.%09d", ns/1e9, ns%1e9), hl.Func.Of(t))
		}
	}
	return nil
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
