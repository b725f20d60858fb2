package unwind

import (
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind/cfi"
	"github.com/xmdb/xmdb/core/unwind/dwexpr"
)

// windowSize is how many bytes below the CFA are read at once, bytes.
const windowSize = 512

// A walk may run exprBudget operations of DWARF expressions, and exprPerFrame more
// for every frame, so that a hostile table cannot make each of millions of frames
// take as long as one expression may.
const (
	exprBudget   = 1 << 20
	exprPerFrame = 1 << 8
)

// maxPlans bounds the cached rules of an Unwinder, maxRules the register rules in
// them.
const (
	maxPlans = 1 << 14
	maxRules = 1 << 18
)

// plan is what to do in a frame that executes at a given address.
type plan struct {
	row  *cfi.Row // nil: no call frame information
	err  error    // why there is none, if it should be there
	bias uint64
	// Saved registers lie in [CFA+lo, CFA+hi); 0, 0 if they are too far apart
	// to be read at once.
	lo, hi int64
	fixed  bool // the row gives the stack pointer a rule of its own
	jumps  bool // the CFA need not be above the stack pointer
	goFP   bool // the frame pointer is saved although no rule says so
}

// plan gives the rules for an address, from the cache if it can.
func (u *Unwinder) plan(addr uint64) *plan {
	if p := u.plans[addr]; p != nil {
		return p
	}
	p := u.makePlan(addr)
	if u.plans == nil || len(u.plans) >= maxPlans || u.rules > maxRules {
		u.plans, u.rules = map[uint64]*plan{}, 0
	}
	u.plans[addr] = p
	if p.row != nil {
		u.rules += len(p.row.Regs)
	}
	return p
}

func (u *Unwinder) makePlan(addr uint64) *plan {
	p := &plan{}
	if u.Tables == nil {
		return p
	}
	t, bias, ok := u.Tables.CFI(addr)
	if !ok || t == nil {
		return p
	}
	row, err := t.Row(addr - bias)
	if err != nil {
		if !errors.Is(err, cfi.ErrNoFDE) || errors.Is(err, cfi.ErrMalformed) {
			p.err = err
		}
		return p
	}
	p.row, p.bias = row, bias
	p.fixed = row.Rule(uint64(u.Arch.SP)).Kind != cfi.Unspecified
	p.jumps = p.fixed || row.CFA.Kind == cfi.ValExpression
	p.goFP = u.Arch == AMD64 && savesGoFP(row)
	p.span(int64(u.Arch.PtrSize))
	return p
}

// span finds the extent of the saved registers.
func (p *plan) span(size int64) {
	first := true
	for i := range p.row.Regs {
		r := &p.row.Regs[i]
		if r.Kind != cfi.Offset {
			continue
		}
		if r.Off < -windowSize<<8 || r.Off > windowSize<<8 {
			p.lo, p.hi = 0, 0
			return
		}
		if first {
			p.lo, p.hi, first = r.Off, r.Off+size, false
			continue
		}
		p.lo, p.hi = min(p.lo, r.Off), max(p.hi, r.Off+size)
	}
	if p.hi-p.lo > windowSize {
		p.lo, p.hi = 0, 0
	}
}

// apply recovers the caller's registers by call frame information.
func (w *walk) apply(p *plan, s *step) error {
	row, a := p.row, w.u.Arch
	cfa, err := w.cfa(p)
	if row.Rule(row.RA).Kind == cfi.Undefined {
		s.last = true // outermost, where even the CFA may be unknown
	}
	if err != nil {
		if s.last {
			return nil
		}
		return fmt.Errorf("find the CFA: %w", err)
	}
	s.cfa, s.signal, s.jumps = cfa, row.Signal, p.jumps
	s.source = SourceCFI
	if row.Debug {
		s.source = SourceDebugFrame
	}
	saved := w.slots(p, cfa)
	ruled := uint64(0)
	for i := range row.Regs {
		r := &row.Regs[i]
		if r.Num >= MaxRegs {
			continue
		}
		ruled |= 1 << r.Num
		v, ok, err := w.recover(p, &r.Rule, int(r.Num), cfa, saved)
		switch {
		case err != nil && r.Num == row.RA:
			return fmt.Errorf("read the return address: %w", err)
		case err != nil || !ok:
			s.regs.Forget(int(r.Num))
		case r.Kind == cfi.SameValue:
		default:
			s.regs.Set(int(r.Num), v)
		}
	}
	s.regs.stale |= s.regs.known &^ a.Preserved &^ ruled
	if !p.fixed {
		s.regs.Set(a.SP, cfa)
	}
	if p.goFP {
		w.restoreGoFP(cfa, s)
	}
	return w.setReturn(p, s)
}

