package dcmds

import (
	"strings"

	"github.com/xmdb/xmdb/core"
)

// controlDcmds control execution. No target of this version can run, so these
// say why not, in MDB's words for a target in that state.
func controlDcmds() []*core.Dcmd {
	cont := func(name, usage, descr, doing string) *core.Dcmd {
		return &core.Dcmd{Name: name, Usage: usage, Descr: descr, Run: func(c *core.Ctx) error { return runCont(c, doing) }}
	}
	const (
		sigUsage    = "?[+/-dDestT] [-c cmd] [-n count] SIG ..."
		contDescr   = "continue target execution"
		nextDescr   = "step target over next instruction"
		stepDescr   = "single-step target to next instruction"
		outDescr    = "step target out of current function"
		sigDescr    = "stop on delivery of the specified signals"
		attachDescr = "attach to process or core file"
		killDescr   = "forcibly kill and release target"
		freeDescr   = "release the previously attached process"
	)
	return []*core.Dcmd{
		{Name: "run", Usage: "[ args ... ]", Descr: "run a new target process", Run: runRun},
		{Name: ":r", Usage: "[ args ... ]", Descr: "run a new target process", Run: runRun},
		cont("cont", "[SIG]", contDescr, "continue"), cont(":c", "[SIG]", contDescr, "continue"),
		cont("next", "[SIG]", nextDescr, "step (over)"), cont(":e", "[SIG]", nextDescr, "step (over)"),
		cont("step", "[ over | out ] [SIG]", stepDescr, "single-step"), cont(":s", "[SIG]", stepDescr, "single-step"),
		cont(":S", "", "", "single-step"), cont(":u", "[SIG]", outDescr, "step (out)"),
		{Name: "kill", Descr: killDescr, Run: runKill}, {Name: ":k", Descr: killDescr, Run: runKill},
		{Name: "release", Usage: "[-a]", Descr: freeDescr, Run: runRelease},
		{Name: ":R", Usage: "[-a]", Descr: freeDescr, Run: runRelease},
		{Name: "attach", Usage: "?[core|pid]", Descr: attachDescr, Run: runAttach},
		{Name: ":A", Usage: "?[core|pid]", Descr: attachDescr, Run: runAttach},
		{Name: ":i", Usage: ":", Descr: "ignore signal (delete all matching events)", Run: runIgnore},
		{Name: "sigbp", Usage: sigUsage, Descr: sigDescr, Help: eventHelp, Run: runSigbp},
		{Name: ":t", Usage: sigUsage, Descr: sigDescr, Help: eventHelp, Run: runSigbp},
		{Name: "$i", Descr: "print signals that are ignored", Run: runIgnored},
		{Name: "gcore", Usage: "[-o prefix] [-c content]", Descr: "produce a core file for the attached process",
			Opts: []core.Opt{
				{Letter: 'o', Kind: core.Str, Arg: "prefix", Help: "of the file's name; core if not given"},
				{Letter: 'c', Kind: core.Str, Arg: "content", Help: "which mappings to save"},
			}, Run: runGcore},
		{Name: "tmodel", Usage: "{thread|lwp}", AnyAddr: true, Run: runTmodel},
	}
}

// state is the state of execution of the target; ok is false without a target.
func state(c *core.Ctx) (st core.State, ok bool) {
	cx := c.Session.Context()
	if t, has := core.As[core.Stater](cx); has {
		return t.State(), true
	}
	return core.StateIdle, cx.Target != nil
}

// cannotRun says why a process cannot be made.
func cannotRun(c *core.Ctx) error {
	t := c.Session.Context().Target
	switch _, ok := state(c); {
	case !ok:
		c.Warnf("run requires executable to be specified on command-line")
	case t != nil && t.Kind() == "raw":
		c.Warnf("failed to create new target: %s", core.ErrNotSup.Error())
	default:
		c.Warnf("failed to create process: %s", core.ErrNotSup.Error())
	}
	return core.ErrFailed
}

