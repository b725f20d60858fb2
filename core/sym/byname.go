package sym

import (
	"debug/elf"
	"strings"
)

// A few lookups by name scan the string table, which runs at memory speed; a
// table that is asked more often gets a hash index.
const nameScans = 8

// nameIndex is an open-addressing hash of entries by name, keyed by FNV-1a.
type nameIndex struct {
	slots []uint32 // entry + 1; 0 is free
	mask  uint32
}

// ByName finds the symbol called name exactly. Of several the defined one wins,
// then a global or weak one over a local, then the first in the table.
func (t *Table) ByName(name string) (Symbol, bool) {
	if t.Len() == 0 || name == "" || strings.IndexByte(name, 0) >= 0 {
		return Symbol{}, false
	}
	t.mu.Lock()
	t.nameTries++
	if t.names == nil && (t.src.Indexed || t.nameTries > nameScans) {
		t.names = t.buildNames()
	}
	idx := t.names
	t.mu.Unlock()
	best := -1
	pick := func(i int) {
		if best < 0 || t.rankName(i) > t.rankName(best) || t.rankName(i) == t.rankName(best) && i < best {
			best = i
		}
	}
	if idx != nil {
		t.probe(idx, name, pick)
	} else {
		t.scanName(name, pick)
	}
	if best < 0 {
		return Symbol{}, false
	}
	return t.At(best), true
}

func (t *Table) rankName(i int) int {
	s := t.raw(i)
	r := 0
	if s.Type() == elf.STT_SECTION {
		return -1
	}
	if s.Type() != elf.STT_FILE {
		r += 4
	}
	if s.Defined() {
		r += 2
	}
	if s.Bind() != elf.STB_LOCAL {
		r++
	}
	return r
}

// scanName calls pick for every entry whose name is name. A string table may
// hold a name as the tail of a longer one, so every place where name ends in NUL
// counts.
func (t *Table) scanName(name string, pick func(int)) {
	var offs []uint32
	want := name + "\x00"
	for at := 0; ; {
		i := strings.Index(t.strs[at:], want)
		if i < 0 {
			break
		}
		offs = append(offs, uint32(at+i))
		at += i + 1
		if len(offs) > 64 { // hostile or odd: compare strings instead
			t.scanStrings(name, pick)
			return
		}
	}
	switch len(offs) {
	case 0:
	case 1:
		for i := range t.n {
			if t.nameOff(i) == offs[0] {
				pick(i)
			}
		}
	default:
		lo, hi := offs[0], offs[len(offs)-1]
		for i := range t.n {
			if o := t.nameOff(i); o >= lo && o <= hi && contains(offs, o) {
				pick(i)
			}
		}
	}
}

func contains(list []uint32, v uint32) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

func (t *Table) scanStrings(name string, pick func(int)) {
	for i := range t.n {
		if t.nameAt(t.nameOff(i)) == name {
			pick(i)
		}
	}
}

func hashName(s string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

func (t *Table) buildNames() *nameIndex {
	size := uint32(16)
	for size < uint32(t.n)*2 && size < 1<<31 {
		size <<= 1
	}
	x := &nameIndex{slots: make([]uint32, size), mask: size - 1}
	for i := range t.n {
		name := t.nameAt(t.nameOff(i))
		if name == "" {
			continue
		}
		h := hashName(name) & x.mask
		// Entries of one name are chained in file order; a table that repeats one
		// name without end must not make this quadratic.
		for steps := 0; x.slots[h] != 0; steps++ {
			if steps > 1024 {
				break
			}
			h = (h + 1) & x.mask
		}
		if x.slots[h] == 0 {
			x.slots[h] = uint32(i) + 1
		}
	}
	return x
}

func (t *Table) probe(x *nameIndex, name string, pick func(int)) {
	h := hashName(name) & x.mask
	for steps := 0; x.slots[h] != 0 && steps <= 1024; steps++ {
		i := int(x.slots[h] - 1)
		if t.nameAt(t.nameOff(i)) == name {
			pick(i)
		}
		h = (h + 1) & x.mask
	}
}

// inFile finds the local symbol called name among those of the source file
// called file: the locals that follow its STT_FILE entry. ErrNoObject if there
// is no such entry, ErrNoSymbol if it has no such local.
func (t *Table) inFile(file, name string) (Symbol, error) {
	start := t.fileEntry(file)
	if start < 0 {
		return Symbol{}, ErrNoObject
	}
	for i := start + 1; i < t.n; i++ {
		s := t.raw(i)
		if s.Type() == elf.STT_SECTION || s.Type() == elf.STT_FILE || s.Bind() != elf.STB_LOCAL {
			break
		}
		if t.nameAt(t.nameOff(i)) == name {
			return t.At(i), nil
		}
	}
	return Symbol{}, ErrNoSymbol
}

// fileEntry is the first STT_FILE entry called name, or -1.
func (t *Table) fileEntry(name string) int {
	for i := range t.Len() {
		if s := t.raw(i); s.Type() == elf.STT_FILE && t.nameAt(t.nameOff(i)) == name {
			return i
		}
	}
	return -1
}
