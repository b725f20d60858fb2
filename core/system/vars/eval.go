package vars

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/unwind"
	"github.com/xmdb/xmdb/core/unwind/dwexpr"
	"github.com/xmdb/xmdb/core/value"
)

// evaluator evaluates expressions in one frame.
type evaluator struct {
	r     *Reader
	frame *Frame
	fn    *dwarf.Func
	pc    uint64 // as in the file
	bias  uint64
	depth int // of values at entry that need values at entry
	// trust tells that the compiler knows that no callee changes the registers of
	// the expression (see outlives).
	trust bool

	base     uint64
	baseErr  error
	baseDone bool
	budget   int
}

// maxEntry bounds the callers that one value depends on.
const maxEntry = 8

// evalBudget bounds the operations that the value of one variable may take, those
// of its callers included.
const evalBudget = 1 << 17

func (s *Scope) evaluator() *evaluator {
	return &evaluator{r: s.r, frame: s.frame, fn: s.fn, pc: s.pc, bias: s.bias, budget: evalBudget}
}

// env is what an expression of a unit is evaluated against.
func (e *evaluator) env(u *dwarf.Unit) *dwexpr.Env {
	a := e.r.Arch
	env := &dwexpr.Env{
		AddrSize: a.PtrSize, Order: a.Order, Bias: e.bias, Budget: &e.budget,
		ReadMemory: func(p []byte, addr uint64) error { return e.read(p, addr) },
		Reg:        e.register,
		RegBytes:   e.vector,
		FrameBase:  e.frameBase,
		CFA: func() (uint64, error) {
			if e.frame.CFA == 0 {
				return 0, fmt.Errorf("CFA: %w", dwexpr.ErrOptimisedOut)
			}
			return e.frame.CFA, nil
		},
		TLS: func(off uint64) (uint64, error) {
			if e.r.TLS == nil {
				return 0, fmt.Errorf("thread-local storage: %w", dwexpr.ErrUnavailable)
			}
			return e.r.TLS(e.frame.CodeAddr(), off)
		},
		EntryValue:    e.entryValue,
		ParameterRef:  func(off uint64) (dwexpr.Value, error) { return e.entryParam(u, off) },
		VariableValue: func(off uint64) (dwexpr.Value, error) { return e.variableValue(u, off) },
	}
	if u == nil {
		return env
	}
	env.Version, env.DWARF64 = u.Version(), u.Is64()
	env.Addrx, env.Constx = u.Addrx, u.Addrx
	env.BaseType = func(off uint64) (dwexpr.Type, error) {
		t, err := u.BaseType(off)
		if err != nil {
			return dwexpr.Type{}, err
		}
		return baseType(t), nil
	}
	env.Call = func(op dwexpr.CallOp, off uint64) ([]byte, error) {
		if op == dwexpr.CallRef {
			return u.CallRef(off)
		}
		return u.Call(off)
	}
	return env
}

func (e *evaluator) read(p []byte, addr uint64) error {
	return mem.ReadFull(e.r.World.Space, p, mem.Addr(addr))
}

// register gives an integer register if it has the value it had in the frame.
func (e *evaluator) register(n uint64) (uint64, bool) {
	if n >= unwind.MaxRegs || e.frame.Regs.Stale(int(n)) && !e.trust {
		return 0, false
	}
	a := e.r.Arch
	if !e.frame.Restored && e.fn != nil && e.fn.Unit().Language() == dwarf.Go {
		// Go's ABI preserves no others over a call.
		if k := int(n); k != a.SP && k != a.FP && k != a.PC {
			return 0, false
		}
	}
	return e.frame.Regs.Get(int(n))
}

// vector gives a register that is not an integer register.
func (e *evaluator) vector(n uint64) ([]byte, bool) {
	if e.frame.Level != 0 || !e.frame.Restored || e.r.Vector == nil {
		return nil, false
	}
	return e.r.Vector(n)
}

// baseType describes a DWARF base type to the evaluator.
func baseType(t *ctype.Type) dwexpr.Type {
	r := t.Resolve()
	out := dwexpr.Type{Size: int(min(r.Size(), 64))}
	enc := r.Enc()
	switch {
	case r.Kind() == ctype.Float:
		out.Encoding = dwexpr.Float
		if enc.Float == ctype.Complex {
			out.Encoding = dwexpr.ComplexFloat
		}
	case enc.Bool:
		out.Encoding = dwexpr.Boolean
	case enc.Char && enc.Signed:
		out.Encoding = dwexpr.SignedChar
	case enc.Char:
		out.Encoding = dwexpr.UnsignedChar
	case enc.Signed:
		out.Encoding = dwexpr.Signed
	default:
		out.Encoding = dwexpr.Unsigned
	}
	return out
}

// frameBase is the value of the function's DW_AT_frame_base.
func (e *evaluator) frameBase() (uint64, error) {
	if e.baseDone {
		return e.base, e.baseErr
	}
	// An expression that refers to itself finds this.
	e.baseDone, e.baseErr = true, dwexpr.ErrMalformed
	e.base, e.baseErr = e.findFrameBase()
	return e.base, e.baseErr
}

