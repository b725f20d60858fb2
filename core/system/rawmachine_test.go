package system

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/arch"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/out"
)

// fakeMachine is a machine of 16 MB with page tables of every kind for the same page:
// what lies at 0x200000 is also at the kernel's address of each mode.
type fakeMachine struct {
	ram  []byte
	cpus []Processor
	err  error
}

func (m *fakeMachine) Physical() mem.Space {
	return mem.NewCache(bytes.NewReader(m.ram), int64(len(m.ram)), mem.DefaultCache)
}
func (m *fakeMachine) Processors() ([]Processor, error) { return m.cpus, m.err }
func (m *fakeMachine) Name() string                     { return "fake" }
func (m *fakeMachine) PhysicalRanges() []mem.Mapping {
	return []mem.Mapping{{Size: uint64(len(m.ram))}}
}

func (m *fakeMachine) put64(a int, v uint64) { binary.LittleEndian.PutUint64(m.ram[a:], v) }
func (m *fakeMachine) put32(a int, v uint32) { binary.LittleEndian.PutUint32(m.ram[a:], v) }

// Roots of the machine's page tables and where each maps fakePage.
const (
	fakePage = 0x200000

	root32, va32          = 0x1000, 0xc0000000
	rootPAE, vaPAE        = 0x3000, 0xc0000000
	root4, va4            = 0x5000, 0xffffffff80000000
	root5, va5            = 0x8000, 0xff11000000000000
	fakeGDT               = 0xa000
	selCode64             = 0x08
	selCode32             = 0x10
	selCode16             = 0x18
	selData               = 0x20
	selBased32            = 0x28 // base 0x12345600
	hasAllButCS           = HasCR0 | HasCR3 | HasCR4 | HasEFER | HasGDTBase
	fakeText              = "text that every mode maps"
	fakeFrames            = 0x1000 // of a stack in fakePage
	fakeReturn            = 0x77
	fakeOuter      uint64 = 0x88
)

func newFakeMachine() *fakeMachine {
	m := &fakeMachine{ram: make([]byte, 16<<20)}
	copy(m.ram[fakePage:], fakeText)
	m.put32(root32+4*(va32>>22), fakePage&0xffc00000|0x83) // the 4 MB that fakePage is in
	m.put64(rootPAE+8*3, rootPAE+0x1000|1)
	m.put64(rootPAE+0x1000, fakePage|0x83)
	m.put64(root4+8*511, root4+0x1000|3)
	m.put64(root4+0x1000+8*510, root4+0x2000|3)
	m.put64(root4+0x2000, fakePage|0x83)
	m.put64(root5+8*(va5>>48&511), root4|3)
	m.put64(root4+8*(va5>>39&511), root4+0x1000|3)
	m.put64(root4+0x1000, root4+0x2000|3)
	m.put64(fakeGDT+selCode64, 0x00209b0000000000)
	m.put64(fakeGDT+selCode32, 0x00cf9b000000ffff)
	m.put64(fakeGDT+selCode16, 0x00009b000000ffff)
	m.put64(fakeGDT+selData, 0x00cf93000000ffff)
	m.put64(fakeGDT+selBased32, 0x12cf9b345600ffff)
	return m
}

// cpu makes a processor in a mode, with the registers given.
func (m *fakeMachine) cpu(mode paging.Mode, root uint64, regs map[string]uint64) Processor {
	p := Processor{ID: len(m.cpus), Regs: arch.NewRegs(arch.AMD64)}
	for name, v := range regs {
		p.Regs.Set(name, v)
	}
	p.System.CR0, p.System.CR4, p.System.EFER = mode.Registers()
	p.System.CR3, p.System.Known = root, HasCR0|HasCR3|HasCR4|HasEFER
	m.cpus = append(m.cpus, p)
	return p
}

