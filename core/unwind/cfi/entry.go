package cfi

import (
	"fmt"

	"github.com/xmdb/xmdb/core/unwind/cursor"
)

// CIE is a common information entry: what many FDEs share.
type CIE struct {
	Off          uint64 // in the section
	Version      int
	Augmentation string
	AddrSize     int // bytes
	CodeAlign    uint64
	DataAlign    int64
	RA           uint64 // DWARF number of the column that is the return address
	Signal       bool   // 'S': its frames were interrupted, not called from
	BKey         bool   // 'B': return addresses are signed with arm64's key B
	Personality  Pointer

	segSize int
	hasSize bool // 'z': augmentation data have a length
	fdeEnc  byte
	lsdaEnc byte
	prog    []byte
	progVA  uint64

	ran     bool  // prog was run:
	initial state // what it left,
	initErr error // or why it failed
}

// FDE is a frame description entry: one range of code.
type FDE struct {
	Off        uint64 // in the section
	CIE        *CIE
	Start, End uint64 // [Start, End)
	LSDA       Pointer
	Debug      bool // from .debug_frame

	table    *Table
	prog     []byte
	progVA   uint64
	inMemory bool // prog is part of the section's own bytes
}

// Covers tells whether pc is in the FDE's range.
func (f *FDE) Covers(pc uint64) bool { return pc >= f.Start && pc < f.End }

// frames is one of the two sections.
type frames struct {
	Section
	debug bool // .debug_frame
	cies  map[uint64]cieResult
	index []indexEntry
	done  bool  // index was made
	err   error // what ended it early
}

// cieResult is a cached CIE. Failures are cached, too: a hostile table may have
// thousands of FDEs that refer to one long CIE that cannot be read.
type cieResult struct {
	cie *CIE
	err error
}

// entry is a CIE or FDE before it is known which it is.
type entry struct {
	off, next uint64 // offsets in the section of this entry and the next
	isCIE     bool
	cie       uint64 // offset of an FDE's CIE
	body      []byte // what follows the CIE id or pointer
	bodyVA    uint64
	end       bool // a terminator: length 0
}

// entry reads the entry at an offset.
func (t *Table) entry(f *frames, off uint64) (entry, error) {
	e := entry{off: off}
	b, err := f.bytes(off, 4)
	if err != nil {
		return e, err
	}
	length, head, wide := uint64(t.order.Uint32(b)), uint64(4), false
	if length == 0xffffffff {
		if b, err = f.bytes(off+4, 8); err != nil {
			return e, err
		}
		length, head, wide = t.order.Uint64(b), 12, true
	} else if length >= 0xfffffff0 {
		return e, fmt.Errorf("entry at %#x: reserved length %#x: %w", off, length, ErrMalformed)
	}
	e.next = off + head + length
	if length == 0 {
		e.end = true
		return e, nil
	}
	if size := f.size(); length > size || off+head > size-length {
		return e, fmt.Errorf("entry at %#x: length %#x exceeds the section: %w", off, length, ErrMalformed)
	}
	if length > maxEntry {
		return e, fmt.Errorf("entry at %#x: length %#x: %w", off, length, ErrLimit)
	}
	if b, err = f.bytes(off+head, length); err != nil {
		return e, err
	}
	n, err := t.identify(f, &e, b, off+head, wide)
	if err != nil {
		return e, fmt.Errorf("entry at %#x: %w", off, err)
	}
	e.body, e.bodyVA = b[n:], f.Addr+off+head+n
	return e, nil
}

// identify reads the CIE id or CIE pointer, which is at idOff, and gives its width.
func (t *Table) identify(f *frames, e *entry, b []byte, idOff uint64, wide bool) (uint64, error) {
	c := cursor.New(b, t.order)
	var id uint64
	switch {
	case f.debug && wide:
		id = c.U64()
		e.isCIE = id == ^uint64(0)
	case f.debug:
		id = uint64(c.U32())
		e.isCIE = id == 0xffffffff
	case wide && len(b) >= 8 && t.order.Uint64(b)>>32 == 0 && !t.bigEndian():
		id = c.U64()
	default:
		id = uint64(c.U32())
	}
	if c.Err() != nil {
		return 0, fmt.Errorf("too short for an id: %w", ErrMalformed)
	}
	if f.debug {
		e.cie = id
		return uint64(c.Pos()), nil
	}
	e.isCIE = id == 0
	if id > idOff {
		return 0, fmt.Errorf("CIE pointer %#x is before the section: %w", id, ErrMalformed)
	}
	e.cie = idOff - id
	return uint64(c.Pos()), nil
}

func (t *Table) bigEndian() bool { return t.order.Uint16([]byte{0, 1}) == 1 }

// cie gives the CIE at an offset.
func (t *Table) cie(f *frames, off uint64) (*CIE, error) {
	if r, ok := f.cies[off]; ok {
		return r.cie, r.err
	}
	ci, err := t.readCIE(f, off)
	if f.cies == nil || len(f.cies) >= maxCache {
		f.cies = map[uint64]cieResult{}
	}
	f.cies[off] = cieResult{ci, err}
	return ci, err
}

