package arch

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// ForELF describes the architecture of an ELF file. One that xmdb knows nothing
// else of has the width and byte order that the file's header says and no
// registers.
func ForELF(m elf.Machine, c elf.Class, d elf.Data) *Arch {
	switch little := d == elf.ELFDATA2LSB; {
	case m == elf.EM_X86_64 && c == elf.ELFCLASS64 && little:
		return AMD64
	case m == elf.EM_386 && c == elf.ELFCLASS32 && little:
		return I386
	case m == elf.EM_AARCH64 && c == elf.ELFCLASS64 && little:
		return ARM64
	}
	a := &Arch{PtrSize: 8, PageSize: 4096, Order: binary.LittleEndian}
	if c == elf.ELFCLASS32 {
		a.PtrSize = 4
	}
	if d == elf.ELFDATA2MSB {
		a.Order = binary.BigEndian
	}
	switch m {
	case elf.EM_386:
		a.Name, a.Dis = "i386", []string{"ia32", "ia16"}
	case elf.EM_AARCH64:
		a.Name, a.Dis = "arm64", []string{"arm64"}
	default:
		a.Name = strings.ToLower(strings.TrimPrefix(m.String(), "EM_"))
	}
	return a
}
