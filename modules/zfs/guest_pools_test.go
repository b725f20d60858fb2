package zfs_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/fixtures/guest"
)

// statusLine is a device in zpool status: name, state, errors.
type statusLine struct {
	name, state string
	errors      []string
}

// status are the devices of each pool by zpool status, which has the pool's name for the
// device at the root.
func status(text string) map[string][]statusLine {
	pools, pool, on := map[string][]statusLine{}, "", false
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "pool:":
			pool = f[1]
		case len(f) > 0 && f[0] == "NAME":
			on = true
		case len(f) == 0:
		case f[0] == "errors:":
			on = false
		case on && len(f) > 1:
			pools[pool] = append(pools[pool], statusLine{f[0], f[1], f[2:]})
		}
	}
	return pools
}

func TestGuestDevices(t *testing.T) { onPools(t, testGuestDevices) }

func testGuestDevices(t *testing.T, s *realPools) {
	want := status(s.d.Before.Section(t, "zpool-status"))
	if len(want["tank"]) != 4 || len(want["dpool"]) != 8 {
		t.Fatalf("the guest's pools are %v", want)
	}
	states := map[string]string{"ONLINE": "HEALTHY", "AVAIL": "HEALTHY"}
	for name, lines := range want {
		got := slices.DeleteFunc(records(t, s.Session, s.pool(name)+"::spa_vdevs -e"), func(r record) bool { return r.str("addr") == "-" })
		if len(got) != len(lines) {
			t.Fatalf("%s: devices %v, want %v", name, got, lines)
		}
		for i, r := range got {
			w, descr := lines[i], strings.TrimPrefix(r.str("description"), "/dev/")
			if base, _, _ := strings.Cut(w.name, "-"); descr != strings.TrimRight(base, "0123") && descr != w.name && (i > 0 || descr != "root") {
				t.Errorf("%s: device %d is %s, want %s", name, i, descr, w.name)
			}
			if state := cmp.Or(states[w.state], w.state); r.str("state") != state {
				t.Errorf("%s: %s is %s, want %s", name, w.name, r.str("state"), state)
			}
			for j, key := range []string{"read_errors", "write_errors", "checksum_errors"} {
				if j < len(w.errors) && r.str(key) != w.errors[j] {
					t.Errorf("%s: %s has %s %s, want %s", name, w.name, r.str(key), key, w.errors[j])
				}
			}
			if strings.HasPrefix(r.str("description"), "/dev/vda") && r.num(t, "write_ops") == 0 {
				t.Errorf("%s: nothing was written to %s", name, w.name)
			}
		}
		// what ::spa -v prints is the same, with headings
		out := s.Run(s.pool(name) + "::spa -v").OK().Out
		last := "IOCTL"
		if !strings.HasPrefix(s.version(), "2.1.") {
			last = "FLUSH"
		}
		if head := s.Run(s.pool(name) + "::spa_vdevs -e").OK().Out; !strings.Contains(head, "       CLAIM        "+last+"\n") {
			t.Errorf("kinds of I/O, without %s:\n%.400s", last, head)
		}
		for _, r := range got {
			if !strings.Contains(out, strings.TrimPrefix(r.str("addr"), "0x")+" "+r.str("state")) {
				t.Errorf("::spa -v has no %v:\n%s", r, out)
			}
		}
		guid := ""
		for _, f := range s.d.Before.Rows(t, "zpool-guid") {
			if f[0] == name && f[1] == "guid" {
				guid = f[2]
			}
		}
		n, err := strconv.ParseUint(guid, 10, 64)
		if out := s.Run(s.pool(name) + "::spa_config").OK().Out; err != nil || !strings.Contains(out, fmt.Sprintf("pool_guid=%016x", n)) {
			t.Errorf("::spa_config has no pool_guid %s (%v):\n%.300s", guid, err, out)
		}
	}
}

// TestGuestStatistics compares what an OFFLINE disk has done, which changes no more, with
// zpool iostat, which divides it all by the same time.
func TestGuestStatistics(t *testing.T) { onPools(t, testGuestStatistics) }

