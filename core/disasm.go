package core

import (
	"errors"

	"github.com/xmdb/xmdb/core/arch/arm64"
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
	decode      decoder // nil decodes nothing
}

// decoder decodes the instruction at pc, of which code is the beginning.
type decoder func(code []byte, pc uint64, sym func(uint64) (string, bool)) Insn

func x86Decoder(m x86.Mode) decoder {
	return func(code []byte, pc uint64, sym func(uint64) (string, bool)) Insn {
		in := x86.Decode(m, code, pc, sym)
		return Insn{Text: in.Text, Len: in.Len, Call: in.IsCall}
	}
}

func arm64Decoder(code []byte, pc uint64, sym func(uint64) (string, bool)) Insn {
	in := arm64.Decode(code, pc, sym)
	return Insn{Text: in.Text, Len: in.Len, Call: in.IsCall}
}

// ErrNoDisasm is what disassembling gives in the mode "default", in which MDB
// decodes nothing.
var ErrNoDisasm = errors.New("no disassembler")

// DisModes are the disassembly modes there are, by name.
var DisModes = []DisMode{
	{"amd64", "AMD64 and IA32e 64-bit disassembler", x86Decoder(x86.Mode64)},
	{"arm64", "ARM A64 disassembler", arm64Decoder},
	{"default", "default no-op disassembler", nil},
	{"ia16", "Intel 16-bit disassembler", x86Decoder(x86.Mode16)},
	{"ia32", "Intel 32-bit disassembler", x86Decoder(x86.Mode32)},
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
	var none DisMode
	for _, m := range DisModes {
		if m.Name == name {
			return m, true
		}
		if m.decode == nil {
			none = m
		}
	}
	return none, false
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
	if m.decode == nil {
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
	return m.decode(buf[:n], addr, s.OutEnv().Symbol), nil
}
