package core

import (
	"encoding/binary"
	"errors"

	"github.com/xmdb/xmdb/core/mem"
)

var errBadReg = errors.New("invalid register name")

// SetRegister changes a register, or a part of one, of the representative thread.
// The change is logged with the old value, as writes to memory are.
func (s *Session) SetRegister(name string, v uint64) error {
	cx := s.Context()
	r, ok := As[Registers](cx)
	if !ok {
		return ErrNoProc
	}
	w, ok := As[RegisterWriter](cx)
	if !ok {
		return ErrNotSup
	}
	if t, ok := As[Reopener](cx); ok && !t.Writable() {
		return mem.ErrReadOnly
	}
	regs, err := r.Registers(cx.Thread)
	if err != nil {
		return err
	}
	thread, err := s.controlledThread(cx)
	if err != nil {
		return err
	}
	old, _ := regs.Get(name)
	if !regs.Set(name, v) {
		return errBadReg
	}
	err = w.SetRegisters(thread, regs)
	s.refresh(cx)
	if err != nil {
		return err
	}
	s.writes = append(s.writes, Write{
		Target: s.targetName(), Space: "%" + name, Addr: cx.Thread, New: regBytes(v), Old: regBytes(old), register: name,
	})
	s.Changed()
	return nil
}

func regBytes(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
