package krtld

import (
	"debug/elf"
	"encoding/binary"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
)

// Sizes of ELF64 structures, bytes.
const (
	ehdrSize = 64
	shdrSize = 64
)

// sectionTypes are the names of sh_type (sys/elf.h). Types past the last one have
// none.
var sectionTypes = map[uint32]string{
	0: "SHT_NULL", 1: "SHT_PROGBITS", 2: "SHT_SYMTAB", 3: "SHT_STRTAB", 4: "SHT_RELA", 5: "SHT_HASH",
	6: "SHT_DYNAMIC", 7: "SHT_NOTE", 8: "SHT_NOBITS", 9: "SHT_REL", 10: "SHT_SHLIB", 11: "SHT_DYNSYM",
	0x6ffffff4: "SHT_LOSUNW", 0x6ffffffb: "SHT_SUNW_COMDAT", 0x6ffffffc: "SHT_SUNW_syminfo", 0x6ffffffd: "SHT_SUNW_verdef",
	0x6ffffffe: "SHT_SUNW_verneed", 0x6fffffff: "SHT_SUNW_versym",
	0x70000000: "SHT_LOPROC", 0x7fffffff: "SHT_HIPROC", 0x80000000: "SHT_LOUSER", 0xffffffff: "SHT_HIUSER",
}

var sectionFlags = out.Bits{
	{Name: "SHF_WRITE", Mask: 1, Bits: 1}, {Name: "SHF_ALLOC", Mask: 2, Bits: 2}, {Name: "SHF_EXECINSTR", Mask: 4, Bits: 4},
	{Name: "SHF_MASKPROC", Mask: 0xf0000000, Bits: 0xf0000000},
}

func runModhdrs(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	m, err := readModctl(c, c.Addr)
	if err != nil {
		return err
	}
	v, err := c.ValueAt("struct module", m.Module)
	if err != nil {
		return err
	}
	hdr, err := v.Path("hdr")
	if err != nil {
		return err
	}
	var h [ehdrSize]byte
	if err := mem.ReadFull(c.Space(), h[:], hdr.Addr); err != nil {
		return c.Warn(err, "failed to read module at %p for modctl %p", m.Module, c.Addr)
	}
	mod, err := readModule(c, m.Module)
	if err != nil {
		return c.Warn(err, "failed to read module at %p for modctl %p", m.Module, c.Addr)
	}
	printEhdr(c, h[:])
	n := int(binary.LittleEndian.Uint16(h[60:]))
	b := make([]byte, n*shdrSize)
	if err := mem.ReadFull(c.Space(), b, mem.Addr(mod.Shdrs)); err != nil {
		return c.Warn(err, "failed to read section headers at %p", mod.Shdrs)
	}
	for i := range n {
		printShdr(c, i, b[i*shdrSize:])
	}
	return nil
}

// field is a number of an ELF structure: its name and its place.
type field struct {
	name      string
	off, size int
}

var ehdrFields = []field{
	{"type", 16, 2}, {"machine", 18, 2}, {"version", 20, 4}, {"entry", 24, 8}, {"phoff", 32, 8}, {"shoff", 40, 8},
	{"flags", 48, 4}, {"ehsize", 52, 2}, {"phentsize", 54, 2}, {"phnum", 56, 2}, {"shentsize", 58, 2}, {"shnum", 60, 2}, {"shstrndx", 62, 2},
}

var shdrFields = []field{
	{"name", 0, 4}, {"type", 4, 4}, {"flags", 8, 8}, {"addr", 16, 8}, {"offset", 24, 8}, {"size", 32, 8},
	{"link", 40, 4}, {"info", 44, 4}, {"addralign", 48, 8}, {"entsize", 56, 8},
}

// decode reads the numbers of a structure.
func decode(b []byte, fields []field) (map[string]uint64, []out.Field) {
	vals, rec := map[string]uint64{}, []out.Field{}
	for _, f := range fields {
		v := mem.Uint(b[f.off:f.off+f.size], binary.LittleEndian)
		vals[f.name] = v
		rec = append(rec, out.Field{Name: f.name, Value: out.Hex(v)})
	}
	return vals, rec
}

func printEhdr(c *core.Ctx, b []byte) {
	h, rec := decode(b, ehdrFields)
	u := func(name string) uint32 { return uint32(h[name]) }
	c.Record(func() {
		c.Printf("\nELF Header\n")
		c.Printf("  ei_magic:  { 0x%02x, %c, %c, %c }\n", b[0], b[1], b[2], b[3])
		c.Printf("  ei_class:  %-18u      ei_data: %-16u\n", b[elf.EI_CLASS], b[elf.EI_DATA])
		c.Printf("  e_machine: %-18hu    e_version: %-16u\n", uint16(h["machine"]), u("version"))
		c.Printf("  e_type:    %-18hu\n", uint16(h["type"]))
		c.Printf("  e_flags:   %-18u\n", u("flags"))
		c.Printf("  e_entry:   0x%16lx  e_ehsize:    %8hu  e_shstrndx: %hu\n", h["entry"], uint16(h["ehsize"]), uint16(h["shstrndx"]))
		c.Printf("  e_shoff:   0x%16lx  e_shentsize: %8hu  e_shnum:    %hu\n", h["shoff"], uint16(h["shentsize"]), uint16(h["shnum"]))
		c.Printf("  e_phoff:   0x%16lx  e_phentsize: %8hu  e_phnum:    %hu\n", h["phoff"], uint16(h["phentsize"]), uint16(h["phnum"]))
	}, append([]out.Field{{Name: "header", Value: "elf"}}, rec...)...)
}

func printShdr(c *core.Ctx, i int, b []byte) {
	s, rec := decode(b, shdrFields)
	typ := out.Bits{}
	if name, ok := sectionTypes[uint32(s["type"])]; ok {
		typ = out.Bits{{Name: name, Mask: 0xffffffff, Bits: s["type"]}}
	}
	c.Record(func() {
		c.Printf("\nSection Header[%d]:\n", i)
		c.Printf("    sh_addr:      0x%-16lx  sh_flags:   [ %#lb ]\n", s["addr"], s["flags"], sectionFlags)
		c.Printf("    sh_size:      0x%-16lx  sh_type:    [ %#lb ]\n", s["size"], s["type"], typ)
		c.Printf("    sh_offset:    0x%-16lx  sh_entsize: 0x%lx\n", s["offset"], s["entsize"])
		c.Printf("    sh_link:      0x%-16lx  sh_info:    0x%lx\n", s["link"], s["info"])
		c.Printf("    sh_addralign: 0x%-16lx\n", s["addralign"])
	}, append([]out.Field{{Name: "header", Value: "section"}, {Name: "index", Value: i}}, rec...)...)
}
