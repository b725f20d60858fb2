package core

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/xmdb/xmdb/core/mem"
)

// A Write is one change made to a target, as ::writes lists it.
type Write struct {
	Target string // name of the target written to
	Space  string // what was written: "virtual", "object", "physical", or a register
	Addr   uint64
	New    []byte
	// Old are the bytes that were there before: fewer than New, possibly none,
	// where they could not be read.
	Old []byte

	space    mem.Space
	register string // of a change of a register: its name; Addr is the thread
}

// Write writes p at a of sp and logs it with the old bytes. It is the one way by
// which commands and modules write to a target. The error is that of the space;
// mem.ErrReadOnly if it cannot be written to.
func (s *Session) Write(sp mem.Space, p []byte, a mem.Addr) error {
	w, ok := sp.(mem.Writer)
	if !ok {
		return mem.Fault(a, mem.ErrReadOnly)
	}
	old := make([]byte, len(p))
	have, _ := sp.ReadAt(old, a)
	n, err := w.WriteAt(p, a)
	if n > 0 {
		s.writes = append(s.writes, Write{
			Target: s.targetName(), Space: s.spaceName(sp), Addr: uint64(a),
			New: append([]byte(nil), p[:n]...), Old: old[:min(have, n)], space: sp,
		})
		s.Changed()
	}
	return err
}

// Writes are the writes of the session, oldest first.
func (s *Session) Writes() []Write { return s.writes }

// Restore writes the old bytes of write i back, counted from 0, which is a write
// of its own.
func (s *Session) Restore(i int) error {
	if i < 0 || i >= len(s.writes) {
		return fmt.Errorf("there is no write %d", i)
	}
	w := &s.writes[i]
	if len(w.Old) != len(w.New) {
		return fmt.Errorf("write %d cannot be undone: the old bytes could not be read", i)
	}
	if w.register != "" {
		return s.SetRegister(w.register, binary.LittleEndian.Uint64(w.Old))
	}
	return s.Write(w.space, w.Old, mem.Addr(w.Addr))
}

func (s *Session) targetName() string {
	if t := s.Context().Target; t != nil {
		return t.Name()
	}
	return ""
}

// spaceName tells which of the target's spaces sp is.
func (s *Session) spaceName(sp mem.Space) string {
	cx := s.Context()
	if same(sp, s.Space()) {
		return "virtual"
	}
	if t, ok := As[ObjectFile](cx); ok && same(sp, t.ObjectFile()) {
		return "object"
	}
	if t, ok := As[Physical](cx); ok && same(sp, t.Physical()) {
		return "physical"
	}
	return "other"
}

func same(a, b mem.Space) bool {
	return a != nil && b != nil && reflect.TypeOf(a).Comparable() && a == b
}
