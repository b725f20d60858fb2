package qemu

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/core/system/hmp"
)

// Target is the machine of a QEMU. It implements core.Target, core.Live (without
// control of single processors), core.Stopper and the abilities of a machine of
// core/system.
type Target struct {
	m        monitor // nil: only the process is known
	host     *hostProcess
	mem      *memory
	name     string
	vcpus    int
	warnings []string
	vmlinux  string
	write    bool // open for writing
	onHold   func(bool)

	mu     sync.Mutex
	state  state
	halted bool // by us, and it ran before
	news   []string
	reset  bool // the machine was reset since Restarted was last asked
	began  time.Time
}

// state is what is known of the machine's.
type state struct {
	running bool
	status  string // QEMU's word: "running", "paused", "io-error"
	gone    error
	moment  uint64
	asked   time.Time // when a monitor without events was last asked
}

var (
	_ core.Live             = (*Target)(nil)
	_ core.Stopper          = (*Target)(nil)
	_ core.Physical         = (*Target)(nil)
	_ core.Warner           = (*Target)(nil)
	_ core.Reopener         = (*Target)(nil)
	_ core.StatusReporter   = (*Target)(nil)
	_ core.Restarter        = (*Target)(nil)
	_ system.Processors     = (*Target)(nil)
	_ system.PhysicalRanges = (*Target)(nil)
	_ system.PresentMemory  = (*Target)(nil)
	_ system.SlowMemory     = (*Target)(nil)
	_ system.Changing       = (*Target)(nil)
	_ system.Refresher      = (*Target)(nil)
)

// OpenQMP opens the machine behind a QMP socket: a path or HOST:PORT.
func OpenQMP(ctx context.Context, addr string) (*Target, error) {
	t := &Target{began: time.Now()}
	q, err := dial(ctx, addr, t.event)
	if err != nil {
		return nil, err
	}
	return t.open(ctx, q)
}

// OpenVirsh opens a domain of libvirt.
func OpenVirsh(ctx context.Context, domain string) (*Target, error) {
	t := &Target{began: time.Now()}
	v, err := openVirsh(ctx, domain)
	if err != nil {
		return nil, err
	}
	return t.open(ctx, v)
}

