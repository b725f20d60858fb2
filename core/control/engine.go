package control

import (
	"context"
	"errors"
	"slices"
)

// Host is what an engine needs of the debugger around it.
type Host interface {
	// Resolve gives the address of a symbol. An error keeps the event idle.
	Resolve(symbol string) (uint64, error)
	// Mapped tells whether an address is mapped, with the reason if it is not.
	Mapped(addr uint64) error
	// Compile makes a condition ready: it is asked at each match, while the other
	// threads run.
	Compile(condition string) (func(*Stop) bool, error)
	// Stopped is told of a stop before actions run: what was read of the target is
	// out of date.
	Stopped(*Stop)
	// Act runs an event's action. What it asks the engine to do is done when all
	// actions of the stop have run.
	Act(ctx context.Context, e *Event, s *Stop)
}

// ErrNoProcess is why events are idle when nothing runs, and orders are refused.
var ErrNoProcess = errors.New("no process active")

// Engine keeps events and runs a machine.
type Engine struct {
	host    Host
	machine Machine // nil: nothing runs

	events     []*Event
	nextID     int
	nextHidden int

	inserted map[uint64]bool // breakpoints in the machine
	watched  []*Event        // watchpoints in the machine
	syscalls bool

	last  Stop
	found []*Event // that match the stop the filter last saw

	busy    bool
	pending *Order // asked for by actions
	asked   int    // how many did
}

// New makes an engine without a machine.
func New(h Host) *Engine {
	return &Engine{host: h, nextID: 1, nextHidden: -1, inserted: map[uint64]bool{}}
}

// Machine is what runs; nil if nothing does.
func (g *Engine) Machine() Machine { return g.machine }

// Last is the stop the machine made last.
func (g *Engine) Last() *Stop { return &g.last }

// Busy tells whether actions of a stop are running.
func (g *Engine) Busy() bool { return g.busy }

// Attach gives the engine a machine, halted because of s, and makes events active.
func (g *Engine) Attach(m Machine, s Stop) {
	g.machine, g.last = m, s
	clear(g.inserted)
	g.watched, g.syscalls = nil, false
	g.Activate()
}

// Detach takes the machine away: every event is idle. The machine keeps none of
// what was armed if it can still be reached.
func (g *Engine) Detach() {
	if g.machine == nil {
		return
	}
	g.Disarm()
	g.machine = nil
	for _, e := range g.events {
		e.idle(ErrNoProcess)
		e.Matched = false
	}
}

// Forget is Detach for a machine that has lost its memory, by Exec: nothing of what
// was armed is there any more.
func (g *Engine) Forget() {
	clear(g.inserted)
	for _, e := range g.watched {
		g.machine.Unwatch(e.Addr, e.Size, e.Access)
	}
	g.watched = nil
	for _, e := range g.events {
		if e.Kind == AtSymbol || e.Kind == AtAddress || e.Kind == OnAccess {
			e.idle(ErrNoProcess)
		}
	}
}

// Disarm takes everything out of the machine.
func (g *Engine) Disarm() {
	if g.machine == nil || g.last.Why.Gone() {
		return
	}
	for a := range g.inserted {
		g.machine.Remove(a)
	}
	clear(g.inserted)
	for _, e := range g.watched {
		g.machine.Unwatch(e.Addr, e.Size, e.Access)
	}
	g.watched = nil
	if g.syscalls {
		g.machine.TraceSyscalls(false)
		g.syscalls = false
	}
}

func (e *Event) idle(err error) {
	e.State, e.Err = Idle, err
	if e.Kind == AtSymbol {
		e.Addr = 0
	}
}

// Activate makes active every idle event that can be: what was loaded since may
// have its symbol. It gives the number of those that stay idle for want of it.
func (g *Engine) Activate() (waiting int) {
	for _, e := range g.events {
		if e.State == Idle {
			g.activate(e)
		}
		if e.State == Idle && e.Kind == AtSymbol {
			waiting++
		}
	}
	return waiting
}

// Revise idles breakpoints whose memory is gone, when objects were unloaded.
func (g *Engine) Revise() {
	for _, e := range g.events {
		if e.State == Idle || e.Kind != AtAddress && e.Kind != AtSymbol {
			continue
		}
		if err := g.host.Mapped(e.Addr); err != nil {
			delete(g.inserted, e.Addr) // it went with the memory
			e.idle(err)
		}
	}
}

func (g *Engine) activate(e *Event) {
	if g.machine == nil {
		e.idle(ErrNoProcess)
		return
	}
	if e.Kind == AtSymbol {
		a, err := g.host.Resolve(e.Symbol)
		if err != nil {
			e.idle(err)
			return
		}
		e.Addr = a
	}
	if e.Kind == AtSymbol || e.Kind == AtAddress {
		if err := g.host.Mapped(e.Addr); err != nil {
			e.idle(err)
			return
		}
	}
	e.State, e.Err = Active, nil
}

// Add adds an event with a new id, and makes it active if it can be. An error is
// that of its condition.
func (g *Engine) Add(e *Event) error {
	if err := g.SetCondition(e, e.Condition); err != nil {
		return err
	}
	if e.Flags&Hidden != 0 {
		e.ID = g.nextHidden
		g.nextHidden--
	} else {
		e.ID = g.nextID
		g.nextID++
	}
	g.events = append(g.events, e)
	g.activate(e)
	return nil
}

// SetCondition replaces the condition of an event.
func (g *Engine) SetCondition(e *Event, text string) error {
	var f func(*Stop) bool
	if text != "" {
		var err error
		if f, err = g.host.Compile(text); err != nil {
			return err
		}
	}
	e.Condition, e.cond = text, f
	return nil
}

// Only makes f the condition of an event, of the debugger's own.
func (e *Event) Only(f func(*Stop) bool) *Event {
	e.cond = f
	return e
}

// Delete removes the events that gone chooses, and tells whether there were any.
func (g *Engine) Delete(gone func(*Event) bool) bool {
	before := len(g.events)
	g.events = slices.DeleteFunc(g.events, gone)
	return len(g.events) < before
}

// Events are all events by id, hidden ones first.
func (g *Engine) Events() []*Event {
	list := slices.Clone(g.events)
	slices.SortStableFunc(list, func(a, b *Event) int { return a.ID - b.ID })
	return list
}

// Find finds an event by id.
func (g *Engine) Find(id int) *Event {
	for _, e := range g.events {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// Matched are the events of the last stop.
func (g *Engine) Matched() []*Event {
	var list []*Event
	for _, e := range g.events {
		if e.Matched {
			list = append(list, e)
		}
	}
	return list
}
