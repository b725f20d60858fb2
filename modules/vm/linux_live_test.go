package vm_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/vm"
	"github.com/xmdb/xmdb/targets/qemu"
)

// TestLinuxLive looks into the machines of a host that runs: what their program has counted
// lies between what the host has counted before and after, and goes on.
func TestLinuxLive(t *testing.T) {
	host := guest.Boot(t, guest.Options{Machine: guest.GenericKernel})
	target, err := qemu.OpenQMP(t.Context(), host.QMPSocket)
	if err != nil {
		t.Fatal(err)
	}
	s := modtest.OpenTarget(t, target, linux.Module(), vm.Module())
	list := s.Run("::vm").OK().Out
	m := regexp.MustCompile(`(?m)^[0-9a-f]+ kvm +(\S+) +\d+ +1 +1M running `).FindStringSubmatch(list)
	if m == nil {
		t.Fatalf("no machine with one vCPU in %q", list)
	}
	exits := func() int {
		n, err := strconv.Atoi(strings.TrimSpace(host.Ask(t, fmt.Sprintf("cat /sys/kernel/debug/kvm/%s/io_exits", m[1]))))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	word := regexp.MustCompile(`0x2000: +(\d+)`)
	s.Run("::guest -r " + m[1]).OK()
	var last int
	for deadline := time.Now().Add(3 * time.Minute); ; {
		before := exits()
		out := s.Run("2000/d").OK().Out
		after := exits()
		w := word.FindStringSubmatch(out)
		if w == nil {
			t.Fatalf("no counter in %q", out)
		}
		n, _ := strconv.Atoi(w[1])
		if n < before || n > after+1 {
			t.Errorf("the program has counted %d, the host %d before and %d after", n, before, after)
		}
		s.Run("::vcpus").OK().Match(`\*0 100[0135] `)
		if last != 0 && n > last {
			return
		}
		last = n
		if time.Now().After(deadline) {
			t.Fatalf("the counter stays at %d", n)
		}
	}
}
