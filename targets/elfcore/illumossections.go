package elfcore

import (
	"debug/elf"
	"io"

	"github.com/xmdb/xmdb/core/sym/elffile"
)

// embeddedSection is a section of the core: the symbols, strings or types of a load
// object. Its address tells which.
type embeddedSection struct {
	typ        uint32
	addr       uint64
	off, size  uint64
	link, info uint32
	entsize    uint64
	types      bool
	index      int
}

type embeddedSections []embeddedSection

// maxSections bounds the sections of a core.
const maxSections = 1 << 16

// readEmbedded reads the section headers of a core; none if it has none, or they are
// damaged: sections that do not lie in the file are left out.
func readEmbedded(r io.ReaderAt, size int64, word int) embeddedSections {
	z := &elf64
	if word == 4 {
		z = &elf32
	}
	b := make([]byte, z.ehdr)
	if n, _ := r.ReadAt(b, 0); n < z.ehdr {
		return nil
	}
	u := func(b []byte) uint64 {
		if word == 4 {
			return uint64(le.Uint32(b))
		}
		return le.Uint64(b)
	}
	shoff := u(b[z.shoff:])
	shentsize, shnum := int(le.Uint16(b[z.phentsize+4:])), uint64(le.Uint16(b[z.phentsize+6:]))
	if shoff == 0 || shentsize != z.shdr || shoff > uint64(size) {
		return nil
	}
	w := word
	if shnum == 0 { // the number is in the first header
		first := make([]byte, z.shdr)
		if n, _ := r.ReadAt(first, int64(shoff)); n < z.shdr {
			return nil
		}
		shnum = u(first[8+3*w:])
	}
	if shnum > maxSections {
		return nil
	}
	all := make([]byte, shnum*uint64(z.shdr))
	n, _ := r.ReadAt(all, int64(shoff))
	var out embeddedSections
	for i := 0; (i+1)*z.shdr <= n; i++ {
		h := all[i*z.shdr:]
		s := embeddedSection{typ: le.Uint32(h[4:]), addr: u(h[8+w:]), off: u(h[8+2*w:]), size: u(h[8+3*w:]), index: i}
		s.link, s.info, s.entsize = le.Uint32(h[8+4*w:]), le.Uint32(h[12+4*w:]), u(h[16+5*w:])
		if s.off > uint64(size) || s.size > uint64(size)-s.off || s.size == 0 {
			continue
		}
		// .SUNW_ctf is the one section of program data.
		s.types = elf.SectionType(s.typ) == elf.SHT_PROGBITS
		out = append(out, s)
	}
	return out
}

func (l embeddedSections) byIndex(i uint32) *embeddedSection {
	for k := range l {
		if l[k].index == int(i) {
			return &l[k]
		}
	}
	return nil
}

// file makes an ELF file of what the core has of the object mapped at base: headers
// made here, section contents in the core. nil if it has nothing.
func (l embeddedSections) file(r io.ReaderAt, lay *layout, base, size uint64) *elffile.File {
	var types, syms *embeddedSection
	for i := range l {
		s := &l[i]
		if s.addr-base >= size {
			continue
		}
		switch {
		case s.types && types == nil:
			types = s
		case syms == nil && (elf.SectionType(s.typ) == elf.SHT_SYMTAB || elf.SectionType(s.typ) == elf.SHT_DYNSYM):
			syms = s
		}
	}
	if types == nil && syms == nil {
		return nil
	}
	v := &virtualELF{r: r}
	v.build(lay, types, syms, l)
	f, err := elffile.New(v, v.size)
	if err != nil {
		return nil
	}
	f.Path = "core"
	return f
}

// virtualELF is an ELF file whose first bytes are headers, and whose byte off+n is the
// core's byte n.
type virtualELF struct {
	r    io.ReaderAt
	head []byte
	size int64
}

// ReadAt implements io.ReaderAt.
func (v *virtualELF) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off >= 0 && off < int64(len(v.head)) {
		n = copy(p, v.head[off:])
		if n == len(p) {
			return n, nil
		}
	}
	m, err := v.r.ReadAt(p[n:], off+int64(n)-int64(len(v.head)))
	return n + m, err
}

var virtualNames = []byte("\x00.SUNW_ctf\x00.symtab\x00.strtab\x00.shstrtab\x00")

// build makes the headers: the null section, types, symbols, their strings, names.
func (v *virtualELF) build(lay *layout, types, syms *embeddedSection, all embeddedSections) {
	z, w := &elf64, lay.word
	if w == 4 {
		z = &elf32
	}
	type sec struct {
		name, typ, link, info uint32
		off, size, ent        uint64
	}
	secs := []sec{{}}
	if types != nil {
		link := uint32(0)
		if syms != nil {
			link = 2
		}
		secs = append(secs, sec{name: 1, typ: 1, link: link, off: types.off, size: types.size})
	}
	if syms != nil {
		n := uint32(len(secs))
		secs = append(secs, sec{name: 11, typ: uint32(elf.SHT_SYMTAB), link: n + 1, info: syms.info, off: syms.off, size: syms.size, ent: syms.entsize})
		str := sec{name: 19, typ: uint32(elf.SHT_STRTAB)}
		if s := all.byIndex(syms.link); s != nil {
			str.off, str.size = s.off, s.size
		}
		secs = append(secs, str)
		if types == nil {
			secs[1].link = 2
		}
	}
	secs = append(secs, sec{name: 27, typ: uint32(elf.SHT_STRTAB)})
	names := z.ehdr + len(secs)*z.shdr
	total := names + len(virtualNames)
	b := make([]byte, total)
	copy(b, elf.ELFMAG)
	b[4], b[5], b[6], b[7] = 2, 1, 1, byte(elf.ELFOSABI_SOLARIS)
	if w == 4 {
		b[4] = 1
	}
	le.PutUint16(b[16:], uint16(elf.ET_DYN))
	machine := elf.EM_X86_64
	if w == 4 {
		machine = elf.EM_386
	}
	le.PutUint16(b[18:], uint16(machine))
	le.PutUint32(b[20:], 1)
	put := func(at int, x uint64) {
		if w == 4 {
			le.PutUint32(b[at:], uint32(x))
		} else {
			le.PutUint64(b[at:], x)
		}
	}
	put(z.shoff, uint64(z.ehdr))
	le.PutUint16(b[z.phentsize-2:], uint16(z.ehdr))
	le.PutUint16(b[z.phentsize:], uint16(z.phdr))
	le.PutUint16(b[z.phentsize+4:], uint16(z.shdr))
	le.PutUint16(b[z.phentsize+6:], uint16(len(secs)))
	le.PutUint16(b[z.phentsize+8:], uint16(len(secs)-1))
	end := uint64(total)
	for i, s := range secs {
		at := z.ehdr + i*z.shdr
		switch {
		case i == len(secs)-1:
			s.off, s.size = uint64(names), uint64(len(virtualNames))
		case i > 0:
			s.off += uint64(total)
		}
		end = max(end, s.off+s.size)
		le.PutUint32(b[at:], s.name)
		le.PutUint32(b[at+4:], s.typ)
		put(at+8+2*w, s.off)
		put(at+8+3*w, s.size)
		le.PutUint32(b[at+8+4*w:], s.link)
		le.PutUint32(b[at+12+4*w:], s.info)
		put(at+16+5*w, s.ent)
	}
	v.head, v.size = b, int64(end)
	copy(b[names:], virtualNames)
}
