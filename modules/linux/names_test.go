package linux

import (
	"net/netip"
	"testing"

	"github.com/xmdb/xmdb/modules/kernel"
)

func TestSobjOf(t *testing.T) {
	l := &linuxThreads{}
	for function, want := range map[string]string{
		"__mutex_lock.constprop.0": "mutex", "mutex_lock_interruptible": "mutex", "rwsem_down_read_slowpath": "rwsem", "__down_common": "sema",
		"down_read": "rwsem", "wait_for_completion_killable": "completion", "__wait_for_common": "completion", "cv_wait_common": "cv",
		"futex_wait_queue": "futex", "do_poll.constprop.0": "<none>", "do_sys_poll": "poll", "do_epoll_wait": "poll", "pipe_read": "pipe",
		"io_schedule": "io", "inet_csk_accept": "sock", "do_wait": "child", "__x64_sys_pause": "signal", "do_nanosleep": "sleep", "schedule": "<none>",
		"schedule_timeout": "<none>", "": "<none>",
	} {
		if got := l.Sobj(sobjOf(function)); got != want {
			t.Errorf("%s: %s, want %s", function, got, want)
		}
	}
	for _, s := range sobjs {
		if n, err := l.SobjNamed(s.name); err != nil || l.Sobj(n) != s.name {
			t.Errorf("%s: %d, %v", s.name, n, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:80": "127.0.0.1:80", "0.0.0.0:0": "*:*", "0.0.0.0:5353": "*:5353", "10.0.0.1:0": "10.0.0.1:*",
		"[::]:80": "*:80", "[::1]:22": "[::1]:22", "[::ffff:10.0.0.1]:22": "[::ffff:10.0.0.1]:22", "[fe80::1]:0": "[fe80::1]:*",
	} {
		if got := endpoint(netip.MustParseAddrPort(text)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestSwapEntry inverts what the kernel does (__swp_entry of arch/x86/include/asm/
// pgtable_64.h): offset inverted, from bit 9; type in the highest bits. Bits 0 to 8 are
// clear, so that the entry is neither valid nor of a page without access.
func TestSwapEntry(t *testing.T) {
	for _, c := range []struct{ typ, offset uint64 }{{0, 0}, {0, 1}, {1, 0x1234}, {3, 1<<40 + 5}, {31, 1<<45 - 1}} {
		pte := ^c.offset<<14>>5 | c.typ<<59
		if pte&(pteValid|pteProtNone) != 0 {
			t.Fatalf("%x is no swap entry", pte)
		}
		if typ, offset := swapEntry(pte); typ != c.typ || offset != c.offset {
			t.Errorf("%x: type %d offset %x, want %d and %x", pte, typ, offset, c.typ, c.offset)
		}
	}
}

func TestTaskState(t *testing.T) {
	l := &taskLayout{State: kernel.Field{Off: 0, Size: 4}, ExitState: kernel.Field{Off: 4, Size: 4}, OnCPU: kernel.Field{Off: 8, Size: 4}}
	for _, c := range []struct {
		state, exit, cpu byte
		low              uint16
		letter           byte
		name             string
	}{
		{letter: 'R', name: "RUN"}, {cpu: 1, letter: 'R', name: "ONCPU"}, {state: 1, letter: 'S', name: "SLEEP"}, {state: 2, letter: 'D', name: "DISK"},
		{low: 0x402, letter: 'I', name: "IDLE"}, {low: 0x102, letter: 'D', name: "DISK"}, {state: 4, letter: 'T', name: "STOPPED"}, {state: 8, letter: 't', name: "TRACED"},
		{exit: 0x20, low: 0x80, letter: 'Z', name: "ZOMBIE"}, {exit: 0x10, low: 0x80, letter: 'X', name: "DEAD"}, {low: 0x80, letter: 'X', name: "DEAD"},
		{low: 0x40, letter: 'P', name: "PARKED"}, {state: 1, cpu: 1, letter: 'S', name: "SLEEP"},
	} {
		b := make([]byte, 12)
		b[0], b[1], b[4], b[8] = c.state|byte(c.low), byte(c.low>>8), c.exit, c.cpu
		if letter, name := (&task{l: l, b: b}).state(); letter != c.letter || name != c.name {
			t.Errorf("state %x, exit %x, CPU %d: %c %s, want %c %s", b[:4], c.exit, c.cpu, letter, name, c.letter, c.name)
		}
	}
}
