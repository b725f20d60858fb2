package dcmds

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
)

// A move is a way to let a process go on.
type move int

const (
	moveOn move = iota
	moveStep
	moveOver
	moveOut
	moveBranch
)

// doing is the name of a move in messages.
var doing = map[move]string{moveOn: "continue", moveStep: "single-step", moveOver: "step (over)", moveOut: "step (out)",
	moveBranch: "step (branch)"}

// startProcess makes a process of the program.
func startProcess(c *core.Ctx, args []core.Arg) error {
	x := c.Execution()
	if _, ok := state(c); !ok || x.Start == nil || c.Session.Context().Target.Kind() == "raw" {
		return cannotRun(c)
	}
	words := make([]string, len(args))
	for i, a := range args {
		if words[i] = a.Str; a.IsImm {
			words[i] = c.P.Sprintf("%#llr", a.Imm)
		}
	}
	if err := x.Run(c, words); err != nil {
		c.Warnf("failed to create process: %s", core.Reason(err))
		return core.ErrFailed
	}
	return nil
}

func runRun(c *core.Ctx) error {
	if err := startProcess(c, c.Args); err != nil {
		return err
	}
	return goOn(c, moveOn)
}

func runCont(c *core.Ctx, how move) error {
	args := c.Args
	if len(args) > 0 && how == moveStep {
		if m, ok := map[string]move{"out": moveOut, "over": moveOver, "branch": moveBranch}[args[0].Str]; ok {
			how, args = m, args[1:]
		}
	}
	if len(args) > 1 {
		return core.ErrUsage
	}
	sig := 0
	if len(args) == 1 {
		if sig = int(args[0].Imm); !args[0].IsImm {
			var ok bool
			if sig, ok = signalNumber(args[0].Str); !ok {
				c.Warnf("invalid signal name -- %s", args[0].Str)
				return core.ErrUsage
			}
		}
	}
	if m, ok := stopper(c); ok {
		if sig != 0 {
			return failedTo(c, doing[how], errors.New("a machine has no signals"))
		}
		return machineGoOn(c, m, how)
	}
	x := c.Execution()
	st, _ := state(c)
	fresh := false
	switch {
	case st == core.StateDead:
		c.Warnf("failed to %s target: target is a core file", doing[how])
		return core.ErrFailed
	case st == core.StateIdle:
		if err := startProcess(c, nil); err != nil {
			return err
		}
		fresh = true
	}
	if sig != 0 {
		if sig < 1 || sig > 64 {
			c.Warnf("failed to post signal %d: invalid signal number", sig)
			return core.ErrFailed
		}
		x.Post(sig)
	}
	if fresh && how == moveStep {
		return stopped(c)
	}
	return goOn(c, how)
}

// goOn lets the process go on and tells where it has stopped.
func goOn(c *core.Ctx, how move) error {
	x := c.Execution()
	if err := cannotGoOn(x.State()); err != nil {
		c.Warnf("failed to %s target: %s", doing[how], err.Error())
		return core.ErrFailed
	}
	c.P.Flush()
	err := advance(c, how)
	if errors.Is(err, core.ErrIntr) {
		return err
	}
	if err != nil {
		c.Warnf("failed to %s target: %s", doing[how], core.Reason(err))
		return core.ErrFailed
	}
	if x.Engine().Busy() {
		return nil // within an event's action: it goes on when that has ended
	}
	return stopped(c)
}

func cannotGoOn(st core.State) error {
	switch st {
	case core.StateUndead:
		return errors.New("target has completed execution")
	case core.StateLost:
		return errors.New("debugger lost control of target")
	case core.StateRunning:
		return errors.New("target is not under control (--no-stop)")
	}
	return nil
}

func advance(c *core.Ctx, how move) error {
	x := c.Execution()
	switch how {
	case moveStep:
		return x.Continue(c, control.StepOne)
	case moveBranch:
		return x.Continue(c, control.StepBranch)
	case moveOver:
		next, sp, ok := pastCall(c)
		if !ok {
			return x.Continue(c, control.StepOne)
		}
		return x.Until(c, next, notBelow(c, sp))
	case moveOut:
		addr, sp, err := caller(c)
		if err != nil {
			return err
		}
		return x.Until(c, addr, notBelow(c, sp))
	}
	return x.Continue(c, control.Continue)
}

// ownRegs are the registers of the representative thread.
func ownRegs(c *core.Ctx) (*arch.Regs, error) {
	cx := c.Session.Context()
	r, ok := core.As[core.Registers](cx)
	if !ok {
		return nil, core.ErrNoProc
	}
	return r.Registers(cx.Thread)
}

// notBelow is the condition that a thread's stack is not deeper than sp: in a
// recursion an address is passed by inner calls first.
func notBelow(c *core.Ctx, sp uint64) func(*control.Stop) bool {
	x := c.Execution()
	return func(s *control.Stop) bool {
		regs, err := x.RegistersAt(s)
		return err != nil || regs.SP() >= sp
	}
}

// pastCall is the address behind the call at the pc; ok is false where there is no
// call.
func pastCall(c *core.Ctx) (next, sp uint64, ok bool) {
	regs, err := ownRegs(c)
	if err != nil {
		return 0, 0, false
	}
	pc := regs.PC()
	in, err := c.Disassemble(c.Space(), pc)
	if err != nil || !in.Call {
		return 0, 0, false
	}
	return pc + uint64(in.Len), regs.SP(), true
}

