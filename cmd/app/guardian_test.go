//go:build linux

package app_test

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xmdb/xmdb/fixtures/tinyvm"
)

// said is what a program has said so far.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.b.String(), text)
}

// TestMachineKilled kills a debugger that has the machine halted, in a way that it cannot
// catch: the machine goes on, and no breakpoint is left in it.
func TestMachineKilled(t *testing.T) {
	vm := tinyvm.Start(t)
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not within %v: %s", patience, what)
			}
		}
	}
	for _, tt := range []struct{ spec, commands string }{
		{"qmp:" + vm.QMP, "::stop\n!echo halted\n"},
		{"gdb:" + vm.GDB, "0x500\\J\n::stop\n0x500\\J\n!echo halted\n"},
		{"gdb:" + vm.GDB, fmt.Sprintf("%#x::bp\n:c\n!echo halted\n", vm.Count)},
	} {
		cmd := exec.Command(filepath.Join(build(t), "xmdb"), "-S", "-g", tt.spec)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out said
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		io.WriteString(in, tt.commands)
		until("the machine's halt", func() bool { return out.has("halted\n") })
		if vm.Running() {
			t.Errorf("%s: the machine was not halted by %q", tt.spec, tt.commands)
		}
		cmd.Process.Kill()
		cmd.Wait()
		until(tt.spec+": the machine's going on", vm.Running)
		// The code at a breakpoint that was left would have halted it again.
		first := vm.Register("RBX")
		until(tt.spec+": the counter", func() bool { return vm.Register("RBX") != first })
		if !vm.Running() {
			t.Errorf("%s: the machine was halted again", tt.spec)
		}
	}
}
