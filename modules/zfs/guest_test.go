package zfs_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/linux"
	"github.com/xmdb/xmdb/modules/zfs"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// realPools is a real guest with OpenZFS, which said of itself what must be found.
type realPools struct {
	*modtest.Session
	t testing.TB
	d *guest.Dumped
}

func openGuest(t testing.TB) *realPools {
	t.Helper()
	d := guest.Dumps(t, guest.Main)
	return &realPools{openGuestDump(t, d.File(guest.ELF)), t, d}
}

func openGuestDump(t testing.TB, path string) *modtest.Session {
	t.Helper()
	target, err := linuxdump.Open(t.Context(), []string{path}, linuxdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return modtest.OpenTarget(t, target, linux.Module(), zfs.Module())
}

// record is a record in JSON; its numbers are as they are written.
type record map[string]any

func (r record) str(name string) string { return fmt.Sprint(r[name]) }

func (r record) num(t testing.TB, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(r.str(name), 0, 64)
	if err != nil {
		t.Fatalf("%s of %v: %v", name, r, err)
	}
	return n
}

func records(t testing.TB, s *modtest.Session, cmd string) (list []record) {
	t.Helper()
	s.Opts.JSON = true
	r := s.Run(cmd).OK()
	s.Opts.JSON = false
	for line := range strings.Lines(r.Out) {
		o, dec := record{}, json.NewDecoder(strings.NewReader(line))
		dec.UseNumber()
		if err := dec.Decode(&o); err != nil {
			t.Fatalf("%s: %v in %q", cmd, err, line)
		}
		list = append(list, o)
	}
	return list
}

// addrs are the addresses that a command pipes or prints, one a line.
func (s *realPools) addrs(cmd string) []string {
	s.t.Helper()
	list := strings.Fields(s.Run(cmd).OK().Out)
	if len(list) == 0 {
		s.t.Fatalf("%s: nothing", cmd)
	}
	return list
}

func (s *realPools) pool(name string) string {
	s.t.Helper()
	for _, r := range records(s.t, s.Session, "::spa") {
		if r.str("name") == name {
			return r.str("addr")
		}
	}
	s.t.Fatalf("no pool %s", name)
	return ""
}

// between fails unless a number lies between what the guest said before and after.
func (s *realPools) between(what string, got uint64, before, after string) {
	s.t.Helper()
	s.near(what, got, before, after, 0)
}

// inSync is by how many bytes what a pool uses, its own object set included, may change
// while a transaction group is written, to be as before at its end.
const inSync = 64 << 10

// near is between with some slack.
func (s *realPools) near(what string, got uint64, before, after string, slack uint64) {
	s.t.Helper()
	low, err := strconv.ParseUint(before, 0, 64)
	high, err2 := strconv.ParseUint(after, 0, 64)
	if err := cmp.Or(err, err2); err != nil {
		s.t.Fatal(what, err)
	}
	if got+slack < min(low, high) || got > max(low, high)+slack {
		s.t.Errorf("%s is %d, want %s to %s", what, got, before, after)
	}
}

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

func TestGuestDevices(t *testing.T) {
	s := openGuest(t)
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
func TestGuestStatistics(t *testing.T) {
	s := openGuest(t)
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
func TestGuestScans(t *testing.T) {
	s := openGuest(t)
	section := s.d.Before.Section(t, "zpool-status")
	total := regexp.MustCompile(`issued at \S+, (\S+) total`).FindStringSubmatch(section)
	done := regexp.MustCompile(`scrub repaired 0B in \S+ with 0 errors on \w+ (\w+) +(\d+) (\S+) (\d+)`).FindStringSubmatch(section)
	since := regexp.MustCompile(`scrub in progress since \w+ (\w+) +(\d+) (\S+) (\d+)`).FindStringSubmatch(section)
	if total == nil || done == nil || since == nil {
		t.Fatalf("zpool status says\n%s", section)
	}
	when := func(m []string) string { // the guest's zone is UTC, we print our own
		at, err := time.Parse("2006 Jan 2 15:04:05", fmt.Sprintf("%s %s %s %s", m[4], m[1], m[2], m[3]))
		if err != nil {
			t.Fatal(err)
		}
		return at.Local().Format("2006 Jan _2 15:04:05")
	}
	want := fmt.Sprintf("\n    scan: scrub in progress since %s, 0 scanned, 0 issued, %s in all, 0 repaired, 0 errors\n", when(since), total[1])
	if out := s.Run(s.pool("dpool") + "::spa -v").OK().Out; !strings.Contains(out, want) {
		t.Errorf("%s, want %s", out, want)
	}
	want = fmt.Sprintf("\n    scan: scrub finished %s, 0 repaired, 0 errors\n", when(done))
	if out := s.Run(s.pool("tank") + "::spa -v").OK().Out; !strings.Contains(out, want) {
		t.Errorf("%s, want %s", out, want)
	}
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

func TestGuestSpace(t *testing.T) {
	s := openGuest(t)
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

func TestGuestDatasets(t *testing.T) {
	s := openGuest(t)
	type listed struct{ used, refer, kind, guid string }
	read := func(tr guest.Truth) map[string]listed {
		m := map[string]listed{}
		for _, f := range tr.Rows(t, "zfs-list-p") {
			if len(f) == 8 && f[0] != "NAME" {
				m[f[0]] = listed{f[1], f[3], f[5], f[6]}
			}
		}
		return m
	}
	before, after := read(s.d.Before), read(s.d.After)
	got := map[string]record{}
	for _, r := range records(t, s.Session, "::zfs_datasets -s") {
		name := r.str("name")
		if got[name] != nil {
			t.Errorf("%s is there twice", name)
		}
		got[name] = r
		b, a := before[name], after[name]
		if a.guid == "" {
			t.Errorf("there is no %s", name)
			continue
		}
		if r.str("guid") != a.guid {
			t.Errorf("%s: GUID %s, want %s", name, r.str("guid"), a.guid)
		}
		if kind := map[string]string{"filesystem": "fs", "snapshot": "snap", "volume": "vol"}[a.kind]; r.str("type") != kind {
			t.Errorf("%s is %s, want %s", name, r.str("type"), kind)
		}
		slack := uint64(0)
		if !strings.ContainsAny(name, "/@") {
			slack = inSync
		}
		s.near(name+" used", r.num(t, "used"), b.used, a.used, slack)
		s.between(name+" referenced", r.num(t, "refer"), b.refer, a.refer)
	}
	snapshots := 0
	for name, w := range after {
		switch {
		case w.kind == "filesystem" && got[name] == nil: // mounted
			t.Errorf("file system %s is missing", name)
		case w.kind == "snapshot" && got[name] != nil:
			snapshots++
		}
	}
	if snapshots == 0 {
		t.Error("no snapshot was found")
	}
	if out := s.Run("::zfs_datasets -v tank/home/clone").OK().Out; !strings.Contains(out, "origin tank/home/alice@one") {
		t.Errorf("the clone:\n%s", out)
	}
}

func TestGuestTxgs(t *testing.T) {
	s := openGuest(t)
	for _, r := range records(t, s.Session, "::txg_state") {
		open := func(tr guest.Truth) (txg string) {
			for _, f := range tr.Rows(t, "txgs-"+r.str("pool")) {
				if len(f) > 2 && f[2] == "O" {
					txg = f[0]
				}
			}
			return txg
		}
		s.between(r.str("pool")+" open", r.num(t, "open"), open(s.d.Before), open(s.d.After))
		if r.num(t, "synced") >= r.num(t, "open") || r.num(t, "synced")+3 < r.num(t, "open") {
			t.Errorf("%s: txg %s is open, %s was synced", r.str("pool"), r.str("open"), r.str("synced"))
		}
		// a group is open for zfs_txg_timeout at most, and some time for the guest to be slow
		if ms, err := strconv.Atoi(strings.TrimSuffix(r.str("age"), "ms")); err != nil || ms < 0 || ms > 60000 {
			t.Errorf("%s: open for %s", r.str("pool"), r.str("age"))
		}
	}
	out := s.Run("::txg_state -v").OK().Out
	if strings.Count(out, "zfs`txg_sync_thread+") != 2 || strings.Count(out, "zfs`txg_quiesce_thread+") != 2 {
		t.Errorf("threads:\n%s", out)
	}
}

func TestGuestLog(t *testing.T) {
	s := openGuest(t)
	lines := func(tr guest.Truth) (list []string) {
		for line := range strings.Lines(tr.Section(t, "dbgmsg")) {
			if _, text, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "   "); ok && !strings.HasPrefix(line, "timestamp") {
				list = append(list, text)
			}
		}
		return list
	}
	before, after := lines(s.d.Before), lines(s.d.After)
	got := strings.Split(strings.TrimRight(s.Run("::zfs_dbgmsg").OK().Out, "\n"), "\n")
	if len(before) < 50 || len(got) < len(before) || len(got) > len(after) {
		t.Fatalf("%d messages, want %d to %d", len(got), len(before), len(after))
	}
	for i, text := range got {
		if text != after[i] {
			t.Fatalf("message %d is %q, want %q", i, text, after[i])
		}
	}
	first := strings.Fields(s.d.Before.Rows(t, "dbgmsg")[1][0])[0]
	if r := records(t, s.Session, "::zfs_dbgmsg")[0]; r.str("time") != first {
		t.Errorf("the first message is of %s, want %s", r.str("time"), first)
	}
}

func TestGuestArc(t *testing.T) {
	s := openGuest(t)
	got := map[string]string{}
	for _, r := range records(t, s.Session, "::arc") {
		got[r.str("name")] = r.str("value")
	}
	rows, checked := s.d.Before.Rows(t, "arcstats"), 0
	for _, f := range rows[2:] {
		name, before := f[0], f[2]
		n, err := strconv.ParseInt(got[name], 0, 64)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		low, _ := strconv.ParseInt(before, 0, 64)
		high, _ := strconv.ParseInt(s.d.After.Value(t, "arcstats", name), 0, 64)
		low, high = min(low, high), max(low, high)
		// Free memory and sizes go up and down meanwhile.
		slack := int64(0)
		switch {
		case strings.HasPrefix(name, "memory_"), name == "p", name == "c":
			slack = 8 << 20
		case strings.Contains(name, "size") || strings.Contains(name, "evictable") || strings.Contains(name, "meta_"):
			slack = 1 << 20
		case strings.HasPrefix(name, "hash_") || strings.HasPrefix(name, "anon_"):
			slack = 64
		}
		if n < low-slack || n > high+slack {
			t.Errorf("%s is %d, want %d to %d", name, n, low, high)
		}
		checked++
	}
	if checked < 100 || len(got) != checked {
		t.Errorf("%d statistics, the guest has %d", len(got), checked)
	}
	if hits := s.Run("::arc -b").OK().Out; !strings.Contains(hits, "\nc_max                     = 100663296 B\n") {
		t.Errorf("::arc -b:\n%s", hits)
	}
}

func TestGuestDbufs(t *testing.T) {
	s := openGuest(t)
	elements, err := strconv.Atoi(s.d.After.Value(t, "dbufstats", "hash_elements"))
	before, err2 := strconv.Atoi(s.d.Before.Value(t, "dbufstats", "hash_elements"))
	if err := cmp.Or(err, err2); err != nil {
		t.Fatal(err)
	}
	var n int
	_, rest, _ := strings.Cut(s.Run("::dbuf_stats").OK().Out, "buckets, ")
	if _, err := fmt.Sscanf(rest, "%d dbufs", &n); err != nil || n < min(before, elements)-64 || n > max(before, elements)+64 {
		t.Errorf("%d dbufs (%v), want %d to %d", n, err, before, elements)
	}
	if all := len(s.addrs("::dbufs")); all < n {
		t.Errorf("::dbufs has %d, the hash table %d", all, n)
	}
	for _, a := range s.addrs("::dbufs -n tank/home/bob") {
		if out := s.Run(a + "::dbuf").OK().Out; !strings.Contains(out, "tank/home/bob\n") {
			t.Errorf("::dbufs -n gave\n%s", out)
		}
	}
}

func TestGuestParameters(t *testing.T) {
	s := openGuest(t)
	got := map[string]record{}
	for _, r := range records(t, s.Session, "::zfs_params") {
		got[r.str("name")] = r
	}
	checked := 0
	for line := range strings.Lines(s.d.Before.Section(t, "zfs-parameters")) {
		path, want, _ := strings.Cut(strings.TrimSpace(line), ":")
		name := path[strings.LastIndexByte(path, '/')+1:]
		r := got[name]
		if r == nil || r.str("module") != "zfs" {
			t.Errorf("parameter %s: %v", name, r)
			continue
		}
		if r.str("value") != strings.TrimSpace(want) && r.str("type") != "?" {
			t.Errorf("%s is %s, want %s", name, r.str("value"), want)
		}
		if r.str("type") == "?" && name != "zfs_vdev_raidz_impl" {
			t.Errorf("the type of %s is not known", name)
		}
		checked++
	}
	if checked < 200 {
		t.Errorf("%d parameters", checked)
	}
	for name, want := range map[string]string{"spl_hostid_path": "/etc/hostid", "spl_taskq_thread_priority": "1"} {
		if got[name].str("value") != want {
			t.Errorf("%s: %v, want %s", name, got[name], want)
		}
	}
}
