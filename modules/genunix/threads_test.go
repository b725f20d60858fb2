package genunix

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/cmd/modtest"
	"github.com/xmdb/xmdb/fixtures/illumos"
)

// hexLines is what a walk or a pipe prints.
func hexLines(list []uint64) string {
	var b strings.Builder
	for _, a := range list {
		fmt.Fprintf(&b, "%#x\n", a)
	}
	return b.String()
}

// same compares long output, and shows the first line that differs.
func same(t *testing.T, r *modtest.Result, want string) {
	t.Helper()
	if r.Out == want {
		return
	}
	got, lines := strings.Split(r.Out, "\n"), strings.Split(want, "\n")
	for i, l := range lines {
		if i >= len(got) || got[i] != l {
			t.Errorf("line %d:\n%s\nwant\n%s", i, strings.Join(got[min(i, len(got)):min(i+2, len(got))], "\n"), l)
			return
		}
	}
	t.Errorf("%d lines, want %d: %s", len(got), len(lines), got[len(lines)])
}

func threadAddrs(list []*illumos.KThread) (addrs []uint64) {
	for _, t := range list {
		addrs = append(addrs, t.Addr)
	}
	return addrs
}

func TestThreadWalk(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		s.Run("::walk thread").OK().Want(hexLines(threadAddrs(sys.Sched.Threads)))
		p := sys.Procs[4101]
		s.Run(fmt.Sprintf("%x::walk thread", p.Addr.Addr)).OK().Want(hexLines(threadAddrs(sys.Sched.ByPID[4101])))
		for i, want := range sys.Sched.Threads[:20] {
			s.Run(fmt.Sprintf("::did2thread 0t%d", want.DID)).OK().Want(fmt.Sprintf("%x\n", sys.Sched.Threads[i].Addr))
		}
	})
}

func TestThread(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		head := func(cols string) string { return fmt.Sprintf("%16s %s\n", "ADDR", cols) }
		all, pairs := "", ""
		for _, th := range sys.Sched.Threads {
			state, intr := th.Desc.State, "n/a"
			if th == sys.Sched.Panicked {
				state = "onproc"
			}
			if a := th.Get("t_intr"); a != 0 {
				intr = fmt.Sprintf("%x", a)
			}
			all += fmt.Sprintf("%016x %-8s %4x %4x %4x %5d %5d %3d %16s\n", th.Addr, state, th.Get("t_flag"), th.Get("t_proc_flag"), th.Get("t_schedflag"),
				int16(th.Get("t_pri")), int16(th.Get("t_epri")), th.Get("t_pil"), intr)
			pairs += fmt.Sprintf("%016x %16x %16x %16x\n", th.Addr, th.Proc, th.LWP, th.Get("t_cred"))
		}
		same(t, s.Run("::thread").OK(), head("   STATE  FLG PFLG SFLG   PRI  EPRI PIL             INTR")+all)
		same(t, s.Run("::thread -p").OK(), head("            PROC              LWP             CRED")+pairs)
	})
}

// short is where a frame goes on, without the module.
func short(sys *illumos.System, f illumos.StackFrame) string {
	name := sys.Where(f)
	name = name[strings.Index(name, "`")+1:]
	if n := len(name); n > 4 && name[n-4:n-1] == "+0x" && name[n-1] <= '9' {
		name = name[:n-3] + name[n-1:] // one digit is as good in decimal
	}
	return name
}

