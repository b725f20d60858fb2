package elfcore

import (
	"errors"

	"github.com/xmdb/xmdb/core/arch"
)

// Names of the register areas in arch.Regs.Areas.
const (
	AreaFXSave = "fxsave"
	AreaXSave  = "xsave"
	AreaFPSIMD = "fpsimd" // struct user_fpsimd_state of arm64
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
	if th.Greg == nil {
		return nil, errNoRegs
	}
	r := arch.NewRegs(th.layout.arch)
	for i, name := range th.layout.names {
		if i != th.layout.call {
			r.Set(name, th.Greg[i])
		}
	}
	th.setThreadPointer(r)
	r.Areas = map[string][]byte{}
	switch {
	case th.FPRegs != nil && th.layout == layoutAMD64:
		r.Areas[AreaFXSave] = th.FPRegs
	case th.FXSave != nil && th.layout == layoutI386:
		r.Areas[AreaFXSave] = th.FXSave
	case th.FPRegs != nil && th.layout == layoutARM64:
		r.Areas[AreaFPSIMD] = th.FPRegs
	}
	if th.XState != nil {
		r.Areas[AreaXSave] = th.XState
	}
	return r, nil
}

// setThreadPointer sets the register that thread-local storage is found by where
// it is not among the general ones: tpidr on arm64; on i386 the base of the segment
// that gs selects in NT_386_TLS, an array of struct user_desc of 16 bytes.
func (th *Thread) setThreadPointer(r *arch.Regs) {
	switch th.layout {
	case layoutARM64:
		if len(th.TLS) >= 8 {
			r.Set("tpidr", le.Uint64(th.TLS))
		}
	case layoutI386:
		gs, _ := r.Get("gs")
		for d := th.TLS; len(d) >= 16; d = d[16:] {
			if uint64(le.Uint32(d)) == gs>>3 {
				r.Set("gsbase", uint64(le.Uint32(d[4:])))
			}
		}
	}
}

// PACMask implements system.PointerAuth: the bits of a signed code pointer that
// are not address. Where no note says so they are those that Linux has with
// addresses of 48 bits and a tag in the top byte.
func (t *Target) PACMask() uint64 {
	if t.layout != layoutARM64 {
		return 0
	}
	for _, th := range t.notes.threads {
		if len(th.PACMask) >= 16 {
			return le.Uint64(th.PACMask[8:])
		}
	}
	return 0x7f << 48
}
