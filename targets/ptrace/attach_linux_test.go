//go:build amd64 || arm64

package ptrace

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/fixtures"
)

// A process that is attached to and let go again and again finds nothing changed.
func TestAttachDetach(t *testing.T) {
	exe := fixtures.BuildProgram(t, "c/live").Exe
	cmd := exec.Command(exe, "busy")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	in := bufio.NewReader(stdout)
	if line, _ := in.ReadString('\n'); line != "ready\n" {
		t.Fatalf("program said %q", line)
	}
	syms := symbols(t, exe)
	const rounds = 1000
	hits := 0
	for i := range rounds {
		tg, err := Attach(context.Background(), cmd.Process.Pid, Options{})
		if err != nil {
			cmd.Process.Signal(syscall.SIGTERM)
			t.Fatalf("round %d: %v; the program: %v", i, err, cmd.Wait())
		}
		s := &subject{Target: tg, t: t, syms: syms}
		s.findBias(exe)
		if i%10 == 0 { // run with breakpoints for a while
			s.insert("work0", "work3")
			n := 0
			s.run(control.Order{}, func(st *control.Stop) bool {
				if st.Why == control.Breakpoint {
					n++
				}
				return n == 5
			})
			hits += n
		}
		tg.Close()
	}
	cmd.Process.Signal(syscall.SIGTERM)
	rest, _ := in.ReadString('\n')
	cmd.Wait()
	var born, odd, why, signals int
	var text string
	if _, err := fmt.Sscanf(rest, "born %d odd %d why %d text %s signals %d", &born, &odd, &why, &text, &signals); err != nil {
		t.Fatalf("program said %q", rest)
	}
	if odd != 0 || text != "same" || signals != 0 || hits != 5*rounds/10 {
		t.Errorf("program said %q after %d hits", rest, hits)
	}
}

// A process that was stopped stays stopped, and its end at any moment is an end.
func TestAttachStates(t *testing.T) {
	exe := fixtures.BuildProgram(t, "c/live").Exe
	startSleeper := func(t *testing.T) *exec.Cmd {
		cmd := exec.Command(exe, "sleep", "3")
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		bufio.NewReader(out).ReadString('\n')
		return cmd
	}
	t.Run("stopped", func(t *testing.T) {
		cmd := startSleeper(t)
		cmd.Process.Signal(syscall.SIGSTOP)
		waitState(t, cmd.Process.Pid, 'T')
		tg, err := Attach(context.Background(), cmd.Process.Pid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(tg.Threads()); n != 4 {
			t.Errorf("%d threads, want 4", n)
		}
		tg.Close()
		waitState(t, cmd.Process.Pid, 'T')
	})
	t.Run("traced", func(t *testing.T) {
		cmd := startSleeper(t)
		tg, err := Attach(context.Background(), cmd.Process.Pid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		if _, err := Attach(context.Background(), cmd.Process.Pid, Options{}); err == nil || !strings.Contains(err.Error(), "is traced by") {
			t.Errorf("second attach: %v", err)
		}
	})
	t.Run("zombie", func(t *testing.T) {
		cmd := exec.Command("true")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		waitState(t, cmd.Process.Pid, 'Z')
		if _, err := Attach(context.Background(), cmd.Process.Pid, Options{}); err == nil || !strings.Contains(err.Error(), "zombie") {
			t.Errorf("attach: %v", err)
		}
	})
	t.Run("gone", func(t *testing.T) {
		if _, err := Attach(context.Background(), noPID, Options{}); err == nil || !strings.Contains(err.Error(), "no such process") {
			t.Errorf("attach: %v", err)
		}
	})
	t.Run("killed", func(t *testing.T) {
		cmd := startSleeper(t)
		tg, err := Attach(context.Background(), cmd.Process.Pid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		cmd.Process.Kill()
		stop, err := tg.Resume(context.Background(), control.Order{}, func(*control.Stop) bool { return false })
		if err != nil || stop.Why != control.Killed || stop.Signal != int(syscall.SIGKILL) {
			t.Errorf("stop %+v, %v", stop, err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		cmd := startSleeper(t)
		tg, err := Attach(context.Background(), cmd.Process.Pid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(50*time.Millisecond, cancel)
		stop, err := tg.Resume(ctx, control.Order{}, func(s *control.Stop) bool { return s.Why == control.Requested })
		if err != nil || stop.Why != control.Requested {
			t.Errorf("stop %+v, %v", stop, err)
		}
		tg.Close()
		waitState(t, cmd.Process.Pid, 'S')
	})
	t.Run("abandoned", func(t *testing.T) {
		cmd := startSleeper(t)
		tg, err := Attach(context.Background(), cmd.Process.Pid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			tg.Resume(context.Background(), control.Order{}, func(s *control.Stop) bool { return s.Why == control.Requested })
		})
		time.Sleep(20 * time.Millisecond) // most often it runs then; it need not
		tg.Abandon()
		wg.Wait()
		waitState(t, cmd.Process.Pid, 'S')
	})
}

func waitState(t *testing.T, pid int, want byte) {
	t.Helper()
	var st status
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if st, _ = readStatus(pid); st.state == want && st.tracer == 0 {
			return
		}
	}
	t.Errorf("process is in state %c (tracer %d), want %c", st.state, st.tracer, want)
}
