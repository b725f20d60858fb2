package linux

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/modules/kernel"
)

// lines counts what a command printed.
func (s *subject) lines(cmd string) int {
	s.t.Helper()
	return strings.Count(s.Run(cmd).OK().Out, "\n")
}

func TestStructures(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		v := kernel.Of(s.Session.Session)
		// list: the ring of processes through init_task
		tasks, err := v.Member("struct task_struct", "tasks")
		if err != nil {
			t.Fatal(err)
		}
		walk := fmt.Sprintf("init_task+%#x::walk list | ::container_of struct task_struct tasks", tasks.Off)
		if n, want := s.lines(walk), s.lines("::walk proc")-1; n != want {
			t.Errorf("list: %d processes, want %d", n, want)
		}
		// rbtree: a CPU's high-resolution timers of the monotonic clock
		base, err := v.Member("struct hrtimer_cpu_base", "clock_base[0].active.rb_root.rb_root")
		if err != nil {
			t.Fatal(err)
		}
		k := s.Context().System.(*system.LinuxKernel)
		at, _ := address(v, "hrtimer_bases")
		per, err := k.PerCPU(at, 0)
		if err != nil {
			t.Fatal(err)
		}
		first := 0
		for _, r := range s.rows("::timers -h") {
			if r.str("cpu") == "0" && r.str("base") == "mono" {
				first++
			}
		}
		if n := s.lines(fmt.Sprintf("%#x::walk rbtree", per+base.Off)); n != first || n == 0 {
			t.Errorf("rbtree: %d timers, ::timers shows %d", n, first)
		}
		// xarray or maple tree: descriptors of interrupts
		tree := "irq_desc_tree::walk xarray"
		if _, err := address(v, "sparse_irqs"); err == nil {
			tree = "sparse_irqs::walk maple_tree"
		}
		if n, want := s.lines(tree), len(s.rows("::irqs -a")); n != want || n < 16 {
			t.Errorf("%s: %d interrupts, ::irqs -a shows %d", tree, n, want)
		}
		if strings.Contains(tree, "xarray") {
			s.Run("irq_desc_tree::walk radix_tree ! wc -l").OK().WantLines(fmt.Sprint(s.lines(tree)))
		}
		// maple tree: a process' mappings
		mapped := 0
		for _, line := range strings.Split(s.d.Before.Section(t, "maps-threads"), "\n") {
			if regexp.MustCompile(`^[0-9a-f]+-[0-9a-f]+ `).MatchString(line) && !strings.Contains(line, "[vsyscall]") {
				mapped++
			}
		}
		pid := regexp.MustCompile(`pid (\d+)`).FindStringSubmatch(s.d.Before.Section(t, "threads.out"))[1]
		mm, err := v.Member("struct mm_struct", "mm_mt")
		if err != nil {
			t.Fatal(err)
		}
		task := s.rows("0t" + pid + "::pid2proc")[0].str("addr")
		mmAt, _ := v.Member("struct task_struct", "mm")
		addr := mustNumber(t, task)
		p, err := v.Pointer(addr + mmAt.Off)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.lines(fmt.Sprintf("%#x::walk maple_tree", p+mm.Off)); n != mapped {
			t.Errorf("maple tree: %d mappings of process %s, /proc shows %d", n, pid, mapped)
		}
	})
}

func mustNumber(t *testing.T, text string) uint64 {
	t.Helper()
	var n uint64
	if _, err := fmt.Sscanf(text, "0x%x", &n); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return n
}

// TestTimers compares high-resolution timers that are far off with /proc/timer_list.
func TestTimers(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		expires := regexp.MustCompile(`# expires at \d+-(\d+) nsecs \[in (\d+) to`)
		got := map[string]bool{}
		for _, r := range s.rows("::timers -h") {
			got[strings.Replace(strings.TrimLeft(r.str("expires"), "0"), ".", "", 1)] = true
		}
		both, n := s.d.After.Section(t, "timer-list"), 0
		for _, m := range expires.FindAllStringSubmatch(s.d.Before.Section(t, "timer-list"), -1) {
			if len(m[2]) < 12 || !strings.Contains(both, "-"+m[1]+" nsecs") {
				continue // it may have expired, or been set anew
			}
			if !got[m[1]] {
				t.Errorf("no timer expires at %s", m[1])
			}
			n++
		}
		if n < 3 {
			t.Errorf("%d timers are far off only", n)
		}
		wheel := s.rows("::timers -w")
		if len(wheel) < 10 {
			t.Errorf("%d timers of the wheel only", len(wheel))
		}
		for _, r := range wheel {
			if !regexp.MustCompile(`^[+-]\d+$`).MatchString(r.str("expires")) || r.str("func") == "" {
				t.Errorf("timer %v", r)
			}
		}
	})
}

