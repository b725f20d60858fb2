package paging

import (
	"encoding/binary"
	"iter"

	"github.com/xmdb/xmdb/core/mem"
)

// DefaultMaxTables is how many tables Pages reads: those of 512 GB in pages of 4 KB.
const DefaultMaxTables = 1 << 18

// maxMappings bounds what Mappings gives.
const maxMappings = 1 << 20

// Pages gives what is mapped in [lo, hi], ascending by address, one page (4K, 2M,
// 4M, 1G) at a time. A table that cannot be read, or one that is on the way to itself,
// is an *Error at its first address, after which the rest follows; after MaxTables
// tables the last is ErrTooMany. The bounds are the first and the last address.
func (t *Table) Pages(lo, hi uint64) iter.Seq2[Translation, error] {
	return func(yield func(Translation, error) bool) {
		if t.levels == 0 {
			if lo < 1<<32 {
				yield(Translation{PageSize: 1 << 32, Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec, User: true}, nil)
			}
			return
		}
		s := scan{t: t, lo: lo, hi: hi, left: t.max, yield: yield}
		s.table(t.levels, t.root, Translation{Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec, User: true})
	}
}

// scan is a run of Pages.
type scan struct {
	t      *Table
	lo, hi uint64
	left   int
	way    [6]uint64 // physical addresses of the tables on the way, by level
	bufs   [6][]byte
	yield  func(Translation, error) bool
}

// table scans a table of which up is what leads there: VA is its first address. It
// gives false when the scan is to end.
func (s *scan) table(level int, pa uint64, up Translation) bool {
	m := s.t.mode
	if s.left--; s.left < 0 {
		s.yield(up, &Error{VA: up.VA, Level: level, Entry: pa, Err: ErrTooMany})
		return false
	}
	raw, err := s.load(level, pa)
	if err != nil {
		return s.yield(up, &Error{VA: up.VA, Level: level, Entry: pa, Err: err})
	}
	s.way[level] = pa
	size := m.EntrySize()
	span := uint64(1) << m.shift(level)
	for i := 0; i*size+size <= len(raw); i++ {
		va := s.t.extend(up.VA + uint64(i)*span)
		if va+(span-1) < s.lo {
			continue
		}
		if va > s.hi {
			break
		}
		if e := mem.Uint(raw[i*size:i*size+size], binary.LittleEndian); e&Present != 0 && !s.entry(level, i, va, e, up) {
			return false
		}
	}
	return true
}

// entry follows a present entry.
func (s *scan) entry(level, index int, va, raw uint64, up Translation) bool {
	next, page, err := s.t.step(level, raw)
	at := Entry{Level: level, Table: s.way[level], Index: index, Raw: raw}
	if err != nil {
		return s.yield(up, &Error{VA: va, Level: level, Entry: at.Addr(s.t.mode), Raw: raw, Err: err})
	}
	tr := Translation{VA: va, PA: next, PageSize: 1 << s.t.mode.shift(level), Prot: up.Prot, User: up.User}
	s.t.restrict(&tr, level, raw)
	if page {
		return s.yield(tr, nil)
	}
	for l := level; l <= s.t.levels; l++ {
		if s.way[l] == next {
			return s.yield(tr, &Error{VA: va, Level: level, Entry: at.Addr(s.t.mode), Raw: raw, Err: ErrLoop})
		}
	}
	return s.table(level-1, next, tr)
}

// load gives the bytes of a table, in a buffer of its level.
func (s *scan) load(level int, pa uint64) ([]byte, error) {
	m := s.t.mode
	n := m.entries(level) * m.EntrySize()
	if s.bufs[level] == nil {
		s.bufs[level] = make([]byte, n)
	}
	b := s.bufs[level]
	if level == s.t.levels && s.t.top != nil {
		clear(b)
		for i, e := range s.t.top[:min(len(s.t.top), m.entries(level))] {
			mem.PutUint(b[i*m.EntrySize():][:m.EntrySize()], e, binary.LittleEndian)
		}
		return b, nil
	}
	if err := mem.ReadFull(s.t.phys, b, mem.Addr(pa)); err != nil {
		return nil, mem.Reason(err)
	}
	return b, nil
}

// extend makes an address that was put together from indices one of the mode.
func (t *Table) extend(va uint64) uint64 {
	if !t.mode.Long() || t.levels < t.mode.Levels() {
		return va
	}
	s := 64 - t.mode.VABits()
	return uint64(int64(va<<s) >> s)
}

// Mappings are the mapped ranges, ascending, pages with the same protection that touch
// being one. What could not be read is left out; Pages tells of it.
func (t *Table) Mappings() []mem.Mapping {
	var out []mem.Mapping
	for tr, err := range t.Pages(0, ^uint64(0)) {
		if err != nil {
			continue
		}
		if n := len(out); n > 0 && out[n-1].End() == mem.Addr(tr.VA) && out[n-1].Prot == tr.Prot {
			out[n-1].Size += tr.PageSize
			continue
		}
		if len(out) == maxMappings {
			break
		}
		out = append(out, mem.Mapping{Base: mem.Addr(tr.VA), Size: tr.PageSize, Prot: tr.Prot})
	}
	return out
}

// Mappings implements mem.Mapper.
func (s *Space) Mappings() []mem.Mapping { return s.t.Mappings() }