// setReturn makes the return address the caller's PC.
func (w *walk) setReturn(p *plan, s *step) error {
	row, a := p.row, w.u.Arch
	rule := row.Rule(row.RA)
	switch {
	case s.last:
		return nil
	case rule.Kind == cfi.Unspecified && int(row.RA) != a.Link:
		return ErrNoReturn
	}
	ra, ok := s.regs.Get(int(row.RA))
	if row.RA >= MaxRegs || !ok {
		return ErrNoReturn
	}
	if row.RASigned {
		ra &^= w.u.PACMask
	}
	s.regs.Set(a.PC, ra)
	s.last = ra == 0 && !row.Signal
	return nil
}

// cfa computes the canonical frame address.
func (w *walk) cfa(p *plan) (uint64, error) {
	switch r := &p.row.CFA; r.Kind {
	case cfi.Register:
		v, ok := w.reg(r.Reg)
		if !ok {
			return 0, &dwexpr.RegisterError{Reg: r.Reg}
		}
		return w.truncate(v + uint64(r.Off)), nil
	case cfi.ValExpression:
		return w.eval(p, r.Expr)
	}
	return 0, fmt.Errorf("no rule: %w", cfi.ErrMalformed)
}

// slots reads the saved registers at once; nil if that is not possible.
func (w *walk) slots(p *plan, cfa uint64) []byte {
	if p.hi == p.lo {
		return nil
	}
	b := w.window[:p.hi-p.lo]
	if w.u.read(b, cfa+uint64(p.lo)) != nil {
		return nil
	}
	return b
}

// recover applies one register's rule; ok is false if the value is not known.
// saved is what slots read.
func (w *walk) recover(p *plan, r *cfi.Rule, num int, cfa uint64, saved []byte) (v uint64, ok bool, err error) {
	switch r.Kind {
	case cfi.SameValue:
		v, ok = w.regs.Get(num)
		return v, ok, nil
	case cfi.Offset:
		if saved != nil {
			b := saved[r.Off-p.lo:][:w.u.Arch.PtrSize]
			return mem.Uint(b, w.u.Arch.Order), true, nil
		}
		v, err = w.word(cfa + uint64(r.Off))
		return v, err == nil, err
	case cfi.ValOffset:
		return w.truncate(cfa + uint64(r.Off)), true, nil
	case cfi.Register:
		v, ok = w.reg(r.Reg)
		return v, ok, nil
	case cfi.Expression:
		at, err := w.eval(p, r.Expr, cfa)
		if err != nil {
			return 0, false, err
		}
		b := w.cell[:w.u.Arch.PtrSize] // the window may hold slots that later rules need
		if err := w.u.read(b, at); err != nil {
			return 0, false, err
		}
		return mem.Uint(b, w.u.Arch.Order), true, nil
	case cfi.ValExpression:
		v, err = w.eval(p, r.Expr, cfa)
		return v, err == nil, err
	}
	return 0, false, nil
}

// reg gives a register of the frame being left.
func (w *walk) reg(n uint64) (uint64, bool) {
	if n >= MaxRegs {
		return 0, false
	}
	return w.regs.Get(int(n))
}

func (w *walk) truncate(v uint64) uint64 {
	if w.u.Arch.PtrSize == 4 {
		return uint64(uint32(v))
	}
	return v
}

// eval computes an expression of a rule.
func (w *walk) eval(p *plan, expr []byte, initial ...uint64) (uint64, error) {
	if w.expr == nil {
		w.expr = &dwexpr.Env{
			AddrSize: w.u.Arch.PtrSize, Order: w.u.Arch.Order,
			ReadMemory: w.u.read, Reg: w.reg, Budget: &w.budget,
		}
	}
	w.expr.Bias = p.bias
	return dwexpr.EvalAddr(w.expr, expr, initial...)
}
