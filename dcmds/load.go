package dcmds

import (
	"strings"

	"github.com/xmdb/xmdb/core"
)

func loadDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "load", Usage: "[-s] module", Descr: "load debugger module",
			Help: "-s    load module silently\n",
			Opts: []core.Opt{
				{Letter: 's', Help: "load module silently"},
				{Letter: 'f', Help: "its names go before others of the same name"},
				{Letter: 'g', Help: "accepted for MDB's sake"},
			}, Run: runLoad},
		{Name: "unload", Usage: "module", Descr: "unload debugger module", AnyAddr: true, Run: runUnload},
	}
}

func runLoad(c *core.Ctx) error {
	name, err := word(c)
	if err != nil || name == "" || isFlag(name) {
		return core.ErrUsage
	}
	warn := func(err error) error {
		if !c.Opt('s') {
			c.Warnf("%s", err.Error())
		}
		return core.ErrFailed
	}
	m := available(c.Session, name)
	if m == nil && c.Finder != nil {
		if m, err = c.Finder(name); err != nil {
			return warn(err)
		}
	}
	if m == nil {
		if !c.Opt('s') {
			c.Warnf("no module '%s' could be found", name)
		}
		return core.ErrFailed
	}
	if err := c.Session.Load(m, c.Opt('f')); err != nil {
		return warn(err)
	}
	return nil
}

// available finds a module that is compiled in and waits for a target.
func available(s *core.Session, name string) *core.Module {
	base := strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], ".so")
	for _, m := range s.Available {
		if m.Name == base {
			return m
		}
	}
	return nil
}

func runUnload(c *core.Ctx) error {
	name, err := word(c)
	if err != nil {
		return err
	}
	if err := c.Session.Unload(name); err != nil {
		c.Warnf("%s", err.Error())
		return core.ErrFailed
	}
	return nil
}
