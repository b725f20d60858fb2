package dcmds

import (
	"iter"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
)

// sizeofDcmds tell what types are.
func sizeofDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{
			Name: "sizeof", Usage: "type", Descr: "print the size of a type",
			Run: runSizeof, Complete: completeTypes,
		},
		{
			Name: "offsetof", Usage: "type member", Descr: "print the offset of a given struct or union member",
			Run: runOffsetof, Complete: completeTypeMember,
		},
		{
			Name: "typelist", Usage: "", Descr: "list known types", AnyAddr: true,
			Run: runTypelist,
		},
	}
}

func runSizeof(c *core.Ctx) error {
	name, rest, err := typeName(c, c.Args)
	if err != nil {
		return err
	}
	if len(rest) != 0 {
		return core.ErrUsage
	}
	t, err := c.LookupType(name)
	if err != nil {
		return c.Warn(err, "failed to look up type %s", name)
	}
	size := c.World().Size(t)
	if c.PipeOut {
		c.Emit(size, nil)
		return nil
	}
	c.Record(func() { c.Printf("sizeof (%s) = %#lr\n", name, size) },
		namedField("type", name), namedField("size", size))
	return nil
}

func runOffsetof(c *core.Ctx) error {
	name, rest, err := typeName(c, c.Args)
	if err != nil {
		return err
	}
	if len(rest) != 1 || rest[0].IsImm {
		return core.ErrUsage
	}
	t, err := c.LookupType(name)
	if err != nil {
		return c.Warn(err, "failed to look up type %s", name)
	}
	member := rest[0].Str
	w := c.World()
	m, err := w.Resolve(t).FindMember(member)
	if err != nil {
		return c.Warn(err, "failed to find member %s of type %s", member, name)
	}
	size := w.Size(m.Type)
	if m.Bits != 0 {
		size = uint64(m.Bits+7) / 8
	}
	if c.PipeOut {
		if m.Off%8 != 0 {
			c.Warnf("member %s of type %s is not byte-aligned", member, name)
			return core.ErrFailed
		}
		c.Emit(m.Off/8, nil)
		return nil
	}
	c.Record(func() { printOffset(c, name, member, m.Off, size) },
		namedField("type", name), namedField("member", member), namedField("offset", m.Off/8),
		namedField("bit", m.Off%8), namedField("size", size))
	return nil
}

func printOffset(c *core.Ctx, name, member string, off, size uint64) {
	c.Printf("offsetof (%s, %s) = %#lr", name, member, off/8)
	if off%8 != 0 {
		c.Printf(".%lr", off%8)
	}
	if size > 0 {
		c.Printf(", sizeof (...->%s) = %#lr", member, size)
	}
	c.Printf("\n")
}

func runTypelist(c *core.Ctx) error {
	n := 0
	for t := range everyType(c.Types()) {
		name := t.String()
		c.Record(func() { c.Printf("%s\n", name) }, namedField("type", name))
		if n++; n%1024 == 0 && c.Err() != nil {
			return c.Err()
		}
	}
	return nil
}

// everyType yields the types of every object, then the synthetic ones.
func everyType(types *ctype.Composite) iter.Seq[*ctype.Type] {
	return func(yield func(*ctype.Type) bool) {
		for _, s := range append(slices.Collect(types.Objects()), types.Synthetic) {
			for t := range s.All() {
				if !yield(t) {
					return
				}
			}
		}
	}
}
