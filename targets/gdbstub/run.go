package gdbstub

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/control"
)

// idleTime is how long a machine that is looked at stays halted after the last read,
// should nobody tell that the command has ended. It is a variable for tests.
var idleTime = 300 * time.Millisecond

// interrupt is the byte that halts a machine.
const interrupt = 0x03

// wasHalted tells whether the machine did not run when this connection halted it, as
// far as QEMU's monitor knows: paused it is in any case.
func (t *Target) wasHalted() bool {
	if t.bhyve {
		return false
	}
	text, err := t.monitor("info status")
	return err == nil && strings.Contains(text, "paused (")
}

// halted makes sure that the stub answers: a machine that runs is halted until Settle.
func (t *Target) halted() error {
	if t.state.gone != nil {
		return t.state.gone
	}
	if t.closed {
		return ErrGone
	}
	if t.state.running {
		if err := t.interrupt(); err != nil {
			return t.failed(err)
		}
	}
	if t.state.wanted {
		t.settleLater()
	}
	return nil
}

// interrupt halts the machine. A stop that came before by itself is somebody else's:
// the machine stays halted for as long as that one wants.
func (t *Target) interrupt() error {
	select {
	case p := <-t.q.packets:
		return t.stopped(p, true)
	default:
	}
	t.hold(true)
	if err := t.q.put([]byte{interrupt}); err != nil {
		t.q.broken = err
		return err
	}
	timer := time.NewTimer(t.q.wait)
	defer timer.Stop()
	p, err := t.q.receive(timer.C)
	if err != nil {
		t.q.broken = err
		return err
	}
	return t.stopped(p, false)
}

// Signals of stop replies (gdb's numbers): of an interrupt, and those by which QEMU
// tells why the machine does not run.
const (
	sigINT  = 2
	sigQUIT = 3 // the machine is shut down
	sigTRAP = 5
)

// stopped takes a stop reply of a machine that ran.
func (t *Target) stopped(p []byte, foreign bool) error {
	h, err := parseStop(p)
	if err != nil {
		t.q.broken = err
		return err
	}
	if h.gone {
		t.hold(false)
		t.state.gone = fmt.Errorf("%w: the machine has ended", ErrGone)
		t.tell("the machine has ended")
		return t.state.gone
	}
	t.state.running = false
	t.state.foreign = foreign && h.signal != sigTRAP
	if h.signal == sigQUIT {
		t.state.foreign = true
		t.tell("the guest is shut down")
	}
	t.hold(!t.state.foreign)
	t.forget()
	i := t.indexOf(h.thread)
	t.last = control.Stop{Why: control.Requested, Thread: uint64(i) + 1}
	return nil
}

// resume lets all processors run.
func (t *Target) resume() error {
	if err := t.setPhysical(false); err != nil {
		return err
	}
	order := "c"
	if t.stub.vCont {
		order = "vCont;c"
	}
	if err := t.q.put(encode(order)); err != nil {
		t.q.broken = err
		return t.failed(err)
	}
	t.ran()
	t.state.running, t.state.foreign, t.state.ran = true, false, true
	t.hold(len(t.points)+len(t.watches) > 0)
	return nil
}

// ran forgets what was known of a machine that has run.
func (t *Target) ran() {
	t.moment.Add(1)
	t.forget()
}

// forget has the registers of processors read again.
func (t *Target) forget() {
	clear(t.cpus)
	t.chosen, t.inKernel = "", -1
}

// Settle implements core.Settler: a machine that is only looked at goes on.
func (t *Target) Settle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle()
}

func (t *Target) settle() {
	if t.idle != nil {
		t.idle.Stop()
	}
	if t.closed || t.state.gone != nil || t.q.broken != nil || t.state.running {
		return
	}
	if t.state.wanted && !t.state.foreign {
		t.resume() // a failure shows at the next read
		return
	}
	t.setPhysical(false)
}

func (t *Target) settleLater() {
	if t.idle == nil {
		t.idle = time.AfterFunc(idleTime, t.Settle)
		return
	}
	t.idle.Reset(idleTime)
}

// Running implements system.Changing.
func (t *Target) Running() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.wanted && !t.state.foreign && t.state.gone == nil
}

// Moment implements system.Changing: it advances when the machine runs.
func (t *Target) Moment() uint64 { return t.moment.Load() }

// Refresh implements system.Refresher and core.Live.
func (t *Target) Refresh() {}

// Halted implements core.Stopper.
func (t *Target) Halted() bool { return !t.Running() }

// Halt implements core.Stopper.
func (t *Target) Halt(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.halted(); err != nil {
		return err
	}
	t.state.wanted = false
	if t.idle != nil {
		t.idle.Stop()
	}
	return t.locate()
}

// locate gives the last stop the place where its processor is.
func (t *Target) locate() error {
	p, err := t.registersOf(int(t.last.Thread) - 1)
	if err != nil {
		return err
	}
	t.last.PC = p.Regs.PC()
	return nil
}

// Go implements core.Stopper. The machine is looked at from now on.
func (t *Target) Go(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.gone != nil {
		return t.state.gone
	}
	if t.state.running {
		t.state.wanted = true
		return nil
	}
	if err := t.stepPast(ctx); err != nil {
		return err
	}
	t.disarm()
	if err := t.resume(); err != nil {
		return err
	}
	t.state.wanted = true
	return nil
}

// State implements core.Stater.
func (t *Target) State() core.State {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.state.gone != nil:
		return core.StateLost
	case t.state.wanted && !t.state.foreign:
		return core.StateRunning
	}
	return core.StateStopped
}
