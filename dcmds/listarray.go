package dcmds

import (
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/value"
)

// sequenceDcmds walk lists and arrays by what the types say of them.
func sequenceDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{
			Name: "list", Usage: "?type member [variable]", Descr: "walk list using member as link pointer",
			Run: runList, Complete: completeTypeMember,
		},
		{
			Name: "array", Usage: ":[type count] [variable]", Descr: "print each array element's address",
			Run: runArray, Complete: completeTypes,
		},
	}
}

// listPlan is what a ::list does, worked out once a stage.
type listPlan struct {
	off  uint64      // of the link pointer, bytes
	node *ctype.Type // nil if an offset was given
	v    *core.Var   // follows the addresses; nil if none
}

func runList(c *core.Ctx) error {
	plan, ok := c.State.(*listPlan)
	if !ok {
		if !c.HasAddr || len(c.Args) == 0 {
			return core.ErrUsage
		}
		var err error
		if plan, err = planList(c); err != nil {
			return err
		}
		c.State = plan
	}
	nodes, fault := followList(c, plan)
	if c.PipeOut && plan.v == nil {
		c.EmitList(nodes, plan.node)
		return fault()
	}
	for _, a := range nodes {
		if plan.v != nil {
			plan.v.Force(a)
		}
		switch {
		case c.PipeOut:
			c.Emit(a, plan.node)
		default:
			c.Record(func() { c.Printf("%lr\n", a) }, namedField("addr", out.Hex(a)))
		}
	}
	return fault()
}

func planList(c *core.Ctx) (*listPlan, error) {
	p := &listPlan{}
	args := c.Args
	width := uint64(c.Arch().PtrSize)
	if args[0].IsImm {
		if p.off = args[0].Imm; p.off%width != 0 {
			c.Warnf("offset must fall on a word boundary")
			return nil, core.ErrAbort
		}
		args = args[1:]
	} else {
		name, rest, err := typeName(c, args)
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 || rest[0].IsImm {
			return nil, core.ErrUsage
		}
		if err := p.link(c, name, rest[0].Str, width); err != nil {
			return nil, err
		}
		args = rest[1:]
	}
	if len(args) > 1 {
		return nil, core.ErrUsage
	}
	if len(args) == 1 {
		v, err := walkVar(c, args[0])
		if err != nil {
			return nil, err
		}
		p.v = v
	}
	return p, nil
}

// link finds the link pointer: a member of the type, or a path to one within it.
func (p *listPlan) link(c *core.Ctx, name, member string, width uint64) error {
	t, err := c.LookupType(name)
	if err != nil {
		c.Warn(err, "couldn't find type %s", name)
		return core.ErrAbort
	}
	w := c.World()
	m, err := w.Resolve(t).FindMember(member)
	if err != nil && strings.ContainsAny(member, ".[") {
		m, err = memberByPath(w, t, member)
	}
	if err != nil {
		warnMember(c, err, "couldn't find member %s of type %s", member, name)
		return core.ErrAbort
	}
	if m.Off%8 != 0 {
		c.Warnf("member %s of type %s is an unsupported bitfield", member, name)
		return core.ErrAbort
	}
	if p.off = m.Off / 8; p.off%width != 0 {
		c.Warnf("%s is not a word-aligned member", member)
		return core.ErrAbort
	}
	p.node = t
	return nil
}

// memberByPath finds a member within a structure by a path without pointers.
func memberByPath(w *value.World, t *ctype.Type, path string) (ctype.Member, error) {
	p, err := w.Compile(t, path)
	if err != nil || p.Err != nil {
		return ctype.Member{}, ctype.ErrNoMember
	}
	m := ctype.Member{Type: p.Type, Bits: p.Bits, Off: uint64(p.Off)}
	for _, s := range p.Steps {
		if s.Ptr != 0 {
			return ctype.Member{}, ctype.ErrNoMember
		}
		m.Off += 8 * s.Add
	}
	return m, nil
}