func testGuestStatistics(t *testing.T, s *realPools) {
	var want []float64 // reads and writes, bytes read and written, a second
	for _, f := range s.d.Before.Rows(t, "zpool-iostat") {
		if f[0] != "vdd1" {
			continue
		}
		for _, text := range f[3:] {
			unit := 1.0
			if n := strings.IndexByte("KMG", text[len(text)-1]); n >= 0 {
				text, unit = text[:len(text)-1], float64(uint64(1)<<(10*(n+1)))
			}
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, n*unit)
		}
	}
	if len(want) != 4 {
		t.Fatalf("zpool iostat says %v of vdd1", want)
	}
	for _, r := range records(t, s.Session, s.pool("dpool")+"::spa_vdevs -e") {
		if r.str("description") != "/dev/vdd1" {
			continue
		}
		seconds := float64(r.num(t, "write_bytes")) / want[3]
		for i, key := range []string{"read_ops", "write_ops", "read_bytes"} {
			if n := float64(r.num(t, key)) / seconds; n < want[i]*0.98-1 || n > want[i]*1.02+1 {
				t.Errorf("%s is %s in %.1f s, want %.0f a second", key, r.str(key), seconds, want[i])
			}
		}
		return
	}
	t.Error("dpool has no /dev/vdd1")
}

// TestGuestScans: one pool's scrub is held at its beginning, the other's has finished.
func TestGuestScans(t *testing.T) { onPools(t, testGuestScans) }

func testGuestScans(t *testing.T, s *realPools) {
	section := s.d.Before.Section(t, "zpool-status")
	total := regexp.MustCompile(`issued at \S+, (\S+) total|/ (\S+) issued`).FindStringSubmatch(section)
	done := regexp.MustCompile(`scrub repaired 0B in \S+ with 0 errors on ` + scanTime).FindStringSubmatch(section)
	since := regexp.MustCompile(`scrub in progress since ` + scanTime).FindStringSubmatch(section)
	if total == nil || done == nil || since == nil {
		t.Fatalf("zpool status says\n%s", section)
	}
	want := fmt.Sprintf("\n    scan: scrub in progress since %s, 0 scanned, 0 issued, %s in all, 0 repaired, 0 errors\n", ourTime(t, since), total[1]+total[2])
	if out := s.Run(s.pool("dpool") + "::spa -v").OK().Out; !strings.Contains(out, want) {
		t.Errorf("%s, want %s", out, want)
	}
	want = fmt.Sprintf("\n    scan: scrub finished %s, 0 repaired, 0 errors\n", ourTime(t, done))
	if out := s.Run(s.pool("tank") + "::spa -v").OK().Out; !strings.Contains(out, want) {
		t.Errorf("%s, want %s", out, want)
	}
}

// scanTime is a regular expression of what zpool status says of when a scan was.
const scanTime = `\w+ (\w+) +(\d+) (\S+) (\d+)`

// ourTime is what ::spa -v prints for what scanTime has matched: the guest's zone is UTC, we
// print our own.
func ourTime(t testing.TB, m []string) string {
	t.Helper()
	at, err := time.Parse("2006 Jan 2 15:04:05", fmt.Sprintf("%s %s %s %s", m[4], m[1], m[2], m[3]))
	if err != nil {
		t.Fatal(err)
	}
	return at.Local().Format("2006 Jan _2 15:04:05")
}

// free is a device's or pool's free space by zpool list -vp.
func free(t testing.TB, tr guest.Truth, name string) string {
	for _, f := range tr.Rows(t, "zpool-list-p") {
		if f[0] == name {
			return f[3]
		}
	}
	t.Fatalf("no %s in zpool list", name)
	return ""
}

func TestGuestSpace(t *testing.T) { onPools(t, testGuestSpace) }

