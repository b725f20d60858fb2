package dwarf

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// ErrNoDWARF is returned for a file without debug information.
var ErrNoDWARF = errors.New("no DWARF debug information")

// maxSection bounds the size of a decompressed section: DWARF of more than 8 GB
// does not exist.
const maxSection = 8 << 30

// maxRatio bounds how much smaller than its data a large compressed section can
// be: DWARF shrinks to a third or a sixth.
const maxRatio = 64

// image is what is taken from the ELF file.
type image struct {
	big      bool
	addrSize int
	machine  elf.Machine
	reloc    bool // ET_REL
	buildID  string
	sections map[string]*section // without the leading ".debug_" or ".zdebug_"
	gdbIndex *section            // .gdb_index
	base     map[int]uint64      // where an ELF section begins in the debug section made of it
	relocs   map[int][]*elf.Section

	altPath, altID string // the supplementary file's path and identity in hex
	supID          string // the identity of a file that is one, if it has no build-id

	symbolsMu sync.Mutex
	symbols   map[uint32][]byte // symbol tables for relocations, by section
}

// readImage finds the debug sections of an ELF file. Nothing but headers is read.
func readImage(r io.ReaderAt) (*image, error) {
	im, err := parseImage(r)
	if err == nil && im.sections["info"] == nil && im.sections["line"] == nil {
		return nil, ErrNoDWARF
	}
	return im, err
}

// parseImage is readImage for any ELF file.
func parseImage(r io.ReaderAt) (im *image, err error) {
	// debug/elf is the one reader here that is not ours and it has panicked on
	// malformed files before.
	defer func() {
		if p := recover(); p != nil {
			im, err = nil, fmt.Errorf("read ELF file: %v", p)
		}
	}()
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("read ELF file: %w", err)
	}
	im = &image{
		big:      f.Data == elf.ELFDATA2MSB,
		addrSize: 4,
		machine:  f.Machine,
		reloc:    f.Type == elf.ET_REL,
		sections: map[string]*section{},
		base:     map[int]uint64{},
		symbols:  map[uint32][]byte{},
	}
	if f.Class == elf.ELFCLASS64 {
		im.addrSize = 8
	}
	im.findRelocs(f)
	parts := map[string][]part{}
	for i, s := range f.Sections {
		name, old := strings.CutPrefix(s.Name, ".zdebug_")
		if !old {
			var ok bool
			if name, ok = strings.CutPrefix(s.Name, ".debug_"); !ok {
				switch {
				case s.Type == elf.SHT_NOTE && im.buildID == "":
					im.buildID = readBuildID(r, s, im.big)
				case s.Name == ".gdb_index" && s.Type != elf.SHT_NOBITS && s.Flags&elf.SHF_COMPRESSED == 0:
					im.gdbIndex = newSection(s.Name, io.NewSectionReader(r, int64(s.Offset), int64(s.FileSize)), s.FileSize)
				case s.Name == ".gnu_debugaltlink":
					im.altPath, im.altID = readAltLink(r, s.Offset, s.FileSize)
				}
				continue
			}
		}
		if s.Type != elf.SHT_NOBITS && s.FileSize != 0 {
			parts[name] = append(parts[name], part{i, old})
		}
	}
	for name, ps := range parts {
		im.sections[name] = im.section(r, f, ps)
	}
	im.readSup()
	return im, nil
}

// part is one of the ELF sections that make up a debug section.
type part struct {
	index int
	old   bool // named .zdebug_
}

// section makes a section of its parts. Only relocatable files have several:
// the compiler puts each type unit into a section of its own, of which the linker
// keeps one. They are joined as the linker would.
func (im *image) section(r io.ReaderAt, f *elf.File, parts []part) *section {
	first := f.Sections[parts[0].index]
	if !im.reloc {
		parts = parts[:1]
	}
	out := newSection(first.Name, io.NewSectionReader(r, int64(first.Offset), int64(first.FileSize)), first.FileSize)
	simple := len(parts) == 1
	out.size = 0
	for _, p := range parts {
		s := f.Sections[p.index]
		size := s.Size // of the plain data, says debug/elf
		if p.old {
			size = max(s.FileSize, 12)
		}
		simple = simple && s.Flags&elf.SHF_COMPRESSED == 0 && !p.old && len(im.relocs[p.index]) == 0
		im.base[p.index] = out.size
		out.size += size
	}
	if simple {
		return out
	}
	out.r = nil
	out.load = func() ([]byte, error) {
		if len(parts) == 1 {
			return im.readPart(r, f, parts[0])
		}
		var all []byte
		for _, p := range parts {
			b, err := im.readPart(r, f, p)
			if err != nil {
				return nil, err
			}
			all = append(all, b...)
		}
		return all, nil
	}
	return out
}

