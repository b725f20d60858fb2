package sym

import (
	"debug/elf"
	"encoding/binary"
	"iter"
	"strings"
	"sync"
	"unsafe"
)

// Rule says which symbol stands for an address.
type Rule uint8

const (
	// RuleKernel: every named symbol that is not zero takes part, an unsized one
	// for its first byte; order of equals as in language.md 11.6.
	RuleKernel Rule = iota
	// RuleProcess: only data, functions, common and TLS symbols that contain the
	// address; at equal values functions come first, then globals and weaks
	// before locals, names without '$', with fewer leading underscores, the
	// smaller symbol, and the first by name.
	RuleProcess
	// RuleLinux: RuleProcess, and where no symbol contains the address, one of
	// code without a size (assembler's often have none) stands for what follows
	// it in its section, up to the next symbol. It needs Source.Code.
	RuleLinux
)

// Source is the raw material of a Table: ELF symbol entries and their strings,
// as in the file. The Table keeps the slices and does not copy them.
type Source struct {
	Kind    Kind
	Rule    Rule
	Class   elf.Class
	Order   binary.ByteOrder
	Syms    []byte
	Strs    []byte
	Bias    uint64   // added to the value of every symbol that lies in a section
	Section []uint64 // ET_REL: added to a symbol's value, by its section index
	Code    []Range  // VAs of executable sections, by section index; others are empty
	First   bool     // of symbols with one value the first in the table stands for it
	Indexed bool     // names are looked up often: they are indexed at the first look-up
}

// Table is the symbols of one section. It costs the two slices of its Source
// until lookups have been frequent enough for an index to pay.
//
// A Table may be used by several goroutines.
type Table struct {
	src    Source
	little bool // byte order, told without a call
	n      int
	size   int // bytes per entry
	strs   string

	mu        sync.Mutex
	nameTries int
	addrTries int
	names     *nameIndex
	addrs     []uint32 // entries that take part in address lookups, in rule order
}

// Entry sizes of ELF symbols, bytes (System V gABI, "Symbol Table").
const (
	sym32Size = 16
	sym64Size = 24
)

// NewTable makes a Table of src. Bytes after the last whole entry are ignored.
func NewTable(src Source) *Table {
	t := &Table{src: src, size: sym64Size, little: src.Order == binary.LittleEndian}
	if src.Class == elf.ELFCLASS32 {
		t.size = sym32Size
	}
	t.n = len(src.Syms) / t.size
	if len(src.Strs) > 0 {
		t.strs = unsafe.String(&src.Strs[0], len(src.Strs))
	}
	return t
}

// Kind tells which table of its object this is.
func (t *Table) Kind() Kind { return t.src.Kind }

// Strings is the string table that the entries' names lie in; not to be changed.
func (t *Table) Strings() []byte {
	if t == nil {
		return nil
	}
	return t.src.Strs
}

// Len is the number of entries, the empty first one included.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return t.n
}

// At gives entry i, 0 <= i < Len.
func (t *Table) At(i int) Symbol {
	s := t.raw(i)
	s.Name = t.nameAt(t.nameOff(i))
	return s
}

// All yields the entries in file order.
func (t *Table) All() iter.Seq[Symbol] {
	return func(yield func(Symbol) bool) {
		for i := range t.Len() {
			if !yield(t.At(i)) {
				return
			}
		}
	}
}

// raw decodes entry i without its name.
func (t *Table) raw(i int) Symbol {
	e := t.src.Syms[i*t.size:][:t.size]
	var s Symbol
	s.Index = uint32(i)
	if t.size == sym64Size && t.little {
		s.Info, s.Other, s.Section = e[4], e[5], binary.LittleEndian.Uint16(e[6:])
		s.Value, s.Size = binary.LittleEndian.Uint64(e[8:]), binary.LittleEndian.Uint64(e[16:])
		s.Value += t.shift(&s)
		return s
	}
	o := t.src.Order
	if t.size == sym64Size {
		s.Info, s.Other, s.Section = e[4], e[5], o.Uint16(e[6:])
		s.Value, s.Size = o.Uint64(e[8:]), o.Uint64(e[16:])
	} else {
		s.Value, s.Size = uint64(o.Uint32(e[4:])), uint64(o.Uint32(e[8:]))
		s.Info, s.Other, s.Section = e[12], e[13], o.Uint16(e[14:])
	}
	s.Value += t.shift(&s)
	return s
}

// shift is what is added to the file's value of s.
func (t *Table) shift(s *Symbol) uint64 {
	sec := elf.SectionIndex(s.Section)
	if sec == elf.SHN_UNDEF || sec == elf.SHN_ABS || s.Type() == elf.STT_TLS {
		return 0
	}
	if t.src.Section != nil {
		if int(sec) < len(t.src.Section) {
			return t.src.Section[sec]
		}
		return 0
	}
	return t.src.Bias
}

// value is the VA of entry i; cheaper than raw.
func (t *Table) value(i int) uint64 {
	if t.size == sym64Size && t.src.Section == nil && t.little {
		e := t.src.Syms[i*sym64Size:][:sym64Size]
		v := binary.LittleEndian.Uint64(e[8:])
		if t.src.Bias == 0 {
			return v
		}
		sec := elf.SectionIndex(binary.LittleEndian.Uint16(e[6:]))
		if sec == elf.SHN_UNDEF || sec == elf.SHN_ABS || e[4]&0xf == byte(elf.STT_TLS) {
			return v
		}
		return v + t.src.Bias
	}
	s := t.raw(i)
	return s.Value
}

// nameOff is st_name of entry i: st_name comes first in both classes.
func (t *Table) nameOff(i int) uint32 {
	if t.little {
		return binary.LittleEndian.Uint32(t.src.Syms[i*t.size:])
	}
	return t.src.Order.Uint32(t.src.Syms[i*t.size:])
}

// maxName bounds a symbol's name, bytes, so that a table whose names all run
// through one endless string costs no more than its size would suggest.
const maxName = 16 << 10

// nameAt is the string at off; "" if off is outside or the string has no end
// within maxName.
func (t *Table) nameAt(off uint32) string {
	if uint64(off) >= uint64(len(t.strs)) {
		return ""
	}
	s := t.strs[off:min(uint64(off)+maxName, uint64(len(t.strs)))]
	end := strings.IndexByte(s, 0)
	if end < 0 {
		return ""
	}
	return s[:end]
}
