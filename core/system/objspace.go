package system

import (
	"cmp"
	"debug/elf"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym/elffile"
)

// ObjectSpace is `?`: the segments of an ELF file by their addresses, what they
// have beyond their bytes in the file as zeros. An object file (ET_REL), which
// has no segments, shows each allocated section with contents at its offset in
// the file.
type ObjectSpace struct {
	file  *elffile.File
	src   mem.Space // of the file, by offset
	bias  uint64
	progs []elf.ProgHeader
}

// NewObjectSpace makes the space of a file whose bytes are read from src. bias is
// added to its addresses: that of the process the file runs in.
func NewObjectSpace(f *elffile.File, src mem.Space, bias uint64) *ObjectSpace {
	s := &ObjectSpace{file: f, src: src, bias: bias, progs: loadable(f)}
	if len(s.progs) == 0 && f.Type == elf.ET_REL {
		s.progs = asSegments(f)
	}
	return s
}

// loadable gives the PT_LOAD program headers as MDB orders them: by address,
// those at address 0 last.
func loadable(f *elffile.File) []elf.ProgHeader {
	var out []elf.ProgHeader
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			out = append(out, p.ProgHeader)
		}
	}
	slices.SortStableFunc(out, func(a, b elf.ProgHeader) int { return cmp.Compare(a.Vaddr-1, b.Vaddr-1) })
	return out
}

// asSegments shows the allocated sections of an object file as segments, each at
// its file offset.
func asSegments(f *elffile.File) []elf.ProgHeader {
	var out []elf.ProgHeader
	for _, s := range f.Sections {
		if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		flags := elf.PF_R
		if s.Flags&elf.SHF_EXECINSTR != 0 {
			flags |= elf.PF_X
		}
		if s.Flags&elf.SHF_WRITE != 0 {
			flags |= elf.PF_W
		}
		out = append(out, elf.ProgHeader{Type: elf.PT_LOAD, Flags: flags, Off: s.Offset, Vaddr: s.Offset, Filesz: s.FileSize, Memsz: s.FileSize})
	}
	return out
}

func (s *ObjectSpace) find(a uint64) *elf.ProgHeader {
	for i := range s.progs {
		if p := &s.progs[i]; a-s.bias >= p.Vaddr && a-s.bias-p.Vaddr < p.Memsz {
			return p
		}
	}
	return nil
}

// ReadAt implements mem.Space.
func (s *ObjectSpace) ReadAt(b []byte, a mem.Addr) (int, error) {
	done := 0
	for done < len(b) {
		at := uint64(a) + uint64(done)
		p := s.find(at)
		if p == nil || at < uint64(a) {
			return done, mem.Fault(mem.Addr(at), mem.ErrUnmapped)
		}
		off := at - s.bias - p.Vaddr
		n := int(min(uint64(len(b)-done), p.Memsz-off))
		if off >= p.Filesz {
			clear(b[done : done+n])
			done += n
			continue
		}
		n = int(min(uint64(n), p.Filesz-off))
		got, _ := s.src.ReadAt(b[done:done+n], mem.Addr(p.Off+off))
		done += got
		if got < n {
			return done, mem.Fault(a+mem.Addr(done), mem.ErrUnmapped)
		}
	}
	return done, nil
}

// WriteAt implements mem.Writer where src does. What lies beyond the bytes in
// the file cannot be written.
func (s *ObjectSpace) WriteAt(b []byte, a mem.Addr) (int, error) {
	w, ok := s.src.(mem.Writer)
	if !ok {
		return 0, mem.Fault(a, mem.ErrReadOnly)
	}
	done := 0
	for done < len(b) {
		at := uint64(a) + uint64(done)
		p := s.find(at)
		if p == nil || at-s.bias-p.Vaddr >= p.Filesz {
			return done, mem.Fault(mem.Addr(at), mem.ErrUnmapped)
		}
		off := at - s.bias - p.Vaddr
		n := int(min(uint64(len(b)-done), p.Filesz-off))
		got, err := w.WriteAt(b[done:done+n], mem.Addr(p.Off+off))
		done += got
		if got < n {
			return done, mem.Fault(a+mem.Addr(done), mem.Reason(err))
		}
	}
	return done, nil
}

// Variable gives MDB's variables b d t e m as the headers of the file have them:
// the first writable segment's address and size, the size of the first
// executable one, the entry point, the first four bytes of the file.
func (s *ObjectSpace) Variable(name string) (uint64, bool) {
	var text, data elf.ProgHeader
	for _, p := range s.progs {
		if text.Type == 0 && p.Flags&elf.PF_X != 0 {
			text = p
		}
		if data.Type == 0 && p.Flags&elf.PF_W != 0 {
			data = p
		}
	}
	switch name {
	case "e":
		return s.file.Entry, true
	case "m":
		return uint64(s.file.ByteOrder.Uint32([]byte(elf.ELFMAG))), true
	case "t":
		return text.Memsz, true
	case "b":
		return data.Vaddr, true
	case "d":
		return data.Memsz, true
	}
	return 0, false
}
