package ctype

import (
	"errors"
	"iter"
	"strings"
)

// Composite resolves type names over all the containers a session knows, in
// MDB's order: an object named in front of a backquote and only there; else the
// scope of the value at hand, the module's default, the executable, every
// object, and last the types made by ::typedef. A definition anywhere is
// preferred to a declaration ("struct foo;") found earlier.
//
// A nil field is left out.
type Composite struct {
	Own       Scope
	Module    Scope
	Exec      func() (Scope, error)            // the executable or kernel
	Object    func(name string) (Scope, error) // by the name of a load object
	Objects   func() iter.Seq[Scope]           // in load order, those that have types
	Synthetic Scope
}

// Lookup finds a type by name. Where no container had type data the error is
// that of Exec, else ErrNoType.
func (c *Composite) Lookup(name string) (*Type, error) {
	if object, rest, ok := SplitObject(name); ok {
		return c.lookupIn(object, rest)
	}
	var declared *Type
	reason := ErrNoType
	for s, err := range c.scopes() {
		if err != nil {
			reason = err
			continue
		}
		t, err := s.Lookup(name)
		if err != nil {
			if reason == ErrNoType && errors.Is(err, ErrSyntax) {
				reason = ErrSyntax
			}
			continue
		}
		if t.Kind() != Forward {
			return t, nil
		}
		if declared == nil {
			declared = t
		}
	}
	if declared != nil {
		return declared, nil
	}
	return nil, reason
}

func (c *Composite) lookupIn(object, name string) (*Type, error) {
	if object == "" && c.Exec != nil {
		s, err := c.Exec()
		if err != nil {
			return nil, err
		}
		return s.Lookup(name)
	}
	if c.Object == nil {
		return nil, ErrNoType
	}
	s, err := c.Object(object)
	if err != nil {
		return nil, err
	}
	return s.Lookup(name)
}

// scopes yields the containers in the order of lookups. The executable comes
// again among all objects; looking twice does no harm.
func (c *Composite) scopes() iter.Seq2[Scope, error] {
	return func(yield func(Scope, error) bool) {
		for _, s := range []Scope{c.Own, c.Module} {
			if s != nil && !yield(s, nil) {
				return
			}
		}
		if c.Exec != nil {
			s, err := c.Exec()
			if err == nil && s == nil {
				err = ErrNoType
			}
			if !yield(s, err) {
				return
			}
		}
		if c.Objects != nil {
			for s := range c.Objects() {
				if !yield(s, nil) {
					return
				}
			}
		}
		if c.Synthetic != nil {
			yield(c.Synthetic, nil)
		}
	}
}

// Forward finds the definition of a structure that its container only declares,
// or nil. It fits PathOptions.Forward.
func (c *Composite) Forward(t *Type) *Type {
	d, err := c.Lookup(t.String())
	if err != nil || d.Kind() == Forward {
		return nil
	}
	return d
}

// SplitObject splits "object`type" and "struct object`type" at the last
// backquote: object and the type name with its tag.
func SplitObject(name string) (object, rest string, ok bool) {
	i := strings.LastIndexByte(name, '`')
	if i < 0 {
		return "", name, false
	}
	object, rest = name[:i], name[i+1:]
	if tag, o, tagged := strings.Cut(object, " "); tagged {
		object, rest = o, tag+" "+rest
	}
	return object, rest, true
}

// IsUnknown tells an error that says a name is not known, as opposed to data
// that could not be read.
func IsUnknown(err error) bool { return errors.Is(err, ErrNoType) || errors.Is(err, ErrSyntax) }
