package dcmds

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/out"
)

// targetDcmds ask the target for what only it can know.
func targetDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "xdata", Descr: "print list of external data buffers", Run: runXdata},
		{Name: "vtop", Usage: ":[-a as]", Descr: "print physical mapping of virtual address", AnyAddr: true,
			Opts: []core.Opt{{Letter: 'a', Kind: core.Uint, Arg: "as", Help: "address space"}}, Run: runVtop},
		{Name: "context", Usage: ":", Descr: "change debugger target context", Run: runContext},
		{Name: "$p", Usage: ":", Descr: "change debugger target context", Run: runContext},
		{Name: "write", Usage: "?[-op] [-l len] value", Descr: "write value to the provided memory location",
			Help: "-l length  force a write with the specified length in bytes\n" +
				"-o         write data to the object file location specified\n" +
				"-p         write data to the physical address specified\n\n" +
				"Attempts to write the given value to the address provided. If -l is not\n" +
				"specified, the address must be the position of a symbol that is either of\n" +
				"integer, pointer, or enum type.\n",
			Opts: []core.Opt{
				{Letter: 'o', Help: "object file"}, {Letter: 'p', Help: "physical"},
				{Letter: 'l', Kind: core.Uint, Arg: "len"},
			}, Run: runWrite},
	}
}

func runXdata(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if t, ok := core.As[core.Xdata](c.Session.Context()); ok {
		for _, b := range t.Xdata() {
			c.Record(func() { c.Printf("%-24s - %s (%lu bytes)\n", b.Name, b.Descr, uint64(b.Len())) },
				namedField("name", b.Name), namedField("descr", b.Descr), namedField("size", b.Len()))
		}
	}
	return nil
}

func runVtop(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	t, ok := core.As[core.Translator](c.Session.Context())
	if !ok {
		return c.Warn(core.ErrNotSup, "failed to get physical mapping")
	}
	pa, err := t.Translate(c.Addr)
	if err != nil {
		return c.Warn(err, "failed to get physical mapping")
	}
	if c.PipeOut {
		c.Emit(pa, nil)
	} else {
		c.Record(func() { c.Printf("virtual %lr mapped to physical %llr\n", c.Addr, pa) },
			namedField("virtual", out.Addr(c.Addr)), namedField("physical", out.Addr(pa)))
	}
	return nil
}

func runContext(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	t, ok := core.As[core.ContextSetter](c.Session.Context())
	if !ok {
		if c.Session.Context().Target == nil {
			return nil // MDB's idle target takes any context
		}
		return c.Warn(core.ErrNotSup, "failed to set context")
	}
	return t.SetContext(c, c.Addr)
}

func runWrite(c *core.Ctx) error {
	if len(c.Args) != 1 || c.Opt('o') && c.Opt('p') {
		return core.ErrUsage
	}
	sp := c.Session.Space()
	if c.Opt('o') {
		sp = interp.ObjectSpace(c.Session)
	}
	if c.Opt('p') {
		sp = interp.PhysicalSpace(c.Session)
	}
	size := uint64(0)
	if n, ok := c.OptUint('l'); ok {
		switch n {
		case 1, 2, 4, 8:
			size = n
		default:
			c.Warnf("length must be 1, 2, 4, or 8")
			return core.ErrFailed
		}
	}
	addr := c.Addr
	value, err := interp.ArgValue(c, c.Args[0], "write")
	if err != nil {
		return err
	}
	c.SetDot(addr)
	n, err := interp.WriteValue(c, sp, addr, value, int(size))
	if err != nil {
		c.Warnf("failed to write %llr at address 0x%llx: %s", value, addr, core.Reason(err))
		c.Frame.Incr = 0
		return core.ErrFailed
	}
	c.Frame.Incr = uint64(n)
	return nil
}
