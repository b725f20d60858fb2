package core

import (
	"cmp"
	"context"
	"fmt"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/system"
)

// Stopper is a machine that runs while it is looked at, and can be halted. What it
// halted goes on when the target is closed or released.
type Stopper interface {
	// Halted tells whether it is halted, by whomever.
	Halted() bool
	// Halt halts all processors, Go lets them run.
	Halt(ctx context.Context) error
	Go(ctx context.Context) error
}

// Restarter is a machine that tells what became of it.
type Restarter interface {
	// News are messages for the user, each told once.
	News() []string
	// Restarted tells, once, that the machine was reset: what runs in it is to be
	// recognised anew.
	Restarted() bool
}

// Settler is told that a command has ended: a machine that had to be halted for its
// memory to be read can go on.
type Settler interface{ Settle() }

// Between is called between commands: a machine that runs is another one then, so
// that what was read of it is forgotten. It costs nothing for other targets.
func (s *Session) Between(ctx context.Context) {
	cx := s.Context()
	if r, ok := cx.Target.(Restarter); ok {
		for _, text := range r.News() {
			s.Warnf("%s", text)
		}
		if r.Restarted() {
			s.recogniseAnew(ctx, cx)
		}
	}
	c, ok := cx.Target.(system.Changing)
	if !ok {
		return
	}
	if m := c.Moment(); m != cx.moment {
		cx.moment = m
		s.refresh(cx)
		if sys := system.Reconsider(ctx, cx.Target, cx.System); sys != nil {
			s.adopt(cx, sys)
		}
	}
}

// refresh has the target and the system in it forget what they read of memory.
func (s *Session) refresh(cx *Context) {
	for _, part := range []any{cx.Target, cx.System} {
		if r, ok := part.(system.Refresher); ok {
			r.Refresh()
		}
	}
	s.Changed()
}

// recogniseAnew finds out what runs in a machine that was reset.
func (s *Session) recogniseAnew(ctx context.Context, cx *Context) {
	sys, err := system.Recognise(ctx, cx.Target)
	if err != nil {
		s.Warnf("%s", err.Error())
	}
	s.adopt(cx, sys)
}

// adopt makes a system that was found in a machine meanwhile the context's.
func (s *Session) adopt(cx *Context, sys any) {
	cx.System, cx.Thread, cx.Chosen = sys, 0, FrameRef{}
	if r, ok := As[Representative](cx); ok {
		cx.Thread = r.RepresentativeThread()
	}
	if s.Recognised != nil {
		s.Recognised(sys)
	}
	s.refresh(cx)
}

// FindKernel looks for a kernel in a machine's memory again, as far as the search says. It
// gives what was found, which is the context's system then. A kernel that is known stays
// if none is found.
func (s *Session) FindKernel(ctx context.Context, how system.Search) (any, error) {
	cx := s.Context()
	sys, err := system.Recognise(system.WithSearch(ctx, how), cx.Target)
	if ctx.Err() != nil {
		return nil, ErrIntr
	}
	_, raw := sys.(*system.RawMachine)
	if _, was := cx.System.(*system.RawMachine); sys == nil || raw && !was {
		return nil, cmp.Or(err, system.ErrNoKernel)
	}
	s.adopt(cx, sys)
	return sys, err
}

// Settled is called when a command has ended.
func (s *Session) Settled() {
	if t, ok := s.Context().Target.(Settler); ok {
		t.Settle()
	}
}

// CPUThreads is a system that knows the thread a processor runs, by the processor's
// index: what is the representative one when that processor stops.
type CPUThreads interface {
	CPUThread(cpu int) (thread uint64, ok bool)
}

// machine tells whether what is under control is a machine: its control's threads are
// its processors, each its index plus 1.
func (x *Execution) machine() bool {
	_, ok := x.live.(Stopper)
	return ok
}

// controlled is the chosen thread as the control knows it.
func (x *Execution) controlled() uint64 {
	cx := x.s.Context()
	if !x.machine() {
		return cx.Thread
	}
	if sw, ok := As[CPUSwitcher](cx); ok {
		return uint64(sw.CurrentCPU()) + 1
	}
	return uint64(cx.CPU) + 1
}

// controlledThread is the context's thread as what controls it knows it: in a machine the
// processor that runs it.
func (s *Session) controlledThread(cx *Context) (uint64, error) {
	if s.exec == nil || s.exec.live == nil || !s.exec.machine() {
		return cx.Thread, nil
	}
	id := s.exec.controlled()
	if t, ok := As[CPUThreads](cx); ok && cx.Thread != 0 {
		if runs, ok := t.CPUThread(int(id - 1)); !ok || runs != cx.Thread {
			return 0, fmt.Errorf("processor %d does not run thread %x", id-1, cx.Thread)
		}
	}
	return id, nil
}

// ThreadOf is a thread that the user names as the control knows it: of a machine, the
// index of a processor is named.
func (x *Execution) ThreadOf(named uint64) uint64 {
	if x.machine() {
		return named + 1
	}
	return named
}

// choose makes the thread that stopped the context's.
func (x *Execution) choose(cx *Context, stop *control.Stop) {
	if !x.machine() {
		cx.Thread = stop.Thread
		return
	}
	cx.CPU = int(stop.Thread) - 1
	cx.Thread = uint64(cx.CPU)
	if sw, ok := As[CPUSwitcher](cx); ok {
		_ = sw.SwitchCPU(cx.CPU) // of a processor whose registers cannot be read, too
	}
	if t, ok := As[CPUThreads](cx); ok {
		if id, ok := t.CPUThread(cx.CPU); ok {
			cx.Thread = id
		}
	}
}

// Halted tells the session of a halt that was no event: of a machine, by Stopper.
func (x *Execution) Halted(stop control.Stop) {
	*x.engine.Last() = stop
	x.Stopped(&stop)
}

// RegistersAt are those of what stopped.
func (x *Execution) RegistersAt(s *control.Stop) (*arch.Regs, error) {
	if m := x.engine.Machine(); m != nil {
		return m.Registers(s.Thread)
	}
	return nil, ErrNoProc
}
