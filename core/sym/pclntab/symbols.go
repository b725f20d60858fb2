package pclntab

import (
	"debug/elf"
	"encoding/binary"

	"github.com/xmdb/xmdb/core/sym"
)

// entrySize is that of an ELF64 symbol, bytes.
const entrySize = 24

// Symbols makes a symbol table of the functions, for a program that has none: the
// names as they are in the table, each a global function of its size. section is
// the index that they are said to lie in, bias what is added to their addresses.
func (t *Table) Symbols(rule sym.Rule, section uint16, bias uint64) *sym.Table {
	le := binary.LittleEndian
	syms := make([]byte, entrySize, (t.n+1)*entrySize) // the first entry is empty
	for i := range t.n {
		f, ok := t.At(i)
		at := uint64(t.order.Uint32(t.funcs[i*8+4:]))
		if !ok || f.Name == "" {
			continue
		}
		name, _ := t.field(at, 1)
		var e [entrySize]byte
		le.PutUint32(e[0:], name)
		e[4] = byte(elf.STB_GLOBAL)<<4 | byte(elf.STT_FUNC)
		le.PutUint16(e[6:], section)
		le.PutUint64(e[8:], f.Entry)
		le.PutUint64(e[16:], f.End-f.Entry)
		syms = append(syms, e[:]...)
	}
	return sym.NewTable(sym.Source{
		Kind: sym.Symtab, Rule: rule, Class: elf.ELFCLASS64, Order: le, Syms: syms, Strs: t.names, Bias: bias,
	})
}
