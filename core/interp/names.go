package interp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// lookupDcmd gives the definitions of a dcmd in the order in which they are
// tried: all of a name, or from a scoped one (module`name) on.
func lookupDcmd(r *core.Registry, name string) ([]*core.Dcmd, error) {
	mod, bare, scoped := strings.Cut(name, "`")
	if !scoped {
		if defs := r.Dcmds(name); len(defs) > 0 {
			return defs, nil
		}
		return nil, core.ErrNoDcmd
	}
	m := r.Module(mod)
	if m == nil {
		return nil, core.ErrNoMod
	}
	defs := r.Dcmds(bare)
	i := slices.IndexFunc(defs, func(d *core.Dcmd) bool { return d.Module == m })
	if i < 0 {
		return nil, core.ErrNoDcmd
	}
	return defs[i:], nil
}

// lookupSymbol gives the value of a symbol, perhaps object`name.
func lookupSymbol(s *core.Session, name string) (uint64, error) {
	object := ""
	// The name of a C++ or Rust symbol may hold a backquote of its own only in
	// front of an object, so the last one divides in either spelling.
	if i := strings.LastIndexByte(name, '`'); i >= 0 {
		object, name = name[:i], name[i+1:]
	}
	cx := s.Context()
	if _, ok := core.As[core.Symbols](cx); !ok && cx.Target != nil {
		if m, err := s.Private.LookupName(object, name); err == nil {
			return m.Value, nil
		}
		return 0, core.ErrNotSup
	}
	m, err := s.Namespace().LookupName(object, name)
	if err != nil {
		return 0, err
	}
	return s.SymbolValue(m)
}

// symbolError is MDB's message for a symbol that cannot be resolved.
func symbolError(err error) error {
	return fmt.Errorf("failed to dereference symbol: %s", core.Reason(err))
}
