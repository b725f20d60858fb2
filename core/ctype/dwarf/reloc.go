package dwarf

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// relocate applies the relocations of one SHT_REL or SHT_RELA section to the
// bytes of a debug section of a relocatable file (a .o, a kernel module). Only
// absolute relocations occur in debug sections; an address of a section is
// left relative to its section, as the file has it. Others are an error: their
// bytes would lie.
func relocate(b []byte, r io.ReaderAt, f *elf.File, t *elf.Section, im *image) error {
	syms, err := im.symbolTable(r, f, t.Link)
	if err != nil {
		return fmt.Errorf("relocations %s: %w", t.Name, err)
	}
	data, err := readRange(r, t.Offset, t.FileSize)
	if err != nil {
		return fmt.Errorf("read relocations: %w", err)
	}
	c := cursor{b: data, big: im.big}
	for c.left() > 0 && c.err == nil {
		rel := readReloc(&c, t.Type == elf.SHT_RELA, im.addrSize)
		if c.err != nil {
			break
		}
		if err := applyReloc(b, rel, syms, im); err != nil {
			return fmt.Errorf("relocations %s: %w", t.Name, err)
		}
	}
	return c.err
}

// findRelocs notes which sections hold relocations of which.
func (im *image) findRelocs(f *elf.File) {
	if !im.reloc {
		return
	}
	im.relocs = map[int][]*elf.Section{}
	for _, t := range f.Sections {
		if t.Type == elf.SHT_RELA || t.Type == elf.SHT_REL {
			im.relocs[int(t.Info)] = append(im.relocs[int(t.Info)], t)
		}
	}
}

// symbolTable reads a symbol table once.
func (im *image) symbolTable(r io.ReaderAt, f *elf.File, link uint32) ([]byte, error) {
	im.symbolsMu.Lock()
	defer im.symbolsMu.Unlock()
	if b, ok := im.symbols[link]; ok {
		return b, nil
	}
	if uint64(link) >= uint64(len(f.Sections)) {
		return nil, errors.New("no symbol table")
	}
	s := f.Sections[link]
	b, err := readRange(r, s.Offset, s.FileSize)
	if err != nil {
		return nil, fmt.Errorf("read symbols: %w", err)
	}
	im.symbols[link] = b
	return b, nil
}

type reloc struct {
	off    uint64
	typ    uint32
	sym    uint32
	addend uint64
	inline bool // the addend is what the section holds
}

func readReloc(c *cursor, rela bool, addrSize int) reloc {
	rel := reloc{off: c.uint(addrSize), inline: !rela}
	info := c.uint(addrSize)
	if addrSize == 8 {
		rel.sym, rel.typ = uint32(info>>32), uint32(info)
	} else {
		rel.sym, rel.typ = uint32(info>>8), uint32(info&0xff)
	}
	if rela {
		rel.addend = c.uint(addrSize)
		if addrSize == 4 {
			rel.addend = uint64(int64(int32(rel.addend)))
		}
	}
	return rel
}

// relocSize is the width in bytes that an absolute relocation patches; 0 for one
// that does nothing, -1 for an unknown one.
func relocSize(m elf.Machine, typ uint32) int {
	switch m {
	case elf.EM_X86_64:
		switch elf.R_X86_64(typ) {
		case elf.R_X86_64_NONE:
			return 0
		case elf.R_X86_64_64, elf.R_X86_64_DTPOFF64:
			return 8
		case elf.R_X86_64_32, elf.R_X86_64_32S, elf.R_X86_64_DTPOFF32:
			return 4
		}
	case elf.EM_386:
		switch elf.R_386(typ) {
		case elf.R_386_NONE:
			return 0
		case elf.R_386_32, elf.R_386_TLS_LDO_32:
			return 4
		}
	case elf.EM_AARCH64:
		switch elf.R_AARCH64(typ) {
		case elf.R_AARCH64_NONE:
			return 0
		case elf.R_AARCH64_ABS64:
			return 8
		case elf.R_AARCH64_ABS32:
			return 4
		}
	case elf.EM_ARM:
		switch elf.R_ARM(typ) {
		case elf.R_ARM_NONE:
			return 0
		case elf.R_ARM_ABS32, elf.R_ARM_TLS_LDO32:
			return 4
		}
	case elf.EM_PPC64:
		switch elf.R_PPC64(typ) {
		case elf.R_PPC64_NONE:
			return 0
		case elf.R_PPC64_ADDR64, elf.R_PPC64_DTPREL64:
			return 8
		case elf.R_PPC64_ADDR32:
			return 4
		}
	case elf.EM_S390:
		switch elf.R_390(typ) {
		case elf.R_390_NONE:
			return 0
		case elf.R_390_64, elf.R_390_TLS_LDO64:
			return 8
		case elf.R_390_32, elf.R_390_TLS_LDO32:
			return 4
		}
	}
	return -1
}

func applyReloc(b []byte, rel reloc, syms []byte, im *image) error {
	n := relocSize(im.machine, rel.typ)
	if n == 0 {
		return nil
	}
	if n < 0 {
		return fmt.Errorf("unknown relocation %d of machine %v", rel.typ, im.machine)
	}
	if rel.off > uint64(len(b)) || uint64(len(b))-rel.off < uint64(n) {
		return fmt.Errorf("relocation at %#x: %w", rel.off, errShort)
	}
	v, err := symbolValue(syms, rel.sym, im)
	if err != nil {
		return err
	}
	p := b[rel.off:]
	var order binary.ByteOrder = binary.LittleEndian
	if im.big {
		order = binary.BigEndian
	}
	if rel.inline {
		c := cursor{b: p, big: im.big}
		rel.addend = c.uint(n)
	}
	if n == 8 {
		order.PutUint64(p, v+rel.addend)
	} else {
		order.PutUint32(p, uint32(v+rel.addend))
	}
	return nil
}

// symbolValue is st_value of an Elf32_Sym or Elf64_Sym, from the start of the
// debug section that the symbol's section was joined into.
func symbolValue(syms []byte, i uint32, im *image) (uint64, error) {
	size, value, shndx := uint64(24), uint64(8), uint64(6)
	if im.addrSize == 4 {
		size, value, shndx = 16, 4, 14
	}
	off := uint64(i) * size
	if off+size > uint64(len(syms)) {
		return 0, fmt.Errorf("relocation against symbol %d: %w", i, errShort)
	}
	c := cursor{b: syms[off+shndx:], big: im.big}
	section := int(c.u16())
	c = cursor{b: syms[off+value:], big: im.big}
	return im.base[section] + c.uint(im.addrSize), nil
}
