package linux

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/modules/kernel"
)

// blocker is one of the threads of the program blocked, by what it prints.
func (s *subject) blocker(name string) (id, addr string) {
	s.t.Helper()
	id = s.d.Before.Value(s.t, "blocked.out", name)
	return id, s.rows("0t" + id + "::pid2proc")[0].str("addr")
}

// started is when a thread began, in seconds since boot.
func (s *subject) started(id string) float64 {
	s.t.Helper()
	m := regexp.MustCompile(`(?m)^/proc/\d+/task/` + id + `/stat:\d+ \(.*\) \S( \S+){18} (\d+) `).FindStringSubmatch(s.d.Before.Section(s.t, "task-stat"))
	if m == nil {
		s.t.Fatalf("the guest did not say when thread %s began", id)
	}
	ticks, _ := strconv.ParseFloat(m[2], 64)
	return ticks / 100
}

func TestStuckThreads(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		v := kernel.Of(s.Session.Session)
		uptime := func(tr guest.Truth, section string) (at float64) {
			fmt.Sscan(tr.Section(t, section), &at)
			return at
		}
		low, high := uptime(s.d.Before, "uptime-after"), uptime(s.d.After, "uptime-after")
		rows := map[string]row{}
		for _, r := range s.rows("::blocked -v") {
			rows[r.str("tid")] = r
		}
		late := map[string]float64{}
		for _, kind := range []string{"mutex", "rwsem"} {
			id, waiter := s.blocker(kind + "-waiter")
			ownerID, owner := s.blocker(kind + "-owner")
			r, lock := rows[id], s.findLock(v, mustNumber(t, waiter), kind)
			if r.str("addr") != waiter || r.str("state") != "D" || r.str("waits") != kind || r.str("owner") != owner || r.str("on") != fmt.Sprintf("0x%x", lock) {
				t.Errorf("%v, want that %s waits for the %s %x of %s", r, waiter, kind, lock, owner)
				continue
			}
			slept, err := strconv.ParseFloat(r.str("for"), 64)
			if start := s.started(id); err != nil || slept > high-start+1 || slept < low-start-1 {
				t.Errorf("thread %s has slept for %s s, and began at %v; the dump is of %v to %v", id, r.str("for"), start, low, high)
			}
			late[kind] = slept + s.started(id)
			chain := r["chain"].([]any)
			if len(chain) != 1 || row(chain[0].(map[string]any)).str("tid") != ownerID || row(chain[0].(map[string]any)).str("waits") != "fault" {
				t.Errorf("chain %v, want thread %s, which waits for a page", chain, ownerID)
			}
			s.Run(waiter + "::findstack -v").OK().Match(fmt.Sprintf(`state DISK, CPU \d+, waits for %s %x, which %s \(%s-owner\) holds$`, kind, lock, strings.TrimPrefix(owner, "0x"), kind))
			s.Run("::blocked -v").OK().Match(fmt.Sprintf(`held by %s %s %s-owner: SLEEP for [0-9.]+ s, waits for fault`, strings.TrimPrefix(owner, "0x"), ownerID, kind))
		}
		// both fell asleep as soon as they began
		if math.Abs(late["mutex"]-late["rwsem"]) > 1 {
			t.Errorf("the dump is of %v s by one thread and of %v s by another", late["mutex"], late["rwsem"])
		}
		// a thread that waits for something else is told when asked for
		_, reader := s.blocker("pipe-reader")
		if r := s.rows(reader + "::blocked")[0]; r.str("waits") != "pipe" || r.str("on") == "0x0" {
			t.Errorf("reader of a pipe: %v", r)
		} else {
			s.Run(r.str("on") + "::waitq").OK().Match(" pipe-reader ")
		}
		// and what it lists are those that sleep so, as the guest says
		for id, r := range rows {
			if r.str("state") != "D" && !slices.Contains(lockKinds, r.str("waits")) {
				t.Errorf("thread %s is not stuck: %v", id, r)
			}
		}
		both := s.d.After.Section(t, "task-stat")
		for _, m := range regexp.MustCompile(`(?m)^/proc/\d+/task/(\d+)/stat:\d+ \(.*\) D `).FindAllStringSubmatch(s.d.Before.Section(t, "task-stat"), -1) {
			if regexp.MustCompile(`(?m)^/proc/\d+/task/`+m[1]+`/stat:\d+ \(.*\) D `).MatchString(both) && rows[m[1]] == nil {
				t.Errorf("thread %s is in an uninterruptible sleep and not listed", m[1])
			}
		}
	})
}

// TestDeadlock has a thread wait for a mutex that it holds itself.
func TestDeadlock(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	session, m := modtest.OpenSpoilt(t, d.File(guest.ELF), Module())
	s := &subject{session, t, d}
	k, err := kernelOf(s.Session.Session)
	if err != nil {
		t.Fatal(err)
	}
	_, waiter := s.blocker("mutex-waiter")
	thread := mustNumber(t, waiter)
	owner, err := kernel.Of(s.Session.Session).Member("struct mutex", "owner")
	if err != nil {
		t.Fatal(err)
	}
	pa, err := k.Translate(s.findLock(kernel.Of(s.Session.Session), thread, "mutex") + owner.Off)
	if err != nil {
		t.Fatal(err)
	}
	if out := s.Run(waiter + "::blocked -v").OK().Out; strings.Contains(out, "deadlock") {
		t.Errorf("it is none yet:\n%s", out)
	}
	m.Words[pa] = thread | 1 // there are waiters
	s.Reread()
	s.Run(waiter + "::blocked -v").OK().Match("held by " + waiter[2:] + ` \d+ mutex-waiter: DISK for `).Match("a deadlock: each waits for what the next one holds$")
}

