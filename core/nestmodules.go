package core

// ownModules gives the session a registry for the guest that it has entered. Modules of
// the host's that are for the guest as well are set up anew, since what they define may
// depend on the kernel (a walker for each of its caches). Commands of those that are not
// come behind them: what brought one in has to bring one out. Modules that the guest
// alone needs are loaded. The result undoes all that.
func (s *Session) ownModules() (leave func()) {
	host, guest := s.Reg, NewRegistry()
	s.Reg = guest
	var undo []func()
	var others []*Module
	for _, m := range host.Modules {
		if !m.Activates(s.Context()) {
			others = append(others, m)
			continue
		}
		undo = append(undo, s.again(m)...)
	}
	for _, m := range others {
		guest.addCommands(m)
	}
	s.LoadSuitable()
	return func() {
		for _, m := range append([]*Module(nil), guest.Modules...) {
			if host.Module(m.Name) == nil {
				guest.Remove(s, m)
			}
		}
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
		s.Reg = host
	}
}

// again registers a module that another registry has, too, and sets it up for the
// current context. The result undoes what setting it up did beside registering.
func (s *Session) again(m *Module) (undo []func()) {
	s.Reg.Add(m, m.Interposes) // what is wrong with names the host's registry has told
	if m.Init == nil || m.Path != "" {
		return nil
	}
	before := len(m.undo)
	if err := m.Init(s); err != nil {
		s.Warnf("module %s failed to initialize: %s", m.Name, err.Error())
	}
	undo = append(undo, m.undo[before:]...)
	m.undo = m.undo[:before:before]
	return undo
}

// addCommands registers the dcmds and walkers of a module that is for another target,
// behind those of the same name.
func (r *Registry) addCommands(m *Module) {
	r.Modules = append(r.Modules, m)
	for _, d := range m.Dcmds {
		r.dcmds[d.Name] = append(r.dcmds[d.Name], d)
	}
	for _, w := range m.Walkers {
		r.walkers[w.Name] = append(r.walkers[w.Name], w)
	}
}
