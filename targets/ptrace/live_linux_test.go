//go:build amd64 || arm64

package ptrace

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/fixtures"
)

// symbols are the functions and data of a program by name.
func symbols(t *testing.T, path string) map[string]uint64 {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]uint64{}
	for _, s := range list {
		if typ := elf.ST_TYPE(s.Info); typ == elf.STT_FUNC || typ == elf.STT_OBJECT {
			m[s.Name] = s.Value
		}
	}
	return m
}

// A subject is a started program whose symbols are known.
type subject struct {
	*Target
	t    *testing.T
	exe  string
	syms map[string]uint64
	bias uint64
	out  string // what it prints
}

func start(t *testing.T, program string, args ...string) *subject {
	t.Helper()
	exe := fixtures.BuildProgram(t, program).Exe
	s := &subject{t: t, exe: exe, syms: symbols(t, exe), out: filepath.Join(t.TempDir(), "out")}
	tg, err := Launch(context.Background(), Program{Path: exe, Args: args, Stdout: s.out, Env: os.Environ()}, Options{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	s.Target = tg
	s.findBias(exe)
	return s
}

func (s *subject) findBias(exe string) {
	f, err := elf.Open(exe)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if f.Type == elf.ET_DYN {
		entry, _ := s.Aux(atEntry)
		s.bias = entry - f.Entry
	}
}

func (s *subject) addr(name string) uint64 {
	s.t.Helper()
	v, ok := s.syms[name]
	if !ok {
		s.t.Fatalf("program has no %s", name)
	}
	return v + s.bias
}

func (s *subject) insert(names ...string) {
	s.t.Helper()
	for _, n := range names {
		if err := s.Insert(s.addr(n)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// limit is how long a test's process may run, and how long is waited for what comes at
// once on a machine with nothing else to do.
const limit = 2 * time.Minute

// run resumes until keep wants a stop or the process ends.
func (s *subject) run(o control.Order, keep func(*control.Stop) bool) control.Stop {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	stop, err := s.Resume(ctx, o, func(st *control.Stop) bool { return st.Why.Gone() || st.Why == control.Requested || keep(st) })
	if err != nil {
		s.t.Fatal(err)
	}
	if stop.Why == control.Requested && o.Mode == control.Continue {
		s.t.Fatal("process did not stop in time")
	}
	return stop
}

// ended checks how the program ended and what it printed.
func (s *subject) ended(stop control.Stop, output string) {
	s.t.Helper()
	if stop.Why != control.Exited || stop.Code != 7 {
		s.t.Errorf("program ended as %+v, want exit status 7", stop)
	}
	if b, _ := os.ReadFile(s.out); string(b) != output {
		s.t.Errorf("program printed %q, want %q", b, output)
	}
}

// No hit of a breakpoint is lost or counted twice, whichever thread makes it and
// whatever instruction is under it.
func TestStress(t *testing.T) {
	for program, calls := range map[string]int{"c/live": 100000, "c/liveO2": 9600, "c/livestatic": 9600} {
		t.Run(program, func(t *testing.T) {
			s := start(t, program, "threads", "32", fmt.Sprint(calls))
			counts := map[uint64]int{}
			for i := range 50 {
				s.insert(fmt.Sprintf("work%d", i))
				counts[s.addr(fmt.Sprintf("work%d", i))] = 0
			}
			stop := s.run(control.Order{}, func(st *control.Stop) bool {
				if st.Why == control.Breakpoint {
					counts[st.Addr]++
				}
				return false
			})
			s.ended(stop, fmt.Sprintf("calls %d\n", calls))
			total := 0
			for _, n := range counts {
				total += n
			}
			if total != calls {
				t.Errorf("%d hits, want %d", total, calls)
			}
		})
	}
}

// Stops that halt every thread lose nothing either.
func TestStressHalting(t *testing.T) {
	const calls = 16 * 100
	s := start(t, "c/live", "threads", "16", fmt.Sprint(calls))
	for i := range 50 {
		s.insert(fmt.Sprintf("work%d", i))
	}
	hits := 0
	var stop control.Stop
	for stop = s.run(control.Order{}, func(st *control.Stop) bool { return st.Why == control.Breakpoint }); stop.Why == control.Breakpoint; {
		hits++
		if r, err := s.Registers(stop.Thread); err != nil || r.PC() != stop.PC {
			t.Fatalf("pc of the stopped thread is %#x (%v), the stop's %#x", r.PC(), err, stop.PC)
		}
		stop = s.run(control.Order{Thread: stop.Thread}, func(st *control.Stop) bool { return st.Why == control.Breakpoint })
	}
	s.ended(stop, fmt.Sprintf("calls %d\n", calls))
	if hits != calls {
		t.Errorf("%d hits, want %d", hits, calls)
	}
}

func TestHardwareWatch(t *testing.T) {
	s := start(t, "c/live", "watch")
	addr := s.addr("watched")
	if err := s.Watch(addr+8, 16, control.Write); err != nil {
		t.Fatal(err)
	}
	var at []uint64
	stop := s.run(control.Order{}, func(st *control.Stop) bool {
		if st.Why == control.Watch {
			at = append(at, st.Addr-addr)
		}
		return false
	})
	s.ended(stop, "watched 13\n")
	if fmt.Sprint(at) != "[8 16]" {
		t.Errorf("writes at %v, want at 8 and 16", at)
	}
}

func TestSoftwareWatch(t *testing.T) {
	s := start(t, "c/livestatic", "watch")
	s.insert("writer")
	stop := s.run(control.Order{}, func(st *control.Stop) bool { return st.Why == control.Breakpoint })
	addr := s.addr("watched")
	if err := s.Watch(addr, 4096, control.Write); err != control.ErrSoftware {
		t.Fatalf("Watch of 4096 bytes: %v", err)
	}
	var at []uint64
	stop = s.run(control.Order{Thread: stop.Thread}, func(st *control.Stop) bool {
		if st.Why == control.Watch {
			at = append(at, st.Addr-addr)
			return len(at) == 4
		}
		return false
	})
	s.Unwatch(addr, 4096, control.Write)
	stop = s.run(control.Order{Thread: stop.Thread}, func(*control.Stop) bool { return false })
	s.ended(stop, "watched 13\n")
	if fmt.Sprint(at) != "[0 8 16 24]" {
		t.Errorf("writes at %v", at)
	}
}

func TestForks(t *testing.T) {
	for _, how := range []string{"fork", "vfork"} {
		t.Run(how, func(t *testing.T) {
			s := start(t, "c/live", how, "20")
			s.insert("hit")
			hits, forks := 0, 0
			stop := s.run(control.Order{}, func(st *control.Stop) bool {
				switch st.Why {
				case control.Breakpoint:
					hits++
				case control.Fork:
					forks++
				}
				return false
			})
			s.ended(stop, "children 20\n")
			if forks != 20 || hits != 20 {
				t.Errorf("%d forks, %d hits in the parent, want 20 of each", forks, hits)
			}
		})
	}
}

// The child of a vfork shares memory with its parent: it runs on without breakpoints,
// and the parent is let go.
func TestFollowVforkChild(t *testing.T) {
	s := start(t, "c/live", "vfork", "1")
	s.insert("hit")
	parent := s.PID()
	stop := s.run(control.Order{}, func(st *control.Stop) bool { return st.Why == control.Fork })
	s.FollowFork(true)
	stop = s.run(control.Order{Thread: stop.Thread}, func(*control.Stop) bool { return false })
	if s.PID() == parent || stop.Why != control.Exited || stop.Code != 3 {
		t.Errorf("stop %+v in process %d (parent %d), want the child's end with 3", stop, s.PID(), parent)
	}
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		if b, _ := os.ReadFile(s.out); string(b) == "children 1\n" {
			return
		} else if time.Now().After(end) {
			t.Fatalf("the parent printed %q", b)
		}
	}
}

func TestFollowChild(t *testing.T) {
	s := start(t, "c/live", "fork", "1")
	s.insert("hit")
	parent := s.PID()
	stop := s.run(control.Order{}, func(st *control.Stop) bool { return st.Why == control.Fork })
	s.FollowFork(true)
	stop = s.run(control.Order{Thread: stop.Thread}, func(st *control.Stop) bool { return st.Why == control.Breakpoint })
	if s.PID() == parent || stop.Why != control.Breakpoint || stop.Addr != s.addr("hit") {
		t.Fatalf("stop %+v in process %d (parent %d), want a breakpoint in the child", stop, s.PID(), parent)
	}
	stop = s.run(control.Order{Thread: stop.Thread}, func(*control.Stop) bool { return false })
	if stop.Why != control.Exited || stop.Code != 3 {
		t.Errorf("child ended as %+v, want exit status 3", stop)
	}
}

func TestSignals(t *testing.T) {
	s := start(t, "c/live", "signals")
	n := 0
	stop := s.run(control.Order{}, func(st *control.Stop) bool {
		if st.Why == control.Signal && st.Signal == int(syscall.SIGUSR1) {
			n++
			return n == 2
		}
		return false
	})
	if stop.Why != control.Signal {
		t.Fatalf("stop %+v, want SIGUSR1", stop)
	}
	stop = s.run(control.Order{Thread: stop.Thread, Drop: true}, func(*control.Stop) bool { return false })
	s.ended(stop, "signals 2\n") // the one that was dropped is not seen
}

func TestFault(t *testing.T) {
	s := start(t, "c/live", "fault")
	stop := s.run(control.Order{}, func(st *control.Stop) bool { return st.Why == control.Signal })
	if !stop.Fault || stop.Signal != int(syscall.SIGSEGV) || stop.Addr != 16 || control.FaultName(control.FaultOf(&stop)) != "FLTBOUNDS" {
		t.Errorf("stop %+v, want a SIGSEGV at 16", stop)
	}
	if si := s.Siginfo(stop.Thread); si == nil || si.CodeName != "SEGV_MAPERR" || si.Addr != 16 {
		t.Errorf("siginfo %+v", si)
	}
	stop = s.run(control.Order{Thread: stop.Thread}, func(*control.Stop) bool { return false })
	if stop.Why != control.Killed || stop.Signal != int(syscall.SIGSEGV) {
		t.Errorf("program ended as %+v, want by SIGSEGV", stop)
	}
}

func TestSyscalls(t *testing.T) {
	s := start(t, "c/live", "hot", "1")
	s.TraceSyscalls(true)
	var entries, exits int
	var last int64
	stop := s.run(control.Order{}, func(st *control.Stop) bool {
		switch st.Why {
		case control.SysEntry:
			entries++
			last = st.Syscall
		case control.SysExit:
			exits++
		}
		return false
	})
	s.ended(stop, "sum 0\n")
	if entries < 10 || entries != exits+1 || last != 231 && last != 94 {
		t.Errorf("%d entries, %d exits, the last call %d: want one more entry, of exit_group", entries, exits, last)
	}
}

// noPID is larger than Linux's largest process id (PID_MAX_LIMIT).
const noPID = 1<<22 + 1

// The debugger's reads show no breakpoints, its writes leave them in.
func TestMemory(t *testing.T) {
	s := start(t, "c/live", "hot", "3")
	addr := s.addr("hit")
	before := make([]byte, 32)
	s.Virtual().ReadAt(before, memAddr(addr))
	s.insert("hit")
	after := make([]byte, 32)
	s.Virtual().ReadAt(after, memAddr(addr))
	if !bytes.Equal(before, after) {
		t.Errorf("memory reads % x with a breakpoint, % x without", after, before)
	}
	if _, err := s.space.WriteAt(before[:8], memAddr(addr)); err != nil {
		t.Fatal(err)
	}
	n := 0
	stop := s.run(control.Order{}, func(st *control.Stop) bool {
		if st.Why == control.Breakpoint {
			n++
		}
		return false
	})
	s.ended(stop, "sum 3\n")
	if n != 3 {
		t.Errorf("%d hits, want 3", n)
	}
}
