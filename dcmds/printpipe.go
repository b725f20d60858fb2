package dcmds

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/value"
)

// uniform tells that every element of the stage's input is treated alike: one
// type, nothing that depends on the element but its address.
func (p *printPlan) uniform(c *core.Ctx) bool {
	in := c.Stage.In
	if in == nil || len(in.Cols) > 0 || len(c.Stage.Out.Cols) > 0 || c.Opt('i') || c.Opt('p') {
		return false
	}
	return p.given || in.Types == nil && in.Type != nil && in.Type == p.typ
}

// pipeAll does the rest of the stage at once. A failed read is reported and the
// next element comes; a path that cannot be followed ends the command.
func (p *printPlan) pipeAll(c *core.Ctx) error {
	in := c.Input()
	if len(p.items) == 1 {
		return p.pipeMember(c, in)
	}
	var last error
	for i, a := range in {
		if i%4096 == 0 && c.Err() != nil {
			return c.Err()
		}
		if last = p.pipeOne(c, a); last == core.ErrAbort {
			return last
		}
		c.SetDot(a + p.size)
	}
	return last
}

// pipeMember passes on one member of each element. The list is the input's, which
// nobody reads again: an element is read before its place is written.
func (p *printPlan) pipeMember(c *core.Ctx, in []uint64) (last error) {
	it := &p.items[0]
	if it.acc == nil { // there is no such place
		_, _, err := p.follow(c, it, p.world.Space, c.Addr)
		return err
	}
	list := in[:0]
	load, t := p.piped(it.acc)
	for i, a := range in {
		if i%4096 == 0 && c.Err() != nil {
			last = c.Err()
			break
		}
		v, sp, err := p.follow(c, it, p.world.Space, a)
		if last = err; err != nil {
			break
		}
		if load {
			at := v
			if v, err = it.acc.Load(sp, at); err != nil {
				last = p.pipeFailed(c, it.acc, err, at)
				continue
			}
		}
		list = append(list, v)
		c.SetDot(a + p.size)
	}
	c.EmitList(list, t)
	return last
}

// piped tells what goes into a pipe for a member: its value or its address, and
// the type of what that is the address of.
func (p *printPlan) piped(acc *value.Access) (load bool, t *ctype.Type) {
	switch k := acc.Base.Kind(); {
	case p.printer.O.Addr:
	case k.IsPointer():
		return true, acc.Base.Elem()
	case k == ctype.Integer, k == ctype.Enum:
		return true, nil
	}
	return false, acc.Path.Type
}

func (p *printPlan) pipeOne(c *core.Ctx, a uint64) error {
	if len(p.items) == 0 {
		return p.pipe(c, p.reader, p.world.Space, a)
	}
	for i := range p.items {
		at, sp, err := p.follow(c, &p.items[i], p.world.Space, a)
		if err != nil {
			return err
		}
		if err := p.pipe(c, p.items[i].acc, sp, at); err != nil {
			return err
		}
	}
	return nil
}

// pipe passes on one value: of a pointer, integer or enum its value, of all else
// and with -a its address. A pointer takes along the type it points to, an
// address the type of what lies there.
func (p *printPlan) pipe(c *core.Ctx, acc *value.Access, sp mem.Space, a uint64) error {
	load, t := p.piped(acc)
	if load {
		v, err := acc.Load(sp, a)
		if err != nil {
			return p.pipeFailed(c, acc, err, a)
		}
		a = v
	}
	c.Emit(a, t)
	return nil
}

func (p *printPlan) pipeFailed(c *core.Ctx, acc *value.Access, err error, a uint64) error {
	e, _ := acc.Encoding()
	switch {
	case acc.Base.Kind().IsPointer():
		c.Warn(err, "failed to read pointer at %p", a)
	case acc.Base.Kind() == ctype.Enum:
		c.Warn(err, "failed to read enum at %llx", a)
	default:
		c.Warn(err, "failed to read %lu bytes at %p", uint64(acc.Path.Off+e.Bits+7)/8, a)
	}
	return c.Warn(err, "failed to print type")
}
