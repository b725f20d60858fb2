package dcmds

import (
	"strconv"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
)

func mappingDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "mappings", Usage: "?[name]", Descr: "print address space mappings", Run: runMappings},
		{Name: "$m", Usage: "?[name]", Descr: "print address space mappings", Run: runMappings},
		{Name: "objects", Usage: "[-v]", Descr: "print load objects information",
			Opts: []core.Opt{{Letter: 'v', Help: "with the file and build-id wanted and the file found"}},
			Run:  runObjects},
	}
}

// mapName is how MDB shows what is mapped.
func mapName(m mem.Mapping) string {
	switch m.Name {
	case "":
		return "[ anon ]"
	case "[heap]":
		return "[ heap ]"
	case "[stack]":
		return "[ stack ]"
	}
	return m.Name
}

func mapHeader(c *core.Ctx) {
	if c.Opts.JSON || c.PipeOut {
		return
	}
	c.Printf("%<u>%?s %?s %?s %s%</u>\n", "BASE", "LIMIT", "SIZE", "NAME")
}

// printMap prints a range, or passes its address on: MDB's pipe fails at the
// heading.
func printMap(c *core.Ctx, base, size uint64, name string) {
	if c.PipeOut {
		c.Emit(base, nil)
		return
	}
	c.Record(func() { c.Printf("%?p %?p %?lx %s\n", base, base+size, size, name) },
		namedField("base", out.Addr(base)), namedField("limit", out.Addr(base+size)),
		namedField("size", out.Hex(size)), namedField("name", name))
}

// mappings gives the target's mappings.
func mappings(s *core.Session) ([]mem.Mapping, error) {
	m, ok := core.As[core.Mapped](s.Context())
	switch {
	case ok:
		return m.Mappings(), nil
	case s.Context().Target == nil:
		return nil, core.ErrNoProc
	}
	return nil, core.ErrNotSup
}

func runMappings(c *core.Ctx) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && c.HasAddr {
		return core.ErrUsage
	}
	mapHeader(c)
	maps, err := mappings(c.Session)
	if t := c.Session.Context().Target; t != nil && t.Kind() == "raw" && (c.HasAddr || len(c.Args) == 1) {
		maps, err = nil, core.ErrNotSup // a file is one mapping that cannot be looked for
	}
	if isKernel(c.Session) && (c.HasAddr || len(c.Args) == 1) {
		return kernelMapping(c)
	}
	switch {
	case c.HasAddr:
		return mappingAt(c, maps, err, c.Addr)
	case len(c.Args) == 1 && c.Args[0].IsImm:
		return mappingAt(c, maps, err, c.Args[0].Imm)
	case len(c.Args) == 1:
		return mappingNamed(c, maps, err, c.Args[0].Str)
	case err != nil:
		c.Warn(err, "failed to iterate over mappings")
		return nil
	}
	for _, m := range maps {
		printMap(c, uint64(m.Base), m.Size, mapName(m))
	}
	return nil
}

// kernelMapping shows the module that an address or a name is of: to MDB those are the
// mappings of a kernel that can be asked for, while the list is of its segments.
func kernelMapping(c *core.Ctx) error {
	ns := c.Session.Namespace()
	var o *sym.Object
	err := mem.ErrUnmapped
	switch {
	case c.HasAddr:
		o = ns.ObjectAt(c.Addr)
	case c.Args[0].IsImm:
		o = ns.ObjectAt(c.Args[0].Imm)
	default:
		o, err = ns.Object(c.Args[0].Str)
	}
	if o == nil {
		c.Warn(err, "failed to obtain mapping")
		return nil
	}
	printMap(c, o.Base, o.Size, o.Name)
	return nil
}

func mappingAt(c *core.Ctx, maps []mem.Mapping, err error, addr uint64) error {
	for _, m := range maps {
		if m.Contains(mem.Addr(addr)) {
			printMap(c, uint64(m.Base), m.Size, mapName(m))
			return nil
		}
	}
	if err == nil {
		err = mem.ErrUnmapped
	}
	c.Warn(err, "failed to obtain mapping")
	return nil
}

// mappingNamed shows the first mapping of a load object.
func mappingNamed(c *core.Ctx, maps []mem.Mapping, err error, name string) error {
	if err == nil {
		var o *sym.Object
		if o, err = c.Session.Namespace().Object(name); err == nil {
			for _, m := range maps {
				if o.Contains(uint64(m.Base)) {
					printMap(c, uint64(m.Base), m.Size, mapName(m))
					return nil
				}
			}
			err = mem.ErrUnmapped
		}
	}
	c.Warn(err, "failed to obtain mapping")
	return nil
}

func runObjects(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	objs, err := objects(c)
	if c.Opt('v') && !c.Opts.JSON && !c.PipeOut {
		c.Printf("%<u>%-28s %s%</u>\n", "NAME", "VERSION")
	} else {
		mapHeader(c)
	}
	if err != nil {
		return c.Warn(err, "failed to iterate over objects")
	}
	files, _ := core.As[core.FileReporter](c.Session.Context())
	for _, o := range objs {
		if o.Size == 0 {
			continue // an object file is not mapped
		}
		if c.Opt('v') && c.Prog == "mdb" && !c.Opts.JSON && !c.PipeOut {
			// MDB's version is a label of the types, which CTF stopped to have.
			c.Printf("%-28s %s\n", objectPath(o), "Unknown")
			continue
		}
		if c.Opt('v') && !c.PipeOut {
			c.Record(func() { c.Printf("%-28s %s\n", o.Name, version(o)) },
				namedField("name", o.Name), namedField("version", version(o)), namedField("path", o.Path),
				namedField("file", o.File), namedField("build_id", o.BuildID), namedField("base", out.Addr(o.Base)))
			printMissing(c, files, o)
			continue
		}
		printMap(c, o.Base, o.Size, objectPath(o))
	}
	return nil
}

// printMissing lists the files that are wanting for an object.
func printMissing(c *core.Ctx, files core.FileReporter, o *sym.Object) {
	if files == nil {
		return
	}
	for _, m := range files.MissingFiles(o) {
		c.Record(func() { c.Printf("%-28s %s\n", "", m.Error()) },
			namedField("name", o.Name), namedField("missing", m.What), namedField("path", m.Path),
			namedField("build_id", m.BuildID), namedField("text", m.Error()))
	}
}

func objects(c *core.Ctx) ([]*sym.Object, error) {
	cx := c.Session.Context()
	if t, ok := core.As[core.Symbols](cx); ok {
		return t.Namespace().Objects(), nil
	}
	maps, err := mappings(c.Session)
	var l []*sym.Object
	for _, m := range maps {
		l = append(l, &sym.Object{Name: m.Name, Base: uint64(m.Base), Size: m.Size})
	}
	return l, err
}

func objectPath(o *sym.Object) string {
	if o.LMID != 0 { // of a link map of its own
		return "LM" + strconv.FormatUint(o.LMID, 16) + "`" + o.Path
	}
	if o.Path != "" {
		return o.Path
	}
	return o.Name
}

// version tells which file an object is: the build-id wanted, and what is wrong
// with the file found.
func version(o *sym.Object) string {
	switch {
	case o.BuildID == "" && o.File == "":
		return "Unknown"
	case o.File == "" && o.BuildID != "":
		return "build-id " + o.BuildID + " (file missing)"
	case o.BuildID != "" && o.FileID != "" && o.BuildID != o.FileID:
		return "build-id " + o.BuildID + " (" + o.File + " has " + o.FileID + ")"
	case o.BuildID != "":
		return "build-id " + o.BuildID
	}
	return "Unknown"
}
