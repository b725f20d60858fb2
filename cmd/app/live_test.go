//go:build linux

package app_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xmdb/xmdb/fixtures"
)

// running starts the live program in a mode that says it is ready.
func running(t *testing.T, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(fixtures.BuildProgram(t, "c/live").Exe, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	// Nobody waits longer for what it says.
	limit := time.AfterFunc(2*patience, func() { cmd.Process.Kill() })
	t.Cleanup(func() { limit.Stop() })
	in := bufio.NewReader(out)
	if line, _ := in.ReadString('\n'); line != "ready\n" {
		t.Fatalf("program said %q", line)
	}
	return cmd, in
}

// A debugger that is ended by a signal lets the process go as it was, whether that is
// halted or runs onto breakpoints at the time.
func TestSignalsRelease(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		for _, commands := range []string{"::bp work0\n::status\n", "::bp -C 0 work0\n:c\n"} {
			t.Run(fmt.Sprintf("%v/%d", sig, len(commands)), func(t *testing.T) {
				subject, out := running(t, "busy")
				cmd := exec.Command(filepath.Join(build(t), "xmdb"), "-S", "-p", fmt.Sprint(subject.Process.Pid))
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				stdout, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				io.WriteString(in, "::status\n"+commands)
				if line, _ := bufio.NewReader(stdout).ReadString('\n'); !strings.Contains(line, "debugging PID") {
					t.Fatalf("xmdb said %q", line)
				}
				time.Sleep(200 * time.Millisecond) // what it does by then is all the same
				cmd.Process.Signal(sig)
				if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 128+int(sig) {
					t.Errorf("xmdb ended with %v", err)
				}
				subject.Process.Signal(syscall.SIGTERM)
				rest, _ := out.ReadString('\n')
				if !strings.Contains(rest, "odd 0 why 0 text same signals 0") {
					t.Errorf("program said %q", rest)
				}
			})
		}
	}
}

// Ctrl-C halts a process that runs, and the session goes on.
func TestInterruptLive(t *testing.T) {
	subject, _ := running(t, "sleep", "3")
	tt := onTerminal(t, "", nil, "-p", fmt.Sprint(subject.Process.Pid))
	tt.expect(`> `)
	tt.start(":c")
	stopped := regexp.MustCompile(`(?m)^State:\tt`)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", subject.Process.Pid))
		if err == nil && !stopped.Match(text) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the process does not run within %v: %v\n%s", patience, err, text)
		}
	}
	tt.send("\x03")
	tt.expect(`target stopped at`)
	tt.expect(`> `)
	tt.send("::status\r")
	tt.expect(`status: stopped (by debugger|on SIGINT)`)
	tt.expect(`> `)
	tt.send(":R\r")
	tt.expect(`> `)
	tt.send("::quit\r")
	if err := tt.cmd.Wait(); err != nil {
		t.Errorf("xmdb ended with %v", err)
	}
	if err := subject.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the process is gone: %v", err)
	}
}

// A program that xmdb runs has the terminal, and Ctrl-C halts it.
func TestInterruptRun(t *testing.T) {
	exe := fixtures.BuildProgram(t, "c/live").Exe
	tt := onTerminal(t, "", nil, exe)
	tt.expect(`> `)
	tt.send("::run sleep 2\r")
	tt.expect(`ready`)
	tt.send("\x03")
	tt.expect(`stop on SIGINT`)
	tt.expect(`target stopped at`)
	tt.expect(`> `)
	tt.send(":k\r")
	tt.expect(`forcibly terminated`)
	tt.expect(`> `)
	tt.send("::status\r")
	tt.expect(`status: idle`)
}
