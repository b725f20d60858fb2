package elffile

import (
	"bytes"
	"cmp"
	"debug/elf"
	"slices"

	"github.com/xmdb/xmdb/core/sym"
)

// Stub is one entry of a procedure linkage table.
type Stub struct {
	Addr, Size uint64 // the file's own addresses
	Name       string // the function it jumps to
	Slot       uint64 // address of the GOT entry it jumps through
}

// Stubs gives the PLT entries of an amd64 file, ascending. The linker's stubs
// are recognised by what they do, since there are several layouts (lazy, -z
// now, IBT): each jumps through a GOT entry that a relocation ties to a symbol,
// or pushes the index of its relocation. nil for other machines.
func (f *File) Stubs() []Stub {
	if f.Machine != elf.EM_X86_64 {
		return nil
	}
	dyn, err := f.Symbols(sym.Dynsym, sym.RuleProcess, 0)
	if dyn == nil || err != nil {
		return nil
	}
	bySlot := map[uint64]string{}
	var lazy []rela
	for _, name := range []string{".rela.plt", ".rela.dyn"} {
		b, err := f.SectionData(name)
		if err != nil {
			continue
		}
		rs := relocations(b, f)
		for _, r := range rs {
			if int(r.sym) < dyn.Len() && (r.typ == elf.R_X86_64_JMP_SLOT || r.typ == elf.R_X86_64_GLOB_DAT) {
				if n := dyn.At(int(r.sym)).Name; n != "" {
					bySlot[r.off] = n
				}
			}
		}
		if name == ".rela.plt" {
			lazy = rs
		}
	}
	var out []Stub
	for _, name := range []string{".plt", ".plt.sec", ".plt.got", ".plt.bnd"} {
		s := f.Section(name)
		if s == nil {
			continue
		}
		if b, err := f.Data(s); err == nil {
			out = append(out, stubsIn(b, s, bySlot, lazy)...)
		}
	}
	slices.SortFunc(out, func(a, b Stub) int { return cmp.Compare(a.Addr, b.Addr) })
	return out
}

type rela struct {
	off uint64
	sym uint32
	typ elf.R_X86_64
}

func relocations(b []byte, f *File) []rela {
	var out []rela
	for ; len(b) >= 24; b = b[24:] {
		info := f.ByteOrder.Uint64(b[8:])
		out = append(out, rela{f.ByteOrder.Uint64(b), uint32(info >> 32), elf.R_X86_64(uint32(info))})
	}
	return out
}

// stubsIn decodes the entries of one section: 16 bytes each, or 8 in .plt.got
// without IBT.
func stubsIn(b []byte, s *elf.Section, bySlot map[uint64]string, lazy []rela) []Stub {
	size := uint64(16)
	if s.Entsize == 8 {
		size = 8
	}
	var out []Stub
	for at := uint64(0); at+size <= uint64(len(b)); at += size {
		e := b[at : at+size]
		st := Stub{Addr: s.Addr + at, Size: size}
		if i := bytes.Index(e, []byte{0xff, 0x25}); i >= 0 && i+6 <= len(e) { // jmp *disp(%rip)
			disp := int32(uint32(e[i+2]) | uint32(e[i+3])<<8 | uint32(e[i+4])<<16 | uint32(e[i+5])<<24)
			st.Slot = st.Addr + uint64(i) + 6 + uint64(int64(disp))
			st.Name = bySlot[st.Slot]
		} else if i := bytes.IndexByte(e, 0x68); i >= 0 && i <= 4 && i+5 <= len(e) { // push index
			idx := uint32(e[i+1]) | uint32(e[i+2])<<8 | uint32(e[i+3])<<16 | uint32(e[i+4])<<24
			if uint64(idx) < uint64(len(lazy)) {
				st.Slot = lazy[idx].off
				st.Name = bySlot[st.Slot]
			}
		}
		if st.Name != "" {
			out = append(out, st)
		}
	}
	return out
}

// FindStub gives the stub that addr lies in; stubs are ascending.
func FindStub(stubs []Stub, addr uint64) (Stub, bool) {
	i, ok := slices.BinarySearchFunc(stubs, addr, func(s Stub, a uint64) int { return cmp.Compare(s.Addr, a) })
	if !ok {
		i--
	}
	if i < 0 || addr-stubs[i].Addr >= stubs[i].Size {
		return Stub{}, false
	}
	return stubs[i], true
}

// NoBytes tells a section that has a size but no bytes in the file.
func NoBytes(s *elf.Section) bool { return s.Type == elf.SHT_NOBITS }
