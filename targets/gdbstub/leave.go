package gdbstub

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/out"
)

// disarm takes out everything that was put into the machine.
func (t *Target) disarm() {
	for a := range t.points {
		if t.remove(a) != nil {
			break
		}
	}
	for _, w := range t.watches {
		t.unwatch(w)
	}
	t.watches = nil
}

// hidePoints puts back into what was read of virtual memory the bytes that software
// breakpoints have replaced.
func (t *Target) hidePoints(b []byte, base uint64) {
	for a, p := range t.points {
		if p.has && p.kind == softPoint && a-base < uint64(len(b)) {
			b[a-base] = p.old
		}
	}
}

// Control implements core.Live.
func (t *Target) Control() control.Machine { return &machine{t} }

// Last implements core.Live.
func (t *Target) Last() control.Stop { return t.lastStop() }

// FollowFork implements core.Live.
func (t *Target) FollowFork(bool) {}

// Kill implements core.Live: a machine is not a debugger's to end. (The packet k would
// end QEMU.)
func (t *Target) Kill() {}

// Release implements core.Live: the stub is left as it was, and the machine goes on
// unless hang is set, or somebody else has halted it.
func (t *Target) Release(hang, _ bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave(hang)
}

// leave takes everything out and ends the connection. QEMU lets the machine go on at
// D, and leaves it halted without; bhyve does at the end of the connection.
func (t *Target) leave(hang bool) {
	if t.closed {
		return
	}
	if t.idle != nil {
		t.idle.Stop()
	}
	if t.state.gone == nil && t.q.broken == nil && t.state.running && (hang || len(t.points)+len(t.watches) > 0 || t.physMode) {
		if err := t.interrupt(); err != nil {
			t.failed(err)
		}
	}
	if t.state.gone == nil && t.q.broken == nil && !t.state.running {
		t.disarm()
		t.setPhysical(false)
	}
	if t.state.gone == nil && t.q.broken == nil {
		t.detach(hang)
	}
	if t.q.broken == nil {
		t.hold(false) // else whoever is told of it may find a way
	}
	t.closed = true
	t.q.Close()
}

// detach ends the session of a stub. While the machine runs any packet would halt it.
func (t *Target) detach(hang bool) {
	if !hang && !t.state.foreign && !t.state.running && t.state.ran {
		t.q.ok("D") // there is nobody left to tell
	}
}

// Close implements core.Target.
func (t *Target) Close() error {
	t.Release(false, false)
	return nil
}

// Abandon lets the machine go from any goroutine, whatever the debugger is doing.
func (t *Target) Abandon() {
	select {
	case <-t.abandoned:
		return
	default:
	}
	close(t.abandoned)
	done := make(chan struct{})
	go func() {
		t.Release(false, false)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
	}
}

// maxNews bounds what is kept to be told.
const maxNews = 16

func (t *Target) tell(text string) {
	if n := len(t.news); n < maxNews && (n == 0 || t.news[n-1] != text) {
		t.news = append(t.news, text)
	}
}

// News implements core.Restarter. A machine that somebody else has halted is asked for a
// word: if that one has let it go since, this halts it, which is how it shows.
func (t *Target) News() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.foreign && t.state.gone == nil && !t.closed {
		if _, err := t.q.ask("qC"); err != nil {
			t.failed(err)
		}
	}
	news := t.news
	t.news = nil
	return news
}

// Restarted implements core.Restarter: a stub does not tell of resets.
func (t *Target) Restarted() bool { return false }

// Status implements core.StatusReporter for a machine in which no system is
// recognised; else the system reports.
func (t *Target) Status(p *out.Printer) {
	fmt.Fprintf(p, "debugging live machine %s (%s)\n", t.name, t.Arch().Name)
	t.TransportStatus(p)
}

// TransportStatus writes the lines of ::status about the stub.
func (t *Target) TransportStatus(p *out.Printer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	state := "halted"
	switch {
	case t.state.gone != nil:
		state = "gone: " + t.state.gone.Error()
	case t.state.foreign:
		state = "halted by somebody else"
	case t.state.wanted:
		state = "running, halted for as long as a command reads"
	}
	memory := "virtual, by m packets"
	if t.stub.physical {
		memory = "physical, by m packets (PhyMemMode)"
	}
	fmt.Fprintf(p, "stub: %s\nstate: %s\nprocessors: %d\nmemory: %s\n", t.name, state, len(t.threads), memory)
}

// hold tells Options.Hold whether the machine would stay halted, or halt at a breakpoint
// that nobody waits for, if this process ended now without a word.
func (t *Target) hold(is bool) {
	if t.onHold != nil && t.held != is {
		t.held = is
		t.onHold(is)
	}
}

// LetGo lets the machine behind a stub go on, for a debugger that halted it and was
// killed: breakpoints go (QEMU takes them out at D), and the mode for physical memory.
func LetGo(ctx context.Context, addr string) error {
	q, err := dial(ctx, addr, answerTime)
	if err != nil {
		return err
	}
	defer q.Close()
	if a, err := q.ask("qqemu.PhyMemMode"); err == nil && string(a) == "1" {
		if err := q.ok("Qqemu.PhyMemMode:0"); err != nil {
			return err
		}
	}
	if text, err := q.monitor("info status"); err == nil && strings.Contains(text, "prelaunch") {
		return nil // it was not started yet, by whoever is to do that
	}
	return q.ok("D")
}
