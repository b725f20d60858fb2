package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/xmdb/xmdb/targets/gdbstub"
	"github.com/xmdb/xmdb/targets/qemu"
)

// A machine that is halted goes on whatever becomes of the debugger, also where nothing of
// it can run any more: SIGKILL, the kernel's want of memory, a fault of its own. For that a
// second process, its guardian, waits at the end of a pipe: each byte tells whether the
// machine is held, and at the end of the pipe the guardian lets go what was held last.

// letGoFlag is the first argument of a guardian; the machine follows, as -g names it.
const letGoFlag = "--let-go"

// Bytes of the pipe.
const (
	held = '1'
	free = '0'
)

// guardian starts the process when a machine is held for the first time.
type guardian struct {
	spec  string
	warn  func(format string, args ...any)
	mu    sync.Mutex
	began bool
	pipe  *os.File // nil: there is none
}

// hold tells the guardian whether the machine is held.
func (g *guardian) hold(is bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if is && !g.began {
		g.began = true
		if err := g.start(); err != nil {
			g.warn("the machine will stay halted if the debugger is killed: %v", err)
		}
	}
	if g.pipe == nil {
		return
	}
	word := []byte{free}
	if is {
		word[0] = held
	}
	g.pipe.Write(word) // a guardian that is gone is no reason to stop
}

func (g *guardian) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command(self, letGoFlag, g.spec)
	cmd.Stdin = r
	cmd.SysProcAttr = apart()
	if err := cmd.Start(); err != nil {
		w.Close()
		return err
	}
	go cmd.Wait() // nothing is to be learnt of how it ended
	g.pipe = w
	return nil
}

// letGo is the guardian's process.
func letGo(spec string) int {
	last := byte(free)
	var word [16]byte
	for {
		n, err := os.Stdin.Read(word[:])
		if n > 0 {
			last = word[n-1]
		}
		if err == nil {
			continue
		}
		if last != held {
			return exitOK
		}
		if !errors.Is(err, io.EOF) {
			return exitFail
		}
		break
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	form, where, _ := strings.Cut(spec, ":")
	var err error
	switch form {
	case "gdb":
		err = gdbstub.LetGo(ctx, where)
	case "qmp":
		err = qemu.LetGoQMP(ctx, where)
	case "virsh":
		err = qemu.LetGoVirsh(ctx, where)
	default:
		err = fmt.Errorf("%q is not let go", spec)
	}
	if err != nil {
		return exitFail // there is nobody to tell
	}
	return exitOK
}
