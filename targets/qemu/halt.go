package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// errNoMonitor is why a machine of which only the process is known cannot be halted.
var errNoMonitor = errors.New("there is no monitor to halt it by (-g pid: only looks)")

// Halted implements core.Stopper.
func (t *Target) Halted() bool { return !t.Running() }

// Halt implements core.Stopper: a machine that runs is stopped until Go or Release.
func (t *Target) Halt(ctx context.Context) error {
	if t.m == nil {
		return errNoMonitor
	}
	if err := t.ask(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	ran := t.state.running
	t.mu.Unlock()
	if !ran {
		return nil
	}
	t.hold(true)
	if err := t.m.Execute(ctx, "stop", nil, nil); err != nil {
		t.hold(false)
		return err
	}
	t.mu.Lock()
	t.halted = true
	t.mu.Unlock()
	return t.ask(ctx)
}

// Go implements core.Stopper.
func (t *Target) Go(ctx context.Context) error {
	if t.m == nil {
		return errNoMonitor
	}
	if err := t.m.Execute(ctx, "cont", nil, nil); err != nil {
		return err
	}
	t.mu.Lock()
	t.halted = false
	t.mu.Unlock()
	t.hold(false)
	return t.ask(ctx)
}

// OnHold has f told, true before the machine is halted and false when it was let go, so
// that somebody else can do that should this process be killed (LetGoQMP, LetGoVirsh).
func (t *Target) OnHold(f func(bool)) { t.onHold = f }

func (t *Target) hold(is bool) {
	if t.onHold != nil {
		t.onHold(is)
	}
}

// Release implements core.Live: a machine that we halted goes on, unless hang is set.
func (t *Target) Release(hang, _ bool) {
	t.mu.Lock()
	cont := t.halted && !hang && t.state.gone == nil
	t.halted = false
	t.mu.Unlock()
	if cont {
		ctx, cancel := context.WithTimeout(context.Background(), answerTime)
		defer cancel()
		t.m.Execute(ctx, "cont", nil, nil) // there is nobody left to tell
	}
	t.hold(false)
}

// Close implements core.Target. What was halted goes on.
func (t *Target) Close() error {
	t.Release(false, false)
	if t.mem != nil {
		t.mem.close()
	}
	if t.host != nil {
		t.host.Close()
	}
	if t.m != nil {
		return t.m.Close()
	}
	return nil
}

// event takes what the monitor tells unasked; nil is its end.
func (t *Target) event(m *message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m == nil {
		if t.state.gone == nil {
			t.state.gone = ErrGone
			t.set(false, "gone")
			t.tell("the hypervisor has ended, or closed the connection")
		}
		return
	}
	var data struct {
		Guest  bool   `json:"guest"`
		Reason string `json:"reason"`
	}
	_ = json.Unmarshal(m.Data, &data) // events without these members say nothing of them
	switch m.Event {
	case "STOP":
		t.set(false, "paused")
	case "RESUME":
		t.set(true, "running")
		t.halted = false // whoever resumed it
	case "RESET":
		t.reset = true
		t.state.moment++
		t.tell("the guest was reset: what was known of its kernel is out of date")
	case "SHUTDOWN":
		by := "by the host"
		if data.Guest {
			by = "by the guest"
		}
		if data.Reason != "" {
			by += " (" + data.Reason + ")"
		}
		t.tell("the guest was shut down " + by)
	case "GUEST_PANICKED", "GUEST_CRASHLOADED":
		t.tell("the guest reports that its kernel has panicked")
	}
}

// maxNews bounds what is kept to be told.
const maxNews = 16

func (t *Target) tell(text string) {
	if n := len(t.news); n < maxNews && (n == 0 || t.news[n-1] != text) {
		t.news = append(t.news, text)
	}
}

// News implements core.Restarter.
func (t *Target) News() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	news := t.news
	t.news = nil
	return news
}

// Restarted implements core.Restarter. The layout of memory is read again: firmware
// moves parts of it.
func (t *Target) Restarted() bool {
	t.mu.Lock()
	was := t.reset
	t.reset = false
	t.mu.Unlock()
	if was {
		if err := t.relayout(); err != nil {
			t.mu.Lock()
			t.tell(fmt.Sprintf("layout of memory: %v", err))
			t.mu.Unlock()
		}
	}
	return was
}

// relayout opens memory anew; the old files stay open until Close of the process.
func (t *Target) relayout() error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	n, err := openMemory(ctx, t.m, t.host)
	if err != nil {
		return err
	}
	if t.mem.slow != nil {
		t.mem.slow.close()
	}
	t.mem.setWritable(false)
	t.mem = n
	if t.write {
		return n.setWritable(true)
	}
	return nil
}

// stateText is the state for ::status.
func (t *Target) stateText() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.state.gone != nil:
		return "gone"
	case t.m == nil:
		return "not known (no monitor)"
	case t.halted:
		return t.state.status + " by this session"
	}
	return t.state.status
}

// LetGoQMP lets the machine behind a QMP socket run, for a debugger that halted it and
// was killed.
func LetGoQMP(ctx context.Context, addr string) error {
	q, err := dial(ctx, addr, func(*message) {})
	if err != nil {
		return err
	}
	defer q.Close()
	return q.Execute(ctx, "cont", nil, nil)
}

// LetGoVirsh is LetGoQMP for a domain of libvirt.
func LetGoVirsh(ctx context.Context, domain string) error {
	v, err := openVirsh(ctx, domain)
	if err != nil {
		return err
	}
	return v.Execute(ctx, "cont", nil, nil)
}
