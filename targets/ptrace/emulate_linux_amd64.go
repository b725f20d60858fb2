package ptrace

import (
	"encoding/binary"
	"math/bits"
)

// emulate does the instruction under a breakpoint in the registers of a halted
// thread, if it is one of those that functions begin with, a call, a jump or a
// return. The numbers are those of the Intel SDM, volume 2.
func emulate(p *process, th *thread, b *breakpoint) bool {
	if th.load() != nil {
		return false
	}
	r := &th.regs
	next, ok := step(r, b.code, memoryOf{p, th})
	if !ok {
		return false
	}
	r.Rip = next
	forgetCall(r)
	th.dirtyRegs = true
	return true
}

// words are the reads and writes of 8 bytes that an instruction makes.
type words interface {
	read(addr uint64) (uint64, bool)
	write(addr, v uint64) bool
}

type memoryOf struct {
	p  *process
	th *thread
}

func (m memoryOf) read(addr uint64) (uint64, bool) {
	var b [8]byte
	n, err := m.p.mem.read(b[:], addr)
	return binary.LittleEndian.Uint64(b[:]), err == nil && n == 8
}

func (m memoryOf) write(addr, v uint64) bool {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return m.p.mem.write(b[:], addr) == nil
}

// general are the general registers by their number in an instruction.
func general(r *registers, n byte) *uint64 {
	return [16]*uint64{&r.Rax, &r.Rcx, &r.Rdx, &r.Rbx, &r.Rsp, &r.Rbp, &r.Rsi, &r.Rdi,
		&r.R8, &r.R9, &r.R10, &r.R11, &r.R12, &r.R13, &r.R14, &r.R15}[n&15]
}

// step gives the address of the next instruction, with r changed; ok is false, and
// r as it was, for an instruction that is not known here.
func step(r *registers, code []byte, m words) (next uint64, ok bool) {
	pc := r.Rip
	if len(code) >= 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa { // endbr64
		return pc + 4, true
	}
	i := 0
	var rex byte
	if len(code) > 0 && code[0]&0xf0 == 0x40 {
		rex, i = code[0], 1
	}
	if i >= len(code) {
		return 0, false
	}
	op := code[i]
	rest := code[i+1:]
	at := pc + uint64(i) + 1 // of rest
	rexB, rexR, wide := rex&1<<3, rex&4<<1, rex&8 != 0
	switch {
	case op == 0x90 && rex == 0: // nop
		return at, true
	case op&0xf8 == 0x50: // push r64
		if !push(r, m, *general(r, op&7|rexB)) {
			return 0, false
		}
		return at, true
	case op&0xf8 == 0x58: // pop r64
		v, ok := m.read(r.Rsp)
		if !ok {
			return 0, false
		}
		r.Rsp += 8
		*general(r, op&7|rexB) = v
		return at, true
	case op == 0x89 && wide && len(rest) > 0 && rest[0] >= 0xc0: // mov r64, r64
		*general(r, rest[0]&7|rexB) = *general(r, rest[0]>>3&7|rexR)
		return at + 1, true
	case op == 0x83 && wide && len(rest) > 1 && (rest[0] == 0xec || rest[0] == 0xc4) && rexB == 0: // sub, add $imm8, %rsp
		return at + 2, addSP(r, uint64(int64(int8(rest[1]))), rest[0] == 0xec)
	case op == 0x81 && wide && len(rest) > 4 && (rest[0] == 0xec || rest[0] == 0xc4) && rexB == 0: // sub, add $imm32, %rsp
		return at + 5, addSP(r, displacement(rest[1:]), rest[0] == 0xec)
	case op == 0x31 && len(rest) > 0 && rest[0] >= 0xc0 && rest[0]&7 == rest[0]>>3&7 && rexB<<0 == rexR: // xor r, r
		*general(r, rest[0]&7|rexB) = 0
		r.Eflags = r.Eflags&^arithmetic | flagZ | flagP
		return at + 1, true
	case op == 0xe8 && len(rest) >= 4: // call
		to := at + 4 + displacement(rest)
		if !push(r, m, at+4) {
			return 0, false
		}
		return to, true
	case op == 0xe9 && len(rest) >= 4: // jmp
		return at + 4 + displacement(rest), true
	case op == 0xeb && len(rest) >= 1:
		return at + 1 + uint64(int64(int8(rest[0]))), true
	case op&0xf0 == 0x70 && len(rest) >= 1: // jcc
		if condition(op&15, r.Eflags) {
			return at + 1 + uint64(int64(int8(rest[0]))), true
		}
		return at + 1, true
	case op == 0x0f && len(rest) >= 5 && rest[0]&0xf0 == 0x80:
		if condition(rest[0]&15, r.Eflags) {
			return at + 5 + displacement(rest[1:]), true
		}
		return at + 5, true
	case op == 0xc3 && rex == 0: // ret
		v, ok := m.read(r.Rsp)
		if !ok {
			return 0, false
		}
		r.Rsp += 8
		return v, true
	case op == 0xc9 && rex == 0: // leave
		v, ok := m.read(r.Rbp)
		if !ok {
			return 0, false
		}
		r.Rsp, r.Rbp = r.Rbp+8, v
		return at, true
	}
	return 0, false
}

func push(r *registers, m words, v uint64) bool {
	if !m.write(r.Rsp-8, v) {
		return false
	}
	r.Rsp -= 8
	return true
}

func displacement(b []byte) uint64 { return uint64(int64(int32(binary.LittleEndian.Uint32(b)))) }

// Bits of rflags (Intel SDM volume 1, section 3.4.3).
const (
	flagC = 1 << 0
	flagP = 1 << 2
	flagA = 1 << 4
	flagZ = 1 << 6
	flagS = 1 << 7
	flagO = 1 << 11

	arithmetic = flagC | flagP | flagA | flagZ | flagS | flagO
)

// addSP adds to or subtracts from the stack pointer, with the flags.
func addSP(r *registers, v uint64, minus bool) bool {
	a := r.Rsp
	f := r.Eflags &^ arithmetic
	var res uint64
	if minus {
		res = a - v
		if a < v {
			f |= flagC
		}
		if (a^v)&(a^res)>>63 != 0 {
			f |= flagO
		}
	} else {
		res = a + v
		if res < a {
			f |= flagC
		}
		if ^(a^v)&(a^res)>>63 != 0 {
			f |= flagO
		}
	}
	if (a^v^res)&0x10 != 0 {
		f |= flagA
	}
	if res == 0 {
		f |= flagZ
	}
	if res>>63 != 0 {
		f |= flagS
	}
	if bits.OnesCount8(uint8(res))%2 == 0 {
		f |= flagP
	}
	r.Rsp, r.Eflags = res, f
	return true
}

// condition is a condition code: the low four bits of a conditional jump.
func condition(cc byte, f uint64) bool {
	var v bool
	switch cc >> 1 {
	case 0:
		v = f&flagO != 0
	case 1:
		v = f&flagC != 0
	case 2:
		v = f&flagZ != 0
	case 3:
		v = f&(flagC|flagZ) != 0
	case 4:
		v = f&flagS != 0
	case 5:
		v = f&flagP != 0
	case 6:
		v = f&flagS != 0 != (f&flagO != 0)
	case 7:
		v = f&flagZ != 0 || f&flagS != 0 != (f&flagO != 0)
	}
	return v != (cc&1 != 0)
}
