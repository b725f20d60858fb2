//go:build amd64 || arm64

package ptrace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests and options that package unix has no function or name for
// (include/uapi/linux/ptrace.h, wait.h).
const (
	eventStop   = 128        // PTRACE_EVENT_STOP
	wNoThread   = 0x20000000 // __WNOTHREAD: tracees of this OS thread only
	trapBranch  = 3          // TRAP_BRANCH
	trapHWBkpt  = 4          // TRAP_HWBKPT
	trapTrace   = 2          // TRAP_TRACE
	siTkill     = -6         // SI_TKILL
	sysStopBit  = 0x80       // of PTRACE_O_TRACESYSGOOD
	singleBlock = 33         // PTRACE_SINGLEBLOCK of x86; refused elsewhere
)

const seizeOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
	unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEVFORKDONE | unix.PTRACE_O_TRACEEXEC

func request(req int, tid int, addr, data uintptr) error {
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(req), uintptr(tid), addr, data, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

func seize(tid int, options uintptr) error { return request(unix.PTRACE_SEIZE, tid, 0, options) }
func interrupt(tid int) error              { return request(unix.PTRACE_INTERRUPT, tid, 0, 0) }
func listen(tid int) error                 { return request(unix.PTRACE_LISTEN, tid, 0, 0) }
func detach(tid, sig int) error            { return request(unix.PTRACE_DETACH, tid, 0, uintptr(sig)) }

// goOn resumes a halted thread by PTRACE_CONT, PTRACE_SYSCALL or PTRACE_SINGLESTEP.
func goOn(how, tid, sig int) error { return request(how, tid, 0, uintptr(sig)) }

func eventMessage(tid int) (int, error) {
	var msg uintptr
	err := request(unix.PTRACE_GETEVENTMSG, tid, 0, uintptr(unsafe.Pointer(&msg)))
	return int(msg), err
}

// siginfo is the start of siginfo_t on 64-bit Linux.
type siginfo struct {
	Signo, Errno, Code int32
	_                  int32
	Field              [14]uint64 // si_addr, or si_pid and si_uid
}

func signalInfo(tid int) (siginfo, error) {
	var si siginfo
	err := request(unix.PTRACE_GETSIGINFO, tid, 0, uintptr(unsafe.Pointer(&si)))
	return si, err
}

// syscallInfo is struct ptrace_syscall_info.
type syscallInfo struct {
	Op   uint8
	_    [3]uint8
	Arch uint32
	PC   uint64
	SP   uint64
	Nr   uint64 // of an entry; the result of an exit
	Args [7]uint64
}

const (
	syscallInfoEntry = 1
	syscallInfoExit  = 2
)

func syscallState(tid int) (syscallInfo, error) {
	var si syscallInfo
	err := request(unix.PTRACE_GET_SYSCALL_INFO, tid, unsafe.Sizeof(si), uintptr(unsafe.Pointer(&si)))
	return si, err
}

// wait waits for a thread of this tracer, all of them if tid is -1.
func wait(tid int, flags int) (int, unix.WaitStatus, error) {
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(tid, &ws, unix.WALL|wNoThread|flags, nil)
		if err != unix.EINTR {
			return got, ws, err
		}
	}
}
