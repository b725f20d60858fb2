package dwexpr

import (
	"fmt"

	"github.com/xmdb/xmdb/core/unwind/cursor"
)

// Eval runs an expression on a stack that holds the initial values, the last one
// on top, and gives the location it describes. Locations alias expr.
//
// An empty expression, and a register the frame does not know, is a location or
// an error of the kind ErrOptimisedOut respectively; see the errors for the rest.
func Eval(env *Env, expr []byte, initial ...uint64) (Location, error) {
	m, err := newMachine(env, initial)
	if err != nil {
		return Location{}, err
	}
	if err := m.run(expr, 0); err != nil {
		return Location{}, err
	}
	return m.result()
}

// EvalValue runs an expression whose result is a value, not a location: the value
// on top of the stack, or the one DW_OP_stack_value took from there. Such are
// DW_AT_call_value, bounds and sizes of types, and call frame rules.
func EvalValue(env *Env, expr []byte, initial ...uint64) (Value, error) {
	m, err := newMachine(env, initial)
	if err != nil {
		return Value{}, err
	}
	if err := m.run(expr, 0); err != nil {
		return Value{}, err
	}
	if len(m.pieces) != 0 || m.have && m.loc.Kind != Literal {
		return Value{}, fmt.Errorf("a location where a value is wanted: %w", ErrMalformed)
	}
	if m.have {
		return m.loc.Value, nil
	}
	return m.pop()
}

// EvalAddr is EvalValue for an address or another integer of that width.
func EvalAddr(env *Env, expr []byte, initial ...uint64) (uint64, error) {
	v, err := EvalValue(env, expr, initial...)
	if err != nil {
		return 0, err
	}
	return v.address(env)
}

// machine is the state of one evaluation.
type machine struct {
	env    *Env
	stack  []Value
	steps  int
	pieces []Piece
	loc    Location // what a location operation said, if have
	have   bool
	buf    [8]Value
}

func newMachine(env *Env, initial []uint64) (*machine, error) {
	if err := env.check(); err != nil {
		return nil, err
	}
	if len(initial) > MaxStack {
		return nil, ErrLimit
	}
	m := &machine{env: env}
	m.stack = m.buf[:0]
	for _, v := range initial {
		m.stack = append(m.stack, genericValue(v, env.AddrSize))
	}
	return m, nil
}

// result is the location after the last operation.
func (m *machine) result() (Location, error) {
	if len(m.pieces) > 0 {
		if m.have {
			return Location{}, fmt.Errorf("location after the last piece: %w", ErrMalformed)
		}
		return Location{Kind: Composite, Pieces: m.pieces}, nil
	}
	return m.current()
}

// current is the simple location described so far.
func (m *machine) current() (Location, error) {
	if m.have {
		return m.loc, nil
	}
	if len(m.stack) == 0 {
		return Location{Kind: OptimisedOut}, nil
	}
	a, err := m.popInt()
	return Location{Kind: Memory, Addr: a}, err
}

// describe records a register, literal, implicit value or pointer.
func (m *machine) describe(l Location) error {
	if m.have {
		return fmt.Errorf("two locations in one: %w", ErrMalformed)
	}
	m.loc, m.have = l, true
	return nil
}

// addPiece ends the description of a piece.
func (m *machine) addPiece(bitSize, bitOffset uint64) error {
	if bitSize > maxBits || bitOffset > maxBits || len(m.pieces) >= MaxPieces {
		return fmt.Errorf("piece: %w", ErrLimit)
	}
	l, err := m.current()
	if err != nil {
		return err
	}
	m.pieces = append(m.pieces, Piece{At: l, BitSize: bitSize, BitOffset: bitOffset})
	m.loc, m.have = Location{}, false
	return nil
}

func (m *machine) push(v Value) error {
	if len(m.stack) >= MaxStack {
		return fmt.Errorf("stack: %w", ErrLimit)
	}
	m.stack = append(m.stack, v)
	return nil
}

func (m *machine) pushInt(v uint64) error { return m.push(genericValue(v, m.env.AddrSize)) }

