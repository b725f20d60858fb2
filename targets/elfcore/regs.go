package elfcore

import (
	"errors"

	"github.com/xmdb/xmdb/core/arch"
)

// gregNames are the registers in the order of struct user_regs_struct
// (arch/x86/include/asm/user_64.h), as MDB names them; orig_rax is Linux's own.
var gregNames = [27]string{
	"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
	"orig_rax", "rip", "cs", "rflags", "rsp", "ss", "fsbase", "gsbase", "ds", "es", "fs", "gs",
}

// Indexes into Thread.Greg.
const (
	regOrigRAX = 15
	regSP      = 19
)

// Names of the register areas in arch.Regs.Areas.
const (
	AreaFXSave = "fxsave"
	AreaXSave  = "xsave"
)

// ErrNoThread is the error for a thread the core does not have, as MDB words it.
var ErrNoThread = errors.New("invalid thread identifier")

// errNoRegs is MDB's for a thread without registers.
var errNoRegs = errors.New("no register set available for thread")

// Registers implements core.Registers.
func (t *Target) Registers(id uint64) (*arch.Regs, error) {
	if t.byID == nil {
		t.byID = make(map[uint64]*Thread, len(t.notes.threads))
		for _, th := range t.notes.threads {
			if _, dup := t.byID[uint64(uint32(th.ID))]; !dup {
				t.byID[uint64(uint32(th.ID))] = th
			}
		}
	}
	if th := t.byID[id]; th != nil {
		return th.registers()
	}
	return nil, ErrNoThread
}

func (th *Thread) registers() (*arch.Regs, error) {
	if !th.regs {
		return nil, errNoRegs
	}
	r := arch.NewRegs(arch.AMD64)
	for i, name := range gregNames {
		if i != regOrigRAX {
			r.Set(name, th.Greg[i])
		}
	}
	r.Areas = map[string][]byte{}
	if th.FPRegs != nil {
		r.Areas[AreaFXSave] = th.FPRegs
	}
	if th.XState != nil {
		r.Areas[AreaXSave] = th.XState
	}
	return r, nil
}

// OrigRAX is the number of the system call the thread was in, -1 if none.
func (th *Thread) OrigRAX() int64 { return int64(th.Greg[regOrigRAX]) }
