package cfi

import (
	"debug/elf"
	"encoding/binary"
	"testing"
)

// openELF makes a table from an ELF file's sections.
func openELF(t testing.TB, path string, withHdr bool) *Table {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sec := func(name string) Section {
		s := f.Section(name)
		if s == nil || s.Type == elf.SHT_NOBITS {
			return Section{}
		}
		b, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		return Section{Addr: s.Addr, Data: b}
	}
	cfg := Config{EHFrame: sec(".eh_frame"), DebugFrame: sec(".debug_frame"), PtrSize: 8, Order: binary.LittleEndian}
	if withHdr {
		cfg.EHFrameHdr = sec(".eh_frame_hdr")
	}
	if f.Class == elf.ELFCLASS32 {
		cfg.PtrSize = 4
	}
	tab, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}
