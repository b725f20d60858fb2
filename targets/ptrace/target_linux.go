//go:build amd64 || arm64

package ptrace

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
)

// Options of Attach and Launch.
type Options struct {
	// Files finds the program and libraries; nil looks where the process does.
	Files *system.Files
	// NoStop looks at the process without halting it: memory, mappings, and of
	// threads what /proc has.
	NoStop bool
	// Write allows writes to memory and registers.
	Write bool
}

// Target is a live process.
type Target struct {
	p      *process
	tracer *tracer
	pid    int
	files  *system.Files
	space  *space
	maps   []mem.Mapping
	auxv   []core.Aux
	last   control.Stop
	look   bool // without control
	write  bool
	warns  []string
}

// Attach halts a running process, unless it is only to be looked at.
func Attach(ctx context.Context, pid int, o Options) (*Target, error) {
	t := &Target{pid: pid, look: o.NoStop, write: o.Write, files: o.Files}
	if o.NoStop {
		if err := lookable(pid); err != nil {
			return nil, err
		}
		t.space = newSpace(t, newMemory(pid))
		return t.ready()
	}
	t.tracer = newTracer()
	var err error
	t.tracer.do(func() {
		t.p = newProcess(t.tracer, pid)
		if err = t.p.attach(ctx); err == nil {
			t.last = control.Stop{Why: control.Requested, Thread: uint64(pid)}
			if th := t.p.threads[pid]; th != nil {
				t.last.PC = th.pc()
			}
		}
	})
	if err != nil {
		t.tracer.end()
		return nil, err
	}
	t.space = newSpace(t, t.p.mem)
	return t.ready()
}

// Launch starts a program, halted before its first instruction.
func Launch(_ context.Context, prog Program, o Options) (*Target, error) {
	t := &Target{tracer: newTracer(), files: o.Files, write: o.Write}
	var err error
	t.tracer.do(func() { t.p, err = launch(t.tracer, prog) })
	if err != nil {
		t.tracer.end()
		return nil, err
	}
	t.pid = t.p.pid
	t.tracer.do(func() {
		t.last = control.Stop{Why: control.Requested, Thread: uint64(t.pid), PC: t.p.threads[t.pid].pc()}
	})
	t.space = newSpace(t, t.p.mem)
	return t.ready()
}

// ready reads what a process has besides memory.
func (t *Target) ready() (*Target, error) {
	if t.files == nil {
		t.files = system.NewFiles(Root(t.pid))
	}
	t.Refresh()
	if elf32(t.space, t.entryHeader()) {
		t.Close()
		return nil, fmt.Errorf("process %d is a 32-bit one", t.pid)
	}
	return t, nil
}

// Refresh reads mappings and the auxiliary vector again: after an exec, or when
// libraries were loaded.
func (t *Target) Refresh() {
	t.pidChanged()
	maps, err := readMaps(t.pid)
	if err == nil {
		t.maps = maps
	}
	if aux, err := readAuxv(t.pid); err == nil {
		t.auxv = aux
	}
	for _, m := range t.maps {
		if strings.HasSuffix(m.Name, " (deleted)") {
			if f := stillOpen(t.pid, m); f != "" {
				t.files.Override(m.Name, f)
			}
		}
	}
	t.space.flush()
}

// pidChanged follows a fork whose child is the process now.
func (t *Target) pidChanged() {
	if t.p != nil && t.p.pid != t.pid {
		t.pid = t.p.pid
		t.space.m = t.p.mem
	}
}

// Release lets the process go, stopped by job control if hang is set. A process that
// was started is killed unless keep is set.
func (t *Target) Release(hang, keep bool) {
	if t.p == nil || t.p.gone != nil {
		return
	}
	t.tracer.do(func() {
		if t.p.ours && !keep {
			t.p.kill()
			return
		}
		sig := 0
		if hang {
			sig = sigSTOP
		}
		t.p.release(sig)
		t.p.gone = &control.Stop{Why: control.Lost}
	})
}

// Kill ends the process.
func (t *Target) Kill() {
	if t.p != nil {
		t.tracer.do(t.p.kill)
	}
}

const sigSTOP = 19

// Abandon lets the process go from any goroutine, whatever the debugger is doing:
// when it is itself ended by a signal.
func (t *Target) Abandon() {
	if t.p == nil {
		return
	}
	t.p.interrupted.Store(true)
	done := make(chan struct{})
	leave := func() {
		if t.p.ours {
			t.p.kill()
		} else {
			t.p.release(0)
		}
		close(done)
	}
	select {
	case t.tracer.calls <- leave:
	default:
		t.p.kick(t.p.pid)
		t.tracer.calls <- leave
	}
	<-done
}

// Close implements core.Target: it releases the process.
func (t *Target) Close() error {
	t.Release(false, false)
	if t.tracer != nil {
		t.tracer.end()
		t.tracer = nil
	}
	if t.look {
		t.space.m.forget()
	}
	return t.files.Close()
}

// Kind implements core.Target.
func (t *Target) Kind() string { return "proc" }

// Name implements core.Target.
func (t *Target) Name() string { return fmt.Sprintf("process %d", t.pid) }

// Virtual implements core.Virtual.
func (t *Target) Virtual() mem.Space { return t.space }

// Mappings implements core.Mapped.
func (t *Target) Mappings() []mem.Mapping { return t.maps }

// Arch implements core.Machine.
func (t *Target) Arch() *arch.Arch { return machine }

// Files implements system.Source.
func (t *Target) Files() *system.Files { return t.files }

// Aux implements system.Source.
func (t *Target) Aux(typ uint64) (uint64, bool) {
	for _, a := range t.auxv {
		if a.Type == typ {
			return a.Value, true
		}
	}
	return 0, false
}

// Auxv implements core.Auxiliary.
func (t *Target) Auxv() []core.Aux { return t.auxv }

// ProgramPath names the program for core/system.
func (t *Target) ProgramPath() string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", t.pid))
	if err != nil {
		return ""
	}
	return path
}

// Args implements core.Environ.
func (t *Target) Args() ([]string, error) {
	return zeroSeparated(fmt.Sprintf("/proc/%d/cmdline", t.pid))
}

// Env implements core.Environ.
func (t *Target) Env() ([]string, error) {
	return zeroSeparated(fmt.Sprintf("/proc/%d/environ", t.pid))
}

// Warnings implements core.Warner.
func (t *Target) Warnings() []string { return t.warns }

// Writable implements core.Reopener.
func (t *Target) Writable() bool { return t.write }

// SetWritable implements core.Reopener.
func (t *Target) SetWritable(on bool) error {
	t.write = on
	return nil
}

// SignalName implements core.Process.
func (t *Target) SignalName(sig int) (name, descr string) { return system.SignalName(sig) }

// PID implements core.Process.
func (t *Target) PID() int { return t.pid }

// Signal implements core.Process: the signal of the last stop.
func (t *Target) Signal() int {
	if t.last.Why == control.Signal || t.last.Why == control.Killed {
		return t.last.Signal
	}
	return 0
}

// State implements core.Stater.
func (t *Target) State() core.State {
	switch {
	case t.look:
		return core.StateRunning
	case t.last.Why == control.Lost:
		return core.StateLost
	case t.last.Why.Gone():
		return core.StateUndead
	}
	return core.StateStopped
}
