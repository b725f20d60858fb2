package linuxdump

import (
	"cmp"
	"slices"

	"github.com/xmdb/xmdb/core/mem"
)

// piece is a range of addresses and where its bytes are in the file; err is why they
// are nowhere.
type piece struct {
	base, size uint64
	off        uint64
	err        error
}

func (p *piece) end() uint64 { return p.base + p.size }

// cutPiece splits a segment's range into what is in a file of size bytes, what is cut
// off with its end, and what the segment has no bytes for, of which why is the
// reason.
func cutPiece(out []piece, base uint64, p *progHeader, size uint64, why error) []piece {
	filesz, memsz := p.filesz, max(p.memsz, p.filesz)
	if top := -base; top != 0 { // nothing beyond the last address
		memsz = min(memsz, top)
	}
	filesz = min(filesz, memsz)
	have := uint64(0)
	if p.off < size {
		have = min(filesz, size-p.off)
	}
	if have > 0 {
		out = append(out, piece{base: base, size: have, off: p.off})
	}
	if filesz > have {
		out = append(out, piece{base: base + have, size: filesz - have, err: mem.ErrTruncated})
	}
	if memsz > filesz {
		out = append(out, piece{base: base + filesz, size: memsz - filesz, err: why})
	}
	return out
}

// arrange sorts pieces and gives them without overlap. What is in the file goes
// before what is missing; of two that are there the one that begins earlier, or is
// larger, goes first. Pieces that continue one another become one.
func arrange(in []piece) []piece {
	slices.SortStableFunc(in, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.base, b.base), cmp.Compare(b.size, a.size))
	})
	there := overlay(in, func(p *piece) bool { return p.err == nil })
	gone := overlay(in, func(p *piece) bool { return p.err != nil })
	if len(gone) == 0 {
		return there
	}
	return fillGaps(there, gone)
}

// overlay keeps the pieces that one wants, each from the end of those before it.
func overlay(in []piece, wanted func(*piece) bool) []piece {
	var out []piece
	for _, p := range in {
		if p.size == 0 || !wanted(&p) {
			continue
		}
		if n := len(out); n > 0 {
			last := &out[n-1]
			// The last byte, as the end of memory does not fit 64 bits.
			if lastByte := last.base + last.size - 1; p.base <= lastByte {
				if p.base+p.size-1 <= lastByte {
					continue
				}
				cut := lastByte - p.base + 1
				p.base, p.size, p.off = p.base+cut, p.size-cut, p.off+cut
			}
		}
		out = join(out, p)
	}
	return out
}

// join appends a piece, to the last one if it continues it.
func join(out []piece, p piece) []piece {
	if n := len(out); n > 0 {
		last := &out[n-1]
		if last.end() == p.base && last.err == p.err && (p.err != nil || last.off+last.size == p.off) {
			last.size += p.size
			return out
		}
	}
	return append(out, p)
}

// fillGaps puts the pieces of gone where there has nothing.
func fillGaps(there, gone []piece) []piece {
	var out []piece
	k := 0
	for _, g := range gone {
		for g.size > 0 {
			for k < len(there) && there[k].base+there[k].size-1 < g.base {
				out = join(out, there[k])
				k++
			}
			if k == len(there) || there[k].base > g.base+g.size-1 {
				out = join(out, g)
				break
			}
			t := &there[k]
			if t.base > g.base {
				out = join(out, piece{base: g.base, size: t.base - g.base, err: g.err})
			}
			past := t.base + t.size - g.base // of g, that t covers
			if past >= g.size {
				break
			}
			g.base, g.size = g.base+past, g.size-past
		}
	}
	for ; k < len(there); k++ {
		out = join(out, there[k])
	}
	return out
}

// bridge fills the gaps of a dump in which memory lies in blocks, in the order of its
// addresses, and segments lead to parts of them: QEMU's with virtual addresses. Where
// both sides of a gap lie equally far from their place in the file, so does what is
// between, for there is room in the file for nothing else.
func bridge(in []piece) []piece {
	var out []piece
	for _, p := range in {
		if n := len(out); n > 0 && p.err == nil && out[n-1].err == nil {
			last := &out[n-1]
			if p.off-p.base == last.off-last.base {
				last.size = p.end() - last.base
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

// space makes a Space of pieces of a file.
func space(pieces []piece, file mem.Space) *mem.Segments {
	segs := make([]mem.Segment, len(pieces))
	for i, p := range pieces {
		segs[i] = mem.Segment{Base: mem.Addr(p.base), Size: p.size, Off: mem.Addr(p.off), Err: p.err, Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec}
		if p.err == nil {
			segs[i].Src = file
		}
	}
	return mem.NewSegments(segs)
}

// rangesOf lists where pieces are that are there; those that touch are one.
func rangesOf(pieces []piece) []mem.Mapping {
	var out []mem.Mapping
	for _, p := range pieces {
		if p.err != nil {
			continue
		}
		if n := len(out); n > 0 && out[n-1].End() == mem.Addr(p.base) {
			out[n-1].Size += p.size
			continue
		}
		out = append(out, mem.Mapping{Base: mem.Addr(p.base), Size: p.size, Prot: mem.ProtRead | mem.ProtWrite | mem.ProtExec})
	}
	return out
}
