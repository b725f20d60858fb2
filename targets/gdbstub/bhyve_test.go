package gdbstub

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xmdb/xmdb/core/control"
	"github.com/xmdb/xmdb/core/mem"
)

// bhyveStub answers the packets that bhyve's stub does, as it does, and nothing more
// (cmd/bhyve/gdb.c): every other request gets an empty answer, and is noted. Its machine
// has two processors, one page of memory, and an instruction that is one byte long
// everywhere.
type bhyveStub struct {
	mu       sync.Mutex
	vcpu     int
	pc       [2]uint64
	memory   []byte // at bhyveBase
	points   map[uint64]bool
	swbreak  bool
	strange  []string
	attached int
	running  bool
	detached bool
	pending  bool // an answer was sent and not acknowledged
}

const bhyveBase = 0xfffffffffb800000

func newBhyve(t *testing.T) (*bhyveStub, string) {
	t.Helper()
	s := &bhyveStub{points: map[uint64]bool{}, running: true, pc: [2]uint64{bhyveBase + 0x10, bhyveBase + 0x80}}
	for i := range 4096 {
		s.memory = append(s.memory, byte(i*7))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.serve(c)
		}
	}()
	return s, l.Addr().String()
}

// serve has one client.
func (s *bhyveStub) serve(c net.Conn) {
	s.mu.Lock()
	s.attached, s.running, s.pending, s.vcpu = s.attached+1, false, false, 0
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running = true
		clear(s.points)
		s.mu.Unlock()
		c.Close()
	}()
	var in []byte
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		in = s.take(c, append(in, buf[:n]...))
		s.mu.Unlock()
	}
}

func (s *bhyveStub) take(c net.Conn, in []byte) []byte {
	for len(in) > 0 {
		switch {
		case in[0] == '+':
			s.pending = false
		case in[0] == 3:
			if s.running {
				s.running = false
				s.send(c, "T05thread:01;")
			}
		case in[0] == '$':
			end := bytes.IndexByte(in, '#')
			if end < 0 || len(in) < end+3 {
				return in
			}
			if s.pending { // the answer under way would be lost
				s.strange = append(s.strange, "a request before the answer was acknowledged")
			}
			if s.running {
				s.strange = append(s.strange, "a request while the machine runs: "+string(in[:end]))
			}
			body := string(in[1:end])
			if !bytes.Equal(encode(body), in[:end+3]) {
				s.strange = append(s.strange, "a bad checksum")
			}
			c.Write([]byte{'+'})
			s.answer(c, body)
			in = in[end+2:]
		default:
			s.strange = append(s.strange, fmt.Sprintf("byte %q", in[0]))
		}
		in = in[1:]
	}
	return in
}

func (s *bhyveStub) send(c net.Conn, body string) {
	s.pending = true
	c.Write(encode(body))
}

