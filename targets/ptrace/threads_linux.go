//go:build amd64 || arm64

package ptrace

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

// Threads implements core.Threads: the one that stopped first.
func (t *Target) Threads() []core.Thread {
	var ids []int
	if t.look {
		ids, _ = tasks(t.pid)
	} else {
		t.tracer.do(func() {
			for _, th := range t.p.list() {
				ids = append(ids, th.tid)
			}
		})
	}
	var list []core.Thread
	for _, id := range ids {
		th := core.Thread{ID: uint64(id), Name: taskFile(t.pid, id, "comm")}
		if th.ID == t.last.Thread && len(list) > 0 {
			list = append([]core.Thread{th}, list...)
		} else {
			list = append(list, th)
		}
	}
	return list
}

// waitChannel is the kernel function that a thread sleeps in; "" if it does not
// sleep or that may not be known.
func (t *Target) waitChannel(thread uint64) string {
	w := taskFile(t.pid, int(thread), "wchan")
	if w == "0" {
		return ""
	}
	return w
}

func taskFile(pid, tid int, name string) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/%s", pid, tid, name))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// lookRegs gives the registers of a thread that sleeps, as far as
// /proc/PID/task/TID/syscall tells them: the stack pointer and the pc.
func lookRegs(pid, tid int) (*arch.Regs, error) {
	f := strings.Fields(taskFile(pid, tid, "syscall"))
	switch {
	case len(f) == 0:
		return nil, errNoThread
	case len(f) < 3:
		return nil, errRunning
	}
	sp, err1 := strconv.ParseUint(strings.TrimPrefix(f[len(f)-2], "0x"), 16, 64)
	pc, err2 := strconv.ParseUint(strings.TrimPrefix(f[len(f)-1], "0x"), 16, 64)
	if err1 != nil || err2 != nil {
		return nil, errRunning
	}
	r := arch.NewRegs(machine)
	r.Set(machine.SP, sp)
	r.Set(machine.PC, pc)
	return r, nil
}

// lookSyscall gives the system call a thread sleeps in.
func lookSyscall(pid, tid int) (nr int64, ok bool) {
	first, _, found := strings.Cut(taskFile(pid, tid, "syscall"), " ")
	nr, err := strconv.ParseInt(first, 10, 64)
	return nr, found && err == nil && nr >= 0
}

// Siginfo implements core.Siginfos.
func (t *Target) Siginfo(thread uint64) *core.Siginfo {
	if t.p == nil || t.last.Why != control.Signal || t.last.Thread != thread {
		return nil
	}
	var si siginfo
	var err error
	t.tracer.do(func() { si, err = signalInfo(int(thread)) })
	if err != nil {
		return nil
	}
	s := &core.Siginfo{Signo: int(si.Signo), Code: int(si.Code), Errno: int(si.Errno),
		CodeName: system.SignalCode(int(si.Signo), int(si.Code))}
	switch {
	case system.FaultSignal(s.Signo) && s.Code > 0:
		s.Addr, s.HasAddr = si.Field[0], true
	case s.Code <= 0:
		s.PID, s.UID, s.HasSender = int(int32(si.Field[0])), int(int32(si.Field[0]>>32)), true
	}
	return s
}

// Status implements core.StatusReporter.
func (t *Target) Status(p *out.Printer) {
	fmt.Fprintf(p, "debugging PID %d (64-bit)\n", t.pid)
	if name := t.ProgramPath(); name != "" {
		fmt.Fprintf(p, "file: %s\n", name)
	}
	if !t.last.Why.Gone() {
		fmt.Fprintf(p, "threading model: native threads\n")
	}
	fmt.Fprintf(p, "status: %s\n", t.reason())
}

// reason is the state in MDB's words.
func (t *Target) reason() string {
	s := t.last
	if t.look {
		return "process is running"
	}
	name, descr := system.SignalName(s.Signal)
	switch s.Why {
	case control.Breakpoint:
		return "stopped on a breakpoint"
	case control.Watch:
		kinds := map[control.Access]string{control.Read: "read", control.Write: "write", control.Execute: "execute",
			control.Read | control.Write: "read/write"}
		return fmt.Sprintf("stopped after a watchpoint (%s access to %x)", kinds[s.Access], s.Addr)
	case control.Step:
		return "stopped after a single-step"
	case control.Signal:
		return fmt.Sprintf("stopped on %s (%s)", name, descr)
	case control.SysEntry:
		return fmt.Sprintf("stopped on entry to %s system call", callName(s.Syscall))
	case control.SysExit:
		return fmt.Sprintf("stopped on exit from %s system call", callName(s.Syscall))
	case control.Exec:
		return "stopped on exit from execve system call"
	case control.JobControl:
		return "stopped by job control"
	case control.Exited:
		return fmt.Sprintf("process terminated with exit status %d", s.Code)
	case control.Killed:
		text := fmt.Sprintf("process terminated by %s (%s)", name, descr)
		if s.Core {
			text += " - core file dumped"
		}
		return text
	case control.Lost:
		return "debugger lost control of process"
	}
	return "stopped by debugger"
}

func callName(nr int64) string {
	if n := system.LinuxCall(machine, int(nr)); n != "" {
		return n
	}
	return fmt.Sprintf("SYS#%d", nr)
}
