package zfs_test

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures/guest"
)

func TestGuestTxgs(t *testing.T) { onPools(t, testGuestTxgs) }

func testGuestTxgs(t *testing.T, s *realPools) {
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

func TestGuestLog(t *testing.T) { onPools(t, testGuestLog) }

func testGuestLog(t *testing.T, s *realPools) {
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

func TestGuestArc(t *testing.T) { onPools(t, testGuestArc) }

func testGuestArc(t *testing.T, s *realPools) {
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
		case strings.Contains(name, "size") || strings.Contains(name, "meta_") || strings.HasSuffix(name, "data"):
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

func TestGuestDbufs(t *testing.T) { onPools(t, testGuestDbufs) }

func testGuestDbufs(t *testing.T, s *realPools) {
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

func TestGuestParameters(t *testing.T) { onPools(t, testGuestParameters) }

func testGuestParameters(t *testing.T, s *realPools) {
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
		if r.str("type") == "?" && !strings.HasSuffix(name, "_impl") && !strings.HasPrefix(name, "zio_taskq_") {
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
