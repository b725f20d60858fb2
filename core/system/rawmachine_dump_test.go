package system_test

import (
	"context"
	"debug/elf"
	"strconv"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem/paging"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/fixtures/guest"
	"github.com/xmdb/xmdb/targets/linuxdump"
)

// TestRawMachineAgainstQEMU looks at real machines without knowing their kernel: every
// page that QEMU's own walk of the page tables found when it wrote the dump has to be
// where the raw machine says, and the processors are what QEMU's monitor printed.
func TestRawMachineAgainstQEMU(t *testing.T) {
	for _, tt := range []struct {
		machine guest.Machine
		mode    string
	}{{guest.Main, "64-bit, 5-level paging"}, {guest.FourLevel, "64-bit, 4-level paging"}} {
		t.Run(tt.mode, func(t *testing.T) {
			d := guest.Dumps(t, tt.machine)
			path := d.File(guest.ELFPaging)
			target, err := linuxdump.Open(context.Background(), []string{path}, linuxdump.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			raw := system.NewRawMachine(target)
			states, err := raw.CPUStates()
			if err != nil {
				t.Fatal(err)
			}
			cpus := strings.Split(d.Registers(t), "CPU#")[1:]
			if len(states) != len(cpus) || len(cpus) == 0 {
				t.Fatalf("%d processors, want %d", len(states), len(cpus))
			}
			inMode := 0
			for i, s := range states {
				if want := printed(t, cpus[i], "CR3"); s.CR3 != want {
					t.Errorf("processor %d: cr3 %#x, QEMU has %#x", i, s.CR3, want)
				}
				if printed(t, cpus[i], "CR0")&(1<<31) == 0 || s.Mode != tt.mode {
					t.Logf("processor %d: %s", i, s.Mode) // the machine's own guest runs on it
					continue
				}
				inMode++
				if want := printed(t, cpus[i], "RIP"); s.PC != want {
					t.Errorf("processor %d: pc %#x, QEMU has %#x", i, s.PC, want)
				}
			}
			if inMode == 0 {
				t.Errorf("no processor of %d is in the kernel's mode", len(states))
			}
			compareSegments(t, path, raw)
		})
	}
}

// printed is the value of a register in the text of QEMU's monitor.
func printed(t *testing.T, text, name string) uint64 {
	t.Helper()
	_, rest, ok := strings.Cut(text, name+"=")
	v, err := strconv.ParseUint(strings.Fields(rest + " ")[0], 16, 64)
	if !ok || err != nil {
		t.Fatalf("no %s in QEMU's text: %v", name, err)
	}
	return v
}

// compareSegments compares translations with the segments of a dump, of which each is
// mapped by the page table of one processor or another. QEMU extends the sign of a
// user's address wrongly: such ones are left out.
func compareSegments(t *testing.T, path string, raw *system.RawMachine) {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var tables []*paging.Table
	states, _ := raw.CPUStates()
	for _, s := range states {
		if err := raw.SwitchCPU(s.ID); err != nil {
			t.Fatal(err)
		}
		table, err := raw.CurrentTable()
		if err != nil {
			t.Fatal(err)
		}
		if table.Mode().Long() {
			tables = append(tables, table)
		}
	}
	if len(tables) == 0 {
		return // told above
	}
	pages := 0
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Vaddr == 0 || !tables[0].Mode().Canonical(p.Vaddr) {
			continue
		}
		for off := uint64(0); off < p.Memsz; off += 4096 {
			found := false
			for _, table := range tables {
				pa, _, err := table.Translate(p.Vaddr + off)
				found = found || err == nil && pa == p.Paddr+off
			}
			if !found {
				t.Fatalf("%#x is not at %#x", p.Vaddr+off, p.Paddr+off)
			}
			pages++
		}
	}
	if pages < 50000 {
		t.Errorf("%d pages were compared", pages)
	}
}
