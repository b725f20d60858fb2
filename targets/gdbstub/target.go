package gdbstub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
)

// Options of Open.
type Options struct {
	// Bhyve asks for nothing that bhyve's stub does not know.
	Bhyve bool
	// Wait is how long the stub may take to answer; 0 for five seconds.
	Wait time.Duration
	// Hold is told, true before the machine is halted and false when it runs by itself
	// again, so that somebody else can let it go should this process be killed (LetGo).
	// It is not needed for bhyve, which lets the machine go when the connection ends.
	Hold func(bool)
}

// Target is a machine behind a gdb stub. It implements core.Live, core.Stopper and the
// abilities of a machine of core/system; see the package comment for when it halts the
// machine.
type Target struct {
	name  string
	bhyve bool

	mu       sync.Mutex // is held during requests
	q        *conn
	stub     stub
	threads  []thread
	state    state
	physMode bool // the stub reads physical memory now
	chosen   string
	cpus     []system.Processor // of this halt; nil: not read
	last     control.Stop
	points   map[uint64]*point
	watches  []watch
	idle     *time.Timer
	news     []string
	warnings []string
	vmlinux  string
	phys     mem.Space
	virt     mem.Space // nil: physical memory can be read
	inKernel int       // a processor in the kernel during this halt; -1: not known
	ranges   []mem.Mapping

	moment    atomic.Uint64
	write     atomic.Bool   // open for writing
	onHold    func(bool)    // Options.Hold
	held      bool          // what it was last told
	abandoned chan struct{} // closed when the debugger is being ended
	closed    bool
}

// state is what the machine does, as far as this connection knows.
type state struct {
	running bool // the stub was told to go on
	wanted  bool // the machine is to run while nobody asks
	foreign bool // somebody else has halted it
	ran     bool // it ran before the connection, or was let go since
	gone    error
}

// thread is a processor of the machine.
type thread struct {
	id   string // the stub's: "1", "p1.2"
	name string // what the stub tells of it
}

var (
	_ core.Live             = (*Target)(nil)
	_ core.Stopper          = (*Target)(nil)
	_ core.Restarter        = (*Target)(nil)
	_ core.Settler          = (*Target)(nil)
	_ core.Physical         = (*Target)(nil)
	_ core.StatusReporter   = (*Target)(nil)
	_ core.Warner           = (*Target)(nil)
	_ core.Reopener         = (*Target)(nil)
	_ core.RegisterWriter   = (*Target)(nil)
	_ control.Machine       = (*machine)(nil)
	_ system.Processors     = (*Target)(nil)
	_ system.VirtualOnly    = (*Target)(nil)
	_ system.PhysicalRanges = (*Target)(nil)
	_ system.SlowMemory     = (*Target)(nil)
	_ system.Changing       = (*Target)(nil)
	_ system.Refresher      = (*Target)(nil)
)

// Open connects to a stub: a path or HOST:PORT. To connect halts the machine; it goes
// on before Open returns, unless the stub says that it was not running before.
func Open(ctx context.Context, addr string, o Options) (*Target, error) {
	if o.Wait == 0 {
		o.Wait = answerTime
	}
	t := newTarget(addr, o)
	t.hold(true)
	q, err := dial(ctx, addr, o.Wait)
	if err != nil {
		return nil, t.cut(ctx, addr, err)
	}
	if err := t.begin(ctx, q); err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, t.cut(ctx, addr, err))
	}
	return t, nil
}

func newTarget(addr string, o Options) *Target {
	t := &Target{name: "gdb:" + addr, bhyve: o.Bhyve, points: map[uint64]*point{}, abandoned: make(chan struct{}), onHold: o.Hold}
	if o.Bhyve {
		t.name, t.onHold = "bhyve:"+addr, nil
	}
	return t
}

// begin has the session's beginning on a connection, which an error or the context's end
// closes.
func (t *Target) begin(ctx context.Context, q *conn) error {
	t.q = q
	end := context.AfterFunc(ctx, func() { q.c.Close() })
	t.mu.Lock()
	err := t.greet()
	q.ran = func() { // whoever had halted it has let it go
		t.ran()
		t.state.foreign, t.state.ran = false, true
		t.hold(true)
	}
	t.mu.Unlock()
	end()
	if err != nil {
		t.Close()
		return err
	}
	t.Settle()
	return nil
}

// cut is how Open fails. Where its context ended, the connection was cut, it may be with
// the machine halted: that is let go by another.
func (t *Target) cut(ctx context.Context, addr string, err error) error {
	switch {
	case ctx.Err() == nil:
		if t.q == nil {
			t.hold(false) // nobody was reached
		}
		return err
	case t.bhyve || LetGo(context.Background(), addr) == nil:
		t.hold(false)
	}
	return ctx.Err()
}

// greet learns what the stub can do, and where memory is.
func (t *Target) greet() error {
	if err := t.stub.learn(t.q, t.bhyve); errors.Is(err, ErrSilent) {
		return fmt.Errorf("%w: another client may hold it", err)
	} else if err != nil {
		return err
	}
	t.physMode = t.stub.physMode
	if err := t.listThreads(); err != nil {
		return err
	}
	if _, err := t.registersOf(0); err != nil {
		return err
	}
	t.openMemory()
	t.last = control.Stop{Why: control.Requested, Thread: 1}
	if p := t.cpus[0]; p.Regs != nil {
		t.last.PC = p.Regs.PC()
	}
	t.state.ran = !t.wasHalted()
	t.state.wanted = t.state.ran
	t.hold(t.state.ran)
	return nil
}

// maxThreads bounds the processors of a machine.
const maxThreads = 4096

