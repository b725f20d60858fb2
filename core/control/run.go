package control

import (
	"context"
	"errors"
)

// Resume carries out an order until a stop that concerns the user. From within an
// action it is remembered, and carried out when all actions of the stop asked for
// something.
func (g *Engine) Resume(ctx context.Context, o Order) error {
	if g.busy {
		g.asked++
		if g.pending == nil || g.pending.Mode == Continue {
			g.pending = &o // a step takes precedence over continuing
		}
		return nil
	}
	if g.machine == nil {
		return ErrNoProcess
	}
	for {
		next, err := g.once(ctx, o)
		if err != nil || next == nil {
			return err
		}
		o = *next
	}
}

// once runs to one stop and its actions. It gives the order to go on by, nil to
// stay.
func (g *Engine) once(ctx context.Context, o Order) (next *Order, err error) {
	for _, e := range g.events {
		if e.Matched && e.Flags&AutoStop != 0 && e.Limit != 0 && e.Hits == e.Limit {
			e.Hits = 0
		}
		e.Matched = false
	}
	g.arm()
	g.found = nil
	stop, err := g.machine.Resume(ctx, o, g.keep)
	g.settle()
	if err != nil {
		return nil, err
	}
	g.last = stop
	return g.arrived(ctx, &stop), nil
}

// keep is the filter: it settles the stops that need nobody's attention.
func (g *Engine) keep(s *Stop) bool {
	g.found = g.found[:0]
	for _, e := range g.events {
		if e.Flags&Disabled == 0 && e.State == Armed && e.matches(s) && (e.cond == nil || e.cond(s)) && e.counts() {
			g.found = append(g.found, e)
		}
	}
	switch s.Why {
	case Requested, Step, JobControl, Exited, Killed, Lost:
		return true
	}
	return len(g.found) > 0
}

// counts counts a match of an event that stops at its limit only and has nothing to
// do before; it is false when that was all.
func (e *Event) counts() bool {
	if e.Flags&AutoStop == 0 || e.Action != "" || e.Call != nil || e.Limit == 0 || e.Hits+1 >= e.Limit {
		return true
	}
	e.Hits++
	return false
}

// arrived does what is due at a stop.
func (g *Engine) arrived(ctx context.Context, s *Stop) (next *Order) {
	found := append([]*Event(nil), g.found...)
	if s.Why.Gone() {
		for _, e := range g.events {
			e.idle(ErrNoProcess)
		}
	}
	g.host.Stopped(s)
	g.busy, g.pending, g.asked = true, nil, 0
	autoGo := false
	for _, e := range found {
		e.Matched = true
		e.Hits++
		before := g.asked
		if e.Call != nil {
			if e.Call(s) {
				g.Resume(ctx, Order{Thread: s.Thread})
			}
		} else if e.Action != "" {
			g.host.Act(ctx, e, s)
		}
		if g.asked > before {
			g.asked = before + 1 // an action's voice counts once
		}
		if e.Limit != 0 && e.Hits == e.Limit {
			switch {
			case e.Flags&AutoDelete != 0:
				g.Delete(func(o *Event) bool { return o == e })
			case e.Flags&AutoDisable != 0:
				e.Flags |= Disabled
			}
		}
		if e.Limit != 0 && e.Hits < e.Limit && e.Flags&AutoStop != 0 {
			autoGo = true
		}
	}
	g.busy = false
	goOn := len(found) > 0 && (g.asked == len(found) || autoGo) && !s.Why.Gone() && ctx.Err() == nil
	g.Delete(func(e *Event) bool { return e.Flags&Temporary != 0 && (!goOn || e.Matched) && e.Flags&Disabled == 0 })
	if !goOn {
		return nil
	}
	if g.pending == nil {
		return &Order{Thread: s.Thread}
	}
	return g.pending
}

// arm puts into the machine what is active, and takes out what is not any more.
func (g *Engine) arm() {
	want := map[uint64]bool{}
	syscalls := false
	var watch []*Event
	for _, e := range g.events {
		if e.Flags&Disabled != 0 || e.State == Idle {
			continue
		}
		switch e.Kind {
		case AtAddress, AtSymbol:
			want[e.Addr] = true
		case OnAccess:
			watch = append(watch, e)
		case OnSysEntry, OnSysExit:
			syscalls = true
		}
	}
	for a := range g.inserted {
		if !want[a] {
			g.machine.Remove(a)
			delete(g.inserted, a)
		}
	}
	failed := map[uint64]error{}
	for a := range want {
		if g.inserted[a] {
			continue
		}
		if err := g.machine.Insert(a); err != nil {
			failed[a] = err
		} else {
			g.inserted[a] = true
		}
	}
	badWatch := g.watch(watch)
	if syscalls != g.syscalls {
		g.machine.TraceSyscalls(syscalls)
		g.syscalls = syscalls
	}
	for _, e := range g.events {
		if e.Flags&Disabled != 0 || e.State == Idle {
			continue
		}
		e.State, e.Err = Armed, nil
		err := badWatch[e]
		if e.Kind == AtAddress || e.Kind == AtSymbol {
			err = failed[e.Addr]
		}
		if err != nil {
			e.State, e.Err = Failed, err
		}
	}
}

// watch brings the machine's watchpoints to those of list.
func (g *Engine) watch(list []*Event) (failed map[*Event]error) {
	keep := map[*Event]bool{}
	for _, e := range list {
		keep[e] = true
	}
	kept := g.watched[:0]
	have := map[*Event]bool{}
	for _, e := range g.watched {
		if keep[e] {
			kept, have[e] = append(kept, e), true
		} else {
			g.machine.Unwatch(e.Addr, e.Size, e.Access)
		}
	}
	g.watched = kept
	for _, e := range list {
		if have[e] {
			continue
		}
		if err := g.machine.Watch(e.Addr, e.Size, e.Access); err != nil && !errors.Is(err, ErrSoftware) {
			if failed == nil {
				failed = map[*Event]error{}
			}
			failed[e] = err
			continue
		}
		g.watched = append(g.watched, e)
	}
	return failed
}

// settle makes the armed active again, for a machine at rest.
func (g *Engine) settle() {
	for _, e := range g.events {
		if e.State == Armed {
			e.State = Active
		}
	}
}
