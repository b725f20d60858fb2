package app

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/dcmds"
)

// builtins are the modules compiled in, in the order in which names are found.
func builtins() []*core.Module {
	return []*core.Module{dcmds.Module()}
}

// activate tells the modules that wait for a target what it holds.
func (a *app) activate() {
	if a.s.Opts.NoMods {
		return
	}
	for _, m := range a.s.Available {
		if m.Activates(a.s.Context()) && a.s.Reg.Module(m.Name) == nil {
			if err := a.s.Load(m, false); err != nil {
				a.s.Warnf("%s", err.Error())
			}
		}
	}
}
