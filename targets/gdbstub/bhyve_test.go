package gdbstub

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/fixtures/bhyvestub"
)

const bhyveBase = 0xfffffffffb800000

// onePage is a page at bhyveBase.
type onePage []byte

// ReadAt implements mem.Space.
func (p onePage) ReadAt(b []byte, a mem.Addr) (int, error) {
	if a-bhyveBase >= mem.Addr(len(p)) {
		return 0, mem.Fault(a, mem.ErrUnmapped)
	}
	n := copy(b, p[a-bhyveBase:])
	if n < len(b) {
		return n, mem.Fault(a+mem.Addr(n), mem.ErrUnmapped)
	}
	return n, nil
}

// newBhyve is a machine of two processors, the first in user mode: its table does not have
// the kernel.
func newBhyve(t *testing.T) (*bhyvestub.Stub, onePage) {
	t.Helper()
	page := onePage{}
	for i := range pageSize {
		page = append(page, byte(i*7))
	}
	cpu := func(i, pc, cs uint64, m mem.Space) bhyvestub.CPU {
		r := arch.NewRegs(arch.AMD64)
		for n, name := range strings.Fields("rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15") {
			r.Set(name, uint64(n)<<8|i)
		}
		r.Set("rip", pc)
		r.Set("cs", cs)
		return bhyvestub.CPU{Regs: r, Memory: m}
	}
	return bhyvestub.Serve(t, cpu(0, bhyveBase+0x10, 0x43, onePage(nil)), cpu(1, bhyveBase+0x80, 0x28, page)), page
}

// TestBhyve has a whole session with nothing but what the stub knows.
func TestBhyve(t *testing.T) {
	s, page := newBhyve(t)
	m := attach(t, s.Addr, Options{Bhyve: true, Wait: patience})
	list, err := m.Processors()
	if err != nil || len(list) != 2 {
		t.Fatalf("%d processors, %v", len(list), err)
	}
	for i, p := range list {
		if rbx, _ := p.Regs.Get("rbx"); rbx != 0x100|uint64(i) || p.Regs.PC() != []uint64{bhyveBase + 0x10, bhyveBase + 0x80}[i] || p.System.Known != 0 {
			t.Errorf("processor %d: rbx %#x, pc %#x, known %b", i, rbx, p.Regs.PC(), p.System.Known)
		}
	}
	virt := m.KernelVirtual()
	all := make([]byte, 8192)
	if n, err := virt.ReadAt(all, bhyveBase); n != 4096 || !errors.Is(err, mem.ErrUnmapped) || !bytes.Equal(all[:n], page) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if n, err := virt.ReadAt(all[:8], 0x1000); n != 0 || !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("unmapped: %d bytes, %v", n, err)
	}
	if n, err := m.Physical().ReadAt(all[:8], 0x1000); n != 0 || !errors.Is(err, errVirtualOnly) {
		t.Errorf("physical: %d bytes, %v", n, err)
	}
	m.Settle()
	if err := m.Halt(background); err != nil {
		t.Fatal(err)
	}
	c := m.Control()
	if err := c.Insert(bhyveBase + 0x60); err != nil {
		t.Fatal(err)
	}
	run(t, m, control.Order{}, control.Breakpoint, bhyveBase+0x60)
	if n, err := virt.ReadAt(all[:16], bhyveBase+0x58); n != 16 || err != nil || !bytes.Equal(all[:16], page[0x58:0x68]) {
		t.Errorf("memory at a breakpoint: % x, %v", all[:16], err)
	}
	run(t, m, control.Order{Mode: control.StepOne, Thread: 1}, control.Step, bhyveBase+0x61)
	if st := run(t, m, control.Order{Mode: control.StepOne, Thread: 2}, control.Step, bhyveBase+0x81); st.Thread != 2 {
		t.Errorf("thread %d stepped", st.Thread)
	}
	if err := c.Watch(bhyveBase, 8, control.Write); err == nil {
		t.Error("a watchpoint was set")
	}
	ctx, cancel := context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	if st, err := c.Resume(ctx, control.Order{}, func(s *control.Stop) bool { return true }); err != nil || st.Why != control.Requested {
		t.Errorf("interrupt: %+v, %v", st, err)
	}
	writeBhyve(t, m, page)
	m.Close()
	until(t, "the stub notices that the connection has ended", s.Running)
	if s.Detached() != 1 || len(s.Points()) > 0 {
		t.Errorf("left detached %v, points %v", s.Detached(), s.Points())
	}
	if p := s.Strange(); len(p) > 0 {
		t.Errorf("asked what bhyve does not know: %q", p)
	}
}

// writeBhyve writes memory across a breakpoint; registers bhyve does not write.
func writeBhyve(t *testing.T, m *Target, page onePage) {
	t.Helper()
	virt, c := m.KernelVirtual(), m.Control()
	m.SetWritable(true)
	if err := m.Halt(background); err != nil {
		t.Fatal(err)
	}
	write(t, virt, bhyveBase+0x5e, 1, 2, 3, 4)
	b := make([]byte, 6)
	if n, err := virt.ReadAt(b, bhyveBase+0x5d); n != 6 || err != nil || !bytes.Equal(b, []byte{page[0x5d], 1, 2, 3, 4, page[0x62]}) {
		t.Errorf("written memory: % x, %v", b, err)
	}
	if n, err := virt.(mem.Writer).WriteAt(make([]byte, 8), bhyveBase+pageSize-4); n != 4 || !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("across the end: %d bytes, %v", n, err)
	}
	regs, err := c.Registers(1)
	if err != nil {
		t.Fatal(err)
	}
	regs.Set("rax", 1)
	if err := m.SetRegisters(1, regs); !errors.Is(err, errNoRegister) {
		t.Errorf("registers: %v", err)
	}
}
