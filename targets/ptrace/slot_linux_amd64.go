package ptrace

import (
	"bytes"

	"github.com/xmdb/xmdb/core/arch/x86"
	"golang.org/x/sys/unix"
)

// A slot is a place where one instruction runs out of line, so that its breakpoint
// may stay while other threads run. Slots lie in the code at the program's entry,
// which has run and will not run again.
type slot struct {
	addr uint64
	orig []byte
	busy *thread
	from *breakpoint
	len  int // of the instruction there
}

const (
	slotSize  = 16
	slotCount = 2
)

// makeSlots takes the code at the entry as slots, if it has run already.
func (p *process) makeSlots() {
	if p.slots != nil || !p.started() {
		return
	}
	entry := p.entry()
	if entry == 0 {
		return
	}
	for i := range uint64(slotCount) {
		s := &slot{addr: entry + i*slotSize, orig: make([]byte, slotSize)}
		if n, _ := p.readOriginal(s.orig, s.addr); n < slotSize {
			return
		}
		for a := range p.breakpoints {
			if a-s.addr < slotSize {
				return // the user wants something there
			}
		}
		p.slots = append(p.slots, s)
	}
}

// freeSlots restores the code that slots replaced.
func (p *process) freeSlots() {
	for _, s := range p.slots {
		if s.len > 0 && p.gone == nil {
			p.mem.write(s.orig, s.addr)
		}
	}
	p.slots = nil
}

// outOfLine starts a step of the instruction under a breakpoint in a slot.
func (p *process) outOfLine(th *thread, b *breakpoint) bool {
	n, ok := movable(b.code)
	if !ok {
		return false
	}
	p.makeSlots()
	for _, s := range p.slots {
		if s.busy != nil {
			continue
		}
		if s.len == 0 || s.from != b {
			if p.mem.write(append(bytes.Clone(b.code[:n]), bytes.Repeat(trap, slotSize-n)...), s.addr) != nil {
				return false
			}
		}
		s.busy, s.from, s.len = th, b, n
		th.slot, th.stepping = s, true
		th.setPC(s.addr)
		// A signal waits until the instruction is done: it is kept in th.sig.
		th.start(unix.PTRACE_SINGLESTEP, 0)
		return true
	}
	return false
}

// unstep ends a step: a thread in a slot is set to where it would be had the
// instruction run in its place, or not yet run.
func (p *process) unstep(th *thread) {
	th.stepping = false
	s := th.slot
	if s == nil {
		return
	}
	th.slot, s.busy = nil, nil
	switch pc := th.pc(); {
	case pc == s.addr:
		th.setPC(s.from.addr)
		th.hit = true // it is still to be passed
	case pc == s.addr+uint64(s.len):
		th.setPC(s.from.addr + uint64(s.len))
	}
	th.store()
}

// movable tells whether an instruction does the same in another place: it neither
// branches nor uses %rip, and is no system call, whose child would run on there.
func movable(code []byte) (n int, ok bool) {
	in := x86.Decode(x86.Mode64, code, 0, nil)
	if !in.OK || in.IsCall || in.HasTarget || in.Len > slotSize-1 {
		return 0, false
	}
	i := 0
	for i < len(code) && prefix[code[i]] {
		i++
	}
	if i < len(code) && code[i]&0xf0 == 0x40 {
		i++
	}
	if i >= len(code) {
		return 0, false
	}
	switch op := code[i]; {
	case op&0xf0 == 0x70, op >= 0xe0 && op <= 0xe3, op == 0xe8, op == 0xe9, op == 0xeb, op == 0xea: // branches
		return 0, false
	case op == 0xc2, op == 0xc3, op == 0xca, op == 0xcb, op >= 0xcc && op <= 0xcf, op == 0xf1, op == 0xf4, op == 0xff, op == 0xc4, op == 0xc5, op == 0x62: // returns, traps, indirect branches; encodings whose operands are not looked at
		return 0, false
	case op == 0x0f && i+1 < len(code) && (code[i+1] == 0x05 || code[i+1] == 0x34 || code[i+1] == 0x0b || code[i+1]&0xf0 == 0x80): // syscall, sysenter, ud2, branches
		return 0, false
	}
	return in.Len, true
}

// prefix are the legacy prefixes.
var prefix = map[byte]bool{0x66: true, 0x67: true, 0xf2: true, 0xf3: true, 0xf0: true, 0x2e: true, 0x36: true, 0x3e: true,
	0x26: true, 0x64: true, 0x65: true}
