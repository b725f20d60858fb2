package elfcore

import "github.com/xmdb/xmdb/core"

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

// siTimer is SI_TIMER, whose siginfo names a timer and no sender.
const siTimer = -2

// PID implements core.Process.
func (t *Target) PID() int {
	if ps := t.notes.psinfo; ps != nil {
		return int(ps.PID)
	}
	return 0
}

// SignalName implements core.Process.
func (t *Target) SignalName(sig int) (name, descr string) { return SignalName(sig) }

// Siginfo implements core.Siginfos.
func (t *Target) Siginfo(thread uint64) *core.Siginfo {
	for _, th := range t.notes.threads {
		if uint64(th.ID) != thread || th.Siginfo == nil {
			continue
		}
		s := th.Siginfo
		out := &core.Siginfo{
			Signo: int(s.Signo), Code: int(s.Code), Errno: int(s.Errno), Raw: s.Raw,
			CodeName: codeName(int(s.Signo), int(s.Code)),
		}
		switch {
		case faults[out.Signo] && out.Code > 0:
			out.Addr, out.HasAddr = s.Addr(), true
		case out.Code <= 0 && out.Code != siTimer:
			pid, uid := s.Sender()
			out.PID, out.UID, out.HasSender = int(pid), int(uid), true
		}
		return out
	}
	return nil
}

func codeName(sig, code int) string {
	if names := faultCode[sig]; code >= 1 && code <= len(names) {
		return names[code-1]
	}
	return anyCode[code]
}
