package system_test

import (
	"testing"

	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/linuxmem"
)

// booted is a laid-out machine whose only processor may be in firmware, which uses no
// page tables.
type booted struct {
	machine
	firmware bool
}

func (b booted) Processors() ([]system.Processor, error) {
	if b.firmware {
		return []system.Processor{{System: system.SystemRegs{Known: system.HasCR3 | system.HasCR4}}}, nil
	}
	return b.machine.Processors()
}

// TestReconsider follows a machine through a boot: memory has the kernel of the boot
// before while firmware runs, then another at another place.
func TestReconsider(t *testing.T) {
	boot := func(kaslr uint64) machine {
		return machine{m: linuxmem.New(linuxmem.Options{NoInfo: true, KASLR: kaslr, Symbols: 3000, Absolute: true, Levels: 4}), regs: true}
	}
	first, second := boot(0x1c00000), boot(0x2e00000)
	recognise := func(m any) any {
		sys, err := system.Recognise(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return sys
	}
	stale := func() any { return recognise(booted{first, true}) }
	if k, ok := stale().(*system.LinuxKernel); !ok || k.FoundBy() != "its image" {
		t.Fatalf("firmware runs: %T", stale())
	}
	empty := booted{machine{m: &linuxmem.Machine{RAM: make([]byte, linuxmem.Size)}}, true}
	raw := recognise(empty)
	if _, ok := raw.(*system.RawMachine); !ok {
		t.Fatalf("nothing is in memory: %T", raw)
	}
	for name, c := range map[string]struct {
		target, known any
		want          uint64 // KASLR offset of the kernel that is found; 0: none
	}{
		"firmware still runs":        {booted{first, true}, stale(), 0},
		"the same is running":        {first, stale(), 0x1c00000},
		"another is running":         {second, stale(), 0x2e00000},
		"one runs where none was":    {second, raw, 0x2e00000},
		"still none":                 {empty, raw, 0},
		"the one that is known":      {second, recognise(second), 0},
		"what is known is no kernel": {second, nil, 0},
	} {
		sys := system.Reconsider(t.Context(), c.target, c.known)
		k, ok := sys.(*system.LinuxKernel)
		if ok != (c.want != 0) {
			t.Errorf("%s: %T", name, sys)
			continue
		}
		if !ok {
			continue
		}
		if off, _ := k.KASLROffset(); off != c.want || k.FoundBy() != "a CPU's tables" {
			t.Errorf("%s: KASLR offset %#x, by %s", name, off, k.FoundBy())
		}
	}
}
