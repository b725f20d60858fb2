package gdbstub

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures"
	"github.com/xmdb/xmdb/fixtures/tinyvm"
)

var background = context.Background()

// patience is how long tests wait for what comes at once on a machine with nothing else
// to do.
const patience = time.Minute

// until waits for something.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func attach(t *testing.T, addr string, o Options) *Target {
	t.Helper()
	m, err := Open(background, addr, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func counter(t *testing.T, m *Target) uint64 {
	t.Helper()
	v, err := mem.ReadUint(m.Physical(), tinyvm.Counter, 8, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// mode is the stub's PhyMemMode, asked on a connection of its own, which lets the
// machine go on.
func mode(t *testing.T, vm *tinyvm.Machine) string {
	t.Helper()
	q, err := dial(background, vm.GDB, answerTime)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	a, err := q.ask("qqemu.PhyMemMode")
	if err != nil {
		t.Fatal(err)
	}
	if err := q.ok("D"); err != nil {
		t.Fatal(err)
	}
	return string(a)
}

// TestLook looks at a machine that runs: it runs between commands, and afterwards.
func TestLook(t *testing.T) {
	vm := tinyvm.Start(t)
	m := attach(t, vm.GDB, Options{})
	if !vm.Running() {
		t.Error("the machine does not run after Open")
	}
	short := idleTime
	idleTime = time.Hour // however long the next reads take
	a := counter(t, m)
	if counter(t, m) != a {
		t.Error("the machine runs within a command")
	}
	idleTime = short
	moment := m.Moment()
	m.Settle()
	if !vm.Running() || m.Moment() == moment {
		t.Errorf("the machine does not run between commands; moment %d", m.Moment())
	}
	until(t, "the counter goes on", func() bool {
		defer m.Settle()
		return counter(t, m) > a
	})
	counter(t, m)
	until(t, "the machine goes on by itself", vm.Running)
	for _, bad := range []mem.Addr{tinyvm.Memory, 0xfee00000, 1 << 40} {
		if n, err := m.Physical().ReadAt(make([]byte, 4), bad); n != 0 || !errors.Is(err, mem.ErrUnmapped) {
			t.Errorf("read at %v: %d bytes, %v", bad, n, err)
		}
	}
	m.Close()
	if got := mode(t, vm); got != "0" {
		t.Errorf("PhyMemMode is left at %s", got)
	}
	if !vm.Running() {
		t.Error("the machine is left halted")
	}
}

// TestRegistersAsTheMonitor compares with `info registers`, and those of the system
// with what the boot sector has set.
func TestRegistersAsTheMonitor(t *testing.T) {
	vm := tinyvm.Start(t)
	m := attach(t, vm.GDB, Options{})
	if err := m.Halt(background); err != nil {
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
	want := system.SystemRegs{CR0: vm.Register("CR0"), CR3: 0x1000, CR4: 0xa0, EFER: 0x500, KernelGSBase: 0xffff888000001000,
		GDTBase: s.GDTBase, IDTBase: s.IDTBase, Known: s.Known}
	if s != want || !s.Has(system.HasCR3|system.HasIDTBase|system.HasKernelGSBase) {
		t.Errorf("system registers %+v, want %+v", s, want)
	}
	if gs, _ := cpu.Regs.Get("gsbase"); gs != 0xffff888000002000 {
		t.Errorf("gsbase = %#x", gs)
	}
	if cpu.Halted || !list[1].Halted {
		t.Errorf("halted: %v %v", cpu.Halted, list[1].Halted)
	}
}

// run resumes and checks why the machine stops.
func run(t *testing.T, m *Target, o control.Order, why control.Why, pc uint64) control.Stop {
	t.Helper()
	ctx, cancel := context.WithTimeout(background, patience)
	defer cancel()
	s, err := m.Control().Resume(ctx, o, func(*control.Stop) bool { return true })
	if err != nil || s.Why != why || s.PC != pc {
		t.Fatalf("stopped: %+v, %v; want why %d at %#x", s, err, why, pc)
	}
	return s
}

// TestControl counts breakpoints against the counter that the code keeps, steps, and
// watches memory.
func TestControl(t *testing.T) {
	vm := tinyvm.Start(t)
	m := attach(t, vm.GDB, Options{})
	c := m.Control()
	if err := m.Halt(background); err != nil {
		t.Fatal(err)
	}
	if err := c.Insert(vm.Count); err != nil {
		t.Fatal(err)
	}
	run(t, m, control.Order{}, control.Breakpoint, vm.Count)
	first := counter(t, m)
	for i := range uint64(20) {
		s := run(t, m, control.Order{}, control.Breakpoint, vm.Count)
		if got := counter(t, m); got != first+i+1 || s.Thread != 1 {
			t.Fatalf("hit %d of thread %d: the counter has gone from %d to %d", i+1, s.Thread, first, got)
		}
	}
	// A filter that declines counts the same hits.
	hits := uint64(0)
	before := counter(t, m)
	if _, err := c.Resume(background, control.Order{}, func(*control.Stop) bool { hits++; return hits == 50 }); err != nil {
		t.Fatal(err)
	}
	if got := counter(t, m); got != before+50 {
		t.Errorf("50 hits, the counter has gone from %d to %d", before, got)
	}
	// Off the breakpoint by a step, and around.
	step := control.Order{Mode: control.StepOne, Thread: 1}
	run(t, m, step, control.Step, vm.Count+3)
	run(t, m, step, control.Step, vm.After)
	run(t, m, step, control.Step, vm.Again+5)
	run(t, m, step, control.Step, vm.Again)
	run(t, m, step, control.Step, vm.Count)
	run(t, m, control.Order{}, control.Breakpoint, vm.Count) // stepped onto it: it is met now
	if err := c.Remove(vm.Count); err != nil {
		t.Fatal(err)
	}
	if err := c.Watch(tinyvm.Counter, 8, control.Write); err != nil {
		t.Fatal(err)
	}
	s := run(t, m, control.Order{}, control.Watch, vm.After)
	if s.Addr != tinyvm.Counter || s.Access != control.Write {
		t.Errorf("watchpoint: %+v", s)
	}
	c.Unwatch(tinyvm.Counter, 8, control.Write)
	ctx, cancel := context.WithTimeout(background, 100*time.Millisecond)
	defer cancel()
	if s, err := c.Resume(ctx, control.Order{}, func(s *control.Stop) bool { return s.Why != control.Requested }); err != nil || s.Why != control.Requested {
		t.Errorf("interrupted: %+v, %v", s, err)
	}
	if vm.Running() {
		t.Error("the machine runs after an interrupt")
	}
	m.Close()
	if got := mode(t, vm); got != "0" || !vm.Running() {
		t.Errorf("left with PhyMemMode %s, running %v", got, vm.Running())
	}
}

// TestAsGDB leaves the machine halted at a breakpoint and has gdb say where it is.
func TestAsGDB(t *testing.T) {
	fixtures.Need(t, "gdb")
	vm := tinyvm.Start(t)
	m := attach(t, vm.GDB, Options{})
	if err := m.Halt(background); err != nil {
		t.Fatal(err)
	}
	if err := m.Control().Insert(vm.Count); err != nil {
		t.Fatal(err)
	}
	run(t, m, control.Order{}, control.Breakpoint, vm.Count)
	regs, err := m.Control().Registers(1)
	if err != nil {
		t.Fatal(err)
	}
	bytes := make([]byte, 8)
	if err := mem.ReadFull(m.Physical(), bytes, mem.Addr(vm.Count-tinyvm.Base+0x7c00)); err != nil {
		t.Fatal(err)
	}
	m.Release(true, true)
	if vm.Running() {
		t.Fatal("released to stay halted, it runs")
	}
	script := []string{"-nx", "-batch", "-ex", "set architecture i386:x86-64", "-ex", "target remote " + vm.GDB}
	for _, r := range []string{"rip", "rsp", "rbx", "cr3", "k_gs_base"} {
		script = append(script, "-ex", fmt.Sprintf(`printf "%s %%lx\n", $%s`, r, r))
	}
	script = append(script, "-ex", fmt.Sprintf("x/8xb %#x", vm.Count), "-ex", fmt.Sprintf("hbreak *%#x", vm.Count), "-ex", "ignore 1 9", "-ex", "continue", "-ex", `printf "after %lx\n", $rbx`, "-ex", "detach")
	ctx, cancel := context.WithTimeout(background, 2*patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "gdb", script...).CombinedOutput()
	if err != nil {
		t.Fatalf("gdb: %v\n%s", err, out)
	}
	said := func(name string) uint64 {
		f := regexp.MustCompile(`(?m)^` + name + ` ([0-9a-f]+)$`).FindSubmatch(out)
		if f == nil {
			t.Fatalf("gdb says nothing of %s:\n%s", name, out)
		}
		v, _ := strconv.ParseUint(string(f[1]), 16, 64)
		return v
	}
	for _, r := range []string{"rip", "rsp", "rbx"} {
		if got, _ := regs.Get(r); got != said(r) {
			t.Errorf("%s = %#x, gdb has %#x", r, got, said(r))
		}
	}
	var text []string
	for _, b := range bytes {
		text = append(text, fmt.Sprintf("%#02x", b))
	}
	if want := strings.ReplaceAll(strings.Join(text, "\t"), "0x0\t", "0x00\t"); !strings.Contains(string(out), want) {
		t.Errorf("memory is %s; gdb:\n%s", want, out)
	}
	// gdb's ten hits bring the counter as far as ours would.
	if rbx, _ := regs.Get("rbx"); said("after") != rbx+10 {
		t.Errorf("gdb's ten hits: %#x to %#x", rbx, said("after"))
	}
}

// TestNotStarted looks at a machine that QEMU has not started (-S): it stays so.
func TestNotStarted(t *testing.T) {
	vm := tinyvm.Start(t, "-S")
	m := attach(t, vm.GDB, Options{})
	if !m.Halted() {
		t.Error("it is taken for running")
	}
	if list, err := m.Processors(); err != nil || list[0].Regs.PC() != 0xfff0 {
		t.Errorf("processors: %v", err)
	}
	m.Settle()
	m.Close()
	if vm.Running() {
		t.Error("a machine that was not started runs")
	}
	m = attach(t, vm.GDB, Options{})
	if err := m.Go(background); err != nil || !vm.Running() {
		t.Errorf("go: %v", err)
	}
}

// TestOthers has another client of QEMU halt, resume and end a machine that is looked
// at.
func TestOthers(t *testing.T) {
	vm := tinyvm.Start(t)
	m := attach(t, vm.GDB, Options{})
	vm.Ask("stop", nil, nil)
	until(t, "the stub tells of another's stop", func() bool { return len(m.q.packets) > 0 })
	a := counter(t, m)
	m.Settle()
	if vm.Running() || !m.Halted() {
		t.Error("what somebody else has halted was resumed")
	}
	vm.Ask("cont", nil, nil) // the stub says nothing of that
	until(t, "the counter goes on", func() bool {
		m.News() // as between commands
		b := counter(t, m)
		m.Settle()
		return b > a
	})
	if !vm.Running() || m.Halted() {
		t.Error("what somebody else let go stays halted")
	}
	vm.End()
	if _, err := m.Processors(); err == nil {
		_, err = m.Physical().ReadAt(make([]byte, 1<<20), 0x100000)
		if !errors.Is(err, ErrGone) {
			t.Errorf("a machine that has ended: %v", err)
		}
	}
	if m.State() != core.StateLost {
		t.Errorf("state %d", m.State())
	}
}

// TestAbandon ends a session from another goroutine while the machine runs to a
// breakpoint that it never meets.
func TestAbandon(t *testing.T) {
	vm := tinyvm.Start(t)
	m := attach(t, vm.GDB, Options{})
	if err := m.Halt(background); err != nil {
		t.Fatal(err)
	}
	if err := m.Control().Insert(tinyvm.Base + 0x1f0); err != nil {
		t.Fatal(err)
	}
	done := make(chan control.Stop)
	go func() {
		s, _ := m.Control().Resume(background, control.Order{}, func(*control.Stop) bool { return true })
		done <- s
	}()
	until(t, "the machine runs", vm.Running)
	m.Abandon()
	select {
	case s := <-done:
		if s.Why != control.Lost {
			t.Errorf("stop: %+v", s)
		}
	case <-time.After(patience):
		t.Fatal("Resume does not end")
	}
	if got := mode(t, vm); got != "0" || !vm.Running() {
		t.Errorf("left with PhyMemMode %s, running %v", got, vm.Running())
	}
}

// TestCutShort ends Open at any moment of it: the machine goes on.
func TestCutShort(t *testing.T) {
	vm := tinyvm.Start(t)
	for after := time.Duration(0); after < 20*time.Millisecond; after += 2 * time.Millisecond {
		ctx, cancel := context.WithTimeout(background, after)
		var told []bool
		m, err := Open(ctx, vm.GDB, Options{Hold: func(held bool) { told = append(told, held) }})
		if err == nil {
			m.Close()
		}
		if len(told) < 2 || !told[0] || told[len(told)-1] {
			t.Errorf("cut after %v: held %v", after, told)
		}
		if !vm.Running() {
			t.Fatalf("cut after %v, the machine is left halted", after)
		}
		cancel()
	}
}