func (t *Target) open(ctx context.Context, m monitor) (*Target, error) {
	t.m, t.name = m, m.Name()
	err := t.ask(ctx)
	if err == nil {
		err = t.isX86(ctx)
	}
	if err == nil {
		if pid := m.PID(); pid > 0 {
			if t.host, err = openHost(pid); err != nil {
				t.host, err = nil, nil // shared memory or the monitor will do
			}
		}
		t.mem, err = openMemory(ctx, m, t.host)
	}
	if err != nil {
		t.Close()
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	if t.mem.slow != nil && t.mem.slowest() {
		t.warnings = append(t.warnings, t.whySlow())
	}
	return t, nil
}

// whySlow says what right is missing for quicker reads.
func (t *Target) whySlow() string {
	pid := t.m.PID()
	if pid == 0 {
		return "memory is read through the monitor, which is slow: the hypervisor's process is not known here"
	}
	return fmt.Sprintf("memory is read through the monitor, which is slow: the memory of process %d needs its user's rights (root), or a shared memory-backend-file", pid)
}

// isX86 counts processors.
func (t *Target) isX86(ctx context.Context) error {
	var cpus []struct {
		Target string `json:"target"`
		Index  int    `json:"cpu-index"`
	}
	if err := t.m.Execute(ctx, "query-cpus-fast", nil, &cpus); err != nil {
		return err
	}
	for _, c := range cpus {
		if c.Target != "x86_64" && c.Target != "i386" {
			return fmt.Errorf("a machine of %s: only x86 is supported", c.Target)
		}
	}
	t.vcpus = len(cpus)
	return nil
}

// ask asks for the state of the machine.
func (t *Target) ask(ctx context.Context) error {
	var s struct {
		Status  string `json:"status"`
		Running bool   `json:"running"`
	}
	if err := t.m.Execute(ctx, "query-status", nil, &s); err != nil {
		if errors.Is(err, ErrGone) {
			t.event(nil)
		}
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(s.Running, s.Status)
	t.state.asked = time.Now()
	return nil
}

// set takes a state; the moment changes where the machine ran or begins to.
func (t *Target) set(running bool, status string) {
	if t.state.running || running {
		t.state.moment++
	}
	t.state.running, t.state.status = running, status
}

// Kind implements core.Target: a machine is to MDB what a kernel is.
func (t *Target) Kind() string { return "kvm" }

// Name implements core.Target.
func (t *Target) Name() string { return t.name }

// Arch implements core.Machine.
func (t *Target) Arch() *arch.Arch { return arch.AMD64 }

// Physical implements core.Physical and system.KernelMemory. What the machine has no
// memory for is mem.ErrUnmapped; of a hypervisor that has ended ErrGone.
func (t *Target) Physical() mem.Space { return t.mem.segs }

// PhysicalRanges implements system.PhysicalRanges.
func (t *Target) PhysicalRanges() []mem.Mapping { return t.mem.ranges(false) }

// PresentRanges implements system.PresentMemory: memory without the holes of its file,
// as it is now.
func (t *Target) PresentRanges() []mem.Mapping { return t.mem.ranges(true) }

// SlowMemory implements system.SlowMemory: where the monitor reads it.
func (t *Target) SlowMemory() bool { return t.mem.slow != nil && t.mem.slowest() }

// Processors implements system.Processors. It does not stop the machine. Registers
// of a machine that runs are those of some moment, and KernelGSBase is never known:
// the monitor does not print it.
func (t *Target) Processors() ([]system.Processor, error) {
	if t.m == nil {
		return nil, errors.New("registers are not known without a monitor")
	}
	text, err := human(context.Background(), t.m, "info registers -a")
	if err != nil {
		return nil, fmt.Errorf("registers: %w", err)
	}
	list := hmp.Registers(text)
	if len(list) == 0 {
		return nil, errors.New("registers: the monitor printed none")
	}
	running := t.Running()
	for i := range list {
		list[i].Running = running
	}
	return list, nil
}

// Running implements system.Changing.
func (t *Target) Running() bool {
	t.poll()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.running
}

// Moment implements system.Changing: it advances each millisecond while the machine
// runs.
func (t *Target) Moment() uint64 {
	t.poll()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.running {
		return t.state.moment<<40 | uint64(time.Since(t.began).Milliseconds())&(1<<40-1)
	}
	return t.state.moment << 40
}

// pollTime is how old the state may be that a monitor without events told.
const pollTime = time.Second

// poll asks a monitor that tells of no changes by itself.
func (t *Target) poll() {
	t.mu.Lock()
	old := t.state.gone == nil && t.m != nil && !t.m.Events() && time.Since(t.state.asked) > pollTime
	if old {
		t.state.asked = time.Now()
	}
	t.mu.Unlock()
	if t.m == nil && t.host != nil && !t.host.alive() {
		t.event(nil)
	}
	if old {
		t.ask(context.Background()) // a failure shows at the next read
	}
}

// Refresh implements system.Refresher: what was read through the monitor is out of
// date.
func (t *Target) Refresh() {
	if t.mem.slow != nil {
		t.mem.slow.flush()
	}
}

// Vmlinux is the path of the kernel's own file that was given; "" if none was.
func (t *Target) Vmlinux() string { return t.vmlinux }

// UseVmlinux gives the path of the kernel's own file.
func (t *Target) UseVmlinux(path string) { t.vmlinux = path }

// Warnings implements core.Warner.
func (t *Target) Warnings() []string { return t.warnings }

// State implements core.Stater.
func (t *Target) State() core.State {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.state.gone != nil:
		return core.StateLost
	case t.state.running:
		return core.StateRunning
	}
	return core.StateStopped
}

// Control implements core.Live: there is none, a monitor only stops the whole.
func (t *Target) Control() control.Machine { return nil }

// Last implements core.Live.
func (t *Target) Last() control.Stop { return control.Stop{} }

// FollowFork implements core.Live.
func (t *Target) FollowFork(bool) {}

// Kill implements core.Live: a machine is not a debugger's to end.
func (t *Target) Kill() {}

// Abandon lets the machine go from any goroutine.
func (t *Target) Abandon() { t.Release(false, true) }
