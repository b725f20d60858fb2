package dcmds

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/sym"
)

func demangleDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "dem", Usage: "name ...", Descr: "demangle C++ symbol names", Run: runDem},
		{Name: "$g", Usage: "?", Descr: "get/set C++ demangling options", Run: runDemangleFlags},
		{Name: "$G", Descr: "enable/disable C++ demangling support", Run: runDemangle},
	}
}

// demangleFlags are the bits of $g.
var demangleFlags = []struct {
	bit   uint32
	descr string
}{
	{1, "display static/const/volatile"},
	{2, "display scope"},
	{4, "display arguments"},
	{8, "display mangled name"},
}

func runDem(c *core.Ctx) error {
	if len(c.Args) == 0 {
		return core.ErrUsage
	}
	for _, a := range c.Args {
		if a.IsImm {
			c.Warnf("name is not a string")
			return core.ErrUsage
		}
		c.Printf("%s == %s\n", a.Str, sym.DemangleBrief(a.Str))
	}
	return nil
}

func runDemangle(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	c.Opts.DemangleOn = !c.Opts.DemangleOn
	c.Session.Namespace().Demangle = c.Opts.DemangleOn
	word := "disabled"
	if c.Opts.DemangleOn {
		word = "enabled"
	}
	c.Printf("C++ symbol demangling %s\n", word)
	return nil
}

func runDemangleFlags(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if c.HasAddr {
		c.Opts.Demangle = uint32(c.Addr) & 0xf
	}
	for _, f := range demangleFlags {
		state := "off"
		if c.Opts.Demangle&f.bit != 0 {
			state = "on"
		}
		c.Printf("0x%x\t%s\t%s\n", f.bit, state, f.descr)
	}
	return nil
}