// readPart gives the plain, relocated bytes of a part.
func (im *image) readPart(r io.ReaderAt, f *elf.File, p part) ([]byte, error) {
	s := f.Sections[p.index]
	raw := io.NewSectionReader(r, int64(s.Offset), int64(s.FileSize))
	b, err := plain(raw, im, s.Flags&elf.SHF_COMPRESSED != 0, p.old)
	if err != nil {
		return nil, err
	}
	for _, t := range im.relocs[p.index] {
		if err := relocate(b, r, f, t, im); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// plain gives a section's bytes, decompressed.
func plain(raw *io.SectionReader, im *image, packed, old bool) ([]byte, error) {
	switch {
	case packed:
		return inflateELF(raw, im)
	case old:
		return inflateGNU(raw)
	}
	return readRange(raw, 0, uint64(raw.Size()))
}

// inflateELF reads a SHF_COMPRESSED section: an Elf_Chdr (gABI, "Section
// Compression"), then a zlib stream or zstd frames.
func inflateELF(raw *io.SectionReader, im *image) ([]byte, error) {
	var h [24]byte
	n := 12
	if im.addrSize == 8 {
		n = 24
	}
	if k, err := raw.ReadAt(h[:n], 0); k < n {
		return nil, fmt.Errorf("compression header: %w", shortRead(err))
	}
	c := cursor{b: h[:n], big: im.big}
	kind := elf.CompressionType(c.u32())
	if n == 24 {
		c.u32()
	}
	size := c.uint(im.addrSize)
	return inflate(io.NewSectionReader(raw, int64(n), raw.Size()-int64(n)), kind, size)
}

// inflateGNU reads a .zdebug_ section: "ZLIB", the size as 8 big-endian bytes,
// a zlib stream. One without the magic was stored as it is.
func inflateGNU(raw *io.SectionReader) ([]byte, error) {
	var h [12]byte
	if k, _ := raw.ReadAt(h[:], 0); k < 12 || string(h[:4]) != "ZLIB" {
		return readRange(raw, 0, uint64(raw.Size()))
	}
	c := cursor{b: h[4:], big: true}
	return inflate(io.NewSectionReader(raw, 12, raw.Size()-12), elf.COMPRESS_ZLIB, c.u64())
}

func inflate(r *io.SectionReader, kind elf.CompressionType, size uint64) ([]byte, error) {
	if size > maxSection || size > 64<<20 && size/maxRatio > uint64(r.Size()) {
		return nil, fmt.Errorf("decompressed size %#x is too large", size)
	}
	var src io.Reader
	switch kind {
	case elf.COMPRESS_ZLIB:
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		src = z
	case elf.COMPRESS_ZSTD:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		src = z
	default:
		return nil, fmt.Errorf("unknown compression %d", kind)
	}
	// The size is only a promise: memory beyond a plausible ratio grows with
	// what really comes out.
	var buf bytes.Buffer
	buf.Grow(int(min(size, uint64(r.Size())*16+4096)))
	n, err := io.Copy(&buf, io.LimitReader(src, int64(size)))
	if uint64(n) < size {
		return nil, fmt.Errorf("decompress: %w", shortRead(err))
	}
	return buf.Bytes(), nil
}

// readBuildID gives the build-id of a note section in hex, "" if it holds none.
func readBuildID(r io.ReaderAt, s *elf.Section, big bool) string {
	if s.FileSize > 1<<16 {
		return ""
	}
	b, err := readRange(r, s.Offset, s.FileSize)
	if err != nil {
		return ""
	}
	const gnuBuildID = 3
	c := cursor{b: b, big: big}
	for c.left() >= 12 {
		namesz, descsz, typ := c.u32(), c.u32(), c.u32()
		name := c.take(uint64(namesz+3) &^ 3)
		desc := c.take(uint64(descsz))
		if c.err != nil {
			return ""
		}
		if typ == gnuBuildID && namesz == 4 && string(name[:3]) == "GNU" && len(desc) <= 64 {
			return hex.EncodeToString(desc)
		}
		c.skip(min(uint64(-len(desc)&3), uint64(c.left())))
	}
	return ""
}
