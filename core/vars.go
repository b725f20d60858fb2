package core

import "fmt"

// VarFlags are attributes of a variable.
type VarFlags uint8

// Attributes of variables.
const (
	VarPersist  VarFlags = 1 << iota // cannot be removed
	VarReadOnly                      // cannot be set by the user
	VarTagged                        // marked by ::typeset -t
	VarHidden                        // not listed
)

// Var is a variable of the language: 64 bits by name. A variable may stand for
// something else, such as a register, through Get and Put.
type Var struct {
	Name  string
	Flags VarFlags
	val   uint64
	Get   func() uint64        // nil: the stored value
	Put   func(v uint64) error // nil: the value is stored
}

// Value is the variable's value now.
func (v *Var) Value() uint64 {
	if v.Get != nil {
		return v.Get()
	}
	return v.val
}

// Set gives the variable a value. Read-only variables refuse it.
func (v *Var) Set(x uint64) error {
	if v.Flags&VarReadOnly != 0 {
		return fmt.Errorf("cannot modify read-only variable '%s'", v.Name)
	}
	return v.Force(x)
}

// Force sets the variable whatever its flags.
func (v *Var) Force(x uint64) error {
	if v.Put != nil {
		return v.Put(x)
	}
	v.val = x
	return nil
}

// Vars are the variables of a session.
type Vars struct {
	byName map[string]*Var
	order  []*Var
}

// NewVars makes an empty set of variables.
func NewVars() *Vars { return &Vars{byName: map[string]*Var{}} }

// Lookup finds a variable; nil if there is none.
func (vs *Vars) Lookup(name string) *Var { return vs.byName[name] }

// Define adds a variable, or replaces one of the same name.
func (vs *Vars) Define(v *Var) *Var {
	if old := vs.byName[v.Name]; old != nil {
		*old = *v
		return old
	}
	vs.byName[v.Name] = v
	vs.order = append(vs.order, v)
	return v
}

// Remove takes a variable out. Persistent ones stay.
func (vs *Vars) Remove(name string) error {
	v := vs.byName[name]
	switch {
	case v == nil:
		return fmt.Errorf("variable '%s' not defined", name)
	case v.Flags&VarPersist != 0:
		return fmt.Errorf("cannot remove persistent variable '%s'", name)
	}
	delete(vs.byName, name)
	vs.order = without(vs.order, func(o *Var) bool { return o == v })
	return nil
}

// Drop takes a variable out whatever its flags, such as a register when its
// target goes.
func (vs *Vars) Drop(name string) {
	v := vs.byName[name]
	delete(vs.byName, name)
	vs.order = without(vs.order, func(o *Var) bool { return o == v })
}

// All lists the variables that are not hidden.
func (vs *Vars) All() []*Var {
	return without(vs.order, func(v *Var) bool { return v.Flags&VarHidden != 0 })
}
