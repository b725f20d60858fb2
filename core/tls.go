package core

import (
	"debug/elf"

	"github.com/xmdb/xmdb/core/sym"
)

// SymbolValue is the address a symbol stands for: its value or, of a symbol in
// thread-local storage, where the current thread has its copy.
func (s *Session) SymbolValue(m sym.Match) (uint64, error) {
	if m.Object == nil || m.Type() != elf.STT_TLS || !m.Defined() {
		return m.Value, nil
	}
	cx := s.Context()
	t, ok := As[ThreadLocal](cx)
	if !ok {
		return 0, ErrNoProc
	}
	base, err := t.TLSBase(cx.Thread, m.Object)
	return base + m.Value, err
}