func (e *evaluator) findFrameBase() (uint64, error) {
	if e.fn == nil {
		return 0, fmt.Errorf("frame base: %w", dwexpr.ErrUnavailable)
	}
	x, err := e.fn.FrameBase(e.pc)
	if err != nil {
		return 0, fmt.Errorf("frame base: %w", absent(err))
	}
	env := e.env(x.Unit)
	loc, err := dwexpr.Eval(env, x.Bytes)
	if err != nil {
		return 0, fmt.Errorf("frame base: %w", err)
	}
	return loc.FrameBase(env)
}

// absent makes the debug data's notion of an object without a place ours.
func absent(err error) error {
	if errors.Is(err, dwarf.ErrOptimisedOut) || errors.Is(err, dwexpr.ErrOptimisedOut) {
		return value.OptimisedOut
	}
	return err
}

// variable gives the value of a variable in the frame.
func (e *evaluator) variable(v *dwarf.Variable) (value.Value, error) {
	x, err := v.Location(e.pc)
	if err != nil {
		if b, cerr := v.Const(); cerr == nil {
			return e.constant(v, b), nil
		}
		return value.Value{}, absent(err)
	}
	e.trust = e.outlives(v, x)
	env := e.env(x.Unit)
	loc, err := dwexpr.Eval(env, x.Bytes)
	if err != nil {
		return value.Value{}, absent(err)
	}
	switch loc.Kind {
	case dwexpr.OptimisedOut:
		return value.Value{}, value.OptimisedOut
	case dwexpr.Memory:
		return e.r.World.At(v.Type, mem.Addr(loc.Addr)), nil
	}
	p := &place{env: env, loc: loc, size: e.r.World.Size(v.Type)}
	return value.Value{Type: v.Type, W: e.r.World, Space: p}, p.known()
}

// outlives tells whether a place that a variable has during a call is still its
// place when the call returns, so that its registers are ones the callee leaves
// alone though the ABI lets it change them: GCC makes use of that where it has
// compiled both (-fipa-ra), and else ends a location with the call. Other compilers
// do not, and may give a register that the call destroyed, then the same again
// where another path leads to the next instruction.
func (e *evaluator) outlives(v *dwarf.Variable, during dwarf.Expr) bool {
	if e.frame.Exact || e.frame.Restored || !isGNU(during.Unit) {
		return false
	}
	after, err := v.Location(e.frame.PC - e.bias)
	return err == nil && bytes.Equal(after.Bytes, during.Bytes)
}

func isGNU(u *dwarf.Unit) bool { return u != nil && strings.HasPrefix(u.Producer(), "GNU ") }

// constant is the value of a variable that the debug data has itself. It may be
// shorter than its type: the linker keeps no zeros at the end.
func (e *evaluator) constant(v *dwarf.Variable, b []byte) value.Value {
	if n := e.r.World.Size(v.Type); uint64(len(b)) < n && n <= maxConstant {
		b = append(b[:len(b):len(b)], make([]byte, n-uint64(len(b)))...)
	}
	return value.Value{Type: v.Type, W: e.r.World, Space: value.Bytes(b)}
}

// maxConstant bounds the size of a constant, bytes.
const maxConstant = 1 << 16

// variableValue reads a variable for an expression that computes with it.
func (e *evaluator) variableValue(u *dwarf.Unit, off uint64) (dwexpr.Value, error) {
	if u == nil {
		return dwexpr.Value{}, dwexpr.ErrUnavailable
	}
	if e.depth++; e.depth > maxEntry {
		return dwexpr.Value{}, dwexpr.ErrLimit
	}
	defer func() { e.depth-- }()
	v, err := u.VariableAt(off)
	if err != nil {
		return dwexpr.Value{}, err
	}
	val, err := e.variable(&v)
	if err != nil {
		return dwexpr.Value{}, err
	}
	n, err := val.Int()
	if err != nil {
		return dwexpr.Value{}, err
	}
	return dwexpr.Value{Type: dwexpr.Type{Encoding: dwexpr.Generic, Size: e.r.Arch.PtrSize}, Lo: uint64(n)}, nil
}

// place is the space of a value that lies elsewhere than in memory. Its first byte
// has address 0.
type place struct {
	env  *dwexpr.Env
	loc  dwexpr.Location
	size uint64 // bytes
}

// ReadAt implements mem.Space.
func (p *place) ReadAt(b []byte, a mem.Addr) (int, error) {
	if uint64(a) >= p.size || uint64(len(b)) > p.size-uint64(a) {
		return 0, mem.Fault(a, mem.ErrUnmapped)
	}
	if p.env.Budget != nil {
		*p.env.Budget = evalBudget
	}
	got, err := p.loc.ReadBits(p.env, 8*uint64(a), 8*uint64(len(b)))
	if err != nil {
		why := p.reason(err)
		if gone, ok := value.IsAbsent(why); ok {
			return 0, gone // an address within the place would mean nothing
		}
		return 0, mem.Fault(a, why)
	}
	return copy(b, got), nil
}

func (p *place) reason(err error) error {
	if p.loc.Kind == dwexpr.ImplicitPointer {
		return value.SyntheticPointer
	}
	return absent(err)
}

// known gives the reason if no byte of the place is there.
func (p *place) known() error {
	var first error
	var b [1]byte
	for a := range min(p.size, maxProbe) {
		_, err := p.ReadAt(b[:], mem.Addr(a))
		if err == nil {
			return nil
		}
		if first == nil {
			first = mem.Reason(err)
		}
	}
	return first
}

// maxProbe bounds how many bytes of a value are tried, to see whether there is any.
const maxProbe = 1 << 12
