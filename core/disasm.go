package core

import (
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

// DisModes are the disassembly modes there are, by name.
var DisModes = []DisMode{
	{"amd64", "AMD64 and IA32e 64-bit disassembler", x86.Mode64},
	{"ia16", "Intel 16-bit disassembler", x86.Mode16},
	{"ia32", "Intel 32-bit disassembler", x86.Mode32},
}

// CurrentDisMode is the disassembly mode in force: the one chosen with
// ::dismode, else that of the target's architecture.
func (s *Session) CurrentDisMode() (DisMode, bool) {
	name := s.Opts.DisMode
	if ar := s.Arch(); name == "" && len(ar.Dis) > 0 {
		name = ar.Dis[0]
	}
	for _, m := range DisModes {
		if m.Name == name || name == "default" && m.Name == s.Arch().Name {
			return m, true
		}
	}
	return DisMode{}, false
}

// SetDisMode chooses a disassembly mode by name; false if there is none such.
func (s *Session) SetDisMode(name string) bool {
	old := s.Opts.DisMode
	s.Opts.DisMode = name
	if _, ok := s.CurrentDisMode(); !ok {
		s.Opts.DisMode = old
		return false
	}
	return true
}

// Disassemble decodes the instruction at addr in sp. The error is that of the
// read, or ErrNotSup if there is no disassembler for the target.
func (s *Session) Disassemble(sp mem.Space, addr uint64) (Insn, error) {
	m, ok := s.CurrentDisMode()
	if !ok {
		return Insn{}, ErrNotSup
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
