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
)

// Symbol is one entry of a symbol table. Value is a VA: the load bias has been
// added to every symbol that lies in a section.
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

// Object is a load object: the program, a library, a kernel module.
type Object struct {
	Name    string // base name as MDB prints it before the backquote
	Path    string // as the target names it
	File    string // the file opened for it on this host, "" if none was found
	Base    uint64 // lowest VA
	Size    uint64 // bytes
	Bias    uint64 // VA minus the file's own address
	BuildID string // hex, as wanted by the target; "" if unknown
	FileID  string // hex, of File
	Main    bool   // the executable (MDB's EXEC): printed without an object name

	tables map[Kind]*Table
	load   func(*Object, Kind) (*Table, error)
}
