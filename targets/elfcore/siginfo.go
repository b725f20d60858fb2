package elfcore

import (
	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/system"
)

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
func (t *Target) SignalName(sig int) (name, descr string) { return system.SignalName(sig) }

// Siginfo implements core.Siginfos.
func (t *Target) Siginfo(thread uint64) *core.Siginfo {
	for _, th := range t.notes.threads {
		if uint64(th.ID) != thread || th.Siginfo == nil {
			continue
		}
		s := th.Siginfo
		out := &core.Siginfo{
			Signo: int(s.Signo), Code: int(s.Code), Errno: int(s.Errno), Raw: s.Raw,
			CodeName: system.SignalCode(int(s.Signo), int(s.Code)),
		}
		switch {
		case system.FaultSignal(out.Signo) && out.Code > 0:
			out.Addr, out.HasAddr = s.Addr(), true
		case out.Code <= 0 && out.Code != siTimer:
			pid, uid := s.Sender()
			out.PID, out.UID, out.HasSender = int(pid), int(uid), true
		}
		return out
	}
	return nil
}