func TestFindstack(t *testing.T) {
	saved := regexp.MustCompile(`\([0-9a-f, ]*\)\n`)
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		n := 0
		for _, th := range sys.Sched.Threads {
			switch th.Desc.State {
			case "onproc", "free":
				continue
			}
			n++
			got := s.Run(fmt.Sprintf("%x::findstack -v", th.Addr)).OK()
			head, rest, _ := strings.Cut(got.Out, "\n")
			if !strings.HasPrefix(head, fmt.Sprintf("stack pointer for thread %x ", th.Addr)) || !strings.HasSuffix(head, fmt.Sprintf(": %x", th.SP)) {
				t.Errorf("%s", head)
			}
			want := fmt.Sprintf("[ %016x _resume_from_idle+0x12b() ]\n", th.SP)
			for _, f := range th.Frames[1:] {
				want += fmt.Sprintf("  %016x %s()\n", f.FP, short(sys, f))
			}
			if rest = saved.ReplaceAllString(rest, "()\n"); rest != want {
				t.Fatalf("%s\n%swant\n%s", head, rest, want)
			}
		}
		if n < 200 {
			t.Errorf("only %d threads", n)
		}
	})
}

// groupsOf counts the threads by what ::stacks says of them: state, object and frames.
func groupsOf(sys *illumos.System) map[string]int {
	kinds := map[string]string{"cv": "CV", "mutex": "MUTEX", "rwlock": "RWLOCK", "sema": "SEMA", "user_pi": "USER_PI", "shuttle": "SHUTTLE"}
	groups := map[string]int{}
	for _, th := range sys.Sched.Threads {
		if st := th.Desc.State; st == "onproc" || st == "free" {
			continue
		}
		key := strings.ToUpper(th.Desc.State) + " <NONE>"
		if w := th.Desc.Wait; w != nil {
			key = strings.ToUpper(th.Desc.State) + " " + kinds[w.Kind]
		}
		for _, f := range th.Frames[1:] {
			if f.Func != "sys_syscall" { // its frame is the registers
				key += "\n" + short(sys, f)
			}
		}
		groups[key]++
	}
	return groups
}

func TestStacks(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		want := groupsOf(sys)
		r := s.Run("::stacks").OK()
		_, body, _ := strings.Cut(r.Out, "\n")
		last := 1 << 30
		for group := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
			lines := strings.Split(group, "\n")
			f := strings.Fields(lines[0])
			key := f[1] + " " + f[2]
			for _, l := range lines[1:] {
				key += "\n" + strings.TrimSpace(l)
			}
			count, err := strconv.Atoi(f[3])
			if err != nil || count > last {
				t.Errorf("%s behind a group of %d", lines[0], last)
			}
			last = count
			switch f[1] {
			case "ONPROC", "FREE", "PANIC":
				continue
			}
			if want[key] != count {
				t.Errorf("%d threads, want %d:\n%s", count, want[key], key)
			}
			delete(want, key)
		}
		for key, n := range want {
			t.Errorf("%d threads are missing:\n%s", n, key)
		}
	})
}

func TestStacksFilters(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		count := func(cmd string, in func(th *illumos.KThread) bool) {
			t.Helper()
			want := map[uint64]bool{}
			for _, th := range sys.Sched.Threads {
				if st := th.Desc.State; st != "onproc" && st != "free" && in(th) {
					want[th.Addr] = true
				}
			}
			got := 0
			for l := range strings.Lines(s.Run(cmd + " -a").OK().Out) {
				f := strings.Fields(l)
				if len(f) != 4 || f[0][0] != 'f' {
					continue
				}
				a, _ := strconv.ParseUint(f[0], 16, 64)
				if f[1] == "ONPROC" || f[1] == "FREE" || f[1] == "PANIC" {
					continue
				}
				got++
				if !want[a] {
					t.Errorf("%s: %s", cmd, l)
				}
			}
			if got != len(want) || got == 0 {
				t.Errorf("%s: %d threads, want %d", cmd, got, len(want))
			}
		}
		has := func(f func(name string) bool) func(th *illumos.KThread) bool {
			return func(th *illumos.KThread) bool {
				for _, fr := range th.Frames[1:] {
					if f(fr.Func) {
						return true
					}
				}
				return false
			}
		}
		count("::stacks -m zfs", has(func(n string) bool { return strings.HasPrefix(n, "zfs`") }))
		count("::stacks -c cv_wait", has(func(n string) bool { return n == "cv_wait" }))
		count("::stacks -C cv_wait", func(th *illumos.KThread) bool { return !has(func(n string) bool { return n == "cv_wait" })(th) })
		count("::stacks -s mutex", func(th *illumos.KThread) bool { return th.Desc.Wait != nil && th.Desc.Wait.Kind == "mutex" })
		count("::stacks -S cv", func(th *illumos.KThread) bool { return th.Desc.Wait == nil || th.Desc.Wait.Kind != "cv" })
		count("::stacks -t stopped", func(th *illumos.KThread) bool { return th.Desc.State == "stopped" })
		count("::stacks -T sleep", func(th *illumos.KThread) bool { return th.Desc.State != "sleep" })
	})
}

