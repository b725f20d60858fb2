package dcmds

import (
	"errors"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// targetDcmds ask the target for what only it can know.
func targetDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "xdata", Descr: "print list of external data buffers", Run: runXdata},
		{Name: "vtop", Usage: ":[-v] [-a as]", MDBUsage: ":[-a as]", Descr: "print physical mapping of virtual address", AnyAddr: true,
			Opts: []core.Opt{
				{Letter: 'a', Kind: core.Uint, Arg: "as", Help: "address space: of a kernel, the address of its struct as"},
				{Letter: 'v', Help: "also the page table entries on the way, as far as there are any"},
			}, Run: runVtop},
		{Name: "ptov", Usage: ":", Descr: "print virtual mappings of physical address",
			Help: "Prints the virtual addresses at which the physical address is mapped, and the\n" +
				"address space of each: the inverse of ::vtop.\n", Run: runPtov},
		{Name: "context", Usage: ":", Descr: "change debugger target context", NoHint: true,
			Help: "Of a kernel: the address space of the process at the address becomes the current\n" +
				"one, at 0 the kernel's. Of a process: the thread with the id becomes the\n" +
				"representative one, whose registers and stack commands show, and that steps.\n", Run: runContext},
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
	if c.Opt('v') && !c.PipeOut {
		if err := printWay(c); err != nil {
			return err
		}
	}
	pa, err := translate(c)
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

// translate gives the physical address of the address, in the current address space
// or in that of -a.
func translate(c *core.Ctx) (uint64, error) {
	cx := c.Session.Context()
	if as, ok := c.OptUint('a'); ok {
		t, ok := core.As[core.SpaceTranslator](cx)
		if !ok {
			return 0, core.ErrNotSup
		}
		return t.TranslateAS(as, c.Addr)
	}
	t, ok := core.As[core.Translator](cx)
	if !ok {
		return 0, core.ErrNotSup
	}
	return t.Translate(c.Addr)
}

// runPtov is the inverse of ::vtop.
func runPtov(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	t, ok := core.As[core.Inverse](c.Session.Context())
	if !ok {
		return c.Warn(core.ErrNotSup, "failed to get virtual mappings")
	}
	n := 0
	t.VirtualAddresses(c.Addr, func(as, va uint64) bool {
		if n++; c.PipeOut {
			c.Emit(va, nil)
			return c.Err() == nil
		}
		c.Record(func() { c.Printf("physical %llr mapped at virtual %lr in %a\n", c.Addr, va, as) },
			namedField("physical", out.Addr(c.Addr)), namedField("virtual", out.Addr(va)), namedField("as", out.Addr(as)))
		return c.Err() == nil
	})
	switch {
	case c.Err() != nil:
		return core.ErrIntr
	case n == 0:
		return c.Warn(mem.ErrUnmapped, "failed to get virtual mappings of %llr", c.Addr)
	}
	return nil
}

func runContext(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	cx := c.Session.Context()
	if cx.Target == nil {
		return nil // MDB's idle target takes any context
	}
	if p, ok := cx.Target.(system.ProcessTarget); ok {
		if p.Address() == c.Addr {
			c.Warnf("debugger context is already set to proc %p", c.Addr)
			return nil
		}
		c.Session.Pop() // to the kernel that it is a process of
		cx = c.Session.Context()
	}
	if t, ok := core.As[core.ProcessOpener](cx); ok {
		return processContext(c, t)
	}
	if t, ok := core.As[core.ContextSetter](cx); ok {
		return t.SetContext(c, c.Addr)
	}
	if _, ok := core.As[core.CPUSwitcher](cx); ok {
		return switchTo(c, c.Addr)
	}
	return threadContext(c, cx)
}

// threadContext makes a thread of a process the representative one: the one whose
// registers the language has, and that steps.
func threadContext(c *core.Ctx, cx *core.Context) error {
	if t, ok := core.As[core.Threads](cx); ok {
		for _, th := range t.Threads() {
			if th.ID == c.Addr {
				cx.Thread, cx.Chosen = c.Addr, core.FrameRef{}
				return nil
			}
		}
		return c.Warn(errors.New("invalid thread identifier"), "failed to set context")
	}
	return c.Warn(core.ErrNotSup, "failed to set context")
}

// processContext makes a process of a kernel what the session looks at; at 0, the
// kernel again.
func processContext(c *core.Ctx, t core.ProcessOpener) error {
	if c.Addr == 0 {
		c.Printf("debugger context set to kernel\n")
		return nil
	}
	p, err := t.OpenProcess(c.Addr)
	if err != nil {
		return err
	}
	c.Printf("debugger context set to proc %p\n", c.Addr)
	c.Session.Push(&core.Context{})
	if err := c.Session.Attach(c, p); err != nil {
		return err
	}
	if w, ok := c.Session.Context().System.(core.Warner); ok {
		for _, text := range w.Warnings() {
			c.Warnf("%s", text)
		}
	}
	return nil
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
