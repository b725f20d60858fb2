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

func TestFiles(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		stable := s.stats()
		want, pid := map[string]map[string]string{}, ""
		for line := range strings.Lines(s.d.Before.Section(t, "fds")) {
			line = strings.TrimSpace(line)
			if m := regexp.MustCompile(`^/proc/(\d+)/fd:$`).FindStringSubmatch(line); m != nil {
				pid = m[1]
				want[pid] = map[string]string{}
			} else if fd, path, ok := strings.Cut(line, " -> "); ok {
				want[pid][fd] = strings.TrimSuffix(path, " (deleted)")
			}
		}
		checked := 0
		for pid, files := range want {
			if st, ok := stable[pid]; !ok || len(files) == 0 || st.comm == "init" || st.comm == "sh" {
				continue // a shell opens and closes files all the time
			}
			got := map[string]string{}
			for _, r := range s.rows("0t" + pid + "::pid2proc | ::files") {
				got[r.str("fd")] = r.str("path")
			}
			if !maps.Equal(got, files) {
				t.Errorf("process %s (%s) has %v, want %v", pid, stable[pid].comm, got, files)
			}
			checked++
		}
		if checked < 10 {
			t.Errorf("%d processes with files only", checked)
		}
		var mounts []string
		for _, r := range s.rows("::mounts") {
			mounts = append(mounts, r.str("source")+" "+r.str("path")+" "+r.str("type"))
		}
		var listed []string
		for _, f := range s.d.Before.Rows(t, "mounts") {
			listed = append(listed, strings.Join(f[:3], " "))
		}
		slices.Sort(mounts)
		slices.Sort(listed)
		if !slices.Equal(mounts, listed) {
			t.Errorf("mounts\n%q\nwant\n%q", mounts, listed)
		}
	})
}

func TestModules(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		var got, want []string
		for _, r := range s.rows("::modinfo") {
			got = append(got, fmt.Sprintf("%s %s %s %s %s", r.str("name"), r.str("size"), r.str("refs"), r.str("state"), strings.TrimPrefix(r.str("text"), "0x")))
		}
		for _, f := range s.d.Before.Rows(t, "modules") {
			name := f[0]
			if users := strings.TrimSuffix(f[3], ","); users != "-" {
				name += " (" + users + ")"
			}
			want = append(want, fmt.Sprintf("%s %s %s %s %s", name, f[1], f[2], f[4], strings.TrimPrefix(f[5], "0x")))
		}
		if !slices.Equal(got, want) {
			t.Errorf("modules\n%q\nwant\n%q", got, want)
		}
	})
}

func TestLog(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		var got []string
		for _, r := range s.rows("::dmesg") {
			for line := range strings.SplitSeq(r.str("text"), "\n") {
				seconds, micros, _ := strings.Cut(r.str("time"), ".")
				got = append(got, fmt.Sprintf("[%5s.%s] %s", seconds, micros, line))
			}
		}
		want := strings.Split(s.d.Before.Section(t, "dmesg"), "\n")
		for i, line := range want {
			line = strings.TrimRight(line, "\r")
			if line == "" {
				continue
			}
			if i >= len(got) || got[i] != line {
				t.Fatalf("line %d is %q, want %q", i+1, got[min(i, len(got)-1)], line)
			}
		}
		if len(want) < 100 {
			t.Errorf("a log of %d lines", len(want))
		}
	})
}

func TestSlabs(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		type counts struct{ active, total, slabs string }
		read := func(tr guest.Truth) map[string]counts {
			found := map[string]counts{}
			for _, f := range tr.Rows(t, "slabinfo") {
				if len(f) > 14 && f[0] != "#" {
					found[f[0]] = counts{f[1], f[2], f[14]}
				}
			}
			return found
		}
		before, after := read(s.d.Before), read(s.d.After)
		got, addr := map[string]counts{}, map[string]string{}
		for _, r := range s.rows("::slabs") {
			got[r.str("name")] = counts{r.str("active"), r.str("objects"), r.str("slabs")}
			addr[r.str("name")] = r.str("addr")
		}
		same := 0
		for name, want := range before {
			if want != after[name] {
				continue
			}
			if got[name] != want {
				t.Errorf("cache %s: %v, want %v", name, got[name], want)
			}
			same++
		}
		if same < 50 {
			t.Errorf("%d caches only did not change", same)
		}
		// the objects of a cache are those that the tasks are
		tasks := map[string]bool{}
		for line := range strings.Lines(s.Run(addr["task_struct"] + "::walk slab_object").OK().Out) {
			tasks[strings.TrimSpace(line)] = true
		}
		for _, r := range s.rows("::thread") {
			if a := r.str("addr"); !tasks[a] && r.str("name") != "swapper/0" { // which is in the image
				t.Errorf("task %s (%s) is not an object of task_struct", a, r.str("name"))
			}
		}
		total := strings.Count(s.Run(addr["task_struct"]+"::walk slab_free").OK().Out, "\n") + len(tasks)
		if fmt.Sprint(total) != got["task_struct"].total {
			t.Errorf("task_struct has %d objects in use or free, %s in all", total, got["task_struct"].total)
		}
	})
}

