package golang

import (
	"github.com/xmdb/xmdb/core"
)

// Module is the module "golang".
func Module() *core.Module {
	return &core.Module{
		Name: "golang", Descr: "the Go runtime: goroutines, types, heap",
		Dcmds: []*core.Dcmd{
			goroutinesDcmd(), gostackDcmd(), gostacksDcmd(), gotypeDcmd(), goprintDcmd(), gospansDcmd(),
		},
		Walkers: walkers(), Whatis: whatisSources(), Active: active,
	}
}

// active tells a Go program by the runtime's list of goroutines, or by the build
// information that the linker leaves even in a stripped program.
func active(cx *core.Context) bool {
	t, ok := core.As[core.Symbols](cx)
	if !ok {
		return false
	}
	main := t.Namespace().Main()
	if main == nil {
		return false
	}
	if _, _, ok := main.LookupName("runtime.allgs"); ok {
		return true
	}
	_, _, ok = main.LookupName("runtime.goexit")
	return ok
}