func TestRawMachineModes(t *testing.T) {
	tests := []struct {
		name  string
		mode  paging.Mode
		root  uint64
		regs  map[string]uint64
		set   func(*SystemRegs)
		va    uint64
		bits  int
		pc    uint64
		words string
	}{
		{name: "real", mode: paging.None, regs: map[string]uint64{"rip": 0x7c00, "cs": 0x1f00}, va: fakePage, bits: 16, pc: 0x26c00, words: "real mode"},
		{name: "reset", mode: paging.None, regs: map[string]uint64{"rip": 0xfff0, "cs": 0xf000},
			set: func(s *SystemRegs) { s.CSBase, s.Known = 0xffff0000, s.Known|HasCS }, va: fakePage, bits: 16, pc: 0xfffffff0, words: "real mode"},
		{name: "protected", mode: paging.None, regs: map[string]uint64{"rip": 0x100, "cs": selBased32},
			set: func(s *SystemRegs) {
				s.CR0, s.GDTBase, s.Known = paging.CR0PE, 0xa000, s.Known|HasGDTBase
			}, va: fakePage, bits: 32, pc: 0x12345700, words: "32-bit, no paging"},
		{name: "32-bit", mode: paging.Bits32PSE, root: root32, regs: map[string]uint64{"rip": va32 + fakePage, "cs": selCode32}, va: va32 + fakePage, bits: 32, pc: va32 + fakePage, words: "32-bit, 32-bit PSE paging"},
		{name: "PAE", mode: paging.PAE, root: rootPAE, regs: map[string]uint64{"rip": vaPAE, "rsp": 0xffffffff00000000}, va: vaPAE, bits: 32, pc: vaPAE, words: "32-bit, PAE paging"},
		{name: "virtual 8086", mode: paging.PAE, root: rootPAE, regs: map[string]uint64{"rip": 0x10, "cs": 0x100, "rflags": 1 << 17}, va: vaPAE, bits: 16, pc: 0x1010, words: "16-bit, PAE paging"},
		{name: "4-level", mode: paging.Long4, root: root4, regs: map[string]uint64{"rip": va4 + 5, "cs": selCode64}, va: va4, bits: 64, pc: va4 + 5, words: "64-bit, 4-level paging"},
		{name: "5-level", mode: paging.Long5, root: root5, regs: map[string]uint64{"rip": va5}, va: va5, bits: 64, pc: va5, words: "64-bit, 5-level paging"},
		{name: "compatibility", mode: paging.Long4, root: root4, regs: map[string]uint64{"rip": 0x1234, "cs": selCode32},
			set: func(s *SystemRegs) { s.CSAttr, s.Known = CSBig, s.Known|HasCS }, va: va4, bits: 32, pc: 0x1234, words: "32-bit, 4-level paging"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newFakeMachine()
			m.cpu(tt.mode, tt.root, tt.regs)
			if tt.set != nil {
				tt.set(&m.cpus[0].System)
			}
			raw := NewRawMachine(m)
			got := make([]byte, len(fakeText))
			if err := mem.ReadFull(raw.Virtual(), got, mem.Addr(tt.va)); err != nil || string(got) != fakeText {
				t.Errorf("at %#x: %q, %v", tt.va, got, err)
			}
			if pa, err := raw.Translate(tt.va); err != nil || pa != fakePage {
				t.Errorf("Translate(%#x) = %#x, %v", tt.va, pa, err)
			}
			list, err := raw.CPUStates()
			if err != nil || len(list) != 1 {
				t.Fatalf("%d processors, %v", len(list), err)
			}
			if list[0].PC != tt.pc || !list[0].HasPC || list[0].Mode != tt.words {
				t.Errorf("state %+v, want pc %#x, %q", list[0], tt.pc, tt.words)
			}
			want := map[int]*arch.Arch{16: arch.I8086, 32: arch.I386, 64: arch.AMD64}[tt.bits]
			if raw.Arch() != want {
				t.Errorf("architecture %s (%v), want %v", raw.Arch().Name, raw.Arch().Dis, want.Dis)
			}
			regs, err := raw.Registers(0)
			if err != nil || regs.PC() != tt.regs["rip"] {
				t.Errorf("registers: pc %#x, %v", regs.PC(), err)
			}
		})
	}
}

