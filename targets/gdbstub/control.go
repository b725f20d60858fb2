package gdbstub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
)

// machine is the control of a Target: a thread is a processor, its id the index
// plus 1.
type machine struct{ t *Target }

// A point is a breakpoint in the machine.
type point struct {
	kind string // of the Z packet
	old  byte   // what was there, for a stub that patches virtual memory
	has  bool
}

// Kinds of breakpoints, as Z packets have them.
const (
	softPoint = "0"
	hardPoint = "1"
)

// Insert implements control.Machine: a hardware breakpoint, which changes no memory,
// else a software one.
func (m *machine) Insert(addr uint64) error {
	t := m.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.halted(); err != nil {
		return err
	}
	return t.insert(addr)
}

func (t *Target) insert(addr uint64) error {
	kinds := []string{hardPoint, softPoint}
	p := &point{}
	if !t.stub.physical {
		kinds = []string{softPoint, hardPoint} // bhyve has software ones alone
		var b [1]byte
		if err := t.chooseFor(addr); err != nil {
			return err
		}
		if n, _ := t.burst(b[:], mem.Addr(addr)); n == 1 {
			p.old, p.has = b[0], true
		}
	}
	if t.bhyve {
		kinds = kinds[:1]
	}
	var err error
	for _, p.kind = range kinds {
		if err = t.q.ok(fmt.Sprintf("Z%s,%x,1", p.kind, addr)); err == nil {
			t.points[addr] = p
			return nil
		}
		if t.q.broken != nil {
			return t.failed(err)
		}
	}
	return err
}

// chooseFor makes a processor the chosen one by whose page table a stub that reads virtual
// memory finds an address.
func (t *Target) chooseFor(addr uint64) error {
	if t.stub.physical {
		return nil
	}
	return t.choose(t.reader(mem.Addr(addr)))
}

// Remove implements control.Machine.
func (m *machine) Remove(addr uint64) error {
	t := m.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.halted(); err != nil {
		return err
	}
	return t.remove(addr)
}

func (t *Target) remove(addr uint64) error {
	p := t.points[addr]
	if p == nil {
		return nil
	}
	if err := t.chooseFor(addr); err != nil {
		return err
	}
	if err := t.q.ok(fmt.Sprintf("z%s,%x,1", p.kind, addr)); err != nil {
		return t.failed(err)
	}
	delete(t.points, addr)
	return nil
}

// watchKinds are the Z packets for ways of use, the best first: x86 cannot watch reads
// alone.
func watchKinds(a control.Access) []string {
	switch a {
	case control.Write:
		return []string{"2", "4"}
	case control.Read:
		return []string{"3", "4"}
	}
	return []string{"4"}
}

