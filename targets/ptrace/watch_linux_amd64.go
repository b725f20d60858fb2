package ptrace

import (
	"errors"
	"unsafe"

	"github.com/xmdb/xmdb/core/control"
	"golang.org/x/sys/unix"
)

// offsetDebugReg is that of u_debugreg in struct user (sys/user.h).
const offsetDebugReg = 848

// A watchpoint is in a debug register, or else looked for after every instruction.
type watchpoint struct {
	addr, size uint64
	access     control.Access
	regs       []int  // debug registers; nil: by software
	old        []byte // by software: what was there
}

// Fields of %dr7 (Intel SDM volume 3, section 18.2.4).
const (
	dr7Exec      = 0
	dr7Write     = 1
	dr7ReadWrite = 3
)

// watch sets a watchpoint. Four debug registers watch up to 8 aligned bytes each.
func (p *process) watch(addr, size uint64, a control.Access) error {
	w := &watchpoint{addr: addr, size: size, access: a}
	if size == 0 {
		return errors.New("a watchpoint needs a size")
	}
	if a&control.Execute != 0 && a != control.Execute {
		return errors.New("hardware watches execution, or reads and writes, not all by one watchpoint")
	}
	if a == control.Execute && size > 1 {
		return errors.New("execution can be watched at one address only")
	}
	if pieces := split(addr, size, a); len(pieces) <= p.freeRegs() {
		for range pieces {
			w.regs = append(w.regs, p.takeReg(w))
		}
		p.watches = append(p.watches, w)
		for _, th := range p.threads {
			if err := p.setWatches(th); err != nil {
				p.unwatch(addr, size, a)
				return err
			}
		}
		return nil
	}
	if a != control.Write {
		return errors.New("no debug register is free (there are four of 8 bytes)")
	}
	w.old = make([]byte, size)
	if n, err := p.readOriginal(w.old, addr); uint64(n) < size {
		return err
	}
	p.watches = append(p.watches, w)
	return control.ErrSoftware
}

// A piece is what one debug register watches.
type piece struct{ addr, size uint64 }

// split divides a range into aligned pieces of 1, 2, 4 or 8 bytes.
func split(addr, size uint64, a control.Access) []piece {
	if a == control.Execute {
		return []piece{{addr, 1}}
	}
	var list []piece
	for size > 0 && len(list) < 5 {
		n := uint64(8)
		for addr%n != 0 || n > size {
			n /= 2
		}
		list = append(list, piece{addr, n})
		addr, size = addr+n, size-n
	}
	return list
}

func (p *process) usedRegs() (used [4]bool) {
	for _, w := range p.watches {
		for _, r := range w.regs {
			used[r] = true
		}
	}
	return used
}

func (p *process) freeRegs() (n int) {
	for _, u := range p.usedRegs() {
		if !u {
			n++
		}
	}
	return n
}

// takeReg gives a register that neither a watchpoint nor w uses.
func (p *process) takeReg(w *watchpoint) int {
	used := p.usedRegs()
	for _, r := range w.regs {
		used[r] = true
	}
	for i, u := range used {
		if !u {
			return i
		}
	}
	return 0
}

func (p *process) unwatch(addr, size uint64, a control.Access) {
	for i, w := range p.watches {
		if w.addr == addr && w.size == size && w.access == a {
			p.watches = append(p.watches[:i], p.watches[i+1:]...)
			break
		}
	}
	for _, th := range p.threads {
		p.setWatches(th)
	}
}

func (p *process) clearWatches() {
	p.watches = nil
	for _, th := range p.threads {
		if !th.running {
			p.setWatches(th)
		}
	}
}

// setWatches brings the debug registers of a halted thread to what is watched.
func (p *process) setWatches(th *thread) error {
	if th.running || !th.debug && len(p.watches) == 0 {
		return nil
	}
	poke := func(n int, v uint64) error {
		return request(unix.PTRACE_POKEUSR, th.tid, uintptr(offsetDebugReg+8*n), uintptr(v))
	}
	if err := poke(7, 0); err != nil {
		return err
	}
	th.debug = false
	dr7 := uint64(0)
	for _, w := range p.watches {
		if w.regs == nil {
			continue
		}
		for i, pc := range split(w.addr, w.size, w.access) {
			r := w.regs[i]
			if err := poke(r, pc.addr); err != nil {
				return err
			}
			kind, length := uint64(dr7ReadWrite), uint64(map[uint64]int{1: 0, 2: 1, 4: 3, 8: 2}[pc.size])
			switch w.access {
			case control.Write:
				kind = dr7Write
			case control.Execute:
				kind = dr7Exec
			}
			dr7 |= 1<<(2*r) | kind<<(16+4*r) | length<<(18+4*r)
		}
	}
	if dr7 == 0 {
		return nil
	}
	th.debug = true
	return poke(7, dr7)
}

// watchHit tells whether a trap is a watchpoint's, from %dr6 or, by software, from a
// change of what is watched.
func (p *process) watchHit(th *thread, info siginfo) (hit bool, a control.Access, addr uint64) {
	if len(p.watches) == 0 {
		return false, 0, 0
	}
	if th.debug {
		dr6, err := peekUser(th.tid, offsetDebugReg+8*6)
		if err == nil && dr6&15 != 0 {
			request(unix.PTRACE_POKEUSR, th.tid, offsetDebugReg+8*6, 0)
			for _, w := range p.watches {
				for i, r := range w.regs {
					if dr6&(1<<r) != 0 {
						return true, w.access, split(w.addr, w.size, w.access)[i].addr
					}
				}
			}
		}
	}
	for _, w := range p.watches {
		if w.regs != nil {
			continue
		}
		now := make([]byte, w.size)
		if n, _ := p.readOriginal(now, w.addr); uint64(n) < w.size {
			continue
		}
		for i := range now {
			if now[i] != w.old[i] {
				w.old = now
				return true, control.Write, w.addr + uint64(i)
			}
		}
	}
	return false, 0, 0
}

// softWatch tells whether every instruction has to be stepped.
func (p *process) softWatch() bool {
	for _, w := range p.watches {
		if w.regs == nil {
			return true
		}
	}
	return false
}

func peekUser(tid, off int) (uint64, error) {
	var v uint64
	err := request(unix.PTRACE_PEEKUSR, tid, uintptr(off), uintptr(unsafe.Pointer(&v)))
	return v, err
}
