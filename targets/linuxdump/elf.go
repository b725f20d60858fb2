package linuxdump

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of an ELF dump. A dump of QEMU with paging has a program header for each
// piece of the guest's page tables: some hundred thousand at most.
const (
	maxProgs = 1 << 22
	maxNotes = 64 << 20 // bytes of all notes
	pnXnum   = 0xffff   // e_phnum: the number is sh_info of section header 0
)

// le is the byte order of everything but the flattened format's headers.
var le = binary.LittleEndian

// elfShape is where the fields of one class of ELF are, bytes.
type elfShape struct {
	word                    int // bytes of an address
	ehdr, phdr, shdr        int
	phoff, shoff, phentsize int // in the file header
	shInfo                  int // in a section header
	pOffset, pVaddr, pPaddr int // in a program header
	pFilesz, pMemsz         int
	prstatus, prPID, prRegs int // struct elf_prstatus of x86: size, pid, registers
}

var (
	shape64 = elfShape{8, 64, 56, 64, 32, 40, 54, 44, 8, 16, 24, 32, 40, 336, 32, 112}
	shape32 = elfShape{4, 52, 32, 40, 28, 32, 42, 28, 4, 8, 12, 16, 20, 144, 24, 72}
)

func (s *elfShape) uint(b []byte) uint64 {
	if s.word == 4 {
		return uint64(le.Uint32(b))
	}
	return le.Uint64(b)
}

// progHeader is one of PT_LOAD.
type progHeader struct {
	off, vaddr, paddr, filesz, memsz uint64
}

// end is the offset of the first byte after the segment in the file; ok is false if
// there can be no such offset.
func (p *progHeader) end() (end uint64, ok bool) {
	end = p.off + p.filesz
	return end, end >= p.off && end < 1<<63
}

// elfFile is what the headers of an ELF dump say.
type elfFile struct {
	shape    *elfShape
	machine  elf.Machine
	loads    []progHeader
	notes    notes
	hasNotes bool   // there is a PT_NOTE
	size     uint64 // the file should have at least, bytes
	damage   []string
}

// errNotELF is readELF's answer to another kind of file.
var errNotELF = errors.New("not an ELF core file")

// elfIdent checks the first bytes of a file: an ELF core of little-endian.
func elfIdent(head []byte) (*elfShape, elf.Machine, error) {
	if len(head) < 20 || string(head[:4]) != elf.ELFMAG {
		return nil, 0, errNotELF
	}
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		if elf.Type(binary.BigEndian.Uint16(head[16:])) != elf.ET_CORE {
			return nil, 0, errNotELF
		}
		m := elf.Machine(binary.BigEndian.Uint16(head[18:]))
		return nil, 0, fmt.Errorf("dump of a machine of %s: %w", machineName(m), ErrArch)
	}
	if elf.Type(le.Uint16(head[16:])) != elf.ET_CORE {
		return nil, 0, errNotELF
	}
	m := elf.Machine(le.Uint16(head[18:]))
	switch elf.Class(head[elf.EI_CLASS]) {
	case elf.ELFCLASS64:
		return &shape64, m, nil
	case elf.ELFCLASS32:
		return &shape32, m, nil
	}
	return nil, 0, errNotELF
}

// machineName is a machine as its users call it.
func machineName(m elf.Machine) string {
	return strings.ToLower(strings.TrimPrefix(m.String(), "EM_"))
}

