//go:build amd64 || arm64

package ptrace

import (
	"github.com/xmdb/xmdb/core/control"
	"golang.org/x/sys/unix"
)

// classify turns what wait reported of a thread into a stop. nil means that it is
// nobody's concern: the thread is halted and should go on, or is gone.
func (p *process) classify(tid int, ws unix.WaitStatus) (*thread, *control.Stop) {
	th := p.threads[tid]
	if ws.Exited() || ws.Signaled() {
		return nil, p.ended(tid, ws)
	}
	if !ws.Stopped() {
		return nil, nil
	}
	if th == nil {
		if p.forked != nil && p.forked.pid == tid {
			return nil, nil
		}
		// A new thread's first stop may come before its creator's clone event.
		th = &thread{tid: tid}
		p.threads[tid] = th
		th.halted()
		p.setWatches(th)
		return th, nil
	}
	fresh := th.fresh
	th.halted()
	p.leaveSlot(th)
	if fresh {
		p.setWatches(th)
	}
	sig, event := int(ws.StopSignal()), int(uint32(ws)>>16)
	switch {
	case event == eventStop:
		return th, p.stopEvent(th, sig)
	case event != 0:
		return th, p.event(th, event)
	case sig == int(unix.SIGTRAP)|sysStopBit:
		return th, p.syscallStop(th)
	case sig == int(unix.SIGTRAP):
		return th, p.trapped(th)
	}
	return th, p.signalled(th, sig)
}

// stopEvent is a halt by PTRACE_INTERRUPT, or a group stop.
func (p *process) stopEvent(th *thread, sig int) *control.Stop {
	if b := p.breakpoints[th.pc()-trapAdvance]; (th.stepping || b != nil && b.in) && trapPending(th.tid) {
		// Halted between a trap and its SIGTRAP, which would kill the process if it
		// were let go now. The thread goes on to that.
		th.start(unix.PTRACE_CONT, 0)
		return nil
	}
	th.stepping = false
	if sig == int(unix.SIGTRAP) {
		return nil
	}
	th.groupStop = true
	return &control.Stop{Why: control.JobControl, Thread: uint64(th.tid), Signal: sig, PC: th.pc()}
}

// ended notes the end of a thread; the stop is that of the process.
func (p *process) ended(tid int, ws unix.WaitStatus) *control.Stop {
	if p.forked != nil && p.forked.pid == tid {
		p.forked = nil
		return nil
	}
	delete(p.threads, tid)
	if tid != p.pid {
		if len(p.threads) == 0 {
			// The leader's end is yet to be reported.
			return nil
		}
		return nil
	}
	s := &control.Stop{Why: control.Exited, Thread: uint64(tid), Code: ws.ExitStatus()}
	if ws.Signaled() {
		s.Why, s.Signal, s.Core = control.Killed, int(ws.Signal()), ws.CoreDump()
	}
	p.gone = s
	return s
}

// event is a PTRACE_EVENT_*.
func (p *process) event(th *thread, event int) *control.Stop {
	msg, _ := eventMessage(th.tid)
	switch event {
	case unix.PTRACE_EVENT_CLONE:
		if p.threads[msg] == nil && !ending(msg) {
			p.threads[msg] = &thread{tid: msg, running: true, fresh: true}
		}
		return nil
	case unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK:
		return p.forkedChild(th, msg, event == unix.PTRACE_EVENT_VFORK)
	case unix.PTRACE_EVENT_VFORK_DONE:
		p.lower()
		return &control.Stop{Why: control.VForkDone, Thread: uint64(th.tid), PC: th.pc(), Child: msg}
	case unix.PTRACE_EVENT_EXEC:
		return p.execed(th)
	}
	return nil
}

