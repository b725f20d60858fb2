package zfs_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/guest"
)

// TestGuestStall makes a disk of a real pool stall, after a scrub that counts blocks, and
// asks a dump of that moment who waits for what.
func TestGuestStall(t *testing.T) {
	for name, m := range poolMachines {
		t.Run(name, func(t *testing.T) { testGuestStall(t, m) })
	}
}

func testGuestStall(t *testing.T, m guest.Machine) {
	vm := guest.Boot(t, guest.Options{Machine: m})
	vm.Ask(t, "zpool scrub -p dpool")
	paused := regexp.MustCompile(`scrub paused since ` + scanTime).FindStringSubmatch(vm.Ask(t, "zpool status dpool"))
	if paused == nil {
		t.Fatalf("the scrub is not paused: %s", vm.Ask(t, "zpool status dpool"))
	}
	vm.Ask(t, "cd /sys/module/zfs/parameters; echo 1 >zfs_scan_blkstats; echo 0 >zfs_scan_suspend_progress; zpool scrub -w tank; zpool sync tank")
	number := func(command string) uint64 {
		out := strings.TrimSpace(vm.Ask(t, command))
		n, err := strconv.ParseUint(out, 10, 64)
		if err != nil {
			t.Fatalf("%s: %q", command, out)
		}
		return n
	}
	// Releases that do not clone blocks have no such property.
	alloc, saved := number("zpool list -Hpo alloc tank"), number("zpool get -Hpo value bclonesaved tank 2>/dev/null || echo 0")
	uptime := func() float64 {
		s, err := strconv.ParseFloat(strings.Fields(vm.Ask(t, "cat /proc/uptime"))[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	vm.Stall(t, "a")
	from := uptime()
	// In the background: opening the file may already have to read from that disk.
	vm.Ask(t, "(dd if=/dev/urandom of=/tank/db/stuck bs=64k count=8 2>/dev/null; zpool sync tank) >/dev/null 2>&1 & sleep 1; while [ \"$(cut -c1-17 /sys/block/vda/inflight | tr -d ' 0')\" = '' ]; do usleep 50000; done")
	begun := uptime()
	vm.Ask(t, "sleep 2")
	later := uptime()
	dump := vm.Dump(t, guest.ELF)
	end := uptime()
	vm.Let(t, "a")
	vm.Close()

	s := &realPools{Session: openGuestDump(t, dump), t: t}
	stuck := records(t, s.Session, "::zio_stuck")
	if len(stuck) == 0 {
		t.Fatalf("nothing is stuck: %s", s.Run("::zio_state -r").Out)
	}
	oldest, waiters := stuck[0].num(t, "age"), map[string]bool{}
	for _, r := range stuck {
		if r.str("pool") == "dpool" && r.num(t, "age") < 5000 {
			continue // on its way
		}
		if r.str("pool") != "tank" || r.str("vdev") != "/dev/vda1" && r.str("vdev") != "/dev/vdb1" {
			t.Errorf("stuck: %v", r)
		}
		if w := r.str("waiter"); w != "-" {
			waiters[w] = true
		}
	}
	if stuck[0].str("vdev") != "/dev/vda1" {
		t.Errorf("the oldest is on %s", stuck[0].str("vdev"))
	}
	// It was issued between the stall and when the disk was seen to have requests; the
	// clock is that of the last tick.
	if low, high := uint64((later-begun)*1000)-500, uint64((end-from)*1000); oldest < low || oldest > high {
		t.Errorf("the oldest has waited for %d ms, want %d to %d", oldest, low, high)
	}
	if len(waiters) == 0 {
		t.Fatalf("nobody waits for %v", stuck)
	}
	text := s.Run("::zio_stuck").OK().Out
	for w := range waiters {
		if !strings.Contains(text, "stack pointer for thread "+w) {
			t.Errorf("no stack of %s:\n%s", w, text)
		}
	}
	if !strings.Contains(text, "zfs`zio_wait+") || !strings.Contains(text, "zfs`spa_sync+") {
		t.Errorf("the stacks do not show who syncs:\n%s", text)
	}
	// The tree above the oldest leads to an I/O that is waited for.
	up := s.Run(stuck[0].str("addr") + "::zio -pr").OK().Out
	found := false
	for w := range waiters {
		found = found || strings.Contains(up, " "+w+" ")
	}
	if !found || !strings.Contains(up, "VDEV_IO") {
		t.Errorf("relatives of the oldest:\n%s", up)
	}
	if strings.Contains(s.Run("::zio_stuck -q").OK().Out, "stack pointer") {
		t.Error("::zio_stuck -q prints stacks")
	}
	for _, r := range records(t, s.Session, "::txg_state") {
		if r.str("pool") == "tank" && r.str("syncing") == "-" {
			t.Errorf("nothing is being synced: %v", r)
		}
	}
	if out, want := s.Run(s.pool("dpool")+"::spa -v").OK().Out, "scan: scrub paused since "+ourTime(t, paused)+", "; !strings.Contains(out, want) {
		t.Errorf("%s, want %s", out, want)
	}
	testBlkstats(t, s, alloc, saved)
}

// testBlkstats compares what a scrub counted with what the pool has allocated; cloned
// blocks it counts in each file that has them. What the pool writes of itself changes meanwhile.
func testBlkstats(t *testing.T, s *realPools, alloc, saved uint64) {
	byType := map[string]record{}
	var sum uint64
	for _, r := range records(t, s.Session, s.pool("tank")+"::zfs_blkstats") {
		byType[r.str("type")] = r
		if r.str("type") != "Total" {
			sum += r.num(t, "asize")
		}
	}
	total := byType["Total"]
	if n := total.num(t, "asize"); n != sum || n > alloc+saved+inSync || n < alloc*8/10+saved {
		t.Errorf("%d bytes were counted, by types %d; the pool has %d and saved %d", n, sum, alloc, saved)
	}
	// alice has a file of 4 MB of noise, which the snapshots and the clone share
	if r := byType["PLAIN_FILE_CONTENTS"]; r.num(t, "psize") < 4<<20+saved || r.num(t, "psize") > 5<<20+saved || r.num(t, "count") < 32+200 {
		t.Errorf("files: %v", r)
	}
	if r := byType["DSL_DATASET"]; r != nil {
		t.Errorf("a type without blocks: %v", r)
	}
	out := strings.Join(strings.Fields(s.Run(s.pool("tank")+"::zfs_blkstats -v").OK().Out), " ")
	if !strings.Contains(out, " 100.0 Total ") || !strings.Contains(out, " L0 PLAIN_FILE_CONTENTS ") {
		t.Errorf("::zfs_blkstats -v: %s", out)
	}
}
