package glibc

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core/mem"
)

// markFree finds the chunks that wait in fastbins and tcaches, which their headers
// show as in use.
func (h *Heap) markFree() {
	for _, a := range h.Arenas {
		for i := range nFastbins {
			first := binary.LittleEndian.Uint64(a.state[stFastbins+8*i:])
			h.markList(first, Fast, tcClass(i), "fastbin", a.Addr+stFastbins+8*uint64(i))
		}
	}
	var tcaches []Chunk
	h.All(func(c Chunk) bool {
		if c.State == InUse && h.isTcache(c) {
			tcaches = append(tcaches, c)
		}
		return true
	})
	for _, c := range tcaches {
		h.markTcache(c)
	}
}

// tcacheEntries gives the counts and entries of a tcache; ok is false if the chunk
// has not the size of one.
func (h *Heap) tcacheEntries(c Chunk) (counts [tcBins]uint64, entries [tcBins]uint64, ok bool) {
	var b [tcSize]byte
	width := 2
	switch c.Size {
	case tcSize + header:
	case tcOldSize + header:
		width = 1
	default:
		return
	}
	n := tcBins*width + tcBins*8
	if mem.ReadFull(h.space, b[:n], mem.Addr(c.User())) != nil {
		return
	}
	for i := range tcBins {
		counts[i] = mem.Uint(b[i*width:(i+1)*width], binary.LittleEndian)
		entries[i] = binary.LittleEndian.Uint64(b[tcBins*width+8*i:])
	}
	return counts, entries, true
}

// isTcache tells whether a chunk is a thread's tcache: of the right size, with a
// chunk of the bin's class wherever there is an entry and nowhere else. One that
// holds nothing cannot be told from other empty memory and has nothing to mark.
func (h *Heap) isTcache(c Chunk) bool {
	if c.Size != tcSize+header && c.Size != tcOldSize+header {
		return false // asked of every chunk: no arrays for most
	}
	counts, entries, ok := h.tcacheEntries(c)
	if !ok {
		return false
	}
	any := false
	for i := range tcBins {
		if (counts[i] == 0) != (entries[i] == 0) || counts[i] > tcMaxCount {
			return false
		}
		if entries[i] == 0 {
			continue
		}
		r, at := h.at(entries[i] - header)
		if at < 0 || h.size(r, at) != tcClass(i) {
			return false
		}
		any = true
	}
	return any
}

func (h *Heap) markTcache(c Chunk) {
	_, entries, _ := h.tcacheEntries(c)
	for i, e := range entries {
		if e != 0 {
			h.markList(e-header, Cached, tcClass(i), "tcache bin", c.User())
		}
	}
}

// markList follows a list of freed chunks from the chunk first. Links are
// addresses of chunks in a fastbin, of what malloc returned in a tcache.
func (h *Heap) markList(first uint64, state State, class uint64, what string, from uint64) {
	for at, n := first, 0; at != 0; n++ {
		r, i := h.at(at)
		switch {
		case i < 0:
			h.fault(at, "%s at %#x leads here, which is no chunk", what, from)
			return
		case stateOf(h.chunks[i]) == state || n > maxBinWalk:
			h.fault(at, "%s at %#x comes to this chunk twice", what, from)
			return
		case stateOf(h.chunks[i]) != InUse:
			h.fault(at, "%s at %#x leads to a chunk that is %v", what, from, stateOf(h.chunks[i]))
			return
		case h.size(r, i) != class:
			h.fault(at, "%s at %#x for chunks of %#x bytes leads to one of %#x", what, from, class, h.size(r, i))
			return
		}
		h.chunks[i] |= uint64(state)
		next, err := h.link(at+header, state)
		if err != nil {
			h.fault(at, "%s at %#x: cannot read link: %v", what, from, mem.Reason(err))
			return
		}
		at = next
	}
}

// link reads the link at a and gives the chunk it leads to, 0 at the end of a
// list. A link in the clear is a chunk or 0; otherwise it is protected by the page
// number of where it stands.
func (h *Heap) link(a uint64, state State) (uint64, error) {
	raw, err := h.word(a)
	if err != nil {
		return 0, err
	}
	toChunk := func(p uint64) uint64 {
		if state == Cached && p != 0 {
			return p - header
		}
		return p
	}
	if raw == 0 {
		return 0, nil
	}
	if c := toChunk(raw); c%alignment == 0 {
		if _, i := h.at(c); i >= 0 {
			return c, nil
		}
	}
	return toChunk(raw ^ a>>12), nil
}
