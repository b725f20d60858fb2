package linuxdump

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/xmdb/xmdb/core/system"
)

// note makes one note.
func note(owner string, typ uint32, desc []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(owner)+1))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(desc)))
	b = binary.LittleEndian.AppendUint32(b, typ)
	b = append(append(b, owner...), 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = append(b, desc...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// testNotes are those of n CPUs: register k of CPU c has the value c<<32 + k, where k
// is its place in the note.
func testNotes(n int, qemu bool) []byte {
	le := binary.LittleEndian
	var b []byte
	for c := range n {
		d := make([]byte, 336)
		le.PutUint32(d[32:], uint32(c+1))
		for k := range 27 {
			le.PutUint64(d[112+8*k:], uint64(c)<<32+uint64(k))
		}
		b = append(b, note("CORE", ntPRStatus, d)...)
	}
	for c := range n {
		if !qemu {
			break
		}
		d := make([]byte, 440)
		le.PutUint32(d, 1)
		le.PutUint32(d[4:], 440)
		for k := 1; k < 440/8; k++ {
			le.PutUint64(d[8*k:], uint64(c)<<32+uint64(k)*0x1000)
		}
		b = append(b, note("QEMU", 0, d)...)
	}
	return b
}

func TestProcessors(t *testing.T) {
	var n notes
	if err := n.parse(testNotes(3, false)); err != nil {
		t.Fatal(err)
	}
	ps := n.processors(elf.EM_X86_64)
	if len(ps) != 3 {
		t.Fatalf("%d processors", len(ps))
	}
	for c, p := range ps {
		for name, want := range map[string]uint64{"r15": 0, "rip": 16, "rflags": 18, "rsp": 19, "gs": 26, "rax": 10} {
			if v, ok := p.Regs.Get(name); !ok || v != uint64(c)<<32+want {
				t.Errorf("CPU %d: %s = %#x, %v", c, name, v, ok)
			}
		}
		if _, ok := p.Regs.Get("gsbase"); ok {
			t.Error("gsbase by the kernel's note, which has the user's")
		}
		if p.ID != c || p.System.Known != 0 {
			t.Errorf("CPU %d: %+v", c, p)
		}
	}

	n = notes{}
	if err := n.parse(testNotes(2, true)); err != nil {
		t.Fatal(err)
	}
	for c, p := range n.processors(elf.EM_X86_64) {
		at := func(off int) uint64 { return uint64(c)<<32 + uint64(off/8)*0x1000 }
		for name, want := range map[string]uint64{"rax": at(8), "rbx": at(16), "rsp": at(56), "rip": at(136), "gsbase": at(264), "fsbase": at(240), "ss": at(272) & 0xffffffff} {
			if v, ok := p.Regs.Get(name); !ok || v != want {
				t.Errorf("CPU %d: %s = %#x, %v; want %#x", c, name, v, ok, want)
			}
		}
		s := p.System
		if s.GDTBase != at(360) || s.IDTBase != at(384) || s.CR0 != at(392) || s.CR2 != at(408) || s.CR3 != at(416) || s.CR4 != at(424) || s.KernelGSBase != at(432) {
			t.Errorf("CPU %d: %+v", c, s)
		}
		if !s.Has(system.HasCR0|system.HasCR2|system.HasCR3|system.HasCR4|system.HasGDTBase|system.HasIDTBase|system.HasKernelGSBase|system.HasCS) || s.Has(system.HasEFER) {
			t.Errorf("CPU %d: known are %#x", c, s.Known)
		}
	}
}

// TestProcessorNotesShort has notes of other sizes and versions: nothing is made up of
// them.
func TestProcessorNotesShort(t *testing.T) {
	old := make([]byte, 432)
	le.PutUint32(old, 1)
	le.PutUint32(old[4:], 432)
	later := make([]byte, 440)
	le.PutUint32(later, 2)
	var n notes
	for _, b := range [][]byte{note("CORE", 1, make([]byte, 100)), note("CORE", 1, nil), note("QEMU", 0, old), note("QEMU", 0, later), note("QEMU", 0, old[:431])} {
		if err := n.parse(b); err != nil {
			t.Fatal(err)
		}
	}
	ps := n.processors(elf.EM_X86_64)
	if len(ps) != 3 {
		t.Fatalf("%d processors", len(ps))
	}
	if ps[0].Regs == nil || ps[0].System.Has(system.HasKernelGSBase) || !ps[0].System.Has(system.HasCR3) {
		t.Errorf("QEMU's older note: %+v", ps[0])
	}
	for _, p := range ps[1:] {
		if p.Regs != nil || p.System.Known != 0 {
			t.Errorf("made up: %+v", p)
		}
	}
	if n.processors(elf.EM_AARCH64) != nil {
		t.Error("processors of another architecture")
	}
}

func FuzzNotes(f *testing.F) {
	f.Add(testNotes(2, true))
	f.Add(append(note("VMCOREINFO", 0, []byte("OSRELEASE=1\n")), note("CORE", ntPRPSInfo, kernelPSInfo())...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n notes
		n.parse(b)
		n.processors(elf.EM_X86_64)
	})
}
