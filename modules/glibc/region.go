package glibc

import (
	"encoding/binary"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/mem"
)

// readArenaRegions reads the chunks of an arena.
func (h *Heap) readArenaRegions(c *core.Ctx, a *Arena, maps []mem.Mapping) {
	if a.Main {
		h.readMain(c, a, maps)
		return
	}
	heap := a.Top &^ (heapMax - 1)
	infoSize := a.Addr - a.Addr&^(heapMax-1)
	for n := 0; heap != 0; n++ {
		if n > maxHeaps {
			h.fault(heap, "the list of the arena's heaps does not end")
			return
		}
		var info [24]byte
		if err := mem.ReadFull(h.space, info[:], mem.Addr(heap)); err != nil {
			h.fault(heap, "cannot read heap_info: %v", core.Reason(err))
			return
		}
		le := binary.LittleEndian
		if ar := le.Uint64(info[hiArena:]); ar != a.Addr {
			h.fault(heap, "heap_info names arena %#x, not %#x", ar, a.Addr)
			return
		}
		start := heap + infoSize
		if heap == a.Addr&^(heapMax-1) {
			start = (a.Addr + stSize + alignment - 1) &^ (alignment - 1)
		}
		h.readRegion(c, a, start, heap+min(le.Uint64(info[hiSize:]), heapMax))
		prev := le.Uint64(info[hiPrev:])
		if prev%heapMax != 0 || prev == heap {
			h.fault(heap, "link %#x to the arena's previous heap is no heap", prev)
			return
		}
		heap = prev
	}
}

// readMain reads the main arena's chunks: those of the mapping its top lies in.
// The first chunk is where a walk from leads to top exactly: as a rule at the
// start of the mapping.
func (h *Heap) readMain(c *core.Ctx, a *Arena, maps []mem.Mapping) {
	var m *mem.Mapping
	for i := range maps {
		if maps[i].Contains(mem.Addr(a.Top)) {
			m = &maps[i]
		}
	}
	if m == nil {
		h.fault(a.Top, "top of the main arena is not mapped")
		return
	}
	base := uint64(m.Base)
	const page, near = 4096, 1 << 20
	rd := reader{space: h.space}
	for start := base; start < a.Top && c.Err() == nil; {
		if h.leadsTo(c, &rd, start, a.Top) {
			h.readRegion(c, a, start, uint64(m.End()))
			return
		}
		// What a static program has for its threads comes first, and under qemu all
		// of the program's data.
		if start < base+near {
			start += alignment
		} else {
			start += page
		}
	}
	h.fault(base, "no run of chunks leads from the start of the heap to its top: reading what there is")
	h.readRegion(c, a, base, uint64(m.End()))
}

// leadsTo tells whether sizes lead from a chunk to another.
func (h *Heap) leadsTo(c *core.Ctx, rd *reader, at, to uint64) bool {
	if at < rd.base || at+minChunk > rd.base+uint64(len(rd.buf)) {
		rd.buf, rd.base = rd.buf[:0], 0
	}
	for n := 0; at < to && n < maxChunks; n++ {
		size, ok := rd.size(at)
		if !ok || n&0xffff == 0 && c.Err() != nil {
			return false
		}
		at += size
	}
	return at == to
}

// reader reads the sizes of chunks in ascending order through a buffer.
type reader struct {
	space mem.Space
	buf   []byte
	base  uint64
	raw   uint64 // size word of the last chunk, with its flags
}

const readerBuf = 1 << 20

func (rd *reader) word(a uint64) (uint64, bool) {
	if a < rd.base || a+8 > rd.base+uint64(len(rd.buf)) {
		if cap(rd.buf) == 0 {
			rd.buf = make([]byte, readerBuf)
		}
		// Few bytes first: most walks that begin at a wrong place end at once.
		want := readerBuf
		if rd.base == 0 {
			want = 4096
		}
		n, _ := rd.space.ReadAt(rd.buf[:want], mem.Addr(a))
		rd.buf, rd.base = rd.buf[:n], a
		if n < 8 {
			return 0, false
		}
	}
	return binary.LittleEndian.Uint64(rd.buf[a-rd.base:]), true
}

// size gives a chunk's size if it can be one.
func (rd *reader) size(chunk uint64) (uint64, bool) {
	raw, ok := rd.word(chunk + 8)
	rd.raw = raw
	size := raw &^ sizeFlags
	return size, ok && size >= minChunk && size%alignment == 0 && size < maxChunk && raw&isMmapped == 0
}

// readRegion reads the chunks from start on, up to the arena's top, a fencepost or
// end.
func (h *Heap) readRegion(c *core.Ctx, a *Arena, start, end uint64) {
	r := &Region{Start: start, End: start, Arena: a, first: len(h.chunks)}
	rd := reader{space: h.space}
	at := start
	for at < end && len(h.chunks) < maxChunks {
		if (len(h.chunks)-r.first)&0xffff == 0 && c.Err() != nil {
			break
		}
		size, ok := rd.size(at)
		if at == a.Top {
			if ok {
				h.chunks = append(h.chunks, at|uint64(Top))
				at += size
			} else {
				h.fault(at, "top chunk has size %#x", rd.raw)
			}
			break
		}
		if !ok {
			if rd.raw&^sizeFlags != fencepost && rd.raw&^sizeFlags != 0 {
				h.fault(at, "chunk has size %#x: the walk of its region ends here", rd.raw)
			}
			break
		}
		if size > end-at {
			h.fault(at, "chunk has size %#x, which reaches past the end of its region at %#x", rd.raw, end)
			break
		}
		// The flag of this chunk tells of the one before it.
		if n := len(h.chunks); n > r.first && rd.raw&prevInUse == 0 {
			h.chunks[n-1] |= uint64(Free)
		}
		h.chunks = append(h.chunks, at)
		at += size
	}
	r.End, r.last = at, len(h.chunks)
	if r.last > r.first {
		h.Regions = append(h.Regions, r)
	}
}

// readMapped finds the chunks that were mapped by themselves: anonymous memory
// that begins with the header of one, perhaps several in a row.
func (h *Heap) readMapped(maps []mem.Mapping) {
	for _, m := range maps {
		if m.Name != "" && m.Name != "[anon]" || m.Prot&mem.ProtWrite == 0 || m.Prot&mem.ProtExec != 0 {
			continue
		}
		r := &Region{Start: uint64(m.Base), first: len(h.chunks)}
		at := uint64(m.Base)
		for at < uint64(m.End()) {
			raw, err := h.word(at + 8)
			size := raw &^ sizeFlags
			if err != nil || raw&sizeFlags != isMmapped || size == 0 || size%4096 != 0 || size > uint64(m.End())-at {
				break
			}
			h.chunks = append(h.chunks, at|uint64(Mapped))
			at += size
		}
		r.End, r.last = at, len(h.chunks)
		if r.last > r.first {
			h.Regions = append(h.Regions, r)
		}
	}
}
