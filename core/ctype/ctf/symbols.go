package ctf

import (
	"debug/elf"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
)

// SymbolType implements ctype.SymbolTyper. index is the symbol's place in the
// symbol table the container belongs to; a symbol of another table (.dynsym) is
// found by its name.
func (f *File) SymbolType(name string, addr uint64, index uint32) (*ctype.Type, error) {
	f.loadSymtab()
	if f.lay.gnu {
		return f.gnuSymbolType(name)
	}
	if len(f.symbols) == 0 {
		return nil, ErrNoSymtab
	}
	f.symOnce.Do(f.mapSymbols)
	if uint64(index) >= uint64(len(f.symbols)) || f.symbols[index].Name != name {
		i, ok := f.symName[name]
		if !ok {
			return nil, ctype.ErrNoSymType
		}
		index = i
	}
	off := f.symOff[index]
	switch elf.ST_TYPE(f.symbols[index].Info) {
	case elf.STT_OBJECT:
		if off < 0 {
			return nil, ctype.ErrNoSymType
		}
		if id := f.word(f.objt[off:]); id != 0 {
			return f.Type(id), nil
		}
		return nil, ctype.ErrNoSymType
	case elf.STT_FUNC:
		if off < 0 {
			return nil, ctype.ErrNoSymFunc
		}
		return f.symbolFunc(name, off)
	}
	return nil, ctype.ErrNotObject
}

// symbolFunc makes the type of the function record at an offset.
func (f *File) symbolFunc(name string, off int32) (*ctype.Type, error) {
	w := f.lay.idSize
	b := f.fn[off:]
	info := f.word(b)
	kind, n := info>>f.lay.kindShift, int(info&f.lay.vlenMask)
	switch {
	case kind == 0 && n == 0:
		return nil, ctype.ErrNoSymFunc
	case kind >= uint32(len(kinds)) || kinds[kind] != ctype.Function || len(b) < (n+2)*w:
		return nil, fmt.Errorf("read function record of %s: %w", name, ErrCorrupt)
	}
	body := &ctype.Body{}
	f.function(body, f.word(b[w:]), b[2*w:], n)
	return ctype.New(f, 0, ctype.Function, "", body), nil
}

// mapSymbols walks the symbol table and the two sections side by side.
func (f *File) mapSymbols() {
	w := f.lay.idSize
	f.symOff = make([]int32, len(f.symbols))
	f.symName = make(map[string]uint32, len(f.symbols))
	objt, fn := 0, 0
	for i := range f.symbols {
		s := &f.symbols[i]
		f.symOff[i] = -1
		if s.Name == "" || elf.SectionIndex(s.Shndx) == elf.SHN_UNDEF ||
			s.Name == "_START_" || s.Name == "_END_" {
			continue
		}
		switch elf.ST_TYPE(s.Info) {
		case elf.STT_OBJECT:
			if objt+w > len(f.objt) || elf.SectionIndex(s.Shndx) == elf.SHN_ABS && s.Value == 0 {
				break
			}
			f.symOff[i] = int32(objt)
			objt += w
		case elf.STT_FUNC:
			if fn+w > len(f.fn) {
				break
			}
			f.symOff[i] = int32(fn)
			fn += w * f.funcWords(fn)
		}
		if _, dup := f.symName[s.Name]; !dup {
			f.symName[s.Name] = uint32(i)
		}
	}
}

// funcWords is the length of the function record at an offset, in ids.
func (f *File) funcWords(off int) int {
	info := f.word(f.fn[off:])
	n := int(info & f.lay.vlenMask)
	if info>>f.lay.kindShift == 0 && n == 0 {
		return 1 // padding for a function without data
	}
	return n + 2
}
