//go:build amd64 || arm64

package ptrace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/xmdb/xmdb/core/control"
	"golang.org/x/sys/unix"
)

// Program is what Launch starts.
type Program struct {
	Path string
	Args []string // without the program's name
	Env  []string
	// Stdin and Stdout are files to be used instead of xmdb's own; "" for those.
	Stdin, Stdout string
}

// launch starts a program and halts it before its first instruction. It runs on the
// tracer's thread, which becomes the new process's tracer.
func launch(t *tracer, prog Program) (*process, error) {
	path := prog.Path
	if !strings.Contains(path, "/") {
		path = "./" + path
	}
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	for i, name := range []string{prog.Stdin, prog.Stdout} {
		if name == "" {
			continue
		}
		flags := os.O_RDWR
		if i == 1 {
			flags = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
		}
		f, err := os.OpenFile(name, flags, 0o666)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files[i] = f
	}
	restore := fixedAddresses()
	child, err := os.StartProcess(path, append([]string{filepath.Base(path)}, prog.Args...), &os.ProcAttr{
		Env: prog.Env, Files: files, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	restore()
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, err
	}
	p := newProcess(t, child.Pid)
	p.ours = true
	child.Release()
	if err := p.adopt(); err != nil {
		unix.Kill(p.pid, unix.SIGKILL)
		wait(p.pid, 0)
		return nil, err
	}
	return p, nil
}

// addrNoRandomize is ADDR_NO_RANDOMIZE of personality(2).
const addrNoRandomize = 0x0040000

// fixedAddresses makes processes that this thread starts have the same addresses each
// time, so that breakpoints and watchpoints by address outlive ::run.
func fixedAddresses() (restore func()) {
	const ask = 0xffffffff
	old, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, ask, 0, 0)
	if e != 0 {
		return func() {}
	}
	unix.RawSyscall(unix.SYS_PERSONALITY, old|addrNoRandomize, 0, 0)
	return func() { unix.RawSyscall(unix.SYS_PERSONALITY, old, 0, 0) }
}

// adopt turns a child that is traced by PTRACE_TRACEME, halted at its exec, into one
// that is seized: such a one can be interrupted. It is let go with a SIGSTOP, which
// halts it before it runs an instruction, and is seized there.
func (p *process) adopt() error {
	if _, ws, err := wait(p.pid, 0); err != nil || !ws.Stopped() {
		return fmt.Errorf("program ended before it was under control")
	}
	if err := detach(p.pid, int(unix.SIGSTOP)); err != nil {
		return err
	}
	// The stop is not a child's of this thread to wait for any more, nor is it a
	// tracee's: the parent is told by wait without __WNOTHREAD's bound.
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(p.pid, &ws, unix.WUNTRACED, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return err
		}
	}
	if !ws.Stopped() {
		return fmt.Errorf("program ended before it was under control")
	}
	if err := seize(p.pid, seizeOptions|unix.PTRACE_O_EXITKILL); err != nil {
		return refused(p.pid, err)
	}
	th := &thread{tid: p.pid, running: true}
	p.threads[p.pid] = th
	if _, ws, err := wait(p.pid, 0); err != nil || !ws.Stopped() {
		return control.ErrNoProcess
	}
	// Out of the group stop: SIGCONT's delivery is a stop of its own, and is dropped.
	unix.Kill(p.pid, unix.SIGCONT)
	if err := goOn(unix.PTRACE_CONT, p.pid, 0); err != nil {
		return err
	}
	for {
		_, ws, err := wait(p.pid, 0)
		if err != nil || !ws.Stopped() {
			return control.ErrNoProcess
		}
		th.halted()
		if uint32(ws)>>16 == 0 && ws.StopSignal() == unix.SIGCONT {
			return nil
		}
		// The end of the group stop is reported first.
		if err := goOn(unix.PTRACE_CONT, p.pid, 0); err != nil {
			return err
		}
	}
}

// kill ends the process.
func (p *process) kill() {
	if p.gone != nil {
		return
	}
	p.decide(false)
	unix.Kill(p.pid, unix.SIGKILL)
	for p.gone == nil {
		tid, ws, err := wait(-1, 0)
		if err != nil {
			p.lost()
			return
		}
		if th := p.threads[tid]; th != nil && ws.Stopped() {
			th.halted()
			goOn(unix.PTRACE_CONT, tid, 0)
			continue
		}
		if ws.Exited() || ws.Signaled() {
			p.ended(tid, ws)
		}
	}
}
