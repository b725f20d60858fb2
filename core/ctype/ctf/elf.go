package ctf

import (
	"debug/elf"
	"fmt"
	"io"

	"github.com/xmdb/xmdb/core/ctype"
)

const maxSection = 1 << 30

// Names of the section that holds CTF, in the order they are tried.
var sectionNames = []string{".SUNW_ctf", ".ctf"}

// FromELF reads the container of an ELF file, with the symbol table it is linked
// to. ErrNoCTF if the file has none.
func FromELF(ef *elf.File, label string) (f *File, err error) {
	defer func() {
		if r := recover(); r != nil { // debug/elf on hostile files
			f, err = nil, fmt.Errorf("read CTF of %s: %v: %w", label, r, ErrCorrupt)
		}
	}()
	for _, name := range sectionNames {
		if s := ef.Section(name); s != nil && s.Type != elf.SHT_NOBITS {
			return fromSection(ef, s, label)
		}
	}
	return nil, ErrNoCTF
}

func fromSection(ef *elf.File, s *elf.Section, label string) (*File, error) {
	data, err := sectionData(s)
	if err != nil {
		return nil, fmt.Errorf("read section %s: %w", s.Name, err)
	}
	o := Options{Label: label, PointerSize: 8}
	if ef.Class == elf.ELFCLASS32 {
		o.PointerSize = 4
	}
	tab := linked(ef, s.Link)
	if gnuDynamic(data) {
		tab = ef.SectionByType(elf.SHT_DYNSYM)
	}
	if tab == nil || tab.Type != elf.SHT_SYMTAB && tab.Type != elf.SHT_DYNSYM {
		tab = ef.SectionByType(elf.SHT_SYMTAB)
	}
	if tab == nil {
		return Open(data, o)
	}
	if str := linked(ef, tab.Link); str != nil {
		o.Strtab, _ = sectionData(str)
	}
	var syms []elf.Symbol
	if tab.Type == elf.SHT_DYNSYM {
		syms, _ = ef.DynamicSymbols()
	} else {
		syms, _ = ef.Symbols()
	}
	o.Symbols = append(o.Symbols, Symbol{})
	for i := range syms {
		o.Symbols = append(o.Symbols, Symbol{syms[i].Name, syms[i].Value, syms[i].Info, uint16(syms[i].Section)})
	}
	return Open(data, o)
}

func linked(ef *elf.File, i uint32) *elf.Section {
	if uint64(i) >= uint64(len(ef.Sections)) {
		return nil
	}
	return ef.Sections[i]
}

func sectionData(s *elf.Section) ([]byte, error) {
	if s.Size > maxSection {
		return nil, ErrCorrupt
	}
	return s.Data()
}

// OpenFile reads the container of a file that is an ELF file or nothing but CTF
// data. size is the length of the file, bytes.
func OpenFile(r io.ReaderAt, size int64, label string) (*File, error) {
	var head [4]byte
	if n, _ := r.ReadAt(head[:], 0); n < len(head) {
		return nil, ErrFormat
	}
	if string(head[:]) == elf.ELFMAG {
		ef, err := newELF(r)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return FromELF(ef, label)
	}
	if size > maxSection {
		return nil, ErrFormat
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), data); err != nil {
		return nil, fmt.Errorf("read %s: %w", label, err)
	}
	return Open(data, Options{Label: label})
}

func newELF(r io.ReaderAt) (f *elf.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("read ELF headers: %v", p)
		}
	}()
	return elf.NewFile(r)
}

var (
	_ ctype.Scope       = (*File)(nil)
	_ ctype.SymbolTyper = (*File)(nil)
)