func TestWhatis(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		threads := s.rows("::thread")
		last := threads[len(threads)-1].str("addr")
		s.Run(last + "+8::whatis").OK().Match(`is [0-9a-f]+\+8, allocated from task_struct$`)
		sp := strings.TrimSpace(s.Run(last + "::findstack ! head -1 | sed 's/.*: //'").OK().Out)
		s.Run(sp + "::whatis").OK().Match(`is [0-9a-f]+\+[0-9a-f]+, in thread ` + strings.TrimPrefix(last, "0x") + `'s stack`)
		s.Run("init_task::whatis").OK().Match(`is init_task, in vmlinux$`)
		rq := s.rows("::cpuinfo")[0].str("addr")
		s.Run(rq + "::whatis").OK().Match(`CPU 0's copy of runqueues$`)
		v := kernel.Of(s.Session.Session)
		p, err := pagesOf(v)
		if err != nil {
			t.Fatal(err)
		}
		s.Run(fmt.Sprintf("%#x::whatis", p.page(1)+4)).OK().Match(`struct page of frame 1$`)
		s.Run(fmt.Sprintf("%#x::whatis", p.direct+0x1234)).OK().Match(`physical address 1234, frame 1, struct page `)
		s.Run("0t16::whatis").Match("10 is unknown")
	})
}

// TestCPUs compares the CPUs' switches of threads with what they were before and after.
func TestCPUs(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		cpus := s.rows("::cpuinfo")
		if want := max(s.d.Machine.CPUs, 1); len(cpus) != want && !(s.d.Machine.CPUs == 0 && len(cpus) == 2) {
			t.Errorf("%d CPUs, want %d", len(cpus), want)
		}
		running := map[string]bool{}
		for _, r := range s.rows("::runq") {
			if r.str("state") == "ONCPU" {
				running[r.str("thread")] = true
			}
		}
		for _, c := range cpus {
			if !running[c.str("thread")] {
				t.Errorf("CPU %s runs %s, ::runq does not say so", c.str("id"), c.str("thread"))
			}
			s.Run(c.str("thread") + "::thread").OK().Match(" (ONCPU|RUN|SLEEP|DISK|IDLE) ")
			if c.str("name") == "" && c.num(t, "switches") == 0 {
				t.Errorf("CPU %v", c)
			}
		}
		s.Run("0::cpuinfo -v").OK().Match("^  0 ")
	})
}

func TestLocks(t *testing.T) {
	eachGuest(t, func(t *testing.T, s *subject) {
		v := kernel.Of(s.Session.Session)
		who := func(key string) (id, addr string) {
			id = s.d.Before.Value(t, "blocked.out", key)
			return id, s.rows("0t" + id + "::pid2proc")[0].str("addr")
		}
		// The lock that a thread waits on is on its stack: its waiter links to it.
		for _, l := range []struct{ dcmd, owner, waiter, held string }{
			{"mutex", "mutex-owner", "mutex-waiter", "yes"}, {"rwsem", "rwsem-owner", "rwsem-waiter", "writer"},
		} {
			_, waiter := who(l.waiter)
			_, owner := who(l.owner)
			lock := s.findLock(v, mustNumber(t, waiter), l.dcmd)
			if lock == 0 {
				t.Errorf("%s: the lock that %s waits for was not found", l.dcmd, waiter)
				continue
			}
			r := s.rows(fmt.Sprintf("%#x::%s", lock, l.dcmd))[0]
			if r.str("held") != l.held || r.str("waiters") != "1" || r.str("owner") != owner {
				t.Errorf("%s: %v, want held %s by %s with a waiter", l.dcmd, r, l.held, owner)
			}
			s.Run(fmt.Sprintf("%#x::%s", lock, l.dcmd)).OK().Match(strings.TrimPrefix(waiter, "0x") + " ")
		}
		// init waits for its children on its own queue
		chld, err := v.Member("struct signal_struct", "wait_chldexit")
		if err != nil {
			t.Fatal(err)
		}
		one := s.rows("1::pid2proc")[0].str("addr")
		task, err := readTask(v, mustNumber(t, one))
		if err != nil {
			t.Fatal(err)
		}
		cmd := fmt.Sprintf("%#x::waitq", task.l.Signal.Of(task.b)+chld.Off)
		if letter, _ := task.state(); letter == 'S' && strings.Contains(s.Run(one+"::findstack").OK().Out, "do_wait") {
			s.Run(cmd).OK().Match(" init .*child_wait_callback$")
			s.Run(cmd + " | ::thread").OK().Match(" init$")
		}
	})
}

// findLock searches a thread's stack for the waiter of a lock: a structure with the
// thread in it, on a ring through the lock.
func (s *subject) findLock(v *kernel.View, thread uint64, kind string) uint64 {
	typ, lock := "struct mutex_waiter", "struct mutex"
	if kind == "rwsem" {
		typ, lock = "struct rwsem_waiter", "struct rw_semaphore"
	}
	list, err := v.Member(typ, "list")
	if err != nil {
		s.t.Fatal(err)
	}
	task, err := v.Member(typ, "task")
	if err != nil {
		s.t.Fatal(err)
	}
	in, err := v.Member(lock, "wait_list")
	if err != nil {
		s.t.Fatal(err)
	}
	k := s.Context().System.(*system.LinuxKernel)
	t, err := readTask(v, thread)
	if err != nil {
		s.t.Fatal(err)
	}
	base := t.l.Stack.Of(t.b)
	for at := base; at+64 < base+k.StackSize(); at += 8 {
		who, err := v.Pointer(at + task.Off)
		if err != nil || who != thread {
			continue
		}
		next, err1 := v.Pointer(at + list.Off)
		prev, err2 := v.Pointer(at + list.Off + 8)
		if err1 != nil || err2 != nil || next != prev || next == 0 {
			continue
		}
		if back, err := v.Pointer(next); err == nil && back == at+list.Off {
			return next - in.Off
		}
	}
	return 0
}