// TestInteresting: ::stacks -i leaves what waits for work and has what is stuck.
func TestInteresting(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		threads := map[string]bool{}
		for _, r := range s.rows("::stacks -i") {
			state, sobj := r.str("state"), strings.ToLower(r.str("sobj"))
			if state != "DISK" && state != "RUN" && state != "ONCPU" && !(state == "SLEEP" && slices.Contains(lockKinds, sobj)) {
				t.Errorf("threads that are %s and wait for %s", state, sobj)
			}
			for _, a := range r["threads"].([]any) {
				threads[a.(string)] = true
			}
		}
		for _, name := range []string{"mutex-waiter", "rwsem-waiter"} {
			if _, a := s.blocker(name); !threads[a] {
				t.Errorf("%s is left out", name)
			}
		}
		for _, r := range s.rows("::cpuinfo") {
			if r.str("flags") == "I" && threads[r.str("thread")] {
				t.Errorf("CPU %s has nothing to do", r.str("id"))
			}
		}
		if n, all := len(threads), len(s.rows("::thread")); n > all/2 {
			t.Errorf("%d threads of %d may be stuck", n, all)
		}
	})
}

// TestPerCPURwsem looks at a semaphore whose readers count on their CPUs, with nobody in
// it, with readers on two CPUs, and with a writer.
func TestPerCPURwsem(t *testing.T) {
	d := guest.Dumps(t, guest.Main)
	s, m := modtest.OpenSpoilt(t, d.File(guest.ELF), Module())
	v := kernel.Of(s.Session)
	k, err := kernelOf(s.Session)
	if err != nil {
		t.Fatal(err)
	}
	at, err := address(v, "cgroup_threadgroup_rwsem")
	if err != nil {
		t.Fatal(err)
	}
	// set changes the four bytes at an address.
	set := func(addr uint64, n uint32) {
		t.Helper()
		_, pa, ok := strings.Cut(strings.TrimSpace(s.Run(fmt.Sprintf("%#x::vtop", addr&^7)).OK().Out), "physical ")
		p, err := strconv.ParseUint(pa, 16, 64)
		if !ok || err != nil {
			t.Fatalf("%x is mapped to %q", addr, pa)
		}
		word, err := v.Pointer(addr &^ 7)
		if err != nil {
			t.Fatal(err)
		}
		shift := addr & 4 * 8
		m.Words[p] = word&^(0xffffffff<<shift) | uint64(n)<<shift
		s.Reread()
	}
	field := func(name string) uint64 {
		f, err := v.Member("struct percpu_rw_semaphore", name)
		if err != nil {
			t.Fatal(err)
		}
		return at + f.Off
	}
	counts, err := v.Pointer(field("read_count"))
	if err != nil {
		t.Fatal(err)
	}
	on := func(cpu int) uint64 {
		a, err := k.PerCPU(counts, cpu)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	want := func(text string) {
		t.Helper()
		s.Run("cgroup_threadgroup_rwsem::rwsem").OK().Match(fmt.Sprintf(`^%016x %s$`, at, text))
	}
	want(`no +0 0+ - +0`)
	set(on(0), 3)
	set(on(1), 0xffffffff) // one left on another CPU than it came on
	want(`reader +2 0+ - +0`)
	set(on(0), 1)
	set(field("block.counter"), 1)
	want(`writer +0 0+ - +0`)
	_, err = address(v, "init_task")
	if err != nil {
		t.Fatal(err)
	}
	// what is no lock is said to be none
	for _, cmd := range []string{"init_task+10::mutex", "init_task+10::rwsem"} {
		if r := s.Run(cmd); r.Status == nil || r.Err == "" {
			t.Errorf("%s: %s%s", cmd, r.Out, r.Err)
		}
	}
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

// TestCompletion asks what words behind options may become.
func TestCompletion(t *testing.T) {
	s := openGuest(t, guest.Dumps(t, guest.Main))
	for _, c := range []struct {
		dcmd, option, word string
		want               []string
	}{
		{"stacks", "-m", "zlu", []string{"zlua"}}, {"stacks", "-M", "vml", []string{"vmlinux"}}, {"stacks", "-s", "se", []string{"sema"}},
		{"stacks", "-T", "s", []string{"sleep", "stopped"}}, {"stacks", "-c", "", nil}, {"netstat", "-f", "inet", []string{"inet", "inet6"}},
		{"netstat", "-z", "91c", []string{"91c5ffb43ed3"}}, {"ps", "-Z", "glo", []string{globalZone}}, {"requests", "", "vda", []string{"vda"}},
	} {
		var got []string
		for _, x := range s.Reg.Dcmds(c.dcmd)[0].Complete(s.Session, []string{c.option}, c.word) {
			got = append(got, x.Text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("::%s %s %s: %q, want %q", c.dcmd, c.option, c.word, got, c.want)
		}
	}
}
