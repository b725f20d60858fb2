package mem

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// Segment is a range of addresses and where its bytes are.
type Segment struct {
	Base Addr
	Size uint64 // bytes
	Src  Space  // holds the bytes; nil: they are missing, because of Err
	Off  Addr   // address in Src of Base
	Err  error  // reason, if Src is nil; ErrNotDumped if not given
	Name string // as in Mapping
	File uint64 // offset of Base in the mapped file, bytes
	Prot Prot
}

// end is the last address of the segment; segments of size 0 are not kept.
func (s *Segment) last() Addr { return s.Base + Addr(s.Size-1) }

// Segments is a Space put together from segments in ascending order without
// overlap. Reads run across segments that touch.
type Segments struct {
	segs []Segment
	hit  atomic.Uint32 // index of the segment of the last read
}

// NewSegments makes a Space of list, in any order. Where segments overlap the
// one with the lower base wins, of equals the first in list; a segment that runs
// past the top of the address space is cut.
func NewSegments(list []Segment) *Segments {
	in := make([]Segment, 0, len(list))
	for _, s := range list {
		if s.Size == 0 {
			continue
		}
		if top := ^uint64(0) - uint64(s.Base); s.Size-1 > top {
			s.Size = top + 1
			if s.Size == 0 { // the whole of 2^64 does not fit Size
				s.Size = top
			}
		}
		if s.Src == nil && s.Err == nil {
			s.Err = ErrNotDumped
		}
		in = append(in, s)
	}
	slices.SortStableFunc(in, func(a, b Segment) int { return cmp.Compare(a.Base, b.Base) })
	out := in[:0]
	for _, s := range in {
		if len(out) > 0 {
			if prev := out[len(out)-1].last(); s.Base <= prev {
				if s.last() <= prev {
					continue
				}
				cut := uint64(prev-s.Base) + 1
				s.Base, s.Off, s.Size, s.File = s.Base+Addr(cut), s.Off+Addr(cut), s.Size-cut, s.File+cut
			}
		}
		out = append(out, s)
	}
	return &Segments{segs: slices.Clip(out)}
}

// find gives the index of the segment that holds a, or -1.
func (s *Segments) find(a Addr) int {
	if h := int(s.hit.Load()); h < len(s.segs) {
		if g := &s.segs[h]; uint64(a-g.Base) < g.Size {
			return h
		}
	}
	lo, hi := 0, len(s.segs)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.segs[mid].Base <= a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 || uint64(a-s.segs[lo-1].Base) >= s.segs[lo-1].Size {
		return -1
	}
	s.hit.Store(uint32(lo - 1))
	return lo - 1
}

// View implements Viewer.
func (s *Segments) View(a Addr, n int) []byte {
	i := s.find(a)
	if i < 0 {
		return nil
	}
	g := &s.segs[i]
	v, ok := g.Src.(Viewer)
	if !ok || uint64(a-g.Base)+uint64(n) > g.Size {
		return nil
	}
	return v.View(g.Off+(a-g.Base), n)
}

// ReadAt implements Space.
func (s *Segments) ReadAt(p []byte, a Addr) (int, error) {
	done := 0
	for done < len(p) {
		at := a + Addr(done)
		if at < a { // ran past the top of the address space
			return done, Fault(at, ErrUnmapped)
		}
		i := s.find(at)
		if i < 0 {
			return done, Fault(at, ErrUnmapped)
		}
		g := &s.segs[i]
		if g.Src == nil {
			return done, Fault(at, g.Err)
		}
		off := uint64(at - g.Base)
		n := len(p) - done
		if rest := g.Size - off; uint64(n) > rest {
			n = int(rest)
		}
		got, err := g.Src.ReadAt(p[done:done+n], g.Off+Addr(off))
		done += got
		if got < n {
			return done, Fault(a+Addr(done), reasonOr(err, ErrUnmapped))
		}
	}
	return done, nil
}

// WriteAt implements Writer where the segments' sources do.
func (s *Segments) WriteAt(p []byte, a Addr) (int, error) {
	done := 0
	for done < len(p) {
		at := a + Addr(done)
		i := s.find(at)
		if i < 0 || at < a {
			return done, Fault(at, ErrUnmapped)
		}
		g := &s.segs[i]
		if g.Src == nil {
			return done, Fault(at, g.Err)
		}
		w, ok := g.Src.(Writer)
		if !ok {
			return done, Fault(at, ErrReadOnly)
		}
		off := uint64(at - g.Base)
		n := int(min(uint64(len(p)-done), g.Size-off))
		got, err := w.WriteAt(p[done:done+n], g.Off+Addr(off))
		done += got
		if got < n {
			return done, Fault(a+Addr(done), reasonOr(err, ErrReadOnly))
		}
	}
	return done, nil
}

func reasonOr(err, otherwise error) error {
	if err == nil {
		return otherwise
	}
	return Reason(err)
}

// All gives the segments in ascending order. Callers must not change them.
func (s *Segments) All() []Segment { return s.segs }

// Mappings implements Mapper: pieces of one mapping that touch are one again.
func (s *Segments) Mappings() []Mapping {
	var out []Mapping
	for i := range s.segs {
		g := &s.segs[i]
		if n := len(out); n > 0 {
			m := &out[n-1]
			if m.End() == g.Base && m.Name == g.Name && m.Prot == g.Prot && m.Off+m.Size == g.File {
				m.Size += g.Size
				continue
			}
		}
		out = append(out, Mapping{Base: g.Base, Size: g.Size, Name: g.Name, Off: g.File, Prot: g.Prot})
	}
	return out
}
