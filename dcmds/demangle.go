package dcmds

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/sym"
)

func demangleDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "dem", Usage: "name ...", Descr: "demangle C++ symbol names", Run: runDem},
		{Name: "$g", Usage: "?", Descr: "get/set C++ demangling options", Run: runDemangleFlags},
		{Name: "$G", Descr: "enable/disable C++ demangling support", AnyAddr: true, Run: runDemangle},
	}
}

// demangleFlags are the bits of $g.
var demangleFlags = []struct {
	bit   uint32
	descr string
}{
	{sym.KeepQualifiers, "static/const/volatile member func qualifiers displayed"},
	{sym.KeepScope, "scope resolution specifiers displayed"},
	{sym.KeepParams, "function arguments displayed"},
	{sym.AddMangled, "mangled name displayed"},
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
		c.Printf("%s == %s\n", a.Str, sym.DemangleAs(a.Str, c.Session.Namespace().DemangleFlags))
	}
	return nil
}

func runDemangle(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	c.Opts.DemangleOn = !c.Opts.DemangleOn
	ns := c.Session.Namespace()
	ns.Demangle = c.Opts.DemangleOn
	word := "enabled"
	if !ns.Demangle {
		word = "disabled"
		ns.DemangleFlags = sym.KeepScope // as MDB, which unloads its demangler
	}
	c.Printf("C++ symbol demangling %s\n", word)
	return nil
}

func runDemangleFlags(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if !c.Opts.DemangleOn {
		c.Warnf("C++ demangling facility is currently disabled")
		return core.ErrFailed
	}
	ns := c.Session.Namespace()
	if c.HasAddr {
		ns.DemangleFlags = uint32(c.Addr) & 0xf
	}
	for _, f := range demangleFlags {
		state := "off"
		if ns.DemangleFlags&f.bit != 0 {
			state = "on"
		}
		c.Printf("0x%x\t%s\t%s\n", f.bit, state, f.descr)
	}
	return nil
}
