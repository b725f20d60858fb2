package system

import "debug/elf"

// FuncStart implements unwind.Functions: where the function around pc begins, by
// its symbol.
func (p *Process) FuncStart(pc uint64) (uint64, bool) {
	o := p.ns.ObjectAt(pc)
	if o == nil {
		return 0, false
	}
	s, _, ok := o.LookupAddr(pc, 0)
	if !ok || s.Type() != elf.STT_FUNC {
		return 0, false
	}
	return s.Value, true
}

// Bound gives the function that a stub of a procedure linkage table leads to.
func (p *Process) Bound(stub uint64) (uint64, bool) {
	m, err := p.ns.LookupAddr(stub, 0)
	if err != nil || m.PLT != "PLT=" {
		return 0, false
	}
	return m.Value, true
}
