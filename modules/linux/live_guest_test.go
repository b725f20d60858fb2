package linux

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/targets/qemu"
)

// busy makes processes come and go as long as the guest lives.
const busy = `for i in 1 2 3; do (while :; do /bin/busybox true & /bin/busybox true; wait; done) >/dev/null 2>&1 & done; echo started`

// saneMessage is what may be told of a machine that changes while it is read.
var saneMessage = regexp.MustCompile(`^xmdb: (couldn't read |failed to read |failed to find the stack of thread \w+: |stack of thread |thread \w+ |task \w+ |socket \w+|slab \w+|\w[\w ]* at \w+: (the list|maple node) |[\w ]+ \w+ is (on its list|in its tree) twice|cfs_rq \w+ is there twice|node \w+ of |log: )`)

// TestBusyGuest asks a guest that runs, and in which processes come and go, over its
// shared memory: nothing hangs, most answers are whole, and those that are not say why.
func TestBusyGuest(t *testing.T) {
	vm := guest.Boot(t, guest.Options{Machine: guest.GenericKernel})
	target, err := qemu.OpenQMP(t.Context(), vm.QMPSocket)
	if err != nil {
		t.Fatal(err)
	}
	s := &subject{modtest.OpenTarget(t, target, Module()), t, nil}
	s.Run("::status").OK().Match("^debugging live kernel ")
	vm.Ask(t, busy)
	const rounds = 12
	waited := false
	for _, cmd := range []string{
		"::ps -fzn", "::ps -t", "::ptree", "::thread", "::stacks", "::blocked -v", "::walk proc | ::files", "::netstat -a", "::net", "::zone", "::runq", "::mounts -a",
		"::slabs", "::timers", "::irqs", "::dmesg", "::modinfo", "::walk thread | ::findstack", "::cpuinfo -v",
	} {
		// What makes processes and ends them meets some answers; patience finds one
		// that it did not.
		whole := 0
		for n := 0; n < rounds || whole == 0 && n < 10*rounds; n++ {
			began := time.Now()
			r := s.Run(cmd)
			if d := time.Since(began); d > 2*time.Minute {
				t.Errorf("%s took %v", cmd, d)
			}
			if r.Out == "" {
				t.Errorf("%s: nothing was printed\n%s", cmd, r.Err)
			}
			for line := range strings.Lines(r.Err) {
				if !saneMessage.MatchString(line) {
					t.Errorf("%s: %s", cmd, line)
				}
			}
			if r.Err == "" {
				whole++
			}
			waited = waited || cmd == "::runq" && strings.Contains(r.Out, " RUN ")
		}
		// Those that run have no stack that lies still.
		if whole == 0 && !strings.Contains(cmd, "findstack") {
			t.Errorf("%s: no answer was whole", cmd)
		}
	}
	if !waited {
		t.Error("no thread ever waited for a CPU")
	}
}

// TestLiveGuest compares what a running guest's memory says with what the guest says of
// itself before and after: what it says both times must be found in between.
func TestLiveGuest(t *testing.T) {
	vm := guest.Boot(t, guest.Options{Machine: guest.GenericKernel})
	target, err := qemu.OpenQMP(t.Context(), vm.QMPSocket)
	if err != nil {
		t.Fatal(err)
	}
	s := &subject{modtest.OpenTarget(t, target, Module()), t, nil}
	column := func(rows []row, name string) (list []string) {
		for _, r := range rows {
			list = append(list, r.str(name))
		}
		return list
	}
	for _, c := range []struct{ name, ask, cmd, column string }{
		{"processes", `for p in /proc/[0-9]*; do echo ${p#/proc/}; done`, "::ps", "pid"},
		{"modules", `cut -d' ' -f1 /proc/modules`, "::modinfo", "name"},
		{"caches", `tail -n +3 /proc/slabinfo | cut -d' ' -f1`, "::slabs", "name"},
		{"mounts", `cut -d' ' -f2 /proc/mounts`, "::mounts", "path"},
		{"files", `ls /proc/1/fd`, "1::pid2proc | ::files", "fd"},
	} {
		before := strings.Fields(vm.Ask(t, c.ask))
		got := column(s.rows(c.cmd), c.column)
		after := strings.Fields(vm.Ask(t, c.ask))
		n := 0
		for _, want := range before {
			if !slices.Contains(after, want) {
				continue
			}
			if !slices.Contains(got, want) {
				t.Errorf("%s: %s is missing in %q", c.name, want, got)
			}
			n++
		}
		if n == 0 {
			t.Errorf("the guest said nothing of its %s", c.name)
		}
	}
	switches := func() (n int) {
		fmt.Sscan(strings.TrimPrefix(vm.Ask(t, `grep '^ctxt ' /proc/stat`), "ctxt "), &n)
		return n
	}
	low, sum := switches(), 0
	for _, r := range s.rows("::cpuinfo") {
		sum += r.num(t, "switches")
	}
	if high := switches(); sum < low || sum > high {
		t.Errorf("%d switches, want %d to %d", sum, low, high)
	}
	// A process that was not there a moment ago, its file and its socket.
	pid := strings.TrimSpace(vm.Ask(t, `echo x >/tmp/gone; sleep 4711 </init 3</tmp/gone >/dev/null 2>&1 & echo $!; rm /tmp/gone`))
	time.Sleep(200 * time.Millisecond)
	s.Run("0t" + pid + "::pid2proc | ::ps -f").OK().Match(" sleep 4711$")
	s.Run("0t" + pid + "::pid2proc | ::files").OK().Match("^ +0 .* /init$").Match(`^ +3 .* /tmp/gone \(deleted\)$`)
	s.Run("0t" + pid + "::pid2proc | ::findstack -v").OK().Match("state SLEEP, CPU [01], waits for sleep$")
	vm.Ask(t, "kill "+pid)
	time.Sleep(200 * time.Millisecond)
	// Its parent may have taken note of its end, or not yet.
	if r := s.Run("0t" + pid + "::pid2proc | ::thread"); r.Status == nil && !strings.Contains(r.Out, " ZOMBIE ") {
		t.Errorf("process %s still lives: %s", pid, r.Out)
	}
}
