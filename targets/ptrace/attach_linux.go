//go:build amd64 || arm64

package ptrace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/xmdb/xmdb/core/control"
	"golang.org/x/sys/unix"
)

// attach seizes every thread of a running process and halts it.
func (p *process) attach(ctx context.Context) error {
	if err := attachable(p.pid); err != nil {
		return err
	}
	// Listed again until nothing new is there: threads may be created meanwhile. A
	// thread whose creator was seized already is seized by the kernel (EPERM).
	for {
		ids, err := tasks(p.pid)
		if err != nil && len(ids) == 0 {
			return control.ErrNoProcess
		}
		fresh := 0
		for _, tid := range ids {
			if p.threads[tid] != nil {
				continue
			}
			switch err := seize(tid, seizeOptions); {
			case err == nil:
				p.threads[tid] = &thread{tid: tid, running: true}
				fresh++
			case errors.Is(err, unix.ESRCH), ending(tid):
			case errors.Is(err, unix.EPERM) && tracerOf(tid) == unix.Gettid():
				p.threads[tid] = &thread{tid: tid, running: true, fresh: true}
				fresh++
			default:
				p.release(0)
				return refused(p.pid, err)
			}
		}
		if fresh == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			p.release(0)
			return err
		}
	}
	if len(p.threads) == 0 {
		return control.ErrNoProcess
	}
	p.haltAll(nil)
	if p.gone != nil {
		return control.ErrNoProcess
	}
	return nil
}

// attachable says why a process cannot be attached to, as far as that is known.
func attachable(pid int) error {
	st, err := readStatus(pid)
	switch {
	case err != nil:
		if _, perr := os.Stat("/proc/self/status"); perr != nil {
			return errors.New("/proc is not mounted")
		}
		return errors.New("no such process")
	case pid == os.Getpid() || st.tgid == os.Getpid():
		return errors.New("process is the debugger itself")
	case st.tgid != pid:
		return fmt.Errorf("it is a thread of process %d", st.tgid)
	case st.state == 'Z' || st.state == 'X':
		return errors.New("process is a zombie: it has ended and waits for its parent")
	case st.tracer != 0:
		return fmt.Errorf("process is traced by process %d (%s)", st.tracer, commOf(st.tracer))
	case st.kernel:
		return errors.New("it is a thread of the kernel")
	}
	return nil
}

// refused explains a refusal of ptrace.
func refused(pid int, err error) error {
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	why := "permission denied"
	if st, serr := readStatus(pid); serr == nil && st.uid != os.Geteuid() && os.Geteuid() != 0 {
		return fmt.Errorf("%s: it belongs to user %d; run xmdb as that user or as root", why, st.uid)
	}
	if b, rerr := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); rerr == nil {
		switch strings.TrimSpace(string(b)) {
		case "1":
			return fmt.Errorf("%s: kernel.yama.ptrace_scope is 1, so that only a parent may trace: run xmdb as root, or start the program with it", why)
		case "2":
			return fmt.Errorf("%s: kernel.yama.ptrace_scope is 2: tracing needs CAP_SYS_PTRACE", why)
		case "3":
			return fmt.Errorf("%s: kernel.yama.ptrace_scope is 3: tracing is off until the next boot", why)
		}
	}
	return fmt.Errorf("%s: tracing needs CAP_SYS_PTRACE here (in a container: --cap-add SYS_PTRACE)", why)
}

// tracerOf is the thread that traces a thread, 0 if none does.
func tracerOf(tid int) int {
	st, err := readStatus(tid)
	if err != nil {
		return 0
	}
	return st.tracer
}

// ending tells whether a thread is about to be gone: the kernel refuses those, too.
func ending(tid int) bool {
	st, err := readStatus(tid)
	return err != nil || st.state == 'Z' || st.state == 'X'
}

// release leaves the process as it was: breakpoints and watchpoints out, every
// thread on its way with the signal it was about to get, or sig if that is not 0.
func (p *process) release(sig int) {
	if p.gone == nil {
		p.haltAll(nil)
	}
	p.decide(false)
	for a := range p.breakpoints {
		p.remove(a)
	}
	p.freeSlots()
	p.clearWatches()
	for _, th := range p.list() {
		if p.gone != nil {
			break
		}
		th.store()
		deliver := th.sig
		if s := th.pending; s != nil && s.Why == control.Signal {
			deliver = s.Signal
		}
		if sig != 0 && th.tid == p.pid {
			deliver = sig
		}
		detach(th.tid, deliver)
	}
	if p.kicks.Load() > 0 && p.gone == nil {
		unix.Kill(p.pid, unix.SIGCONT) // takes back a SIGSTOP that is still pending
	}
	clear(p.threads)
	p.mem.forget()
}