func TestMeminfo(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		got := map[string]int{}
		for _, r := range s.rows("::meminfo") {
			got[r.str("what")] = r.num(t, "kb")
		}
		const slack = 2048 // kB that come and go as the guest is asked
		for label, name := range map[string]string{
			"Total": "MemTotal", "Free": "MemFree", "Anon mapped": "AnonPages", "Files mapped": "Mapped", "Shared memory": "Shmem",
			"Slab reclaimable": "SReclaimable", "Slab unreclaimable": "SUnreclaim", "Kernel stacks": "KernelStack", "Page tables": "PageTables",
		} {
			low, high := s.kb(s.d.Before, name), s.kb(s.d.After, name)
			if low > high {
				low, high = high, low
			}
			if n := got[label]; n < low-slack || n > high+slack || label == "Total" && n != low {
				t.Errorf("%s: %d kB, want %d to %d", label, n, low, high)
			}
		}
	})
}

func (s *subject) kb(tr guest.Truth, name string) int {
	for _, f := range tr.Rows(s.t, "meminfo") {
		if f[0] == name+":" {
			n, _ := strconv.Atoi(f[1])
			return n
		}
	}
	s.t.Fatalf("no %s in meminfo", name)
	return 0
}

func TestInterrupts(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		read := func(tr guest.Truth) map[string]int {
			found := map[string]int{}
			for _, f := range tr.Rows(t, "interrupts") {
				if _, err := strconv.Atoi(strings.TrimSuffix(f[0], ":")); err != nil || !strings.HasSuffix(f[0], ":") {
					continue
				}
				sum := 0
				for i := range len(f) - 1 {
					if _, err := strconv.Atoi(f[1+i]); err != nil {
						break
					}
					n, _ := strconv.Atoi(f[1+i])
					sum += n
				}
				found[strings.TrimSuffix(f[0], ":")] = sum
			}
			return found
		}
		before, after := read(s.d.Before), read(s.d.After)
		got := map[string]int{}
		for _, r := range s.rows("::irqs -a") {
			got[r.str("irq")] = r.num(t, "count")
		}
		for irq, low := range before {
			if n, ok := got[irq]; !ok || n < low || n > after[irq] {
				t.Errorf("interrupt %s: %d (%v), want %d to %d", irq, n, ok, low, after[irq])
			}
		}
		if len(before) < 5 {
			t.Errorf("%d interrupts only", len(before))
		}
	})
}

func TestBlocked(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		who := func(key string) string { return s.d.Before.Value(t, "blocked.out", key) }
		addr := func(id string) string { return s.rows("0t" + id + "::pid2proc")[0].str("addr") }
		for kind, key := range map[string]string{"mutex": "mutex-waiter", "rwsem": "rwsem-waiter", "pipe": "pipe-reader"} {
			want, found := addr(who(key)), false
			for _, r := range s.rows("::stacks -s " + kind) {
				found = found || slices.Contains(r["threads"].([]any), any(want))
				if r.str("sobj") != strings.ToUpper(kind) {
					t.Errorf("::stacks -s %s: a group of %s", kind, r.str("sobj"))
				}
			}
			if !found {
				t.Errorf("::stacks -s %s does not show thread %s", kind, who(key))
			}
		}
		out := s.Run(addr(who("mutex-waiter")) + "::findstack").OK().Out
		if !strings.Contains(out, "__mutex_lock") {
			t.Errorf("stack of the mutex' waiter:\n%s", out)
		}
		// all threads of all groups are all threads
		n := 0
		for _, r := range s.rows("::stacks") {
			n += r.num(t, "count")
		}
		if all := len(s.rows("::thread")); n != all {
			t.Errorf("::stacks has %d threads, ::thread %d", n, all)
		}
	})
}