func TestWhatthread(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, th := range sys.Sched.ByPID[4101] {
			// the frame pointer that the innermost function has saved
			s.Run(fmt.Sprintf("%x::whatthread", th.Frames[1].FP)).OK().Match(fmt.Sprintf("%x", th.Addr))
		}
	})
}

func TestCPUs(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		var cpus []uint64
		for i, c := range sys.Sched.CPUs {
			at := c.Addr
			if i == sys.Sched.Panicked.Desc.CPU {
				at = sys.Global("panic_cpu").Addr // which MDB shows instead
			}
			cpus = append(cpus, at)
			var queued []uint64
			for _, th := range sys.Sched.Threads {
				if th.Desc.State == "run" && th.Desc.CPU == c.ID {
					queued = append(queued, th.Addr)
				}
			}
			r := s.Run(fmt.Sprintf("%x::walk cpu_dispq", c.Addr)).OK()
			if n := strings.Count(r.Out, "\n"); n != len(queued) {
				t.Errorf("CPU %d: %d threads wait, want %d", c.ID, n, len(queued))
			}
			s.Run(fmt.Sprintf("%x::cpuinfo", c.Addr)).OK().Match(fmt.Sprintf(`^ +%d %x  %x +%d .* %x `, c.ID, c.Addr, c.Flags, len(queued), c.Thread.Addr))
			s.Run(fmt.Sprintf("0t%d::cpuinfo", c.ID)).OK().Match(fmt.Sprintf(`^ +%d %x `, c.ID, at))
		}
		s.Run("::walk cpu").OK().Want(hexLines(cpus))
		s.Run("::cpupart -v").OK().Match(`0-3$`)
	})
}

func TestTaskqs(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		for _, q := range sys.Sched.Taskqs {
			s.Run(fmt.Sprintf("%x::walk taskq_entry", q.Addr)).OK().Want(hexLines(objAddrs(q.Entries)))
			if len(q.Buckets) > 0 {
				continue // those of the buckets besides
			}
			at := fmt.Sprintf("%x", q.Addr)
			s.Run(at + "::walk taskq_thread").OK().Want(hexLines(threadAddrs(q.Workers)))
			s.Run(at + "::taskq").OK().Match(fmt.Sprintf(`^%x %s +%d/ *%d +%d `, q.Addr, regexp.QuoteMeta(q.Name), len(q.Active), len(q.Workers), len(q.Entries)))
			for i, e := range q.Entries {
				s.Run(fmt.Sprintf("%x::taskq_entry", e.Addr)).OK().Match(fmt.Sprintf(`^%x +%x +\S*%s`, e.Addr, q.Tasks[i].Arg, shortName(q.Tasks[i].Func)))
			}
		}
	})
}

func objAddrs(list []illumos.Obj) (addrs []uint64) {
	for _, o := range list {
		addrs = append(addrs, o.Addr)
	}
	return addrs
}

func shortName(f string) string { return f[strings.Index(f, "`")+1:] }

