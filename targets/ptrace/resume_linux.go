//go:build amd64 || arm64

package ptrace

import (
	"context"
	"time"

	"github.com/xmdb/xmdb/core/control"
	"golang.org/x/sys/unix"
)

// resume carries out an order (control.Machine). It runs on the tracer's thread.
func (p *process) resume(ctx context.Context, o control.Order, keep func(*control.Stop) bool) (control.Stop, error) {
	if p.gone != nil {
		return *p.gone, control.ErrNoProcess
	}
	stop := p.watchInterrupt(ctx)
	defer stop()
	if th := p.threads[int(o.Thread)]; th != nil {
		switch {
		case o.Signal != 0:
			th.sig = o.Signal
		case o.Drop:
			th.sig = 0
		}
	}
	if o.Mode != control.Continue {
		return p.stepThread(o, keep)
	}
	if p.forked != nil && p.forked.follow {
		p.decide(true)
	}
	if s := p.offerPending(keep); s != nil {
		return *s, nil
	}
	for _, th := range p.list() {
		p.run(th)
	}
	for p.gone == nil {
		if s := p.offerLate(keep); s != nil {
			p.haltAll(nil)
			return *s, nil
		}
		tid, ws, err := wait(-1, 0)
		if err != nil {
			return p.lost(), nil
		}
		th, s := p.classify(tid, ws)
		if s == nil {
			if th != nil {
				p.run(th)
			}
			continue
		}
		if keep(s) || p.interrupted.Load() && s.Why == control.Requested {
			p.haltAll(th)
			return *s, nil
		}
		if th != nil {
			p.run(th)
		}
	}
	return *p.gone, nil
}

// lost is the stop of a process that vanished without an end being reported.
func (p *process) lost() control.Stop {
	if p.gone == nil {
		p.gone = &control.Stop{Why: control.Lost, Thread: uint64(p.pid)}
		clear(p.threads)
	}
	return *p.gone
}

// offerPending offers what happened while threads were being halted. The first that
// is kept is the stop.
func (p *process) offerPending(keep func(*control.Stop) bool) *control.Stop {
	for _, th := range p.list() {
		s := th.pending
		if s == nil {
			continue
		}
		th.pending = nil
		if keep(s) {
			return s
		}
	}
	return nil
}

// offerLate offers what happened while one thread was being brought past a
// breakpoint. A thread whose stop is not kept goes on.
func (p *process) offerLate(keep func(*control.Stop) bool) *control.Stop {
	for len(p.late) > 0 {
		th := p.late[0]
		p.late = p.late[1:]
		s := th.pending
		if s == nil || p.threads[th.tid] != th {
			continue
		}
		th.pending = nil
		if keep(s) {
			p.late = nil // the others keep theirs for the next time
			return s
		}
		p.run(th)
	}
	return nil
}

// run lets a halted thread go on, past the breakpoint it has hit.
func (p *process) run(th *thread) {
	if th.running || th.pending != nil {
		return
	}
	if f := p.forked; f != nil && f.parent == th {
		p.decide(f.follow)
		if p.threads[th.tid] != th {
			return // the other process is followed
		}
	}
	if th.groupStop {
		th.groupStop = false
		th.start(unix.PTRACE_LISTEN, 0)
		return
	}
	if th.hit && !(th.fault && th.sig != 0) {
		th.hit = false
		if b := p.breakpoints[th.pc()]; b != nil && b.in && !p.past(th, b) {
			return // on its way by a step, or halted again
		}
	}
	p.cont(th)
}

// cont resumes a thread that is not at a breakpoint it has hit.
func (p *process) cont(th *thread) {
	how := unix.PTRACE_CONT
	switch {
	case p.softWatch():
		how, th.stepping, th.quiet = unix.PTRACE_SINGLESTEP, true, true
	case p.syscalls:
		how = unix.PTRACE_SYSCALL
	}
	sig := th.sig
	th.sig, th.hit = 0, false
	th.start(how, sig)
}

func (th *thread) start(how, sig int) {
	th.store()
	th.running, th.haveRegs = true, false
	if how == unix.PTRACE_LISTEN {
		listen(th.tid)
		return
	}
	// ESRCH: it was killed meanwhile; its end will be reported.
	goOn(how, th.tid, sig)
}

// haltAll halts every running thread but one. What they have done meanwhile is kept
// to be offered.
func (p *process) haltAll(but *thread) {
	p.interrupted.Store(false)
	waiting := 0
	for _, th := range p.threads {
		if th != but && th.running && interrupt(th.tid) == nil {
			waiting++
		}
	}
	for waiting > 0 && p.anyRunning(but) {
		tid, ws, err := wait(-1, 0)
		if err != nil {
			p.lost()
			return
		}
		th, s := p.classify(tid, ws)
		if p.gone != nil {
			return
		}
		if th == nil || s == nil {
			continue
		}
		switch s.Why {
		case control.Breakpoint:
			th.hit = false // it runs into it again
		case control.Requested, control.Step:
		case control.JobControl:
		default:
			th.pending = s
		}
	}
}

func (p *process) anyRunning(but *thread) bool {
	for _, th := range p.threads {
		if th.running && th != but {
			return true
		}
	}
	return false
}

// interruptAfter is how long a forwarded SIGINT may take to halt the process before
// it is halted without.
const interruptAfter = 300 * time.Millisecond

// watchInterrupt halts the process when ctx ends: by SIGINT, as the terminal would,
// if it is in another process group; else, and if that has no effect, by a SIGSTOP
// that it never sees.
func (p *process) watchInterrupt(ctx context.Context) (stop func()) {
	pid := p.pid
	over := make(chan struct{})
	undo := context.AfterFunc(ctx, func() {
		p.interrupted.Store(true)
		if g, err := unix.Getpgid(pid); err == nil && g != unix.Getpgrp() {
			unix.Kill(pid, unix.SIGINT)
		}
		select {
		case <-over:
			return
		case <-time.After(interruptAfter):
		}
		p.kick(pid)
	})
	return func() {
		undo()
		close(over)
	}
}

// kick sends a SIGSTOP of ours to a thread of the process. It may be called by any
// goroutine.
func (p *process) kick(pid int) {
	ids, _ := tasks(pid)
	for _, tid := range ids {
		p.kicks.Add(1)
		if signalThread(pid, tid, sigSTOP) == nil {
			return
		}
		p.kicks.Add(-1)
	}
}
