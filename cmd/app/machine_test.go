//go:build linux

package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xmdb/xmdb/fixtures/tinyvm"
)

// onMachine runs xmdb on commands and gives all that it says.
func onMachine(t *testing.T, commands string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(build(t), "xmdb"), append([]string{"-S"}, args...)...)
	cmd.Stdin = strings.NewReader(commands)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// wants checks that a text has others, in this order.
func wants(t *testing.T, text string, all ...string) {
	t.Helper()
	rest := text
	for _, w := range all {
		i := strings.Index(rest, w)
		if i < 0 {
			t.Errorf("no %q in\n%s", w, text)
			return
		}
		rest = rest[i+len(w):]
	}
}

// TestMachine has sessions on a live machine by each form of -g. It runs afterwards.
func TestMachine(t *testing.T) {
	vm := tinyvm.Start(t, "-object", "memory-backend-file,id=ram0,size=64M,share=on,mem-path=DIR/ram", "-machine", "memory-backend=ram0")
	boot := "0x7dfe:         aa55"
	for _, tt := range []struct {
		spec, state, memory string
	}{
		{"qmp:" + vm.QMP, "state: running", "64 MiB through shared memory " + vm.RAM},
		{fmt.Sprintf("pid:%d", vm.PID), "state: not known", "64 MiB through shared memory " + vm.RAM},
		{"gdb:" + vm.GDB, "state: running, halted for as long as a command reads", "memory: physical, by m packets"},
	} {
		out := onMachine(t, "::status\n0x7dfe\\x\n", "-g", tt.spec)
		wants(t, out, "no kernel was recognised", tt.spec, tt.state, tt.memory, boot)
		if !vm.Running() {
			t.Fatalf("-g %s leaves the machine halted:\n%s", tt.spec, out)
		}
	}
	// Halted, nothing changes; gone on with, it does.
	for _, spec := range []string{"qmp:" + vm.QMP, "gdb:" + vm.GDB} {
		out := onMachine(t, "0x500\\J\n0x500\\J\n<rbx=J\n::cont\n!sleep 1\n0x500\\J\n", "-g", spec, "--stop")
		var counts []string
		for line := range strings.Lines(out) {
			if n, ok := strings.CutPrefix(line, "0x500:"); ok {
				counts = append(counts, strings.TrimSpace(n))
			}
		}
		if len(counts) != 3 || counts[0] != counts[1] || counts[1] == counts[2] || !vm.Running() {
			t.Errorf("-g %s --stop: %q, running %v\n%s", spec, counts, vm.Running(), out)
		}
	}
}

// TestMachineControl breaks, steps and watches in the machine's code.
func TestMachineControl(t *testing.T) {
	vm := tinyvm.Start(t)
	at := func(a uint64) string { return fmt.Sprintf("xmdb: target stopped at:\n%#x:", a) }
	out := onMachine(t, fmt.Sprintf("%#x::bp\n:c\n::events\n::step\n::step\n::delete all\n0x500::wp -w -L 8\n:c\n::delete all\n%#x::bp -P 1\n%#x::bp -P 0\n:c\n::events\n::next\n:k\n::cont\n::status\n", vm.Count, vm.Count, vm.Again), "-g", "gdb:"+vm.GDB)
	wants(t, out, fmt.Sprintf("xmdb: stop at %#x\n", vm.Count), at(vm.Count), "1  0 stop at",
		at(vm.Count+3), at(vm.After), "stop on write of [0x500, 0x508)", at(vm.After), at(vm.Again), "     0  0 stop at", at(vm.Again+5),
		"a machine is not ended by its debugger", at(vm.Again))
	if !vm.Running() {
		t.Errorf("the machine is left halted:\n%s", out)
	}
	out = onMachine(t, "::stop\n::step\n:c SIGINT\n::release\n::status\n", "-g", "qmp:"+vm.QMP)
	wants(t, out, "failed to single-step target: this way to the machine has no control of its processors", "a machine has no signals", "no target")
	if !vm.Running() {
		t.Errorf("released, the machine is halted:\n%s", out)
	}
	out = onMachine(t, "::stop\n::release -a\n", "-g", "gdb:"+vm.GDB)
	if vm.Running() {
		t.Errorf("::release -a lets the machine go:\n%s", out)
	}
}

// TestMachineSignals ends a debugger by signals while the machine is halted.
func TestMachineSignals(t *testing.T) {
	vm := tinyvm.Start(t)
	for _, tt := range []struct {
		spec string
		sig  syscall.Signal
	}{{"qmp:" + vm.QMP, syscall.SIGTERM}, {"gdb:" + vm.GDB, syscall.SIGTERM}, {"gdb:" + vm.GDB, syscall.SIGHUP}} {
		cmd := exec.Command(filepath.Join(build(t), "xmdb"), "-S", "-g", tt.spec, "--stop")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		io.WriteString(in, "::status\n")
		for end := time.Now().Add(patience); vm.Running() && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		if vm.Running() {
			t.Errorf("-g %s --stop does not halt the machine within %v", tt.spec, patience)
		}
		cmd.Process.Signal(tt.sig)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 128+int(tt.sig) || !vm.Running() {
			t.Errorf("%s, %v: exit status %d, running %v\n%s", tt.spec, tt.sig, code, vm.Running(), out.String())
		}
	}
}

// TestMachineErrors has specifications that cannot be used.
func TestMachineErrors(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-g", "qmp"}, "expected qmp:ADDRESS"},
		{[]string{"-g", "xen:1"}, `"xen" is no form of -g`},
		{[]string{"-g", "qmp:/no/such/socket"}, "connect to /no/such/socket"},
		{[]string{"-g", "gdb:127.0.0.1:1"}, "connection refused"},
		{[]string{"-g", "bhyve:localhost"}, "over TCP an address is HOST:PORT"},
		{[]string{"-g", "gdb:127.0.0.1:99999"}, "invalid port"},
		{[]string{"-g", "pid:x"}, "no process id"},
		{[]string{"-g", "pid:1073741824"}, "no such file or directory"},
		{[]string{"-g", fmt.Sprintf("pid:%d", os.Getpid())}, "the process is no QEMU"},
		{[]string{"-g", "virsh:-x"}, "is no domain"},
		{[]string{"-g", "qmp:/x", "-p", "1"}, "mutually exclusive"},
		{[]string{"-g", "qmp:/x", "a", "b"}, "no operand but"},
		{[]string{"--stop"}, "--stop is for -g"},
		{[]string{"-g"}, "requires an argument"},
	} {
		out := onMachine(t, "", tt.args...)
		if !strings.Contains(out, tt.want) || strings.Contains(out, "panic") {
			t.Errorf("%q: %s, want %q", tt.args, out, tt.want)
		}
	}
}