// caller is the address that the current function returns to, and the stack pointer
// there.
func caller(c *core.Ctx) (addr, sp uint64, err error) {
	cx := c.Session.Context()
	regs, err := ownRegs(c)
	if err != nil {
		return 0, 0, err
	}
	u, ok := core.As[core.Unwinder](cx)
	if !ok {
		return 0, 0, core.ErrNotSup
	}
	n := 0
	for f, ferr := range u.Frames(c, regs) {
		if ferr != nil {
			err = ferr
			break
		}
		if n++; n == 2 {
			return f.PC, f.SP, nil
		}
	}
	if err == nil {
		err = errors.New("failed to determine return address")
	}
	return 0, 0, err
}

// stopped tells the state of the process: where it has stopped.
func stopped(c *core.Ctx) error {
	x := c.Execution()
	last := x.Engine().Last()
	switch x.State() {
	case core.StateStopped:
		if in, err := c.Disassemble(c.Space(), last.PC); err == nil {
			c.Session.Notef("%s", strings.TrimSuffix(c.P.Sprintf("target stopped at:\n%-#16a%8T%s", last.PC, in.Text), "\n"))
		} else {
			c.Session.Notef("%s", c.P.Sprintf("target stopped at %a:", last.PC))
		}
		c.SetDot(last.PC)
	case core.StateRunning:
		c.Warnf("target is running")
	case core.StateUndead:
		c.Session.Notef("target has terminated")
	case core.StateDead:
		c.Warnf("target is a core dump")
	case core.StateLost:
		c.Warnf("target is no longer under debugger control")
	case core.StateIdle:
		c.Warnf("target is idle")
	}
	return nil
}

func runKill(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	l := c.Execution().Live()
	if _, machine := stopper(c); machine {
		c.Warnf("a machine is not ended by its debugger: use ::release")
		return core.ErrFailed
	}
	if l == nil || l.Control() == nil {
		c.Warnf("no victim process is currently under control")
		return nil
	}
	if p, ok := l.(core.Process); ok && !l.Last().Why.Gone() {
		c.Session.Notef("victim process PID %d forcibly terminated", p.PID())
	}
	c.Execution().Kill()
	return nil
}

func runRelease(c *core.Ctx) error {
	hang := len(c.Args) == 1 && c.Args[0].Str == "-a"
	if len(c.Args) > 1 || len(c.Args) == 1 && !hang {
		return core.ErrUsage
	}
	if c.Execution().Live() != nil {
		c.Execution().Release(hang)
		return nil
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
	x := c.Execution()
	st, ok := state(c)
	switch {
	case !ok && x.Grab == nil:
		c.Warnf("attach requires executable to be specified on command-line (or use -p)")
		return core.ErrFailed
	case st == core.StateDead:
		c.Warnf("debugger is already attached to a core")
		return core.ErrFailed
	case x.Live() != nil:
		c.Warnf("debugger is already attached to a process")
		return core.ErrFailed
	case x.Grab == nil:
		c.Warnf("cannot attach: %s", core.ErrNotSup.Error())
		return core.ErrFailed
	}
	pid := c.Addr
	if !c.HasAddr {
		n, ok := decimal(strings.TrimPrefix(filepath.Clean(c.Args[0].Str), "/proc/"))
		if !ok {
			c.Warnf("cannot attach: no such process")
			return core.ErrFailed
		}
		pid = uint64(n)
	}
	l, err := x.Grab(c, int(pid))
	if err != nil {
		c.Warnf("cannot attach: %s", core.Reason(err))
		return core.ErrFailed
	}
	x.SetOutside()
	if err := x.Adopt(c, l); err != nil {
		c.Warnf("%s", err.Error())
	}
	return nil
}

// runIgnore deletes the events of a signal.
func runIgnore(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if c.Addr < 1 || c.Addr > 64 || c.Execution().Live() == nil {
		c.Warnf("invalid signal number -- 0t%lu", c.Addr)
		return core.ErrFailed
	}
	deleteEvents(c, func(e *control.Event) bool { return e.Kind == control.OnSignal && e.Number == int(c.Addr) })
	return nil
}

// runIgnored lists the signals that do not stop the process.
func runIgnored(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	if _, ok := state(c); !ok {
		c.Warnf("no process is currently active")
		return core.ErrFailed
	}
	traced := map[int]bool{}
	for _, e := range c.Execution().Engine().Events() {
		if e.Kind == control.OnSignal && e.Flags&control.Disabled == 0 {
			traced[e.Number] = true
		}
	}
	var ignored []string
	for i, name := range signals {
		if !traced[i+1] {
			ignored = append(ignored, name)
		}
	}
	c.Record(func() { c.Printf("%s\n", strings.Join(ignored, " ")) }, namedField("ignored", ignored))
	return nil
}

func runGcore(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	cx := c.Session.Context()
	d, ok := cx.Target.(core.CoreDumper)
	switch {
	case cx.Target == nil:
		c.Warnf("no process active")
		return core.ErrFailed
	case !ok:
		c.Warnf("failed to create core file: %s", core.ErrNotSup.Error())
		return core.ErrFailed
	}
	prefix, _ := c.OptStr('o')
	if prefix == "" {
		prefix = "core"
	}
	content, _ := c.OptStr('c')
	name, err := d.DumpCore(c, prefix, content)
	if err != nil {
		c.Warnf("couldn't dump core: %s", core.Reason(err))
		return core.ErrFailed
	}
	c.Session.Notef("%s dumped", name)
	return nil
}