func TestRawMachineUnknownRegisters(t *testing.T) {
	wide := func() bool { return true }
	narrow := func() bool { return false }
	tests := []struct {
		name  string
		s     SystemRegs
		wide  func() bool
		mode  paging.Mode
		known bool
	}{
		{"nothing", SystemRegs{}, wide, paging.None, false},
		{"only cr3", SystemRegs{CR3: 0x1000, Known: HasCR3}, narrow, paging.Long4, true},
		{"no efer, wide", SystemRegs{CR0: paging.CR0PG | paging.CR0PE, CR4: paging.CR4PAE, Known: HasCR0 | HasCR3 | HasCR4}, wide, paging.Long4, true},
		{"no efer, wide, la57", SystemRegs{CR4: paging.CR4PAE | paging.CR4LA57, Known: HasCR3 | HasCR4}, wide, paging.Long5, true},
		{"no efer, narrow", SystemRegs{CR0: paging.CR0PG, CR4: paging.CR4PAE, Known: HasCR0 | HasCR3 | HasCR4}, narrow, paging.PAE, true},
		{"no efer, no PAE", SystemRegs{CR4: paging.CR4PSE, Known: HasCR3 | HasCR4}, wide, paging.Bits32PSE, true},
		{"paging off", SystemRegs{Known: HasCR0}, wide, paging.None, true},
		{"paging on, no cr3", SystemRegs{CR0: paging.CR0PG, Known: HasCR0}, wide, paging.None, false},
	}
	for _, tt := range tests {
		if mode, known := modeOf(&tt.s, tt.wide); mode != tt.mode || known != tt.known {
			t.Errorf("%s: %v, %v, want %v, %v", tt.name, mode, known, tt.mode, tt.known)
		}
	}
	m := newFakeMachine()
	m.cpus = []Processor{{}}
	raw := NewRawMachine(m)
	if _, err := raw.Translate(0x1000); err == nil || !strings.Contains(err.Error(), "no page table is known: processor 0 has no cr3") {
		t.Errorf("Translate without cr3: %v", err)
	}
	if n, err := raw.Virtual().ReadAt(make([]byte, 4), 0x1000); n != 0 || err == nil {
		t.Errorf("read without cr3: %d, %v", n, err)
	}
	if _, err := raw.Registers(0); !errors.Is(err, ErrNoRegs) {
		t.Errorf("Registers: %v", err)
	}
	m.cpus, m.err = nil, io.ErrUnexpectedEOF
	raw.Refresh()
	if _, err := raw.Registers(0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Registers where processors cannot be read: %v", err)
	}
}

// kcore is a machine that gives virtual memory and no processors.
type kcore struct{ *memOnly }

type memOnly struct{ m *fakeMachine }

func (k *memOnly) Physical() mem.Space { return k.m.Physical() }
func (kcore) KernelVirtual() mem.Space {
	return mem.NewSegments([]mem.Segment{{Base: 0xffff0000, Size: 4, Src: &mem.File{R: strings.NewReader("abcd"), Size: 4}}})
}

func TestRawMachineWithoutProcessors(t *testing.T) {
	k := kcore{&memOnly{newFakeMachine()}}
	raw := NewRawMachine(k)
	b := make([]byte, 4)
	if err := mem.ReadFull(raw.Virtual(), b, 0xffff0000); err != nil || string(b) != "abcd" {
		t.Errorf("%q, %v", b, err)
	}
	if len(raw.Mappings()) != 1 {
		t.Errorf("mappings %v", raw.Mappings())
	}
	raw = NewRawMachine(k.memOnly)
	if _, err := raw.Virtual().ReadAt(b, 0); err == nil || !strings.Contains(err.Error(), "nothing tells the state of the processors") {
		t.Errorf("read: %v", err)
	}
	if err := raw.SwitchCPU(0); err == nil {
		t.Error("there is a processor to switch to")
	}
}

