package genunix

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// schedMeets are the commands that meet the damages of CorruptSched.
var schedMeets = map[string]func(*illumos.System) string{
	"the ring of threads misses its first":   all("::walk thread"),
	"a process's threads are wild":           of(110, "::walk thread"),
	"a process's ring of threads is open":    of(4101, "::walk thread"),
	"a thread's stack ends before it begins": ofThread(4101, 0, "::findstack"),
	"a thread's stack is huge":               ofThread(4101, 2, "::findstack -v"),
	"a thread's stack is wild":               ofThread(4101, 3, "::findstack"),
	"a stack's frames go in a circle":        ofThread(1, 0, "::findstack"),
	"a dispatch queue is a ring": func(sys *illumos.System) string {
		return fmt.Sprintf("%x::walk cpu_dispq", sys.Sched.CPUs[1].Addr)
	},
	"a sleep queue is a ring": all("::walk wchan"),
	"a turnstile's waiters are a ring": func(sys *illumos.System) string {
		return fmt.Sprintf("%x::walk blocked", sys.Sched.Object("zpl lock"))
	},
	"callouts lead back": all("::callout"),
	"a task queue's entries miss its head": func(sys *illumos.System) string {
		for _, q := range sys.Sched.Taskqs {
			if len(q.Entries) > 1 {
				return fmt.Sprintf("%x::walk taskq_entry", q.Addr)
			}
		}
		return ""
	},
	"a heap of cyclics has a wild index": func(sys *illumos.System) string {
		return fmt.Sprintf("%x::cycinfo -v", sys.Sched.Cyclics[1].Addr)
	},
	"a locality group is missing":      all("::lgrp"),
	"a device's child is its ancestor": all("::prtconf"),
	"a device's sibling is wild":       ofDevice(9, "::walk devinfo_siblings"),
	"a driver's devices are a ring":    all("::devbindings -q sd"),
	"a device's properties are a ring": ofDevice(9, "::devinfo"),
	"soft states have no end": func(sys *illumos.System) string {
		return fmt.Sprintf("%x::walk softstate", sys.Devices.Soft.Addr)
	},
	"the queues of errors are a ring": all("::errorq"),
	"a report's pairs are wild":       ofReport(0),
	"a report is in itself":           ofReport(1),
	"a pair has no size":              ofReport(2),
	"the log leads back":              all("::msgbuf"),
	"/etc/system is wild":             all("::system"),
	"a hash chain is a ring": func(sys *illumos.System) string {
		return fmt.Sprintf("%x::modhash", sys.Devices.Hashes[0].Addr)
	},
	"a hash table has no end": func(sys *illumos.System) string {
		return fmt.Sprintf("%x::modhash", sys.Devices.Hashes[1].Addr)
	},
}

func ofThread(pid, i int, cmd string) func(*illumos.System) string {
	return func(sys *illumos.System) string { return fmt.Sprintf("%x%s", sys.Sched.ByPID[pid][i].Addr, cmd) }
}

func ofDevice(i int, cmd string) func(*illumos.System) string {
	return func(sys *illumos.System) string {
		return fmt.Sprintf("%x%s", sys.Devices.Devices[i].Obj.Addr, cmd)
	}
}

func ofReport(i int) func(*illumos.System) string {
	return func(sys *illumos.System) string { return fmt.Sprintf("%x::nvlist", sys.Devices.Pending[i]) }
}

func TestCorruptSched(t *testing.T) {
	sys := illumos.SystemOf(t, "corrupt threads")
	s := modtest.OpenDumpBytes(t, "vmcore.0", illumos.VmcoreBytes(t, "corrupt threads"), Module())
	for i, d := range sys.Scenario.Damage {
		cmd, ok := schedMeets[d.What]
		if !ok {
			t.Errorf("%s: no command meets it", d.What)
			continue
		}
		t.Run(d.What, func(t *testing.T) {
			r := s.Run(cmd(sys))
			if !strings.Contains(r.Err+r.Out, fmt.Sprintf("%x", sys.Damaged[i])) || r.Err == "" && !strings.HasPrefix(r.Out, "Possible stack pointers") {
				t.Errorf("%s: no message names %x:\n%s%s", cmd(sys), sys.Damaged[i], r.Out, r.Err)
			}
			if len(r.Out) > 1<<20 {
				t.Errorf("%s: %d bytes of output", cmd(sys), len(r.Out))
			}
		})
	}
	for _, cmd := range []string{"::thread", "::threadlist -v", "::stacks", "::stacks -i", "::cpuinfo -v", "::callout -v", "::cycinfo -V", "::taskq -T", "::wchaninfo -v", "::turnstile", "::prtconf -v"} {
		if r := s.Run(cmd); len(r.Out) > 4<<20 {
			t.Errorf("%s: %d bytes", cmd, len(r.Out))
		}
	}
}
