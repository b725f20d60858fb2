package interp

import (
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
)

// builtinVars are the variables that the language itself sets.
type builtinVars struct {
	count  *core.Var // 9: the count of the last $<
	target core.Target
	arch   *arch.Arch // whose registers regs are; nil if none
	regs   []string   // defined for the target's registers
}

// defineVars defines the language's variables in the order in which MDB does:
// the order of ::vars depends on it.
func (in *Interp) defineVars() {
	s := in.s
	def := func(v *core.Var) *core.Var { return s.Vars.Define(v) }
	def(&core.Var{
		Name: ".", Flags: core.VarPersist,
		Get: func() uint64 { return s.Frame.Dot },
		Put: func(v uint64) error { s.Frame.Dot = v; return nil },
	})
	def(&core.Var{Name: "0", Flags: core.VarPersist})
	in.defineOffset()
	in.vars.count = def(&core.Var{Name: "9", Flags: core.VarPersist})
	for _, name := range []string{"b", "d", "e", "m", "t", "_", "hits"} {
		def(&core.Var{Name: name, Flags: core.VarPersist})
	}
	def(&core.Var{
		Name: "thread", Flags: core.VarPersist | core.VarReadOnly,
		Get: func() uint64 { return s.Context().Thread },
	})
	in.targetVars()
	s.OnChange(in.targetVars)
}

// defineOffset defines 1, the last offset, which hands its old value on to 2.
func (in *Interp) defineOffset() {
	var last uint64
	older := &core.Var{Name: "2", Flags: core.VarPersist}
	in.s.Vars.Define(&core.Var{
		Name: "1", Flags: core.VarPersist,
		Get: func() uint64 { return last },
		Put: func(v uint64) error {
			err := in.s.Vars.Lookup("2").Force(last)
			last = v
			return err
		},
	})
	in.s.Vars.Define(older)
}

// targetVars gives b, d, e, m and t their values and defines the registers when
// the session has a new target.
func (in *Interp) targetVars() {
	s := in.s
	cx := s.Context()
	var ar *arch.Arch
	if _, ok := core.As[core.Machine](cx); ok || cx.Target == nil {
		ar = s.Arch()
	}
	if in.vars.regs != nil && cx.Target == in.vars.target && ar == in.vars.arch {
		return
	}
	in.vars.target, in.vars.arch = cx.Target, ar
	if t, ok := core.As[core.Variables](cx); ok {
		for _, name := range []string{"b", "d", "e", "m", "t"} {
			if v, ok := t.Variable(name); ok {
				s.Vars.Lookup(name).Force(v)
			}
		}
	}
	for _, name := range in.vars.regs {
		s.Vars.Drop(name)
	}
	in.vars.regs = []string{}
	if ar != nil {
		in.defineRegisters()
	}
}

// defineRegisters makes a variable of each register of the architecture.
func (in *Interp) defineRegisters() {
	ar := in.s.Arch()
	order := make([]string, len(ar.Registers))
	for i, r := range ar.Registers {
		order[i] = r.Name
	}
	if ar.Name == "amd64" {
		order = amd64Order
	}
	for _, name := range order {
		in.defineRegister(name)
		for _, r := range ar.Sub {
			if r.Of == name && name != ar.PC { // MDB has no names for parts of the program counter
				in.defineRegister(r.Name)
			}
		}
	}
}

// amd64Order is the order in which MDB defines the registers: that of illumos'
// register set from its end. The order of ::vars depends on it.
var amd64Order = []string{
	"gsbase", "fsbase", "ds", "es", "gs", "fs", "ss", "rsp", "rflags", "cs", "rip", "err", "trapno",
	"rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
}

func (in *Interp) defineRegister(name string) {
	s := in.s
	if s.Vars.Lookup(name) != nil {
		return
	}
	in.vars.regs = append(in.vars.regs, name)
	s.Vars.Define(&core.Var{
		Name: name, Flags: core.VarPersist,
		Get: func() uint64 {
			cx := s.Context()
			t, ok := core.As[core.Registers](cx)
			if !ok {
				return 0 // no process: as in MDB
			}
			regs, err := t.Registers(cx.Thread)
			if err != nil {
				s.Warnf("failed to read %%%s register: %s", name, core.Reason(err))
				return 0
			}
			v, _ := regs.Get(name)
			return v
		},
		Put: func(v uint64) error {
			if err := s.SetRegister(name, v); err != nil {
				return fmt.Errorf("failed to modify %%%s register: %w", name, err)
			}
			return nil
		},
	})
}