// readELF reads the header, the program headers and the notes, wherever they are in
// the file. What the end of the file cuts off is told in damage.
func readELF(r io.ReaderAt, size uint64) (*elfFile, error) {
	var head [64]byte
	n, err := r.ReadAt(head[:], 0)
	s, machine, ierr := elfIdent(head[:n])
	if ierr != nil {
		if n < 20 && err != nil && err != io.EOF {
			return nil, fmt.Errorf("read ELF header: %w", err)
		}
		return nil, ierr
	}
	if n < s.ehdr {
		return nil, fmt.Errorf("read ELF header: the file ends at byte %d", n)
	}
	if es := le.Uint16(head[s.phentsize:]); int(es) != s.phdr {
		return nil, fmt.Errorf("read ELF header: program headers of %d bytes", es)
	}
	f := &elfFile{shape: s, machine: machine}
	count := uint64(le.Uint16(head[s.phentsize+2:]))
	if shoff := s.uint(head[s.shoff:]); count == pnXnum && shoff != 0 {
		sh := make([]byte, s.shdr)
		if n, _ := r.ReadAt(sh, int64(min(shoff, 1<<62))); n == len(sh) {
			count = uint64(le.Uint32(sh[s.shInfo:]))
		} else {
			f.damaged("the number of program headers is in a part of the file that is missing; %d are read", count)
		}
	}
	if count > maxProgs {
		return nil, fmt.Errorf("read ELF header: %d program headers", count)
	}
	if err := f.readProgs(r, size, s.uint(head[s.phoff:]), count); err != nil {
		return nil, err
	}
	return f, nil
}

// readProgs reads the program headers at off, and the notes that they lead to.
func (f *elfFile) readProgs(r io.ReaderAt, size, off, count uint64) error {
	s := f.shape
	want := count * uint64(s.phdr)
	have := uint64(0)
	if off < size {
		have = min(want, size-off)
		have -= have % uint64(s.phdr)
	}
	if have < want {
		f.damaged("only %d of %d program headers are in the file", have/uint64(s.phdr), count)
	}
	buf := make([]byte, have)
	n, err := r.ReadAt(buf, int64(min(off, 1<<62)))
	if uint64(n) < have {
		if n == 0 && err != nil && err != io.EOF {
			return fmt.Errorf("read program headers: %w", err)
		}
		f.damaged("program headers cannot be read from number %d on", n/s.phdr)
	}
	for b := buf[:n-n%s.phdr]; len(b) > 0; b = b[s.phdr:] {
		p := progHeader{s.uint(b[s.pOffset:]), s.uint(b[s.pVaddr:]), s.uint(b[s.pPaddr:]), s.uint(b[s.pFilesz:]), s.uint(b[s.pMemsz:])}
		if end, ok := p.end(); ok {
			f.size = max(f.size, end)
		}
		switch elf.ProgType(le.Uint32(b)) {
		case elf.PT_NOTE:
			f.hasNotes = true
			f.readNotes(r, size, p.off, p.filesz)
		case elf.PT_LOAD:
			f.loads = append(f.loads, p)
		}
	}
	return nil
}

// readNotes reads a segment of notes.
func (f *elfFile) readNotes(r io.ReaderAt, size, off, n uint64) {
	have := uint64(0)
	if off < size {
		have = min(n, size-off)
	}
	if have < n {
		f.damaged("notes are cut off: the file has %d of %d bytes of them", have, n)
	}
	if have > maxNotes {
		f.damaged("notes of %d bytes are not read", have)
		return
	}
	b := make([]byte, have)
	got, err := r.ReadAt(b, int64(min(off, 1<<62)))
	if uint64(got) < have {
		f.damaged("notes cannot be read after %d bytes: %v", got, err)
	}
	if err := f.notes.parse(b[:got]); err != nil {
		f.damaged("%v", err)
	}
}

func (f *elfFile) damaged(format string, args ...any) {
	f.damage = append(f.damage, fmt.Sprintf(format, args...))
}

// ofMachine tells a dump of a machine from the core of a process: by its notes, else
// by segments with physical addresses, which no process' core has.
func (f *elfFile) ofMachine() bool {
	switch {
	case f.notes.vmcoreinfo != nil || len(f.notes.qemu) > 0 || f.notes.xen:
		return true
	case f.notes.process:
		return false
	case f.notes.kcore:
		return true
	}
	zero := len(f.loads) > 0
	for _, p := range f.loads {
		if p.paddr != 0 {
			return true
		}
		zero = zero && p.vaddr == 0
	}
	return zero
}
