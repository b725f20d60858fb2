package linux

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/targets/qemu"
)

// TestDisks compares the block devices with those the guest names.
func TestDisks(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		var want []string
		for line := range strings.Lines(s.d.Before.Section(t, "partitions")) {
			if m := regexp.MustCompile(`^\s*\d+\s+\d+\s+\d+ ([a-z]+\d*)$`).FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil && !regexp.MustCompile(`^(vd[a-z]|zd\d+p)\d$`).MatchString(m[1]) {
				want = append(want, m[1])
			}
		}
		got := s.Run("::walk gendisk | ::print struct gendisk disk_name").OK().Out
		for _, name := range want {
			if !strings.Contains(got, `"`+name+`"`) {
				t.Errorf("%s is missing:\n%s", name, got)
			}
		}
		if len(want) < 2 {
			t.Errorf("the guest has %q only", want)
		}
		if r := s.Run("::requests nodisk"); r.Status == nil || !strings.Contains(r.Err, "there is no block device nodisk") {
			t.Errorf("::requests nodisk: %v %s", r.Status, r.Err)
		}
	})
}

// busyRequest is a line that the kernel's debugfs has for a request that a device has not
// answered.
var busyRequest = regexp.MustCompile(`\{\.op=(\w+), .*\.state=(\w+), \.tag=(-?\d+),`)

// TestStalledDisk makes a disk of a running guest stall under a reader and a writer, and
// compares the requests under way with those that the guest itself says its disk is busy
// with, and what the threads wait for.
func TestStalledDisk(t *testing.T) {
	for name, m := range map[string]guest.Machine{"fourlevel": guest.FourLevel, "backports": guest.BackportsKernel} {
		t.Run(name, func(t *testing.T) {
			vm := guest.Boot(t, guest.Options{Machine: m})
			target, err := qemu.OpenQMP(t.Context(), vm.QMPSocket)
			if err != nil {
				t.Fatal(err)
			}
			s := &subject{modtest.OpenTarget(t, target, Module()), t, nil}
			// What comes first is let pass still, so that both go on until they stop; on one
			// disk the writer would wait for a lock that the reader has.
			vm.Stall(t, "b")
			vm.Stall(t, "c")
			vm.Ask(t, "(cat /dev/vdb; true) >/dev/null 2>&1 & (while dd if=/dev/zero of=/dev/vdc bs=64k count=4 conv=fsync,notrunc; do :; done) >/dev/null 2>&1 &")
			// Until the guest says the same twice: what is under way then stays so.
			busy := ""
			for range 60 {
				now := vm.Ask(t, "sleep 1; cat /sys/kernel/debug/block/vd[bc]/hctx*/busy")
				if strings.Contains(now, ".op=READ,") && strings.Contains(now, ".op=WRITE,") && now == busy {
					break
				}
				busy = now
			}
			want, got := []string{}, []string{}
			for _, m := range busyRequest.FindAllStringSubmatch(busy, -1) {
				if m[2] == "in_flight" {
					want = append(want, strings.ToLower(m[1])+" "+m[3])
				}
			}
			rows := s.rows("::requests vdb vdc")
			for _, r := range rows {
				if r.str("state") == "issued" {
					got = append(got, r.str("op")+" "+r.str("tag"))
				}
				if disk := map[string]string{"read": "vdb", "write": "vdc"}[r.str("op")]; r.str("disk") != disk {
					t.Errorf("%s of %s", r.str("op"), r.str("disk"))
				}
				if n := r.num(t, "bytes"); n == 0 || n%512 != 0 {
					t.Errorf("%d bytes", n)
				}
				if age, err := strconv.ParseFloat(r.str("age"), 64); err != nil || age < 0.5 || age > 600 {
					t.Errorf("age %s", r.str("age"))
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) || !strings.Contains(strings.Join(want, " "), "read ") || !strings.Contains(strings.Join(want, " "), "write ") {
				t.Errorf("under way: %q, the guest says %q\n%s%s", got, want, busy, s.Run("::blocked -v").Out)
			}
			s.Run("::requests vdb | ::requests").OK().Match(" vdb +read +issued ")
			if n := s.lines("::walk request"); n < len(rows) {
				t.Errorf("%d requests, of two disks %d", n, len(rows))
			}
			// Who reads waits for a page that the request is to fill.
			found := false
			for _, r := range s.rows("::blocked") {
				found = found || r.str("name") == "cat" && r.str("waits") == "io" && r.str("on") != "0x0"
			}
			if !found {
				t.Errorf("cat is not blocked:\n%s", s.Run("::blocked").Out)
			}
			vm.Let(t, "b")
			vm.Let(t, "c")
		})
	}
}
