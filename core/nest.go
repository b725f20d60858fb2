package core

import "context"

// Enter makes a target that was found inside the current one, a guest, the current
// context, under a name that the prompt shows. What runs in it is recognised, modules
// for it are loaded, and commands of modules that are for it win over those of the
// host's. The error is that of Attach; the guest is entered all the same.
func (s *Session) Enter(ctx context.Context, t Target, name string) error {
	s.Push(&Context{Name: name})
	err := s.Attach(ctx, t)
	s.LoadSuitable()
	s.preferSuitable()
	return err
}

// Leave goes back to the context that the innermost guest was entered from, and closes
// the guest. It gives the guest's name; false if the session is in none.
func (s *Session) Leave() (name string, ok bool) {
	if len(s.Nesting()) == 0 {
		return "", false
	}
	for name == "" { // out of a process of the guest first
		cx := s.Context()
		name = cx.Name
		if cx.Target != nil && name != "" {
			cx.Target.Close()
		}
		s.Pop()
	}
	s.preferSuitable()
	return name, true
}

// Nesting are the names of the guests that the session is in, the outermost first.
func (s *Session) Nesting() []string {
	var names []string
	for _, cx := range s.ctxs[1:] {
		if cx.Name != "" {
			names = append(names, cx.Name)
		}
	}
	return names
}

// preferSuitable makes commands of modules for the current context win.
func (s *Session) preferSuitable() {
	cx, known := s.Context(), map[*Module]bool{}
	s.Reg.Prefer(func(m *Module) bool {
		is, ok := known[m]
		if !ok {
			is = m.Activates(cx)
			known[m] = is
		}
		return is
	})
}