// Watch implements control.Machine. Execution is watched by a breakpoint, of one byte.
func (m *machine) Watch(addr, size uint64, a control.Access) error {
	if a&control.Execute != 0 {
		return errors.New("the stub cannot watch execution: use ::bp")
	}
	t := m.t
	if t.bhyve {
		return errors.New("the stub has no watchpoints")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.halted(); err != nil {
		return err
	}
	var err error
	for _, k := range watchKinds(a) {
		if err = t.q.ok(fmt.Sprintf("Z%s,%x,%x", k, addr, size)); err == nil {
			t.watches = append(t.watches, watch{addr, size, a, k})
			return nil
		}
		if t.q.broken != nil {
			return t.failed(err)
		}
	}
	return err
}

// watch is a watchpoint in the machine.
type watch struct {
	addr, size uint64
	access     control.Access
	kind       string
}

// Unwatch implements control.Machine.
func (m *machine) Unwatch(addr, size uint64, a control.Access) {
	t := m.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.halted() != nil {
		return
	}
	for i, w := range t.watches {
		if w.addr == addr && w.size == size && w.access == a {
			t.unwatch(w)
			t.watches = append(t.watches[:i], t.watches[i+1:]...)
			return
		}
	}
}

func (t *Target) unwatch(w watch) {
	if err := t.q.ok(fmt.Sprintf("z%s,%x,%x", w.kind, w.addr, w.size)); err != nil {
		t.failed(err)
	}
}

// TraceSyscalls implements control.Machine: a machine has none.
func (m *machine) TraceSyscalls(bool) {}

// Registers implements control.Machine.
func (m *machine) Registers(thread uint64) (*arch.Regs, error) {
	t := m.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if thread == 0 || thread > uint64(len(t.threads)) {
		return nil, fmt.Errorf("no processor %d", int64(thread)-1)
	}
	if err := t.halted(); err != nil {
		return nil, err
	}
	p, err := t.registersOf(int(thread) - 1)
	if err != nil {
		return nil, err
	}
	return p.Regs, nil
}

// Resume implements control.Machine.
func (m *machine) Resume(ctx context.Context, o control.Order, keep func(*control.Stop) bool) (control.Stop, error) {
	t := m.t
	if o.Mode == control.StepBranch {
		return t.lastStop(), errors.New("a stub has no steps to the next branch")
	}
	for {
		s, err := t.once(ctx, o)
		if err != nil {
			return s, err
		}
		if keep(&s) || s.Why == control.Requested || s.Why.Gone() {
			return s, nil
		}
		o.Mode = control.Continue
	}
}

func (t *Target) lastStop() control.Stop {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// once runs to the next stop.
func (t *Target) once(ctx context.Context, o control.Order) (control.Stop, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.halted(); err != nil {
		return t.lost(), nil
	}
	t.state.wanted = false
	if o.Mode == control.StepOne {
		i := int(o.Thread) - 1
		if i < 0 || i >= len(t.threads) {
			return t.last, fmt.Errorf("no processor %d", i)
		}
		return t.step(ctx, i)
	}
	if err := t.stepPast(ctx); err != nil {
		return t.last, err
	}
	if err := t.resume(); err != nil {
		return t.lost(), nil
	}
	return t.await(ctx, false)
}

// stepPast brings the processor whose breakpoint was reported past it.
func (t *Target) stepPast(ctx context.Context) error {
	if t.last.Why != control.Breakpoint && t.last.Why != control.Step {
		return nil
	}
	if t.last.Why == control.Step || t.points[t.last.PC] == nil {
		return nil // a step that ended at a breakpoint has not met it yet
	}
	_, err := t.step(ctx, int(t.last.Thread)-1)
	return err
}

// step runs one instruction of a processor, without a breakpoint that is there.
func (t *Target) step(ctx context.Context, i int) (control.Stop, error) {
	p, err := t.registersOf(i)
	if err != nil {
		return t.last, err
	}
	pc := p.Regs.PC()
	at := t.points[pc]
	if at != nil {
		if err := t.remove(pc); err != nil {
			return t.last, err
		}
	}
	if err := t.setPhysical(false); err != nil {
		return t.last, err
	}
	order := "s"
	if t.stub.vCont {
		order = "vCont;s:" + t.threads[i].id
	} else if err := t.q.ok("Hc" + t.threads[i].id); err != nil {
		return t.last, t.failed(err)
	}
	if err := t.q.put(encode(order)); err != nil {
		t.q.broken = err
		return t.lost(), nil
	}
	t.ran()
	t.state.running = true
	s, err := t.await(ctx, true)
	if at != nil && err == nil && !s.Why.Gone() {
		err = t.insert(pc)
	}
	return s, err
}

// await waits for a stop; the end of ctx halts the machine.
func (t *Target) await(ctx context.Context, step bool) (control.Stop, error) {
	asked := false
	var timeout <-chan time.Time
	done := ctx.Done()
	for {
		select {
		case p := <-t.q.packets:
			if err := t.stopped(p, !asked && !step); err != nil {
				return t.lost(), nil
			}
			h, _ := parseStop(p) // stopped has checked it
			if err := t.classify(&h, step); err != nil {
				return t.lost(), nil
			}
			return t.last, nil
		case <-t.q.done:
			t.q.broken = t.q.err
			return t.lost(), nil
		case <-t.abandoned:
			return control.Stop{Why: control.Lost}, nil
		case <-timeout:
			t.q.broken = ErrSilent
			return t.lost(), nil
		case <-done:
			done, asked = nil, true
			timeout = time.After(t.q.wait)
			if err := t.q.put([]byte{interrupt}); err != nil {
				t.q.broken = err
				return t.lost(), nil
			}
		}
	}
}

// classify says why the machine has stopped.
func (t *Target) classify(h *halt, step bool) error {
	if err := t.locate(); err != nil {
		return err
	}
	s := &t.last
	switch {
	case h.watch != "":
		s.Why, s.Addr, s.Access = control.Watch, h.addr, h.access()
	case step:
		s.Why = control.Step
	case h.signal == sigTRAP && t.points[s.PC] != nil && (h.brk || !t.bhyve):
		s.Why, s.Addr = control.Breakpoint, s.PC
	}
	return nil
}

// lost is the stop of a machine that is out of reach.
func (t *Target) lost() control.Stop {
	t.failed(t.q.broken)
	t.last = control.Stop{Why: control.Lost}
	return t.last
}