// execed notes that the process runs another program: one thread is left, the
// leader, and none of what was in memory.
func (p *process) execed(th *thread) *control.Stop {
	for tid := range p.threads {
		if tid != p.pid {
			delete(p.threads, tid)
		}
	}
	if th.tid != p.pid {
		th = &thread{tid: p.pid}
		p.threads[p.pid] = th
	}
	th.hit, th.stepping, th.inCall = false, false, p.syscalls
	clear(p.breakpoints)
	p.slots, p.page, p.noSlots = nil, 0, false
	p.lifted = 0
	p.mem.forget()
	p.clearWatches()
	return &control.Stop{Why: control.Exec, Thread: uint64(p.pid), PC: th.pc()}
}

// syscallStop is the entry to or the exit from a system call.
func (p *process) syscallStop(th *thread) *control.Stop {
	s := &control.Stop{Thread: uint64(th.tid), PC: th.pc(), Syscall: callNumber(&th.regs)}
	info, err := syscallState(th.tid)
	switch {
	case err == nil && info.Op == syscallInfoEntry, err != nil && !th.inCall:
		th.inCall = true
		s.Why = control.SysEntry
	default:
		th.inCall = false
		s.Why, s.Ret = control.SysExit, callResult(&th.regs)
	}
	return s
}

// trapped is a SIGTRAP: a breakpoint, a step, a watchpoint, or the program's own.
func (p *process) trapped(th *thread) *control.Stop {
	if err := th.load(); err != nil {
		return nil
	}
	pc := pcOf(&th.regs)
	if !th.stepping {
		if b := p.breakpoints[pc-trapAdvance]; b != nil && b.in {
			if trapAdvance != 0 {
				th.setPC(pc - trapAdvance)
				if th.store() != nil {
					return nil
				}
			}
			th.hit = true
			return &control.Stop{Why: control.Breakpoint, Thread: uint64(th.tid), PC: b.addr, Addr: b.addr}
		}
	}
	info, err := signalInfo(th.tid)
	if err != nil {
		return nil
	}
	if w, acc, addr := p.watchHit(th, info); w {
		th.stepping = false
		return &control.Stop{Why: control.Watch, Thread: uint64(th.tid), PC: th.pc(), Addr: addr, Access: acc}
	}
	switch info.Code {
	case trapTrace, trapBranch, trapHWBkpt:
		if !th.stepping {
			return nil // a step that was given up
		}
		th.stepping = false
		if th.quiet {
			return nil // it was for a watchpoint
		}
		return &control.Stop{Why: control.Step, Thread: uint64(th.tid), PC: th.pc()}
	}
	if th.stepping {
		// A step onto a breakpoint's trap: the trap's own stop comes first on some
		// processors.
		if b := p.breakpoints[pc-trapAdvance]; b != nil && b.in {
			th.stepping = false
			th.setPC(b.addr)
			th.store()
			th.hit = true
			return &control.Stop{Why: control.Breakpoint, Thread: uint64(th.tid), PC: b.addr, Addr: b.addr}
		}
	}
	return p.signalled(th, int(unix.SIGTRAP))
}

// signalled is a signal that is about to be delivered.
func (p *process) signalled(th *thread, sig int) *control.Stop {
	th.stepping = false
	th.sig, th.fault = sig, false
	s := &control.Stop{Why: control.Signal, Thread: uint64(th.tid), PC: th.pc(), Signal: sig}
	if info, err := signalInfo(th.tid); err == nil {
		if sig == int(unix.SIGSTOP) && info.Code == siTkill && int32(info.Field[0]) == int32(unix.Getpid()) {
			return p.kicked(th)
		}
		s.SigCode = int(info.Code)
		switch unix.Signal(sig) {
		case unix.SIGILL, unix.SIGBUS, unix.SIGFPE, unix.SIGSEGV, unix.SIGTRAP:
			s.Fault = info.Code > 0
			th.fault = s.Fault
			s.Addr = info.Field[0]
		}
	}
	return s
}

// kicked is the SIGSTOP by which we halt a process that does not halt otherwise. The
// process never sees it.
func (p *process) kicked(th *thread) *control.Stop {
	th.sig = 0
	p.kicks.Add(-1)
	if !p.interrupted.Load() {
		return nil // something else has halted it meanwhile
	}
	return &control.Stop{Why: control.Requested, Thread: uint64(th.tid), PC: th.pc()}
}
