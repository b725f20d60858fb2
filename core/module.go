package core

import (
	"fmt"
	"sort"
)

// Module is a set of dcmds and walkers that know one subsystem.
type Module struct {
	Name, Descr string
	Dcmds       []*Dcmd
	Walkers     []*Walker
	Whatis      []*WhatisSource

	// Objects are base names of load objects whose presence activates the
	// module, without ".so" and version. Active may decide by more; a module
	// with neither is active in every session.
	Objects []string
	Active  func(cx *Context) bool

	// Interposes puts the module's definitions before those of the same name that
	// are there when it is loaded for what the target holds: a kernel's ::stacks
	// before that of processes.
	Interposes bool

	Init func(s *Session) error // called once when the module is loaded
	Fini func(s *Session)

	Builtin bool   // part of the debugger: cannot be unloaded
	Path    string // file it came from, if any
	undo    []func()
}

// OnUnload registers what undoes an effect of the module when it is unloaded.
func (m *Module) OnUnload(f func()) { m.undo = append(m.undo, f) }

// Registry holds the modules, dcmds and walkers of a session. Names keep a list
// of definitions: the first wins, later ones are reached by DCMD_NEXT or by a
// scoped name.
type Registry struct {
	Modules []*Module
	dcmds   map[string][]*Dcmd
	walkers map[string][]*Walker
	whatis  []*WhatisSource
	aside   map[*Module]bool // are for another kind of system than that looked at
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{dcmds: map[string][]*Dcmd{}, walkers: map[string][]*Walker{}}
}

// Add registers a module; with interpose its definitions go before others of
// the same name. Errors of single names are returned together and leave the
// rest of the module registered.
func (r *Registry) Add(m *Module, interpose bool) (errs []error) {
	r.Modules = append(r.Modules, m)
	for _, d := range m.Dcmds {
		if err := r.AddDcmd(m, d, interpose); err != nil {
			errs = append(errs, err)
		}
	}
	for _, w := range m.Walkers {
		if err := r.AddWalker(m, w, interpose); err != nil {
			errs = append(errs, err)
		}
	}
	for _, w := range m.Whatis {
		r.AddWhatis(m, w)
	}
	return errs
}

// AddDcmd registers one more dcmd of a module.
func (r *Registry) AddDcmd(m *Module, d *Dcmd, interpose bool) error {
	if len(d.Name) == 0 || !legalName(d.Name) {
		return fmt.Errorf("dcmd name '%s' contains illegal characters", d.Name)
	}
	for _, o := range r.dcmds[d.Name] {
		if o.Module == m {
			return fmt.Errorf("failed to load dcmd %s`%s: dcmd name already in use", m.Name, d.Name)
		}
	}
	d.Module = m
	r.dcmds[d.Name] = insert(r.dcmds[d.Name], d, interpose)
	return nil
}

// AddWalker registers one more walker of a module, such as one per kmem cache.
func (r *Registry) AddWalker(m *Module, w *Walker, interpose bool) error {
	if !legalName(w.Name) {
		return fmt.Errorf("walk name '%s' contains illegal characters", w.Name)
	}
	for _, o := range r.walkers[w.Name] {
		if o.Module == m {
			return fmt.Errorf("failed to load walker %s`%s: walk name already in use", m.Name, w.Name)
		}
	}
	w.Module = m
	r.walkers[w.Name] = insert(r.walkers[w.Name], w, interpose)
	return nil
}

// AddWhatis registers a source of ::whatis answers.
func (r *Registry) AddWhatis(m *Module, w *WhatisSource) {
	w.Module = m
	r.whatis = append(r.whatis, w)
	sort.SliceStable(r.whatis, func(i, j int) bool { return r.whatis[i].Prio < r.whatis[j].Prio })
}

func insert[T any](list []T, v T, first bool) []T {
	if first {
		return append([]T{v}, list...)
	}
	return append(list, v)
}

// Remove takes a module out and undoes what it registered.
func (r *Registry) Remove(s *Session, m *Module) {
	for n, l := range r.dcmds {
		r.dcmds[n] = without(l, func(d *Dcmd) bool { return d.Module == m })
	}
	for n, l := range r.walkers {
		r.walkers[n] = without(l, func(w *Walker) bool { return w.Module == m })
	}
	r.whatis = without(r.whatis, func(w *WhatisSource) bool { return w.Module == m })
	for i := len(m.undo) - 1; i >= 0; i-- {
		m.undo[i]()
	}
	m.undo = nil
	if m.Fini != nil {
		m.Fini(s)
	}
	r.Modules = without(r.Modules, func(o *Module) bool { return o == m })
}

func without[T any](l []T, drop func(T) bool) []T {
	var keep []T
	for _, v := range l {
		if !drop(v) {
			keep = append(keep, v)
		}
	}
	return keep
}

// Module finds a loaded module by name.
func (r *Registry) Module(name string) *Module {
	for _, m := range r.Modules {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Dcmds gives the definitions of a dcmd name, the one that wins first.
func (r *Registry) Dcmds(name string) []*Dcmd {
	return fitting(r.aside, r.dcmds[name], func(d *Dcmd) *Module { return d.Module })
}

// Walkers gives the definitions of a walker name.
func (r *Registry) Walkers(name string) []*Walker {
	return fitting(r.aside, r.walkers[name], func(w *Walker) *Module { return w.Module })
}

// SetAside has the definitions of modules come behind those of others: those whose own
// decision is that they are not for what the context holds. In a process of a Linux kernel
// ::stacks is that of processes.
func (r *Registry) SetAside(cx *Context) {
	r.aside = nil
	for _, m := range r.Modules {
		if m.Interposes && m.Active != nil && !m.Active(cx) {
			if r.aside == nil {
				r.aside = map[*Module]bool{}
			}
			r.aside[m] = true
		}
	}
}

// fitting orders definitions by whether their modules are set aside.
func fitting[T any](aside map[*Module]bool, list []T, of func(T) *Module) []T {
	if len(aside) == 0 || len(list) < 2 || !aside[of(list[0])] {
		return list
	}
	var first, last []T
	for _, d := range list {
		if aside[of(d)] {
			last = append(last, d)
		} else {
			first = append(first, d)
		}
	}
	return append(first, last...)
}

// WhatisSources gives the sources of ::whatis in the order they are asked.
func (r *Registry) WhatisSources() []*WhatisSource { return r.whatis }

// AllDcmds gives every winning dcmd, sorted by name.
func (r *Registry) AllDcmds() []*Dcmd { return winners(r.dcmds) }

// AllWalkers gives every winning walker, sorted by name.
func (r *Registry) AllWalkers() []*Walker { return winners(r.walkers) }

func winners[T any](m map[string][]T) []T {
	names := make([]string, 0, len(m))
	for n, l := range m {
		if len(l) > 0 {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	all := make([]T, len(names))
	for i, n := range names {
		all[i] = m[n][0]
	}
	return all
}

func legalName(s string) bool {
	if s == "" {
		return false
	}
	// Verbs and the $ and : families are single characters after their sigil.
	if len(s) <= 3 && !isAlpha(s[0]) {
		return true
	}
	for i := range len(s) {
		c := s[i]
		if !isAlpha(c) && c != '_' && c != '.' && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
