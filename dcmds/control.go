package dcmds

import (
	"strings"

	"github.com/xmdb/xmdb/core"
)

// controlDcmds control execution: of a process, or of one that is made of the
// program at hand. For a target that cannot run they say why not, in MDB's words.
func controlDcmds() []*core.Dcmd {
	cont := func(name, usage, descr string, how move) *core.Dcmd {
		return &core.Dcmd{Name: name, Usage: usage, Descr: descr, Run: func(c *core.Ctx) error { return runCont(c, how) }}
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
		cont("cont", "[SIG]", contDescr, moveOn), cont(":c", "[SIG]", contDescr, moveOn),
		cont("next", "[SIG]", nextDescr, moveOver), cont(":e", "[SIG]", nextDescr, moveOver),
		cont("step", "[ over | out | branch ] [SIG]", stepDescr, moveStep), cont(":s", "[SIG]", stepDescr, moveStep),
		cont(":S", "", "", moveStep), cont(":u", "[SIG]", outDescr, moveOut),
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
