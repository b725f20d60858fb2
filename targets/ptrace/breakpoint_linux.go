//go:build amd64 || arm64

package ptrace

import (
	"bytes"
	"fmt"
)

// A breakpoint is a trap instruction in memory.
type breakpoint struct {
	addr uint64
	orig []byte // what the trap replaces
	code []byte // the instruction and what follows, as far as it can be read
	in   bool   // the trap is in memory

	slot  *slot // where its instruction runs out of line
	fixed bool  // it runs in its place only
}

// maxCode is the most bytes an instruction has.
const maxCode = 16

// insert puts a breakpoint in. The process is halted.
func (p *process) insert(addr uint64) error {
	if p.breakpoints[addr] != nil {
		return nil
	}
	code := make([]byte, maxCode)
	n, err := p.readOriginal(code, addr)
	if n < len(trap) {
		return err
	}
	b := &breakpoint{addr: addr, orig: bytes.Clone(code[:len(trap)]), code: code[:n]}
	if p.lifted == 0 {
		if err := p.mem.write(trap, addr); err != nil {
			return err
		}
		b.in = true
	}
	p.breakpoints[addr] = b
	// Whoever stands here has not run into it: going on means hitting it.
	for _, th := range p.threads {
		if !th.running && th.pc() == addr {
			th.hit = false
		}
	}
	return nil
}

// remove takes a breakpoint out. The process is halted, so that no thread has run
// into it without that being known.
func (p *process) remove(addr uint64) error {
	b := p.breakpoints[addr]
	if b == nil {
		return nil
	}
	delete(p.breakpoints, addr)
	return p.takeOut(b)
}

func (p *process) takeOut(b *breakpoint) error {
	if !b.in || p.gone != nil {
		return nil
	}
	b.in = false
	now := make([]byte, len(trap))
	if n, _ := p.mem.read(now, b.addr); n == len(trap) && !bytes.Equal(now, trap) {
		return nil // the program has written something else there
	}
	return p.mem.write(b.orig, b.addr)
}

func (p *process) putIn(b *breakpoint) error {
	if b.in {
		return nil
	}
	if err := p.mem.write(trap, b.addr); err != nil {
		return fmt.Errorf("breakpoint at %#x: %w", b.addr, err)
	}
	b.in = true
	return nil
}

// lift takes all breakpoints out of memory, lower puts them back: while a vfork
// child uses the memory.
func (p *process) lift() {
	p.lifted++
	for _, b := range p.breakpoints {
		p.takeOut(b)
	}
}

func (p *process) lower() {
	if p.lifted == 0 {
		return
	}
	if p.lifted--; p.lifted > 0 {
		return
	}
	for _, b := range p.breakpoints {
		p.putIn(b)
	}
}

// readOriginal reads memory as it is without breakpoints.
func (p *process) readOriginal(b []byte, addr uint64) (int, error) {
	n, err := p.mem.read(b, addr)
	p.mask(b[:n], addr)
	return n, err
}

// mask replaces the traps within b, which is memory at addr.
func (p *process) mask(b []byte, addr uint64) {
	if len(p.breakpoints) > len(b) {
		for i := range b {
			if bp := p.breakpoints[addr+uint64(i)]; bp != nil && bp.in {
				overlay(b, addr, bp.orig, bp.addr)
			}
		}
	} else {
		for _, bp := range p.breakpoints {
			if bp.in {
				overlay(b, addr, bp.orig, bp.addr)
			}
		}
	}
}

// overlay copies what of src, which is at srcAddr, lies in dst, which is at dstAddr.
func overlay(dst []byte, dstAddr uint64, src []byte, srcAddr uint64) {
	for i, c := range src {
		if off := srcAddr + uint64(i) - dstAddr; off < uint64(len(dst)) {
			dst[off] = c
		}
	}
}

// writeOriginal writes memory so that breakpoints stay.
func (p *process) writeOriginal(b []byte, addr uint64) error {
	out := bytes.Clone(b)
	for _, bp := range p.breakpoints {
		for i := range bp.orig {
			off := bp.addr + uint64(i) - addr
			if off >= uint64(len(b)) {
				continue
			}
			bp.orig[i] = b[off]
			if bp.in {
				out[off] = trap[i]
			}
		}
		if bp.addr-addr < uint64(len(b)) || addr-bp.addr < maxCode {
			overlay(bp.code, bp.addr, b, addr)
		}
	}
	return p.mem.write(out, addr)
}
