package dwarf

import (
	"encoding/binary"
	"fmt"
)

// gdbIndex is .gdb_index, versions 7 to 9 (GDB manual, appendix "Index Section
// Format"). All of it is little-endian. Version 9 has one more table, of what main
// is, which is not needed.
type gdbIndex struct {
	s        *section
	units    table // u64 offset, u64 length
	types    table // u64 offset of the unit, u64 of the type in it, u64 signature
	slots    table // u32 offset of the name, u32 of the vector of units, both in the pool
	pool     uint64
	inTypes  bool // type units are in .debug_types
	poolSize uint64
}

// table is a part of a section with entries of one size, bytes.
type table struct {
	off   uint64
	n     uint64
	width uint64
}

// newGDBIndex reads the header.
func newGDBIndex(s *section, inTypes bool) (*gdbIndex, error) {
	h, err := s.upTo(0, 32)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if len(h) < 28 {
		return nil, fmt.Errorf("%w: .gdb_index of %d bytes", errAccel, len(h))
	}
	version := le.Uint32(h)
	if version < 7 || version > 9 {
		return nil, errAccelVersion // older ones have other hashes, newer ones are not known
	}
	offs := make([]uint64, 0, 6)
	for i := 4; i < 24 || version == 9 && i < 28; i += 4 {
		offs = append(offs, uint64(le.Uint32(h[i:])))
	}
	offs = append(offs, s.size)
	for i := 1; i < len(offs); i++ {
		if offs[i] < offs[i-1] {
			return nil, fmt.Errorf("%w: tables of .gdb_index overlap", errAccel)
		}
	}
	x := &gdbIndex{s: s, inTypes: inTypes, pool: offs[len(offs)-2]}
	x.poolSize = s.size - x.pool
	x.units = table{offs[0], (offs[1] - offs[0]) / 16, 16}
	x.types = table{offs[1], (offs[2] - offs[1]) / 24, 24}
	x.slots = table{offs[3], (offs[4] - offs[3]) / 8, 8}
	if x.slots.n&(x.slots.n-1) != 0 {
		return nil, fmt.Errorf("%w: .gdb_index has a table of %d names", errAccel, x.slots.n)
	}
	return x, nil
}

// entry reads an entry of a table.
func (x *gdbIndex) entry(t table, i uint64) ([]byte, error) {
	if i >= t.n {
		return nil, fmt.Errorf("%w: .gdb_index has no entry %d of %d", errAccel, i, t.n)
	}
	return x.s.bytes(t.off+i*t.width, t.width)
}

// Kinds of symbols, bits 28 to 30 of an element of a vector of units.
const (
	gdbKindType     = 1
	gdbKindVariable = 2
	gdbUnitMask     = 1<<24 - 1
	gdbMaxVector    = 1 << 22 // bytes
)

// candidates implements nameIndex. The index does not tell tags.
func (x *gdbIndex) candidates(name string, kind accelKind, _ func(tag) bool) ([]ref, error) {
	if x.slots.n == 0 || !isASCII(name) {
		return nil, nil
	}
	le := binary.LittleEndian
	h := uint64(foldedHash(name, 0, func(h uint32, c byte) uint32 { return h*67 + uint32(c) - 113 }))
	mask := x.slots.n - 1
	step := h*17&mask | 1
	slot := h & mask
	for range x.slots.n {
		b, err := x.entry(x.slots, slot)
		if err != nil {
			return nil, err
		}
		at, vector := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:]))
		if at == 0 && vector == 0 {
			return nil, nil
		}
		if at >= x.poolSize || vector >= x.poolSize {
			return nil, fmt.Errorf("%w: .gdb_index has a name outside its strings", errAccel)
		}
		s, err := x.s.str(x.pool + at)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errAccel, err)
		}
		if s == name {
			return x.vector(vector, kind)
		}
		slot = (slot + step) & mask
	}
	return nil, nil
}

// vector reads the units of a name.
func (x *gdbIndex) vector(at uint64, kind accelKind) ([]ref, error) {
	le := binary.LittleEndian
	b, err := x.s.bytes(x.pool+at, 4)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAccel, err)
	}
	n := 4 * uint64(le.Uint32(b))
	if n > gdbMaxVector || n > x.poolSize-at {
		return nil, fmt.Errorf("%w: .gdb_index has a name in %d units", errAccel, n/4)
	}
	if b, err = x.s.bytes(x.pool+at+4, n); err != nil {
		return nil, fmt.Errorf("%w: %w", errAccel, err)
	}
	want := uint32(gdbKindType)
	if kind == accelVariable {
		want = gdbKindVariable
	}
	var out []ref
	for ; len(b) > 0; b = b[4:] {
		v := le.Uint32(b)
		if v>>28&7 != want {
			continue
		}
		r, err := x.unit(uint64(v & gdbUnitMask))
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// unit gives the offset of a unit by its number: type units come after the others.
func (x *gdbIndex) unit(i uint64) (ref, error) {
	t, in := x.units, ref(0)
	if i >= t.n {
		i, t = i-t.n, x.types
		if x.inTypes {
			in = inTypes
		}
	}
	b, err := x.entry(t, i)
	if err != nil {
		return 0, err
	}
	off := binary.LittleEndian.Uint64(b)
	if off > uint64(maxRef) {
		return 0, fmt.Errorf("%w: .gdb_index has a unit at %#x", errAccel, off)
	}
	return ref(off) | in, nil
}
