package hmp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xmdb/xmdb/core/system"
)

const mtree = `FlatView #0
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-0000000000000007 (prio 0, ram): not this

FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-00000000000c2fff (prio 0, ram): /objects/ram0 KVM
  00000000000c3000-00000000000e7fff (prio 0, rom): /objects/ram0 @00000000000c3000 KVM
  00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic
  00000000fffc0000-00000000ffffffff (prio 0, romd): pc.bios
  0000000100000000-000000013fffffff (prio 0, ram): /objects/ram0 @00000000c0000000
  0000000100000000-0000000100000fff (prio 0, ram): overlaps
  zz-yy (prio 0, ram): bad
  0000000000000000-ffffffffffffffff (prio 0, ram): everything

FlatView #2
 AS "memory", root: another
  0000000200000000-000000023fffffff (prio 0, ram): late
`

func TestLayout(t *testing.T) {
	want := []Range{
		{0, 0xc3000, "/objects/ram0", 0},
		{0xc3000, 0x25000, "/objects/ram0", 0xc3000},
		{0xfffc0000, 0x40000, "pc.bios", 0},
		{1 << 32, 1 << 30, "/objects/ram0", 0xc0000000},
	}
	if d := cmp.Diff(want, Layout(mtree)); d != "" {
		t.Error(d)
	}
}

const registers = `
CPU#0
RAX=ffffffff80007cc5 RBX=0000000000179234 RCX=00000000c0000101 RDX=00000000ffff8880
R8 =0000000000000008 R9 =0000000000000009 R10=000000000000000a R11=000000000000000b
RIP=ffffffff80007cd1 RFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =0008 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]
FS =0000 00007f0000000000 0000ffff 00009300 DPL=0 DS   [-WA]
GS =0000 ffff888000002000 0000ffff 00009300 DPL=0 DS   [-WA]
GDT=     0000000000007ce8 00000017
IDT=     fffffe0000000000 000003ff
CR0=80000011 CR2=0000000000000000 CR3=0000000000001000 CR4=000000a0
EFER=0000000000000500

CPU#1
EAX=000f49f6 EBX=00000000 ECX=000002ff EDX=00000001
EIP=000fd09a EFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
CPU#-1
RAX=1
CPU#99999999999
`

func TestRegisters(t *testing.T) {
	list := Registers(registers)
	if len(list) != 2 {
		t.Fatalf("%d processors", len(list))
	}
	for i, want := range []map[string]uint64{
		{"rax": 0xffffffff80007cc5, "r8": 8, "r9": 9, "r11": 11, "rip": 0xffffffff80007cd1, "rflags": 2, "cs": 8, "fsbase": 0x7f0000000000, "gsbase": 0xffff888000002000},
		{"rax": 0xf49f6, "rip": 0xfd09a, "rflags": 0x46},
	} {
		for name, v := range want {
			if got, ok := list[i].Regs.Get(name); !ok || got != v {
				t.Errorf("CPU %d: %s = %#x %v, want %#x", i, name, got, ok, v)
			}
		}
	}
	want := system.SystemRegs{CR0: 0x80000011, CR3: 0x1000, CR4: 0xa0, EFER: 0x500, GDTBase: 0x7ce8, IDTBase: 0xfffffe0000000000,
		Known: system.HasCR0 | system.HasCR2 | system.HasCR3 | system.HasCR4 | system.HasEFER | system.HasGDTBase | system.HasIDTBase}
	if d := cmp.Diff(want, list[0].System); d != "" {
		t.Error(d)
	}
	if list[0].Halted || !list[1].Halted {
		t.Error("halted")
	}
	if _, ok := list[1].Regs.Get("r8"); ok {
		t.Error("r8 of a processor that shows none")
	}
}

func FuzzTexts(f *testing.F) {
	f.Add(mtree, registers)
	f.Add("AS \"memory\"\n 0-0 (a, ram): x @", "CPU#0\n=\nR8 =\nES =\nGDT=\n")
	f.Fuzz(func(t *testing.T, m, r string) {
		last := uint64(0)
		for i, g := range Layout(m) {
			if g.Size == 0 || i > 0 && g.Base < last {
				t.Errorf("ranges overlap: %+v", g)
			}
			last = g.Base + g.Size
		}
		for _, p := range Registers(r) {
			if p.Regs == nil || p.ID < 0 || !strings.Contains(r, "CPU#") {
				t.Errorf("%+v", p)
			}
		}
	})
}
