package elfcore

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Errors of opening.
var (
	ErrNotCore = errors.New("not a core file")
	ErrArch    = errors.New("only cores of Linux processes on amd64, i386 and arm64, and of illumos processes on amd64 and i386, are supported")
	// errIllumos is Open's answer to a core of an illumos process.
	errIllumos = fmt.Errorf("core file of an illumos process: %w", ErrArch)
)

// elfSizes are the sizes of ELF structures of one class, bytes, and where fields
// lie in them.
type elfSizes struct {
	ehdr, phdr, shdr  int
	phoff, shoff      int // in the header
	phentsize, shinfo int // in the header, in a section header
}

var (
	elf64 = elfSizes{64, 56, 64, 32, 40, 54, 44}
	elf32 = elfSizes{52, 32, 40, 28, 32, 42, 28}
)

// Limits of a core.
const (
	ehdrSize    = 64 // at most
	maxSegments = 1 << 20
	maxPieces   = 1 << 18   // of segments and mapped files cut at each other
	maxNotes    = 256 << 20 // bytes of one note segment
	pnXnum      = 0xffff    // e_phnum: the number is in section header 0
)

// le is the byte order of everything in a core.
var le = binary.LittleEndian

// progHeader is an Elf64_Phdr.
type progHeader struct {
	typ, flags                           uint32
	off, vaddr, paddr, filesz, memsz, al uint64
}

// header is what the start of a core says.
type header struct {
	layout  *layout
	progs   []progHeader
	cutAt   uint64 // the file should be at least this long, bytes
	damaged error  // program headers that could not be read
	abi     elf.OSABI
}

// Probe tells whether head, the first bytes of a file, is that of an ELF core,
// whatever its architecture.
func Probe(head []byte) bool {
	if len(head) < 18 || string(head[:4]) != elf.ELFMAG {
		return false
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	return elf.Type(order.Uint16(head[16:])) == elf.ET_CORE
}

// readHeader reads the ELF header and program headers. size is the length of the
// file, bytes. Program headers cut off by the end of the file are left out and
// noted in damaged.
func readHeader(r io.ReaderAt, size int64) (*header, error) {
	var b [ehdrSize]byte
	n, err := r.ReadAt(b[:], 0)
	if n < 18 || !Probe(b[:n]) {
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("read ELF header: %w", err)
		}
		return nil, ErrNotCore
	}
	l, err := checkArch(b[:n])
	if err != nil {
		return nil, err
	}
	z := &elf64
	if l.word == 4 {
		z = &elf32
	}
	if n < z.ehdr {
		return nil, fmt.Errorf("read ELF header: file is truncated at %d bytes", n)
	}
	phoff, shoff := l.uint(b[z.phoff:]), l.uint(b[z.shoff:])
	if es := le.Uint16(b[z.phentsize:]); int(es) != z.phdr {
		return nil, fmt.Errorf("read ELF header: program header entry of %d bytes", es)
	}
	count := uint64(le.Uint16(b[z.phentsize+2:]))
	if count == pnXnum && shoff != 0 {
		sh := make([]byte, z.shdr)
		if n, _ := r.ReadAt(sh, int64(min(shoff, 1<<62))); n < z.shdr {
			// The count is at the end of a core that has been cut: take what is here.
			count = maxSegments
		} else {
			count = uint64(le.Uint32(sh[z.shinfo:])) // sh_info
		}
	}
	if count > maxSegments {
		return nil, fmt.Errorf("read program headers: %d of them", count)
	}
	h, err := readProgs(r, size, phoff, count, l, uint64(z.phdr))
	if h != nil {
		h.abi = elf.OSABI(b[elf.EI_OSABI])
	}
	return h, err
}

func readProgs(r io.ReaderAt, size int64, phoff, count uint64, l *layout, phdrSize uint64) (*header, error) {
	h := &header{layout: l}
	want := count * phdrSize
	have := want
	if phoff > uint64(size) {
		have = 0
	} else if rest := uint64(size) - phoff; have > rest {
		have = rest - rest%phdrSize
	}
	if have < want {
		h.damaged = fmt.Errorf("only %d of %d program headers are in the file", have/phdrSize, count)
	}
	buf := make([]byte, have)
	n, err := r.ReadAt(buf, int64(min(phoff, 1<<62)))
	if uint64(n) < have {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		h.damaged = fmt.Errorf("read program headers: %w", err)
	}
	for b := buf[:n-n%int(phdrSize)]; len(b) > 0; b = b[phdrSize:] {
		p := l.progHeader(b)
		if end := p.off + p.filesz; end > h.cutAt && end >= p.off {
			h.cutAt = end
		}
		h.progs = append(h.progs, p)
	}
	return h, nil
}

// progHeader reads an Elf64_Phdr or Elf32_Phdr.
func (l *layout) progHeader(b []byte) progHeader {
	if l.word == 4 {
		u := func(at int) uint64 { return uint64(le.Uint32(b[at:])) }
		return progHeader{
			typ: le.Uint32(b), off: u(4), vaddr: u(8), paddr: u(12), filesz: u(16), memsz: u(20), flags: le.Uint32(b[24:]), al: u(28),
		}
	}
	return progHeader{
		typ: le.Uint32(b), flags: le.Uint32(b[4:]), off: le.Uint64(b[8:]), vaddr: le.Uint64(b[16:]),
		paddr: le.Uint64(b[24:]), filesz: le.Uint64(b[32:]), memsz: le.Uint64(b[40:]), al: le.Uint64(b[48:]),
	}
}

// checkArch gives the layout of the core's architecture. It refuses cores of
// what is not Linux, or of an architecture that is not known, and names what they
// are.
func checkArch(b []byte) (*layout, error) {
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(b[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	if len(b) < 20 {
		return nil, fmt.Errorf("read ELF header: file is truncated at %d bytes", len(b))
	}
	m := elf.Machine(order.Uint16(b[18:]))
	if l := layoutFor(m, elf.Class(b[elf.EI_CLASS])); l != nil && order == binary.LittleEndian {
		switch abi := elf.OSABI(b[elf.EI_OSABI]); abi {
		case elf.ELFOSABI_NONE, elf.ELFOSABI_LINUX, elf.ELFOSABI_SOLARIS:
			return l, nil
		default:
			return nil, fmt.Errorf("core file of a %s process: %w", abi, ErrArch)
		}
	}
	name := machineNames[m]
	if name == "" {
		name = fmt.Sprintf("unknown (ELF machine %d)", uint16(m))
	}
	if m == elf.EM_X86_64 {
		name = "x32 (32-bit pointers on amd64)"
	}
	return nil, fmt.Errorf("core file is of another architecture, %s: %w", name, ErrArch)
}

var machineNames = map[elf.Machine]string{
	elf.EM_386: "i386", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm", elf.EM_PPC: "powerpc", elf.EM_PPC64: "powerpc64",
	elf.EM_S390: "s390", elf.EM_RISCV: "riscv", elf.EM_SPARC: "sparc", elf.EM_SPARC32PLUS: "sparc", elf.EM_SPARCV9: "sparcv9",
	elf.EM_MIPS: "mips", elf.EM_LOONGARCH: "loongarch", elf.EM_IA_64: "ia64", elf.EM_ALPHA: "alpha", elf.EM_PARISC: "hppa",
	elf.EM_68K: "m68k", elf.EM_SH: "sh",
}
