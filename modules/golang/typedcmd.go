package golang

import (
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

const gotypeHelp = `Describe a Go type: that at the address, which is a run-time type or an itab as the first
word of an interface leads to it, or the one of the name given.
`

func gotypeDcmd() *core.Dcmd {
	return &core.Dcmd{
		Name: "gotype", Usage: "?[type]", Descr: "describe a Go type, by name or run-time type", Help: gotypeHelp, Run: runGotype,
	}
}

func runGotype(c *core.Ctx) error {
	if len(c.Args) > 1 || c.HasAddr == (len(c.Args) == 1) {
		return core.ErrUsage
	}
	r, err := runtimeOf(c.Session)
	if err != nil {
		return err
	}
	if !c.HasAddr {
		ct, err := c.LookupType(c.Args[0].Str)
		if err != nil {
			return fmt.Errorf("failed to look up type %s: %w", c.Args[0].Str, err)
		}
		printType(c, r.types.fromDebug(ct), nil)
		return nil
	}
	t, err := r.types.fromRuntime(c.Addr)
	if err == nil {
		printType(c, t, nil)
		return nil
	}
	inter, typ, ierr := r.itab(c.Addr)
	if ierr != nil {
		return err
	}
	it, ierr := r.types.fromRuntime(inter)
	if ierr == nil {
		t, ierr = r.types.fromRuntime(typ)
	}
	if ierr != nil || it.kind != kindInterface {
		return fmt.Errorf("%#x is neither a type nor an itab: %w", c.Addr, err)
	}
	printType(c, t, it)
	return nil
}

// printType writes a type with what it is made of; it is the interface it is met
// through, or nil.
func printType(c *core.Ctx, t, it *goType) {
	t.open()
	fields := []out.Field{
		{Name: "name", Value: t.name}, {Name: "kind", Value: t.kind.String()}, {Name: "size", Value: t.size}, {Name: "addr", Value: out.Hex(t.addr)},
	}
	if it != nil {
		fields = append(fields, out.Field{Name: "interface", Value: it.name})
	}
	if t.key != nil {
		fields = append(fields, out.Field{Name: "key", Value: t.key.name})
	}
	if t.elem != nil {
		fields = append(fields, out.Field{Name: "elem", Value: t.elem.name})
	}
	list := out.List{}
	for _, f := range t.fields {
		list = append(list, out.Object{{Name: "name", Value: f.name}, {Name: "type", Value: f.typ.name}, {Name: "offset", Value: f.off}})
	}
	if t.kind == kindStruct {
		fields = append(fields, out.Field{Name: "fields", Value: list})
	}
	if t.bad != nil {
		fields = append(fields, out.Field{Name: "error", Value: t.bad.Error()})
	}
	c.Record(func() { c.Printf("%s", typeText(t, it)) }, fields...)
}

func typeText(t, it *goType) string {
	var b strings.Builder
	if it != nil {
		fmt.Fprintf(&b, "%s holding ", it.name)
	}
	fmt.Fprintf(&b, "%s: %s of %d bytes", t.name, t.kind, t.size)
	switch {
	case t.kind == kindMap && t.key != nil && t.elem != nil:
		fmt.Fprintf(&b, ", %s to %s", t.key.name, t.elem.name)
	case t.kind == kindArray && t.elem != nil:
		fmt.Fprintf(&b, ", %d of %s", t.n, t.elem.name)
	case t.elem != nil:
		fmt.Fprintf(&b, ", of %s", t.elem.name)
	case t.kind == kindInterface && t.methods:
		b.WriteString(", with methods")
	}
	b.WriteByte('\n')
	for _, f := range t.fields {
		fmt.Fprintf(&b, "    %6d %s %s\n", f.off, f.name, f.typ.name)
	}
	if t.bad != nil {
		fmt.Fprintf(&b, "    %v\n", t.bad)
	}
	return b.String()
}