func (m *machine) pop() (Value, error) {
	if len(m.stack) == 0 {
		return Value{}, fmt.Errorf("stack is empty: %w", ErrMalformed)
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v, nil
}

func (m *machine) pop2() (a, b Value, err error) {
	if b, err = m.pop(); err == nil {
		a, err = m.pop()
	}
	return a, b, err
}

// popInt pops an integer as an address or an offset.
func (m *machine) popInt() (uint64, error) {
	v, err := m.pop()
	if err != nil {
		return 0, err
	}
	return v.address(m.env)
}

// pick pushes the n-th value from the top.
func (m *machine) pick(n int) error {
	if n >= len(m.stack) {
		return fmt.Errorf("stack is too short: %w", ErrMalformed)
	}
	return m.push(m.stack[len(m.stack)-1-n])
}

// run executes an expression, or one that is called from another.
func (m *machine) run(expr []byte, depth int) error {
	if depth > MaxDepth {
		return fmt.Errorf("calls: %w", ErrLimit)
	}
	c := cursor.New(expr, m.env.Order)
	for c.Len() > 0 {
		if m.steps++; m.steps > MaxSteps {
			return fmt.Errorf("steps: %w", ErrLimit)
		}
		if b := m.env.Budget; b != nil {
			if *b--; *b < 0 {
				return fmt.Errorf("budget: %w", ErrLimit)
			}
		}
		at := c.Pos()
		op := c.U8()
		if m.have && op != opPiece && op != opBitPiece && op != opGNUUninit && op != opNop {
			return fmt.Errorf("operation %#x at %d follows a location: %w", op, at, ErrMalformed)
		}
		err := m.step(op, &c, depth)
		if c.Err() != nil {
			return fmt.Errorf("operation %#x at %d: %v: %w", op, at, c.Err(), ErrMalformed)
		}
		if err != nil {
			return fmt.Errorf("operation %#x at %d: %w", op, at, err)
		}
	}
	return nil
}

// step executes one operation. Operands are read first; if they are short, the
// cursor's error outranks what step did with zeros.
func (m *machine) step(op byte, c *cursor.Cursor, depth int) error {
	switch {
	case op >= opLit0 && op <= opLit31:
		return m.pushInt(uint64(op - opLit0))
	case op >= opReg0 && op <= opReg31:
		return m.describe(Location{Kind: Register, Reg: uint64(op - opReg0)})
	case op >= opBreg0 && op <= opBreg31:
		return m.breg(uint64(op-opBreg0), c.SLEB())
	case op >= opConst1u && op <= opConsts:
		return m.pushInt(constant(op, c))
	case op >= opDup && op <= opRot:
		return m.shuffle(op, c)
	case op >= opAbs && op <= opXor || op >= opEq && op <= opNe:
		return m.compute(op, c)
	}
	switch op {
	case opNop:
		return nil
	case opSkip, opBra:
		return m.branch(op, c)
	case opPiece, opBitPiece, opRegx, opImplicitValue, opStackValue, opImplicitPointer, opGNUImplicitPtr, opGNUUninit:
		return m.locate(op, c)
	case opDeref, opDerefSize, opXderef, opXderefSize, opDerefType, opGNUDerefType, opXderefType:
		return m.deref(op, c)
	case opConstType, opGNUConstType, opRegvalType, opGNURegvalType, opConvert, opGNUConvert, opReinterpret, opGNUReinterpret:
		return m.typed(op, c)
	case opCall2, opCall4, opCallRef:
		return m.call(op, c, depth)
	}
	return m.ask(op, c)
}

// constant reads the operand of a DW_OP_const operation.
func constant(op byte, c *cursor.Cursor) uint64 {
	switch op {
	case opConst1u:
		return uint64(c.U8())
	case opConst1s:
		return uint64(int64(int8(c.U8())))
	case opConst2u:
		return uint64(c.U16())
	case opConst2s:
		return uint64(int64(int16(c.U16())))
	case opConst4u:
		return uint64(c.U32())
	case opConst4s:
		return uint64(int64(int32(c.U32())))
	case opConst8u, opConst8s:
		return c.U64()
	case opConstu:
		return c.ULEB()
	}
	return uint64(c.SLEB())
}

func (m *machine) breg(n uint64, off int64) error {
	v, err := m.env.reg(n)
	if err != nil {
		return err
	}
	return m.pushInt(v + uint64(off))
}

// shuffle does the operations that only move stack entries.
func (m *machine) shuffle(op byte, c *cursor.Cursor) error {
	n := len(m.stack)
	switch op {
	case opDup:
		return m.pick(0)
	case opOver:
		return m.pick(1)
	case opPick:
		return m.pick(int(c.U8()))
	case opDrop:
		_, err := m.pop()
		return err
	case opSwap:
		if n < 2 {
			return fmt.Errorf("stack is too short: %w", ErrMalformed)
		}
		m.stack[n-1], m.stack[n-2] = m.stack[n-2], m.stack[n-1]
		return nil
	}
	if n < 3 {
		return fmt.Errorf("stack is too short: %w", ErrMalformed)
	}
	s := m.stack[n-3:]
	s[0], s[1], s[2] = s[2], s[0], s[1]
	return nil
}

// compute does arithmetic, logic and comparison.
func (m *machine) compute(op byte, c *cursor.Cursor) error {
	switch op {
	case opAbs, opNeg, opNot:
		a, err := m.pop()
		if err != nil {
			return err
		}
		v, err := unaryOp(op, a)
		if err != nil {
			return err
		}
		return m.push(v)
	case opPlusUconst:
		n := c.ULEB()
		a, err := m.pop()
		if err != nil {
			return err
		}
		if !a.Type.integral() {
			return fmt.Errorf("plus_uconst on a float: %w", ErrMalformed)
		}
		v, err := binaryOp(opPlus, a, Value{Type: a.Type, Lo: n}.trunc())
		if err != nil {
			return err
		}
		return m.push(v)
	}
	a, b, err := m.pop2()
	if err != nil {
		return err
	}
	if op >= opEq {
		yes, err := compare(op, a, b)
		if err != nil {
			return err
		}
		if yes {
			return m.pushInt(1)
		}
		return m.pushInt(0)
	}
	v, err := binaryOp(op, a, b)
	if err != nil {
		return err
	}
	return m.push(v)
}

// branch moves by a signed 16-bit offset from the end of the operation.
func (m *machine) branch(op byte, c *cursor.Cursor) error {
	off := int(int16(c.U16()))
	if op == opBra {
		v, err := m.pop()
		if err != nil {
			return err
		}
		if !v.Type.integral() {
			return fmt.Errorf("condition is not an integer: %w", ErrMalformed)
		}
		if v.zero() {
			return nil
		}
	}
	if c.Err() == nil {
		c.Seek(c.Pos() + off)
	}
	return nil
}
