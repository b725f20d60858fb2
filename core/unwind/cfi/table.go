package cfi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
)

// maxCache bounds the cached CIEs and FDEs of a table, maxCacheBytes what bytes
// the FDEs hold that are not part of a section in memory.
const (
	maxCache      = 1 << 13
	maxCacheBytes = 8 << 20
)

// Config is what a Table is made of. Any section may be absent.
type Config struct {
	EHFrame    Section
	EHFrameHdr Section
	DebugFrame Section
	Text, Data uint64 // VA of .text and .got: bases of relative pointers
	PtrSize    int    // bytes: 2, 4 or 8
	Order      binary.ByteOrder
}

// Table is the call frame information of one load object.
type Table struct {
	eh, debug  frames
	hdr        *header
	text, data uint64
	ptrSize    int
	order      binary.ByteOrder
	fdes       map[fdeKey]*FDE
	held       int // bytes of fdes
}

type fdeKey struct {
	off   uint64
	debug bool
}

// indexEntry is the range of an FDE.
type indexEntry struct{ start, end, off uint64 }

// New makes a table. It parses the header of .eh_frame_hdr and nothing else; if
// that is not usable, .eh_frame is searched without it.
func New(cfg Config) (*Table, error) {
	if s := cfg.PtrSize; s != 2 && s != 4 && s != 8 {
		return nil, fmt.Errorf("open call frame information: pointer size %d: %w", s, ErrUnsupported)
	}
	if cfg.Order == nil {
		return nil, fmt.Errorf("open call frame information: no byte order: %w", ErrUnsupported)
	}
	t := &Table{text: cfg.Text, data: cfg.Data, ptrSize: cfg.PtrSize, order: cfg.Order,
		eh: frames{Section: cfg.EHFrame}, debug: frames{Section: cfg.DebugFrame, debug: true}}
	if !cfg.EHFrameHdr.Empty() && !cfg.EHFrame.Empty() {
		if h, err := t.parseHeader(cfg.EHFrameHdr); err == nil {
			h.frames = cfg.EHFrame.Addr
			t.hdr = h
		}
	}
	return t, nil
}

// FromMemory makes a table of an object of which only the memory is at hand, from
// the address of its .eh_frame_hdr (its PT_GNU_EH_FRAME). read fills p from a VA
// or fails.
func FromMemory(read func(p []byte, addr uint64) error, hdr uint64, ptrSize int, order binary.ByteOrder) (*Table, error) {
	t, err := New(Config{PtrSize: ptrSize, Order: order})
	if err != nil {
		return nil, err
	}
	h, err := t.parseHeader(Section{Addr: hdr, R: memReader{read, hdr}})
	if err != nil {
		return nil, fmt.Errorf("open .eh_frame_hdr at %#x: %w", hdr, err)
	}
	t.hdr = h
	t.eh.Section = Section{Addr: h.frames, R: memReader{read, h.frames}}
	return t, nil
}

// Lookup finds the FDE that covers pc, in .eh_frame first. The error is of kind
// ErrNoFDE if there is none, together with what kept the search from being
// complete.
func (t *Table) Lookup(pc uint64) (*FDE, error) {
	var errs []error
	for _, f := range []*frames{&t.eh, &t.debug} {
		if f.Empty() {
			continue
		}
		d, err := t.find(f, pc)
		if d != nil {
			return d, nil
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return nil, errors.Join(append(errs, fmt.Errorf("%#x: %w", pc, ErrNoFDE))...)
}

// Row is Lookup and FDE.Row.
func (t *Table) Row(pc uint64) (*Row, error) {
	d, err := t.Lookup(pc)
	if err != nil {
		return nil, err
	}
	return d.Row(pc)
}

// find looks for pc in one section; nil without an error if it is not there.
func (t *Table) find(f *frames, pc uint64) (*FDE, error) {
	if !f.debug && t.hdr != nil && t.hdr.count > 0 {
		off, ok, err := t.hdr.search(pc)
		if err == nil && !ok {
			return nil, nil
		}
		if err == nil {
			if d, err := t.at(f, off); err == nil {
				if d.Covers(pc) {
					return d, nil
				}
				return nil, nil
			}
		}
	}
	t.makeIndex(f)
	i := sort.Search(len(f.index), func(i int) bool { return f.index[i].start > pc })
	// Ranges seldom overlap; where they do, the nearest few starts are enough.
	for n := 0; n < 8 && i > 0; n++ {
		i--
		if pc < f.index[i].end {
			return t.at(f, f.index[i].off)
		}
	}
	return nil, f.err
}

// at gives the FDE at an offset.
func (t *Table) at(f *frames, off uint64) (*FDE, error) {
	key := fdeKey{off, f.debug}
	if d := t.fdes[key]; d != nil {
		return d, nil
	}
	e, err := t.entry(f, off)
	if err != nil {
		return nil, err
	}
	if e.end || e.isCIE {
		return nil, fmt.Errorf("no FDE at %#x: %w", off, ErrMalformed)
	}
	d, err := t.fde(f, &e)
	if err != nil {
		return nil, err
	}
	if t.fdes == nil || len(t.fdes) >= maxCache || t.held > maxCacheBytes {
		t.fdes, t.held = map[fdeKey]*FDE{}, 0
	}
	if !d.inMemory {
		t.held += len(d.prog)
	}
	t.fdes[key] = d
	return d, nil
}

// makeIndex reads the ranges of all FDEs of a section, once.
func (t *Table) makeIndex(f *frames) {
	if f.done {
		return
	}
	f.done = true
	err := t.scan(f, func(d *FDE, err error) bool {
		if err != nil {
			f.err = err
			return true
		}
		if d.End > d.Start {
			f.index = append(f.index, indexEntry{d.Start, d.End, d.Off})
		}
		if len(f.index) >= maxIndex {
			f.err = fmt.Errorf("index: %w", ErrLimit)
			return false
		}
		return true
	})
	if err != nil {
		f.err = err
	}
	sort.SliceStable(f.index, func(i, j int) bool { return f.index[i].start < f.index[j].start })
}

// scan visits every FDE of a section in its order. An entry that cannot be read
// is visited with its error; an error that hides where the next one starts ends
// the scan.
func (t *Table) scan(f *frames, visit func(*FDE, error) bool) error {
	if f.Empty() {
		return nil
	}
	if err := f.load(); err != nil {
		return err
	}
	for off := uint64(0); off+4 <= f.size(); {
		e, err := t.entry(f, off)
		if e.end && f.Data == nil {
			return nil
		}
		if err != nil {
			if e.next <= off || e.next > f.size() || f.Data == nil {
				return err
			}
			if !visit(nil, err) {
				return nil
			}
		} else if !e.end && !e.isCIE {
			if d, err := t.fde(f, &e); !visit(d, err) {
				return nil
			}
		}
		off = e.next
	}
	return nil
}

// FDEs visits every FDE of .eh_frame, then of .debug_frame, in the order of the
// sections; one that cannot be read is visited as an error. The result is what
// ended it early, if anything did.
func (t *Table) FDEs(visit func(*FDE, error) bool) error {
	more := true
	for _, f := range []*frames{&t.eh, &t.debug} {
		if !more {
			break
		}
		err := t.scan(f, func(d *FDE, err error) bool {
			more = visit(d, err)
			return more
		})
		if err != nil {
			return err
		}
	}
	return nil
}
