package golang

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/out"
)

const goprintHelp = `Print the value of a Go type at the address as Go means it: strings as text, slices and
maps with their elements, interfaces with the type and value they hold, channels with
what is queued in them and who waits, functions by name. The type is the argument, else
that of what comes along the pipe, else that of the variable at the address. Numbers are
decimal.

-d depth    levels of nesting (default 5)
-l count    elements of a slice, map or channel (default as array_mem_limit)
-p          follow pointers, one level
-r          the address is that of a run-time type's value: the argument is the address
            of the type, as an interface has it
`

func goprintDcmd() *core.Dcmd {
	return &core.Dcmd{
		Name: "goprint", Usage: "?[-pr] [-d depth] [-l count] [type]", Descr: "print a value as Go means it", Help: goprintHelp,
		Opts: []core.Opt{
			{Letter: 'd', Kind: core.Uint, Arg: "depth", Help: "levels of nesting"},
			{Letter: 'l', Kind: core.Uint, Arg: "count", Help: "elements of a slice, map or channel"},
			{Letter: 'p', Help: "follow pointers, one level"},
			{Letter: 'r', Help: "the argument is the address of a run-time type"},
		},
		Run: runGoprint,
	}
}

// defaultDepth is how many levels are shown.
const defaultDepth = 5

func (r *goRuntime) renderer(c *core.Ctx) *renderer {
	p := &renderer{r: r, depth: defaultDepth, elements: c.Opts.ArrayMemLimit, bytes: c.Opts.ArrayStrLimit, budget: maxShown}
	if n, ok := c.OptUint('d'); ok {
		p.depth = int(min(n, 64))
	}
	if n, ok := c.OptUint('l'); ok {
		p.elements = n
	}
	if c.Opt('p') {
		p.follow = 1
	}
	p.bytes = min(p.bytes, 1<<20)
	return p
}

func runGoprint(c *core.Ctx) error {
	if len(c.Args) > 1 {
		return core.ErrUsage
	}
	r, err := runtimeOf(c.Session)
	if err != nil {
		return err
	}
	t, err := goprintType(c, r)
	if err != nil {
		return err
	}
	v := r.renderer(c)
	s := v.value(t, c.Addr, v.depth)
	c.Record(func() {
		var b strings.Builder
		s.append(&b, 0)
		// The text is not a format: what is in a string must not be taken for one.
		c.Printf("%s\n", b.String())
	}, out.Field{Name: "addr", Value: out.Hex(c.Addr)}, out.Field{Name: "type", Value: t.name}, out.Field{Name: "value", Value: s.json()})
	return nil
}

// goprintType finds the type of what is to be printed.
func goprintType(c *core.Ctx, r *goRuntime) (*goType, error) {
	if c.Opt('r') {
		if len(c.Args) != 1 {
			return nil, core.ErrUsage
		}
		at := c.Args[0].Imm
		if !c.Args[0].IsImm {
			var err error
			if at, err = c.Session.Eval.Expr(c.Session, c.Args[0].Str); err != nil {
				return nil, err
			}
		}
		return r.types.fromRuntime(at)
	}
	var t *ctype.Type
	var err error
	switch {
	case len(c.Args) == 1:
		t, err = c.LookupType(c.Args[0].Str)
		if err != nil {
			return nil, fmt.Errorf("failed to look up type %s: %w", c.Args[0].Str, err)
		}
	case c.Type != nil:
		t = c.Type
	default:
		m, err := c.SymbolAt(c.Addr)
		if err != nil {
			return nil, fmt.Errorf("no variable at %#x, and no type given: %w", c.Addr, err)
		}
		if t, err = c.DataType(m); err != nil {
			return nil, fmt.Errorf("failed to look up type of %s: %w", m.Name, err)
		}
	}
	return r.types.fromDebug(t), nil
}
