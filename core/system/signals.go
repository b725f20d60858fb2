package system

import "fmt"

// signal is one of Linux's signals on amd64: its name and MDB's (illumos's)
// description of it.
type signal struct{ name, descr string }

var signals = map[int]signal{
	1: {"SIGHUP", "Hangup"}, 2: {"SIGINT", "Interrupt"}, 3: {"SIGQUIT", "Quit"}, 4: {"SIGILL", "Illegal Instruction"},
	5: {"SIGTRAP", "Trace/Breakpoint Trap"}, 6: {"SIGABRT", "Abort"}, 7: {"SIGBUS", "Bus Error"}, 8: {"SIGFPE", "Arithmetic Exception"},
	9: {"SIGKILL", "Killed"}, 10: {"SIGUSR1", "User Signal 1"}, 11: {"SIGSEGV", "Segmentation Fault"}, 12: {"SIGUSR2", "User Signal 2"},
	13: {"SIGPIPE", "Broken Pipe"}, 14: {"SIGALRM", "Alarm Clock"}, 15: {"SIGTERM", "Terminated"}, 16: {"SIGSTKFLT", "Stack Fault"},
	17: {"SIGCHLD", "Child Status Changed"}, 18: {"SIGCONT", "Continued"}, 19: {"SIGSTOP", "Stopped (signal)"}, 20: {"SIGTSTP", "Stopped (user)"},
	21: {"SIGTTIN", "Stopped (tty input)"}, 22: {"SIGTTOU", "Stopped (tty output)"}, 23: {"SIGURG", "Urgent Condition"},
	24: {"SIGXCPU", "Cpu Limit Exceeded"}, 25: {"SIGXFSZ", "File Size Limit Exceeded"}, 26: {"SIGVTALRM", "Virtual Timer Expired"},
	27: {"SIGPROF", "Profiling Timer Expired"}, 28: {"SIGWINCH", "Window Size Change"}, 29: {"SIGIO", "Pollable Event"},
	30: {"SIGPWR", "Power-Fail/Restart"}, 31: {"SIGSYS", "Bad System Call"},
}

// sigRTMin is the first real-time signal of the kernel.
const sigRTMin = 32

// SignalName gives the name and description of a Linux signal.
func SignalName(sig int) (name, descr string) {
	if s, ok := signals[sig]; ok {
		return s.name, s.descr
	}
	if sig >= sigRTMin && sig <= 64 {
		return fmt.Sprintf("SIG%d", sig), fmt.Sprintf("Real Time Signal %d", sig-sigRTMin)
	}
	return fmt.Sprintf("SIG#%d", sig), "Unknown signal"
}

// Codes of siginfo_t that any signal can have (include/uapi/asm-generic/siginfo.h).
var anyCode = map[int]string{
	0: "SI_USER", 0x80: "SI_KERNEL", -1: "SI_QUEUE", -2: "SI_TIMER", -3: "SI_MESGQ",
	-4: "SI_ASYNCIO", -5: "SI_SIGIO", -6: "SI_TKILL", -7: "SI_DETHREAD", -60: "SI_ASYNCNL",
}

// faultCode are the codes of the signals for faults, by signal and code from 1.
var faultCode = map[int][]string{
	4:  {"ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG", "ILL_COPROC", "ILL_BADSTK", "ILL_BADIADDR"},
	5:  {"TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT", "TRAP_UNK", "TRAP_PERF"},
	7:  {"BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO"},
	8:  {"FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES", "FPE_FLTINV", "FPE_FLTSUB"},
	11: {"SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR", "SEGV_ACCADI", "SEGV_ADIDERR", "SEGV_ADIPERR", "SEGV_MTEAERR", "SEGV_MTESERR", "SEGV_CPERR"},
}

// SignalCode is the name of a code of a signal's siginfo_t; "" if it has none.
func SignalCode(sig, code int) string {
	if names := faultCode[sig]; code >= 1 && code <= len(names) {
		return names[code-1]
	}
	return anyCode[code]
}

// FaultSignal tells whether the siginfo of a signal that the kernel sent for a fault
// has an address.
func FaultSignal(sig int) bool {
	switch sig {
	case 4, 5, 7, 8, 11:
		return true
	}
	return false
}
