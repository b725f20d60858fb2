package elfcore

import (
	"bytes"
	"fmt"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// illumosSignals are illumos's signals by number, from 1 (sys/iso/signal_iso.h,
// sys/signal.h), with what strsignal(3C) says of each.
var illumosSignals = []struct{ name, descr string }{
	{"SIGHUP", "Hangup"}, {"SIGINT", "Interrupt"}, {"SIGQUIT", "Quit"}, {"SIGILL", "Illegal Instruction"},
	{"SIGTRAP", "Trace/Breakpoint Trap"}, {"SIGABRT", "Abort"}, {"SIGEMT", "Emulation Trap"}, {"SIGFPE", "Arithmetic Exception"},
	{"SIGKILL", "Killed"}, {"SIGBUS", "Bus Error"}, {"SIGSEGV", "Segmentation Fault"}, {"SIGSYS", "Bad System Call"},
	{"SIGPIPE", "Broken Pipe"}, {"SIGALRM", "Alarm Clock"}, {"SIGTERM", "Terminated"}, {"SIGUSR1", "User Signal 1"},
	{"SIGUSR2", "User Signal 2"}, {"SIGCLD", "Child Status Changed"}, {"SIGPWR", "Power-Fail/Restart"}, {"SIGWINCH", "Window Size Change"},
	{"SIGURG", "Urgent Socket Condition"}, {"SIGPOLL", "Pollable Event"}, {"SIGSTOP", "Stopped (signal)"}, {"SIGTSTP", "Stopped (user)"},
	{"SIGCONT", "Continued"}, {"SIGTTIN", "Stopped (tty input)"}, {"SIGTTOU", "Stopped (tty output)"}, {"SIGVTALRM", "Virtual Timer Expired"},
	{"SIGPROF", "Profiling Timer Expired"}, {"SIGXCPU", "Cpu Limit Exceeded"}, {"SIGXFSZ", "File Size Limit Exceeded"},
	{"SIGWAITING", "No runnable lwp"}, {"SIGLWP", "Inter-lwp signal"}, {"SIGFREEZE", "Checkpoint Freeze"}, {"SIGTHAW", "Checkpoint Thaw"},
	{"SIGCANCEL", "Thread Cancellation"}, {"SIGLOST", "Resource Lost"}, {"SIGXRES", "Resource Control Exceeded"},
	{"SIGJVM1", "Reserved for JVM 1"}, {"SIGJVM2", "Reserved for JVM 2"}, {"SIGINFO", "Information Request"},
}

// Real-time signals of illumos.
const (
	illRTMin = 42
	illRTMax = 74
)

// IllumosSignalName gives the name and description of an illumos signal.
func IllumosSignalName(sig int) (name, descr string) {
	switch {
	case sig >= 1 && sig <= len(illumosSignals):
		s := illumosSignals[sig-1]
		return s.name, s.descr
	case sig == illRTMin:
		return "SIGRTMIN", "First Realtime Signal"
	case sig == illRTMax:
		return "SIGRTMAX", "Last Realtime Signal"
	case sig > illRTMin && sig < illRTMin+4:
		return fmt.Sprintf("SIGRTMIN+%d", sig-illRTMin), ordinals[sig-illRTMin] + " Realtime Signal"
	case sig > illRTMin && sig < illRTMax:
		return fmt.Sprintf("SIGRT%d", sig), "Realtime Signal"
	}
	return fmt.Sprintf("SIG#%d", sig), "Unknown signal"
}

var ordinals = []string{"First", "Second", "Third", "Fourth"}

// illumosFaultCodes are the codes of signals for faults, by signal and code from 1
// (sys/machsig.h).
var illumosFaultCodes = map[int][]string{
	4:  {"ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG", "ILL_COPROC", "ILL_BADSTK"},
	5:  {"TRAP_BRKPT", "TRAP_TRACE", "TRAP_RWATCH", "TRAP_WWATCH", "TRAP_XWATCH", "TRAP_DTRACE"},
	7:  {"EMT_TAGOVF", "EMT_CPCOVF"},
	8:  {"FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES", "FPE_FLTINV", "FPE_FLTSUB", "FPE_FLTDEN"},
	10: {"BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR"},
	11: {"SEGV_MAPERR", "SEGV_ACCERR"},
}

// illumosCodes are those of any signal (sys/siginfo.h).
var illumosCodes = map[int]string{
	0: "SI_USER", -1: "SI_LWP", -2: "SI_QUEUE", -3: "SI_TIMER", -4: "SI_ASYNCIO", -5: "SI_MESGQ",
	32767: "SI_NOINFO", 2049: "SI_RCTL", 2050: "SI_DTRACE",
}

// PID implements core.Process.
func (t *Illumos) PID() int {
	switch {
	case t.notes.pstatus != nil:
		return int(int32(le.Uint32(t.notes.pstatus[8:])))
	case t.notes.psinfo != nil:
		return int(int32(le.Uint32(t.notes.psinfo[8:])))
	}
	return 0
}

// Signal implements core.Process: the current signal of the LWP the core is of.
func (t *Illumos) Signal() int {
	if p := t.notes.pstatus; p != nil {
		return int(int16(le.Uint16(p[t.lay.repr+12:])))
	}
	return 0
}

// SignalName implements core.Process.
func (t *Illumos) SignalName(sig int) (name, descr string) { return IllumosSignalName(sig) }

// Siginfo implements core.Siginfos.
func (t *Illumos) Siginfo(thread uint64) *core.Siginfo {
	l := t.lwp(thread)
	if l == nil || l.status == nil {
		return nil
	}
	return t.siginfo(l.status[16:][:t.lay.siginfo])
}

// siginfo reads a siginfo_t; nil if it is of no signal.
func (t *Illumos) siginfo(b []byte) *core.Siginfo {
	i32 := func(at int) int { return int(int32(le.Uint32(b[at:]))) }
	s := &core.Siginfo{Signo: i32(0), Code: i32(4), Errno: i32(8), Raw: b}
	if s.Signo == 0 {
		return nil
	}
	codes, isFault := illumosFaultCodes[s.Signo]
	switch {
	case isFault && s.Code >= 1 && s.Code <= len(codes):
		s.CodeName = codes[s.Code-1]
	default:
		s.CodeName = illumosCodes[s.Code]
	}
	switch {
	case s.Code <= 0:
		s.PID, s.UID, s.HasSender = i32(t.lay.siData), i32(t.lay.siData+t.pdata()), true
	case isFault:
		s.Addr, s.HasAddr = t.lay.uint(b[t.lay.siData:]), true
	}
	return s
}

// pdata is the offset of the sender's user id behind its process id in siginfo_t, bytes.
func (t *Illumos) pdata() int {
	if t.lay.word == 8 {
		return 8
	}
	return 4
}

// Status implements core.StatusReporter with MDB's lines.
func (t *Illumos) Status(p *out.Printer) {
	ps := t.notes.psinfo
	if ps != nil {
		node := "unknown machine"
		if u := t.notes.utsname; u != nil {
			node = cstring(u[utsName : 2*utsName])
		}
		fmt.Fprintf(p, "debugging core file of %s (%d-bit) from %s\n", t.fname(), 8*t.lay.word, node)
	} else {
		fmt.Fprintf(p, "debugging core file\n")
	}
	if name := t.Program(); name != "" {
		fmt.Fprintf(p, "file: %s\n", name)
	} else if name := t.ProgramPath(); name != "" {
		fmt.Fprintf(p, "file: %s\n", name)
	}
	if ps != nil {
		fmt.Fprintf(p, "initial argv: %s\n", cstring(ps[t.lay.psargs:t.lay.psargs+80]))
	}
	model := "raw lwps"
	for _, l := range t.linked {
		if bytes.Contains([]byte(l.Name), []byte("/libc.so")) {
			model = "native threads"
		}
	}
	fmt.Fprintf(p, "threading model: %s\n", model)
	fmt.Fprintf(p, "status: %s\n", t.reason())
}

// reason says how the process ended.
func (t *Illumos) reason() string {
	sig, wstat, known := t.Signal(), uint32(0), false
	if ps := t.notes.psinfo; ps != nil {
		wstat, known = le.Uint32(ps[t.lay.wstat:]), true
	}
	if sig == 0 && wstat&0x7f != 0 && wstat&0xff != 0x7f {
		sig = int(wstat & 0x7f)
	}
	switch {
	case known && wstat == 0 && t.notes.cred != nil:
		return "process core file generated with gcore(1)"
	case sig == 0:
		return fmt.Sprintf("process terminated with exit status %d", wstat>>8&0xff)
	}
	name, descr := IllumosSignalName(sig)
	s := fmt.Sprintf("process terminated by %s (%s)", name, descr)
	si := (*core.Siginfo)(nil)
	if p := t.notes.pstatus; p != nil {
		si = t.siginfo(p[t.lay.repr+16:][:t.lay.siginfo])
	}
	switch {
	case si == nil:
	case si.HasSender && si.PID != 0:
		s += fmt.Sprintf(", pid=%d uid=%d", si.PID, uint32(si.UID))
		if si.Code != 0 {
			s += fmt.Sprintf(" code=%d", si.Code)
		}
	case illumosFaultCodes[si.Signo] != nil:
		s += fmt.Sprintf(", addr=0x%x", t.lay.uint(si.Raw[t.lay.siData:]))
	}
	return s
}

// Xdata implements core.Xdata: MDB's names for what the notes have.
func (t *Illumos) Xdata() []core.Blob {
	var lwps []byte
	for _, th := range t.Threads() {
		lwps = append(lwps, t.lwp(th.ID).status...)
	}
	var l []core.Blob
	for _, b := range []core.Blob{
		{Name: "auxv", Descr: "procfs auxv_t array", Data: t.notes.auxvData},
		{Name: "cred", Descr: "procfs prcred_t structure", Data: t.notes.cred},
		{Name: "ehdr", Descr: "executable file ELF header", Data: t.programHeader()},
		{Name: "lwpstatus", Descr: "procfs lwpstatus_t array", Data: lwps},
		{Name: "psinfo", Descr: "procfs psinfo_t structure", Data: t.notes.psinfo},
		{Name: "pstatus", Descr: "procfs pstatus_t structure", Data: t.notes.pstatus},
		{Name: "utsname", Descr: "utsname structure", Data: t.notes.utsname},
	} {
		if b.Data != nil {
			b.Data = bytes.Clone(b.Data)
			l = append(l, b)
		}
	}
	return l
}

// programHeader is the program's ELF header as it is in memory; nil if it is not there.
func (t *Illumos) programHeader() []byte {
	z := &elf64
	if t.lay.word == 4 {
		z = &elf32
	}
	entry, _ := t.Aux(atEntry)
	for _, l := range t.linked {
		if entry-l.Base >= l.Size {
			continue
		}
		b := make([]byte, z.ehdr)
		if mem.ReadFull(t.space, b, mem.Addr(l.Base)) == nil {
			return b
		}
	}
	return nil
}

// Utsname is the uname(2) of the zone: system, node, release, version, machine.
func (t *Illumos) Utsname() []string {
	var l []string
	for u := t.notes.utsname; len(u) >= utsName; u = u[utsName:] {
		l = append(l, cstring(u[:utsName]))
	}
	return l
}
