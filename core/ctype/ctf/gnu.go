package ctf

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"github.com/xmdb/xmdb/core/ctype"
)

// GNU's form of CTF, of gcc -gctf and ld (binutils include/ctf.h, "CTF version 3",
// whose header says 4): another magic, a longer header with indexes of the symbols
// and a section of variables, the members' offsets before their types, bit-fields as
// slices of types. Types of which units differ are in containers of their own, one for
// each unit, behind one another in an archive; only the one they share is read.
const (
	gnuMagic   = 0xdff2
	gnuVersion = 4
	gnuHeader  = 52
	gnuDynStr  = 8 // flag: external names are in .dynstr

	gnuArchive = 0x8b47f2a4d7623eeb

	gnuSlice    = 14
	typedefKind = 10
)

var versionGNU = layout{4, 12, 0xffffffff, 1 << 29, 26, 1 << 25, 1<<25 - 1, 0x80000000, true}

// gnuSections are those that the other forms lack.
type gnuSections struct {
	objIndex, fnIndex []byte // names of the symbols of the object and function sections
	variables         []byte // name and type
	names             map[string]uint32
}

// GNU tells GNU's form from the others.
func (f *File) GNU() bool { return f.lay.gnu }

func isGNU(data []byte, o binary.ByteOrder) bool { return o.Uint16(data) == gnuMagic }

// gnuDynamic tells whether a container's names are in .dynstr.
func gnuDynamic(data []byte) bool {
	data, err := member(data)
	return err == nil && (isGNU(data, binary.LittleEndian) || isGNU(data, binary.BigEndian)) && data[3]&gnuDynStr != 0
}

// member gives the shared container of an archive (struct ctf_archive: magic, model,
// number, offsets of names and of containers, then of each its name and place, and
// before each container its size), or the data if they are none.
func member(data []byte) ([]byte, error) {
	const head, entry = 40, 16
	le := binary.LittleEndian
	if len(data) < 4 {
		return nil, fmt.Errorf("read CTF header: %w", ErrNoCTF)
	}
	if len(data) < head || le.Uint64(data) != gnuArchive {
		return data, nil
	}
	n, names, at := le.Uint64(data[16:]), le.Uint64(data[24:]), le.Uint64(data[32:])
	size := uint64(len(data))
	if n == 0 || n > (size-head)/entry || names > size || at > size {
		return nil, fmt.Errorf("read CTF archive: %w", ErrCorrupt)
	}
	const shared = ".ctf\x00"
	for i := range n {
		e := data[head+entry*i:]
		name, place := le.Uint64(e), le.Uint64(e[8:])
		if name > size-names || uint64(len(shared)) > size-names-name || string(data[names+name:][:len(shared)]) != shared {
			continue
		}
		if place > size-at || size-at-place < 8 {
			break
		}
		b := data[at+place:]
		if length := le.Uint64(b); length >= 4 && length <= uint64(len(b)-8) {
			return b[8 : 8+length], nil
		}
		break
	}
	return nil, fmt.Errorf("read CTF archive: %w", ErrCorrupt)
}

// openGNU splits the container and checks that the sections follow each other.
func (f *File) openGNU(data []byte) error {
	if data[2] != gnuVersion {
		return ErrVersion
	}
	if len(data) < gnuHeader {
		return fmt.Errorf("read CTF header: %w", ErrCorrupt)
	}
	f.lay = &versionGNU
	var h [12]uint32 // parlabel parname cuname lbl objt func objtidx funcidx var type str strlen
	for i := range h {
		h[i] = f.order.Uint32(data[4+4*i:])
	}
	size := uint64(h[10]) + uint64(h[11])
	for i := 4; i <= 10; i++ {
		if h[i] < h[i-1] || i < 10 && h[i]%4 != 0 {
			return fmt.Errorf("read CTF header: %w", ErrCorrupt)
		}
	}
	if size > maxBody {
		return fmt.Errorf("read CTF header: %w", ErrCorrupt)
	}
	body, err := bodyOf(data, gnuHeader, size)
	if err != nil {
		return err
	}
	cut := func(i int) []byte { return body[h[i]:h[i+1]] }
	f.labels, f.objt, f.fn, f.types = cut(3), cut(4), cut(5), cut(9)
	f.gnu.objIndex, f.gnu.fnIndex, f.gnu.variables = cut(6), cut(7), cut(8)
	if err := f.strings(body[h[10]:size], h[0], h[1]); err != nil {
		return err
	}
	if f.parent != nil && (f.parent.child || f.parent.lay != f.lay) {
		f.parent = nil
	}
	return f.index()
}

// gnuMembers are the members of a structure: name, offset, type, and of a large one
// the upper half of the offset before the type.
func (f *File) gnuMembers(r *record) []ctype.Member {
	size := f.memberSize(r)
	all := make([]ctype.Member, r.vlen)
	for i := range all {
		b := r.data[i*size:]
		m := &all[i]
		m.Name, m.Off = f.str(f.order.Uint32(b)), uint64(f.order.Uint32(b[4:]))
		id := f.order.Uint32(b[8:])
		if size == 16 {
			m.Off = m.Off<<32 | uint64(f.order.Uint32(b[12:]))
		}
		if in, j, err := f.locate(id); err == nil {
			if rec, _, err := in.record(in.offs[j]); err == nil && rec.slice {
				id = in.order.Uint32(rec.data)
				m.Off += uint64(in.order.Uint16(rec.data[4:]))
				m.Bits = uint32(in.order.Uint16(rec.data[6:]))
			}
		}
		m.Type = f.Type(id)
	}
	return all
}

// gnuSymbolType finds the type of a symbol by its name.
func (f *File) gnuSymbolType(name string) (*ctype.Type, error) {
	f.symOnce.Do(f.nameSymbols)
	if id := f.gnu.names[name]; id != 0 {
		return f.Type(id), nil
	}
	return nil, ctype.ErrNoSymType
}

// nameSymbols collects the types of symbols: by the indexes, or where there are none
// side by side with the symbol table, and the variables, which may be static.
func (f *File) nameSymbols() {
	f.gnu.names = map[string]uint32{}
	for b := f.gnu.variables; len(b) >= 8; b = b[8:] {
		f.gnu.names[f.str(f.order.Uint32(b))] = f.order.Uint32(b[4:])
	}
	f.nameSection(f.objt, f.gnu.objIndex, elf.STT_OBJECT)
	f.nameSection(f.fn, f.gnu.fnIndex, elf.STT_FUNC)
}

func (f *File) nameSection(types, index []byte, want elf.SymType) {
	set := func(name string) {
		if id := f.order.Uint32(types); id != 0 {
			f.gnu.names[name] = id
		}
		types = types[4:]
	}
	if len(index) > 0 {
		for ; len(index) >= 4 && len(types) >= 4; index = index[4:] {
			set(f.str(f.order.Uint32(index)))
		}
		return
	}
	for i := range f.symbols {
		s := &f.symbols[i]
		if elf.ST_TYPE(s.Info) != want || s.Name == "" || elf.SectionIndex(s.Shndx) == elf.SHN_UNDEF ||
			s.Name == "_START_" || s.Name == "_END_" || elf.SectionIndex(s.Shndx) == elf.SHN_ABS && s.Value == 0 {
			continue
		}
		if len(types) < 4 {
			return
		}
		set(s.Name)
	}
}
