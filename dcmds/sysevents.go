package dcmds

import (
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
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

// faults are the names of machine faults from 1 on, without FLT (sys/fault.h of
// illumos).
var faults = strings.Fields("ILL PRIV BPT TRACE ACCESS BOUNDS IOVF IZDIV FPE STACK PAGE WATCH CPCOVF")

// eventWords are the words that say what to trace, the address first. No words are
// an error in use.
func eventWords(c *core.Ctx, a *eventArgs) ([]core.Arg, error) {
	words := a.rest
	if c.HasAddr {
		words = append([]core.Arg{{Imm: c.Addr, IsImm: true}}, words...)
	}
	if len(words) == 0 {
		return nil, core.ErrUsage
	}
	return words, nil
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
	words, err := eventWords(c, &a)
	if err != nil {
		return err
	}
	descr := "stop on entry to "
	if a.has("o") {
		descr = "stop on exit from "
	}
	var status error
	for _, w := range words {
		nr, ok := int(w.Imm), true
		if !w.IsImm {
			if nr, ok = system.LinuxCallNumber(c.Arch(), w.Str); !ok {
				nr, ok = decimal(w.Str)
			}
		}
		name := system.LinuxCall(c.Arch(), nr)
		switch {
		case !ok:
			c.Warnf("invalid system call name -- %s", w.Str)
			status = core.ErrFailed
		case name == "":
			c.Warnf("failed to trace system call %d: invalid system call number", nr)
			status = core.ErrFailed
		default:
			events(c.Session).add(a.event(descr+name, 0, 0))
		}
	}
	return status
}

func runFltbp(c *core.Ctx) error {
	a, err := parseEvent(c, "")
	if err != nil {
		return core.ErrUsage
	}
	words, err := eventWords(c, &a)
	if err != nil {
		return err
	}
	var status error
	for _, w := range words {
		nr, ok := int(w.Imm), true
		if !w.IsImm {
			nr = 1 + slices.Index(faults, strings.TrimPrefix(strings.ToUpper(w.Str), "FLT"))
			if nr == 0 {
				nr, ok = decimal(w.Str)
			}
		}
		switch {
		case !ok:
			c.Warnf("invalid fault name -- %s", w.Str)
			status = core.ErrFailed
		case nr < 1 || nr > len(faults):
			c.Warnf("failed to trace fault %d: invalid fault number", nr)
			status = core.ErrFailed
		default:
			events(c.Session).add(a.event("stop on FLT"+faults[nr-1], 0, 0))
		}
	}
	return status
}
