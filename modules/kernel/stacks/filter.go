package stacks

import (
	"errors"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/sym"
)

// filter is what the options of ::stacks let pass.
type filter struct {
	tests       []func(*stackGroup) bool
	interesting bool // -i: panicking threads pass, whatever they wait for
	notSobj     func(*stackGroup) bool
}

func (f *filter) passes(g *stackGroup) bool {
	for _, t := range f.tests {
		if !t(g) {
			return false
		}
	}
	return f.notSobj == nil || f.interesting && g.Panicked || f.notSobj(g)
}

func newFilter(c *core.Ctx, k Kernel) (*filter, error) {
	f := &filter{interesting: c.Opt('i')}
	text := map[byte]string{}
	for _, l := range []byte("cCmMsStT") {
		if val, ok := c.OptStr(l); ok {
			text[l] = val
		}
	}
	if f.interesting {
		for _, l := range []byte("sStT") {
			if text[l] != "" {
				c.Warnf("stacks: -i is incompatible with -[sStT]\n")
				return nil, core.ErrUsage
			}
		}
		if ch, ok := k.(Chooser); ok {
			f.test(true, func(g *stackGroup) bool { return g.Panicked || ch.Interesting(&g.Stack) })
		} else {
			text['S'], text['T'] = "CV", "FREE"
		}
	}
	return f, errors.Join(
		f.function(c, text['c'], true), f.function(c, text['C'], false),
		f.module(c, k, text['m'], true), f.module(c, k, text['M'], false),
		f.sobj(c, k, text['s'], text['S']), f.state(c, k, text['t'], text['T']))
}

// test adds a test for stacks that do, or do not.
func (f *filter) test(want bool, has func(*stackGroup) bool) {
	f.tests = append(f.tests, func(g *stackGroup) bool { return has(g) == want })
}

// function lets stacks with a function pass: with any address in it if the expression
// is its first, else with that address.
func (f *filter) function(c *core.Ctx, text string, want bool) error {
	if text == "" {
		return nil
	}
	low, err := c.Session.Eval.Expr(c.Session, text)
	if err != nil {
		c.Fail(err)
		c.Warnf("stacks: evaluation of \"%s\" failed\n", text)
		return core.ErrAbort
	}
	high := low + 1
	if m, err := c.Namespace().LookupAddr(low, 0); err == nil && m.Value == low {
		high = low + m.Size
	}
	f.test(want, func(g *stackGroup) bool { return hasPC(g, low, high) })
	return nil
}

func hasPC(g *stackGroup, low, high uint64) bool {
	for _, pc := range g.Frames {
		if pc >= low && pc < high {
			return true
		}
	}
	return false
}

// module lets stacks with code of a kernel module pass.
func (f *filter) module(c *core.Ctx, k Kernel, name string, want bool) error {
	if name == "" {
		return nil
	}
	code, err := k.Module(name)
	if err != nil {
		c.Warnf("cannot walk \"modctl\": %s\n", err.Error())
		return core.ErrAbort
	}
	if len(code) == 0 {
		c.Warnf("stacks: module \"%s\" is unknown\n", name)
		return core.ErrAbort
	}
	f.test(want, func(g *stackGroup) bool {
		return slices.ContainsFunc(code, func(r sym.Range) bool { return hasPC(g, r.Base, r.Base+r.Size) })
	})
	return nil
}

// sobj lets threads on a type of synchronization object pass, or those that are not.
func (f *filter) sobj(c *core.Ctx, k Kernel, is, not string) error {
	if is != "" && not != "" {
		c.Warnf("stacks: only one of -s and -S can be specified\n")
		return core.ErrUsage
	}
	if is != "" {
		has, err := sobjTest(k, is)
		if err != nil {
			return err
		}
		f.test(true, has)
	}
	if not != "" {
		has, err := sobjTest(k, not)
		if err != nil {
			return err
		}
		f.notSobj = func(g *stackGroup) bool { return !has(g) }
	}
	return nil
}

func sobjTest(k Kernel, name string) (func(*stackGroup) bool, error) {
	if strings.EqualFold(name, "ALL") {
		return func(g *stackGroup) bool { return g.Sobj != 0 }, nil
	}
	sobj, err := k.SobjNamed(name)
	if err != nil {
		return nil, err
	}
	return func(g *stackGroup) bool { return g.Sobj == sobj }, nil
}

// state lets threads in a state pass, or those that are not.
func (f *filter) state(c *core.Ctx, k Kernel, is, not string) error {
	if is != "" && not != "" {
		c.Warnf("stacks: only one of -t and -T can be specified\n")
		return core.ErrUsage
	}
	for _, o := range []struct {
		name string
		want bool
	}{{is, true}, {not, false}} {
		if o.name == "" {
			continue
		}
		if strings.EqualFold(o.name, "panic") {
			f.test(o.want, func(g *stackGroup) bool { return g.Panicked })
			continue
		}
		state, ok := k.StateNamed(o.name)
		if !ok {
			c.Warnf("tstate \"%s\" not recognized\n", o.name)
			return core.ErrUsage
		}
		f.test(o.want, func(g *stackGroup) bool { return !g.Panicked && g.State == state })
	}
	return nil
}
