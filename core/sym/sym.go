package sym

import (
	"debug/elf"
	"errors"
)

// Errors of lookups, worded as MDB does.
var (
	ErrNoSymbol = errors.New("unknown symbol name")
	ErrNoObject = errors.New("unknown object file name")
	ErrNoAddr   = errors.New("no symbol corresponds to address")
	ErrNoLMID   = errors.New("unknown link map id")
)

// Symbol is one entry of a symbol table. Value is a VA: the load bias has been
// added to every symbol that lies in a section. The value of a TLS symbol is its
// offset in the object's TLS block.
type Symbol struct {
	Name    string // as in the table; mangled if the compiler mangled it
	Value   uint64
	Size    uint64 // bytes
	Index   uint32 // position in its table
	Info    byte   // ELF st_info: type in the low 4 bits, binding above
	Other   byte   // ELF st_other
	Section uint16 // ELF st_shndx
}

// Type is the ELF symbol type (STT_*).
func (s *Symbol) Type() elf.SymType { return elf.ST_TYPE(s.Info) }

// Bind is the ELF symbol binding (STB_*).
func (s *Symbol) Bind() elf.SymBind { return elf.ST_BIND(s.Info) }

// Defined tells whether the symbol has a value of its own.
func (s *Symbol) Defined() bool { return elf.SectionIndex(s.Section) != elf.SHN_UNDEF }

// Kind names a table of an object, for ::nm.
type Kind uint8

// The tables an object may have.
const (
	Symtab Kind = iota + 1
	Dynsym
	Private
)
