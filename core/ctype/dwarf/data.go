package dwarf

import (
	"context"
	"encoding/binary"
	"io"
	"sync"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/store"
)

// Options of New. The zero value is usable.
type Options struct {
	// Name labels the data in messages: the base name of the object.
	Name string
	// BuildID, in hex, is the identity under which the index of a large file is
	// cached. Empty: the file's own build-id note is used.
	BuildID string
	// Cache keeps the indexes of large files. nil: nothing is cached.
	Cache *store.Store
	// Context, if set, gives the context under which a lookup that has to read
	// the whole file runs; it is asked at each such lookup. A cancelled lookup
	// leaves the Data usable, and the next one starts again.
	Context func() context.Context
	// Progress, if set, is called from one goroutine at a time while the whole
	// file is being read.
	Progress func(doneBytes, totalBytes int64)
	// Warn, if set, is told what a user should know of the file, once: that its own
	// index of names is wrong.
	Warn func(string)
	// NoNameIndex leaves the index of names that the file came with unused.
	NoNameIndex bool
	// Supplementary, if set, opens the file into which dwz moved what several
	// programs have in common: by its path, which may be relative to the debug
	// file's directory, and its build-id (in DWARF 5 another checksum) in hex,
	// which is checked later. Without it what lies there fails with ErrSupplementary.
	Supplementary func(path, buildID string) (io.ReaderAt, error)
	// Split, if set, opens the .dwo file with a split unit, whose identity is
	// checked later; Package the program's .dwp package, nil if it has none. What
	// is in neither is missing from the Data, see MissingSplit.
	Split   func(DwoName) (io.ReaderAt, error)
	Package func() (io.ReaderAt, error)
}

// Data is the debug information of one file. It is safe for concurrent use.
type Data struct {
	opts Options
	im   *image

	sections
	aranges *section

	headersOnce sync.Once
	headerList  []header
	headersErr  error
	sigs        map[uint64]int // type unit signature to index in headerList

	units   unitCache
	tables  abbrevCache
	typesMu sync.Mutex
	made    map[typeKey]*ctype.Type
	index   indexState
	accel   accelState
	pcs     pcState

	alt   altState
	split splitState
	// splitOf gives the number of a skeleton's split unit.
	splitOf map[ref]int

	cacheAbove uint64 // size of .debug_info from which on the index is cached
}

// New reads the headers of an ELF file and gives its debug information, which is
// read as it is asked for. r must stay readable as long as the Data and anything
// got from it is in use. ErrNoDWARF if the file has none.
func New(r io.ReaderAt, opts Options) (*Data, error) {
	im, err := readImage(r)
	if err != nil {
		return nil, err
	}
	if opts.BuildID == "" {
		opts.BuildID = im.buildID
	}
	return newData(im, opts), nil
}

func newData(im *image, opts Options) *Data {
	d := &Data{opts: opts, im: im, made: map[typeKey]*ctype.Type{}, cacheAbove: cacheAbove}
	d.sections, d.aranges = newSections(im, ""), im.sections["aranges"]
	return d
}

// Label implements ctype.Container.
func (d *Data) Label() string { return d.opts.Name }

// PointerSize implements ctype.Container: the ELF class's, in bytes.
func (d *Data) PointerSize() int { return d.im.addrSize }

// BuildID is the build-id in hex, "" if the file has none.
func (d *Data) BuildID() string { return d.opts.BuildID }

// ByteOrder is the order of the file's data.
func (d *Data) ByteOrder() binary.ByteOrder {
	if d.im.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (d *Data) context() context.Context {
	if d.opts.Context != nil {
		if ctx := d.opts.Context(); ctx != nil {
			return ctx
		}
	}
	return context.Background()
}

// ref names a DIE: its offset in .debug_info, or in .debug_types with inTypes, or
// in .debug_info of the supplementary file with inAlt.
type ref uint64

const (
	inTypes ref = 1 << 54
	inAlt   ref = 1 << 53
	maxRef      = inAlt - 1
)

func (r ref) offset() uint64 { return uint64(r &^ (inTypes | inAlt)) }

// place gives the section that holds a unit, and where.
func (h *header) place(d *Data) (s *section, off uint64) {
	switch sp := h.split; {
	case sp != nil && h.inTypes:
		return sp.secs.types, uint64(h.off - sp.base)
	case sp != nil:
		return sp.secs.info, uint64(h.off - sp.base)
	case h.inTypes:
		return d.types, h.off.offset()
	}
	return d.info, h.off.offset()
}

// infoSize is how much there is to read, bytes.
func (d *Data) infoSize() uint64 { return d.info.length() + d.split.bytes }
