package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/targets/gdbstub"
	"github.com/xmdb/xmdb/targets/qemu"
)

// machineForms are the forms of -g, for messages.
const machineForms = "qmp:ADDRESS, gdb:ADDRESS, bhyve:ADDRESS, pid:PID, virsh:DOMAIN or mem:FILE"

// machineTarget opens the machine of -g.
func (a *app) machineTarget(ctx context.Context, _ []string) (core.Target, error) {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt)
	defer cancel()
	t, err := a.openMachine(ctx, a.c.machine)
	if err != nil {
		return nil, fmt.Errorf("cannot look at machine %s: %w", a.c.machine, err)
	}
	if s, ok := t.(core.Stopper); a.c.stop && ok {
		if err := s.Halt(ctx); err != nil {
			t.Close()
			return nil, fmt.Errorf("cannot halt machine %s: %w", a.c.machine, err)
		}
	}
	return t, nil
}

// openMachine opens what a specification names. One without a form is a file.
func (a *app) openMachine(ctx context.Context, spec string) (core.Target, error) {
	form, where, ok := strings.Cut(spec, ":")
	if !ok || where == "" {
		return nil, errors.New("expected " + machineForms)
	}
	switch form {
	case "qmp":
		return orNil(qemu.OpenQMP(ctx, where))
	case "gdb", "bhyve":
		return orNil(gdbstub.Open(ctx, where, gdbstub.Options{Bhyve: form == "bhyve"}))
	case "virsh":
		return orNil(qemu.OpenVirsh(ctx, where))
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

// orNil keeps a nil pointer from being a target.
func orNil[T core.Target](t T, err error) (core.Target, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}
