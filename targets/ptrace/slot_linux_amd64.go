package ptrace

import (
	"bytes"
	"encoding/binary"

	"github.com/xmdb/xmdb/core/arch/x86"
	"golang.org/x/sys/unix"
)

// A slot is a place where one instruction runs out of line, so that its breakpoint
// may stay while other threads run. Slots lie in a page that is mapped into the
// process for them.
type slot struct {
	addr uint64
	busy *thread
	from *breakpoint
	len  int // of the instruction there
}

const slotSize = 32

// makeSlots makes a page of slots. The code at the program's entry, where no thread
// but the one at hand can be, serves to map it.
func (p *process) makeSlots(th *thread) {
	if p.slots != nil || p.noSlots {
		return
	}
	p.noSlots = true // unless it works
	entry := p.entry()
	if entry == 0 || p.breakpoints[entry] != nil {
		return
	}
	if p.page = p.mapSlots(th, entry); p.page == 0 {
		return
	}
	p.noSlots = false
	for at := p.page; at < p.page+slotPage; at += slotSize {
		p.slots = append(p.slots, &slot{addr: at})
	}
}

// freeSlots unmaps the page. The process is halted.
func (p *process) freeSlots() {
	if p.page == 0 || p.gone != nil {
		return
	}
	for _, th := range p.list() {
		if th.load() == nil {
			th.store()
			p.unmapSlots(p.mem, th.tid)
			th.haveRegs = false
			break
		}
	}
	p.page, p.slots = 0, nil
}

// freeSlot finds a slot for a breakpoint's instruction: one that has it already, if
// there is one.
func (p *process) freeSlot(b *breakpoint) (free *slot) {
	for _, s := range p.slots {
		switch {
		case s.busy != nil:
		case s.from == b:
			return s
		case free == nil || free.len > 0 && s.len == 0:
			free = s
		}
	}
	return free
}

// outOfLine starts a step of the instruction under a breakpoint in a slot.
func (p *process) outOfLine(th *thread, b *breakpoint) bool {
	n, rip, ok := movable(b.code)
	if !ok {
		return false
	}
	p.makeSlots(th)
	if s := p.freeSlot(b); s != nil {
		if s.from != b {
			code := bytes.Clone(b.code[:n])
			if rip > 0 && !shift(code[rip:], int64(b.addr-s.addr)) {
				return false
			}
			if p.mem.write(append(code, bytes.Repeat(trap, slotSize-n)...), s.addr) != nil {
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

// shift adds to a displacement of 32 bits; false if it does not fit.
func shift(disp []byte, by int64) bool {
	v := int64(int32(binary.LittleEndian.Uint32(disp))) + by
	if v != int64(int32(v)) {
		return false
	}
	binary.LittleEndian.PutUint32(disp, uint32(int32(v)))
	return true
}

// movable tells whether an instruction does the same in another place: it does not
// branch, and is no system call, whose child would run on there. rip is the offset of
// the displacement of an operand that %rip is the base of, 0 if there is none.
func movable(code []byte) (n, rip int, ok bool) {
	in := x86.Decode(x86.Mode64, code, 0, nil)
	if !in.OK || in.IsCall || in.Len > slotSize-1 {
		return 0, 0, false
	}
	if !stays(code) {
		return 0, 0, false
	}
	if in.HasTarget {
		if rip = displacementAt(code[:in.Len], in.Target); rip == 0 {
			return 0, 0, false
		}
	}
	return in.Len, rip, true
}

// displacementAt finds the displacement behind a ModRM byte of mod 0, rm 5 that gives
// the target, for an instruction at 0; 0 if it is not found once.
func displacementAt(code []byte, target uint64) (at int) {
	for i := 2; i+4 <= len(code); i++ {
		d := uint64(int64(int32(binary.LittleEndian.Uint32(code[i:]))))
		if code[i-1]&0xc7 == 0x05 && d+uint64(len(code)) == target {
			if at != 0 {
				return 0
			}
			at = i
		}
	}
	return at
}

// stays tells that an instruction is none that goes elsewhere.
func stays(code []byte) bool {
	i := 0
	for i < len(code) && prefix[code[i]] {
		i++
	}
	if i < len(code) && code[i]&0xf0 == 0x40 {
		i++
	}
	if i >= len(code) {
		return false
	}
	switch op := code[i]; {
	case op&0xf0 == 0x70, op >= 0xe0 && op <= 0xe3, op == 0xe8, op == 0xe9, op == 0xeb, op == 0xea: // branches
		return false
	case op == 0xc2, op == 0xc3, op == 0xca, op == 0xcb, op >= 0xcc && op <= 0xcf, op == 0xf1, op == 0xf4, op == 0xff, op == 0xc4, op == 0xc5, op == 0x62: // returns, traps, indirect branches; encodings whose operands are not looked at
		return false
	case op == 0x0f && i+1 < len(code) && (code[i+1] == 0x05 || code[i+1] == 0x34 || code[i+1] == 0x0b || code[i+1]&0xf0 == 0x80): // syscall, sysenter, ud2, branches
		return false
	}
	return true
}

// prefix are the legacy prefixes.
var prefix = map[byte]bool{0x66: true, 0x67: true, 0xf2: true, 0xf3: true, 0xf0: true, 0x2e: true, 0x36: true, 0x3e: true,
	0x26: true, 0x64: true, 0x65: true}
