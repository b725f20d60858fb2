package lua

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/fixtures"
)

// TestWaits compares ::waits and its companions with what the program of the
// subject does: every fifth kind of thread waits for a mutex that main holds, and
// so on (fixtures/programs/c/threads.c).
func TestWaits(t *testing.T) {
	s := fixtures.Build(t, "c/gcore")
	w := newWorld(t)
	w.openCore(s.Exe, s.Core)
	w.s.Finder = Finder(w.s, []string{})
	if _, msg := w.run("::load pthread"); msg != "" {
		t.Fatal(msg)
	}
	stacks := fixtures.GDBThreads(t, s)
	want := map[string]string{}
	mainTID := ""
	for _, th := range stacks {
		for _, f := range th.Frames {
			switch {
			case strings.Contains(f.Func, "pthread_mutex_lock"):
				want[fmt.Sprint(th.LWP)] = "mutex warehouse"
			case strings.Contains(f.Func, "pthread_cond_wait"):
				want[fmt.Sprint(th.LWP)] = "cond water_boils"
			case strings.Contains(f.Func, "sem_wait"):
				want[fmt.Sprint(th.LWP)] = "sem never"
			case f.Func == "main":
				mainTID = fmt.Sprint(th.LWP)
			}
		}
	}
	out, msg := w.run("::waits")
	if msg != "" {
		t.Error(msg)
	}
	got := map[string]string{}
	for _, l := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
		f := strings.Fields(l)
		_, name, _ := strings.Cut(f[4], "`")
		got[f[0]] = f[1] + " " + name
		if f[1] == "mutex" && f[3] != mainTID {
			t.Errorf("owner of %s is %s, want %s", f[4], f[3], mainTID)
		}
	}
	if len(want) < 10 {
		t.Fatalf("gdb sees %d waiting threads", len(want))
	}
	for tid, what := range want {
		if got[tid] != what {
			t.Errorf("thread %s: %q, gdb's stack says %q", tid, got[tid], what)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d threads, gdb's stacks say %d", len(got), len(want))
	}
	out, _ = w.run("warehouse::pthread_mutex; water_lock::pthread_mutex; water_boils::pthread_cond; ::deadlock")
	for _, p := range []string{"held by thread " + mainTID + ", normal\n", "not held, normal\n", "2 waiting, realtime clock\n", "no deadlock"} {
		if !strings.Contains(out, p) {
			t.Errorf("no %q in\n%s", p, out)
		}
	}
	// The same by glibc's layout alone, without the program's types.
	addr := regexp.MustCompile(`[0-9a-f]+`).FindString(out)
	w.s.Context().System = nil
	if byLayout, _ := w.run(addr + "::pthread_mutex"); !strings.Contains(byLayout, "held by thread "+mainTID+", normal\n") {
		t.Errorf("by layout: %s", byLayout)
	}
}

// TestWaitsByArchitecture compares ::waits on other architectures with the functions of
// the program that wait (fixtures/programs/c/threads.c): their libc has no symbols for
// its own. A futex of which nothing says what it is is called that.
func TestWaitsByArchitecture(t *testing.T) {
	for _, name := range []string{"arm64/O0", "arm64/pac", "arm64/static", "i386/O0", "i386/O2"} {
		t.Run(name, func(t *testing.T) {
			s := fixtures.Build(t, name)
			w := newWorld(t)
			w.openCore(s.Exe, s.Core)
			w.s.Finder = Finder(w.s, []string{})
			out, msg := w.run("::load pthread; ::waits")
			if msg != "" {
				t.Error(msg)
			}
			n := map[string]int{}
			for _, l := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
				f := strings.Fields(l)
				_, object, _ := strings.Cut(f[4], "`")
				kind := f[1]
				if kind == "sem" {
					kind = "futex" // where libc is part of the program
				}
				n[kind+" "+object]++
				if f[1] == "mutex" && f[3] != w.mainThread() {
					t.Errorf("owner of %s is %s, want %s", f[4], f[3], w.mainThread())
				}
			}
			// Of ten kinds of threads (threads.c), two each.
			if n["mutex warehouse"] != 2 || n["cond water_boils"] != 2 || n["futex never"] != 10 || len(n) != 3 {
				t.Errorf("%v in\n%s", n, out)
			}
		})
	}
}

func (w *world) mainThread() string {
	return fmt.Sprint(w.s.Context().Thread)
}

// deadlocked is a core of testdata/deadlock.c.
func deadlocked(t *testing.T) (exe, dump string) {
	fixtures.Need(t, "gcc", "gcore")
	dir := t.TempDir()
	exe = filepath.Join(dir, "deadlock")
	if out, err := exec.Command("gcc", "-g", "-O2", "-D_GNU_SOURCE", "-pthread", "-o", exe, "testdata/deadlock.c").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	cmd := exec.Command(exe)
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("program says %q, %v", line, err)
	}
	dump = fmt.Sprintf("%s.%d", filepath.Join(dir, "core"), cmd.Process.Pid)
	if out, err := exec.Command("gcore", "-o", filepath.Join(dir, "core"), fmt.Sprint(cmd.Process.Pid)).CombinedOutput(); err != nil {
		t.Fatalf("gcore: %v\n%s", err, out)
	}
	if _, err := os.Stat(dump); err != nil {
		t.Fatal(err)
	}
	return exe, dump
}

func TestDeadlock(t *testing.T) {
	w := newWorld(t)
	w.openCore(deadlocked(t))
	w.s.Finder = Finder(w.s, []string{})
	out, msg := w.run("::load pthread; ::deadlock")
	circle := regexp.MustCompile("^deadlock:\n" +
		"  thread (\\d+) waits for mutex [0-9a-f]+ \\(.*`?(first|second)\\), which thread (\\d+) holds\n" +
		"  thread (\\d+) waits for mutex [0-9a-f]+ \\(.*`?(first|second)\\), which thread (\\d+) holds\n$").FindStringSubmatch(out)
	if circle == nil || msg != "" {
		t.Fatalf("%q %q", out, msg)
	}
	if circle[1] != circle[6] || circle[3] != circle[4] || circle[2] == circle[5] {
		t.Errorf("no circle: %q", out)
	}
	out, msg = w.run("twice::pthread_mutex; idle::pthread_mutex; ::waits ! grep -c join; 0::pthread_mutex")
	for _, p := range []string{", 2 times, recursive\n", "not held, normal", "waiters: none", "\n1\n"} {
		if !strings.Contains(out, p) {
			t.Errorf("no %q in %q", p, out)
		}
	}
	if !strings.Contains(msg, "xmdb: pthread.lua:") || !strings.Contains(msg, "no mapping for address") {
		t.Errorf("message %q", msg)
	}
}
