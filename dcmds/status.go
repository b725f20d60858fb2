package dcmds

import (
	"reflect"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

// statusDcmds say what is being debugged.
func statusDcmds() []*core.Dcmd {
	return []*core.Dcmd{{
		Name: "status", Usage: "[-v]", Descr: "print summary of current target",
		Help: "-v  also what the target can tell: its threads, registers, stacks, symbols ...\n",
		Opts: []core.Opt{{Letter: 'v', Help: "with the abilities of the target"}}, Run: runStatus,
	}}
}

func runStatus(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	cx := c.Session.Context()
	t, ok := core.As[core.StatusReporter](cx)
	switch {
	case ok:
		t.Status(c.P)
	case cx.Target == nil:
		c.Printf("no target\n")
	default:
		c.Printf("debugging %s\n", cx.Target.Name())
	}
	if tr, ok := cx.Target.(interface{ TransportStatus(*out.Printer) }); ok && any(tr) != any(t) {
		tr.TransportStatus(c.P) // else the target itself has told
	}
	if c.Execution().State() == core.StateStopped {
		for _, e := range c.Execution().Engine().Matched() {
			c.Printf("event: %s\n", c.EventText(e))
		}
	}
	if c.Opt('v') {
		if d, ok := core.As[core.StatusDetailer](cx); ok {
			d.StatusDetail(c.P)
		}
		printAbilities(c, cx)
	}
	return nil
}

// abilities are what targets may have, by what a user would call it.
var abilities = []struct {
	name string
	typ  reflect.Type
}{
	{"virtual memory", reflect.TypeFor[core.Virtual]()},
	{"physical memory", reflect.TypeFor[core.Physical]()},
	{"object file", reflect.TypeFor[core.ObjectFile]()},
	{"mappings", reflect.TypeFor[core.Mapped]()},
	{"symbols", reflect.TypeFor[core.Symbols]()},
	{"types", reflect.TypeFor[core.Types]()},
	{"debug information", reflect.TypeFor[core.DebugInfo]()},
	{"threads", reflect.TypeFor[core.Threads]()},
	{"registers", reflect.TypeFor[core.Registers]()},
	{"stacks", reflect.TypeFor[core.Unwinder]()},
	{"signal information", reflect.TypeFor[core.Siginfos]()},
	{"environment", reflect.TypeFor[core.Environ]()},
	{"auxiliary vector", reflect.TypeFor[core.Auxiliary]()},
	{"external data", reflect.TypeFor[core.Xdata]()},
	{"execution control", reflect.TypeFor[core.Live]()},
	{"writing registers", reflect.TypeFor[core.RegisterWriter]()},
	{"reopening for writing", reflect.TypeFor[core.Reopener]()},
}

func printAbilities(c *core.Ctx, cx *core.Context) {
	for _, a := range abilities {
		has := "no"
		if implements(cx.System, a.typ) || implements(cx.Target, a.typ) {
			has = "yes"
		}
		c.Printf("%-24s %s\n", a.name+":", has)
	}
	if t, ok := core.As[core.Threads](cx); ok {
		c.Printf("%-24s %d\n", "number of threads:", len(t.Threads()))
	}
	if t, ok := core.As[core.Symbols](cx); ok {
		c.Printf("%-24s %d\n", "number of objects:", len(t.Namespace().Objects()))
	}
}

func implements(v any, t reflect.Type) bool { return v != nil && reflect.TypeOf(v).Implements(t) }
