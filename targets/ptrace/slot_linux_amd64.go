package ptrace

import (
	"bytes"
	"encoding/binary"

	"github.com/xmdb/xmdb/core/arch/x86"
)

// A slot is a place where the instruction under a breakpoint runs out of line, so that
// the breakpoint may stay while other threads run: a copy of the instruction, and a
// jump to what follows it. A breakpoint keeps its slot as long as the page of slots is
// there, since any number of threads may be in it.
type slot struct {
	addr uint64
	from uint64 // the breakpoint
	len  int    // of the instruction
}

// slotSize holds the longest instruction, 15 bytes, and a jump of 14.
const slotSize = 32

// makeSlots makes a page of slots. The code at the program's entry, where no thread
// but the one at hand can be, serves to map it.
func (p *process) makeSlots(th *thread) {
	if p.page != 0 || p.noSlots {
		return
	}
	entry := p.entry()
	if entry != 0 && p.breakpoints[entry] == nil {
		p.page = p.mapSlots(th, entry)
	}
	p.noSlots = p.page == 0
}

// freeSlots unmaps the page. The process is halted, no thread is in a slot.
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

// slotOf gives the slot of a breakpoint, made when it is first wanted; nil if its
// instruction cannot run elsewhere.
func (p *process) slotOf(th *thread, b *breakpoint) *slot {
	if b.slot != nil || b.fixed {
		return b.slot
	}
	n, rip, ok := movable(b.code)
	if ok {
		p.makeSlots(th)
	}
	if !ok || p.page == 0 || len(p.slots) == slotPage/slotSize {
		b.fixed = !ok
		return nil
	}
	s := &slot{addr: p.page + uint64(len(p.slots))*slotSize, from: b.addr, len: n}
	code := bytes.Clone(b.code[:n])
	if rip > 0 && !shift(code[rip:], int64(b.addr-s.addr)) {
		b.fixed = true
		return nil
	}
	code = append(code, 0xff, 0x25, 0, 0, 0, 0) // jmp *0(%rip), which is the next 8 bytes
	code = binary.LittleEndian.AppendUint64(code, b.addr+uint64(n))
	if p.mem.write(code, s.addr) != nil {
		b.fixed = true
		return nil
	}
	p.slots = append(p.slots, s)
	b.slot = s
	return s
}

// outOfLine sends a thread through the slot of the breakpoint it has hit.
func (p *process) outOfLine(th *thread, b *breakpoint) bool {
	s := p.slotOf(th, b)
	if s == nil {
		return false
	}
	th.setPC(s.addr)
	return true
}

// leaveSlot sets a halted thread that is in a slot to where it would be had the
// instruction run in its place, or not yet run.
func (p *process) leaveSlot(th *thread) {
	if p.page == 0 {
		return
	}
	pc := th.pc()
	i := (pc - p.page) / slotSize
	if pc < p.page || i >= uint64(len(p.slots)) {
		return
	}
	s := p.slots[i]
	if pc == s.addr {
		th.setPC(s.from)
		th.hit = true // it is still to be passed
	} else {
		th.setPC(s.from + uint64(s.len))
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
	if !in.OK || in.IsCall {
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
