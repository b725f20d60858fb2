package gdbstub

import (
	"errors"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/tinyvm"
)

// write writes through a target that is open for it.
func write(t *testing.T, sp mem.Space, a mem.Addr, b ...byte) {
	t.Helper()
	if n, err := sp.(mem.Writer).WriteAt(b, a); n != len(b) || err != nil {
		t.Fatalf("write at %v: %d bytes, %v", a, n, err)
	}
}

// TestWrite changes memory and registers, and asks the monitor what they are.
func TestWrite(t *testing.T) {
	vm := tinyvm.Start(t)
	m := attach(t, vm.GDB, Options{})
	const at = 0x300000
	long := make([]byte, 3*pageSize)
	for i := range long {
		long[i] = byte(i*7 + 1)
	}
	w := m.Physical().(mem.Writer)
	if n, err := w.WriteAt(long, at); n != 0 || !errors.Is(err, mem.ErrReadOnly) || m.Writable() {
		t.Errorf("not open for writing: %d bytes, %v", n, err)
	}
	if err := m.SetWritable(true); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(long))
	if err := mem.ReadFull(m.Physical(), got, at+100); err != nil { // what is remembered goes
		t.Fatal(err)
	}
	write(t, m.Physical(), at+100, long...)
	if err := mem.ReadFull(m.Physical(), got, at+100); err != nil || string(got) != string(long) {
		t.Errorf("what was written is not read: %v", err)
	}
	if text := vm.Monitor("xp /4bx 0x301064"); !strings.Contains(text, "0x01 0x08 0x0f 0x16") {
		t.Errorf("the monitor has %s", text)
	}
	if n, err := w.WriteAt(long, tinyvm.Memory-pageSize); n != pageSize || !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("across the end of memory: %d bytes, %v", n, err)
	}
	m.Settle()
	if !vm.Running() {
		t.Error("the machine does not run after a write")
	}
	regs, err := m.Control().Registers(1)
	if err != nil {
		t.Fatal(err)
	}
	regs.Set("r9", 0x1122334455667788)
	if err := m.SetRegisters(1, regs); !errors.Is(err, errRunning) {
		t.Errorf("registers of a machine that runs: %v", err)
	}
	if err := m.Halt(background); err != nil {
		t.Fatal(err)
	}
	if regs, err = m.Control().Registers(1); err != nil {
		t.Fatal(err)
	}
	moment := m.Moment()
	regs.Set("r9", 0x1122334455667788)
	regs.Set("rsi", 0x42)
	if err := m.SetRegisters(1, regs); err != nil || m.Moment() == moment {
		t.Errorf("registers: %v, moment %d", err, m.Moment())
	}
	if r9, rsi := vm.Register("R9 "), vm.Register("RSI"); r9 != 0x1122334455667788 || rsi != 0x42 {
		t.Errorf("the monitor has r9 %#x, rsi %#x", r9, rsi)
	}
	if err := m.SetRegisters(3, regs); err == nil {
		t.Error("a processor that is not there was written to")
	}
	m.SetWritable(false)
	if err := m.SetRegisters(1, regs); !errors.Is(err, mem.ErrReadOnly) {
		t.Errorf("not open for writing: %v", err)
	}
}

// TestMoved gives a processor that stands at a breakpoint another address to go on at: the
// breakpoint there is met.
func TestMoved(t *testing.T) {
	vm := tinyvm.Start(t)
	m := attach(t, vm.GDB, Options{})
	m.SetWritable(true)
	if err := m.Halt(background); err != nil {
		t.Fatal(err)
	}
	c := m.Control()
	for _, at := range []uint64{vm.Count, vm.After} {
		if err := c.Insert(at); err != nil {
			t.Fatal(err)
		}
	}
	run(t, m, control.Order{}, control.Breakpoint, vm.Count)
	regs, err := c.Registers(1)
	if err != nil {
		t.Fatal(err)
	}
	regs.Set("rip", vm.After)
	if err := m.SetRegisters(1, regs); err != nil {
		t.Fatal(err)
	}
	run(t, m, control.Order{}, control.Breakpoint, vm.After)
}

// TestRegistersNotTaken has stubs that know P, or G, or neither.
func TestRegistersNotTaken(t *testing.T) {
	now := someRegisters
	for _, tt := range []struct {
		name   string
		answer func(string) string
		want   error
	}{
		{"neither", good, errNoRegister},
		{"P without effect", with("P", "+"+string(encode("OK"))), errNotTaken},
		{"P refused", with("P", "+"+string(encode("E16"))), stubError("16")},
		{"G", func(r string) string {
			switch {
			case r[0] == 'G':
				now = r[1:]
				return "+" + string(encode("OK"))
			case r == "g":
				return "+" + string(encode(now))
			}
			return good(r)
		}, nil},
	} {
		m := attach(t, stubOf(t, tt.answer), Options{})
		m.SetWritable(true)
		m.state.wanted = false // as after a halt, which these stubs do not know
		m.state.running = false
		regs, err := m.Control().Registers(1)
		if err != nil {
			t.Fatal(err)
		}
		regs.Set("rbx", 0x1234)
		if err := m.SetRegisters(1, regs); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		m.q.Close()
	}
	if want := "3412000000000000"; !strings.HasPrefix(now[16:], want) {
		t.Errorf("G has %.48s", now)
	}
}