func (s *bhyveStub) answer(c net.Conn, p string) {
	word, rest, _ := strings.Cut(p, ":")
	switch {
	case p == "?":
		s.send(c, "S05")
	case p == "c":
		s.running = true
		for pc := s.pc[0] + 1; pc < bhyveBase+4096; pc++ {
			if s.points[pc] {
				s.pc[0], s.running = pc, false
				s.send(c, "T05thread:01;swbreak:;")
				return
			}
		}
		s.pc[0] = bhyveBase + 0x40
	case p == "s":
		s.pc[s.vcpu]++
		s.send(c, fmt.Sprintf("T05thread:%02x;", s.vcpu+1))
	case p == "D":
		s.detached = true
		s.send(c, "OK")
	case p == "g":
		s.send(c, s.registers())
	case word == "qSupported":
		s.swbreak = strings.Contains(rest, "swbreak+")
		s.send(c, "PacketSize=4096;swbreak+")
	case p == "qfThreadInfo":
		s.send(c, "m01,02")
	case p == "qsThreadInfo":
		s.send(c, "l")
	case strings.HasPrefix(p, "qThreadExtraInfo,"):
		s.send(c, hex.EncodeToString([]byte("vCPU "+p[len(p)-1:])))
	case strings.HasPrefix(p, "Hg"), strings.HasPrefix(p, "Hc"):
		id, err := strconv.ParseUint(p[2:], 16, 8)
		if err != nil || id < 1 || id > 2 {
			s.send(c, "E16")
			return
		}
		s.vcpu = int(id) - 1
		s.send(c, "OK")
	case p[0] == 'm':
		s.send(c, s.read(p[1:]))
	case strings.HasPrefix(p, "Z0,"), strings.HasPrefix(p, "z0,"):
		f := strings.Split(p, ",")
		addr, err := strconv.ParseUint(f[1], 16, 64)
		if err != nil || len(f) != 3 || f[2] != "1" || addr-bhyveBase >= 4096 {
			s.send(c, "E16")
			return
		}
		s.points[addr] = p[0] == 'Z'
		s.send(c, "OK")
	default:
		s.strange = append(s.strange, p)
		s.send(c, "")
	}
}

func (s *bhyveStub) registers() string {
	var b []byte
	for i := range 16 {
		b = binary.LittleEndian.AppendUint64(b, uint64(i)<<8|uint64(s.vcpu))
	}
	b = binary.LittleEndian.AppendUint64(b, s.pc[s.vcpu])
	for _, v := range []uint32{0x246, 0x30, 0x38, 0, 0, 0, 0} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return hex.EncodeToString(b)
}

// read stops early at the end of memory.
func (s *bhyveStub) read(p string) string {
	a, n, _ := strings.Cut(p, ",")
	addr, err := strconv.ParseUint(a, 16, 64)
	size, err2 := strconv.ParseUint(n, 16, 16)
	if err != nil || err2 != nil {
		return "E16"
	}
	off := addr - bhyveBase
	if off >= 4096 {
		return "E0e"
	}
	b := bytes.Clone(s.memory[off:min(off+size, 4096)])
	for p, on := range s.points {
		if on && p-addr < uint64(len(b)) {
			b[p-addr] = 0xcc
		}
	}
	return hex.EncodeToString(b)
}

// TestBhyve has a whole session with nothing but what the stub knows.
func TestBhyve(t *testing.T) {
	s, addr := newBhyve(t)
	m := attach(t, addr, Options{Bhyve: true, Wait: patience})
	list, err := m.Processors()
	if err != nil || len(list) != 2 {
		t.Fatalf("%d processors, %v", len(list), err)
	}
	for i, p := range list {
		if rbx, _ := p.Regs.Get("rbx"); rbx != 0x100|uint64(i) || p.Regs.PC() != s.pc[i] || p.System.Known != 0 {
			t.Errorf("processor %d: rbx %#x, pc %#x, known %b", i, rbx, p.Regs.PC(), p.System.Known)
		}
	}
	virt := m.KernelVirtual()
	all := make([]byte, 8192)
	if n, err := virt.ReadAt(all, bhyveBase); n != 4096 || !errors.Is(err, mem.ErrUnmapped) || !bytes.Equal(all[:n], s.memory) {
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
	if n, err := virt.ReadAt(all[:16], bhyveBase+0x58); n != 16 || err != nil || !bytes.Equal(all[:16], s.memory[0x58:0x68]) {
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
	m.Close()
	until(t, "the stub notices that the connection has ended", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.running
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.detached || len(s.points) > 0 {
		t.Errorf("left detached %v, points %v", s.detached, s.points)
	}
	// The watchpoint was asked for, by the user.
	if len(s.strange) > 0 && !(strings.HasPrefix(s.strange[0], "Z2,") || strings.HasPrefix(s.strange[0], "Z4,")) || len(s.strange) > 2 {
		t.Errorf("asked what bhyve does not know: %q", s.strange)
	}
}