func testGuestSpace(t *testing.T, s *realPools) {
	for name, devices := range map[string][]string{"tank": {"tank"}, "dpool": {"dpool", "vdf1"}} {
		want := [2]uint64{}
		for i, tr := range []guest.Truth{s.d.Before, s.d.After} {
			for _, dev := range devices {
				n, err := strconv.ParseUint(free(t, tr, dev), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				want[i] += n
			}
		}
		pool, space := s.pool(name), map[string]record{}
		for _, r := range records(t, s.Session, pool+"::spa_space -b") {
			space[r.str("name")] = r
		}
		// What was freed a while ago is kept; zpool list counts it as free.
		got := space["ms_allocatable"].num(t, "bytes")
		deferred := space["ms_deferspace"].num(t, "bytes") + space["ms_freed"].num(t, "bytes") + space["ms_freeing"].num(t, "bytes")
		if got > max(want[0], want[1])+inSync || got+deferred < min(want[0], want[1]) {
			t.Errorf("%s has %d bytes free and %d deferred, want %v", name, got, deferred, want)
		}
		used := ""
		for _, f := range s.d.Before.Rows(t, "zfs-list-p") {
			if f[0] == name {
				used = f[1]
			}
		}
		s.near(name+" used", space["dd_phys.dd_used_bytes"].num(t, "bytes"), used, s.used(name), inSync)

		// the segments of each metaslab's tree are as many and as long as the tree says
		loaded := 0
		for _, ms := range s.addrs(pool + "::walk metaslab") {
			tree := strings.Fields(s.Run(ms + "::print metaslab_t ms_allocatable").OK().Out)[2]
			head, rest, _ := strings.Cut(s.Run(tree+"::range_tree").OK().Out, "\n")
			var at, entries, bytes, sum uint64
			if _, err := fmt.Sscanf(head, "%x: range tree of %d entries, %d bytes", &at, &entries, &bytes); err != nil {
				t.Fatalf("::range_tree: %v in %q", err, head)
			}
			for line := range strings.Lines(rest) {
				var from, to, length uint64
				if _, err := fmt.Sscanf(strings.TrimSpace(line), "[%x %x) (length %x)", &from, &to, &length); err != nil || to-from != length {
					t.Errorf("::range_tree: %v in %q", err, line)
				}
				sum += length
			}
			if sum != bytes || uint64(strings.Count(rest, "\n")) != entries {
				t.Errorf("%s: %d segments with %d bytes, want %d, %d", tree, strings.Count(rest, "\n"), sum, entries, bytes)
			}
			if n := uint64(len(strings.Fields(s.Run(tree + "::walk zfs_btree").OK().Out))); n != entries {
				t.Errorf("%s: the B-tree has %d entries, want %d", tree, n, entries)
			}
			if entries > 0 {
				loaded++
			}
		}
		if loaded == 0 {
			t.Errorf("%s has no metaslab in memory", name)
		}
	}
	s.cloned("tank")
	active := 0
	for _, ms := range s.addrs(s.pool("tank") + "::walk metaslab") {
		at, _, _ := strings.Cut(s.Run(ms+"::print -a metaslab_t ms_weight").OK().Out, " ")
		if out := s.Run("0x" + at + "::metaslab_weight").OK().Out; strings.Contains(out, "P  SEGMENT") {
			active++
		}
	}
	if active != 1 {
		t.Errorf("%d metaslabs of tank are active for allocations, want 1", active)
	}
}

// cloned compares what zpool get says of cloned blocks, where OpenZFS has them.
func (s *realPools) cloned(pool string) {
	s.t.Helper()
	space := map[string]record{}
	for _, r := range records(s.t, s.Session, s.pool(pool)+"::spa_space -b") {
		space[r.str("name")] = r
	}
	rows := s.d.Before.Rows(s.t, "zpool-get")
	for property, name := range map[string]string{"bcloneused": "brt_usedspace", "bclonesaved": "brt_savedspace"} {
		i := slices.IndexFunc(rows, func(f []string) bool { return f[0] == pool && f[1] == property })
		switch {
		case i < 0 && space[name] != nil:
			s.t.Errorf("%s has no %s, but %v", pool, property, space[name])
		case i >= 0 && (rows[i][2] == "0" || space[name].str("bytes") != rows[i][2]):
			s.t.Errorf("%s has %s %s, but %v", pool, property, rows[i][2], space[name])
		}
	}
}

// used is what zfs list said afterwards.
func (s *realPools) used(name string) string {
	for _, f := range s.d.After.Rows(s.t, "zfs-list-p") {
		if f[0] == name {
			return f[1]
		}
	}
	s.t.Fatalf("no %s in zfs list", name)
	return ""
}