func (t *Table) readCIE(f *frames, off uint64) (*CIE, error) {
	e, err := t.entry(f, off)
	if err != nil {
		return nil, err
	}
	if e.end || !e.isCIE {
		return nil, fmt.Errorf("no CIE at %#x: %w", off, ErrMalformed)
	}
	if len(e.body) > maxCIE {
		return nil, fmt.Errorf("CIE at %#x: %d bytes: %w", off, len(e.body), ErrLimit)
	}
	ci, err := t.parseCIE(&e)
	if err != nil {
		return nil, fmt.Errorf("CIE at %#x: %w", off, err)
	}
	return ci, nil
}

func (t *Table) parseCIE(e *entry) (*CIE, error) {
	c := cursor.New(e.body, t.order)
	ci := &CIE{Off: e.off, AddrSize: t.ptrSize, lsdaEnc: peOmit, Personality: Pointer{Null: true}}
	ci.Version = int(c.U8())
	if v := ci.Version; v != 1 && v != 3 && v != 4 {
		return nil, fmt.Errorf("version %d: %w", v, ErrUnsupported)
	}
	ci.Augmentation = c.CString()
	if ci.Version == 4 {
		ci.AddrSize, ci.segSize = int(c.U8()), int(c.U8())
		if s := ci.AddrSize; s != 2 && s != 4 && s != 8 {
			return nil, fmt.Errorf("address size %d: %w", s, ErrUnsupported)
		}
	}
	if ci.Augmentation == "eh" {
		c.Bytes(uint64(ci.AddrSize))
	}
	ci.CodeAlign = c.ULEB()
	ci.DataAlign = c.SLEB()
	if ci.Version == 1 {
		ci.RA = uint64(c.U8())
	} else {
		ci.RA = c.ULEB()
	}
	if err := t.augmentation(ci, &c, e.bodyVA); err != nil {
		return nil, err
	}
	if c.Err() != nil {
		return nil, fmt.Errorf("%v: %w", c.Err(), ErrMalformed)
	}
	ci.progVA = e.bodyVA + uint64(c.Pos())
	ci.prog = c.Rest()
	return ci, nil
}

// augmentation reads a CIE's augmentation data. Letters that are not known end
// it: 'z' says how much to skip.
func (t *Table) augmentation(ci *CIE, c *cursor.Cursor, va uint64) error {
	aug := ci.Augmentation
	if aug == "" || aug == "eh" {
		return nil
	}
	after := 0
	if aug[0] == 'z' {
		n := c.ULEB()
		after = c.Pos() + int(min(n, maxEntry))
		ci.hasSize, aug = true, aug[1:]
	}
	for i := 0; i < len(aug) && c.Err() == nil; i++ {
		switch aug[i] {
		case 'R':
			ci.fdeEnc = c.U8()
		case 'L':
			ci.lsdaEnc = c.U8()
		case 'P':
			p, err := pointer(c, c.U8(), ci.AddrSize, t.bases(va, 0))
			if err != nil {
				return fmt.Errorf("personality: %w", err)
			}
			ci.Personality = p
		case 'S':
			ci.Signal = true
		case 'B':
			ci.BKey = true
		case 'G':
		default:
			if !ci.hasSize {
				return fmt.Errorf("augmentation %q: %w", ci.Augmentation, ErrUnsupported)
			}
			i = len(aug)
		}
	}
	if ci.hasSize {
		c.Seek(after)
	}
	return nil
}

func (t *Table) bases(start, fn uint64) bases {
	return bases{start: start, text: t.text, data: t.data, fn: fn}
}

// fde makes the FDE of an entry.
func (t *Table) fde(f *frames, e *entry) (*FDE, error) {
	ci, err := t.cie(f, e.cie)
	if err != nil {
		return nil, fmt.Errorf("FDE at %#x: %w", e.off, err)
	}
	d := &FDE{Off: e.off, CIE: ci, Debug: f.debug, table: t, LSDA: Pointer{Null: true},
		inMemory: f.Data != nil}
	if err := t.parseFDE(d, e); err != nil {
		return nil, fmt.Errorf("FDE at %#x: %w", e.off, err)
	}
	return d, nil
}

func (t *Table) parseFDE(d *FDE, e *entry) error {
	ci := d.CIE
	c := cursor.New(e.body, t.order)
	c.Bytes(uint64(ci.segSize))
	start, err := pointer(&c, ci.fdeEnc, ci.AddrSize, t.bases(e.bodyVA, 0))
	if err != nil {
		return err
	}
	if start.Indirect {
		return fmt.Errorf("indirect start address: %w", ErrUnsupported)
	}
	length, err := form(&c, ci.fdeEnc, ci.AddrSize)
	if err != nil {
		return err
	}
	length = truncate(length, ci.AddrSize)
	d.Start, d.End = start.Addr, start.Addr+length
	if d.End < d.Start {
		return fmt.Errorf("range wraps: %w", ErrMalformed)
	}
	if ci.hasSize {
		n := c.ULEB()
		after := c.Pos() + int(min(n, maxEntry))
		if ci.lsdaEnc != peOmit && n > 0 {
			if d.LSDA, err = pointer(&c, ci.lsdaEnc, ci.AddrSize, t.bases(e.bodyVA, d.Start)); err != nil {
				return fmt.Errorf("LSDA: %w", err)
			}
		}
		c.Seek(after)
	}
	if c.Err() != nil {
		return fmt.Errorf("%v: %w", c.Err(), ErrMalformed)
	}
	d.progVA = e.bodyVA + uint64(c.Pos())
	d.prog = c.Rest()
	return nil
}
