package genunix

import (
	"errors"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// stackFilter is what the options of ::stacks let pass.
type stackFilter struct {
	tests       []func(*stackGroup) bool
	interesting bool // -i: panicking threads pass, whatever they wait for
	notSobj     func(*stackGroup) bool
}

func (f *stackFilter) passes(g *stackGroup) bool {
	for _, t := range f.tests {
		if !t(g) {
			return false
		}
	}
	return f.notSobj == nil || f.interesting && g.panicked || f.notSobj(g)
}

func newStackFilter(c *core.Ctx, v *view) (*stackFilter, error) {
	f := &stackFilter{interesting: c.Opt('i')}
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
		text['S'], text['T'] = "CV", "FREE"
	}
	return f, errors.Join(
		f.function(c, text['c'], true), f.function(c, text['C'], false),
		f.module(c, v, text['m'], true), f.module(c, v, text['M'], false),
		f.sobj(c, v, text['s'], text['S']), f.state(c, text['t'], text['T']))
}

// test adds a test for stacks that do, or do not.
func (f *stackFilter) test(want bool, has func(*stackGroup) bool) {
	f.tests = append(f.tests, func(g *stackGroup) bool { return has(g) == want })
}

// function lets stacks with a function pass: with any address in it if the expression
// is its first, else with that address.
func (f *stackFilter) function(c *core.Ctx, text string, want bool) error {
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
	for _, pc := range g.frames {
		if pc >= low && pc < high {
			return true
		}
	}
	return false
}

// module lets stacks with code of a kernel module pass.
func (f *stackFilter) module(c *core.Ctx, v *view, name string, want bool) error {
	if name == "" {
		return nil
	}
	text, size, err := v.moduleText(name)
	if err != nil {
		c.Warnf("cannot walk \"modctl\": %s\n", err.Error())
		return core.ErrAbort
	}
	if size == 0 {
		c.Warnf("stacks: module \"%s\" is unknown\n", name)
		return core.ErrAbort
	}
	f.test(want, func(g *stackGroup) bool { return hasPC(g, text, text+size) })
	return nil
}

// maxModuleName is the longest name of a module, with its NUL: more than MODMAXNAMELEN.
const maxModuleName = 256

// moduleText finds the text of a kernel module by its name; size is 0 if there is
// none.
func (v *view) moduleText(name string) (text, size uint64, err error) {
	head, err := v.address("genunix", "modules")
	if err != nil {
		return 0, 0, err
	}
	for a, err := range v.ring("modctl", "struct modctl", "mod_next", head) {
		if err != nil {
			return 0, 0, err
		}
		var m struct {
			Name uint64 `ctf:"mod_modname"`
			Text uint64 `ctf:"mod_text"`
			Size uint64 `ctf:"mod_text_size"`
		}
		if err := v.load("struct modctl", a, &m); err != nil {
			return 0, 0, badRead("modctl", a, err)
		}
		if s, err := v.text(m.Name, maxModuleName); err == nil && s == name {
			return m.Text, m.Size, nil
		}
	}
	return 0, 0, nil
}

// sobj lets threads on a type of synchronization object pass, or those that are not.
func (f *stackFilter) sobj(c *core.Ctx, v *view, is, not string) error {
	if is != "" && not != "" {
		c.Warnf("stacks: only one of -s and -S can be specified\n")
		return core.ErrUsage
	}
	if is != "" {
		has, err := sobjTest(c, v, is)
		if err != nil {
			return err
		}
		f.test(true, has)
	}
	if not != "" {
		has, err := sobjTest(c, v, not)
		if err != nil {
			return err
		}
		f.notSobj = func(g *stackGroup) bool { return !has(g) }
	}
	return nil
}

func sobjTest(c *core.Ctx, v *view, name string) (func(*stackGroup) bool, error) {
	if strings.EqualFold(name, "ALL") {
		return func(g *stackGroup) bool { return g.stack.sobj != 0 }, nil
	}
	for _, s := range sobjTypes {
		if !strings.EqualFold(s.name, name) {
			continue
		}
		ops, err := v.address("genunix", s.ops)
		if err != nil {
			c.Warnf("unable to find symbol \"%s\": %s\n", s.ops, core.Reason(err))
			return nil, core.ErrUsage
		}
		return func(g *stackGroup) bool { return g.stack.sobj == ops }, nil
	}
	c.Warnf("sobj type \"%s\" unknown\n", name)
	return nil, core.ErrUsage
}

// state lets threads in a state pass, or those that are not.
func (f *stackFilter) state(c *core.Ctx, is, not string) error {
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
			f.test(o.want, func(g *stackGroup) bool { return g.panicked })
			continue
		}
		state, ok := stateByName(o.name)
		if !ok {
			c.Warnf("tstate \"%s\" not recognized\n", o.name)
			return core.ErrUsage
		}
		f.test(o.want, func(g *stackGroup) bool { return !g.panicked && g.stack.state == state })
	}
	return nil
}