// listThreads asks for the processors.
func (t *Target) listThreads() error {
	a, err := t.q.ask("qfThreadInfo")
	var list []thread
	for err == nil && len(a) > 0 && a[0] == 'm' {
		for _, id := range strings.Split(string(a[1:]), ",") {
			if !validThread(id) {
				return fmt.Errorf("%w: thread %.40q", ErrNonsense, id)
			}
			list = append(list, thread{id: id})
		}
		if len(list) > maxThreads {
			return fmt.Errorf("%w: more than %d threads", ErrNonsense, maxThreads)
		}
		a, err = t.q.ask("qsThreadInfo")
	}
	switch {
	case errors.Is(err, errUnsupported) && len(list) == 0:
		list = []thread{{id: "1"}}
	case err != nil:
		return err
	case len(list) == 0:
		return fmt.Errorf("%w: no threads", ErrNonsense)
	}
	t.threads = list
	t.cpus = make([]system.Processor, len(list))
	t.forget()
	return nil
}

// validThread tells whether an id is one: hexadecimal digits, or pPID.TID.
func validThread(id string) bool {
	id = strings.TrimPrefix(id, "p")
	pid, tid, both := strings.Cut(id, ".")
	return isHex(pid) && (!both || isHex(tid)) && len(id) <= 32
}

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// indexOf is the index of the thread that the stub names so; 0 if there is none.
func (t *Target) indexOf(id string) int {
	for i := range t.threads {
		if sameThread(t.threads[i].id, id) {
			return i
		}
	}
	return 0
}

// sameThread compares ids, which may have zeros in front.
func sameThread(a, b string) bool {
	_, ta, _ := strings.Cut(a, ".")
	_, tb, _ := strings.Cut(b, ".")
	if ta == "" {
		ta = a
	}
	if tb == "" {
		tb = b
	}
	return strings.TrimLeft(ta, "0") == strings.TrimLeft(tb, "0")
}

// Kind implements core.Target: a machine is to MDB what a kernel is.
func (t *Target) Kind() string { return "kvm" }

// Name implements core.Target.
func (t *Target) Name() string { return t.name }

// Arch implements core.Machine.
func (t *Target) Arch() *arch.Arch { return arch.AMD64 }

// Vmlinux is the path of the kernel's own file that was given; "" if none was.
func (t *Target) Vmlinux() string { return t.vmlinux }

// UseVmlinux gives the path of the kernel's own file.
func (t *Target) UseVmlinux(path string) { t.vmlinux = path }

// Warnings implements core.Warner.
func (t *Target) Warnings() []string { return t.warnings }

// Physical implements core.Physical and system.KernelMemory. Where the stub has no
// mode for physical memory every read fails.
func (t *Target) Physical() mem.Space { return t.phys }

// PhysicalRanges implements system.PhysicalRanges.
func (t *Target) PhysicalRanges() []mem.Mapping { return t.ranges }

// SlowMemory implements system.SlowMemory.
func (t *Target) SlowMemory() bool { return true }

// KernelVirtual implements system.KernelVirtual: what the stub reads through the page
// tables of its current processor; nil if physical memory can be read, by which every
// processor's tables can be followed.
func (t *Target) KernelVirtual() mem.Space {
	return t.virt
}

// VirtualOnly implements system.VirtualOnly: a stub without a mode for physical memory.
func (t *Target) VirtualOnly() bool { return t.virt != nil }

// Processors implements system.Processors. A machine that runs is halted for it.
func (t *Target) Processors() ([]system.Processor, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.halted(); err != nil {
		return nil, err
	}
	list := make([]system.Processor, 0, len(t.threads))
	for i := range t.threads {
		p, err := t.registersOf(i)
		if err != nil {
			return list, err
		}
		list = append(list, *p)
	}
	t.tables(list)
	return list, nil
}

// registersOf reads a processor's registers, once for each halt.
func (t *Target) registersOf(i int) (*system.Processor, error) {
	if t.cpus[i].Regs != nil {
		return &t.cpus[i], nil
	}
	a, err := t.readRegisters(i)
	if err != nil {
		return nil, err
	}
	p, err := t.stub.layout(len(a) / 2).decode(a)
	if err != nil {
		return nil, err
	}
	p.ID = i
	if a, err := t.q.ask("qThreadExtraInfo," + t.threads[i].id); err == nil {
		b := make([]byte, min(len(a)/2, 80))
		t.threads[i].name = string(b[:unhexBytes(b, a)])
		p.Halted = strings.Contains(t.threads[i].name, "[halted")
	}
	t.cpus[i] = *p
	return &t.cpus[i], nil
}

// readRegisters asks for a processor's registers, which is the chosen one then.
func (t *Target) readRegisters(i int) (answer []byte, err error) {
	for t.chosen = ""; t.chosen == ""; { // a halt in between chooses another one
		if err := t.choose(i); err != nil {
			return nil, err
		}
		if answer, err = t.q.ask("g"); err != nil {
			return nil, t.failed(err)
		}
	}
	return answer, nil
}

// choose makes a processor the one that g, m and s mean.
func (t *Target) choose(i int) error {
	if id := t.threads[i].id; t.chosen != id {
		if err := t.q.ok("Hg" + id); err != nil {
			return t.failed(err)
		}
		t.chosen = id
	}
	return nil
}

// failed keeps why the stub is of no more use.
func (t *Target) failed(err error) error {
	if t.q.broken != nil && t.state.gone == nil {
		t.state.gone = t.q.broken
		t.tell("lost the machine: " + t.q.broken.Error())
	}
	return err
}
