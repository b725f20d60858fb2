package glibc

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/out"
)

var statsTable = &core.Table{
	Head: "%<u>%?s %8s %12s %8s %12s %8s %8s %12s %12s%</u>\n",
	Line: "%?p %8llu %12llu %8llu %12llu %8llu %8llu %12llu %12llu\n",
	Type: "struct malloc_state",
	Cols: []core.Field{
		{Name: "arena", Head: "ARENA", Descr: "address; 0 for chunks mapped by themselves"},
		{Name: "in_use", Head: "INUSE", Descr: "chunks in use"}, {Name: "in_use_bytes", Head: "BYTES", Descr: "bytes in them, with headers"},
		{Name: "freed", Head: "FREED", Descr: "chunks in bins"}, {Name: "freed_bytes", Head: "BYTES", Descr: "bytes in them"},
		{Name: "fastbin", Head: "FAST", Descr: "chunks in fastbins"}, {Name: "tcache", Head: "TCACHE", Descr: "chunks in tcaches"},
		{Name: "top", Head: "TOP", Descr: "bytes never yet used"}, {Name: "system", Head: "SYSTEM", Descr: "bytes taken from the system"},
	},
}

type stats struct{ n, bytes [6]uint64 }

func (h *Heap) stats() map[*Arena]*stats {
	m := map[*Arena]*stats{}
	h.All(func(c Chunk) bool {
		s := m[c.Arena]
		if s == nil {
			s = &stats{}
			m[c.Arena] = s
		}
		s.n[c.State]++
		s.bytes[c.State] += c.Size
		return true
	})
	return m
}

func runStats(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	h, err := Of(c)
	if err != nil {
		return err
	}
	m := h.stats()
	found := false
	for _, a := range h.Arenas {
		if c.HasAddr && a.Addr != c.Addr {
			continue
		}
		found = true
		s := m[a]
		if s == nil {
			s = &stats{}
		}
		c.Row(out.Hex(a.Addr), s.n[InUse], s.bytes[InUse], s.n[Free], s.bytes[Free], s.n[Fast], s.n[Cached], s.bytes[Top], a.SystemMem)
	}
	if s := m[nil]; s != nil && !c.HasAddr && !c.PipeOut {
		c.Row(out.Hex(0), s.n[Mapped], s.bytes[Mapped], uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), s.bytes[Mapped])
	}
	if c.HasAddr && !found {
		return fmt.Errorf("%#x is no arena of malloc", c.Addr)
	}
	return nil
}

// runCheck prints what reading the heap found wrong, and what the headers and bins
// say that cannot be.
func runCheck(c *core.Ctx) error {
	if len(c.Args) != 0 {
		return core.ErrUsage
	}
	h, err := Of(c)
	if err != nil {
		return err
	}
	// What reading found stays with the heap; what is found now is of this command.
	now := *h
	now.Faults = slices.Clone(h.Faults)
	if err := now.checkFreed(c); err != nil {
		return err
	}
	if now.checkBins(c); c.Err() != nil {
		return core.ErrIntr
	}
	for _, f := range now.Faults {
		c.Record(func() { c.Printf("%p: %s\n", f.Addr, f.Text) },
			out.Field{Name: "addr", Value: out.Hex(f.Addr)}, out.Field{Name: "fault", Value: f.Text})
	}
	if len(now.Faults) > 0 {
		return core.ErrFailed
	}
	if !c.Opts.JSON {
		c.Printf("no corruption found in %d chunks of %d arenas\n", len(h.chunks), len(h.Arenas))
	}
	return nil
}

// checkFreed compares the size behind each freed chunk with its own.
func (h *Heap) checkFreed(c *core.Ctx) error {
	n := 0
	h.All(func(ch Chunk) bool {
		n++
		if n&0xffff == 0 && c.Err() != nil {
			return false
		}
		if ch.State != Free {
			return true
		}
		behind, err := h.word(ch.Addr + ch.Size)
		switch {
		case err != nil:
			h.fault(ch.Addr, "cannot read the size behind this freed chunk: %v", core.Reason(err))
		case behind != ch.Size:
			h.fault(ch.Addr, "freed chunk of %#x bytes, but %#x stands behind it", ch.Size, behind)
		}
		return true
	})
	if c.Err() != nil {
		return core.ErrIntr
	}
	return nil
}

// checkBins follows the doubly linked lists of every arena's bins, until ctx ends.
func (h *Heap) checkBins(ctx context.Context) {
	for _, a := range h.Arenas {
		for i := range nBins {
			h.checkBin(ctx, a, i)
		}
	}
}

func (h *Heap) checkBin(ctx context.Context, a *Arena, bin int) {
	head := binHead(a.Addr, bin)
	at := binary.LittleEndian.Uint64(a.state[stBins+16*bin:])
	before := head
	seen := map[uint64]bool{}
	for at != head && (len(seen)&0xfff != 0 || ctx.Err() == nil) {
		r, i := h.at(at)
		if i < 0 || stateOf(h.chunks[i]) != Free {
			h.fault(before, "bin %d of arena %#x leads to %#x, which is no freed chunk", bin+1, a.Addr, at)
			return
		}
		if seen[at] {
			h.fault(at, "bin %d of arena %#x comes to this chunk twice", bin+1, a.Addr)
			return
		}
		if r.Arena != a {
			h.fault(at, "bin %d of arena %#x holds a chunk of another arena", bin+1, a.Addr)
		}
		seen[at] = true
		fd, err := h.word(at + 16)
		bk, err2 := h.word(at + 24)
		if err != nil || err2 != nil {
			h.fault(at, "cannot read the links of this freed chunk")
			return
		}
		if bk != before {
			h.fault(at, "bin %d of arena %#x: back link is %#x, not %#x", bin+1, a.Addr, bk, before)
		}
		before, at = at, fd
	}
}
