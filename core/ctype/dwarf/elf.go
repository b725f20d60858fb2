package dwarf

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// ErrNoDWARF is returned for a file without debug information.
var ErrNoDWARF = errors.New("no DWARF debug information")

// maxSection bounds the size of a decompressed section: DWARF of more than 8 GB
// does not exist.
const maxSection = 8 << 30

// image is what is taken from the ELF file.
type image struct {
	big      bool
	addrSize int
	machine  elf.Machine
	reloc    bool // ET_REL
	buildID  string
	sections map[string]*section // without the leading ".debug_" or ".zdebug_"
}

// readImage finds the debug sections of an ELF file. Nothing but headers is read.
func readImage(r io.ReaderAt) (im *image, err error) {
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
	}
	if f.Class == elf.ELFCLASS64 {
		im.addrSize = 8
	}
	for i, s := range f.Sections {
		name, old := strings.CutPrefix(s.Name, ".zdebug_")
		if !old {
			var ok bool
			if name, ok = strings.CutPrefix(s.Name, ".debug_"); !ok {
				if s.Type == elf.SHT_NOTE && im.buildID == "" {
					im.buildID = readBuildID(r, s, im.big)
				}
				continue
			}
		}
		if s.Type == elf.SHT_NOBITS || im.sections[name] != nil || s.FileSize == 0 {
			continue
		}
		im.sections[name] = im.section(r, f, i, old)
	}
	if im.sections["info"] == nil && im.sections["line"] == nil {
		return nil, ErrNoDWARF
	}
	return im, nil
}

// section makes the section of an ELF section header.
func (im *image) section(r io.ReaderAt, f *elf.File, i int, old bool) *section {
	s := f.Sections[i]
	raw := io.NewSectionReader(r, int64(s.Offset), int64(s.FileSize))
	packed := s.Flags&elf.SHF_COMPRESSED != 0
	out := newSection(s.Name, raw, s.FileSize)
	var relocs []*elf.Section
	if im.reloc {
		for _, t := range f.Sections {
			if (t.Type == elf.SHT_RELA || t.Type == elf.SHT_REL) && int(t.Info) == i {
				relocs = append(relocs, t)
			}
		}
	}
	if !packed && !old && len(relocs) == 0 {
		return out
	}
	out.r = nil
	switch {
	case packed:
		out.size = s.Size // of the plain data, says debug/elf
	case old:
		out.size = max(s.FileSize, 12)
	}
	out.load = func() ([]byte, error) {
		b, err := plain(raw, im, packed, old)
		if err != nil {
			return nil, err
		}
		for _, t := range relocs {
			if err := relocate(b, r, f, t, im); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return out
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
	if size > maxSection {
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
