package dcmds

import (
	"debug/elf"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
)

// symbolDcmds change the private symbol table and list symbols in short forms.
func symbolDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "nmadd", Usage: ":[-fo] [-e end] [-s size] name", Descr: "add name to private symbol table",
			Help: "-f       set type of symbol to STT_FUNC\n-o       set type of symbol to STT_OBJECT\n" +
				"-e end   set size of symbol to end - start address\n-s size  set size of symbol to explicit value\n" +
				"name     specify symbol name to add\n",
			Opts: []core.Opt{
				{Letter: 'f', Help: "it is a function"},
				{Letter: 'o', Help: "it is a data object"},
				{Letter: 'e', Kind: core.Uint, Arg: "end", Help: "address after it"},
				{Letter: 's', Kind: core.Uint, Arg: "size", Help: "its size in bytes"},
			}, Run: runNmadd},
		{Name: "nmdel", Usage: "name", Descr: "remove name from private symbol table", Run: runNmdel},
		{Name: "$e", Descr: "print listing of global symbols", AnyAddr: true, Run: runGlobals},
		{Name: "files", Usage: "[object]", Descr: "print listing of source files", Run: runFiles},
		{Name: "$f", Descr: "print listing of source files", Run: runFiles},
	}
}

func runNmadd(c *core.Ctx) error {
	name, err := word(c)
	if err != nil || isFlag(name) {
		return core.ErrUsage
	}
	end, hasEnd := c.OptUint('e')
	if hasEnd && end != 0 && end < c.Addr {
		c.Warnf("end (%p) is less than start address (%p)", end, c.Addr)
		return core.ErrUsage
	}
	private := &c.Session.Namespace().Private
	s, known := private.ByName(name)
	typ, size := s.Type(), s.Size
	if !known {
		typ, size = elf.STT_NOTYPE, 0
	}
	if c.Opt('f') {
		typ = elf.STT_FUNC
	}
	if c.Opt('o') {
		typ = elf.STT_OBJECT
	}
	if hasEnd && end != 0 {
		size = end - c.Addr
	}
	if n, ok := c.OptUint('s'); ok && n != 0 {
		size = n
	}
	s = private.Add(name, c.Addr, size, typ)
	c.Printf("added %s, value=%llr size=%llr\n", name, s.Value, s.Size)
	return nil
}

func runNmdel(c *core.Ctx) error {
	name, err := word(c)
	if err != nil || name == "" || name[0] == '-' {
		return core.ErrUsage
	}
	s, ok := c.Session.Namespace().Private.Delete(name)
	if !ok {
		c.Warnf("symbol '%s' not found in private symbol table", name)
		return core.ErrFailed
	}
	c.Printf("deleted %s, value=%llr size=%llr\n", name, s.Value, s.Size)
	return nil
}

func runGlobals(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	for _, o := range c.Session.Namespace().Objects() {
		for s := range o.Table(sym.Symtab).All() {
			if s.Bind() != elf.STB_GLOBAL || s.Type() != elf.STT_OBJECT && s.Type() != elf.STT_FUNC {
				continue
			}
			if c.Err() != nil {
				return core.ErrIntr
			}
			v, err := mem.ReadUint(c.Space(), mem.Addr(s.Value), c.Arch().PtrSize, c.Arch().Order)
			if err != nil {
				c.Record(func() { c.Printf("%s(%llr):\t?\n", s.Name, s.Value) },
					namedField("name", s.Name), namedField("addr", out.Addr(s.Value)),
					namedField("value", nil), namedField("error", core.Reason(err)))
			} else {
				c.Record(func() { c.Printf("%s(%llr):\t%lr\n", s.Name, s.Value, v) },
					namedField("name", s.Name), namedField("addr", out.Addr(s.Value)), namedField("value", out.Hex(v)))
			}
		}
	}
	return nil
}

func runFiles(c *core.Ctx) error {
	ns := c.Session.Namespace()
	objs := ns.Objects()
	if len(c.Args) > 0 {
		name, err := word(c)
		if err != nil {
			return err
		}
		o, err := ns.Object(name)
		if err != nil {
			return nil // as MDB: no files
		}
		objs = []*sym.Object{o}
	}
	n := 0
	for _, o := range objs {
		for s := range o.Table(sym.Symtab).All() {
			if s.Type() == elf.STT_FILE {
				n++
				c.Record(func() { c.Printf("%d\t%s\n", n, s.Name) },
					namedField("index", n), namedField("file", s.Name), namedField("object", o.Name))
			}
		}
	}
	return nil
}
