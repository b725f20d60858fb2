//go:build amd64 || arm64

package ptrace

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
)

// The process may be killed at any moment: the debugger is told, and nothing hangs.
func TestKilledAnyTime(t *testing.T) {
	exe := fixtures.BuildProgram(t, "c/live").Exe
	syms := symbols(t, exe)
	for i := range 60 {
		cmd := exec.Command(exe, "busy")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		bufio.NewReader(out).ReadString('\n')
		time.AfterFunc(time.Duration(i)*150*time.Microsecond, func() { cmd.Process.Kill() })
		done := make(chan bool)
		go func() {
			defer close(done)
			tg, err := Attach(context.Background(), cmd.Process.Pid, Options{})
			if err != nil {
				return
			}
			defer tg.Close()
			s := &subject{Target: tg, t: t, syms: syms}
			s.findBias(exe)
			tg.Insert(syms["work0"] + s.bias)
			tg.Insert(syms["work4"] + s.bias)
			stop, _ := tg.Resume(context.Background(), control.Order{}, func(st *control.Stop) bool { return false })
			if !stop.Why.Gone() {
				t.Errorf("round %d: stop %+v, want the end", i, stop)
			}
			if _, err := tg.Resume(context.Background(), control.Order{}, func(*control.Stop) bool { return true }); err == nil {
				t.Errorf("round %d: a process that is gone goes on", i)
			}
		}()
		select {
		case <-done:
		case <-time.After(limit):
			t.Fatalf("round %d: the debugger hangs", i)
		}
		cmd.Wait()
	}
}

// A program whose file was replaced still has its symbols.
func TestReplacedFile(t *testing.T) {
	src := fixtures.BuildProgram(t, "c/live").Exe
	exe := filepath.Join(t.TempDir(), "prog")
	copyFile(t, exe, src)
	cmd := exec.Command(exe, "sleep", "1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	bufio.NewReader(out).ReadString('\n')
	if err := os.Remove(exe); err != nil {
		t.Fatal(err)
	}
	copyFile(t, exe, "/bin/true")
	tg, err := Attach(context.Background(), cmd.Process.Pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if m, err := system.NewProcess(tg).Namespace().LookupName("", "square"); err != nil || m.Value == 0 {
		t.Errorf("square: %v", err)
	}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A wild stack pointer or pc ends a stack with a message, and the process with what
// it did to itself.
func TestWildRegisters(t *testing.T) {
	for _, name := range []string{machine.SP, machine.PC} {
		s := start(t, "c/live", "hot", "3")
		s.insert("hit")
		stop := s.run(control.Order{}, func(st *control.Stop) bool { return st.Why == control.Breakpoint })
		regs, err := s.Registers(stop.Thread)
		if err != nil {
			t.Fatal(err)
		}
		regs.Set(name, 0x10)
		if err := s.SetRegisters(stop.Thread, regs); err != nil {
			t.Fatal(err)
		}
		frames := 0
		for range system.NewProcess(s.Target).Frames(context.Background(), regs) {
			if frames++; frames > 10 {
				t.Fatalf("%s wild: the stack does not end", name)
			}
		}
		stop = s.run(control.Order{Thread: stop.Thread}, func(*control.Stop) bool { return false })
		if stop.Why != control.Killed || stop.Signal != int(syscall.SIGSEGV) {
			t.Errorf("%s wild: ended as %+v", name, stop)
		}
	}
}

// Files of a process with another root are found through it.
func TestOtherRoot(t *testing.T) {
	fixtures.Need(t, "unshare")
	exe := fixtures.BuildProgram(t, "c/live").Exe
	how := "-m"
	if os.Geteuid() != 0 {
		how = "-Urm" // with a user namespace anybody may
	}
	cmd := exec.Command("unshare", how, "--", exe, "sleep", "1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	bufio.NewReader(out).ReadString('\n')
	if got, want := Root(cmd.Process.Pid), fmt.Sprintf("/proc/%d/root", cmd.Process.Pid); got != want {
		t.Errorf("root is %q, want %q", got, want)
	}
	tg, err := Attach(context.Background(), cmd.Process.Pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if m, err := system.NewProcess(tg).Namespace().LookupName("libc.so.6", "pause"); err != nil || m.Value == 0 {
		t.Errorf("pause: %v", err)
	}
}

// What may not be traced says why, and what to do.
func TestRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		if _, err := Attach(context.Background(), 1, Options{}); err == nil || !strings.Contains(err.Error(), "belongs to user 0") {
			t.Errorf("attach to init: %v", err)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRefusedAsNobody$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("XMDB_TEST_PID=%d", os.Getpid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	self, err := os.Open(os.Args[0]) // its directory may be closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	cmd.Path, cmd.ExtraFiles, cmd.Dir = "/proc/self/fd/3", []*os.File{self}, "/"
	outText, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(outText), "--- PASS: TestRefusedAsNobody") {
		t.Errorf("as nobody: %v\n%s", err, outText)
	}
}

// TestRefusedAsNobody is TestRefused's other half, in a process without rights; by
// itself it looks at a process that there is not.
func TestRefusedAsNobody(t *testing.T) {
	pid, want := noPID, "no such process"
	if v := os.Getenv("XMDB_TEST_PID"); v != "" {
		fmt.Sscan(v, &pid)
		want = "belongs to user 0; run xmdb as that user or as root"
	}
	for _, look := range []bool{false, true} {
		if _, err := Attach(context.Background(), pid, Options{NoStop: look}); err == nil || !strings.Contains(err.Error(), want) && !look {
			t.Errorf("attach (only look: %v): %v", look, err)
		}
	}
}

// Open files and threads are those of /proc.
func TestOpenFiles(t *testing.T) {
	s := start(t, "c/live", "hot", "1")
	files := s.OpenFiles()
	if len(files) < 3 || files[1].FD != 1 || files[1].Path != s.out || files[1].Mode&syscall.S_IFMT != syscall.S_IFREG {
		t.Errorf("open files %+v", files)
	}
	if st := s.LWPState(uint64(s.PID())); st == nil || st.State != "t" || st.Class != "OTHER" {
		t.Errorf("thread %+v", st)
	}
}
