package dcmds

import (
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/system"
)

// systemEventDcmds trace what the system does for a process: system calls and
// machine faults. A target that does not run keeps the specifiers idle.
func systemEventDcmds() []*core.Dcmd {
	return []*core.Dcmd{
		{Name: "sysbp", Usage: "?[+/-dDestT] [-io] [-c cmd] [-n count] syscall ...",
			Descr: "stop on entry or exit from system call", Run: runSysbp,
			Help: "-i        on entry, which is what happens without -i and -o\n-o        on exit\n" + eventHelp},
		{Name: "fltbp", Usage: "?[+/-dDestT] [-c cmd] [-n count] fault ...",
			Descr: "stop on machine fault", Help: eventHelp, Run: runFltbp},
	}
}

// traced is a kind of event that is known by a number and a name.
type traced struct {
	what   string // in messages
	kind   control.Kind
	byName func(string) (int, bool)
	valid  func(int) bool
}

// add adds an event for each word of the arguments, the address first.
func (k traced) add(c *core.Ctx, a *eventArgs) error {
	words := a.rest
	if c.HasAddr {
		words = append([]core.Arg{{Imm: c.Addr, IsImm: true}}, words...)
	}
	if len(words) == 0 {
		return core.ErrUsage
	}
	var status error
	for _, w := range words {
		n, ok := int(w.Imm), true
		if !w.IsImm {
			if n, ok = k.byName(w.Str); !ok {
				n, ok = decimal(w.Str)
			}
		}
		switch {
		case !ok:
			c.Warnf("invalid %s name -- %s", k.what, w.Str)
			status = core.ErrFailed
		case !k.valid(n):
			c.Warnf("failed to trace %s %d: invalid %s number", k.what, n, k.what)
			status = core.ErrFailed
		default:
			if err := a.add(c, control.Event{Kind: k.kind, Number: n}); err != nil {
				return err
			}
		}
	}
	return status
}

// decimal reads a number as the libraries of MDB do that know names: in decimal,
// or as its prefix says.
func decimal(s string) (int, bool) {
	n, err := core.Strtoull(s, 10)
	return int(n), err == nil && s != "" && n < 1<<31
}

func runSysbp(c *core.Ctx) error {
	a, err := parseEvent(c, "io")
	if err != nil || a.has("i") && a.has("o") {
		return core.ErrUsage
	}
	kind := control.OnSysEntry
	if a.has("o") {
		kind = control.OnSysExit
	}
	return traced{"system call", kind,
		func(s string) (int, bool) { return system.LinuxCallNumber(c.Arch(), s) },
		func(n int) bool { return system.LinuxCall(c.Arch(), n) != "" },
	}.add(c, &a)
}

func runFltbp(c *core.Ctx) error {
	a, err := parseEvent(c, "")
	if err != nil {
		return core.ErrUsage
	}
	return traced{"fault", control.OnFault,
		func(s string) (int, bool) {
			i := slices.Index(control.Faults, "FLT"+strings.TrimPrefix(strings.ToUpper(s), "FLT"))
			return i, i > 0
		},
		func(n int) bool { return n > 0 && n < len(control.Faults) },
	}.add(c, &a)
}

// runSigbp stops on the delivery of signals. Which numbers are valid only a process
// knows.
func runSigbp(c *core.Ctx) error {
	a, err := parseEvent(c, "")
	if err != nil {
		return err
	}
	var status error
	known := a.rest[:0:0]
	for _, w := range a.rest {
		if _, ok := signalNumber(w.Str); !w.IsImm && !ok {
			c.Warnf("invalid signal name -- %s", w.Str)
			status = core.ErrFailed
			continue
		}
		known = append(known, w)
	}
	if a.rest = known; len(known) == 0 && status != nil {
		return status
	}
	err = traced{"signal", control.OnSignal, signalNumber,
		func(n int) bool { return c.Execution().Live() != nil && n > 0 && n < 65 },
	}.add(c, &a)
	if err == nil {
		err = status
	}
	return err
}
