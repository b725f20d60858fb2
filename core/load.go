package core

import (
	"fmt"
	"strings"
)

// Activates tells whether a module should be loaded for what a context holds: its
// own decision if it has one, else the presence of one of its load objects. A
// module with neither is for every session.
func (m *Module) Activates(cx *Context) bool {
	if m.Active != nil {
		return m.Active(cx)
	}
	if len(m.Objects) == 0 {
		return true
	}
	t, ok := As[Symbols](cx)
	if !ok {
		return false
	}
	for _, o := range t.Namespace().Objects() {
		for _, want := range m.Objects {
			if objectBase(o.Name) == want {
				return true
			}
		}
	}
	return false
}

// objectBase is an object's name without directory, ".so" and version:
// "libc.so.6" and "libc-2.36.so" both stay what they are before ".so".
func objectBase(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	base, _, _ := strings.Cut(name, ".so")
	return base
}

// LoadSuitable loads the modules that wait for what the session looks at.
func (s *Session) LoadSuitable() {
	if s.Opts.NoMods {
		return
	}
	for _, m := range s.Available {
		if m.Activates(s.Context()) && s.Reg.Module(m.Name) == nil {
			// A kernel's modules have commands in place of those for processes.
			if err := s.Load(m, m.Interposes); err != nil {
				s.Warnf("%s", err.Error())
			}
		}
	}
}

// Load registers a module and runs its Init. Names that cannot be registered are
// warned about and do not keep the rest out.
func (s *Session) Load(m *Module, interpose bool) error {
	if s.Reg.Module(m.Name) != nil {
		return fmt.Errorf("module %s is already loaded", m.Name)
	}
	for _, err := range s.Reg.Add(m, interpose) {
		s.Warnf("%s", err.Error())
	}
	if m.Init == nil {
		return nil
	}
	if err := m.Init(s); err != nil {
		s.Reg.Remove(s, m)
		return fmt.Errorf("module %s failed to initialize: %w", m.Name, err)
	}
	return nil
}

// Unload takes a module out by name.
func (s *Session) Unload(name string) error {
	m := s.Reg.Module(name)
	switch {
	case m == nil:
		return fmt.Errorf("failed to unload %s: specified module is not loaded", name)
	case m.Builtin:
		return fmt.Errorf("failed to unload %s: cannot unload built-in module", name)
	}
	s.Reg.Remove(s, m)
	return nil
}
