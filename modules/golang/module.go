package golang

import (
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/value"
)

// Module is the module "golang".
func Module() *core.Module {
	m := &core.Module{
		Name: "golang", Descr: "the Go runtime: goroutines, types, heap",
		Dcmds: []*core.Dcmd{
			goroutinesDcmd(), gostackDcmd(), gostacksDcmd(), gotypeDcmd(), goprintDcmd(), gospansDcmd(),
		},
		Walkers: walkers(), Whatis: whatisSources(), Active: active,
	}
	m.Init = func(s *core.Session) error {
		m.OnUnload(s.OnShow(shower(s)))
		return nil
	}
	return m
}

// shower shows, for ::print -P, what Go has and C has not; structures, pointers and
// numbers print as MDB prints them.
func shower(s *core.Session) value.Shower {
	return func(v value.Value, o *value.Options, indent int) (string, bool) {
		r, err := runtimeOf(s)
		if err != nil {
			return "", false
		}
		t := r.types.fromDebug(v.Type)
		switch t.kind {
		case kindString, kindSlice, kindMap, kindChan, kindInterface, kindFunc:
		default:
			return "", false
		}
		p := &renderer{r: r, elements: o.ArrayMem, bytes: min(o.ArrayStr, 1<<20), budget: maxShown}
		var b strings.Builder
		p.value(t, uint64(v.Addr), defaultDepth).append(&b, indent)
		return b.String(), true
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
