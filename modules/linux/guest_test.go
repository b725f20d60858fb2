package linux

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// subject is a real kernel's dump, with what its own tools said of it.
type subject struct {
	*modtest.Session
	t testing.TB
	d *guest.Dumped
}

// eachGuest runs a test on every kernel there is.
func eachGuest(t *testing.T, test func(t *testing.T, s *subject)) {
	for name, m := range map[string]guest.Machine{
		"main": guest.Main, "fourlevel": guest.FourLevel, "generic": guest.GenericKernel, "backports": guest.BackportsKernel,
	} {
		t.Run(name, func(t *testing.T) {
			d := guest.Dumps(t, m)
			test(t, &subject{openGuest(t, d), t, d})
		})
	}
}

func openGuest(t testing.TB, d *guest.Dumped) *modtest.Session {
	t.Helper()
	target, err := linuxdump.Open(t.Context(), []string{d.File(guest.ELF)}, linuxdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return modtest.OpenTarget(t, target, Module())
}

// row is a record in JSON.
type row map[string]any

// rows runs a command and gives its records.
func (s *subject) rows(cmd string) []row {
	s.t.Helper()
	s.Opts.JSON = true
	r := s.Run(cmd).OK()
	s.Opts.JSON = false
	var list []row
	for line := range strings.Lines(r.Out) {
		o := row{}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			s.t.Fatalf("%s: %v in %q", cmd, err, line)
		}
		list = append(list, o)
	}
	return list
}

func (r row) str(name string) string {
	switch v := r[name].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

func (r row) num(t testing.TB, name string) int {
	t.Helper()
	n, err := strconv.ParseInt(r.str(name), 0, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return int(n)
}

// stat is a line of /proc/PID/task/TID/stat.
type stat struct {
	comm                 string
	ppid, group, session string
	flags                string
	pid                  string // of the process
}

var statLine = regexp.MustCompile(`^/proc/(\d+)/task/(\d+)/stat:\d+ \((.*)\) (\S) (\d+) (\d+) (\d+) \S+ \S+ (\d+) `)

// stats are the threads that were there before and after the machine was stopped.
func (s *subject) stats() map[string]stat {
	read := func(tr guest.Truth) map[string]stat {
		found := map[string]stat{}
		for line := range strings.Lines(tr.Section(s.t, "task-stat")) {
			if m := statLine.FindStringSubmatch(line); m != nil {
				found[m[2]] = stat{comm: m[3], ppid: m[5], group: m[6], session: m[7], flags: m[8], pid: m[1]}
			}
		}
		return found
	}
	all, later := read(s.d.Before), read(s.d.After)
	maps.DeleteFunc(all, func(id string, b stat) bool { a, ok := later[id]; return !ok || a.group != b.group || a.ppid != b.ppid })
	if len(all) < 50 {
		s.t.Fatalf("the guest named %d threads only", len(all))
	}
	return all
}

func TestProcesses(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		got := map[string]row{}
		for _, r := range s.rows("::ps -f") {
			got[r.str("pid")] = r
		}
		threads := map[string]row{}
		for _, r := range s.rows("::thread") {
			threads[r.str("tid")] = r
		}
		cmdline := map[string]string{}
		for line := range strings.Lines(s.d.Before.Section(t, "cmdlines")) {
			pid, args, _ := strings.Cut(strings.TrimPrefix(line, "/proc/"), ":")
			cmdline[pid] = strings.TrimSpace(args)
		}
		for id, want := range s.stats() {
			th, ok := threads[id]
			if !ok {
				t.Errorf("thread %s (%s) is missing", id, want.comm)
				continue
			}
			// a worker's name in /proc tells its queue, too
			if name := th.str("name"); !strings.HasPrefix(want.comm, name) && !strings.HasPrefix(name, want.comm) {
				t.Errorf("thread %s is %q, want %q", id, name, want.comm)
			}
			if id != want.pid {
				continue
			}
			p := got[id]
			if p.str("ppid") != want.ppid || p.str("pgid") != want.group || p.str("sid") != want.session {
				t.Errorf("process %s: parent %v group %v session %v, want %s %s %s", id, p["ppid"], p["pgid"], p["sid"], want.ppid, want.group, want.session)
			}
			if args := cmdline[id]; args != "" && args != p.str("name") {
				t.Errorf("process %s: arguments %q, want %q", id, p.str("name"), args)
			}
		}
		before, after := s.d.Before.Section(t, "pids"), s.d.After.Section(t, "pids")
		for id := range got {
			if id != "0" && !slices.Contains(strings.Fields(before+after), id) {
				t.Errorf("there was no process %s", id)
			}
		}
		init := s.rows("1::pid2proc")
		if len(init) != 1 || init[0].str("addr") != got["1"].str("addr") {
			t.Errorf("1::pid2proc: %v, want %v", init, got["1"])
		}
		// each process is below its parent in the tree, and every one is in it
		depth := map[string]int{}
		for _, r := range s.rows("::ptree") {
			depth[r.str("pid")] = r.num(t, "depth")
		}
		for id, p := range got {
			up, ok := depth[p.str("ppid")]
			if d, there := depth[id]; !there || ok && id != "0" && d != up+1 {
				t.Errorf("process %s at depth %d (%v) in the tree, its parent %s at %d", id, d, there, p.str("ppid"), up)
			}
		}
	})
}

// zones works the containers out of what /proc says of cgroups and pid namespaces.
func (s *subject) zones() map[string]string {
	space, pid := map[string]string{}, ""
	for line := range strings.Lines(s.d.Before.Section(s.t, "namespaces")) {
		if m := regexp.MustCompile(`^/proc/(\d+)/`).FindStringSubmatch(line); m != nil {
			pid = m[1]
		}
		if m := regexp.MustCompile(`(?:^|/)pid pid:\[(\d+)\]`).FindStringSubmatch(line); m != nil {
			space[pid] = m[1]
		}
	}
	zones, lxc := map[string]string{}, map[string]string{}
	group := map[string]string{}
	for line := range strings.Lines(s.d.Before.Section(s.t, "cgroup")) {
		m := regexp.MustCompile(`^/proc/(\d+)/cgroup:0::(.*)`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		pid, path := m[1], m[2]
		group[pid] = path
		zones[pid] = globalZone
		if id := regexp.MustCompile(`[0-9a-f]{64}`).FindString(path); id != "" {
			zones[pid] = id[:12]
		} else if space[pid] != space["1"] {
			zones[pid] = space[pid]
			if strings.Contains(path, "lxc.payload") {
				lxc[path] = space[pid]
			}
		}
	}
	for pid, path := range group {
		if id := lxc[path]; id != "" {
			zones[pid] = id
		}
	}
	return zones
}

func TestContainers(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		want := s.zones()
		if n := len(slices.Compact(slices.Sorted(maps.Values(want)))); n < 4 {
			t.Fatalf("the guest has %d containers only", n)
		}
		count, stable := map[string]int{}, s.stats()
		for _, r := range s.rows("::ps -zn") {
			zone, pid := r.str("zone"), r.str("pid")
			count[zone]++
			if _, ok := stable[pid]; ok && want[pid] != "" && zone != want[pid] {
				t.Errorf("process %s is in %s, want %s", pid, zone, want[pid])
			}
		}
		for _, r := range s.rows("::zone") {
			if n := r.num(t, "processes"); n != count[r.str("id")] {
				t.Errorf("container %s has %d processes, ::ps -z shows %d", r.str("id"), n, count[r.str("id")])
			}
			delete(count, r.str("id"))
		}
		if len(count) > 0 {
			t.Errorf("::zone lacks %v", count)
		}
	})
}
