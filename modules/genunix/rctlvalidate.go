package genunix

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// Patterns of kmem that stand for links never set or freed, as MDB looks for them.
const (
	uninitPattern = 0xbaddcafe
	freePattern   = 0xdeadbeef
)

// rctlCheck is the checking of one list of values.
type rctlCheck struct {
	c         *core.Ctx
	cursor    uint64
	hasCursor bool
	circular  bool
	seen      []rctlValue
	faults    []string
}

// runRctlValidate follows the values itself: a list that is none is what it reports.
func runRctlValidate(c *core.Ctx) error {
	v := viewOf(c)
	var r struct {
		Values uint64 `ctf:"rc_values"`
		Cursor uint64 `ctf:"rc_cursor"`
	}
	if err := v.load("rctl_t", c.Addr, &r); err != nil {
		return c.Warn(err, "failed to read rctl structure at %p", c.Addr)
	}
	k := &rctlCheck{c: c, cursor: r.Cursor}
	switch r.Cursor {
	case 0:
		k.say("/ NULL cursor seen ")
	case uninitPattern:
		k.say("/ uninitialized cursor seen ")
	}
	err := k.values(v, r.Values)
	if n, ok := c.OptUint('n'); ok && uint64(len(k.seen)) >= n {
		k.say("/ sequence length = %d ", len(k.seen))
	}
	if !k.hasCursor {
		k.say("/ cursor outside sequence")
	}
	if err != nil {
		c.Warnf("%s", err.Error())
		c.Warnf("failed to walk all values for rctl_t %p", c.Addr)
		return core.ErrFailed
	}
	k.report()
	return nil
}

func (k *rctlCheck) say(format string, args ...any) {
	k.faults = append(k.faults, out.Sprintf(k.c.OutEnv(), format, args...))
}

// values checks one value after the other up to the end, or to one seen before.
func (k *rctlCheck) values(v *view, first uint64) error {
	at := map[uint64]bool{}
	for a := first; a != 0 && !k.circular; {
		x := rctlValue{addr: a}
		if err := v.load("rctl_val_t", a, &x); err != nil {
			return badRead("rctl_val", a, err)
		}
		at[a] = true
		k.hasCursor = k.hasCursor || a == k.cursor
		k.value(x)
		if at[x.Next] {
			k.say("/ circular next pointer at %p ", a)
			k.circular = true
			break
		}
		k.seen = append(k.seen, x)
		a = x.Next
	}
	return nil
}

// value checks a value against the one before it.
func (k *rctlCheck) value(x rctlValue) {
	for _, link := range []uint64{x.Prev, x.Next} {
		if link == uninitPattern || link == freePattern {
			k.say("/ uninitialized or previously freed link at %p ", x.addr)
			break
		}
	}
	if len(k.seen) == 0 {
		if x.Prev != 0 {
			k.say("/ bad prev pointer at head ")
		}
		return
	}
	last := k.seen[len(k.seen)-1]
	if x.Prev != last.addr {
		k.say("/ bad prev pointer at %p ", x.addr)
	}
	if x.Value < last.Value {
		k.say("/ ordering error at %p ", x.addr)
	}
}

func (k *rctlCheck) report() {
	c := k.c
	if len(k.faults) > 0 {
		if c.PipeOut {
			c.Emit(c.Addr, viewOf(c).typeOrNil("rctl_t"))
		} else {
			text := ""
			if c.Opt('v') {
				text = strings.Join(k.faults, "")
			}
			list := out.List{}
			for _, f := range k.faults {
				list = append(list, strings.Trim(f, "/ "))
			}
			c.Record(func() { c.Printf("%p %s\n", c.Addr, text) }, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "faults", Value: list})
		}
	}
	if k.circular {
		c.Warnf("circular list implies possible memory leak; recommend invoking ::findleaks")
	}
}