func runRun(c *core.Ctx) error { return cannotRun(c) }

func runCont(c *core.Ctx, doing string) error {
	args := c.Args
	if len(args) > 0 && doing == "single-step" {
		switch args[0].Str {
		case "out", "over":
			doing = "step (" + args[0].Str + ")"
			args = args[1:]
		}
	}
	if len(args) > 1 {
		return core.ErrUsage
	}
	if len(args) == 1 && !args[0].IsImm {
		if _, ok := signalNumber(args[0].Str); !ok {
			c.Warnf("invalid signal name -- %s", args[0].Str)
			return core.ErrUsage
		}
	}
	if st, _ := state(c); st == core.StateDead {
		c.Warnf("failed to %s target: target is a core file", doing)
		return core.ErrFailed
	}
	return cannotRun(c)
}

func runKill(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	c.Warnf("no victim process is currently under control")
	return nil
}

func runRelease(c *core.Ctx) error {
	if len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].Str != "-a" {
		return core.ErrUsage
	}
	if st, ok := state(c); ok && st == core.StateDead {
		c.Warnf("failed to release target: %s", core.ErrNotSup.Error())
	} else {
		c.Warnf("debugger is not currently attached to a process or core file")
	}
	return core.ErrFailed
}

func runAttach(c *core.Ctx) error {
	if c.HasAddr == (len(c.Args) != 0) || len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].IsImm {
		return core.ErrUsage
	}
	switch st, ok := state(c); {
	case !ok:
		c.Warnf("attach requires executable to be specified on command-line (or use -p)")
	case st == core.StateDead:
		c.Warnf("debugger is already attached to a core")
	default:
		c.Warnf("cannot attach: %s", core.ErrNotSup.Error())
	}
	return core.ErrFailed
}

func runIgnore(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	c.Warnf("invalid signal number -- 0t%lu", c.Addr)
	return core.ErrFailed
}

// runSigbp refuses every signal: which numbers are valid only a process knows.
func runSigbp(c *core.Ctx) error {
	a, err := parseEvent(c, "")
	if err != nil {
		return err
	}
	if c.HasAddr {
		a.rest = append([]core.Arg{{Imm: c.Addr, IsImm: true}}, a.rest...)
	}
	if len(a.rest) == 0 {
		return core.ErrUsage
	}
	for _, w := range a.rest {
		n := int(w.Imm)
		if !w.IsImm {
			var ok bool
			if n, ok = signalNumber(w.Str); !ok {
				c.Warnf("invalid signal name -- %s", w.Str)
				continue
			}
		}
		c.Warnf("failed to trace signal %d: invalid signal number", n)
	}
	return core.ErrFailed
}

// runIgnored lists the signals that would not stop the process: all of them, as
// no target of this version traces any.
func runIgnored(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if _, ok := state(c); !ok {
		c.Warnf("no process is currently active")
		return core.ErrFailed
	}
	c.Record(func() { c.Printf("%s\n", strings.Join(signals, " ")) }, namedField("ignored", signals))
	return nil
}

func runGcore(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if _, ok := state(c); !ok {
		c.Warnf("no process active")
	} else {
		c.Warnf("failed to create core file: %s", core.ErrNotSup.Error())
	}
	return core.ErrFailed
}

// signals are the names of Linux's signals from 1 on, without SIG.
var signals = strings.Fields("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT " +
	"CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS")

// signalNumber reads a signal: its name with or without SIG, or its number in
// decimal.
func signalNumber(s string) (int, bool) {
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	for i, n := range signals {
		if n == name {
			return i + 1, true
		}
	}
	n, err := core.Strtoull("0t"+s, 10)
	return int(n), err == nil && s != "" && n > 0 && n < 65
}

func runTmodel(c *core.Ctx) error {
	if len(c.Args) != 1 || c.Args[0].Str != "thread" && c.Args[0].Str != "lwp" {
		return core.ErrUsage
	}
	return nil // threads are lwps
}
