package dwexpr

import (
	"fmt"

	"github.com/xmdb/xmdb/core/unwind/cursor"
)

// locate does the operations that say what kind of location it is.
func (m *machine) locate(op byte, c *cursor.Cursor) error {
	switch op {
	case opPiece:
		n := c.ULEB()
		if n > maxBits/8 {
			return fmt.Errorf("piece of %d bytes: %w", n, ErrLimit)
		}
		return m.addPiece(n*8, 0)
	case opBitPiece:
		size := c.ULEB()
		return m.addPiece(size, c.ULEB())
	case opRegx:
		return m.describe(Location{Kind: Register, Reg: c.ULEB()})
	case opImplicitValue:
		return m.describe(Location{Kind: Implicit, Bytes: c.Block()})
	case opImplicitPointer, opGNUImplicitPtr:
		ref := c.Uint(m.env.refSize())
		return m.describe(Location{Kind: ImplicitPointer, Ref: ref, Offset: c.SLEB()})
	case opGNUUninit:
		l, err := m.current()
		l.Uninit = true
		m.loc, m.have = l, true
		return err
	}
	v, err := m.pop()
	if err != nil {
		return err
	}
	return m.describe(Location{Kind: Literal, Value: v})
}

// deref reads memory at the address on the stack.
func (m *machine) deref(op byte, c *cursor.Cursor) error {
	t := Type{Generic, m.env.AddrSize}
	size := t.Size
	switch op {
	case opDerefSize, opXderefSize:
		if size = int(c.U8()); size > m.env.AddrSize {
			return fmt.Errorf("size %d exceeds an address: %w", size, ErrMalformed)
		}
	case opDerefType, opGNUDerefType, opXderefType:
		size = int(c.U8())
		var err error
		if t, err = m.baseType(c.ULEB()); err != nil {
			return err
		}
		if size != t.Size {
			return fmt.Errorf("size %d of a type of %d bytes: %w", size, t.Size, ErrMalformed)
		}
	}
	addr, err := m.popInt()
	if err != nil {
		return err
	}
	if c.Err() != nil || size < 1 || size > 16 {
		return fmt.Errorf("size %d: %w", size, ErrMalformed)
	}
	var buf [16]byte
	if op == opXderef || op == opXderefSize || op == opXderefType {
		space, err := m.popInt()
		if err != nil {
			return err
		}
		if err := m.env.readSpace(buf[:size], space, addr); err != nil {
			return err
		}
	} else if err := m.env.readMemory(buf[:size], addr); err != nil {
		return err
	}
	v, err := ValueOf(Type{t.Encoding, size}, buf[:size], m.env.Order)
	if err != nil {
		return err
	}
	v.Type = t // a shorter generic read is zero-extended
	return m.push(v)
}

// baseType looks a base type up; offset 0 is the generic type.
func (m *machine) baseType(off uint64) (Type, error) {
	if off == 0 {
		return Type{Generic, m.env.AddrSize}, nil
	}
	if m.env.BaseType == nil {
		return Type{}, fmt.Errorf("base type at %#x: %w", off, ErrUnavailable)
	}
	t, err := m.env.BaseType(off)
	if err != nil {
		return Type{}, err
	}
	return t, t.check()
}

// typed does the operations on DWARF 5's typed stack.
func (m *machine) typed(op byte, c *cursor.Cursor) error {
	switch op {
	case opConstType, opGNUConstType:
		off := c.ULEB()
		b := c.Bytes(uint64(c.U8()))
		t, err := m.baseType(off)
		if err != nil {
			return err
		}
		v, err := ValueOf(t, b, m.env.Order)
		if err != nil {
			return err
		}
		return m.push(v)
	case opRegvalType, opGNURegvalType:
		n := c.ULEB()
		t, err := m.baseType(c.ULEB())
		if err != nil {
			return err
		}
		return m.pushRegister(n, t)
	}
	t, err := m.baseType(c.ULEB())
	if err != nil {
		return err
	}
	v, err := m.pop()
	if err != nil {
		return err
	}
	if op == opConvert || op == opGNUConvert {
		v, err = v.convert(t)
	} else {
		v, err = v.reinterpret(t)
	}
	if err != nil {
		return err
	}
	return m.push(v)
}

// pushRegister pushes the low bytes of a register as a value of type t.
func (m *machine) pushRegister(n uint64, t Type) error {
	b, err := m.env.regBytes(n)
	if err != nil {
		return err
	}
	if len(b) < t.Size {
		return fmt.Errorf("register %d is narrower than %d bytes: %w", n, t.Size, ErrMalformed)
	}
	if m.env.big() {
		b = b[len(b)-t.Size:]
	}
	v, err := ValueOf(t, b[:t.Size], m.env.Order)
	if err != nil {
		return err
	}
	return m.push(v)
}

