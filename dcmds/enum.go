package dcmds

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/out"
)

func enumDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "enum", Usage: "?[-ex] enum [name]", Descr: "print an enumeration",
		Opts: []core.Opt{
			{Letter: 'e', Help: "remove common prefixes from enum names"},
			{Letter: 'x', Help: "report enum values in hexadecimal"},
		},
		Help: "Lists the names of an enumeration with their values; with an address only the\n" +
			"name of that value, with a name only the value of that name.\n\n" +
			"-e    leave off what all names begin with\n-x    values in hexadecimal\n",
		Run: runEnum, Complete: completeTypes,
	}}
}

// enumView is how ::enum shows an enumeration.
type enumView struct {
	c      *core.Ctx
	t      *ctype.Type // resolved
	name   string      // as found
	hex    bool
	bare   bool // -e
	prefix int  // to leave off
}

func runEnum(c *core.Ctx) error {
	name, rest, err := typeName(c, c.Args)
	if err != nil {
		return err
	}
	e := &enumView{c: c, hex: c.Opt('x'), bare: c.Opt('e')}
	if err := e.find(name); err != nil {
		return err
	}
	if len(rest) > 1 {
		return core.ErrUsage
	}
	if len(rest) == 1 && c.HasAddr {
		c.Warnf("may only specify one of: name, address")
		return core.ErrUsage
	}
	flags := e.t.IsFlags()
	e.hex = e.hex || flags
	switch {
	case c.HasAddr:
		return e.value(int64(c.Dot()), flags)
	case len(rest) == 1 && rest[0].IsImm:
		return e.value(int64(rest[0].Imm), flags)
	}
	e.header()
	if e.bare {
		e.prefix = e.t.EnumPrefix()
	}
	if len(rest) == 1 {
		return e.search(func(n ctype.Enumerator) bool { return n.Name == rest[0].Str },
			"name \"%s\" not in '%s'", rest[0].Str)
	}
	return e.search(func(ctype.Enumerator) bool { return true }, "")
}

// find looks the type up: as an enum's tag, else as any type's name.
func (e *enumView) find(name string) error {
	var t *ctype.Type
	var err error
	e.name = name
	if strings.Contains(name, " ") {
		if t, err = e.c.LookupType(name); err != nil {
			return e.c.Warn(err, "'%s'", name)
		}
	} else if t, err = e.c.LookupType("enum " + name); err == nil {
		e.name = "enum " + name
	} else if t, err = e.c.LookupType(name); err != nil {
		return e.c.Warn(err, "types '%s', '%s'", "enum "+name, name)
	}
	if e.t = e.c.World().Resolve(t); e.t.Kind() != ctype.Enum {
		e.c.Warnf("'%s': not an enumeration", e.name)
		return core.ErrFailed
	}
	return nil
}

func (e *enumView) header() {
	c := e.c
	if !c.Header() || c.Opts.JSON {
		return
	}
	if e.hex {
		c.Printf("%<u>%8s %-64s%</u>\n", "VALUE", "NAME")
	} else {
		c.Printf("%<u>%11s %-64s%</u>\n", "VALUE", "NAME")
	}
}

// value shows one value: of flags decoded into names.
func (e *enumView) value(v int64, flags bool) error {
	if v != int64(int32(v)) && !e.t.Body().Unsigned && e.t.Size() <= 4 {
		e.c.Warnf("value '%lld' out of enumeration range", v)
	}
	e.header()
	if flags {
		text, _ := e.t.FlagNames(v, e.bare)
		e.row(v, text)
		return nil
	}
	if e.bare {
		e.prefix = e.t.EnumPrefix()
	}
	return e.search(func(n ctype.Enumerator) bool { return n.Value == v }, "value %#lld not in '%s'", v)
}

// search shows the names that fit; if there are none it says so.
func (e *enumView) search(fits func(ctype.Enumerator) bool, none string, what ...any) error {
	found := false
	for _, n := range e.t.Enums() {
		if !fits(n) {
			continue
		}
		found = true
		name := n.Name
		if len(name) > e.prefix {
			name = name[e.prefix:]
		}
		e.row(n.Value, name)
	}
	if !found && none != "" {
		e.c.Warnf(none, append(what, e.name)...)
		return core.ErrFailed
	}
	return nil
}

func (e *enumView) row(v int64, name string) {
	c := e.c
	if c.PipeOut {
		if e.t.Size() <= 4 {
			v = int64(uint32(v))
		}
		c.Emit(uint64(v), nil)
		return
	}
	c.Record(func() {
		margin := 5 + 11
		if e.hex && e.t.Size() <= 4 {
			c.Printf("%8x ", uint32(v))
		} else if e.hex {
			c.Printf("%8llx ", uint64(v))
		} else {
			c.Printf("%11lld ", v)
		}
		if e.hex {
			margin = 5 + 8
		}
		c.P.IncIndent(margin)
		c.P.WriteString(name)
		c.P.DecIndent(margin)
		c.Printf("\n")
	}, out.Field{Name: "value", Value: v}, out.Field{Name: "name", Value: name})
}
