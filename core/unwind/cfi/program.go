package cfi

import (
	"fmt"

	"github.com/xmdb/xmdb/core/unwind/cursor"
)

// Call frame instructions, DWARF 5 section 7.24, and the vendors' extensions.
const (
	cfaAdvanceLoc        = 0x40
	cfaOffset            = 0x80
	cfaRestore           = 0xc0
	cfaNop               = 0x00
	cfaSetLoc            = 0x01
	cfaAdvanceLoc1       = 0x02
	cfaAdvanceLoc2       = 0x03
	cfaAdvanceLoc4       = 0x04
	cfaOffsetExtended    = 0x05
	cfaRestoreExtended   = 0x06
	cfaUndefined         = 0x07
	cfaSameValue         = 0x08
	cfaRegister          = 0x09
	cfaRememberState     = 0x0a
	cfaRestoreState      = 0x0b
	cfaDefCFA            = 0x0c
	cfaDefCFARegister    = 0x0d
	cfaDefCFAOffset      = 0x0e
	cfaDefCFAExpression  = 0x0f
	cfaExpression        = 0x10
	cfaOffsetExtendedSF  = 0x11
	cfaDefCFASF          = 0x12
	cfaDefCFAOffsetSF    = 0x13
	cfaValOffset         = 0x14
	cfaValOffsetSF       = 0x15
	cfaValExpression     = 0x16
	cfaMIPSAdvanceLoc8   = 0x1d
	cfaNegateRAStatePC   = 0x2c // AArch64: as 0x2d, the PC is signed in, too
	cfaNegateRAState     = 0x2d // AArch64
	cfaGNUArgsSize       = 0x2e
	cfaGNUNegativeOffset = 0x2f
)

// program is one run of call frame instructions.
type program struct {
	state
	c       cursor.Cursor
	cie     *CIE
	t       *Table
	va      uint64 // of the first instruction byte
	fn      uint64
	loc     uint64
	next    uint64 // set by an instruction that ends the row
	moved   bool
	copies  bool // expressions have to be copied
	tooLong bool // an expression is
	inCIE   bool
	stack   []state
}

// start gives the state a CIE's own instructions leave. They run when a row is
// first asked for, not when the CIE is read.
func (t *Table) start(ci *CIE) (state, error) {
	if !ci.ran {
		ci.ran = true
		p := program{c: cursor.New(ci.prog, t.order), cie: ci, t: t, va: ci.progVA, inCIE: true}
		if err := p.run(func() bool { return true }); err != nil {
			ci.initErr = fmt.Errorf("CIE at %#x: %w", ci.Off, err)
		}
		ci.initial, ci.prog = p.state, nil
	}
	return ci.initial.clone(), ci.initErr
}

// Row gives the rules in force at pc, which must be covered by the FDE.
func (f *FDE) Row(pc uint64) (*Row, error) {
	if !f.Covers(pc) {
		return nil, fmt.Errorf("%#x is outside the FDE at %#x: %w", pc, f.Off, ErrNoFDE)
	}
	var found *Row
	err := f.each(func(p *program, end uint64) bool {
		if pc >= p.loc && pc < end {
			found = p.row(f, end)
			return false
		}
		return true
	})
	if found == nil && err == nil {
		err = fmt.Errorf("FDE at %#x: no row for %#x: %w", f.Off, pc, ErrMalformed)
	}
	if found != nil {
		err = nil
	}
	return found, err
}

// Rows calls yield with every row in the program's order until it returns false.
// Rows may be empty (Start == End) where a program moves by nothing.
func (f *FDE) Rows(yield func(*Row) bool) error {
	return f.each(func(p *program, end uint64) bool { return yield(p.row(f, end)) })
}

func (f *FDE) each(yield func(p *program, end uint64) bool) error {
	s, err := f.table.start(f.CIE)
	if err != nil {
		return err
	}
	p := program{state: s, c: cursor.New(f.prog, f.table.order), cie: f.CIE, t: f.table,
		va: f.progVA, fn: f.Start, loc: f.Start, copies: !f.inMemory}
	stopped := false
	err = p.run(func() bool {
		stopped = !yield(&p, p.next)
		p.loc = p.next
		return !stopped
	})
	if err != nil {
		return fmt.Errorf("FDE at %#x: %w", f.Off, err)
	}
	if !stopped {
		yield(&p, max(f.End, p.loc))
	}
	return nil
}

func (p *program) row(f *FDE, end uint64) *Row {
	s := p.state.clone()
	return &Row{Start: p.loc, End: end, CFA: s.cfa, Regs: s.regs, RA: p.cie.RA, ArgsSize: s.argsSize,
		Signal: p.cie.Signal, RASigned: s.signed, Debug: f.Debug, CIE: p.cie}
}

// run executes instructions; advance is called before the location changes, with
// p.next set, and ends the run by returning false.
func (p *program) run(advance func() bool) error {
	for steps := 0; p.c.Len() > 0; steps++ {
		if steps >= maxSteps {
			return fmt.Errorf("program: %w", ErrLimit)
		}
		at := p.c.Pos()
		op := p.c.U8()
		err := p.step(op)
		if p.c.Err() != nil {
			err = fmt.Errorf("%v: %w", p.c.Err(), ErrMalformed)
		}
		if p.tooLong {
			err = fmt.Errorf("expression: %w", ErrLimit)
		}
		if err != nil {
			return fmt.Errorf("instruction %#x at %d: %w", op, at, err)
		}
		if p.moved {
			p.moved = false
			if !advance() {
				return nil
			}
		}
	}
	return nil
}

