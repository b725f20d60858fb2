package system

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// symbolSize is that of an Elf64_Sym, of which the binding is in the high bits of the
// byte at symbolInfo and the value at symbolValue.
const (
	symbolSize  = 24
	symbolInfo  = 4
	symbolValue = 8
)

// moduleSymbols makes the table that the ksyms image of a dump has (facts: reference/
// illumos-formats.md section 2.1) of the modules' own: the local symbols of all modules,
// then the others, in the order in which the modules' tables lie in memory; those
// without a value are left out.
func (k *IllumosKernel) moduleSymbols() (*sym.Table, error) {
	var local, other, strs []byte
	local = append(local, make([]byte, symbolSize)...)
	strs = append(strs, 0)
	mods := slices.Clone(k.modules)
	slices.SortFunc(mods, func(a, b *KernelModule) int { return cmp.Compare(a.symspace, b.symspace) })
	for _, m := range mods {
		syms, names, err := m.rawSymbols(mapSpace{k})
		if err != nil {
			k.badModule("symbols of module '%s': %v", m.Name, err)
			continue
		}
		base := uint64(len(strs))
		if base+uint64(len(names)) > math.MaxUint32 {
			return nil, errors.New("the modules' symbols are too many")
		}
		strs = append(append(strs, names...), 0)
		for ; len(syms) >= symbolSize; syms = syms[symbolSize:] {
			if binary.LittleEndian.Uint64(syms[symbolValue:]) == 0 {
				continue
			}
			to := &other
			if elf.ST_BIND(syms[symbolInfo]) == elf.STB_LOCAL {
				to = &local
			}
			at := len(*to)
			*to = append(*to, syms[:symbolSize]...)
			name := uint64(binary.LittleEndian.Uint32(syms))
			if name >= uint64(len(names)) {
				name = uint64(len(names))
			}
			binary.LittleEndian.PutUint32((*to)[at:], uint32(base+name))
		}
	}
	return sym.NewTable(sym.Source{
		Kind: sym.Symtab, Rule: sym.RuleKernel, Class: elf.ELFCLASS64, Order: binary.LittleEndian,
		Syms: append(local, other...), Strs: strs,
	}), nil
}

// rawSymbols are the symbols and strings in a module's symspace.
func (m *KernelModule) rawSymbols(sp mem.Space) (syms, strs []byte, err error) {
	b := make([]byte, m.symsize)
	if n, err := sp.ReadAt(b, mem.Addr(m.symspace)); n < len(b) {
		return nil, nil, badSymspace(m, uint64(n), err)
	}
	part := func(at, size uint64) []byte {
		p := b[at-m.symspace:]
		return p[:min(size, uint64(len(p)))]
	}
	return part(m.symtbl, m.symBytes), part(m.strings, m.strSize), nil
}
