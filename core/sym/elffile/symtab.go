package elffile

import (
	"debug/elf"
	"fmt"

	"github.com/xmdb/xmdb/core/sym"
)

// Symbols reads the .symtab or .dynsym of the file; nil if it has none. bias is
// added to every symbol that lies in a section. In an ET_REL file the file
// offset of a symbol's section is added instead, which is how MDB addresses
// those.
func (f *File) Symbols(kind sym.Kind, rule sym.Rule, bias uint64) (*sym.Table, error) {
	typ := elf.SHT_SYMTAB
	if kind == sym.Dynsym {
		typ = elf.SHT_DYNSYM
	}
	s := f.SectionByType(typ)
	if s == nil {
		return nil, nil
	}
	syms, err := f.Data(s)
	if err != nil {
		return nil, err
	}
	if int(s.Link) >= len(f.Sections) {
		return nil, fmt.Errorf("read section %s: link number %d larger than number of sections %d", s.Name, s.Link, len(f.Sections))
	}
	strs, err := f.Data(f.Sections[s.Link])
	if err != nil {
		return nil, err
	}
	src := sym.Source{Kind: kind, Rule: rule, Class: f.Class, Order: f.ByteOrder, Syms: syms, Strs: strs, Bias: bias}
	if f.Type == elf.ET_REL {
		src.Section = make([]uint64, len(f.Sections))
		for i, sec := range f.Sections {
			src.Section[i] = sec.Offset
		}
	}
	if rule == sym.RuleLinux {
		src.Code = make([]sym.Range, len(f.Sections))
		for i, sec := range f.Sections {
			if sec.Flags&elf.SHF_ALLOC != 0 && sec.Flags&elf.SHF_EXECINSTR != 0 {
				src.Code[i] = sym.Range{Base: sec.Addr + bias, Size: sec.Size}
			}
		}
	}
	return sym.NewTable(src), nil
}

// HasSymtab tells whether the file itself has a .symtab with bytes.
func (f *File) HasSymtab() bool {
	s := f.SectionByType(elf.SHT_SYMTAB)
	return s != nil && s.Size > 0
}