func (p *program) step(op byte) error {
	c := &p.c
	switch low := uint64(op & 0x3f); op & 0xc0 {
	case cfaAdvanceLoc:
		return p.advance(low)
	case cfaOffset:
		return p.set(low, Rule{Kind: Offset, Off: int64(c.ULEB()) * p.cie.DataAlign})
	case cfaRestore:
		return p.set(low, p.cie.initial.rule(low))
	}
	switch op {
	case cfaNop:
		return nil
	case cfaSetLoc, cfaAdvanceLoc1, cfaAdvanceLoc2, cfaAdvanceLoc4, cfaMIPSAdvanceLoc8:
		return p.move(op)
	case cfaDefCFA, cfaDefCFASF, cfaDefCFARegister, cfaDefCFAOffset, cfaDefCFAOffsetSF, cfaDefCFAExpression:
		return p.defCFA(op)
	case cfaRememberState:
		if len(p.stack) >= maxDepth {
			return fmt.Errorf("remembered states: %w", ErrLimit)
		}
		p.stack = append(p.stack, p.state.clone())
		return nil
	case cfaRestoreState:
		if len(p.stack) == 0 {
			return fmt.Errorf("no state to restore: %w", ErrMalformed)
		}
		p.state = p.stack[len(p.stack)-1]
		p.stack = p.stack[:len(p.stack)-1]
		return nil
	case cfaGNUArgsSize:
		p.argsSize = c.ULEB()
		return nil
	case cfaNegateRAState, cfaNegateRAStatePC:
		p.signed = !p.signed
		return nil
	}
	return p.rule(op)
}

// rule does the instructions that give one register a rule.
func (p *program) rule(op byte) error {
	c := &p.c
	reg := c.ULEB()
	align := p.cie.DataAlign
	switch op {
	case cfaOffsetExtended:
		return p.set(reg, Rule{Kind: Offset, Off: int64(c.ULEB()) * align})
	case cfaOffsetExtendedSF:
		return p.set(reg, Rule{Kind: Offset, Off: c.SLEB() * align})
	case cfaGNUNegativeOffset:
		return p.set(reg, Rule{Kind: Offset, Off: -int64(c.ULEB()) * align})
	case cfaValOffset:
		return p.set(reg, Rule{Kind: ValOffset, Off: int64(c.ULEB()) * align})
	case cfaValOffsetSF:
		return p.set(reg, Rule{Kind: ValOffset, Off: c.SLEB() * align})
	case cfaRestoreExtended:
		return p.set(reg, p.cie.initial.rule(reg))
	case cfaUndefined:
		return p.set(reg, Rule{Kind: Undefined})
	case cfaSameValue:
		return p.set(reg, Rule{Kind: SameValue})
	case cfaRegister:
		return p.set(reg, Rule{Kind: Register, Reg: c.ULEB()})
	case cfaExpression:
		return p.set(reg, Rule{Kind: Expression, Expr: p.block()})
	case cfaValExpression:
		return p.set(reg, Rule{Kind: ValExpression, Expr: p.block()})
	}
	return fmt.Errorf("unknown: %w", ErrMalformed)
}

// block reads an expression. A section that is not in memory has its entries read
// one by one; the expression is copied so that a row does not keep all of its
// entry.
func (p *program) block() []byte {
	n := p.c.ULEB()
	if n > maxExpr {
		p.tooLong = true
		return nil
	}
	b := p.c.Bytes(n)
	if p.copies {
		b = append([]byte(nil), b...)
	}
	return b
}

// defCFA does the instructions that define the CFA.
func (p *program) defCFA(op byte) error {
	c := &p.c
	switch op {
	case cfaDefCFA:
		p.cfa = Rule{Kind: Register, Reg: c.ULEB(), Off: int64(c.ULEB())}
		return nil
	case cfaDefCFASF:
		p.cfa = Rule{Kind: Register, Reg: c.ULEB(), Off: c.SLEB() * p.cie.DataAlign}
		return nil
	case cfaDefCFAExpression:
		p.cfa = Rule{Kind: ValExpression, Expr: p.block()}
		return nil
	}
	if p.cfa.Kind != Register {
		return fmt.Errorf("part of a CFA rule that is not register and offset: %w", ErrMalformed)
	}
	switch op {
	case cfaDefCFARegister:
		p.cfa.Reg = c.ULEB()
	case cfaDefCFAOffset:
		p.cfa.Off = int64(c.ULEB())
	case cfaDefCFAOffsetSF:
		p.cfa.Off = c.SLEB() * p.cie.DataAlign
	}
	return nil
}

// move does the instructions with a location operand.
func (p *program) move(op byte) error {
	c := &p.c
	switch op {
	case cfaAdvanceLoc1:
		return p.advance(uint64(c.U8()))
	case cfaAdvanceLoc2:
		return p.advance(uint64(c.U16()))
	case cfaAdvanceLoc4:
		return p.advance(uint64(c.U32()))
	case cfaMIPSAdvanceLoc8:
		return p.advance(c.U64())
	}
	ptr, err := pointer(c, p.cie.fdeEnc, p.cie.AddrSize, p.t.bases(p.va, p.fn))
	if err != nil {
		return err
	}
	if ptr.Indirect || ptr.Addr < p.loc {
		return fmt.Errorf("location %#x after %#x: %w", ptr.Addr, p.loc, ErrMalformed)
	}
	return p.moveTo(ptr.Addr)
}

func (p *program) advance(delta uint64) error {
	next := p.loc + delta*p.cie.CodeAlign
	if next < p.loc {
		return fmt.Errorf("location wraps: %w", ErrMalformed)
	}
	return p.moveTo(next)
}

func (p *program) moveTo(loc uint64) error {
	if p.inCIE {
		return fmt.Errorf("location in a CIE: %w", ErrMalformed)
	}
	p.next, p.moved = loc, true
	return nil
}
