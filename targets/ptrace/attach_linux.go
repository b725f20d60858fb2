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
	// A listing of threads can miss some while others end, and threads may be created
	// meanwhile: it is repeated until it brings nothing new twice, at the end with all
	// that are known halted.
	for clean := 0; clean < 2 && p.gone == nil; {
		fresh, err := p.seizeNew()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			p.release(0)
			return err
		}
		if clean++; fresh > 0 {
			clean = 0
			p.haltAll(nil)
		}
	}
	if p.gone != nil || len(p.threads) == 0 {
		return control.ErrNoProcess
	}
	return nil
}

// seizeNew seizes the threads that are listed and not known, and gives their number.
func (p *process) seizeNew() (fresh int, err error) {
	ids, err := tasks(p.pid)
	if err != nil && len(ids) == 0 {
		return 0, control.ErrNoProcess
	}
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
			// Its creator had been seized: it was, by that.
			p.threads[tid] = &thread{tid: tid, running: true, fresh: true}
			fresh++
		default:
			return fresh, refused(p.pid, err)
		}
	}
	return fresh, nil
}

// attachable says why a process cannot be attached to, as far as that is known.
func attachable(pid int) error {
	st, err := readStatus(pid)
	switch {
	case err != nil:
		if _, perr := os.Stat("/proc/self/status"); perr != nil {
			return errors.New("/proc is not mounted")
		}
		if !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			return errors.New("process is hidden from you in /proc (mounted with hidepid): run xmdb as its user or as root")
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
