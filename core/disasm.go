package core

import (
	"errors"

	"github.com/xmdb/xmdb/core/arch/x86"
	"github.com/xmdb/xmdb/core/mem"
)

// Insn is one decoded instruction.
type Insn struct {
	Text string // in MDB's style; a tab precedes a note such as <symbol>
	Len  int    // bytes
	Call bool
}

// DisMode is a disassembly mode of ::dismode.
type DisMode struct {
	Name, Descr string
	x86         x86.Mode
}

// ErrNoDisasm is what disassembling gives in the mode "default", in which MDB
// decodes nothing.
var ErrNoDisasm = errors.New("no disassembler")

// DisModes are the disassembly modes there are, by name.
var DisModes = []DisMode{
	{"amd64", "AMD64 and IA32e 64-bit disassembler", x86.Mode64},
	{"default", "default no-op disassembler", 0},
	{"ia16", "Intel 16-bit disassembler", x86.Mode16},
	{"ia32", "Intel 32-bit disassembler", x86.Mode32},
}

// CurrentDisMode is the disassembly mode in force: the one chosen with
// ::dismode, else that of the target's architecture, else the default one, which
// decodes nothing.
func (s *Session) CurrentDisMode() DisMode {
	name := s.Opts.DisMode
	if name == "" {
		name = "default"
		cx := s.Context()
		if _, ok := As[Machine](cx); (ok || cx.Target == nil) && len(s.Arch().Dis) > 0 {
			name = s.Arch().Dis[0]
		}
	}
	m, _ := disMode(name)
	return m
}

// disMode finds a mode by name. A mode that no disassembler serves is the
// default one.
func disMode(name string) (DisMode, bool) {
	for _, m := range DisModes {
		if m.Name == name {
			return m, true
		}
	}
	return DisModes[1], false
}

// SetDisMode chooses a disassembly mode by name; false if there is none such.
func (s *Session) SetDisMode(name string) bool {
	_, ok := disMode(name)
	if ok {
		s.Opts.DisMode = name
	}
	return ok
}

// Disassemble decodes the instruction at addr in sp. The error is that of the
// read, or ErrNoDisasm.
func (s *Session) Disassemble(sp mem.Space, addr uint64) (Insn, error) {
	m := s.CurrentDisMode()
	if m.x86 == 0 {
		return Insn{}, ErrNoDisasm
	}
	var buf [x86.MaxLen]byte
	n, err := sp.ReadAt(buf[:], mem.Addr(addr))
	if n == 0 {
		if err == nil {
			err = mem.Fault(mem.Addr(addr), mem.ErrUnmapped)
		}
		return Insn{}, err
	}
	in := x86.Decode(m.x86, buf[:n], addr, s.OutEnv().Symbol)
	return Insn{Text: in.Text, Len: in.Len, Call: in.IsCall}, nil
}
