package qemu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/fixtures/tinyvm"
)

var ramArgs = []string{"-object", "memory-backend-file,id=ram0,size=64M,share=on,mem-path=DIR/ram", "-machine", "memory-backend=ram0"}

// patience is how long tests wait for what comes at once on a machine with nothing else
// to do.
const patience = time.Minute

func counter(t *testing.T, m *Target) uint64 {
	t.Helper()
	v, err := mem.ReadUint(m.Physical(), tinyvm.Counter, 8, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func open(t *testing.T, m *Target, err error) *Target {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestWays reads a machine's memory in each way there is, and compares with what the
// monitor prints.
func TestWays(t *testing.T) {
	shared := tinyvm.Start(t, ramArgs...)
	private := tinyvm.Start(t)
	memfd := tinyvm.Start(t, "-object", "memory-backend-memfd,id=m,size=64M,share=on", "-machine", "memory-backend=m")
	withoutHost := func(m *tinyvm.Machine, print bool) func() (*Target, error) {
		return func() (*Target, error) {
			x := &Target{began: time.Now()}
			q, err := dial(context.Background(), m.QMP, x.event)
			if err != nil {
				return nil, err
			}
			q.pid = 0
			x, err = x.open(context.Background(), q)
			if err == nil && x.mem.slow != nil {
				x.mem.slow.print = print
			}
			return x, err
		}
	}
	qmp := func(m *tinyvm.Machine) func() (*Target, error) {
		return func() (*Target, error) { return OpenQMP(context.Background(), m.QMP) }
	}
	pid := func(m *tinyvm.Machine) func() (*Target, error) {
		return func() (*Target, error) { return OpenPID(context.Background(), m.PID) }
	}
	for _, tt := range []struct {
		name string
		vm   *tinyvm.Machine
		open func() (*Target, error)
		how  string
	}{
		{"qmp, shared file", shared, qmp(shared), "shared memory " + shared.RAM},
		{"qmp, memfd", memfd, qmp(memfd), "shared memory /memfd:"},
		{"qmp, private", private, qmp(private), fmt.Sprintf("/proc/%d/mem", private.PID)},
		{"qmp, no process, shared file", shared, withoutHost(shared, false), "shared memory " + shared.RAM},
		{"qmp, no process, pmemsave", private, withoutHost(private, false), monitorWay},
		{"qmp, no process, xp", private, withoutHost(private, true), monitorWay},
		{"pid, shared file", shared, pid(shared), "shared memory " + shared.RAM},
		{"pid, private", private, pid(private), fmt.Sprintf("/proc/%d/mem", private.PID)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := tt.open()
			m = open(t, m, err)
			if how := m.mem.ways[0].how; !strings.HasPrefix(how, tt.how) {
				t.Errorf("memory through %s, want %s", how, tt.how)
			}
			a := counter(t, m)
			for end := time.Now().Add(patience); ; m.Refresh() {
				if b := counter(t, m); b > a {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the counter stands at %d: the machine was stopped, or memory is not its", a)
				}
			}
			boot := make([]byte, 512)
			if err := mem.ReadFull(m.Physical(), boot, 0x7c00); err != nil || boot[510] != 0x55 || boot[511] != 0xaa {
				t.Errorf("boot sector: % x, %v", boot[500:], err)
			}
			if got := tt.vm.Monitor("xp /2wx 0x7c00"); !strings.Contains(got, fmt.Sprintf("%#08x %#08x", binary.LittleEndian.Uint32(boot), binary.LittleEndian.Uint32(boot[4:]))) {
				t.Errorf("memory is % x, the monitor has %s", boot[:8], got)
			}
			for _, bad := range []mem.Addr{tinyvm.Memory, 0xfee00000, 1 << 40, 1<<64 - 4} {
				if n, err := m.Physical().ReadAt(make([]byte, 4), bad); n != 0 || !errors.Is(err, mem.ErrUnmapped) {
					t.Errorf("read at %v: %d bytes, %v", bad, n, err)
				}
			}
			if n, err := m.Physical().ReadAt(make([]byte, 64), tinyvm.Memory-16); n != 16 || !errors.Is(err, mem.ErrUnmapped) {
				t.Errorf("read across the end: %d bytes, %v", n, err)
			}
			writes(t, m, tt.vm, tt.how)
			if !tt.vm.Running() {
				t.Error("looking has stopped the machine")
			}
		})
	}
}

// writes changes memory, where the way to it allows, and asks the monitor what is there.
func writes(t *testing.T, m *Target, vm *tinyvm.Machine, how string) {
	t.Helper()
	const at = 0x300ffd
	w := m.Physical().(mem.Writer)
	if n, err := w.WriteAt([]byte{1}, at); n != 0 || !errors.Is(err, mem.ErrReadOnly) || m.Writable() {
		t.Errorf("not open for writing: %d bytes, %v", n, err)
	}
	err := m.SetWritable(true)
	if how == monitorWay {
		if !errors.Is(err, errNoWrites) || m.Writable() {
			t.Errorf("writing through the monitor: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	mark := byte(time.Now().UnixNano())&0x7f | 0x80
	if n, err := w.WriteAt([]byte{mark, 2, 3, 4, 5}, at); n != 5 || err != nil {
		t.Errorf("%d bytes written, %v", n, err)
	}
	if text, want := vm.Monitor("xp /5bx 0x300ffd"), fmt.Sprintf("%#02x 0x02 0x03 0x04 0x05", mark); !strings.Contains(text, want) {
		t.Errorf("the monitor has %s, want %s", text, want)
	}
	if n, err := w.WriteAt(make([]byte, 8), tinyvm.Memory-4); n != 4 || !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("across the end: %d bytes, %v", n, err)
	}
	if err := m.SetWritable(false); err != nil || m.Writable() {
		t.Errorf("closed for writing: %v", err)
	}
	if _, err := w.WriteAt([]byte{1}, at); !errors.Is(err, mem.ErrReadOnly) {
		t.Errorf("closed for writing: %v", err)
	}
}

// TestRegisters compares a halted machine's registers with the monitor's text, by
// another reader of it than the parser.
func TestRegisters(t *testing.T) {
	vm := tinyvm.Start(t, ramArgs...)
	m, err := OpenQMP(context.Background(), vm.QMP)
	m = open(t, m, err)
	if err := m.Halt(context.Background()); err != nil {
		t.Fatal(err)
	}
	list, err := m.Processors()
	if err != nil || len(list) != 2 {
		t.Fatalf("%d processors, %v", len(list), err)
	}
	cpu := list[0]
	for _, r := range []struct{ name, qemu string }{{"rax", "RAX"}, {"rbx", "RBX"}, {"rip", "RIP"}, {"rsp", "RSP"}, {"rflags", "RFL"}, {"rdi", "RDI"}} {
		if got, ok := cpu.Regs.Get(r.name); !ok || got != vm.Register(r.qemu) {
			t.Errorf("%s = %#x %v, the monitor has %#x", r.name, got, ok, vm.Register(r.qemu))
		}
	}
	s := cpu.System
	if want := (system.SystemRegs{CR0: vm.Register("CR0"), CR3: 0x1000, CR4: 0xa0, EFER: 0x500, GDTBase: s.GDTBase, Known: s.Known}); s != want {
		t.Errorf("system registers %+v, want %+v", s, want)
	}
	if !s.Has(system.HasCR3|system.HasIDTBase|system.HasEFER) || s.Has(system.HasKernelGSBase) {
		t.Errorf("known: %b", s.Known)
	}
	if gs, _ := cpu.Regs.Get("gsbase"); gs != 0xffff888000002000 {
		t.Errorf("gsbase = %#x", gs)
	}
	if cpu.Halted || !list[1].Halted {
		t.Errorf("halted: %v %v", cpu.Halted, list[1].Halted)
	}
}

// TestStopResume checks that a machine is left as it was found.
func TestStopResume(t *testing.T) {
	vm := tinyvm.Start(t, ramArgs...)
	ctx := context.Background()
	for _, leave := range []struct {
		name    string
		end     func(*Target)
		running bool
	}{
		{"close", func(m *Target) { m.Close() }, true},
		{"abandon", func(m *Target) { m.Abandon() }, true},
		{"hang", func(m *Target) { m.Release(true, true) }, false},
	} {
		m, err := OpenQMP(ctx, vm.QMP)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Halt(ctx); err != nil {
			t.Fatal(err)
		}
		a, moment := counter(t, m), m.Moment()
		time.Sleep(20 * time.Millisecond)
		if b := counter(t, m); a != b || !m.Halted() || vm.Running() || m.Moment() != moment {
			t.Errorf("halted, it counts from %d to %d; moment %d to %d", a, b, moment, m.Moment())
		}
		leave.end(m)
		m.Close()
		if got := vm.Running(); got != leave.running {
			t.Errorf("%s: running is %v", leave.name, got)
		}
	}
	// It is halted now, and not by us: nobody resumes it.
	m, err := OpenQMP(ctx, vm.QMP)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Halt(ctx); err != nil {
		t.Fatal(err)
	}
	m.Close()
	if vm.Running() {
		t.Error("a machine that somebody else has halted was resumed")
	}
}

// TestEvents checks what a session is told of a machine that others stop, reset and
// end.
func TestEvents(t *testing.T) {
	vm := tinyvm.Start(t)
	m, err := OpenQMP(context.Background(), vm.QMP)
	m = open(t, m, err)
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s was not noticed within %v", what, patience)
			}
		}
	}
	before := m.Moment()
	time.Sleep(5 * time.Millisecond)
	if m.Moment() == before {
		t.Error("time stands still while the machine runs")
	}
	vm.Ask("stop", nil, nil)
	until("stop", func() bool { return !m.Running() })
	vm.Ask("cont", nil, nil)
	until("cont", m.Running)
	vm.Ask("system_reset", nil, nil)
	until("reset", m.Restarted)
	if news := strings.Join(m.News(), "; "); !strings.Contains(news, "reset") {
		t.Errorf("news: %s", news)
	}
	vm.End()
	until("end", func() bool { return len(m.News()) > 0 })
	if _, err := m.Physical().ReadAt(make([]byte, 8), tinyvm.Counter); !errors.Is(err, ErrGone) {
		t.Errorf("memory of a machine that has ended: %v", err)
	}
	if _, err := m.Processors(); !errors.Is(err, ErrGone) {
		t.Errorf("registers of a machine that has ended: %v", err)
	}
}

// TestVirsh goes by a virsh in PATH that passes commands on to a real monitor.
func TestVirsh(t *testing.T) {
	vm := tinyvm.Start(t, append([]string{"-name", "guest=tiny,debug-threads=on"}, ramArgs...)...)
	fixtures.Need(t, "python3")
	dir := t.TempDir()
	script := fmt.Sprintf(`#!/usr/bin/env python3
import json, socket, sys
if sys.argv[1:3] != ["qemu-monitor-command", "tiny"]:
    sys.exit("error: failed to get domain '%%s'" %% sys.argv[2])
s = socket.socket(socket.AF_UNIX); s.connect(%q); f = s.makefile("rw"); f.readline()
for c in ['{"execute":"qmp_capabilities"}', sys.argv[3]]:
    f.write(c + "\n"); f.flush()
    while True:
        a = json.loads(f.readline())
        if "event" not in a: break
print(json.dumps(a))
`, vm.QMP)
	if err := os.WriteFile(filepath.Join(dir, "virsh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	m, err := OpenVirsh(context.Background(), "tiny")
	m = open(t, m, err)
	if m.host == nil || m.host.pid != vm.PID {
		t.Errorf("process: %+v, want %d", m.host, vm.PID)
	}
	a := counter(t, m)
	if err := m.Halt(context.Background()); err != nil || vm.Running() {
		t.Errorf("halt: %v", err)
	}
	if counter(t, m) < a {
		t.Error("the counter goes back")
	}
	if _, err := OpenVirsh(context.Background(), "other"); err == nil || !strings.Contains(err.Error(), "failed to get domain 'other'") {
		t.Errorf("another domain: %v", err)
	}
}
