package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/targets/gdbstub"
	"github.com/xmdb/xmdb/targets/qemu"
)

// machineForms are the forms of -g, for messages.
const machineForms = "qmp:ADDRESS, gdb:ADDRESS, bhyve:ADDRESS, pid:PID, virsh:DOMAIN or mem:FILE"

// machineTarget opens the machine of -g, with the kernel's own file if one is given.
// Signals that end the debugger wait until the machine is open, and let it go then.
func (a *app) machineTarget(ctx context.Context, args []string) (core.Target, error) {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt)
	defer cancel()
	a.guard()
	a.opening.Lock()
	defer a.opening.Unlock()
	t, err := a.openMachine(ctx, a.c.machine)
	if form, where, _ := strings.Cut(a.c.machine, ":"); slices.Contains([]string{"qmp", "gdb", "bhyve"}, form) &&
		errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(where, ":/\\") {
		err = fmt.Errorf("%w (over TCP an address is HOST:PORT)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look at machine %s: %w", a.c.machine, err)
	}
	if k, ok := t.(interface{ UseVmlinux(path string) }); ok && len(args) > 0 {
		k.UseVmlinux(args[0])
	}
	if a.c.write {
		if err := writable(t); err != nil {
			t.Close()
			return nil, fmt.Errorf("cannot write to machine %s: %w", a.c.machine, err)
		}
	}
	a.machine, _ = t.(abandoner)
	a.interrupts()
	if s, ok := t.(core.Stopper); a.c.stop && ok {
		if err := s.Halt(ctx); err != nil {
			t.Close()
			return nil, fmt.Errorf("cannot halt machine %s: %w", a.c.machine, err)
		}
	}
	return t, nil
}

// writable opens a machine for writing.
func writable(t core.Target) error {
	r, ok := t.(core.Reopener)
	if !ok {
		return core.ErrNotSup
	}
	return r.SetWritable(true)
}

// abandoner is what can be let go from any goroutine.
type abandoner interface{ Abandon() }

// interrupts has Ctrl-C end the debugger as it should while the system in a machine is
// being recognised: the machine may be halted for it.
func (a *app) interrupts() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt)
	done := make(chan struct{})
	a.recognised = func() {
		signal.Stop(ch)
		close(done)
	}
	go func() {
		select {
		case <-done:
		case <-ch:
			a.abandon()
			os.Exit(130)
		}
	}()
}

// abandon lets go what is under control, when a signal ends the debugger.
func (a *app) abandon() {
	a.opening.Lock()
	defer a.opening.Unlock()
	if a.machine != nil {
		a.machine.Abandon()
		return
	}
	if l, ok := a.s.Execution().Live().(abandoner); ok {
		l.Abandon()
	}
}

// openMachine opens what a specification names. One without a form is a file.
func (a *app) openMachine(ctx context.Context, spec string) (core.Target, error) {
	form, where, ok := strings.Cut(spec, ":")
	if !ok || where == "" {
		return nil, errors.New("expected " + machineForms)
	}
	g := &guardian{spec: spec, warn: a.s.Warnf}
	switch form {
	case "qmp":
		return guarded(g)(qemu.OpenQMP(ctx, where))
	case "gdb", "bhyve":
		return orNil(gdbstub.Open(ctx, where, gdbstub.Options{Bhyve: form == "bhyve", Hold: g.hold}))
	case "virsh":
		return guarded(g)(qemu.OpenVirsh(ctx, where))
	case "mem":
		return a.memoryFile(ctx, where)
	case "pid":
		pid, err := strconv.Atoi(where)
		if err != nil || pid <= 0 {
			return nil, fmt.Errorf("%q is no process id", where)
		}
		return orNil(qemu.OpenPID(ctx, pid))
	}
	return nil, fmt.Errorf("%q is no form of -g: expected %s", form, machineForms)
}

// guarded has a machine of QEMU's tell the guardian when it is held.
func guarded(g *guardian) func(t *qemu.Target, err error) (core.Target, error) {
	return func(t *qemu.Target, err error) (core.Target, error) {
		if err == nil {
			t.OnHold(g.hold)
		}
		return orNil(t, err)
	}
}

// orNil keeps a nil pointer from being a target.
func orNil[T core.Target](t T, err error) (core.Target, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}
