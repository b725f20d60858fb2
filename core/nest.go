package core

import "context"

// Enter makes a target that was found inside the current one, a guest, the current
// context, under a name that the prompt shows. What runs in it is sys, or recognised if
// that is nil. The guest has a registry of its own (ownModules). The error is that of
// Attach; the guest is entered all the same.
func (s *Session) Enter(ctx context.Context, t Target, sys any, name string) error {
	cx := &Context{Name: name}
	if sys != nil {
		cx.Target, cx.System = t, sys
		if r, ok := As[Representative](cx); ok {
			cx.Thread = r.RepresentativeThread()
		}
	}
	s.Push(cx)
	var err error
	if sys == nil {
		err = s.Attach(ctx, t)
	}
	cx.leave = s.ownModules()
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
		if name != "" {
			cx.leave()
			if cx.Target != nil {
				cx.Target.Close()
			}
		}
		s.Pop()
	}
	return name, true
}

// Within runs f with another context as the current one, such as that of the host of a
// guest: one that f leaves as it finds it.
func (s *Session) Within(cx *Context, f func()) {
	ctxs, memo := s.ctxs, s.memo
	s.ctxs, s.memo = append(ctxs[:len(ctxs):len(ctxs)], cx), nil
	defer func() { s.ctxs, s.memo = ctxs, memo }()
	f()
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

// Nested are the contexts of the host and of the guests that the session is in, the
// outermost first.
func (s *Session) Nested() []*Context {
	list := []*Context{s.ctxs[0]}
	for _, cx := range s.ctxs[1:] {
		if cx.Name != "" {
			list = append(list, cx)
		}
	}
	return list
}