// call runs another DIE's location on the present stack.
func (m *machine) call(op byte, c *cursor.Cursor, depth int) error {
	var kind CallOp
	var off uint64
	switch op {
	case opCall2:
		kind, off = Call2, uint64(c.U16())
	case opCall4:
		kind, off = Call4, uint64(c.U32())
	default:
		kind, off = CallRef, c.Uint(m.env.refSize())
	}
	if m.env.Call == nil {
		return fmt.Errorf("expression of DIE %#x: %w", off, ErrUnavailable)
	}
	expr, err := m.env.Call(kind, off)
	if err != nil {
		return err
	}
	return m.run(expr, depth+1)
}

// ask does the operations whose value the Env tells.
func (m *machine) ask(op byte, c *cursor.Cursor) error {
	env := m.env
	switch op {
	case opAddr:
		return m.pushInt(c.Uint(env.AddrSize) + env.Bias)
	case opGNUEncodedAddr:
		return m.encodedAddr(c)
	case opBregx:
		n := c.ULEB()
		return m.breg(n, c.SLEB())
	case opFbreg:
		off := c.SLEB()
		return m.pushAsked("frame base", env.FrameBase, uint64(off))
	case opCallFrameCFA:
		return m.pushAsked("CFA", env.CFA, 0)
	case opPushObjectAddr:
		return m.pushAsked("object address", env.ObjectAddress, 0)
	case opAddrx, opGNUAddrIndex:
		return m.pushIndexed("address", env.Addrx, c.ULEB(), env.Bias)
	case opConstx, opGNUConstIndex:
		return m.pushIndexed("constant", env.Constx, c.ULEB(), 0)
	case opFormTLSAddress, opGNUPushTLS:
		off, err := m.popInt()
		if err != nil {
			return err
		}
		return m.pushIndexed("thread-local storage", env.TLS, off, 0)
	case opEntryValue, opGNUEntryValue:
		expr := c.Block()
		if env.EntryValue == nil {
			return fmt.Errorf("entry value: %w", ErrUnavailable)
		}
		return m.pushValue(env.EntryValue(expr))
	case opGNUParameterRef:
		return m.pushDIE("parameter", env.ParameterRef, uint64(c.U32()))
	case opGNUVariableValue:
		return m.pushDIE("variable", env.VariableValue, c.Uint(env.refSize()))
	}
	return fmt.Errorf("unknown operation: %w", ErrMalformed)
}

func (m *machine) pushAsked(what string, f func() (uint64, error), add uint64) error {
	if f == nil {
		return fmt.Errorf("%s: %w", what, ErrUnavailable)
	}
	v, err := f()
	if err != nil {
		return err
	}
	return m.pushInt(v + add)
}

func (m *machine) pushIndexed(what string, f func(uint64) (uint64, error), i, add uint64) error {
	if f == nil {
		return fmt.Errorf("%s %d: %w", what, i, ErrUnavailable)
	}
	v, err := f(i)
	if err != nil {
		return err
	}
	return m.pushInt(v + add)
}

func (m *machine) pushDIE(what string, f func(uint64) (Value, error), off uint64) error {
	if f == nil {
		return fmt.Errorf("%s at %#x: %w", what, off, ErrUnavailable)
	}
	return m.pushValue(f(off))
}

func (m *machine) pushValue(v Value, err error) error {
	if err == nil {
		err = v.Type.check()
	}
	if err != nil {
		return err
	}
	return m.push(v.trunc())
}

// encodedAddr reads the operand of DW_OP_GNU_encoded_addr in the encodings that
// need no section: absolute, of each width.
func (m *machine) encodedAddr(c *cursor.Cursor) error {
	sizes := map[byte]int{0x00: m.env.AddrSize, 0x02: 2, 0x03: 4, 0x04: 8, 0x0a: 2, 0x0b: 4, 0x0c: 8}
	enc := c.U8()
	size, ok := sizes[enc]
	if !ok {
		return fmt.Errorf("pointer encoding %#x: %w", enc, ErrUnsupported)
	}
	v := c.Uint(size)
	if enc >= 0x0a {
		shift := 64 - 8*size
		v = uint64(int64(v<<shift) >> shift)
	}
	return m.pushInt(v + m.env.Bias)
}
