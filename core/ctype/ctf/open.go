package ctf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/xmdb/xmdb/core/ctype"
)

// Errors of opening a container, worded as the CTF library of MDB words them.
var (
	ErrFormat     = errors.New("File is not in CTF or ELF format")
	ErrVersion    = errors.New("File uses more recent CTF version than libctf")
	ErrCorrupt    = errors.New("File data structure corruption detected")
	ErrNoCTF      = errors.New("File does not contain CTF data")
	ErrDecompress = errors.New("Failed to decompress CTF data")
	ErrNoParent   = errors.New("Type information is in parent and unavailable")
	ErrBadID      = errors.New("Invalid type identifier")
	ErrNoSymtab   = errors.New("Symbol table information is not available")
)

const (
	headerSize = 36
	magic      = 0xcff1
	flagZlib   = 1

	maxBody = 256 << 20 // no object has that much type data; a kernel has 3 MB
)

// layout is what the versions of the format differ in.
type layout struct {
	idSize    int    // bytes of a type id and of the info word
	typeSize  int    // short type record
	sentinel  uint32 // size that says the size follows
	bigStruct uint64 // from this size on members have 64-bit offsets
	kindShift uint
	rootBit   uint32
	vlenMask  uint32
	childBit  uint32
	gnu       bool // of binutils: see gnu.go
}

var (
	version2 = layout{2, 8, 0xffff, 8192, 11, 1 << 10, 1<<10 - 1, 0x8000, false}
	version3 = layout{4, 12, 0xffffffff, 1 << 29, 26, 1 << 25, 1<<25 - 1, 0x80000000, false}
)

// Options are what a container needs from outside itself.
type Options struct {
	Label       string // name of the object, for messages
	PointerSize int    // bytes; 0 means 8
	Strtab      []byte // string table of the symbol table, for external names
	Symbols     []Symbol
	Parent      *File // for a child container
	// Symtab gives Symbols and Strtab when they are first needed; it is called once
	// and only if Symbols is nil. nil: there are no others.
	Symtab func() (symbols []Symbol, strtab []byte)
}

// Symbol is an entry of the symbol table that a container's object and function
// sections follow. Symbols[0] is the null symbol, as in ELF.
type Symbol struct {
	Name  string
	Value uint64
	Info  byte // ELF st_info
	Shndx uint16
}

// File is one CTF container. It implements ctype.Scope and ctype.SymbolTyper.
type File struct {
	label   string
	ptrSize int
	lay     *layout
	order   binary.ByteOrder
	parent  *File
	child   bool

	parentName, parentLabel string

	objt, fn, types []byte // sections
	gnu             gnuSections
	strs, ext       []byte
	labels          []byte

	offs []uint32 // of type id i+1 in types

	mu    sync.Mutex
	nodes []*ctype.Type // by index-1, made when asked for

	namesOnce sync.Once
	names     [4]map[string]uint32 // by tag: others, struct, union, enum
	ptrs      map[uint32]uint32    // type id to the id of the pointer to it

	symbols []Symbol
	symtab  func() ([]Symbol, []byte)
	tabOnce sync.Once
	symOnce sync.Once
	symOff  []int32 // by symbol index: offset in its section, or -1
	symName map[string]uint32
}

// Open reads a container from the bytes of a CTF section.
func Open(data []byte, o Options) (*File, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("read CTF header: %w", ErrNoCTF)
	}
	f := &File{label: o.Label, ptrSize: o.PointerSize, parent: o.Parent, ext: o.Strtab, symbols: o.Symbols}
	if o.Symbols == nil {
		f.symtab = o.Symtab
	}
	if f.ptrSize == 0 {
		f.ptrSize = 8
	}
	data, err := member(data)
	if err != nil {
		return nil, err
	}
	switch {
	case binary.LittleEndian.Uint16(data) == magic, isGNU(data, binary.LittleEndian):
		f.order = binary.LittleEndian
	case binary.BigEndian.Uint16(data) == magic, isGNU(data, binary.BigEndian):
		f.order = binary.BigEndian
	default:
		return nil, ErrFormat
	}
	if isGNU(data, f.order) {
		return f, f.openGNU(data)
	}
	switch data[2] {
	case 2:
		f.lay = &version2
	case 3:
		f.lay = &version3
	default:
		return nil, ErrVersion
	}
	if err := f.sections(data); err != nil {
		return nil, err
	}
	return f, f.index()
}

