package ptrace

import (
	"errors"

	"github.com/xmdb/xmdb/core/control"
)

var errWriteOnly = errors.New("only writes can be watched on arm64")

// A watchpoint is looked for after every instruction.
type watchpoint struct {
	addr, size uint64
	access     control.Access
	old        []byte
}

func (p *process) watch(addr, size uint64, a control.Access) error {
	if a != control.Write {
		return errWriteOnly
	}
	w := &watchpoint{addr: addr, size: size, access: a, old: make([]byte, size)}
	if n, err := p.readOriginal(w.old, addr); uint64(n) < size {
		return err
	}
	p.watches = append(p.watches, w)
	return control.ErrSoftware
}

func (p *process) unwatch(addr, size uint64, a control.Access) {
	for i, w := range p.watches {
		if w.addr == addr && w.size == size && w.access == a {
			p.watches = append(p.watches[:i], p.watches[i+1:]...)
			return
		}
	}
}

func (p *process) clearWatches() { p.watches = nil }

func (p *process) setWatches(*thread) error { return nil }

func (p *process) softWatch() bool { return len(p.watches) > 0 }

// watchHit tells whether what is watched has changed.
func (p *process) watchHit(*thread, siginfo) (hit bool, a control.Access, addr uint64) {
	for _, w := range p.watches {
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