func TestCallouts(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		r := s.Run("::callout").OK()
		for _, c := range sys.Sched.Callouts {
			flag := func(on bool, letter string) string {
				if on {
					return letter
				}
				return " "
			}
			r.Match(fmt.Sprintf(`^%-3d %s %-14x %s%s%s%s %-16x %s\(%x\)$`, c.Table/2, map[bool]string{false: "R", true: "N"}[c.Normal], c.Expires, flag(c.Exec, "X"), flag(c.Hrestime, "H"),
				flag(c.Absolute, "A"), flag(c.Long, "L"), c.XID, shortName(c.Func), c.Arg))
			s.Run(fmt.Sprintf("::calloutid %x", c.XID)).OK().Match(fmt.Sprintf(`%s\(%x\)`, shortName(c.Func), c.Arg))
		}
		if n := strings.Count(r.Out, "\n"); n != len(sys.Sched.Callouts)+1 {
			t.Errorf("%d callouts, want %d", n-1, len(sys.Sched.Callouts))
		}
	})
}

func TestCyclics(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		ids := s.Run("::cycid").OK()
		for i, c := range sys.Sched.Cyclics {
			for ndx, cyc := range c.Cyclics {
				ids.Match(fmt.Sprintf(`^([0-9a-f]{16})? +%d +%d %x %s$`, i, ndx, cyc.Addr, shortName(cyc.Handler)))
			}
			root := c.Cyclics[c.Heap[0]]
			s.Run(fmt.Sprintf("%x::cycinfo", c.Addr)).OK().Match(fmt.Sprintf(`^ +%d %x +online +%d %x +%x %s$`, i, c.Addr, len(c.Cyclics), c.Cyclics[0].Addr, root.Expires, shortName(root.Handler)))
			v := s.Run(fmt.Sprintf("%x::cycinfo -v", c.Addr)).OK()
			for _, cyc := range c.Cyclics {
				v.Match(fmt.Sprintf(`^ *%x .*%s`, cyc.Addr, shortName(cyc.Handler)))
			}
		}
	})
}

func TestLocks(t *testing.T) {
	onNode(t, func(t *testing.T, sys *illumos.System, s *modtest.Session) {
		waiters := map[string][]*illumos.KThread{}
		for _, th := range sys.Sched.Threads {
			if w := th.Desc.Wait; w != nil && w.Object != "" {
				waiters[w.Kind+" "+w.Object] = append(waiters[w.Kind+" "+w.Object], th)
			}
		}
		info := s.Run("::wchaninfo").OK()
		for name, list := range waiters {
			kind, object, _ := strings.Cut(name, " ")
			lock := sys.Sched.Object(object)
			if kind == "cv" {
				info.Match(fmt.Sprintf(`^%016x cond +%d$`, lock, len(list)))
				continue
			}
			if kind != "mutex" && kind != "rwlock" {
				continue
			}
			ts := strings.TrimSpace(s.Run(fmt.Sprintf("%x::sobj2ts", lock)).OK().Out)
			s.Run(ts + "::turnstile").OK().Match(fmt.Sprintf(`^%s +%x +%d `, ts, lock, len(list)))
			got := map[string]bool{}
			for l := range strings.Lines(s.Run(fmt.Sprintf("%x::walk blocked", lock)).OK().Out) {
				got[strings.TrimSpace(l)] = true
			}
			for _, th := range list {
				if !got[fmt.Sprintf("%#x", th.Addr)] || len(got) != len(list) {
					t.Errorf("%s: %v are blocked, want %x of %d", name, got, th.Addr, len(list))
				}
			}
		}
		for _, o := range sys.Scenario.Parts.Sched.Owners {
			lock := sys.Sched.Object(o.Object)
			if o.Kind == "mutex" {
				owner := sys.GetU64(lock) &^ 7
				s.Run(fmt.Sprintf("%x::mutex", lock)).OK().Match(fmt.Sprintf(`^ *%x adapt +%x `, lock, owner))
			} else {
				s.Run(fmt.Sprintf("%x::rwlock", lock)).OK().Match(fmt.Sprintf(`%x`, lock))
			}
		}
	})
}