// sections splits the container and checks that the sections follow each other.
func (f *File) sections(data []byte) error {
	if len(data) < headerSize {
		return fmt.Errorf("read CTF header: %w", ErrCorrupt)
	}
	var h [8]uint32 // parlabel parname lbl objt func type str strlen
	for i := range h {
		h[i] = f.order.Uint32(data[4+4*i:])
	}
	lbl, objt, fn, typ, str, strLen := h[2], h[3], h[4], h[5], h[6], h[7]
	size := uint64(str) + uint64(strLen)
	if lbl > objt || objt > fn || fn > typ || typ > str || size > maxBody ||
		lbl%4 != 0 || objt%2 != 0 || fn%2 != 0 || typ%4 != 0 {
		return fmt.Errorf("read CTF header: %w", ErrCorrupt)
	}
	body, err := bodyOf(data, headerSize, size)
	if err != nil {
		return err
	}
	f.labels, f.objt, f.fn, f.types = body[lbl:objt], body[objt:fn], body[fn:typ], body[typ:str]
	if err := f.strings(body[str:size], h[0], h[1]); err != nil {
		return err
	}
	if f.parent != nil && (f.parent.child || f.parent.lay != f.lay) {
		f.parent = nil
	}
	return nil
}

// bodyOf gives what follows the header, decompressed.
func bodyOf(data []byte, header int, size uint64) ([]byte, error) {
	body := data[header:]
	if data[3]&flagZlib != 0 {
		return inflate(body, int(size))
	}
	if uint64(len(body)) < size {
		return nil, fmt.Errorf("read CTF body: %w", ErrCorrupt)
	}
	return body, nil
}

// strings takes the string table, and from it the names of the parent.
func (f *File) strings(tab []byte, parentLabel, parentName uint32) error {
	f.strs = tab
	if len(f.strs) > 0 && (f.strs[0] != 0 || f.strs[len(f.strs)-1] != 0) {
		return fmt.Errorf("read CTF strings: %w", ErrCorrupt)
	}
	f.parentLabel, f.parentName = f.str(parentLabel), f.str(parentName)
	f.child = parentName != 0
	return nil
}

// inflate decompresses exactly size bytes. The buffer grows with what comes out,
// not with what the header promises.
func inflate(z []byte, size int) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(z))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDecompress, err)
	}
	var b bytes.Buffer
	b.Grow(min(size, 16*len(z)))
	n, err := io.Copy(&b, io.LimitReader(r, int64(size)))
	if n < int64(size) {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%w: %w", ErrDecompress, err)
	}
	return b.Bytes(), nil
}

// str gives the string a reference names; "" for a bad one.
func (f *File) str(ref uint32) string {
	tab := f.strs
	if ref>>31 != 0 {
		f.loadSymtab()
		tab, ref = f.ext, ref&^(1<<31)
	}
	if uint64(ref) >= uint64(len(tab)) {
		return ""
	}
	s := tab[ref:]
	i := bytes.IndexByte(s, 0)
	if i < 0 {
		return ""
	}
	return string(s[:i])
}

// loadSymtab asks for the symbol table that was left for later.
func (f *File) loadSymtab() {
	if f.symtab == nil {
		return
	}
	f.tabOnce.Do(func() { f.symbols, f.ext = f.symtab() })
}

// Label implements ctype.Container.
func (f *File) Label() string { return f.label }

// PointerSize implements ctype.Container.
func (f *File) PointerSize() int { return f.ptrSize }

// ParentName is the name of the container whose types this one's refer to, ""
// if it stands alone.
func (f *File) ParentName() string { return f.parentName }

// ParentLabel is the label in the parent up to which its types were known.
func (f *File) ParentLabel() string { return f.parentLabel }

// Import gives a child container its parent.
func (f *File) Import(parent *File) error {
	if !f.child || parent == nil || parent.child || parent.lay != f.lay {
		return fmt.Errorf("import parent of %s: %w", f.label, ErrNoParent)
	}
	f.parent = parent
	return nil
}

// Labels are the container's labels, oldest first: the version of the source it
// was made from.
func (f *File) Labels() []string {
	var all []string
	for b := f.labels; len(b) >= 8; b = b[8:] {
		all = append(all, f.str(f.order.Uint32(b)))
	}
	return all
}
