//go:build amd64 || arm64

package ptrace

import (
	"github.com/xmdb/xmdb/core/control"
	"golang.org/x/sys/unix"
)

// stepThread makes one step of a thread while the others stay halted.
func (p *process) stepThread(o control.Order, keep func(*control.Stop) bool) (control.Stop, error) {
	th, err := p.thread(o.Thread)
	if err != nil {
		return control.Stop{}, err
	}
	if s := th.pending; s != nil {
		th.pending = nil
		if keep(s) {
			return *s, nil
		}
	}
	for {
		if s := p.stepOnce(th, o.Mode); s != nil {
			keep(s)
			return *s, nil
		}
		if p.gone != nil {
			return *p.gone, nil
		}
		if p.threads[th.tid] != th { // it ended, or another process is followed
			return control.Stop{Why: control.Requested, Thread: uint64(p.pid)}, nil
		}
	}
}

// Ways to step: by instruction, by branch (PTRACE_SINGLEBLOCK).
var stepRequest = map[control.Mode]int{control.StepOne: unix.PTRACE_SINGLESTEP, control.StepBranch: singleBlock}

// stepOnce steps over whatever breakpoint is at the thread's pc. nil means that
// nothing worth a stop has happened yet.
func (p *process) stepOnce(th *thread, mode control.Mode) *control.Stop {
	if f := p.forked; f != nil && f.parent == th {
		p.decide(f.follow)
	}
	th.hit, th.groupStop = false, false
	b := p.breakpoints[th.pc()]
	if b != nil {
		p.takeOut(b)
		defer func() {
			if p.breakpoints[b.addr] == b && p.lifted == 0 && p.gone == nil {
				p.putIn(b)
			}
		}()
	}
	th.stepping, th.quiet = true, false
	sig := th.sig
	th.sig = 0
	th.start(stepRequest[mode], sig)
	return p.await(th)
}

// await waits until one thread halts. Others that are running (a step past a
// breakpoint while the process runs) are dealt with when they report.
func (p *process) await(th *thread) *control.Stop {
	for th.running && p.gone == nil {
		tid, ws, err := wait(-1, 0)
		if err != nil {
			s := p.lost()
			return &s
		}
		got, s := p.classify(tid, ws)
		switch {
		case p.gone != nil:
			return p.gone
		case got == th && (s != nil || !th.running):
			return s
		case got == nil:
			if p.threads[th.tid] != th {
				return nil
			}
		case s == nil:
			if got.fresh || !got.running {
				continue // a new thread: it stays halted
			}
		case s.Why == control.Breakpoint:
			got.hit = false
		case s.Why != control.Requested && s.Why != control.Step && s.Why != control.JobControl:
			got.pending = s
		}
	}
	return nil
}

// past gets a thread past the breakpoint at its pc: true if it can simply go on,
// false if it is on its way by other means.
func (p *process) past(th *thread, b *breakpoint) bool {
	if emulate(p, th, b) {
		return true
	}
	if p.outOfLine(th, b) {
		return true
	}
	p.inLine(th, b)
	return false
}

// inLine gets a thread past a breakpoint with every other thread halted and the trap
// out of memory.
func (p *process) inLine(th *thread, b *breakpoint) {
	var others []*thread
	for _, o := range p.threads {
		if o != th && o.running {
			others = append(others, o)
		}
	}
	if len(others) > 0 {
		p.haltAll(th)
	}
	if p.gone != nil || p.threads[th.tid] != th {
		return
	}
	p.takeOut(b)
	th.stepping, th.quiet = true, false
	th.start(unix.PTRACE_SINGLESTEP, 0) // a signal waits until the instruction is done
	s := p.await(th)
	if p.gone != nil {
		return
	}
	if p.breakpoints[b.addr] == b && p.lifted == 0 {
		p.putIn(b)
	}
	th.stepping = false
	switch {
	case s != nil && s.Why != control.Step:
		th.pending = s
	case th.pc() == b.addr:
		th.hit = true // it was halted before the step was made
	}
	for _, o := range p.list() {
		if o.pending != nil {
			p.late = append(p.late, o)
		} else if o != th {
			p.run(o)
		}
	}
	if th.pending == nil && p.threads[th.tid] == th {
		p.run(th)
	}
}
