//go:build amd64 || arm64

package ptrace

import (
	"github.com/xmdb/xmdb/core/control"
	"golang.org/x/sys/unix"
)

// forkedChild waits until the child of a fork is halted, and reports the fork.
func (p *process) forkedChild(th *thread, pid int, vfork bool) *control.Stop {
	p.decide(false) // of an earlier fork, in another thread
	c := &child{pid: pid, vfork: vfork, parent: th}
	p.forked = c
	// Its first stop may have been reported already, as that of an unknown thread.
	if early := p.threads[pid]; early != nil {
		delete(p.threads, pid)
		if early.running {
			interrupt(pid)
			wait(pid, 0)
		}
	} else if _, ws, err := wait(pid, 0); err != nil || !ws.Stopped() {
		p.forked = nil
	}
	return &control.Stop{Why: control.Fork, Thread: uint64(th.tid), PC: th.pc(), Child: pid, VFork: vfork}
}

// decide lets the process that is not followed go.
func (p *process) decide(followChild bool) {
	c := p.forked
	if c == nil {
		return
	}
	p.forked = nil
	if followChild {
		p.becomeChild(c)
		return
	}
	if c.vfork {
		p.lift() // until PTRACE_EVENT_VFORK_DONE
	} else {
		p.cleanse(newMemory(c.pid), c.pid)
	}
	detach(c.pid, 0)
}

// cleanse takes the breakpoints out of a copy of the process's memory.
func (p *process) cleanse(m *memory, tid int) {
	for _, b := range p.breakpoints {
		if b.in {
			m.write(b.orig, b.addr)
		}
	}
	if p.page != 0 {
		p.unmapSlots(m, tid)
	}
	m.forget()
}

// becomeChild makes the child the process under control and lets the parent go.
func (p *process) becomeChild(c *child) {
	if c.vfork {
		// The two share memory until the child has gone its way: the traps leave the
		// memory, and come back when the child runs a program of its own.
		p.lift()
		p.lifted = 0
		p.unmapSlots(newMemory(c.pid), c.pid)
		p.page, p.slots = 0, nil
		for _, b := range p.breakpoints {
			b.slot = nil
		}
	}
	old := p.threads
	p.threads = map[int]*thread{c.pid: {tid: c.pid}}
	if !c.vfork {
		p.haltOld(old)
		for _, th := range old {
			th.store()
		}
		p.cleanse(newMemory(p.pid), c.parent.tid)
	}
	for _, th := range old {
		detach(th.tid, th.sig)
	}
	p.mem.forget()
	p.pid = c.pid
	p.mem = newMemory(c.pid)
	for _, b := range p.breakpoints {
		if c.vfork {
			b.in = false
		}
	}
	p.setWatches(p.threads[c.pid])
}

// haltOld halts the threads of the process that is about to be let go.
func (p *process) haltOld(threads map[int]*thread) {
	for _, th := range threads {
		if !th.running || interrupt(th.tid) != nil {
			continue
		}
		if _, ws, err := wait(th.tid, 0); err == nil && ws.Stopped() {
			th.halted()
			if sig := int(ws.StopSignal()); uint32(ws)>>16 == 0 && sig != int(unix.SIGTRAP) {
				th.sig = sig
			} else if th.load() == nil && ws.StopSignal() == unix.SIGTRAP && uint32(ws)>>16 == 0 {
				if b := p.breakpoints[th.pc()-trapAdvance]; b != nil && b.in {
					th.setPC(b.addr)
				}
			}
		}
	}
}
