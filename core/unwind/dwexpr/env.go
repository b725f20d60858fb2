package dwexpr

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of evaluation. Others come from the functions of the Env, wrapped.
var (
	// ErrOptimisedOut: the object or value does not exist at this point.
	ErrOptimisedOut = errors.New("optimised out")
	// ErrUnavailable: the Env cannot tell something the expression needs.
	ErrUnavailable = errors.New("not available here")
	// ErrMalformed: the bytes are no valid expression.
	ErrMalformed = errors.New("malformed DWARF expression")
	// ErrUnsupported: arithmetic on a type that is not supported.
	ErrUnsupported = errors.New("unsupported type in DWARF expression")
	// ErrLimit: the expression ran too long or grew too large.
	ErrLimit = errors.New("DWARF expression exceeds a limit")
	// ErrDivide: division by zero.
	ErrDivide = errors.New("division by zero in DWARF expression")
)

// Limits of one evaluation.
const (
	MaxSteps  = 1 << 16
	MaxStack  = 1 << 10
	MaxDepth  = 16
	MaxPieces = 1 << 10
)

// RegisterError is a register whose value is not known in the frame. It is an
// ErrOptimisedOut.
type RegisterError struct{ Reg uint64 }

func (e *RegisterError) Error() string {
	return fmt.Sprintf("register %d is not known in this frame", e.Reg)
}

// Is makes errors.Is(err, ErrOptimisedOut) true.
func (e *RegisterError) Is(target error) bool { return target == ErrOptimisedOut }

// CallOp tells which operation asks for an expression.
type CallOp uint8

// The operations that call the location expression of another DIE.
const (
	Call2   CallOp = iota // offset from the start of the unit
	Call4                 // offset from the start of the unit
	CallRef               // offset from the start of .debug_info
)

// Env is what an expression is evaluated against. Any function may be nil.
type Env struct {
	AddrSize int              // bytes: 2, 4 or 8
	Order    binary.ByteOrder // of operands and of memory
	DWARF64  bool             // .debug_info references are 8 bytes wide
	Version  int              // of the unit; in version 2 references are as wide as addresses
	Bias     uint64           // added to the operand of DW_OP_addr and what Addrx gives
	// Budget, if not nil, is how many operations may still run: each takes one
	// off, over all evaluations that share it. Below 0 is ErrLimit.
	Budget *int

	// ReadMemory fills p from the address or fails; it never fills in part.
	ReadMemory func(p []byte, addr uint64) error
	// ReadSpace is ReadMemory for the numbered address spaces of DW_OP_xderef.
	ReadSpace func(p []byte, space, addr uint64) error
	// Reg gives an integer register by DWARF number; ok is false if its value is
	// not known in the frame.
	Reg func(n uint64) (v uint64, ok bool)
	// RegBytes gives a register's raw bytes in memory order, for registers wider
	// than an address (vectors). Asked before Reg when set.
	RegBytes func(n uint64) ([]byte, bool)
	// FrameBase is the value of the function's DW_AT_frame_base (see
	// Location.FrameBase).
	FrameBase func() (uint64, error)
	// CFA is the frame's canonical frame address.
	CFA func() (uint64, error)
	// TLS turns an offset in the object's thread-local storage into an address.
	TLS func(off uint64) (uint64, error)
	// ObjectAddress is what DW_OP_push_object_address pushes.
	ObjectAddress func() (uint64, error)
	// Addrx and Constx give an entry of the unit's part of .debug_addr, unbiased.
	Addrx  func(i uint64) (uint64, error)
	Constx func(i uint64) (uint64, error)
	// BaseType describes the DW_TAG_base_type at an offset from the unit's start.
	BaseType func(off uint64) (Type, error)
	// EntryValue evaluates an expression as of the entry to the current function,
	// which takes the caller's call site information.
	EntryValue func(expr []byte) (Value, error)
	// ParameterRef evaluates the call site parameter DIE at an offset from the
	// unit's start (DW_OP_GNU_parameter_ref).
	ParameterRef func(off uint64) (Value, error)
	// Call gives the expression in the DW_AT_location of another DIE; nil bytes
	// if it has none.
	Call func(op CallOp, off uint64) ([]byte, error)
	// VariableValue reads the variable whose DIE is at an offset from the start
	// of .debug_info (DW_OP_GNU_variable_value).
	VariableValue func(off uint64) (Value, error)
}

func (e *Env) refSize() int {
	switch {
	case e.Version == 2:
		return e.AddrSize
	case e.DWARF64:
		return 8
	}
	return 4
}

func (e *Env) readMemory(p []byte, addr uint64) error {
	if e.ReadMemory == nil {
		return fmt.Errorf("read memory: %w", ErrUnavailable)
	}
	return e.ReadMemory(p, addr)
}

func (e *Env) readSpace(p []byte, space, addr uint64) error {
	if e.ReadSpace != nil {
		return e.ReadSpace(p, space, addr)
	}
	if space == 0 {
		return e.readMemory(p, addr)
	}
	return fmt.Errorf("read address space %d: %w", space, ErrUnavailable)
}

// reg gives a register as an integer.
func (e *Env) reg(n uint64) (uint64, error) {
	if e.Reg == nil {
		return 0, fmt.Errorf("register %d: %w", n, ErrUnavailable)
	}
	v, ok := e.Reg(n)
	if !ok {
		return 0, &RegisterError{n}
	}
	return v, nil
}

// regBytes gives a register's bytes in memory order.
func (e *Env) regBytes(n uint64) ([]byte, error) {
	if e.RegBytes != nil {
		if b, ok := e.RegBytes(n); ok {
			return b, nil
		}
	}
	v, err := e.reg(n)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 8)
	e.Order.PutUint64(b, v)
	if e.big() {
		return b[8-e.AddrSize:], nil
	}
	return b[:e.AddrSize], nil
}

func (e *Env) big() bool { return e.Order.Uint16([]byte{0, 1}) == 1 }

func (e *Env) check() error {
	switch {
	case e == nil || e.Order == nil:
		return fmt.Errorf("evaluate: %w", ErrUnavailable)
	case e.AddrSize != 2 && e.AddrSize != 4 && e.AddrSize != 8:
		return fmt.Errorf("evaluate: address size %d: %w", e.AddrSize, ErrUnsupported)
	}
	return nil
}