// followList collects the list's addresses from the first to the one whose link
// is NULL or leads back to the first. A link that leads into the list's middle is
// found by Brent's method: a mark is left at every power of two. fault says, after
// what was collected has been passed on, why there is no more.
func followList(c *core.Ctx, p *listPlan) (nodes []uint64, fault func() error) {
	w := c.World()
	width := c.Arch().PtrSize
	read := value.NewAccess(w, &ctype.Path{Type: ctype.Derive(nil, ctype.Pointer, 0)})
	nodes = make([]uint64, 0, 16)
	first := c.Addr
	mark, next := first, 1
	for a := first; ; {
		if len(nodes) == cap(nodes) { // append grows large lists by a quarter
			nodes = slices.Grow(nodes, len(nodes))
		}
		nodes = append(nodes, a)
		if len(nodes)%4096 == 0 && c.Err() != nil {
			return nodes, c.Err
		}
		link, err := read.Pointer(w.Space, a+p.off, width)
		if err != nil {
			return nodes, func() error { return c.Warn(err, "failed to read next pointer from object %p", a) }
		}
		if link == 0 || link == first {
			return nodes, func() error { return nil }
		}
		if link == mark {
			nodes, at := oneRound(nodes, link)
			return nodes, func() error {
				c.Warnf("list leads back to %p without reaching its end", at)
				return core.ErrFailed
			}
		}
		if len(nodes) == next {
			mark, next = link, next*2
		}
		a = link
	}
}

// oneRound cuts a list that was followed around a loop to the nodes before the
// first that comes again, which it names. link, which is in the loop, follows the
// last.
func oneRound(nodes []uint64, link uint64) (once []uint64, again uint64) {
	seen := make(map[uint64]bool, len(nodes))
	for i, a := range nodes {
		if seen[a] {
			return nodes[:i], a
		}
		seen[a] = true
	}
	return nodes, link
}

func runArray(c *core.Ctx) error {
	args := c.Args
	var size, n uint64
	var elem *ctype.Type
	switch {
	case len(args) >= 2:
		name, rest, err := typeName(c, args)
		if err != nil {
			return err
		}
		if len(rest) == 0 {
			return core.ErrUsage
		}
		if elem, err = c.LookupType(name); err != nil {
			c.Warn(err, "failed to look up type %s", name)
			return core.ErrAbort
		}
		if n, err = number(c, rest[0]); err != nil {
			return err
		}
		size, args = c.World().Size(elem), rest[1:]
	default:
		t, err := symbolArray(c)
		if err != nil {
			return c.Warn(err, "no symbol information for %a", c.Addr)
		}
		elem, n, size = t.Elem(), t.Count(), c.World().Size(t.Elem())
	}
	if len(args) > 1 {
		return core.ErrUsage
	}
	var v *core.Var
	if len(args) == 1 {
		var err error
		if v, err = walkVar(c, args[0]); err != nil {
			return err
		}
	}
	return emitArray(c, elem, size, int64(int32(n)), v)
}

// symbolArray is the type of the array that a symbol at the address stands for,
// or that the pipe knows to be there.
func symbolArray(c *core.Ctx) (*ctype.Type, error) {
	if t := c.Type.Resolve(); t.Kind() == ctype.Array {
		return t, nil
	}
	m, err := c.SymbolAt(c.Addr)
	if err != nil {
		return nil, err
	}
	t, err := c.DataType(m)
	if err != nil {
		return nil, err
	}
	if t = t.Resolve(); t.Kind() != ctype.Array {
		return nil, value.ErrNotArray
	}
	return t, nil
}

func emitArray(c *core.Ctx, elem *ctype.Type, size uint64, n int64, v *core.Var) error {
	a := c.Addr
	for i := int64(0); i < n; i++ {
		if v != nil {
			v.Force(a)
		}
		switch {
		case c.PipeOut:
			c.Emit(a, elem)
		default:
			c.Record(func() { c.Printf("%lr\n", a) }, namedField("addr", out.Hex(a)))
		}
		if i%4096 == 0 && c.Err() != nil {
			return c.Err()
		}
		a += size
	}
	return nil
}
