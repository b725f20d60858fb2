package cfi

import "fmt"

// Kind is the kind of a Rule.
type Kind uint8

// Kinds of rule, DWARF 5 section 6.4.1. For the CFA only Register (the register's
// value plus Off) and ValExpression occur.
const (
	Unspecified   Kind = iota // nothing said: the ABI's default
	Undefined                 // the value is gone
	SameValue                 // the register was not changed
	Offset                    // saved at CFA+Off
	ValOffset                 // the value is CFA+Off
	Register                  // in register Reg (plus Off for the CFA)
	Expression                // saved where Expr says
	ValExpression             // the value is what Expr says
)

// Rule tells how to recover one register, or the CFA.
type Rule struct {
	Kind Kind
	Reg  uint64
	Off  int64  // bytes
	Expr []byte // DWARF expression; aliases the section
}

// RegRule is the rule for a register.
type RegRule struct {
	Num uint64 // DWARF number
	Rule
}

// Row is the rules that hold for the PCs in [Start, End).
type Row struct {
	Start, End uint64
	CFA        Rule
	Regs       []RegRule // those specified, by ascending number
	RA         uint64    // the column that is the return address
	ArgsSize   uint64    // bytes of pushed arguments (DW_CFA_GNU_args_size)
	Signal     bool      // this is a signal trampoline's frame
	RASigned   bool      // the return address is signed (arm64)
	Debug      bool      // from .debug_frame
	CIE        *CIE
}

// Rule gives the rule for a register; Unspecified if there is none.
func (r *Row) Rule(num uint64) Rule {
	for i := range r.Regs {
		if r.Regs[i].Num == num {
			return r.Regs[i].Rule
		}
	}
	return Rule{}
}

func (r Rule) String() string {
	switch r.Kind {
	case Undefined:
		return "u"
	case SameValue:
		return "s"
	case Offset:
		return fmt.Sprintf("c%+d", r.Off)
	case ValOffset:
		return fmt.Sprintf("v%+d", r.Off)
	case Register:
		if r.Off != 0 {
			return fmt.Sprintf("r%d%+d", r.Reg, r.Off)
		}
		return fmt.Sprintf("r%d", r.Reg)
	case Expression:
		return "exp"
	case ValExpression:
		return "vexp"
	}
	return "-"
}

// state is what a program has computed so far.
type state struct {
	cfa      Rule
	regs     []RegRule
	argsSize uint64
	signed   bool
}

func (s *state) clone() state {
	c := *s
	c.regs = append(make([]RegRule, 0, len(s.regs)+4), s.regs...)
	return c
}

// set gives a register a rule, keeping the order; Unspecified takes it away.
func (s *state) set(num uint64, r Rule) error {
	i := 0
	for i < len(s.regs) && s.regs[i].Num < num {
		i++
	}
	found := i < len(s.regs) && s.regs[i].Num == num
	switch {
	case found && r.Kind == Unspecified:
		s.regs = append(s.regs[:i], s.regs[i+1:]...)
	case found:
		s.regs[i].Rule = r
	case r.Kind == Unspecified:
	case len(s.regs) >= maxRegs:
		return fmt.Errorf("more than %d registers: %w", maxRegs, ErrLimit)
	default:
		s.regs = append(s.regs, RegRule{})
		copy(s.regs[i+1:], s.regs[i:])
		s.regs[i] = RegRule{num, r}
	}
	return nil
}

// rule gives a register's rule.
func (s *state) rule(num uint64) Rule {
	for i := range s.regs {
		if s.regs[i].Num == num {
			return s.regs[i].Rule
		}
	}
	return Rule{}
}
