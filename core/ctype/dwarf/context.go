package dwarf

import (
	stddwarf "debug/dwarf"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
)

// Unit is a unit as the evaluation of an expression needs it.
type Unit struct{ u *unit }

// Name is the source file the unit was compiled from, as the compiler was given it.
func (u *Unit) Name() string { return u.u.root.name() }

// CompDir is the directory it was compiled in.
func (u *Unit) CompDir() string { return u.u.compDir() }

// Producer names the compiler and often its options.
func (u *Unit) Producer() string {
	v, ok := u.u.root.get(stddwarf.AttrProducer)
	if !ok {
		return ""
	}
	s, _ := u.u.str(v)
	return s
}

// Language is the family of languages of its source.
func (u *Unit) Language() Language { return u.u.lang }

// Version is the DWARF version, 2 to 5.
func (u *Unit) Version() int { return int(u.u.enc.version) }

// AddrSize is the width of addresses in bytes.
func (u *Unit) AddrSize() int { return int(u.u.enc.addrSize) }

// Is64 tells 64-bit DWARF, whose offsets are 8 bytes wide.
func (u *Unit) Is64() bool { return u.u.enc.is64 }

// Data is the debug information the unit is of.
func (u *Unit) Data() *Data { return u.u.d }

// Addrx gives entry i of the unit's part of .debug_addr: an address, or the
// constant of DW_OP_constx.
func (u *Unit) Addrx(i uint64) (uint64, error) { return u.u.addrx(i) }

// BaseType gives the base type at an offset from the unit's header, to which
// typed operations refer.
func (u *Unit) BaseType(off uint64) (*ctype.Type, error) {
	e, err := u.dieAt(off)
	if err != nil {
		return nil, err
	}
	if e.tag() != stddwarf.TagBaseType {
		return nil, fmt.Errorf("entry at %#x of the unit is no base type", off)
	}
	return u.u.d.typeAt(u.u, e.ref()), nil
}

// Call gives the location expression of the DIE at an offset from the unit's
// header (DW_OP_call2, DW_OP_call4); nil if it has none.
func (u *Unit) Call(off uint64) ([]byte, error) {
	e, err := u.dieAt(off)
	if err != nil {
		return nil, err
	}
	return e.locationExpr(), nil
}

// Variable gives the variable or parameter whose DIE is at an offset from the unit's
// header (DW_OP_GNU_parameter_ref).
func (u *Unit) Variable(off uint64) (Variable, error) {
	e, err := u.dieAt(off)
	if err != nil {
		return Variable{}, err
	}
	return e.variable(0), nil
}

func (u *Unit) dieAt(off uint64) (die, error) {
	if off >= u.u.size {
		return die{}, fmt.Errorf("offset %#x leaves its unit", off)
	}
	e, err := u.u.dieAt(int(off))
	if err == nil && e.ab == nil {
		err = fmt.Errorf("no debugging information entry at %#x of the unit", off)
	}
	return e, err
}

// split translates an offset of the unit's own .debug_info.
func (u *Unit) split(off uint64) uint64 {
	if s := u.u.split; s != nil {
		return off + uint64(s.base)
	}
	return off
}

// CallRef is Data.CallRef for an expression of the unit.
func (u *Unit) CallRef(off uint64) ([]byte, error) { return u.u.d.CallRef(u.split(off)) }

// VariableAt is Data.VariableAt for an expression of the unit.
func (u *Unit) VariableAt(off uint64) (Variable, error) { return u.u.d.VariableAt(u.split(off)) }

// CallRef gives the location expression of the DIE at an offset of .debug_info
// (DW_OP_call_ref); nil if it has none.
func (d *Data) CallRef(off uint64) ([]byte, error) {
	e, err := d.die(ref(off & uint64(maxRef)))
	if err != nil {
		return nil, err
	}
	return e.locationExpr(), nil
}

// VariableAt gives the variable whose DIE is at an offset of .debug_info, to
// which DW_OP_implicit_pointer and DW_OP_GNU_variable_value refer.
func (d *Data) VariableAt(off uint64) (Variable, error) {
	e, err := d.die(ref(off & uint64(maxRef)))
	if err != nil {
		return Variable{}, err
	}
	return e.variable(0), nil
}

// Variable finds the global variable at an address of the file, as SymbolType
// does.
func (d *Data) Variable(name string, addr uint64) (Variable, error) {
	if e, ok := d.accelVariable(d.context(), name, addr); ok {
		return e.variable(0), nil
	}
	x, err := d.names(d.context())
	if err != nil {
		return Variable{}, err
	}
	e, ok := d.variableAt(x, name, addr)
	if !ok {
		return Variable{}, ctype.ErrNoSymType
	}
	return e.variable(0), nil
}
