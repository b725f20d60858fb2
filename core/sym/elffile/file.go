package elffile

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Limits of what is read from one file.
const (
	maxSections  = 1 << 20
	maxSection   = 2 << 30  // bytes of one section, decompressed
	maxRatio     = 1100     // decompressed to compressed bytes: deflate's is 1032
	maxNotes     = 1 << 20  // bytes of one note section looked into
	maxMiniDebug = 64 << 20 // bytes of a decompressed .gnu_debugdata
)

// Errors of opening.
var (
	ErrNotELF    = errors.New("not an ELF file")
	ErrNoSection = errors.New("no such section")
)

// File is an open ELF file. Methods may be called by several goroutines.
type File struct {
	*elf.File
	Path string
	Size int64 // bytes

	r      io.ReaderAt
	closer io.Closer

	mu       sync.Mutex
	mini     *File // of .gnu_debugdata
	miniErr  error
	miniDone bool
}

// Open opens a regular file by path. What the path of a core or dump leads to is
// looked at before it is opened: to open a pipe would wait for its writer.
func Open(path string) (*File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	e, err := New(f, st.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	e.Path, e.closer = path, f
	return e, nil
}

// New reads the headers of an ELF file of size bytes.
func New(r io.ReaderAt, size int64) (f *File, err error) {
	var magic [4]byte
	if n, _ := r.ReadAt(magic[:], 0); n < 4 || string(magic[:]) != elf.ELFMAG {
		return nil, ErrNotELF
	}
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("read ELF headers: damaged file")
		}
	}()
	ef, err := elf.NewFile(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, fmt.Errorf("read ELF headers: %w", err)
	}
	if len(ef.Sections) > maxSections {
		return nil, fmt.Errorf("read ELF headers: %d sections", len(ef.Sections))
	}
	return &File{File: ef, Size: size, r: r}, nil
}

// Close closes the file that Open opened.
func (f *File) Close() error {
	if f == nil || f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// ReaderAt gives the bytes of the file.
func (f *File) ReaderAt() io.ReaderAt { return f.r }

// Data gives the bytes of a section, decompressed if it is compressed
// (SHF_COMPRESSED, or .zdebug_ by name). A section that reaches past the end of
// the file, or claims to grow beyond reason, is an error.
func (f *File) Data(s *elf.Section) (b []byte, err error) {
	if s.Type == elf.SHT_NOBITS {
		return nil, fmt.Errorf("read section %s: it has no bytes in the file", s.Name)
	}
	if s.FileSize > uint64(f.Size) || s.Offset > uint64(f.Size)-s.FileSize {
		return nil, fmt.Errorf("read section %s: it reaches past the end of the file", s.Name)
	}
	if s.Size > maxSection || s.Size > s.FileSize && s.Size > s.FileSize*maxRatio+4096 {
		return nil, fmt.Errorf("read section %s: %d bytes from %d", s.Name, s.Size, s.FileSize)
	}
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("read section %s: damaged", s.Name)
		}
	}()
	b, err = s.Data()
	if err != nil {
		return nil, fmt.Errorf("read section %s: %w", s.Name, err)
	}
	return b, nil
}

// SectionData is Data of the section called name; ErrNoSection if there is none.
func (f *File) SectionData(name string) ([]byte, error) {
	s := f.File.Section(name)
	if s == nil {
		return nil, ErrNoSection
	}
	return f.Data(s)
}

// BuildID is the GNU build-id in hex, "" if the file has none.
func (f *File) BuildID() string {
	for _, p := range f.Progs {
		if p.Type == elf.PT_NOTE {
			if id := f.noteBuildID(p.Off, p.Filesz, p.Align); id != "" {
				return id
			}
		}
	}
	// A debug file made by objcopy keeps the note only as a section.
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOTE {
			if id := f.noteBuildID(s.Offset, s.FileSize, s.Addralign); id != "" {
				return id
			}
		}
	}
	return ""
}

func (f *File) noteBuildID(off, size, align uint64) string {
	if size > maxNotes || off > uint64(f.Size) {
		return ""
	}
	b := make([]byte, min(size, uint64(f.Size)-off))
	n, _ := f.r.ReadAt(b, int64(off))
	for note := range Notes(b[:n], f.ByteOrder, align) {
		if note.Type == ntGNUBuildID && note.Name == "GNU" && len(note.Desc) > 0 {
			return hex.EncodeToString(note.Desc)
		}
	}
	return ""
}

// ntGNUBuildID is the type of GNU's note that holds the build-id.
const ntGNUBuildID = 3

// Needed lists the libraries the file names (DT_NEEDED).
func (f *File) Needed() (libs []string) {
	defer func() {
		if recover() != nil { // debug/elf on a damaged file
			libs = nil
		}
	}()
	libs, err := f.DynString(elf.DT_NEEDED)
	if err != nil {
		return nil
	}
	return libs
}
