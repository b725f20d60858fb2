package system

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
	"github.com/xmdb/xmdb/core/sym/elffile"
)

// Limits of what is believed of an ELF image in memory.
const (
	maxPhdrs   = 4096
	maxNote    = 64 << 10 // bytes
	maxDynamic = 4096     // entries
	maxDynsyms = 4 << 20
	maxStrtab  = 256 << 20 // bytes
	maxBuckets = 1 << 22
)

// elfSizes are the sizes of ELF structures of one class, bytes.
type elfSizes struct {
	class                 elf.Class
	word                  int
	ehdr, phdr, dyn, syms uint64
	phoff, phentsize      int // in the header
}

var (
	elf64 = elfSizes{elf.ELFCLASS64, 8, 64, 56, 16, 24, 32, 54}
	elf32 = elfSizes{elf.ELFCLASS32, 4, 52, 32, 8, 16, 28, 42}
)

// sizesFor gives the sizes of the class that has pointers of word bytes.
func sizesFor(word int) *elfSizes {
	if word == 4 {
		return &elf32
	}
	return &elf64
}

// uint reads an address.
func (z *elfSizes) uint(b []byte) uint64 {
	if z.word == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// Memory image of an ELF file: what its headers in memory say. Only
// little-endian images are known.
type memImage struct {
	space   mem.Space
	sizes   *elfSizes
	base    uint64 // VA of the ELF header
	bias    uint64 // VA minus the file's address
	typ     elf.Type
	entry   uint64
	progs   []elf.ProgHeader
	buildID string // hex
}

var errNoImage = errors.New("no ELF header in memory")

// readImage reads the headers of the ELF image whose first byte is at base.
func readImage(s mem.Space, base uint64) (*memImage, error) {
	var h [64]byte
	z := &elf64
	if err := mem.ReadFull(s, h[:elf32.ehdr], mem.Addr(base)); err != nil {
		return nil, err
	}
	if string(h[:4]) != elf.ELFMAG || elf.Data(h[5]) != elf.ELFDATA2LSB {
		return nil, errNoImage
	}
	switch elf.Class(h[4]) {
	case elf.ELFCLASS32:
		z = &elf32
	case elf.ELFCLASS64:
		if err := mem.ReadFull(s, h[:], mem.Addr(base)); err != nil {
			return nil, err
		}
	default:
		return nil, errNoImage
	}
	le := binary.LittleEndian
	im := &memImage{space: s, sizes: z, base: base, typ: elf.Type(le.Uint16(h[16:])), entry: z.uint(h[24:])}
	phoff, phentsize, phnum := z.uint(h[z.phoff:]), le.Uint16(h[z.phentsize:]), le.Uint16(h[z.phentsize+2:])
	if uint64(phentsize) != z.phdr || phnum == 0 || phnum > maxPhdrs {
		return nil, fmt.Errorf("%w: %d program headers of %d bytes", errNoImage, phnum, phentsize)
	}
	b := make([]byte, uint64(phnum)*z.phdr)
	if err := mem.ReadFull(s, b, mem.Addr(base+phoff)); err != nil {
		return nil, err
	}
	im.progs = z.progs(b)
	for _, p := range im.progs {
		if p.Type == elf.PT_LOAD && p.Off == 0 {
			im.bias = base - p.Vaddr
			break
		}
	}
	im.buildID = im.readBuildID()
	return im, nil
}

// imageAt makes an image of program headers that were found in memory without
// the ELF header (AT_PHDR).
func imageAt(s mem.Space, phdr, phnum uint64, word int) (*memImage, error) {
	z := sizesFor(word)
	if phnum == 0 || phnum > maxPhdrs {
		return nil, fmt.Errorf("%w: %d program headers", errNoImage, phnum)
	}
	b := make([]byte, phnum*z.phdr)
	if err := mem.ReadFull(s, b, mem.Addr(phdr)); err != nil {
		return nil, err
	}
	im := &memImage{space: s, sizes: z, progs: z.progs(b), typ: elf.ET_EXEC}
	for _, p := range im.progs {
		if p.Type == elf.PT_PHDR {
			im.bias = phdr - p.Vaddr
		}
	}
	if im.bias != 0 {
		im.typ = elf.ET_DYN
	}
	for _, p := range im.progs {
		if p.Type == elf.PT_LOAD && p.Off == 0 {
			im.base = im.bias + p.Vaddr
			break
		}
	}
	im.buildID = im.readBuildID()
	return im, nil
}

// progs reads program headers.
func (z *elfSizes) progs(b []byte) []elf.ProgHeader {
	le := binary.LittleEndian
	var out []elf.ProgHeader
	for ; uint64(len(b)) >= z.phdr; b = b[z.phdr:] {
		if z.word == 4 {
			u := func(at int) uint64 { return uint64(le.Uint32(b[at:])) }
			out = append(out, elf.ProgHeader{
				Type: elf.ProgType(le.Uint32(b)), Off: u(4), Vaddr: u(8), Paddr: u(12), Filesz: u(16), Memsz: u(20),
				Flags: elf.ProgFlag(le.Uint32(b[24:])), Align: u(28),
			})
			continue
		}
		out = append(out, elf.ProgHeader{
			Type: elf.ProgType(le.Uint32(b)), Flags: elf.ProgFlag(le.Uint32(b[4:])), Off: le.Uint64(b[8:]),
			Vaddr: le.Uint64(b[16:]), Paddr: le.Uint64(b[24:]), Filesz: le.Uint64(b[32:]), Memsz: le.Uint64(b[40:]), Align: le.Uint64(b[48:]),
		})
	}
	return out
}

// readBuildID looks into the notes; "" if they are not in memory or have none.
func (im *memImage) readBuildID() string {
	for _, p := range im.progs {
		if p.Type != elf.PT_NOTE || p.Filesz > maxNote {
			continue
		}
		b := make([]byte, p.Filesz)
		n, _ := im.space.ReadAt(b, mem.Addr(im.bias+p.Vaddr))
		for note := range elffile.Notes(b[:n], binary.LittleEndian, p.Align) {
			if note.Type == 3 && note.Name == "GNU" && len(note.Desc) > 0 {
				return hex.EncodeToString(note.Desc)
			}
		}
	}
	return ""
}

// loads gives the ranges of the PT_LOAD segments, whole pages.
func loads(progs []elf.ProgHeader, bias, page uint64) []sym.Range {
	var out []sym.Range
	for _, p := range progs {
		if p.Type != elf.PT_LOAD || p.Memsz == 0 || p.Memsz > 1<<47 {
			continue
		}
		start := (bias + p.Vaddr) &^ (page - 1)
		end := (bias + p.Vaddr + p.Memsz + page - 1) &^ (page - 1)
		if end <= start {
			continue
		}
		if n := len(out); n > 0 && start < out[n-1].Base+out[n-1].Size {
			start = out[n-1].Base + out[n-1].Size
		}
		if end > start {
			out = append(out, sym.Range{Base: start, Size: end - start})
		}
	}
	return out
}

// prog finds the first program header of a type.
func (im *memImage) prog(t elf.ProgType) (elf.ProgHeader, bool) {
	for _, p := range im.progs {
		if p.Type == t {
			return p, true
		}
	}
	return elf.ProgHeader{}, false
}

// dynamic reads the dynamic section; the first entry of a tag counts.
func (im *memImage) dynamic() (map[elf.DynTag]uint64, error) {
	p, ok := im.prog(elf.PT_DYNAMIC)
	if !ok {
		return nil, nil
	}
	z := im.sizes
	n := min(p.Memsz/z.dyn, maxDynamic)
	b := make([]byte, n*z.dyn)
	got, err := im.space.ReadAt(b, mem.Addr(im.bias+p.Vaddr))
	b = b[:got-got%int(z.dyn)]
	if len(b) == 0 {
		return nil, err
	}
	out := map[elf.DynTag]uint64{}
	for ; len(b) > 0; b = b[z.dyn:] {
		tag := elf.DynTag(z.uint(b))
		if tag == elf.DT_NULL {
			break
		}
		if _, dup := out[tag]; !dup {
			out[tag] = z.uint(b[z.word:])
		}
	}
	return out, nil
}

// addr turns a pointer of the dynamic section into a VA. The run-time linker of
// glibc adds the bias to them in memory; the vDSO's are left as they were.
func (im *memImage) addr(v uint64) uint64 {
	if v < im.base {
		return v + im.bias
	}
	return v
}

// dynsym reads the dynamic symbol table from memory; nil if there is none.
func (im *memImage) dynsym() (*sym.Table, error) {
	d, err := im.dynamic()
	if d == nil {
		return nil, err
	}
	symtab, strtab, strsz := d[elf.DT_SYMTAB], d[elf.DT_STRTAB], d[elf.DT_STRSZ]
	if symtab == 0 || strtab == 0 || strsz == 0 {
		return nil, nil
	}
	symtab, strtab = im.addr(symtab), im.addr(strtab)
	n := im.countSymbols(d, symtab, strtab)
	if n == 0 || n > maxDynsyms || strsz > maxStrtab {
		return nil, fmt.Errorf("read dynamic symbols at %#x: %d symbols, %d bytes of strings", symtab, n, strsz)
	}
	syms, err := readUpTo(im.space, symtab, n*im.sizes.syms)
	if err != nil {
		return nil, fmt.Errorf("read dynamic symbols: %w", err)
	}
	strs, err := readUpTo(im.space, strtab, strsz)
	if err != nil {
		return nil, fmt.Errorf("read dynamic strings: %w", err)
	}
	return sym.NewTable(sym.Source{
		Kind: sym.Dynsym, Rule: sym.RuleProcess, Class: im.sizes.class, Order: binary.LittleEndian,
		Syms: syms, Strs: strs, Bias: im.bias,
	}), nil
}

// readUpTo reads n bytes or as many as there are, in pieces, so that a length
// that is a lie costs no more than what is there.
func readUpTo(s mem.Space, at, n uint64) ([]byte, error) {
	const piece = 1 << 20
	var out []byte
	for uint64(len(out)) < n {
		k := min(n-uint64(len(out)), piece)
		b := make([]byte, k)
		got, err := s.ReadAt(b, mem.Addr(at+uint64(len(out))))
		out = append(out, b[:got]...)
		if uint64(got) < k {
			if len(out) == 0 {
				return nil, err
			}
			return out, nil
		}
	}
	return out, nil
}

// countSymbols finds the length of the dynamic symbol table, which no tag gives:
// from DT_HASH, from DT_GNU_HASH, or from where the strings begin.
func (im *memImage) countSymbols(d map[elf.DynTag]uint64, symtab, strtab uint64) uint64 {
	le := binary.LittleEndian
	if h := d[elf.DT_HASH]; h != 0 {
		if n, err := mem.ReadUint(im.space, mem.Addr(im.addr(h)+4), 4, le); err == nil {
			return n
		}
	}
	if h := d[elf.DT_GNU_HASH]; h != 0 {
		if n, ok := im.gnuHashCount(im.addr(h)); ok {
			return n
		}
	}
	if strtab > symtab && strtab-symtab < maxDynsyms*im.sizes.syms {
		return (strtab - symtab) / im.sizes.syms
	}
	return 0
}

// gnuHashCount follows the last chain of a DT_GNU_HASH table to its end.
func (im *memImage) gnuHashCount(at uint64) (uint64, bool) {
	u32 := func(a uint64) (uint64, bool) {
		v, err := mem.ReadUint(im.space, mem.Addr(a), 4, binary.LittleEndian)
		return v, err == nil
	}
	nbuckets, ok1 := u32(at)
	first, ok2 := u32(at + 4)
	bloom, ok3 := u32(at + 8)
	if !ok1 || !ok2 || !ok3 || nbuckets > maxBuckets || bloom > maxBuckets {
		return 0, false
	}
	buckets := at + 16 + uint64(im.sizes.word)*bloom
	b, err := readUpTo(im.space, buckets, 4*nbuckets)
	if err != nil || uint64(len(b)) < 4*nbuckets {
		return 0, false
	}
	last := uint64(0)
	for ; len(b) > 0; b = b[4:] {
		last = max(last, uint64(binary.LittleEndian.Uint32(b)))
	}
	if last < first {
		return first, true // the table holds no symbol: all are undefined
	}
	for i := uint64(0); i < maxDynsyms; i++ {
		h, ok := u32(buckets + 4*nbuckets + 4*(last-first+i))
		if !ok {
			return 0, false
		}
		if h&1 != 0 {
			return last + i + 1, true
		}
	}
	return 0, false
}

// BuildIDAt gives the build-id, in hex, of the ELF image whose header is at base;
// "" if there is none.
func BuildIDAt(s mem.Space, base uint64) string {
	im, err := readImage(s, base)
	if err != nil {
		return ""
	}
	return im.buildID
}

// FlagsAt gives the protection with which the part of an ELF file at a file
// offset is mapped, by the program headers in memory at base.
func FlagsAt(s mem.Space, base, off uint64) (elf.ProgFlag, bool) {
	im, err := readImage(s, base)
	if err != nil {
		return 0, false
	}
	for _, p := range im.progs {
		if p.Type == elf.PT_LOAD && off >= p.Off&^0xfff && off-p.Off&^0xfff < p.Filesz+p.Off&0xfff {
			return p.Flags, true
		}
	}
	return 0, false
}

// SameDynamic tells whether the dynamic section in memory is that of f with bias
// added to its pointers: evidence, where no build-id is at hand, that f is what
// was mapped, since the section has the addresses and sizes of everything that is
// linked at run time.
func SameDynamic(s mem.Space, f *elffile.File, bias uint64) bool {
	z := &elf64
	if f.Class == elf.ELFCLASS32 {
		z = &elf32
	}
	im := &memImage{space: s, sizes: z, bias: bias}
	for _, p := range f.Progs {
		im.progs = append(im.progs, p.ProgHeader)
	}
	got, err := im.dynamic()
	if err != nil || len(got) == 0 {
		return false
	}
	p, _ := im.prog(elf.PT_DYNAMIC)
	b := make([]byte, min(p.Filesz, maxDynamic*z.dyn))
	n, _ := f.ReaderAt().ReadAt(b, int64(p.Off&(1<<62-1)))
	same := 0
	for b = b[:n-n%int(z.dyn)]; len(b) > 0; b = b[z.dyn:] {
		tag, v := elf.DynTag(z.uint(b)), z.uint(b[z.word:])
		if tag == elf.DT_NULL {
			break
		}
		m, ok := got[tag]
		if !ok || m != v && m != v+bias && tag != elf.DT_DEBUG && tag != elf.DT_NEEDED {
			return false // of several DT_NEEDED the first is at hand
		}
		same++
	}
	return same >= minDynamic
}

// minDynamic is how many entries make evidence.
const minDynamic = 8
