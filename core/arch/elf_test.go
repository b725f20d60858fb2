package arch

import (
	"debug/elf"
	"encoding/binary"
	"testing"
)

func TestForELF(t *testing.T) {
	tests := []struct {
		m       elf.Machine
		c       elf.Class
		d       elf.Data
		name    string
		ptrSize int
		order   binary.ByteOrder
	}{
		{elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB, "amd64", 8, binary.LittleEndian},
		{elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB, "i386", 4, binary.LittleEndian},
		{elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB, "arm64", 8, binary.LittleEndian},
		{elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB, "s390", 8, binary.BigEndian},
		{elf.EM_SPARC, elf.ELFCLASS32, elf.ELFDATA2MSB, "sparc", 4, binary.BigEndian},
		{elf.Machine(0xfefe), elf.ELFCLASS64, elf.ELFDATA2LSB, elf.Machine(0xfefe).String(), 8, binary.LittleEndian},
	}
	for _, tt := range tests {
		a := ForELF(tt.m, tt.c, tt.d)
		if a.PtrSize != tt.ptrSize || a.Order != tt.order || a.PageSize == 0 || a.Name == "" {
			t.Errorf("ForELF(%v, %v, %v) = %+v", tt.m, tt.c, tt.d, a)
		}
		if tt.m != 0xfefe && a.Name != tt.name {
			t.Errorf("ForELF(%v): name %q, want %q", tt.m, a.Name, tt.name)
		}
	}
}