func TestRawMachineSwitches(t *testing.T) {
	m := newFakeMachine()
	m.cpu(paging.Long4, root4, map[string]uint64{"rip": va4})
	m.cpu(paging.PAE, rootPAE, map[string]uint64{"rip": vaPAE, "rbp": 0x1122334455667788})
	raw := NewRawMachine(m)
	if err := raw.SwitchCPU(1); err != nil || raw.CurrentCPU() != 1 {
		t.Fatal(err)
	}
	r, err := raw.Registers(1)
	if err != nil || r.Arch != arch.I386 || r.FP() != 0x55667788 {
		t.Errorf("registers %+v, %v", r, err)
	}
	if _, err := raw.Translate(va4); !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("address of the other processor: %v", err)
	}
	if err := raw.SwitchCPU(2); err == nil || err.Error() != "no processor 2: the machine has 2 processors" || raw.CurrentCPU() != 1 {
		t.Errorf("no error for processor 2: %v", err)
	}
	// The processor goes elsewhere.
	m.cpus[1].System.CR3 = 0x9000
	if _, err := raw.Translate(vaPAE); err != nil {
		t.Errorf("before Refresh: %v", err)
	}
	raw.Refresh()
	if _, err := raw.Translate(vaPAE); !errors.Is(err, mem.ErrUnmapped) {
		t.Errorf("after Refresh: %v", err)
	}
}

func TestRawMachineFrames(t *testing.T) {
	frames := func(m *fakeMachine) (pcs []uint64, err error) {
		raw := NewRawMachine(m)
		r, _ := raw.Registers(0)
		for f, ferr := range raw.Frames(context.Background(), r) {
			if ferr != nil {
				return pcs, ferr
			}
			pcs = append(pcs, f.PC)
		}
		return pcs, nil
	}
	m := newFakeMachine()
	fp := va4 + uint64(fakeFrames)
	m.cpu(paging.Long4, root4, map[string]uint64{"rip": va4, "rbp": fp})
	m.put64(fakePage+fakeFrames, fp+0x40)
	m.put64(fakePage+fakeFrames+8, fakeReturn)
	m.put64(fakePage+fakeFrames+0x48, fakeOuter)
	pcs, err := frames(m)
	if d := cmp.Diff([]uint64{va4, fakeReturn, fakeOuter}, pcs); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	var end *StackError
	m.put64(fakePage+fakeFrames+0x40, fp) // in a circle
	if pcs, err = frames(m); !errors.As(err, &end) || end.FP != fp || len(pcs) != 3 {
		t.Errorf("circle: %v, %x", err, pcs)
	}
	m.put64(fakePage+fakeFrames+0x40, 0xffffffffdeadbeef)
	if pcs, err = frames(m); !errors.As(err, &end) || !errors.Is(err, mem.ErrUnmapped) || len(pcs) != 3 {
		t.Errorf("wild frame pointer: %v, %x", err, pcs)
	}
}

func TestRawMachineStatus(t *testing.T) {
	m := newFakeMachine()
	m.cpu(paging.Long4, root4, map[string]uint64{"rip": va4, "cs": selCode64})
	m.cpus[0].Halted = true
	sys, err := Recognise(context.Background(), m)
	raw, ok := sys.(*RawMachine)
	if !ok || err != nil {
		t.Fatalf("recognised %T, %v", sys, err)
	}
	var b bytes.Buffer
	p := out.New(&b, &out.Env{})
	raw.Status(p)
	p.Flush()
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if lines[0] != "debugging machine fake: no kernel was recognised" || len(lines) < 5 {
		t.Fatalf("status:\n%s", b.String())
	}
	if d := cmp.Diff([]string{"memory size: 16 MB", "processors: 1", "current processor: 0 (64-bit, 4-level paging, cr3 0x5000, halted)"}, lines[len(lines)-3:]); d != "" {
		t.Error(d)
	}
	for _, line := range lines[1 : len(lines)-3] {
		if !strings.Contains(line, " kernel") || !strings.Contains(line, ": ") {
			t.Errorf("no reason: %s", line)
		}
	}
}

// TestRawMachineIsTheLast checks which targets are no machines of unknown kernels.
func TestRawMachineIsTheLast(t *testing.T) {
	for _, target := range []any{struct{}{}, rawFile{}, noMemory{}} {
		if sys, _ := probeRawMachine(context.Background(), target); sys != nil {
			t.Errorf("%T is a machine", target)
		}
	}
}

type rawFile struct{}

func (rawFile) Physical() mem.Space   { return mem.NewSegments(nil) }
func (rawFile) ObjectFile() mem.Space { return mem.NewSegments(nil) }

type noMemory struct{}

func (noMemory) Physical() mem.Space { return nil }
