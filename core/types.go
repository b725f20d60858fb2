package core

import (
	"debug/elf"
	"iter"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/cdecl"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/value"
)

// Synthetic is the container of the types made by ::typedef.
func (s *Session) Synthetic() *cdecl.Types {
	if s.synth == nil {
		s.synth = cdecl.New(s.Arch().PtrSize)
	}
	return s.synth
}

// Types resolves type names in the current context: in an object named before a
// backquote, else in the executable, all objects, the synthetic types.
func (s *Session) Types() *ctype.Composite {
	return &ctype.Composite{
		Exec:      s.execTypes,
		Object:    s.objectTypes,
		Objects:   func() iter.Seq[ctype.Scope] { return s.allTypes },
		Synthetic: s.Synthetic(),
	}
}

// LookupType finds a type by name.
func (s *Session) LookupType(name string) (*ctype.Type, error) { return s.Types().Lookup(name) }

func (s *Session) execTypes() (ctype.Scope, error) {
	ns, err := s.objects()
	if err != nil {
		return nil, err
	}
	return s.scopeOf(ns.Main())
}

func (s *Session) objectTypes(name string) (ctype.Scope, error) {
	ns, err := s.objects()
	if err != nil {
		return nil, err
	}
	o, err := ns.Object(name)
	if err != nil {
		return nil, err
	}
	return s.scopeOf(o)
}

func (s *Session) allTypes(yield func(ctype.Scope) bool) {
	ns, err := s.objects()
	if err != nil {
		return
	}
	for _, o := range ns.Objects() {
		if sc, err := s.scopeOf(o); err == nil && !yield(sc) {
			return
		}
	}
}

// objects gives the load objects of the target, or MDB's reason why there are
// none.
func (s *Session) objects() (*sym.Namespace, error) {
	cx := s.Context()
	if cx.Target == nil {
		return nil, ErrNoProc
	}
	t, ok := As[Symbols](cx)
	if !ok {
		return nil, ErrNotSup
	}
	return t.Namespace(), nil
}

// scopeOf gives the types of a load object. One without type data is to MDB an
// object it does not know.
func (s *Session) scopeOf(o *sym.Object) (ctype.Scope, error) {
	t, ok := As[Types](s.Context())
	if o == nil || !ok {
		return nil, sym.ErrNoObject
	}
	if sc := t.TypeScope(o); sc != nil {
		return sc, nil
	}
	return nil, sym.ErrNoObject
}

// SymbolAt finds the symbol whose value is exactly addr.
func (s *Session) SymbolAt(addr uint64) (sym.Match, error) {
	ns, err := s.objects()
	if err == ErrNotSup {
		return sym.Match{}, err
	}
	if err != nil { // without a target there are the private symbols
		ns = s.Namespace()
	}
	m, err := ns.LookupAddr(addr, 0)
	if err == nil && m.Value != addr {
		err = sym.ErrNoAddr
	}
	return m, err
}

// DataType gives the type of the data object that a symbol stands for.
func (s *Session) DataType(m sym.Match) (*ctype.Type, error) {
	sc, err := s.scopeOf(m.Object)
	if err != nil {
		return nil, err
	}
	typer, ok := sc.(ctype.SymbolTyper)
	if !ok {
		return nil, ctype.ErrNoSymType
	}
	t, err := typer.SymbolType(m.Name, m.Value-m.Object.Bias, m.Index)
	switch {
	case err != nil && m.Type() == elf.STT_FUNC, err == nil && t.Kind() == ctype.Function:
		return nil, ctype.ErrNotObject
	}
	return t, err
}

// World is what values of the current context are read in.
func (s *Session) World() *value.World {
	a := s.Arch()
	return &value.World{
		Space: s.Space(), Order: a.Order, Types: s.Types(), Symbol: s.SymbolName, Show: s.shower(),
		Path: ctype.PathOptions{
			Number: s.Strtoull,
			Radix:  func(v uint64) string { return out.Sprintf(s.OutEnv(), "%llr", v) },
		},
	}
}

// ValueAt is the value of a named type at an address.
func (s *Session) ValueAt(typeName string, addr uint64) (value.Value, error) {
	t, err := s.LookupType(typeName)
	if err != nil {
		return value.Value{}, err
	}
	return s.World().At(t, mem.Addr(addr)), nil
}

// OnShow has f asked for the text of values that ::print -P prints, until the
// returned function is called.
func (s *Session) OnShow(f value.Shower) (remove func()) {
	p := &f
	s.showers = append(s.showers, p)
	return func() { s.showers = without(s.showers, func(o *value.Shower) bool { return o == p }) }
}

// shower asks those that OnShow registered; nil if there are none.
func (s *Session) shower() value.Shower {
	if len(s.showers) == 0 {
		return nil
	}
	return func(v value.Value, o *value.Options, indent int) (string, bool) {
		for _, f := range s.showers {
			if text, ok := (*f)(v, o, indent); ok {
				return text, true
			}
		}
		return "", false
	}
}
